#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent serves its own user alone, whatever the file modes say."""
import contextlib
import os
import select
import shutil
import socket
import stat

import programs
import protocol_client as protocol
from fixture import Fixture
from tap import Skip, Tap, skip_all
from wait import wait

NOBODY = 65534


def as_nobody(function):
    """Runs function in a child that is another user; True when it came back with True."""
    child = os.fork()
    if child == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            os._exit(0 if function() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def insist(path):
    """Says HELLO and asks for a lock, whatever the agent says to it, until it hangs up."""
    hello = protocol.u16(1) + protocol.u16(1) + protocol.string("insistent") + protocol.u32(0)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(path))
        stranger.sendall(protocol.frame(protocol.HELLO, 1, hello) +
                         protocol.frame(protocol.LOCK, 2, protocol.string("")))
        poll = select.poll()
        poll.register(stranger, select.POLLHUP)
        return bool(poll.poll(20000))


def agent_of_nobody(f):
    """Its socket, as soon as that listens."""
    folder = f.path("nobody")
    folder.mkdir(0o700)
    shutil.copy(programs.AGENT, folder / "agent")
    (folder / "agent.conf").touch()
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    f.start([folder / "agent", "--config", folder / "agent.conf", "--socket", folder / "agent.sock"],
            log=f.path("nobody.log"), environment={"HOME": str(folder)}, user=NOBODY, group=NOBODY)

    def listens():
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(folder / "agent.sock")) == 0
    wait(listens, "the agent of another user")
    return folder / "agent.sock"


def main():
    absent = programs.missing("softhsm", "softhsm2-util")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        token = f.token("corp")
        agent = f.agent()
        with tap.case("the directory is for the owner alone, and so is the socket"):
            assert stat.S_IMODE(agent.socket.parent.stat().st_mode) == 0o700
            assert stat.S_IMODE(agent.socket.stat().st_mode) == 0o600
        with tap.case("a caller of another user gets WRONG_USER and no connection"):
            if os.geteuid() != 0:
                raise Skip("only root can become another user")
            for folder in (f.folder, f.runtime, agent.socket.parent):
                folder.chmod(0o711)
            agent.socket.chmod(0o666)

            def attempt():
                try:
                    protocol.Client(agent.socket)
                except protocol.AgentError as error:
                    return error.name == "WRONG_USER"
                except (protocol.Closed, OSError):
                    return False
                return False
            assert as_nobody(attempt), agent.log()
        with tap.case("nor does it get anything done who goes on all the same"):
            if os.geteuid() != 0:
                raise Skip("only root can become another user")
            agent.unlock(token)
            assert as_nobody(lambda: insist(agent.socket)), agent.log()
            agent.cli("refresh", check=True)  # comes behind a lock
            with contextlib.closing(protocol.Client(agent.socket)) as client:
                [seen] = client.tokens()
            assert seen.has("unlocked"), agent.log()
        with tap.case("and is on record"):
            seen = agent.cli("log", "--json", check=True).stdout
            assert '"refused"' in seen and str(NOBODY) in seen, seen
        with tap.case("nor is root served by another user's agent"):
            if os.geteuid() != 0:
                raise Skip("only root can become another user")
            theirs = agent_of_nobody(f)
            try:
                protocol.Client(theirs)
            except protocol.AgentError as error:
                assert error.name == "WRONG_USER", error
            else:
                raise AssertionError("root is served")
        with tap.case("the owner is still served"):
            protocol.Client(agent.socket).status()
    tap.done()


main()
