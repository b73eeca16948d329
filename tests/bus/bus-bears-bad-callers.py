#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Callers that are wrong, many, of another user, or gone, and a bus that goes: the agent is well."""
import os
import socket
import struct
import time

import bus
import protocol_client as protocol
from fixture import Fixture
from tap import Skip, Tap, skip_all

AGENT, TOKEN, IDENTITY = (f"org.countersign.{n}1" for n in ("Agent", "Token", "Identity"))
FLOOD = 3000
PATIENCE = 20
USES = 8000  # more than are kept
LOGIN = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)


def served(agent):
    """The socket answers, and soon."""
    began = time.monotonic()
    assert agent.cli("list", check=True).returncode == 0
    return time.monotonic() - began


def sign(agent, n):
    """Many signatures, some at a time."""
    client = protocol.Client(agent.socket)
    alice, _chain = client.resolve("alice", 1)
    request = protocol.blob(alice.id) + protocol.u16(0x0403) + protocol.u8(0) + protocol.blob(LOGIN)
    for _ in range(0, n, 16):
        for _ in range(16):
            client.post(protocol.SIGN, request)
        for _ in range(16):
            kind, _number, body = client.receive()
            assert kind == protocol.SIGN + protocol.REPLY, body
    client.close()


def wait_for_log(agent, words, times=1):
    deadline = time.monotonic() + PATIENCE
    while agent.log().count(words) < times:
        assert time.monotonic() < deadline, agent.log()[-2000:]
        time.sleep(0.02)


class RawClient:
    """A connection that sends what it likes and reads nothing unless told to."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert self.socket.recv(512).startswith(b"OK")
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")

    def call(self, destination, path, interface, member):
        """A method call without arguments, by hand (D-Bus specification, Message Protocol)."""
        self.serial += 1
        fields = b""
        for code, kind, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member),
                                  (6, b"s", destination)):
            fields += b"\0" * (-len(fields) % 8)
            fields += struct.pack("<BB1sB", code, 1, kind, 0)
            fields += struct.pack("<I", len(value)) + value.encode() + b"\0"
        head = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, 0, self.serial, len(fields)) + fields
        self.socket.sendall(head + b"\0" * (-len(head) % 8))


def call_as_nobody(f, address):
    """What `busctl` of another user hears."""
    return f.run(["busctl", f"--address={address}", "call", AGENT, "/org/countersign/Agent1", AGENT,
                  "Lock"], user=65534, group=65534, extra_groups=[])


def fill(listener, path):
    """Listens there with a queue that is full: whoever connects without patience is told so, others wait."""
    waiting = []
    listener.bind(str(path))
    listener.listen(1)
    try:
        while True:
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect(str(path))
    except BlockingIOError:
        return waiting


def main():
    absent = bus.missing()
    if absent:
        skip_all(f"{absent} is not installed")
    import dbus  # pylint: disable=import-outside-toplevel
    import client as bus_client  # pylint: disable=import-outside-toplevel
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        token.identity(ca, "p256", "alice")
        session = bus.Bus(f)
        agent = f.agent()
        client = bus_client.Client(session.address)
        client.wait_for_name()
        token_path, = client.paths(TOKEN)
        identity_path, = client.paths(IDENTITY)

        with tap.case("wrong types, members, objects and properties: the standard's errors"):
            freedesktop = "org.freedesktop.DBus.Error."
            for path, interface, member, arguments, error in (
                    (identity_path, IDENTITY, "Sign", ("x",), "InvalidArgs"),
                    (identity_path, IDENTITY, "Shout", (), "UnknownMethod"),
                    (identity_path, TOKEN, "Lock", (), "UnknownMethod"),
                    (bus_client.ROOT + "/token/0", TOKEN, "Lock", (), "UnknownObject"),
                    ("/nowhere", TOKEN, "Lock", (), "UnknownObject"),
                    (token_path, "org.freedesktop.DBus.Properties", "Get", (TOKEN, "Colour"),
                     "UnknownProperty"),
                    (token_path, "org.freedesktop.DBus.Properties", "Set",
                     (TOKEN, "Locked", dbus.Boolean(False, variant_level=1)), "PropertyReadOnly"),
                    (token_path, "org.freedesktop.DBus.Properties", "GetAll", (IDENTITY,),
                     "UnknownInterface")):
                name, _ = client.error(path, interface, member, *arguments)
                assert name == freedesktop + error, (member, name)
        with tap.case("values that make no sense: errors of the catalogue"):
            name, _ = client.error(identity_path, IDENTITY, "Sign", "rsa", dbus.ByteArray(b"x"))
            assert name == "org.countersign.Error.Scheme", name
            name, _ = client.error(identity_path, IDENTITY, "SignDigest", "ecdsa_secp256r1_sha256",
                                   dbus.ByteArray(b"not a hash"))
            assert name == "org.countersign.Error.Invalid", name
            name, _ = client.error(token_path, TOKEN, "Unlock",
                                   dbus.Dictionary({"pin": "1234"}, "sv"))
            assert name == "org.countersign.Error.Invalid", name
        with tap.case("a message beyond the limit is refused, be it far beyond, and nobody loses the bus"):
            owner = client.connection.get_name_owner(bus_client.NAME)
            for size in (1024 * 1024 + 1, 3 * 1024 * 1024, 40 * 1024 * 1024):
                name, _ = client.error(identity_path, IDENTITY, "Sign", "ecdsa_secp256r1_sha256",
                                       dbus.ByteArray(bytes(size)))
                assert name == "org.countersign.Error.TooLarge", (size, name)
            served(agent)
            assert client.connection.get_name_owner(bus_client.NAME) == owner
        with tap.case("a PIN that never comes blocks nobody"):
            reader, writer = os.pipe()
            proxy = client.connection.get_object(bus_client.NAME, token_path, introspect=False)
            proxy.get_dbus_method("UnlockWithPin", TOKEN)(
                dbus.types.UnixFd(reader), ignore_reply=True)
            assert served(agent) < 5
            other = bus_client.Client(session.address)
            assert other.get(token_path, TOKEN, "Locked") == 1
            os.close(writer)
            os.close(reader)
        with tap.case("a flood that reads no answer: the socket is served, others are too"):
            flood = RawClient(session.path)
            for _ in range(FLOOD):
                flood.call(AGENT, "/org/countersign/Agent1", "org.freedesktop.DBus.Introspectable",
                           "Introspect")
            assert served(agent) < 10
            assert client.get(token_path, TOKEN, "Label") == "corp"
            flood.socket.close()
        with tap.case("callers that go before their answer leave nothing behind"):
            for _ in range(50):
                gone = RawClient(session.path)
                gone.call(AGENT, "/org/countersign/Agent1", AGENT, "Refresh")
                gone.socket.close()
            served(agent)
            assert client.get(token_path, TOKEN, "Label") == "corp"
        if os.getuid() == 0:
            with tap.case("another user is refused"):
                for folder in (f.folder, f.runtime):
                    folder.chmod(0o755)
                session.path.chmod(0o777)
                result = call_as_nobody(f, session.address)
                assert result.returncode != 0 and "own user alone" in result.stderr, result.stderr
        else:
            with tap.case("another user is refused"):
                raise Skip("only root can become another user")
        with tap.case("the bus goes: the socket is served; it comes back: so does the name"):
            session.stop()
            wait_for_log(agent, "the session bus is gone")
            served(agent)
            session.start()
            client = bus_client.Client(session.address)
            client.wait_for_name()
            assert client.paths(TOKEN) == [token_path]
        with tap.case("a bus that hangs holds nothing up"):
            session.process.send_signal(19)  # SIGSTOP
            try:
                assert served(agent) < 5
            finally:
                session.process.send_signal(18)
        with tap.case("nor is all kept for it that it was not told; what changed is"):
            agent.unlock(token)
            monitor = bus_client.Monitor(f)
            session.process.send_signal(19)
            try:
                sign(agent, USES)
                agent.cli("lock", check=True)
            finally:
                session.process.send_signal(18)
            told = 0
            for line in monitor.process.stdout:
                told += f"{IDENTITY}.Used" in line
                if "'Locked': <true>" in line:
                    break
            f.stop(monitor.process)
            tap.comment(f"of {USES} uses {told} were told")
            assert 0 < told < USES
        with tap.case("a bus that takes no connection any more holds nothing up, nor does it keep the agent from its end"):
            agent.stop()
            with socket.socket(socket.AF_UNIX) as full:
                waiting = fill(full, f.path("full-bus"))
                agent = f.agent(environment={"DBUS_SESSION_BUS_ADDRESS": f"unix:path={f.path('full-bus')}"})
                served(agent)
                assert agent.stop() == 0
                for one in waiting:
                    one.close()
            agent.start()
        with tap.case("the agent ends in order"):
            assert agent.stop() == 0
    tap.done()


main()
