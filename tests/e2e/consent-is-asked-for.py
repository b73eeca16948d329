#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who hands over a bare hash is asked about: once however many wait, and no answer is a no."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import threading
import time

import programs
import protocol_client as protocol
from fixture import Fixture
from tap import Tap, skip_all

ECDSA, RSA, ED25519 = 0x0403, 0x0401, 0x0807
DIGEST = hashlib.sha256(b"x").digest()
DISPLAY = [("DISPLAY", ":99")]


def wait(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"never came: {what}")
        time.sleep(0.01)


class Signer(threading.Thread):
    """A program that signs a hash, or a message; `result` is "signed" or the error."""

    def __init__(self, s, environment=None, message=None, client=None, key="alice"):
        super().__init__(daemon=True)
        self.client = client or protocol.Client(s.agent.socket, environment=DISPLAY if environment is None else environment)
        self.client.socket.settimeout(60)
        self.key, chain = self.client.resolve(key, 1)
        self.message, self.text, self.result = message, "", None
        if callable(message):
            self.message = message(chain[0])
        self.start()

    def run(self):
        try:
            if self.message is None:
                self.client.sign(self.key.id, ECDSA, DIGEST, 1)
            else:
                self.client.sign(self.key.id, ECDSA, self.message)
            self.result = "signed"
        except protocol.AgentError as why:
            self.result, self.text = why.name, why.text
        except (protocol.Closed, OSError) as why:
            self.result = type(why).__name__

    def end(self):
        self.join(60)
        assert not self.is_alive(), "nobody answered"
        return self.result


class Scene:
    """An agent of its own with an unlocked token, and a person who answers as told."""

    def __init__(self, f, token, *answers, **options):
        self.f, self.token = f, token
        self.pinentry = f.pinentry(*answers)
        self.agent = f.agent(pinentry=self.pinentry, **options)

    def __enter__(self):
        self.agent.unlock(self.token)
        return self

    def __exit__(self, *_):
        self.agent.stop()

    def sign(self, **options):
        signer = Signer(self, **options)
        signer.end()
        return signer

    def asked(self):
        return self.pinentry.questions("CONFIRM")

    def json(self, *arguments):
        return self.agent.cli(*arguments, "--json", check=True).stdout

    def log(self, event):
        self.json("status")  # a signature goes before its line
        lines = [json.loads(line) for line in self.json("log").splitlines()]
        return [line for line in lines if line["event"] == event]


def answers(tap, f, token):
    with tap.case("ten at once: one question, ten signatures"), Scene(f, token, "after:1.0:ok", "cancel") as s:
        signers = [Signer(s) for _ in range(10)]
        assert {signer.end() for signer in signers} == {"signed"}
        assert s.asked() == 1, s.pinentry.asked()
        said = s.pinentry.told("SETDESC")[0]
        assert "your key 'alice' on token 'corp'" in said and "a hash alone" in said and "Started as: " in said, said
        assert "python" in said, said
        assert s.log("consent")[-1]["outcome"] == "once", s.log("consent")
        assert s.log("sign")[-1]["consent"] == "the user consented once", s.log("sign")
        assert s.sign().result == "DENIED" and s.asked() == 2, "once is not for ever"
    with tap.case("no: denied, with a sentence that says what to write, and not asked again at once"), \
            Scene(f, token, "cancel", "ok") as s:
        signer = s.sign()
        assert signer.result == "DENIED" and "the user said no" in signer.text, signer.text
        assert "[rule " in signer.text and "sign = tls, digest" in signer.text, signer.text
        signer = s.sign()
        assert signer.result == "DENIED" and "a moment ago" in signer.text, signer.text
        assert s.asked() == 1
        with contextlib.closing(protocol.Client(s.agent.socket)) as client:
            [module] = client.status().modules
            os.kill(module.pid, signal.SIGKILL)
            wait(lambda: client.status().modules[0].restarts == 1, "another token host")
        s.agent.unlock(s.token)
        signer = s.sign()
        assert signer.result == "DENIED" and "a moment ago" in signer.text, "a new token host is no new question"
        last = s.log("sign")[-1]
        assert last["allowed"] is False and last["outcome"] == "Denied" and "consent" not in last, last
        assert s.log("consent")[-1]["why"] == "the user said no", s.log("consent")
    with tap.case("nobody answers: denied"), Scene(f, token, "hang", settings="prompt-timeout = 1") as s:
        signer = s.sign()
        assert signer.result == "DENIED" and "nobody answered in time" in signer.text, signer.text
        assert s.log("consent")[-1]["outcome"] == "Timeout", s.log("consent")
    with tap.case("a pinentry that fails: denied, and why"), Scene(f, token, "fail") as s:
        signer = s.sign()
        assert signer.result == "DENIED" and "pinentry" in signer.text and "[rule " in signer.text, signer.text
    with tap.case("nowhere to ask: denied, and nothing is started"), Scene(f, token, "ok") as s:
        signer = s.sign(environment=[])
        assert signer.result == "DENIED" and "nobody can be asked" in signer.text, signer.text
        assert "[rule " in signer.text and "START" not in s.pinentry.asked(), signer.text
    with tap.case("what the key does not sign is said before anybody is asked"), Scene(f, token, "ok") as s:
        client = protocol.Client(s.agent.socket, environment=DISPLAY)
        key, _ = client.resolve("alice", 1)
        for scheme, digest, said in ((RSA, DIGEST, "only in: ecdsa_secp256r1_sha256"), (ECDSA, DIGEST[1:], "has 32 bytes, not 31"),
                                     (ED25519, DIGEST, "signs the message itself")):
            try:
                client.sign(key.id, scheme, digest, 1)
                raise AssertionError(f"{scheme:#06x} is signed")
            except protocol.AgentError as why:
                assert said in why.text, why
        assert s.asked() == 0, s.pinentry.asked()


def vector(size, *parts):
    body = b"".join(parts)
    return len(body).to_bytes(size, "big") + body


def handshake_with(server):
    """What a client of TLS 1.2 signs, by its own certificate."""
    name = b"\0\0" + vector(2, vector(2, b"\0", vector(2, server)))
    hello = b"\3\3" + bytes(32) + b"\0"
    asked = vector(1, b"\x40") + vector(2, ECDSA.to_bytes(2, "big")) + vector(2)

    def say(certificate):
        messages = ((1, hello + vector(2, b"\xc0\x2b") + vector(1, b"\0") + vector(2, name)), (2, hello + b"\xc0\x2b\0"),
                    (13, asked), (14, b""), (11, vector(3, vector(3, certificate))), (16, vector(1, b"a point")))
        return b"".join(bytes([kind]) + vector(3, body) for kind, body in messages)
    return say


def session(tap, f, token):
    with tap.case("a yes for the session is for one key and one server"), \
            Scene(f, token, "notok", "cancel", rules='[rule "r"]\nsign = tls\nconsent = session') as s:
        for _ in range(2):
            assert s.sign(message=handshake_with(b"a.example")).result == "signed" and s.asked() == 1
        assert "a.example" in s.pinentry.told("SETDESC")[0], s.pinentry.told("SETDESC")
        assert s.sign(message=handshake_with(b"b.example")).result == "DENIED" and s.asked() == 2
        assert s.sign(message=handshake_with(b"a.example"), key="bob").result == "DENIED" and s.asked() == 3
        assert s.sign(message=handshake_with(b"a.example")).result == "signed" and s.asked() == 3
        _, chain = protocol.Client(s.agent.socket).resolve("bob", 1)
        another = handshake_with(b"a.example")(chain[0])
        assert s.sign(message=another).result == "DENIED" and s.asked() == 3, "a handshake by another's certificate"
    with tap.case("this session: asked once, listed, counted"), Scene(f, token, "notok", "cancel") as s:
        assert [s.sign().result for _ in range(3)] == ["signed"] * 3 and s.asked() == 1
        consents = json.loads(s.json("consent"))["consents"]
        assert len(consents) == 1 and consents[0]["what"] == "digest" and consents[0]["label"] == "alice", consents
        assert consents[0]["uses"] == 3 and "python" in consents[0]["program"], consents
        assert s.log("sign")[-1]["consent"] == "the user consented for this session"
    with tap.case("revoked: asked again"), Scene(f, token, "notok", "cancel") as s:
        assert s.sign().result == "signed"
        number = str(json.loads(s.json("consent"))["consents"][0]["id"])
        assert "revoked 1" in s.agent.cli("consent", "revoke", number, check=True).stdout
        assert s.agent.cli("consent", "revoke", number).returncode == 4
        assert s.sign().result == "DENIED" and s.asked() == 2
        assert json.loads(s.json("consent"))["consents"] == []
        assert s.log("consent-end")[-1]["why"] == "revoked"
    with tap.case("it ends when the token is locked"), Scene(f, token, "notok", "cancel") as s:
        assert s.sign().result == "signed"
        s.agent.cli("lock", check=True)
        wait(lambda: json.loads(s.json("consent"))["consents"] == [], "the end of the consent")
        s.agent.unlock(token)
        assert s.sign().result == "DENIED" and s.asked() == 2
    with tap.case("always: each signature, one dialog at a time, no third button"), \
            Scene(f, token, "after:0.2:ok", rules='[rule "r"]\nsign = tls, digest\nconsent = always') as s:
        signers = [Signer(s) for _ in range(3)]
        assert [signer.end() for signer in signers] == ["signed"] * 3
        assert s.asked() == 3 and s.pinentry.at_once() == 1, s.pinentry.asked()
        assert s.pinentry.told("SETNOTOK") == [] and s.pinentry.told("SETOK") == ["_Yes"] * 3


def counted(tap, f, token):
    with tap.case("a signature that waited for a person counts once in a rule's rate"), \
            Scene(f, token, "ok", rules='[rule "r"]\nsign = tls, digest\nconsent = always\nrate = 2/h') as s:
        assert [s.sign().result for _ in range(3)] == ["signed", "signed", "DENIED"] and s.asked() == 2, s.log("sign")


def ghost(s, name):
    """A program that nobody can look at: it has ended before the agent accepts, and its parent has the connection."""
    ours, theirs = socket.socketpair()
    s.agent.process.send_signal(signal.SIGSTOP)
    pid = os.fork()
    if pid == 0:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(s.agent.socket))
        socket.send_fds(theirs, [b"x"], [connection.fileno()])
        os._exit(0)
    os.waitpid(pid, 0)
    s.agent.process.send_signal(signal.SIGCONT)
    descriptor = socket.recv_fds(ours, 1, 1)[1][0]
    return protocol.Client(connected=socket.socket(fileno=descriptor), program=name, environment=DISPLAY)


def pretending(tap, f, token):
    with tap.case("who calls itself by another's path is not shown as it, and its no holds as any"), \
            Scene(f, token, "cancel", "ok") as s:
        for name in ("/usr/bin/firefox", "another"):
            signer = Signer(s, client=ghost(s, name))
            assert signer.end() == "DENIED", signer.result
        said = s.pinentry.told("SETDESC")[0]
        assert "Program: an unknown program that says it is '/usr/bin/firefox'%0A" in said, said
        assert s.asked() == 1, s.pinentry.asked()
        assert s.log("sign")[-1]["program"] == "an unknown program that says it is 'another'", s.log("sign")
    with tap.case("a yes for the session is not for what is put into the program's place later"), \
            Scene(f, token, "notok", "cancel") as s:
        path = f.path("tool")
        assert [tool(s, path), tool(s, path)] == ["signed", "signed"] and s.asked() == 1, s.pinentry.asked()
        path.unlink()
        assert "the user said no" in tool(s, path) and s.asked() == 2, s.pinentry.asked()


TOOL = """
import sys
import protocol_client as protocol
client = protocol.Client(sys.argv[1], environment=[("DISPLAY", ":99")])
try:
    client.sign(client.resolve("alice", 1)[0].id, 0x0403, bytes(32), 1)
    print("signed")
except protocol.AgentError as error:
    print(error)
"""


TOOL_ENVIRONMENT = {"PYTHONPATH": str(programs.SOURCE / "tests/e2e"), "PYTHONHOME": "/usr"}


def tool(s, path):
    """A program of its own at this path, which signs a hash."""
    if not path.exists():
        shutil.copy("/usr/bin/python3", path)
    return s.f.run([path, "-c", TOOL, s.agent.socket], check=True, environment=TOOL_ENVIRONMENT).stdout.strip()


def changing(tap, f, token):
    with tap.case("a rule that forbids it while the question is open is obeyed"), \
            Scene(f, token, "after:2.0:ok") as s:
        signer = Signer(s)
        s.pinentry.wait(1, "CONFIRM")
        s.agent.write_rules('[rule "no more"]\nsign = tls\n')
        assert signer.end() == "DENIED" and "'no more'" in signer.text, signer.text
    with tap.case("so is one that comes while the PIN is asked for"), \
            Scene(f, token, f"after:2.0:pin:{token.pin}") as s:
        s.agent.cli("lock", check=True)
        signer = Signer(s, message=protocol.HANDSHAKE)
        s.pinentry.wait()
        s.agent.write_rules('[rule "no more"]\nsign = none\n')
        assert signer.end() == "DENIED" and "'no more'" in signer.text, signer.text
    with tap.case("a yes is not for what the program has become meanwhile"), \
            Scene(f, token, "after:2.0:ok", "cancel") as s:
        path = f.path("becomes")
        shutil.copy("/usr/bin/python3", path)
        process = f.start([path, "-c", BECOMES, s.agent.socket], log=f.path("becomes.log"), stdin=-1, stdout=-1,
                          text=True, environment=TOOL_ENVIRONMENT)
        s.pinentry.wait(1, "CONFIRM")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "denied\n", s.pinentry.asked()
        shown = s.pinentry.told("SETDESC")
        assert len(shown) == 2 and f"Program: {path}" in shown[0] and "Program: /usr/bin/python3" in shown[1], shown
        f.stop(process)


# Sends its request, becomes another program when it is told to, and reads the answer as that.
BECOMES = """
import os, sys
import protocol_client as protocol
client = protocol.Client(sys.argv[1], environment=[("DISPLAY", ":99")])
alice = client.resolve("alice", 1)[0]
client.post(protocol.SIGN, protocol.blob(alice.id) + protocol.u16(0x0403) + protocol.u8(1) + protocol.blob(bytes(32)))
os.set_inheritable(client.socket.fileno(), True)
sys.stdin.readline()
os.execv("/usr/bin/python3", ["python3", "-c", '''
import socket, sys
import protocol_client as protocol
client = protocol.Connection(connected=socket.socket(fileno=int(sys.argv[1])))
kind, _, body = client.receive()
print("denied" if kind == protocol.ERROR and b"the user said no" in body else "signed", flush=True)
sys.stdin.read()
''', str(client.socket.fileno())])
"""


def leaving(tap, f, token):
    with tap.case("who hangs up takes the dialog away"), Scene(f, token, "hang", "ok") as s:
        signer = Signer(s)
        s.pinentry.wait(1, "CONFIRM")
        pid = s.pinentry.pid()
        signer.client.socket.shutdown(2)
        signer.end()
        wait(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the dialog")
        assert s.sign().result == "signed" and s.asked() == 2
    terminal = os.ttyname(os.openpty()[1])
    with tap.case("the agent's own display is asked, not the one that the program names, nor a terminal"), \
            Scene(f, token, "ok", environment={"DISPLAY": ":7", "GPG_TTY": terminal}) as s:
        assert s.sign(environment=[("DISPLAY", ":66"), ("GPG_TTY", "/dev/null")]).result == "signed"
        assert "ENV DISPLAY=:7" in s.pinentry.asked() and ":66" not in s.pinentry.asked(), s.pinentry.asked()
        assert "ENV GPG_TTY" not in s.pinentry.asked(), s.pinentry.asked()
    with tap.case("an agent that stops leaves no dialog behind"), Scene(f, token, "hang") as s:
        signer = Signer(s)
        s.pinentry.wait(1, "CONFIRM")
        pid = s.pinentry.pid()
        assert s.agent.stop() == 0
        wait(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the dialog")
        assert signer.end() != "signed"


def shares(tap, f, token):
    with tap.case("status: what share of a program's signatures was proven"), \
            Scene(f, token, "notok", rules="") as s:
        login = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)
        assert [s.sign(message=login).result for _ in range(3)] == ["signed"] * 3
        assert s.sign().result == "signed" and s.sign(message=b"a letter").result == "DENIED"
        use = [use for use in json.loads(s.json("status"))["uses"] if "python" in use["program"]][0]
        assert (use["signatures"], use["proven"], use["denied"]) == (4, 3, 1), use
        shown = s.agent.cli("status", check=True).stdout
        assert "75%" in shown and "audit.jsonl" in shown, shown


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        token = f.token("corp")
        office = f.authority("Office")
        for name in ("alice", "bob"):
            token.identity(office, "p256", name)
        answers(tap, f, token)
        session(tap, f, token)
        counted(tap, f, token)
        pretending(tap, f, token)
        changing(tap, f, token)
        leaving(tap, f, token)
        shares(tap, f, token)
    tap.done()


main()
