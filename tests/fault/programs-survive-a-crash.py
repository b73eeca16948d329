#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten programs sign when their module dies; ten others, of another token, notice nothing of it."""
import os
import signal
import threading

import programs
import protocol_client as protocol
from fixture import Fixture
from handshakes import Program
from tap import Tap, skip_all
from twins import PATIENCE, Twins

N_PROGRAMS = 10
N_SIGNATURES = 10
# What the program's user may read, and nothing else.
SENTENCES = ("token 'corp' is locked", "module 'corp' failed", "is not there", "no identity", "no such")


class User(threading.Thread):
    """Looks after one program: reads what it says, and mends what can be mended."""

    def __init__(self, twins, label, reference):
        super().__init__(daemon=True)
        self.twins, self.label = twins, label
        self.program = Program(twins.f, twins.authorities[label], reference)
        self.client = protocol.Client(twins.agent.socket)
        self.read, self.status = [], None
        self.start()

    def run(self):
        while self.read.count(f"in {self.label}") < N_SIGNATURES:
            line = self.program.next()
            self.read.append(line)
            if not line:
                break
            if line.startswith("out: "):
                self.twins.wait_for_token(self.label, self.client)
                self.twins.agent.unlock(self.twins.tokens[self.label], check=False)
        self.status = self.program.end()

    def result(self):
        self.join(PATIENCE * 3)
        assert not self.is_alive(), f"a program hangs: {self.read}"
        return self.read


def together(twins, references):
    users = [User(twins, label, references[label]) for _ in range(N_PROGRAMS) for label in twins.tokens]
    return [user for user in users if user.label == "corp"], [user for user in users if user.label == "home"]


def kill_host(twins):
    os.kill(twins.module("corp").pid, signal.SIGKILL)


def check(tap, twins, ours, theirs, what):
    with tap.case(f"{what}: the other token's programs notice nothing"):
        for user in theirs:
            assert user.result() == ["in home"] * N_SIGNATURES, user.read
    with tap.case(f"{what}: the first token's get every signature, or first one clear error"):
        errors = set()
        for user in ours:
            said = [line for line in user.result() if line != "in corp"]
            errors.update(said)
            assert user.read.count("in corp") == N_SIGNATURES, user.read
            assert len(said) <= 3, said
        assert errors and all(any(known in line for known in SENTENCES) for line in errors), errors
        for line in sorted(errors):
            tap.comment(f"read by a user: {line}")
    with tap.case(f"{what}: no program dies"):
        assert {user.status for user in ours + theirs} == {0}
    with tap.case(f"{what}: no zombie is left"):
        children = ["ps", "--ppid", str(twins.agent.process.pid), "-o", "stat=,comm="]
        twins.wait_for("reaping", lambda: "Z" not in twins.f.run(children).stdout)
        assert len(twins.f.run(children).stdout.splitlines()) == 2


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "ps")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        twins = Twins(f)
        tap.diagnose = lambda: twins.tail() + f.path("programs.log").read_text()[-2000:]
        for label, token in twins.tokens.items():
            twins.agent.unlock(token)
        references = {label: f.reference(twins.agent, key) for label, key in twins.keys.items()}
        for what, rule, action in (("the module crashes", "crash C_Sign at=40 once", None),
                                   ("the token host is killed", "delay C_Sign 5", kill_host)):
            twins.corp.clear()
            twins.corp.script("slot 0 token=corp", rule)
            ours, theirs = together(twins, references)
            if action:
                twins.corp.wait("C_Sign", 40)
                action(twins)
            check(tap, twins, ours, theirs, what)
            twins.begin_anew()
        with tap.case("no module was called against its word"):
            twins.check()
    tap.done()


main()
