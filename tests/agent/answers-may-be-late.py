#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers come when they are ready, logins are shared, and nobody waits for who has gone."""
import json
import os
import struct
import subprocess

import protocol_client as protocol
from stage import ECDSA_SHA256, Later, Stage, Tap, error_of, programs, wait_for

# A locked token; logins wait until there is a file, then end as it says.
LOCKED = """
import threading
host.ready()
host.token(spki=SPKI, flags=LOGIN_REQUIRED | INITIALIZED, private=False)
host.scanned()
waiting = {}

def answer(request):
    verdict = ''
    while not verdict and request.id in waiting:
        time.sleep(0.01)
        if request.fds:
            verdict = os.read(request.fds[0], 100).decode()
        elif os.path.exists(host.play + '.verdict'):
            verdict = open(host.play + '.verdict').read()
    if request.id not in waiting:
        return
    del waiting[request.id]
    if verdict == 'right':
        host.state(1, LOGIN_REQUIRED | INITIALIZED | UNLOCKED)
        host.done(request)
    elif verdict == 'locked':
        host.failed(request, LOCKED_CODE, 'nobody can be asked')
    else:
        host.failed(request, PIN_INCORRECT, 'the token refused the PIN')

def handle(request):
    if request.kind == SIGN:
        host.note('sign')
        host.signed(request)
    elif request.kind == LOGIN:
        how, on_request, program = request.login()
        host.note(f'login {how} {on_request}')
        host.note('with ' + ' '.join(name for name in ('DISPLAY', 'LD_PRELOAD') if blob(name) in request.body))
        waiting[request.id] = True
        threading.Thread(target=answer, args=[request], daemon=True).start()
    elif request.kind == CANCEL:
        host.note('cancel')
        number = struct.unpack('>I', request.body)[0]
        if waiting.pop(number, None):
            host.send(FAILED, number, struct.pack('>HI', CANCELLED, 0) + blob('cancelled'))
    else:
        host.note('logout')
        host.state(1, LOGIN_REQUIRED | INITIALIZED | HELD)
        host.done(request)

host.serve(handle)
"""

STUCK = """
host.ready()
host.token(spki=SPKI)
host.scanned()
host.serve(lambda request: (host.note('logout'), host.failed(request, 22, 'it does not log out')))
"""

BACKWARDS = """
host.ready()
host.token(spki=SPKI)
host.scanned()
kept = []

def handle(request):
    kept.append(request)
    while len(kept) == 3:
        for one in reversed(kept):
            host.signed(one, one.data())
        kept.clear()

host.serve(handle)
"""

SLOW = """
host.ready()
while not os.path.exists(host.play + '.go'):
    time.sleep(0.01)
host.token(spki=SPKI)
host.scanned()
host.sign_all()
"""

# Pulled while it is asked; the answer that comes after is of a token that is no more.
PULLED = """
host.ready()
host.token(spki=SPKI)
host.scanned()

def handle(request):
    if request.kind != SIGN or request.slot == 2:
        host.note(f'{request.kind} of {request.slot}')
        return host.signed(request) if request.kind == SIGN else host.done(request)
    host.send(TOKEN_GONE, 0, u32(1))
    if EARLY:
        host.token(slot=2, spki=SPKI)
    host.failed(request, CODE, 'the last words')
    if not EARLY:
        host.token(slot=2, spki=SPKI)

host.serve(handle)
"""

# Pulled each time that it is asked, for ever.
FICKLE = """
host.ready()
host.token(spki=SPKI)
host.scanned()

def handle(request):
    if request.kind != SIGN:
        return host.done(request)
    host.note('asked')
    host.send(TOKEN_GONE, 0, u32(request.slot))
    host.token(slot=request.slot + 1, spki=SPKI)
    host.failed(request, LOCKED_CODE, 'the last words')

host.serve(handle)
"""

# Pulled, and not noticed but by who asks.
GONE_UNSAID = """
host.ready()
host.token(spki=SPKI)
host.scanned()

def handle(request):
    if request.kind == SIGN:
        host.note('asked')
    host.failed(request, 20, 'it is not there')

host.serve(handle)
"""

# It shows the token of another module's host, too.
TWIN = """
host.ready()
host.token(spki=SPKI)
host.scanned()
host.sign_all()
"""

# It ends when it is asked.
DYING = """
host.ready()
host.token(spki=SPKI)
host.scanned()
host.serve(lambda request: os._exit(1))
"""

# Pulled and put back, or locked and unlocked, and told in one breath at a refresh.
BREATH = """
import types
host.ready()
host.token(spki=SPKI)
host.scanned()

def handle(request):
    told, way = [], host.socket
    host.socket = types.SimpleNamespace(sendall=told.append)
    if PULLED:
        host.send(TOKEN_GONE, 0, u32(1))
        host.token(slot=2, spki=SPKI)
    else:
        host.state(1, LOGIN_REQUIRED | INITIALIZED)
        host.state(1, LOGIN_REQUIRED | INITIALIZED | UNLOCKED)
    host.done(request)
    host.socket = way
    host.raw(b''.join(told))

host.serve(handle)
"""

# It ends while a person is asked whether it may sign; the next one takes its time to begin.
REPLACED = """
host.ready()
while host.starts > 1 and not os.path.exists(host.play + '.go'):
    time.sleep(0.01)
host.token(spki=SPKI)
host.scanned()
host.sign_all()
"""

# Says that a yes was given, once there is the file.
PROMPT = """#!/usr/bin/env python3
import os, sys, time
sys.stdin.buffer.read()
open({folder!r} + '/asked', 'w').close()
while not os.path.exists({folder!r} + '/yes'):
    time.sleep(0.01)
sys.stdout.buffer.write(bytes(1))
"""


def with_prompt(stage):
    stage.prompt = stage.path("prompt")
    stage.prompt.write_text(PROMPT.format(folder=str(stage.folder)))
    stage.prompt.chmod(0o700)


def watch(stage):
    """A running `countersign watch --json`, which has begun."""
    process = stage.start([programs.CLI, "watch", "--json"], stage.path("watch.log"),
                          stdout=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline())["event"] == "watching"
    return process


def sign(client, identity):
    return client.sign(identity.id, ECDSA_SHA256, b"message")


def decide(stage, verdict):
    path = stage.path("slow.play.verdict")
    scratch = stage.path("verdict")
    scratch.write_text(verdict)
    scratch.rename(path)


def begin(stage, play=LOCKED, settings="", **others):
    stage.path("slow.play.verdict").unlink(missing_ok=True)
    stage.play(settings, slow=play, **others)
    client = stage.client()
    return client, client.identities()[0]


def logins(stage):
    return [line for line in stage.record("slow") if line.startswith("login")]


def main():
    tap = Tap()
    with Stage() as stage:
        tap.diagnose = stage.diagnose

        with tap.case("the first question waits until the hosts have reported"):
            stage.play(slow=SLOW)
            asked = Later(lambda: stage.client().identities())
            assert stage.client().status().modules[0].state == "starting"
            assert asked.is_alive()
            stage.path("slow.play.go").touch()
            assert len(asked.result()) == 1

        with tap.case("replies come in the order in which the host gives them"):
            client, key = begin(stage, BACKWARDS)
            bodies = [bytes([number]) * 32 for number in range(3)]
            ids = [client.post(protocol.SIGN, protocol.blob(key.id) + protocol.u16(ECDSA_SHA256) +
                               protocol.u8(1) + protocol.blob(body)) for body in bodies]
            replies = [client.receive() for _ in ids]
            assert [reply[1] for reply in replies] == ids[::-1]
            assert [reply[2][4:] for reply in replies] == bodies[::-1]

        with tap.case("more than 64 requests under way: BUSY, and the rest is answered"):
            client, key = begin(stage)
            body = (protocol.blob(key.id) + protocol.u16(ECDSA_SHA256) + protocol.u8(0) +
                    protocol.blob(b"x"))
            ids = [client.post(protocol.SIGN, body) for _ in range(70)]
            refused = [client.receive() for _ in range(6)]
            assert [reply[1] for reply in refused] == ids[64:]
            assert all(struct.unpack(">H", reply[2][:2])[0] == 8 for reply in refused)
            decide(stage, "right")
            assert sorted(client.receive()[1] for _ in range(64)) == ids[:64]
            assert logins(stage) == ["login 0 0"]

        with tap.case("five programs want a locked token: one login, then five signatures"):
            client, key = begin(stage)
            signers = [Later(sign, stage.client(), key) for _ in range(5)]
            wait_for(lambda: logins(stage), "a login")
            decide(stage, "right")
            assert [signer.result() for signer in signers] == [b"signature"] * 5
            assert logins(stage) == ["login 0 0"] and stage.record("slow").count("sign") == 5

        with tap.case("of a program's variables a login takes along what prompts need, and nothing else"):
            client, key = begin(stage)
            decide(stage, "right")
            environment = [("LD_PRELOAD", "/x"), ("DISPLAY", ":5")]
            assert sign(protocol.Client(stage.socket, environment=environment), key) == b"signature"
            assert "with DISPLAY" in stage.record("slow"), stage.record("slow")

        with tap.case("nobody can be asked: LOCKED, and how to unlock"):
            client, key = begin(stage)
            decide(stage, "locked")
            name, text = error_of(sign, client, key)
            assert name == "LOCKED" and "token 'corp' is locked: run 'countersign unlock corp'" in text
            name, text = error_of(client.unlock, "corp")
            assert name == "LOCKED" and "nobody can be asked" in text
            assert logins(stage) == ["login 0 0", "login 0 1"]

        with tap.case("all who wait hear of a wrong PIN"):
            client, key = begin(stage)
            signers = [Later(error_of, sign, stage.client(), key) for _ in range(3)]
            wait_for(lambda: logins(stage), "a login")
            decide(stage, "wrong")
            assert all(signer.result()[0] == "PIN_INCORRECT" for signer in signers)
            assert logins(stage) == ["login 0 0"]

        with tap.case("the last one who waits for a login goes: it is cancelled"):
            client, key = begin(stage)
            one, two = stage.client(), stage.client()
            for waiter in (one, two):
                waiter.post(protocol.SIGN, protocol.blob(key.id) + protocol.u16(ECDSA_SHA256) +
                            protocol.u8(0) + protocol.blob(b"x"))
                waiter.status()  # so the agent has read what was posted before
            wait_for(lambda: logins(stage), "a login")
            one.close()
            stage.client().status()
            assert "cancel" not in stage.record("slow")
            two.close()
            wait_for(lambda: "cancel" in stage.record("slow"), "the cancellation")

        with tap.case("a PIN that is handed over takes the place of a dialog"):
            client, key = begin(stage)
            signer = Later(sign, stage.client(), key)
            wait_for(lambda: logins(stage), "a login")
            assert client.unlock_with("corp", "right") == ["corp"]
            assert signer.result() == b"signature"
            assert logins(stage) == ["login 0 0", "login 1 1"]

        with tap.case("a wrong one does not end the dialog for the others"):
            client, key = begin(stage)
            signer = Later(sign, stage.client(), key)
            wait_for(lambda: logins(stage), "a login")
            name, _ = error_of(client.unlock_with, "corp", "wrong")
            assert name == "PIN_INCORRECT"
            assert logins(stage) == ["login 0 0", "login 1 1"]
            decide(stage, "right")
            assert signer.result() == b"signature"

        with tap.case("a person who unlocks is asked although a program came first"):
            client, key = begin(stage)
            signer = Later(error_of, sign, stage.client(), key)
            wait_for(lambda: logins(stage), "a login")
            unlocker = Later(error_of, client.unlock, "corp")
            stage.client().status()
            decide(stage, "locked")
            assert signer.result()[0] == "LOCKED" and unlocker.result()[0] == "LOCKED"
            assert logins(stage) == ["login 0 0", "login 0 1"]

        with tap.case("LOCK ends a login under way"):
            client, key = begin(stage)
            signer = Later(error_of, sign, stage.client(), key)
            wait_for(lambda: logins(stage), "a login")
            assert client.lock() == ["corp"]
            assert signer.result()[0] == "CANCELLED"
            assert client.tokens()[0].flags & 128

        for name in ("", "corp"):
            with tap.case(f"LOCK {name} does not wait for a host that has not reported".replace("  ", " ")):
                stage.path("slow.play.go").unlink(missing_ok=True)
                stage.play(quick=LOCKED, slow=SLOW)
                client = stage.client()
                wait_for(lambda: "start" in stage.record("quick") and stage.module("quick").state == "running",
                         "the token")
                client.post(protocol.LOCK, protocol.string(name))
                client.status()  # so the agent has read it
                client.close()
                wait_for(lambda: "logout" in stage.record("quick"), "the lock")
                assert stage.module("slow").state == "starting"
                locker = Later(stage.client().lock, name)
                wait_for(lambda: stage.record("quick").count("logout") == 2, "the lock again")
                stage.path("slow.play.go").touch()
                assert len(locker.result()) == 2, "the slow one's token is locked, too"

        with tap.case("a token that cannot be locked keeps none of a slow host from being locked"):
            stage.path("slow.play.go").unlink()
            noting = "host.serve(lambda request: (host.note('logout'), host.done(request)))"
            stage.play(stuck=STUCK, slow=SLOW.replace("host.sign_all()", noting))
            wait_for(lambda: "start" in stage.record("stuck") and stage.module("stuck").state == "running", "the token")
            locker = Later(error_of, stage.client().lock, "")
            wait_for(lambda: "logout" in stage.record("stuck"), "the lock")
            stage.path("slow.play.go").touch()
            assert locker.result()[0] == "MODULE_FAILED"
            wait_for(lambda: "logout" in stage.record("slow"), "the slow one's lock")

        with tap.case("a token that is unlocked already needs no login"):
            client, key = begin(stage)
            decide(stage, "right")
            assert client.unlock() == ["corp"] and client.unlock("corp") == ["corp"]
            assert client.unlock() == []
            assert logins(stage) == ["login 0 1"]

        with tap.case("a host that dies during a login fails all who wait"):
            client, key = begin(stage)
            signers = [Later(error_of, sign, stage.client(), key) for _ in range(3)]
            wait_for(lambda: logins(stage), "a login")
            os.kill(stage.module("slow").pid, 9)
            assert all(signer.result()[0] == "MODULE_FAILED" for signer in signers)

        for code, name in ((13, "LOCKED"), (11, "NOT_FOUND"), (24, "KEY_MISMATCH"), (20, "TOKEN_ABSENT")):
            for early in (False, True):
                with tap.case(f"a token goes, says {name}, and is back {'before' if early else 'after'} that"):
                    client, key = begin(stage, f"CODE, EARLY = {code}, {early}\n{PULLED}",
                                        "[agent]\nwait-for-token = 1m")
                    assert sign(client, key) == b"signature"
                    assert stage.record("slow") == ["start", "259 of 2"], stage.record("slow")

        for code, name in ((13, "LOCKED"), (11, "NOT_FOUND"), (20, "TOKEN_ABSENT")):
            with tap.case(f"a token goes, says {name}, and another module shows it by the same number"):
                client, key = begin(stage, f"CODE, EARLY = {code}, False\n{PULLED}".replace("slot=2", "slot=7"),
                                    twin=TWIN)
                assert sign(client, key) == b"signature"
                assert stage.record("slow") == ["start"], stage.record("slow")

        for wait in ("none", "1h"):
            with tap.case(f"a token is found gone, which its host says later, and another module shows it: {wait}"):
                client, key = begin(stage, GONE_UNSAID, f"[agent]\nwait-for-token = {wait}", twin=TWIN)
                assert sign(client, key) == b"signature"
                assert stage.record("slow").count("asked") == 1

        with tap.case("two modules find it gone: each is asked once"):
            client, key = begin(stage, GONE_UNSAID, twin=GONE_UNSAID)
            name, text = error_of(sign, client, key)
            assert name == "TOKEN_ABSENT" and "insert token 'corp'" in text, text
            assert [stage.record(one).count("asked") for one in ("slow", "twin")] == [1, 1]

        with tap.case("a host ends, and another module shows its token"):
            client, key = begin(stage, DYING, twin=TWIN)
            assert sign(client, key) == b"signature"

        with tap.case("a token that goes each time that it is asked is not asked for ever"):
            client, key = begin(stage, FICKLE)
            name, text = error_of(sign, client, key)
            assert name == "LOCKED" and "token 'corp'" in text, text
            assert stage.record("slow").count("asked") < 50

        for pulled, expected in ((True, ["token-removed", "token-added"]),
                                 (False, ["token-locked", "token-unlocked"])):
            with tap.case(f"what is over as soon as it is heard of is told: {', '.join(expected)}"):
                begin(stage, f"PULLED = {pulled}\n{BREATH}")
                watcher = watch(stage)
                assert stage.cli("refresh").returncode == 0
                seen = [json.loads(watcher.stdout.readline())["event"] for _ in expected]
                assert seen == expected, seen
                stage.stop(watcher)

        with tap.case("a host that is replaced while a person is asked signs when it is back"):
            with_prompt(stage)
            stage.path("slow.play.go").unlink(missing_ok=True)
            _, key = begin(stage, REPLACED, '[rule "ask"]\nidentity = key\nsign = data\nconsent = always')
            asker = protocol.Client(stage.socket, environment=[("DISPLAY", ":99")])
            signer = Later(sign, asker, key)
            wait_for(stage.path("asked").exists, "a question")
            os.kill(stage.module("slow").pid, 9)
            wait_for(lambda: stage.record("slow").count("start") == 2, "the next host")
            stage.path("yes").touch()
            wait_for(lambda: "may sign" in stage.log(), "the answer")
            stage.path("slow.play.go").touch()
            assert signer.result() == b"signature"

        with tap.case("clients that go away with requests under way leave nothing behind"):
            client, key = begin(stage, BACKWARDS)
            for _ in range(20):
                stage.client().post(protocol.SIGN, protocol.blob(key.id) +
                                    protocol.u16(ECDSA_SHA256) + protocol.u8(0) + protocol.blob(b"x"))
            wait_for(lambda: client.status().clients == 1, "the clients' end")
            assert stage.stop_agent() == 0
            assert "left in it" not in stage.log()
    tap.done()


main()
