# SPDX-License-Identifier: Apache-2.0
"""An agent written from PROTOCOL.md alone, with one key in a file: honest, or lying as it is told.

It shows that clients keep to the document, and what they do when an agent does not.
"""
import hashlib
import os
import socket
import threading

import authority
import protocol_client as protocol
from protocol_client import blob, frame, string, u8, u16, u32

U64_ZERO = bytes(8)
TOKEN_URI = "pkcs11:token=fake;serial=1"


def entries(*packed):
    return u32(len(packed)) + b"".join(packed)


class FakeAgent:
    """lie(kind, body) may give octets to send instead of the frame of the honest answer."""

    def __init__(self, f, path, name="eve"):
        self.f = f
        self.ca = f.authority("Fakes")
        self.certificate, self.key = self.ca.issue_file(name, f"/CN={name}")
        self.lie = None
        public = f.run(["openssl", "pkey", "-in", self.key, "-pubout"], check=True).stdout
        self.spki = authority.pem_to_der(public)
        self.id = hashlib.sha256(self.spki).digest()
        self.uri = f"{TOKEN_URI};object={name};type=private"
        self.name = name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o600)
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            peer, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=[peer], daemon=True).start()

    def _serve(self, peer):
        connection = protocol.Connection.__new__(protocol.Connection)
        connection.socket = peer
        try:
            while True:
                kind, request_id, body = connection.receive()
                answer = self._answer(kind, protocol.Reader(body))
                honest = frame(kind + protocol.REPLY, request_id, answer)
                lie = self.lie(kind, request_id, honest) if self.lie else None
                connection.send(honest if lie is None else lie)
                if lie is not None and len(lie) < len(honest):
                    break
        except (protocol.Closed, OSError):
            pass
        peer.close()

    def _answer(self, kind, reader):
        generation = U64_ZERO[:7] + b"\1"
        page = generation + u32(1)
        return {
            protocol.HELLO: lambda: u16(1) + string("fake"),
            protocol.TOKENS: lambda: page + entries(self._token()),
            protocol.IDENTITIES: lambda: page + entries(self._identity()),
            protocol.CERTIFICATES: lambda: generation + u32(0) + u32(0),
            protocol.RESOLVE: lambda: u8(1) + self._identity() + entries(blob(self._leaf())),
            protocol.CHOOSE: lambda: string("") + u8(1) + self._identity() + entries(blob(self._leaf())),
            protocol.WATCH: lambda: generation,
            protocol.SIGN: lambda: blob(self._sign(reader)),
            protocol.UNLOCK: lambda: entries(string("fake")),
            protocol.LOCK: lambda: entries(string("fake")),
            protocol.STATUS: lambda: (string("fake") + u32(os.getpid()) + U64_ZERO + string("/fake") +
                                      u32(1) + U64_ZERO + u32(0)),
        }[kind]()

    def _leaf(self):
        return authority.pem_to_der(self.certificate.read_text())

    def _token(self):
        return (string(TOKEN_URI) + blob(b"fake") + blob(b"me") + blob(b"none") + blob(b"1") +
                string("fake") + u32(1 | 2 | 64) + U64_ZERO + string(""))

    def _identity(self):
        return (blob(self.id) + string(self.uri) + string(TOKEN_URI) + blob(self.name.encode()) +
                blob(b"\1") + u8(3) + u32(256) + string("prime256v1") + blob(self.spki) + u32(1) +
                blob(u16(0x0403)) + entries(blob(self._leaf())))

    def _sign(self, reader):
        asked, scheme, is_digest, data = reader.bytes(), reader.u16(), reader.u8(), reader.bytes()
        reader.end()
        assert (asked, scheme) == (self.id, 0x0403), (asked, scheme)
        digest = data if is_digest else hashlib.sha256(data).digest()
        out = self.f.scratch(b"")
        self.f.run(["openssl", "pkeyutl", "-sign", "-inkey", self.key, "-in", self.f.scratch(digest),
                    "-out", out], check=True)
        return out.read_bytes()
