#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whichever allocation fails: one request ends with an error, no process dies, and the next is served."""
import contextlib
import os
import signal
import subprocess

import programs
import protocol_client as protocol
from fault import Fault
from fixture import ANYTHING, Fixture
from handshakes import Program
from mischief import Mischief, no_failing_allocations
from tap import Tap, skip_all


SCHEME = 0x0403  # ecdsa_secp256r1_sha256
REFRESH = 0x000B
MOST = 2000  # allocations of one step
STARTS, STRIDE = 400, 11  # where each costs the start of an agent
RUNS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)  # where each costs that of a program


class Scene:
    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.token = f.token("corp")
        self.alice = self.token.identity(self.ca, "p256", "alice")
        self.server = f.server(self.ca)
        self.mischief = Mischief(f.path("mischief"))
        self.of_agent = self.mischief.of(programs.AGENT.name)
        self.of_host = self.mischief.of(programs.TOKEN_HOST.name)
        # What the module does without memory is its own affair.
        self.of_host.only_of(programs.TOKEN_HOST.name)
        self.fault = Fault(f.path("control"))
        self.fault.script("slot 0 token=corp")
        self.agent = f.agent(modules={"fault": self.fault.module}, rules=ANYTHING,
                             environment={**self.fault.environment, **self.mischief.environment,
                                          "XDG_STATE_HOME": str(f.path("state"))})
        self.client = None
        self.connect()
        self.unlock()
        self.reference = f.reference(self.agent, self.alice)

    def connect(self):
        self.client = protocol.Client(self.agent.socket)

    def unlock(self):
        self.client.unlock_with("corp", self.token.pin)

    def lock(self):
        self.client.lock("corp")

    def sign(self):
        alice, _chain = self.client.resolve("alice", 1)
        assert len(self.client.sign(alice.id, SCHEME, b"x")) > 60

    def look(self):
        self.client.status()
        self.client.tokens()
        self.client.identities()
        self.client.certificates()

    def judge(self):
        self.client.choose("localhost")
        self.client.policy()
        self.client.check("alice", "/usr/bin/curl", "tls13-client")

    def watch(self):
        client = protocol.Client(self.agent.socket)
        client.ask(protocol.WATCH)
        self.relogin()
        client.receive()
        client.close()

    def change_pin(self):
        ends = [os.pipe() for _ in ("the old", "the new")]
        for _reader, writer in ends:
            os.write(writer, self.token.pin.encode())
            os.close(writer)
        try:
            self.client.change_pin("corp", 1, [reader for reader, _writer in ends])
        finally:
            for reader, _writer in ends:
                os.close(reader)

    def relogin(self):
        self.lock()
        self.unlock()

    def refresh(self):
        self.client.ask(REFRESH).end()

    def died(self):
        """How often a token host has."""
        module, = self.client.status().modules
        return module.restarts

    def is_whole(self):
        """All is as before, whatever was lost on the way."""
        self.connect()
        # Unlocked, or the refresh starts the module anew.
        with contextlib.suppress(protocol.AgentError):
            self.unlock()
        self.refresh()
        self.unlock()
        self.sign()


def sweep(tap, s, who, played, what, step, more=0):
    """Lets each allocation of the step fail in turn."""
    seen = set()
    with tap.case(f"{who}: {what}: whichever allocation fails{', and the next ones' if more else ''}"):
        for nth in range(1, MOST):
            played.fail_at(nth, more)
            try:
                step()
            except protocol.AgentError as error:
                seen.add(error.name)
                assert len(error.text) > 10, error
            except protocol.Closed:
                seen.add("closed")
            failed = played.failed()
            s.is_whole()
            if not failed:
                break
        else:
            raise AssertionError("the step never came to its end")
        assert s.agent.process.poll() is None and s.died() == 0, f"a process has died of allocation {nth}"
        tap.comment(f"{nth - 1} allocations; programs saw {sorted(seen) or 'nothing of it'}")


def openssl_version():
    said = subprocess.run(["openssl", "version"], check=True, capture_output=True, text=True).stdout
    return tuple(int(number) for number in said.split()[1].split(".")[:2])


def daemons(tap, s):
    steps = [("a connection", s.connect), ("questions", s.look), ("a signature", s.sign),
             ("locking and unlocking", s.relogin), ("a look at the token", s.refresh),
             ("choices and rules", s.judge), ("somebody who watches", s.watch), ("another PIN", s.change_pin)]
    for who, played in (("agent", s.of_agent), ("token host", s.of_host)):
        for what, step in steps:
            sweep(tap, s, who, played, what, step)
    sweep(tap, s, "agent", s.of_agent, "a signature", s.sign, more=3)


def start(tap, s):
    with tap.case(f"the agent's start, one in {STRIDE} allocations: it starts, or says why not"):
        s.agent.stop()
        refused = aborted = stuck = 0
        # libcrypto 3.5 and 3.6 does for ever when the first allocation of its own fails.
        waits_for_itself = (3, 5) <= openssl_version() < (4, 0)
        for nth in range(1, STARTS, STRIDE):
            s.of_agent.fail_at(nth)
            said = len(s.agent.log())
            try:
                s.agent.start()
            except RuntimeError:
                refused += 1
                status = s.agent.process.returncode
                # libuv ends the program where it cannot register what it does at a fork: one allocation of all.
                aborted += status == -signal.SIGABRT
                if status != -signal.SIGABRT or aborted > 1:
                    assert status == 1 and len(s.agent.log()) > said + 30, (nth, status, s.agent.log()[said:])
            else:
                # It may have listened for a moment before the allocation failed.
                status, log = s.agent.stop(), s.agent.log()[said:]
                stuck += status == -signal.SIGKILL
                if status != -signal.SIGKILL or stuck > waits_for_itself:
                    assert status == 0 or (status == 1 and "out of memory" in log), (nth, status, log)
            assert s.of_agent.failed() == 1, f"there are fewer than {nth} allocations"
        assert refused, "none was needed"
        s.agent.start()
        s.is_whole()


def provider(tap, s):
    played = s.mischief.of("python3")
    played.only_of(programs.PROVIDER.name)
    program = Program(s.f, s.ca, s.reference, environment=s.mischief.environment)
    seen = set()
    with tap.case("provider: a key is loaded and signs: whichever allocation fails"):
        assert program.next() == "in alice"
        for nth in range(1, MOST):
            played.fail_at(nth)
            said = program.next("anew")
            failed = played.failed()
            assert said == "in alice" or said.startswith("out: "), f"{nth}: {said!r}"
            seen.add(said)
            assert program.next("anew") == "in alice"
            if not failed:
                break
        assert nth > 10 and program.end() == 0
    for said in sorted(seen):
        tap.comment(f"read by a user, of {nth - 1} allocations: {said}")


def once(tap, s, what, program, shim, run):
    """A program that is started anew for each."""
    played = s.mischief.of(program)
    played.only_of(shim.name)
    with tap.case(f"{what}: allocations fail, the program ends by itself"):
        failures = 0
        for nth in RUNS:
            played.fail_at(nth)
            seen = run()
            if not played.failed():
                break
            failures += 1
            assert 0 <= seen.returncode < 126, (nth, seen)
        assert failures, "nothing failed"
        assert run().returncode == 0
        tap.comment(f"{failures} runs with a failure")


def shims(tap, s):
    f, mischief = s.f, s.mischief
    once(tap, s, "provider in s_client", "openssl", programs.PROVIDER,
         lambda: f.s_client(s.server, "-cert", s.reference, "-key", s.reference,
                            environment=mischief.environment))
    once(tap, s, "PKCS#11 module in pkcs11-tool", "pkcs11-tool", programs.PKCS11,
         lambda: f.run(["pkcs11-tool", "--module", programs.PKCS11, "--list-objects"],
                       environment=mischief.environment))
    preloaded = {**mischief.environment,
                 "LD_PRELOAD": f"{mischief.environment['LD_PRELOAD']}:{programs.PRELOAD}"}
    once(tap, s, "preload library in s_client", "openssl", programs.PRELOAD,
         lambda: f.s_client(s.server, environment=preloaded, provider=False))


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    missing = f"{missing} is not there" if missing else no_failing_allocations()
    if missing:
        skip_all(missing)
    tap = Tap()
    with Fixture() as f:
        s = Scene(f)
        tap.diagnose = lambda: f.diagnose() + s.fault.tail()
        daemons(tap, s)
        start(tap, s)
        provider(tap, s)
        shims(tap, s)
    tap.done()


main()
