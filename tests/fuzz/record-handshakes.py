#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records TLS 1.2 handshakes of real clients as seeds of the proof parser, and makes near misses.

usage: tests/fuzz/record-handshakes.py

Needs openssl, gnutls-bin, libnss3-tools and chromium. Up to the CertificateVerify a TLS 1.2 handshake
travels in the clear, so a relay between client and server sees all that the client signs. Keys and
certificates are made for the occasion and thrown away; a seed holds certificates alone. Run it to add
a client or a case: every file is made anew. tests/unit/test-proof-corpus.c says what each must be.
"""
import pathlib
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fixture"))

import authority  # noqa: E402 pylint: disable=wrong-import-position
from fixture import Fixture  # noqa: E402 pylint: disable=wrong-import-position

SEEDS = pathlib.Path(__file__).parent / "seeds/proof"
HANDSHAKE, CHANGE_CIPHER_SPEC = 22, 20
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, SERVER_HELLO_DONE, CERTIFICATE_VERIFY = 1, 2, 11, 14, 15
PATIENCE = 60
TLS13_CLIENT = b" " * 64 + b"TLS 1.3, client CertificateVerify\0"


def octets(value):
    return struct.pack(">I", len(value)) + value


def handshake_messages(stream):
    """The handshake messages of one direction up to its ChangeCipherSpec, fragments put together."""
    plain = b""
    while len(stream) >= 5:
        kind, size = stream[0], int.from_bytes(stream[3:5], "big")
        if kind == CHANGE_CIPHER_SPEC:
            break
        if kind == HANDSHAKE:
            plain += stream[5:5 + size]
        stream = stream[5 + size:]
    found = []
    while len(plain) >= 4:
        size = 4 + int.from_bytes(plain[1:4], "big")
        found.append(plain[:size])
        plain = plain[size:]
    return found


class Relay:
    """Passes one connection after the other on to a port, and keeps what went each way."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def transcript(self):
        """(scheme, what the CertificateVerify covers) of the first connection that has one."""
        for said, heard in self._connections:
            client, server = handshake_messages(bytes(said)), handshake_messages(bytes(heard))
            kinds = [message[0] for message in client]
            if CERTIFICATE_VERIFY not in kinds:
                continue
            end = kinds.index(CERTIFICATE_VERIFY)
            done = [message[0] for message in server].index(SERVER_HELLO_DONE)
            covered = client[:1] + server[:done + 1] + client[1:end]
            return client[end][4:6], b"".join(covered)
        raise RuntimeError("no client has signed")

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            said, heard = bytearray(), bytearray()
            self._connections.append((said, heard))
            for source, sink, kept in ((client, server, said), (server, client, heard)):
                threading.Thread(target=self._pass_on, args=(source, sink, kept), daemon=True).start()

    @staticmethod
    def _pass_on(source, sink, kept):
        try:
            while data := source.recv(65536):
                kept += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Stage:
    """An authority, a client with an EC and an RSA key in files, and servers."""

    def __init__(self, fixture):
        self.fixture = fixture
        self.ca = fixture.authority("Office")
        self.server = self.ca.issue_server()
        self.clients = {kind: self.ca.issue_file(kind, f"/O=Countersign Test/CN={kind}", kind=kind)
                        for kind in ("p256", "rsa2048")}
        self.rsa_server = self.ca.issue_file("rsa-server", "/CN=localhost", kind="rsa2048",
                                             usage="serverAuth", more="subjectAltName = DNS:localhost\n"
                                             "keyUsage = critical, digitalSignature, keyEncipherment")

    def relay(self, *options, certificate=None):
        cert, key = certificate or self.server
        probe = socket.create_server(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        log = self.fixture.path(f"s_server-{port}.log")
        self.fixture.start(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key,
                            "-CAfile", self.ca.certificate, "-Verify", "3", "-tls1_2", "-www", *options], log=log)
        while "ACCEPT" not in log.read_text():
            pass
        return Relay(port)

    def keep(self, name, relay, kind):
        scheme, message = relay.transcript()
        public = self.fixture.run(["openssl", "x509", "-in", self.clients[kind][0], "-noout", "-pubkey"],
                                  check=True).stdout
        write(name, scheme, authority.pem_to_der(public), message)

    def nss_database(self, folder, kind):
        folder.mkdir(parents=True)
        where = f"sql:{folder}"
        cert, key = self.clients[kind]
        bundle = self.fixture.path(f"{kind}-{folder.name}.p12")
        for command in (["certutil", "-N", "-d", where, "--empty-password"],
                        ["certutil", "-A", "-d", where, "-n", "ca", "-t", "C,,", "-i", self.ca.certificate],
                        ["openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-name", "client",
                         "-passout", "pass:", "-out", bundle],
                        ["pk12util", "-d", where, "-i", bundle, "-W", ""]):
            self.fixture.run(command, check=True)
        return where


def write(name, scheme, spki, message):
    (SEEDS / name).write_bytes(scheme + octets(spki) + message)


def split(seed):
    size = int.from_bytes(seed[2:6], "big")
    return seed[:2], seed[6:6 + size], seed[6 + size:]


def ask(command):
    """Runs a client; whether it liked the answer does not matter."""
    subprocess.run(list(map(str, command)), input=b"GET / HTTP/1.0\r\n\r\n", check=False, timeout=PATIENCE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def openssl_client(stage, name, kind, *server, options=("-servername", "localhost"), conf="/dev/null"):
    relay = stage.relay(*server, certificate=stage.rsa_server if "-cipher" in server else None)
    cert, key = stage.clients[kind]
    ask(["env", f"OPENSSL_CONF={conf}", "openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}",
         "-cert", cert, "-key", key, *options])
    stage.keep(name, relay, kind)


def gnutls_client(stage, name, kind):
    relay = stage.relay()
    cert, key = stage.clients[kind]
    ask(["gnutls-cli", "--x509cafile", stage.ca.certificate, "--x509certfile", cert, "--x509keyfile", key,
         "--port", relay.port, "localhost"])
    stage.keep(name, relay, kind)


def nss_client(stage, name, kind):
    relay = stage.relay()
    where = stage.nss_database(stage.fixture.path(f"nss-{kind}"), kind)
    ask(["tstclnt", "-4", "-h", "localhost", "-p", relay.port, "-d", where, "-n", "client", "-V", "tls1.2:tls1.2",
         "-o", "-Q"])
    stage.keep(name, relay, kind)


def boringssl_client(stage, name, kind):
    """Chromium chooses the one certificate there is by a policy, which it reads from one place only."""
    relay = stage.relay()
    home = stage.fixture.path(f"chromium-{kind}")
    stage.nss_database(home / ".pki/nssdb", kind)
    policy = stage.fixture.path(f"policy-{kind}")
    policy.mkdir()
    (policy / "select.json").write_text(
        '{"AutoSelectCertificateForUrls": ["{\\"pattern\\":\\"https://localhost\\",\\"filter\\":{}}"]}')
    ask(["unshare", "--mount", "sh", "-c",
         f"mkdir -p /etc/chromium/policies/managed && mount --bind {policy} /etc/chromium/policies/managed && "
         f"HOME={home} exec chromium --headless=new --no-sandbox --disable-gpu --user-data-dir={home}/data "
         f"--dump-dom https://localhost:{relay.port}/"])
    stage.keep(name, relay, kind)


def record(stage):
    many = stage.fixture.scratch("".join(stage.fixture.authority(f"Other {n}").certificate.read_text()
                                         for n in range(20)) + stage.ca.certificate.read_text())
    openssl_client(stage, "tls12-openssl-ec", "p256")
    openssl_client(stage, "tls12-openssl-rsa", "rsa2048")
    openssl_client(stage, "tls12-openssl-many-issuers", "p256", "-CAfile", many)
    openssl_client(stage, "tls12-openssl-rsa-key-exchange", "rsa2048", "-cipher", "AES128-SHA256")
    no_ems = stage.fixture.scratch("openssl_conf = c\n[c]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n"
                                   "Options = -ExtendedMasterSecret\n")
    openssl_client(stage, "tls12-openssl-no-ems", "p256", options=["-noservername"], conf=no_ems)
    for kind, short in (("p256", "ec"), ("rsa2048", "rsa")):
        gnutls_client(stage, f"tls12-gnutls-{short}", kind)
        nss_client(stage, f"tls12-nss-{short}", kind)
        boringssl_client(stage, f"tls12-boringssl-{short}", kind)


def misses():
    """What looks like a proof and is none, made from a handshake that is one."""
    scheme, spki, message = split((SEEDS / "tls12-openssl-ec").read_bytes())
    other_spki = split((SEEDS / "tls12-openssl-rsa").read_bytes())[1]
    write("miss-truncated", scheme, spki, message[:-1])
    write("miss-trailing", scheme, spki, message + b"\0")
    write("miss-twice", scheme, spki, message + message)
    write("miss-other-client", scheme, other_spki, message)
    write("miss-scheme-not-offered", b"\x02\x03", spki, message)
    empty = bytes.fromhex("ff01000100")
    assert empty in message, "the server sends renegotiation_info"
    write("miss-tls13-hello", scheme, spki, message.replace(empty, bytes.fromhex("002b000100"), 1))
    write("miss-renegotiation", scheme, spki, message.replace(empty, bytes.fromhex("ff01000101"), 1))
    write("tls12-renegotiation", scheme, spki, renegotiated(message))
    scheme_too, spki_too, without_ems = split((SEEDS / "tls12-openssl-no-ems").read_bytes())
    write("miss-renegotiation-no-ems", scheme_too, spki_too, renegotiated(without_ems))
    write("miss-no-server-hello", scheme, spki, without(message, 2))
    write("miss-no-request", scheme, spki, without(message, 13))
    write("miss-no-client-certificate", scheme, spki, without(message, CERTIFICATE, last=True))
    write("miss-server-context", scheme, spki, TLS13_CLIENT.replace(b"client", b"server") + bytes(32))
    write("miss-tls13-short", scheme, spki, TLS13_CLIENT + bytes(31))
    write("miss-tls13-trailing", scheme, spki, TLS13_CLIENT + bytes(33))
    write("miss-document-with-spaces", scheme, spki,
          b" " * 64 + b"Dear Sir or Madam, I hereby sell you my house and its garden, both for a song. Alice")


def renegotiated(message):
    """As if it went on from an earlier one: a renegotiation itself travels enciphered."""
    found = b""
    while message:
        size = 4 + int.from_bytes(message[1:4], "big")
        part, message = message[:size], message[size:]
        found += with_verify_data(part) if part[0] in (CLIENT_HELLO, SERVER_HELLO) else part
    return found


def with_verify_data(hello):
    data = bytes(range(12 if hello[0] == CLIENT_HELLO else 24))
    at = 4 + 2 + 32
    at += 1 + hello[at]
    if hello[0] == CLIENT_HELLO:
        at += 2 + int.from_bytes(hello[at:at + 2], "big")
        at += 1 + hello[at]
    else:
        at += 3
    extensions = hello[at + 2:].replace(bytes.fromhex("ff01000100"), b"")
    extensions += struct.pack(">HHB", 0xff01, 1 + len(data), len(data)) + data
    body = hello[4:at] + struct.pack(">H", len(extensions)) + extensions
    return hello[:1] + len(body).to_bytes(3, "big") + body


def without(message, kind, last=False):
    found, rest = [], message
    while rest:
        size = 4 + int.from_bytes(rest[1:4], "big")
        found.append(rest[:size])
        rest = rest[size:]
    gone = [part for part in found if part[0] == kind]
    found.remove(gone[-1] if last else gone[0])
    return b"".join(found)


def main():
    with Fixture() as fixture:
        record(Stage(fixture))
    misses()


main()
