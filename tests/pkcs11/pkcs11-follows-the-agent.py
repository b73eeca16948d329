# SPDX-License-Identifier: Apache-2.0
"""A program that has the module follows what becomes of the agent and its tokens, and never hangs for it."""
import contextlib
import os
import signal
import subprocess

import fixture
import programs
import tap

PROBE = programs.BUILD / "tests/pkcs11/probe"
OK, REMOVED, LOCKED = 0, 0x32, 0x101


class Program:
    """One that was started and has the module."""

    def __init__(self, f):
        self.process = f.start([PROBE, programs.PKCS11], f.path("probe.log"), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        words = self.process.stdout.readline().decode().split()
        assert words, f"the program ended: {self.process.wait()}"
        return words

    def ask(self, line):
        """Its code, and its time in seconds."""
        self.tell(line)
        code, micros, *_ = self.hear()
        return int(code, 16), float(micros) / 1e6

    def slots(self):
        self.tell("slots")
        return self.process.stdout.readline().decode().split()

    def wait(self):
        self.tell("wait")
        code, slot = self.hear()
        assert code == "0", code
        return int(slot)


@contextlib.contextmanager
def stopped(agent):
    os.kill(agent.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(agent.process.pid, signal.SIGCONT)


def comes_later(f, ca):
    program = Program(f)
    assert program.ask("init")[0] == OK
    assert program.slots() == []
    token = f.token("corp")
    token.identity(ca, "p256", "alice")
    agent = f.agent(rules=fixture.ANYTHING)
    assert program.wait() == 0
    assert program.slots() == ["0:corp"]
    agent.unlock(token)
    assert program.ask("sign alice")[0] == OK  # without a rule, because the agent sees the message
    return agent, program, token


def stopped_agent_costs_nothing(program, agent, f):
    """The limits are those of a person's patience; what it takes is a thousandth of them."""
    with stopped(agent):
        code, seconds = program.ask("info 1000")
        assert code == OK and seconds < 1, seconds
        assert program.ask("objects")[0] == OK
        late = Program(f)
        code, seconds = late.ask("init")
        assert code == OK and seconds < 10, seconds
        assert late.slots() == []
        code, seconds = late.ask("info 1000")
        assert seconds < 1, seconds
    assert late.wait() == 0
    assert late.slots() == ["0:corp"]
    assert program.ask("sign alice")[0] == OK


def new_key_is_seen(program, agent, token, ca):
    """Written by another program, of which a token sends no word."""
    token.identity(ca, "p256", "bob")
    agent.cli("refresh", check=True)
    assert program.ask("sign bob")[0] == OK


def restart_is_survived(program, agent, token):
    agent.restart()
    assert program.slots() == ["0:corp"], program.slots()
    code = program.ask("sign alice")[0]
    assert code == LOCKED, hex(code)
    agent.unlock(token)
    assert program.ask("sign alice")[0] == OK


def gone_agent_is_told(program, agent):
    agent.stop()
    code = program.ask("sign alice")[0]
    assert code == REMOVED, hex(code)
    assert program.wait() == 0
    assert program.slots() == []


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool")
    if missing:
        tap.skip_all(f"{missing} is missing")
    checks = tap.Tap()
    with fixture.Fixture() as f:
        checks.diagnose = f.diagnose
        ca = f.authority("Office")
        with checks.case("an agent that comes later is found"):
            agent, program, token = comes_later(f, ca)
        with checks.case("an agent that is stopped costs nothing"):
            stopped_agent_costs_nothing(program, agent, f)
        with checks.case("a new key is seen"):
            new_key_is_seen(program, agent, token, ca)
        with checks.case("a restart is survived"):
            restart_is_survived(program, agent, token)
        with checks.case("an agent that goes takes its tokens along"):
            gone_agent_is_told(program, agent)
    checks.done()


main()
