#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PIN descriptor that never delivers, or rubbish: its own request ends, and no other waits."""
import json
import os
import time

import programs
import protocol_client as protocol
from fault import Fault
from fixture import Fixture
from scene import DISPLAY, SCHEME, Scene
from tap import Tap, skip_all

SOON = 10  # seconds: far less than the 30 that a descriptor has


class PipeScene(Scene):
    def __init__(self, f, fault, *answers):
        self.pipes, self.clients = [], []
        super().__init__(f, fault, "slot 0 token=corp tries=5 fixed", *answers)
        self.before = len(self.record())

    def __exit__(self, *failure):
        for fd in self.pipes:
            os.close(fd)
        for client in self.clients:
            client.close()
        super().__exit__(*failure)

    def client(self):
        self.clients.append(protocol.Client(self.agent.socket, environment=list(DISPLAY.items())))
        return self.clients[-1]

    def silence(self):
        """A descriptor to read from, whose writer says nothing."""
        reader, writer = os.pipe()
        self.pipes += [reader, writer]
        return reader

    def says(self, text):
        reader, writer = os.pipe()
        self.pipes.append(reader)
        os.write(writer, text.encode())
        os.close(writer)
        return reader

    def recorded(self, event):
        """How those of this scene ended, as the record has it."""
        return [line["outcome"] for line in self.record()[self.before:] if line["event"] == event]

    def record(self):
        return [json.loads(line) for line in self.agent.cli("log", "--json").stdout.splitlines()]

    def hang_unlock(self):
        return self.hang(protocol.UNLOCK, [self.silence()])

    def hang_change(self):
        return self.hang(protocol.PIN_CHANGE, [self.silence(), self.silence()])

    def hang(self, kind, fds):
        client = self.client()
        client.post(kind, protocol.string("corp") + protocol.u8(1), fds)
        client.post(protocol.STATUS)
        assert client.receive()[0] == protocol.STATUS + protocol.REPLY  # so the first was read
        return client

    def threads(self):
        """How many threads the token's process has."""
        pid = json.loads(self.agent.cli("status", "--json", check=True).stdout)["modules"][0]["pid"]
        return len(os.listdir(f"/proc/{pid}/task"))


def refusal_of(client, what=protocol.UNLOCK):
    """The error with which a request that hung ends."""
    kind, _, body = client.receive()
    try:
        client.open_reply(what, kind, body)
    except protocol.AgentError as error:
        return error
    raise AssertionError("it was done")


def soon(function, *arguments):
    start = time.monotonic()
    result = function(*arguments)
    assert time.monotonic() - start < SOON, "it waited"
    return result


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        with tap.case("another PIN by a descriptor"), PipeScene(f, fault) as s:
            stuck = s.hang_unlock()
            soon(s.client().unlock_with, "corp", "1234")
            # The first has what it wanted, too.
            stuck.socket.settimeout(SOON)
            assert stuck.receive()[0] == protocol.UNLOCK + protocol.REPLY
        with tap.case("a dialog"), PipeScene(f, fault, "pin:1234") as s:
            s.hang_unlock()
            client = s.client()
            alice, _ = client.resolve("alice", 1)
            soon(client.sign, alice.id, SCHEME, b"x")
        with tap.case("who asks with nobody to ask is told at once"), PipeScene(f, fault) as s:
            s.hang_unlock()
            client = s.client()
            alice, _ = client.resolve("alice", 1)
            assert soon(protocol.error_of, client.sign, alice.id, SCHEME, b"x").name == "LOCKED"
        with tap.case("a lock"), PipeScene(f, fault) as s:
            stuck = s.hang_unlock()
            assert soon(s.client().lock, "corp") == ["corp"]
        with tap.case("however many changes of the PIN there are: the same"), PipeScene(f, fault) as s:
            stuck = [s.hang_change() for _ in range(9)]
            stuck[0].socket.settimeout(SOON)
            error = refusal_of(stuck[0], protocol.PIN_CHANGE)
            assert error.name == "BUSY" and "'corp': no PIN came" in error.text, error
            assert s.recorded("pin-change") == ["Busy"]
            soon(s.client().change_pin, "corp", 1, [s.says("1234"), s.says("4321")])
            soon(s.client().change_pin, "corp", 1, [s.says("4321"), s.says("1234")])
            assert s.recorded("pin-change") == ["Busy"] * 2 + ["changed"] * 2
            assert fault.count("C_SetPIN") == 2
        with tap.case("a change of the PIN"), PipeScene(f, fault) as s:
            s.hang_change()
            soon(s.client().unlock_with, "corp", "1234")
        with tap.case("however many there are: the oldest makes room"), PipeScene(f, fault) as s:
            stuck = [s.hang_unlock() for _ in range(9)]
            stuck[0].socket.settimeout(SOON)
            assert refusal_of(stuck[0]).name == "BUSY"
            assert s.recorded("unlock") == ["Busy"]
            soon(s.client().unlock_with, "corp", "1234")
            for client in stuck[2:]:
                client.socket.settimeout(SOON)
                assert client.receive()[0] == protocol.UNLOCK + protocol.REPLY
        with tap.case("who went leaves nothing behind in the token's process"), PipeScene(f, fault) as s:
            s.agent.cli("refresh", check=True)  # which is done when all its threads are there
            threads = s.threads()
            for client in [s.hang_unlock() for _ in range(4)]:
                client.close()
            deadline = time.monotonic() + SOON
            while s.threads() > threads:
                assert time.monotonic() < deadline, "a descriptor is still awaited"
                time.sleep(0.02)
        with tap.case("it ends by itself, with a sentence"), PipeScene(f, fault) as s:
            client = s.hang_unlock()
            client.socket.settimeout(60)
            error = refusal_of(client)
            assert error.name == "TIMEOUT" and "corp" in error.text, error
        with tap.case("what is no PIN: a folder, nothing, too much, a binary file, two lines"), \
                PipeScene(f, fault) as s:
            for path, name in ((f.folder, "SYSTEM"), ("/dev/null", "LOCKED"), ("/dev/zero", "PIN_INCORRECT")):
                fd = os.open(path, os.O_RDONLY)
                assert soon(protocol.error_of, s.client().unlock, "corp", 1, [fd]).name == name, path
                os.close(fd)
            for text in (b"12\x0034", b"1234\n5678\n"):
                reader, writer = os.pipe()
                os.write(writer, text)
                os.close(writer)
                assert soon(protocol.error_of, s.client().unlock, "corp", 1, [reader]).name == "PIN_INCORRECT", text
                os.close(reader)
            assert fault.count("C_Login") == 0
    tap.done()


main()
