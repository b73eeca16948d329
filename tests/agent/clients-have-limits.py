#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No client takes the agent from the others: not by number, nor by silence, nor by deafness."""
import os
import resource
import socket
import time

import protocol_client as protocol
from stage import Stage, Tap, error_of, wait_for

CLIENTS = 1024
REFUSED = 64  # of more that are told so at a time
REQUESTS = 64  # of one client
ALL_REQUESTS = 4096
HELLO_TIME = 10
# KiB that the agent may grow by; AddressSanitizer keeps what was freed for a while.
GROWTH = 128 * 1024 if os.environ.get("CS_SANITIZE") == "1" else 4096
PLAY = """
host.ready()
host.token(spki=SPKI)
host.scanned()
host.sign_all()
"""
DEAF_HOST = """
host.ready()
host.token(spki=SPKI)
host.scanned()
host.serve(lambda request: None)
"""
# It has much to tell before it hears the next.
BUSY_HOST = """
host.ready()
host.begin(1, "corp", LOGIN_REQUIRED | INITIALIZED | UNLOCKED)
key = open(SPKI, "rb").read()
host.object(1, PUBLIC_KEY, "key", b"\\x01", key, EC)
host.object(1, PRIVATE_KEY, "key", b"\\x01", key, EC, flags=1)  # it wants its PIN each time
host.end(1)
host.scanned()
def handle(request):
    if request.kind == SIGN and host.note("asked") == 0:
        while not os.path.exists(SPKI + ".go"):
            time.sleep(0.01)
        host.begin(2, "late", INITIALIZED, "9")
        host.object(2, CERTIFICATE, "x", b"", bytes(1000000))
        host.end(2)
    elif request.kind == LOGOUT:
        host.done(request)
host.serve(handle)
"""
LOGIN = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)


def memory_of(pid):
    """Private memory in KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))


def flood(connection, data):
    """Sends until nothing more is taken for a while; how many octets went."""
    connection.socket.setblocking(False)
    sent, quiet_since = 0, time.monotonic()
    while time.monotonic() - quiet_since < 0.3:
        try:
            sent += connection.socket.send(data)
            quiet_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    return sent


def ask_for_signatures(stage, clients):
    """As many requests as may be, each of which goes to the host with its client's variables."""
    request = (protocol.blob(stage.client().identities()[0].id) + protocol.u16(0x0403) + protocol.u8(0) +
               protocol.blob(LOGIN))
    crowd = [protocol.Client(stage.socket, environment=[("DISPLAY", ":" + "9" * 4000), ("LANG", "x" * 1000000)])
             for _ in range(clients)]
    for client in crowd:
        client.send(b"".join(protocol.frame(protocol.SIGN, 100 + i, request) for i in range(REQUESTS)))
    for client in crowd:
        client.status()  # so they have been read
    return crowd


def is_told(connection):
    """Whether it gets an answer before its end."""
    try:
        return connection.socket.recv(1, socket.MSG_PEEK) != b""
    except ConnectionResetError:
        return False


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    tap = Tap()
    with Stage() as stage:
        tap.diagnose = stage.diagnose
        stage.play(one=PLAY)
        first = stage.client()
        silent, since = protocol.Connection(stage.socket), time.monotonic()

        with tap.case("a client that takes no answers gets no more of them, and the others theirs"):
            deaf = stage.client()
            before = memory_of(stage.process.pid)
            request = protocol.frame(protocol.STATUS, 1, b"")
            sent = flood(deaf, request * 1000)
            assert sent < 16 * 1024 * 1024, sent
            assert len(stage.client().identities()) == 1
            grown = memory_of(stage.process.pid) - before
            deaf.close()
            wait_for(lambda: first.status().clients == 2, "its end")
            assert grown < GROWTH, grown

        with tap.case("one client too many is told so; when another goes there is room"):
            if most < CLIENTS + 200:
                raise AssertionError(f"the limit of descriptors is {most}")
            crowd = [protocol.Client(stage.socket) for _ in range(CLIENTS - 2)]
            assert first.status().clients == CLIENTS
            name, _ = error_of(stage.client)
            assert name == "BUSY"
            more = [protocol.Connection(stage.socket) for _ in range(REFUSED + 1)]
            assert not all(map(is_told, more)), "each of any number"
            assert is_told(more[0])
            crowd.pop().close()
            wait_for(lambda: first.status().clients == CLIENTS - 1, "room")
            assert len(stage.client().tokens()) == 1
            for client in crowd:
                client.close()
            wait_for(lambda: first.status().clients <= 2, "their end")

        with tap.case("a client that never says HELLO is sent away"):
            kind, number, body = silent.receive()
            assert (kind, number) == (protocol.ERROR, 0)
            assert protocol.Reader(body).u16() == 18
            assert HELLO_TIME - 1 < time.monotonic() - since < HELLO_TIME + 5
            try:
                assert silent.socket.recv(1) == b""
            except ConnectionResetError:
                pass

        with tap.case("nothing is left of them"):
            descriptors = f"/proc/{stage.process.pid}/fd"
            wait_for(lambda: len(os.listdir(descriptors)) < 40, "their descriptors' end")
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(stage.socket))
            assert stage.stop_agent() == 0

        with tap.case("one request too many under way is told so, and the others are not disturbed"):
            stage.play(one=DEAF_HOST)
            client = stage.client()
            request = (protocol.blob(client.identities()[0].id) + protocol.u16(0x0403) + protocol.u8(0) +
                       protocol.blob(LOGIN))
            *_, last = [client.post(protocol.SIGN, request) for _ in range(REQUESTS + 1)]
            kind, number, body = client.receive()
            assert number == last, (number, last)
            assert error_of(client.open_reply, protocol.SIGN, kind, body)[0] == "BUSY"
            assert len(stage.client().tokens()) == 1

        with tap.case("nor may all together have more under way than there is room for"):
            crowd = [stage.client() for _ in range(ALL_REQUESTS // REQUESTS - 1)]
            assert len(stage.client().tokens()) == 1
            for other in crowd:
                for _ in range(REQUESTS):
                    other.post(protocol.SIGN, request)
                other.status()  # so they have been read
            assert error_of(stage.client().tokens)[0] == "BUSY"

        with tap.case("a host that takes nothing while it tells something is heard, however much waits for it"):
            stage.play(one=BUSY_HOST)
            crowd = ask_for_signatures(stage, 2)
            stage.path("spki.der.go").touch()
            wait_for(lambda: len(stage.client().tokens()) == 2, "the second token")
            assert sorted(stage.client().lock()) == ["corp"], "it has heard all"

        with tap.case("what clients say of their displays costs no host its life"):
            stage.play(one=BUSY_HOST)
            crowd = ask_for_signatures(stage, 4)
            assert stage.client().lock() == ["corp"]
            assert "end of the socket" not in stage.record("one"), "it has died of them"
            del crowd
    tap.done()


main()
