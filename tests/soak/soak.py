#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs sign all day while tokens are pulled, hosts crash and the agent restarts: nothing leaks.

usage: tests/soak/soak.py [--seconds N] [--seed N]      CS_BUILD=FOLDER if it is not ./build

Eight programs sign with EC, RSA and Ed25519 keys on two tokens of two modules; two of them are curls.
At random a token is locked, pulled or its host killed, the module crashes, the agent is restarted or
killed; in the second half nothing that ends a process, so that what leaks adds up. At the end: no
descriptor, memory, process or session is left over, and every request that failed has its reason in the
agent's log. Figures come every minute, or every tenth of a short run.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import random
import signal
import sys
import threading
import time

for folder in ("fixture", "e2e", "fault"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / folder))

import programs  # noqa: E402 pylint: disable=wrong-import-position
import protocol_client as protocol  # noqa: E402 pylint: disable=wrong-import-position
from fault import Fault  # noqa: E402 pylint: disable=wrong-import-position
from fixture import ANYTHING, Fixture  # noqa: E402 pylint: disable=wrong-import-position
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

LABELS = ("corp", "home")
KEYS = {"p256": 0x0403, "rsa2048": 0x0804, "ed25519": 0x0807}
SIGNERS = [("corp", "p256"), ("corp", "rsa2048"), ("corp", "ed25519"),
           ("home", "p256"), ("home", "rsa2048"), ("home", "ed25519")]
PAUSE = 0.05  # of a program between two signatures
PATIENCE = 60
AWAY = {"CLOSED", "NO_AGENT"}  # the agent was gone: its log cannot say why
# kB that a process may grow by in the last quarter; in a host SoftHSM loses 140 octets with each Ed25519 signature.
GROWTH = {"agent": 512, "corp": 4096, "home": 4096}


class Program(threading.Thread):
    """Signs until it is told to stop; counts what came of it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.outcomes = collections.Counter()
        self.wrong = []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(PAUSE):
            self.outcomes[self.once()] += 1

    def stop(self):
        self.stopping.set()
        self.join(PATIENCE)
        assert not self.is_alive(), "a program hangs"


class Signer(Program):
    def __init__(self, agent, label, kind):
        super().__init__()
        self.agent, self.name, self.kind = agent, f"{label}-{kind}", kind
        self.client = self.key = None

    def stop(self):
        super().stop()
        if self.client:
            self.client.close()

    def once(self):
        try:
            if not self.client:
                self.client = protocol.Client(self.agent.socket)
            if not self.key:
                self.key = self.client.resolve(self.name, 1)[0].id
            signature = self.client.sign(self.key, KEYS[self.kind], protocol.HANDSHAKE)
        except protocol.AgentError as error:
            return error.name
        except (protocol.Closed, OSError) as error:
            if isinstance(error, TimeoutError):
                self.wrong.append("a request was never answered")
            if self.client:
                self.client.close()
            self.client = None
            return "NO_AGENT" if isinstance(error, OSError) else "CLOSED"
        return "signed" if signature else self.wrong.append("an empty signature") or "empty"


class Curl(Program):
    """A whole handshake; its exit status is 0, or curl said why."""

    def __init__(self, fixture, server, reference):
        super().__init__()
        self.fixture, self.server, self.reference, self.name = fixture, server, reference, "curl"

    def once(self):
        shown = self.fixture.curl(self.server, self.reference, self.reference, timeout=PATIENCE)
        if shown.answer:
            return "signed"
        if shown.returncode < 0 or not shown.stderr.strip():
            self.wrong.append(f"curl ended with {shown.returncode}: {shown.stderr}")
        return "curl failed"


class Stage:
    def __init__(self, fixture):
        self.f = fixture
        self.failures = 0  # of our own questions in between
        self.ca = fixture.authority("Office")
        self.tokens = {label: fixture.token(label) for label in LABELS}
        self.keys = {f"{label}-{kind}": self.tokens[label].identity(self.ca, kind, f"{label}-{kind}")
                     for label, kind in SIGNERS}
        self.faults = {label: Fault(fixture.path(f"control-{label}")) for label in LABELS}
        for label in LABELS:
            self.plug(label)
        first, second = (self.faults[label] for label in LABELS)
        section = f'hot-plug = 100ms\n[module "home"]\npath = {second.module}\ninit-args = {second.init_args}\n'
        self.agent = fixture.agent(modules={"corp": first.module}, settings=section,
                                   environment=first.environment, rules=ANYTHING)
        self.server = fixture.server(self.ca)
        self.calm()
        curls = [Curl(fixture, self.server, fixture.reference(self.agent, self.keys[f"{label}-p256"]))
                 for label in LABELS]
        self.programs = [Signer(self.agent, *which) for which in SIGNERS] + curls

    def plug(self, label, *more):
        self.faults[label].script(f"slot 0 token={label}", *more)

    def client(self):
        return protocol.Client(self.agent.socket)

    def pid(self, label):
        return next(module.pid for module in self.client().status().modules if module.name == label)

    def calm(self):
        """Everything is there and unlocked."""
        for label in LABELS:
            self.plug(label)
        deadline = time.monotonic() + PATIENCE
        for label in LABELS:
            while not self.unlock(label):
                assert time.monotonic() < deadline, f"'{label}' does not come back:\n{self.f.diagnose()}"
                time.sleep(0.05)

    def unlock(self, label):
        try:
            client = self.client()
            client.unlock_with(label, self.tokens[label].pin)
        except (protocol.AgentError, protocol.Closed, OSError):
            return False
        try:
            client.sign(client.resolve(f"{label}-p256", 1)[0].id, KEYS["p256"], protocol.HANDSHAKE)
        except protocol.AgentError:
            self.failures += 1
            return False
        except (protocol.Closed, OSError):
            return False
        return True

    # What happens in a day.
    def lock(self, label):
        self.client().lock(label)

    def pull(self, label):
        self.faults[label].script("slot 0 absent")

    def crash(self, label):
        self.plug(label, "crash C_Sign once")

    def fail(self, label):
        self.plug(label, "fail C_SignInit CKR_DEVICE_ERROR times=3")

    def kill_host(self, label):
        os.kill(self.pid(label), signal.SIGKILL)

    def restart_agent(self, _label):
        self.agent.restart()

    def kill_agent(self, _label):
        self.agent.kill()
        self.agent.start()

    def trouble(self, dice, mortal):
        survived = (self.lock, self.pull, self.fail)
        ends = (self.crash, self.kill_host, self.restart_agent, self.kill_agent)
        happens = dice.choice(survived + ends + (self.lock, self.pull) if mortal else survived)
        happens(dice.choice(LABELS))
        return happens.__name__


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    # What is clean is of files, and private as soon as another test's agent, which mapped them, has ended.
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_Dirty"))


def sessions(fault, pid):
    """Open PKCS#11 sessions of a process, by the module's log; those of a token that was pulled have ended."""
    count = 0
    for line in fault.lines():
        if line.process == pid and (line.what in ("@gone", "C_CloseAllSessions")):
            count = 0
        elif line.process == pid and line.words.get("rv") == "CKR_OK":
            count += {"C_OpenSession": 1, "C_CloseSession": -1}.get(line.what, 0)
    return count


class Figures:
    """What agent and hosts hold; a row each time it is taken."""

    def __init__(self, stage, tap):
        self.stage, self.tap, self.start, self.rows = stage, tap, time.monotonic(), []

    def take(self):
        """With one client, which stays meanwhile: of one that left the agent might not have heard."""
        with contextlib.closing(self.stage.client()) as client:
            return self.take_beside(client)

    def take_beside(self, client):
        stage = self.stage
        agent = stage.agent.process.pid
        hosts = {module.name: module.pid for module in client.status().modules}
        pids = [agent, *(hosts[label] for label in LABELS)]
        row = {"pids": pids,
               "descriptors": [descriptors(pid) for pid in pids],
               "private kB": [private_kib(pid) for pid in pids],
               "threads": [len(os.listdir(f"/proc/{pid}/task")) for pid in pids],
               "sessions": [sessions(stage.faults[label], hosts[label]) for label in LABELS],
               "children": children(agent)}
        signed = sum(program.outcomes["signed"] for program in stage.programs)
        failed = sum(program.outcomes.total() for program in stage.programs) - signed
        self.tap.comment(f"{time.monotonic() - self.start:6.0f} s  signed {signed}, failed {failed}; agent, corp, home: " +
                         "; ".join(f"{name} {value}" for name, value in row.items()))
        self.rows.append(row)
        return row


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        found += pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split()
    return sorted(pathlib.Path(f"/proc/{child}/stat").read_text(encoding="ascii").split()[2] for child in found)


def spend(stage, seconds, seed, figures):
    """The day itself. What happened, by name."""
    dice, end, happened = random.Random(seed), time.monotonic() + seconds, collections.Counter()
    half = end - seconds / 2
    every = 60 if seconds >= 600 else seconds / 10
    look = time.monotonic() + every
    for program in stage.programs:
        program.start()
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.2, 1.5))  # the programs' time to work, not a wait for anything
        happened[stage.trouble(dice, time.monotonic() < half)] += 1
        time.sleep(dice.uniform(0.0, 0.5))
        stage.calm()
        if time.monotonic() > look:
            figures.take()
            look += every
    for program in stage.programs:
        program.stop()
    return happened


def settled(figures, first):
    """The figures once what is on its way out has gone; they may be no higher than at the start."""
    deadline = time.monotonic() + PATIENCE
    while True:
        row = figures.take()
        if all(now <= then for now, then in zip(row["descriptors"], first["descriptors"])) \
                and len(row["children"]) <= len(first["children"]) or time.monotonic() > deadline:
            return row
        time.sleep(1)


def reasons_are_logged(stage):
    """Every failure that the agent told this process of stands in its log."""
    told = stage.failures + sum(
        count for program in stage.programs if isinstance(program, Signer)
        for outcome, count in program.outcomes.items() if outcome != "signed" and outcome not in AWAY)
    ours = f"(pid {os.getpid()}) "
    logged = sum(ours in line and ": failed, " in line for line in stage.agent.log().splitlines())
    assert logged >= told, f"{told} failures, {logged} reasons in the log"


def memory_is_given_back(rows, now):
    """In the last quarter, in which the processes are the same, each holds what it held."""
    before = rows[len(rows) * 3 // 4]
    assert before["pids"] == now["pids"], "a process has died"
    for at, (name, most) in enumerate(GROWTH.items()):
        grown = now["private kB"][at] - before["private kB"][at]
        assert grown < most, f"{name} has grown by {grown} kB"


def judge(tap, stage, rows, last):
    first = rows[0]
    with tap.case("no program hung, died or was told nothing"):
        wrong = [text for program in stage.programs for text in program.wrong]
        assert not wrong, "\n".join(wrong[:20])
    with tap.case("every program has signed"):
        for program in stage.programs:
            assert program.outcomes["signed"] > 0, program.outcomes
    with tap.case("every failure has its reason in the log"):
        reasons_are_logged(stage)
    with tap.case("no descriptor is left over"):
        assert all(now <= then for now, then in zip(last["descriptors"], first["descriptors"])), (first, last)
    with tap.case("no memory is left over"):
        if programs.SANITIZE:
            raise Skip("AddressSanitizer keeps what was freed for a while")
        memory_is_given_back(rows, last)
    with tap.case("no process and no zombie is left over"):
        assert len(last["children"]) == len(LABELS) and "Z" not in last["children"], last
    with tap.case("no PKCS#11 session is left over"):
        # Each thread that signs at once may keep one; the programs were never more than eight.
        assert all(0 < count <= len(stage.programs) + 2 for count in last["sessions"]), last
    with tap.case("the module saw no call that it must not see"):
        for fault in stage.faults.values():
            fault.check()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=1800)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = options.parse_args()
    tap = Tap()
    tap.comment(f"{options.seconds:g} s, --seed {options.seed}")
    with Fixture() as f:
        stage = Stage(f)
        tap.diagnose = f.diagnose
        figures = Figures(stage, tap)
        first = figures.take()
        happened = spend(stage, options.seconds, options.seed, figures)
        rows = figures.rows[:]
        last = settled(figures, first)
        tap.comment("happened: " + ", ".join(f"{name} {count}" for name, count in sorted(happened.items())))
        for program in stage.programs:
            tap.comment(f"{program.name}: {dict(program.outcomes)}")
        judge(tap, stage, rows, last)
    tap.done()


main()
