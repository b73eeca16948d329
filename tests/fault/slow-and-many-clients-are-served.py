#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand idle clients, two hundred busy ones, some that send in drops or never read: all others are
served, and none of them is turned away."""
import resource

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all
from wait import wait

SCHEME, ED25519 = 0x0403, 0x0807
IDLE, BUSY, DROPPING, DEAF = 1000, 200, 10, 10  # 1,024 at a time is the limit
EACH = 5  # requests that each busy client has under way
HELLO = protocol.frame(protocol.HELLO, 1, protocol.u16(1) + protocol.u16(1) + protocol.string("drops") +
                       protocol.u32(0))
STATUS = protocol.frame(protocol.STATUS, 2, b"")


class Scene:
    def __init__(self, f):
        token = f.token("corp")
        token.identity(f.authority("Office"), "p256", "alice")
        self.agent = f.agent(rules=ANYTHING)
        self.client = protocol.Client(self.agent.socket)
        self.client.unlock_with("corp", token.pin)
        self.key = self.client.resolve("alice", 1)[0].id

    def clients(self, n):
        return [protocol.Client(self.agent.socket) for _ in range(n)]

    def sign(self):
        return protocol.Client(self.agent.socket).sign(self.key, SCHEME, b"x")

    def wait_for_clients(self, n):
        wait(lambda: self.client.status().clients == n, f"{n} clients")


def idle(tap, s):
    with tap.case(f"{IDLE} clients that say nothing: a program signs"):
        crowd = s.clients(IDLE)
        assert s.client.status().clients == IDLE + 1
        assert s.sign()
    return crowd


def drops(tap, s):
    with tap.case(f"{DROPPING} clients whose requests come octet by octet: a program signs between any two"):
        slow = [protocol.Connection(s.agent.socket) for _ in range(DROPPING)]
        for octet in HELLO + STATUS:
            for connection in slow:
                connection.send(bytes([octet]))
            assert s.sign()
        for connection in slow:
            assert connection.receive()[0] == protocol.HELLO | protocol.REPLY
            assert connection.receive()[:2] == (protocol.STATUS | protocol.REPLY, 2)
            connection.close()


def deaf(tap, s):
    with tap.case(f"{DEAF} clients that never read: a program signs"):
        crowd = s.clients(DEAF)
        for client in crowd:
            client.socket.setblocking(False)
            try:
                while True:
                    client.socket.send(STATUS * 200)
            except BlockingIOError:
                pass
        assert s.sign()
        for client in crowd:
            client.close()


def busy(tap, s):
    with tap.case(f"{BUSY} clients with {EACH} requests each under way: every one gets its own signatures"):
        crowd = s.clients(BUSY)
        body = protocol.blob(s.key) + protocol.u16(SCHEME) + protocol.u8(0) + protocol.blob(b"x")
        asked = [{client.post(protocol.SIGN, body) for _ in range(EACH)} for client in crowd]
        for client, numbers in zip(crowd, asked):
            replies = [client.receive() for _ in numbers]
            assert {kind for kind, _, _ in replies} == {protocol.SIGN | protocol.REPLY}, replies
            assert {number for _, number, _ in replies} == numbers
            assert len({body for _, _, body in replies}) == EACH, "a signature was given twice"
            client.close()


def large(tap, f):
    """Ed25519 signs the message itself, and nobody enters the PIN."""
    token = f.token("large")
    key = token.generate("ed25519", "large")
    agent = f.agent(rules=ANYTHING, pinentry=f.pinentry("hang"))
    client = protocol.Client(agent.socket, environment=[("DISPLAY", ":99")])
    one, _chain = client.resolve(key.uri, 1)
    body = protocol.blob(one.id) + protocol.u16(ED25519) + protocol.u8(0)
    with tap.case("large messages that wait for a PIN: the agent keeps some, and turns others away"):
        numbers = [client.post(protocol.SIGN, body + protocol.blob(bytes(1000000))) for _ in range(20)]
        for number in numbers[16:]:
            kind, answered, reply = client.receive()
            assert (kind, answered) == (protocol.ERROR, number), (kind, answered)
            error = protocol.error_of(client.open_reply, protocol.SIGN, kind, reply)
            assert error.name == "BUSY", error
    with tap.case("and what is as long as a handshake waits with them"):
        client.post(protocol.SIGN, body + protocol.blob(bytes(60000)))
        number = client.post(protocol.STATUS)
        assert client.receive()[1] == number
    client.close()
    agent.stop()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        large(tap, f)
        s = Scene(f)
        crowd = idle(tap, s)
        drops(tap, s)
        deaf(tap, s)
        for client in crowd:
            client.close()
        s.wait_for_clients(1)
        busy(tap, s)
        with tap.case("nothing is left of them"):
            s.wait_for_clients(1)
            assert s.client.status().modules[0].restarts == 0
            assert s.agent.stop() == 0
    tap.done()


main()
