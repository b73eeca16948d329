#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent, the agent answers as PROTOCOL.md says and goes on serving others."""
import os
import select

import programs
import protocol_client as protocol
from fixture import Fixture
from protocol_client import blob, frame, string, u8, u16, u32
from tap import Tap, skip_all

GREETING = u16(1) + u16(1) + string("test") + u32(0)


def error_of(connection):
    """(id, name) of the ERROR that comes next."""
    kind, request_id, body = connection.receive()
    assert kind == protocol.ERROR, f"type {kind:#x} instead of an ERROR"
    reader = protocol.Reader(body)
    name = protocol.ERROR_NAMES[reader.u16()]
    assert reader.string().strip(), "an error without a sentence"
    reader.end()
    return request_id, name


def closed(connection):
    try:
        connection.receive()
    except protocol.Closed:
        return
    raise AssertionError("the connection is still open")


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp")
        agent = f.agent()
        before_hello(tap, agent)
        bad_bodies(tap, agent)
        bad_frames(tap, agent)
        descriptors(tap, agent)
        with tap.case("the agent still serves, and stops when asked"):
            protocol.Client(agent.socket).status()
            assert agent.stop() == 0
    tap.done()


def before_hello(tap, agent):
    with tap.case("a request before HELLO is refused"):
        raw = protocol.Connection(agent.socket)
        raw.send(frame(protocol.STATUS, 7, b""))
        assert error_of(raw) == (7, "PROTOCOL")
    with tap.case("no version in common: VERSION, and the end"):
        raw = protocol.Connection(agent.socket)
        raw.send(frame(protocol.HELLO, 1, u16(200) + u16(300) + string("test") + u32(0)))
        assert error_of(raw) == (1, "VERSION")
        closed(raw)
    with tap.case("a range of versions that ends before it begins: PROTOCOL"):
        raw = protocol.Connection(agent.socket)
        raw.send(frame(protocol.HELLO, 1, u16(2) + GREETING[2:]))
        assert error_of(raw) == (1, "PROTOCOL")
    with tap.case("a range of versions gets the highest common one"):
        assert protocol.Client(agent.socket, versions=(1, 9)).version == 1
    with tap.case("the first request may be sent right behind HELLO"):
        raw = protocol.Connection(agent.socket)
        raw.send(frame(protocol.HELLO, 1, GREETING) + frame(protocol.STATUS, 2, b""))
        assert [raw.receive()[:2] for _ in range(2)] == [(0x8001, 1), (0x8009, 2)]
    with tap.case("a frame in single octets is a frame"):
        raw = protocol.Connection(agent.socket)
        for octet in frame(protocol.HELLO, 1, GREETING):
            raw.send(bytes([octet]))
        assert raw.receive()[:2] == (0x8001, 1)
    with tap.case("variables that prompts do not need are ignored"):
        protocol.Client(agent.socket, environment=[("LD_PRELOAD", "/x"), ("LANG", "C")]).status()
    with tap.case("more than 16 variables are refused"):
        raw = protocol.Connection(agent.socket)
        many = b"".join(string("LANG") + string("C") for _ in range(17))
        raw.send(frame(protocol.HELLO, 1, GREETING[:-4] + u32(17) + many))
        assert error_of(raw)[1] == "PROTOCOL"


BAD_BODIES = {
    "a body that is too short": (protocol.TOKENS, b"\0\0\0"),
    "a byte left over": (protocol.TOKENS, u32(0) + b"\0"),
    "an empty body where there are fields": (protocol.RESOLVE, b""),
    "a body where there is none": (protocol.STATUS, b"\0"),
    "a body of REFRESH": (protocol.REFRESH, b"\0"),
    "a body of WATCH": (protocol.WATCH, b"\0"),
    "a body of CONSENTS": (protocol.CONSENTS, b"\0"),
    "a body of RECORD": (protocol.RECORD, u32(0)),
    "a number that is too short": (protocol.CONSENT_REVOKE, b"\0\0\0"),
    "a length beyond the body": (protocol.RESOLVE, u32(0xFFFFFFFF) + b"x"),
    "a zero in a string": (protocol.RESOLVE, string("a\0b") + u8(1)),
    "a string that is no UTF-8": (protocol.RESOLVE, blob(b"\xff\xfe") + u8(1)),
    "an expect out of range": (protocol.RESOLVE, string("a") + u8(3)),
    "an id of 31 octets": (protocol.SIGN, blob(bytes(31)) + u16(0x0403) + u8(0) + blob(b"")),
    "an input out of range": (protocol.SIGN, blob(bytes(32)) + u16(0x0403) + u8(2) + blob(b"")),
    "a how out of range": (protocol.UNLOCK, string("corp") + u8(3)),
    "a second HELLO": (protocol.HELLO, GREETING),
}


def bad_bodies(tap, agent):
    client = protocol.Client(agent.socket)
    for what, (kind, body) in BAD_BODIES.items():
        with tap.case(f"{what}: PROTOCOL, and the connection goes on"):
            client.send(frame(kind, 77, body))
            assert error_of(client) == (77, "PROTOCOL")
            client.status()
    with tap.case("a second WATCH: PROTOCOL, and the connection goes on"):
        client.ask(protocol.WATCH)
        client.send(frame(protocol.WATCH, 77, b""))
        assert error_of(client) == (77, "PROTOCOL")
        client.status()
    for kind in (0x0000, 0x001F, 0x7FFF, 0x8009, 0xFFFF):
        with tap.case(f"type {kind:#06x}: UNSUPPORTED, and the connection goes on"):
            client.send(frame(kind, 78, b"whatever"))
            assert error_of(client) == (78, "UNSUPPORTED")
            client.status()


def bad_frames(tap, agent):
    with tap.case("a body of the largest size is taken"):
        client = protocol.Client(agent.socket)
        data = bytes(protocol.BODY_MAX - 4 - 32 - 2 - 1 - 4)
        client.send(frame(protocol.SIGN, 5, blob(bytes(32)) + u16(0x0403) + u8(0) + blob(data)))
        assert error_of(client) == (5, "NOT_FOUND")
    with tap.case("a length over the limit ends the connection"):
        client = protocol.Client(agent.socket)
        client.send(frame(protocol.STATUS, 5, b"", length=protocol.BODY_MAX + 1))
        assert error_of(client)[0] == 0
        closed(client)
    with tap.case("flags end the connection"):
        client = protocol.Client(agent.socket)
        client.send(frame(protocol.STATUS, 5, b"", flags=1))
        assert error_of(client)[0] == 0
        closed(client)
    with tap.case("a client that goes away in a frame harms nobody"):
        client = protocol.Client(agent.socket)
        client.send(frame(protocol.STATUS, 5, b"", length=100) + b"half")
        client.close()
        protocol.Client(agent.socket).status()


def descriptors(tap, agent):
    with tap.case("UNLOCK from a descriptor without one: an error"):
        client = protocol.Client(agent.socket)
        client.send(frame(protocol.UNLOCK, 5, string("corp") + u8(1)))
        assert error_of(client) == (5, "PROTOCOL")
    with tap.case("descriptors that nobody asked for are closed"):
        client = protocol.Client(agent.socket)
        reader, writer = os.pipe()
        for _ in range(5):
            client.send(frame(protocol.STATUS, 6, b""), [writer])
            client.receive()
        os.close(writer)
        # The pipe ends when nobody holds its other end any more.
        assert select.select([reader], [], [], 5)[0] and os.read(reader, 1) == b""
        os.close(reader)


main()
