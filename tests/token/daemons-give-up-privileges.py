#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Agent, token host and prompt: no core dump, no debugger of the same user, no new privileges."""
import os
import shutil
import signal
import time

import process
import programs
import protocol_client as protocol
from fixture import Fixture
from tap import Skip, Tap, skip_all

NOBODY = 65534
PATIENCE = 20

_PINENTRY = """#!/bin/sh
echo OK ready
while read -r line; do
    case "$line" in
    GETPIN*) echo $$ >{asked}; exec sleep 600 ;;
    esac
    echo OK
done
"""


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        found = [int(word) for word in file.read().split()]
    for other in os.listdir(f"/proc/{pid}/task"):
        if other != str(pid):
            with open(f"/proc/{pid}/task/{other}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    return found


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)
    return condition()


class Pinentry:
    """One that never answers, in a shell that every user may run; `pid` once it was asked."""

    def __init__(self, f):
        self.asked = f.path("asked")
        self.program = f.scratch(_PINENTRY.format(asked=self.asked))
        self.program.chmod(0o755)

    def pid(self):
        return self.asked.exists() and int(self.asked.read_text() or 0)


class Asker:
    """A client of the agent's own user, whose request waits for a PIN until it is closed."""

    def __init__(self, agent, user):
        self.reader, self.writer = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            self._ask(agent, user)

    def _ask(self, agent, user):
        os.close(self.writer)
        try:
            if user:
                os.setgid(user)
                os.setuid(user)
            client = protocol.Client(agent.socket, environment=[("DISPLAY", ":99")])
            client.post(protocol.UNLOCK, protocol.string("corp") + protocol.u8(0))
            os.read(self.reader, 1)
        finally:
            os._exit(0)

    def close(self):
        os.close(self.writer)
        os.waitpid(self.child, 0)


def trio(agent, pinentry):
    """name -> pid of the agent, its host and the prompt of a question that is open."""
    wait_for(pinentry.pid)
    host = children(agent.process.pid)
    assert len(host) == 1, host
    prompt = children(host[0])
    assert len(prompt) == 1, prompt
    return {"agent": agent.process.pid, "host": host[0], "prompt": prompt[0]}


def as_nobody(f):
    """Lets another user run our programs in the fixture's folder."""
    for name in ("AGENT", "TOKEN_HOST", "PROMPT"):
        copy = f.path(getattr(programs, name).name)
        shutil.copy(getattr(programs, name), copy)
        copy.chmod(0o755)
        setattr(programs, name, copy)
    for path in [f.folder, *f.folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)


def main():
    absent = programs.missing("softhsm", "softhsm2-util")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp")
        pinentry = Pinentry(f)
        user = None
        if os.geteuid() == 0:
            as_nobody(f)
            user = NOBODY
        agent = f.agent(pinentry=pinentry, user=user)
        asker = Asker(agent, user)
        pids = trio(agent, pinentry)
        for name, pid in pids.items():
            with tap.case(f"{name}: not dumpable, so nobody of its user reads its memory"):
                assert not process.is_dumpable(pid)
            with tap.case(f"{name}: no core file"):
                assert process.core_limits(pid) == ("0", "0"), process.core_limits(pid)
            with tap.case(f"{name}: no new privileges"):
                assert process.status(pid, "NoNewPrivs") == "1"
            with tap.case(f"{name}: no pipe that broke and no file that may not grow ends it"):
                ignored = int(process.status(pid, "SigIgn"), 16)
                assert all(ignored >> number - 1 & 1 for number in (signal.SIGPIPE, signal.SIGXFSZ)), hex(ignored)
            with tap.case(f"{name}: holds no descriptor of another's"):
                check_descriptors(name, pid)
        with tap.case("a program that is none of ours is dumpable, so the check can tell"):
            assert process.is_dumpable(pinentry.pid())
        with tap.case("closing the connection ends the question, prompt and pinentry"):
            asker.close()
            wait_for(lambda: not os.path.exists(f"/proc/{pids['prompt']}"))
            wait_for(lambda: not os.path.exists(f"/proc/{pinentry.pid()}"))
        with tap.case("with the agent all of them go"):
            agent.stop()
            for pid in pids.values():
                assert not os.path.exists(f"/proc/{pid}"), pids
        with tap.case("started without standard streams it has some, so that nothing else is opened in their place"):
            if os.geteuid() != 0:
                raise Skip("only root sees the descriptors of a process that is not dumpable")
            agent = f.agent(user=user, under=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
            streams = [os.readlink(f"/proc/{agent.process.pid}/fd/{fd}") for fd in range(3)]
            assert streams == ["/dev/null"] * 3, streams
            agent.stop()
    tap.done()


def check_descriptors(name, pid):
    """The prompt has its two ends of one socket; and what it opened itself."""
    if os.geteuid() != 0:
        raise Skip("only root sees the descriptors of a process that is not dumpable")
    seen = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    sockets = {target for target in seen.values() if target.startswith("socket:")}
    if name == "prompt":
        assert seen[0] == seen[1] and len(sockets) == 2, seen  # cs_ask_pin's and the pinentry's
    assert not any("/agent.conf" in target or "tokens/" in target and name != "host"
                   for target in seen.values()), seen


main()
