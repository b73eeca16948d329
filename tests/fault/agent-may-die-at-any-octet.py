#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent is killed before, between and within its answers: the program's own second try is enough,
and no torn answer is taken for a signature."""
import programs
from activator import Activator
from fixture import Fixture
from handshakes import Program
from mischief import Mischief
from tap import Tap, skip_all

STEP = 6  # octets between one death and the next; the head of a frame has 12
CONF = """[agent]
prompt = never
[module "softhsm"]
path = {module}
[token "corp"]
pin-command = {command}
"""


class Scene:
    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.token = f.token("corp")
        self.alice = self.token.identity(self.ca, "p256", "alice")
        command = f.scratch(f"#!/bin/sh\necho {self.token.pin}\n")
        command.chmod(0o700)
        conf = f.path("agent.conf")
        conf.write_text(CONF.format(module=programs.SOFTHSM, command=command))
        self.mischief = Mischief(f.path("mischief"))
        self.agent = self.mischief.of("countersign-agent")
        self.activator = Activator(f, conf, self.mischief.environment)
        self.reference = f.path("reference.pem")
        f.run([programs.CLI, "pem", self.alice.uri, "--output", self.reference], check=True)

    def program(self):
        return Program(self.f, self.ca, self.reference)


def whole(program):
    said = program.next()
    assert program.end() == 0, said
    return said


def deaths(tap, s):
    s.agent.die_after(-1)
    with tap.case("an agent that lives: one handshake"):
        assert whole(s.program()) == "in alice"
    octets = s.agent.sent()
    tap.comment(f"its answers have {octets} octets")
    assert octets > 60, octets
    for at in range(0, octets - 3, STEP):
        with tap.case(f"killed when {at} octets of {octets} were sent: in at the first try of the program"):
            s.agent.die_after(at)
            said = whole(s.program())
            assert s.agent.has_died()
            assert said == "in alice", said


def between(tap, s):
    with tap.case("killed before anybody connects: the first try starts another"):
        s.activator.kill()
        n = len(s.activator.started)
        assert whole(s.program()) == "in alice"
        assert len(s.activator.started) == n + 1
    with tap.case("killed between two handshakes of a program, again and again: each is a success"):
        program = s.program()
        for _ in range(5):
            assert program.next() == "in alice"
            s.activator.kill()
        assert program.end() == 0
    with tap.case("killed twice in a row: one clear error, and the same program's next try works"):
        s.agent.die_after(60, again=1)
        program = s.program()
        said = program.next()
        assert "closed the connection before it answered" in said, said
        tap.comment(f"read by a user: {said}")
        assert whole(program) == "in alice"


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        s = Scene(f)
        tap.diagnose = lambda: s.activator.log()[-4000:] + f.path("programs.log").read_text()[-2000:]
        deaths(tap, s)
        between(tap, s)
        s.activator.close()
    tap.done()


main()
