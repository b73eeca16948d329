#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Out of descriptors, without standard streams, or with a full disk: who is connected is served, and all is
well as soon as there is room again."""
import os
import resource
import signal

import namespace
import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Skip, Tap, skip_all
from wait import wait

SCHEME = 0x0403  # ecdsa_secp256r1_sha256


class Scene:
    def __init__(self, f, **options):
        self.f = f
        self.agent = f.agent(rules=ANYTHING, **options)
        self.client = protocol.Client(self.agent.socket)
        self.unlock()

    def unlock(self):
        self.client.unlock_with("corp", "1234")

    def sign(self, client=None):
        client = client or self.client
        alice, _chain = client.resolve("alice", 1)
        return client.sign(alice.id, SCHEME, b"x")

    def module(self):
        module, = self.client.status().modules
        return module


class Want:
    """An agent that may open so many descriptors beside those it has."""

    def __init__(self, pid, more):
        self.pid = pid
        self.before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + more, self.before[1]))

    def ends(self):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.before)


def connect(path):
    """A connection that says HELLO and does not wait for an answer."""
    connection = protocol.Connection(path)
    connection.send(protocol.frame(protocol.HELLO, 1, protocol.u16(1) + protocol.u16(1) +
                                   protocol.string("one too many") + protocol.u32(0)))
    return connection


def descriptors(tap, f):
    s = Scene(f)
    with tap.case("no descriptor is left: who is connected is served"):
        want = Want(s.agent.process.pid, 0)
        waiting = [connect(s.agent.socket) for _ in range(8)]
        wait(lambda: "no more clients for now" in s.agent.log(), "that somebody waits")
        assert s.sign()
    with tap.case("no descriptor is left: a module that crashes is started again when there is one"):
        pid = s.module().pid
        os.kill(pid, signal.SIGKILL)
        wait(lambda: s.module().state == "failed", "the end of the host")
        assert "open files" in s.module().error or "signal 9" in s.module().error, s.module()
    with tap.case("there is room again: who waited is served, and nobody was turned away"):
        want.ends()
        for connection in waiting:
            kind, _number, _body = connection.receive()
            assert kind == protocol.HELLO | protocol.REPLY, kind
            connection.close()
    with tap.case("there is room again: the module is back, and signs after an unlock"):
        wait(lambda: s.module().state == "running" and s.client.tokens(), "the module")
        s.unlock()
        assert s.sign()
    with tap.case("nothing is left behind"):
        wait(lambda: s.client.status().clients == 1, "the end of the others")
    assert s.agent.stop() == 0


def streams(tap, f):
    with tap.case("started without standard streams: its log goes into no other descriptor, and it signs"):
        under = f.scratch('#!/bin/sh\nexec "$@" <&- >&- 2>&-\n')
        under.chmod(0o700)
        s = Scene(f, under=[under])
        assert s.sign()
        os.kill(s.module().pid, signal.SIGKILL)
        wait(lambda: s.module().restarts == 1 and s.module().state == "running" and s.client.tokens(), "the module")
        s.unlock()
        assert s.sign()
        assert s.agent.stop() == 0


def size(tap, f):
    with tap.case("log and record are larger than files may be: it signs, and says what it cannot record"):
        under = f.scratch('#!/bin/sh\nulimit -f 1\nexec "$@"\n')
        under.chmod(0o700)
        with open(f.path("agent.log"), "ab") as log:
            log.write(b"\n" * 2048)
        s = Scene(f, under=[under])
        assert fill(s) is None and s.sign() and s.module().restarts == 0, s.module()
        tap.comment(s.client.record()[2])
        assert s.agent.stop() == 0


def disk(tap, f):
    state = f.path("state")
    state.mkdir(mode=0o700)
    for failure in ("allow", "deny"):
        with tap.case(f"a disk that is full, audit-failure = {failure}"):
            lacking = namespace.lacking()
            if lacking:
                raise Skip(f"there is no {lacking}")
            s = Scene(f, under=namespace.small_disk(state, "12k"), settings=f"audit-failure = {failure}",
                      environment={"XDG_STATE_HOME": str(state)})
            refused = fill(s)
            on, path, trouble, lost = s.client.record()
            assert on and path.startswith(str(state)) and "No space left" in trouble, (path, trouble)
            tap.comment(f"read by a user: {refused or s.agent.cli('status').stdout}")
            if failure == "allow":
                assert refused is None and lost > 0 and s.sign()
            else:
                assert refused.name == "DENIED" and "make room there" in refused.text, refused
            assert s.module().state == "running"
            assert s.agent.stop() == 0


def fill(s):
    """Signs until the record is full; why not, if it was for that."""
    for _ in range(100):
        try:
            s.sign()
        except protocol.AgentError as error:
            return error
        if s.client.record()[2]:
            return None
    raise AssertionError("the disk is not full yet")


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        descriptors(tap, f)
        streams(tap, f)
        size(tap, f)
        disk(tap, f)
    tap.done()


main()
