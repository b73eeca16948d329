#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wall clock jumps by years, or the agent is stopped for a while: nobody's login or request is lost."""
import json
import os
import pathlib
import signal
import threading
import time

import programs
import protocol_client as protocol
from fault import Fault
from fixture import ANYTHING, Fixture
from handshakes import Program
from mischief import Mischief
from tap import Tap, skip_all
from wait import wait

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
YEARS = 10 * 365 * 24 * 60 * 60
# The agent is stopped for longer than its module may take, and than its own clock may be late.
MODULE_TIMEOUT = 1
STOPPED = 4.5


class Scene:
    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.token = f.token("corp")
        self.alice = self.token.identity(self.ca, "p256", "alice")
        self.fault = Fault(f.path("control"))
        self.fault.script("slot 0 token=corp")
        played = Mischief(f.path("mischief"))
        self.clocks = [played.of("countersign-agent"), played.of(programs.TOKEN_HOST.name)]
        self.agent = f.agent(
            modules={"fault": self.fault.module}, rules=ANYTHING,
            environment={**self.fault.environment, **played.environment,
                         "XDG_STATE_HOME": str(f.path("state"))},
            settings=f"module-timeout = {MODULE_TIMEOUT}s\npin-timeout = 1h\nidle-timeout = 30m")
        self.client = protocol.Client(self.agent.socket)
        self.agent.unlock(self.token)
        self.key = self.client.resolve("alice", 1)[0].id
        self.sign()

    def sign(self):
        return self.client.sign(self.key, SCHEME, b"x")

    def jump(self, seconds):
        for clock in self.clocks:
            clock.clock_ahead(seconds)


def jumps(tap, s):
    for what, seconds in (("ten years ahead", YEARS), ("ten years back", -YEARS), ("right again", 0)):
        with tap.case(f"the clock is {what}: the login holds, and signatures are handed out"):
            s.jump(seconds)
            assert s.sign()
            assert s.client.tokens()[0].has("unlocked")
            assert s.agent.cli("status").returncode == 0
    with tap.case("the record has every use, in the order in which they were, with the time as it was told"):
        lines = (s.f.path("state") / "countersign/audit.jsonl").read_text().splitlines()
        years = [int(json.loads(line)["time"][:4]) for line in lines if '"sign"' in line]
        now = time.gmtime().tm_year
        assert years[-3] >= now + 9 and years[-2] <= now - 9 and years[-1] == now, years


def stops(tap, s):
    reference = s.f.reference(s.agent, s.alice)
    pid = s.client.status().modules[0].pid
    s.fault.clear()
    s.fault.script("slot 0 token=corp", "delay C_Sign 300 once")
    program = Program(s.f, s.ca, reference)
    program.go()
    s.fault.wait("C_SignInit")
    os.kill(s.agent.process.pid, signal.SIGSTOP)
    late = Program(s.f, s.ca, reference)
    heard = []
    listener = threading.Thread(target=lambda: heard.append(late.next()), daemon=True)
    listener.start()
    with tap.case("the agent is stopped while its module signs: programs wait"):
        s.fault.wait("C_Sign", rv="CKR_OK")
        time.sleep(STOPPED)
        assert not heard and program.process.poll() is None
    os.kill(s.agent.process.pid, signal.SIGCONT)
    with tap.case("it goes on: both get what they asked for, and the module did not count as hung"):
        assert program.hear() == "in alice" and program.next() == "in alice"
        listener.join(30)
        assert heard == ["in alice"], heard
        assert program.end() == late.end() == 0
        module, = s.client.status().modules
        assert (module.pid, module.restarts) == (pid, 0), s.agent.log()


def host_stops(tap, s):
    with tap.case("the token host is stopped: it counts as hung, is replaced, and the token signs again"):
        pid = s.client.status().modules[0].pid
        os.kill(pid, signal.SIGSTOP)
        wait(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "its stop")
        try:
            s.sign()
            raise AssertionError("it was signed")
        except protocol.AgentError as error:
            assert error.name == "MODULE_FAILED" and "hung" in error.text, error
            tap.comment(f"read by a user: {error}")
        wait(lambda: not os.path.exists(f"/proc/{pid}"), "its end")
        wait(s.client.tokens, "the token")
        s.agent.unlock(s.token)
        assert s.sign()


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        s = Scene(f)
        tap.diagnose = lambda: s.fault.tail() + f.diagnose()
        jumps(tap, s)
        stops(tap, s)
        host_stops(tap, s)
    tap.done()


main()
