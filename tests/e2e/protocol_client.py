# SPDX-License-Identifier: Apache-2.0
"""A client of the agent, written from include/countersign/PROTOCOL.md alone.

It shares nothing with the C code: where the two agree, the document is true.
"""
import array
import dataclasses
import os
import socket
import struct

# What a client signs in TLS 1.3 with SHA-256: nothing else is signed without a rule.
HANDSHAKE = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)
HELLO, TOKENS, IDENTITIES, CERTIFICATES, RESOLVE, SIGN, UNLOCK, LOCK, STATUS = range(1, 10)
REFRESH, WATCH, PIN_CHANGE, CHOOSE = 0x000B, 0x000C, 0x000D, 0x000F
POLICY, POLICY_CHECK = 0x10, 0x11
CONSENTS, CONSENT_REVOKE, USES, RECORD = range(0x14, 0x18)
REPLY, ERROR = 0x8000, 0xFFFF
BODY_MAX = 1048576

ERROR_NAMES = dict(enumerate(
    "SYSTEM MEMORY INVALID PROTOCOL UNSUPPORTED VERSION TOO_LARGE BUSY NO_AGENT WRONG_USER "
    "NOT_FOUND AMBIGUOUS LOCKED PIN_INCORRECT PIN_BLOCKED PIN_FINAL_TRY CANCELLED TIMEOUT DENIED "
    "TOKEN_ABSENT TOKEN_FAILED MODULE_FAILED SCHEME KEY_MISMATCH CONFIG CLOSED".split(), 1))
KEY_TYPES = {1: "RSA", 2: "RSA-PSS", 3: "EC", 4: "ED25519", 5: "ED448"}
TOKEN_FLAGS = {"login_required": 1, "unlocked": 2, "reader": 4, "pin_low": 8, "final_try": 16,
               "blocked": 32, "initialised": 64, "held": 128}


class AgentError(Exception):
    """An ERROR reply."""

    def __init__(self, code, text):
        self.code, self.name, self.text = code, ERROR_NAMES.get(code, str(code)), text
        super().__init__(f"{self.name}: {text}")


def error_of(function, *arguments, **options):
    """The ERROR that the call must get."""
    try:
        result = function(*arguments, **options)
    except AgentError as error:
        return error
    raise AssertionError(f"no ERROR, but {result!r}")


class Closed(Exception):
    """The agent closed the connection."""


class Reader:
    """The fields of a body, strictly."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, count):
        if self.at + count > len(self.body):
            raise ValueError("the body is too short")
        self.at += count
        return self.body[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def u8(self):
        return self.number(1)

    def u16(self):
        return self.number(2)

    def u32(self):
        return self.number(4)

    def u64(self):
        return self.number(8)

    def bytes(self):
        return self.take(self.u32())

    def string(self):
        data = self.bytes()
        if b"\0" in data:
            raise ValueError("a zero in a string")
        return data.decode("utf-8")

    def list(self, entry):
        return [entry() for _ in range(self.u32())]

    def end(self):
        if self.at != len(self.body):
            raise ValueError(f"{len(self.body) - self.at} octets are left over")


def u8(value):
    return struct.pack(">B", value)


def u16(value):
    return struct.pack(">H", value)


def u32(value):
    return struct.pack(">I", value)


def blob(value):
    return u32(len(value)) + value


def string(value):
    return blob(value.encode())


def frame(kind, request_id, body, flags=0, length=None):
    return struct.pack(">IHHI", len(body) if length is None else length, kind, flags,
                       request_id) + body


@dataclasses.dataclass
class Token:
    uri: str
    label: bytes
    manufacturer: bytes
    model: bytes
    serial: bytes
    module: str
    flags: int
    since: int
    why: str

    @staticmethod
    def read(r):
        return Token(r.string(), r.bytes(), r.bytes(), r.bytes(), r.bytes(), r.string(), r.u32(),
                     r.u64(), r.string())

    def has(self, name):
        return bool(self.flags & TOKEN_FLAGS[name])


@dataclasses.dataclass
class Identity:
    id: bytes
    uri: str
    token: str
    label: bytes
    cka_id: bytes
    key_type: int
    bits: int
    group: str
    spki: bytes
    flags: int
    schemes: bytes
    certificates: list

    @staticmethod
    def read(r):
        return Identity(r.bytes(), r.string(), r.string(), r.bytes(), r.bytes(), r.u8(), r.u32(),
                        r.string(), r.bytes(), r.u32(), r.bytes(), r.list(r.bytes))

    def scheme_list(self):
        return [int.from_bytes(self.schemes[at:at + 2], "big")
                for at in range(0, len(self.schemes), 2)]


@dataclasses.dataclass
class Certificate:
    uri: str
    token: str
    label: bytes
    cka_id: bytes
    der: bytes

    @staticmethod
    def read(r):
        return Certificate(r.string(), r.string(), r.bytes(), r.bytes(), r.bytes())


@dataclasses.dataclass
class Module:
    name: str
    path: str
    state: str
    pid: int
    restarts: int
    error: str

    @staticmethod
    def read(r):
        return Module(r.string(), r.string(), r.string(), r.u32(), r.u32(), r.string())


@dataclasses.dataclass
class Status:
    version: str
    pid: int
    started: int
    socket: str
    clients: int
    signatures: int
    modules: list

    @staticmethod
    def read(r):
        return Status(r.string(), r.u32(), r.u64(), r.string(), r.u32(), r.u64(),
                      r.list(lambda: Module.read(r)))


def default_path():
    """Section 1 of the document."""
    if os.environ.get("COUNTERSIGN_SOCKET"):
        return os.environ["COUNTERSIGN_SOCKET"]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return f"{runtime}/countersign/agent.sock"


class Connection:
    """Frames and nothing more."""

    def __init__(self, path=None, timeout=30, connected=None):
        self.socket = connected or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if not connected:
            self.socket.connect(str(path or default_path()))

    def close(self):
        self.socket.close()

    def send(self, data, fds=()):
        """The descriptors go with the first octet."""
        try:
            if fds:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
                data = data[self.socket.sendmsg([data], rights):]
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what the agent said before it closed can still be read

    def receive(self):
        """(type, id, body) of the next frame."""
        length, kind, flags, request_id = struct.unpack(">IHHI", self._exactly(12))
        if length > BODY_MAX or flags:
            raise ValueError("the agent broke the framing")
        return kind, request_id, self._exactly(length)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError as gone:
                raise Closed() from gone
            if not more:
                raise Closed()
            data += more
        return data


class Client(Connection):
    """One connection that has said HELLO."""

    def __init__(self, path=None, program="protocol_client", environment=(), versions=(1, 1), connected=None):
        super().__init__(path, connected=connected)
        self._last_id = 0
        reply = self.ask(HELLO, u16(versions[0]) + u16(versions[1]) + string(program) +
                         u32(len(environment)) +
                         b"".join(string(name) + string(value) for name, value in environment))
        self.version, self.agent = reply.u16(), reply.string()
        reply.end()

    def post(self, kind, body=b"", fds=()):
        """Sends a request; its id."""
        self._last_id += 1
        self.send(frame(kind, self._last_id, body), fds)
        return self._last_id

    def ask(self, kind, body=b"", fds=()):
        """One request, one reply: a Reader, or AgentError."""
        request_id = self.post(kind, body, fds)
        got, reply_id, reply = self.receive()
        about_connection = got == ERROR and reply_id == 0
        if reply_id != request_id and not about_connection:
            raise ValueError(f"the reply has id {reply_id}, the request {request_id}")
        return self.open_reply(kind, got, reply)

    @staticmethod
    def open_reply(kind, got, body):
        reader = Reader(body)
        if got == ERROR:
            error = AgentError(reader.u16(), reader.string())
            reader.end()
            raise error
        if got != kind + REPLY:
            raise ValueError(f"type {got:#x} is no reply to {kind:#x}")
        return reader

    def page(self, kind, first, entry):
        """(generation, total, entries)"""
        reply = self.ask(kind, u32(first))
        found = reply.u64(), reply.u32(), reply.list(lambda: entry.read(reply))
        reply.end()
        return found

    def all(self, kind, entry):
        generation, entries = None, []
        while True:
            now, total, more = self.page(kind, len(entries), entry)
            if generation is not None and now != generation:
                generation, entries = None, []
                continue
            generation = now
            entries += more
            if len(entries) >= total:
                return entries
            if not more:
                raise ValueError("an empty page before the end")

    def tokens(self):
        return self.all(TOKENS, Token)

    def identities(self):
        return self.all(IDENTITIES, Identity)

    def certificates(self):
        return self.all(CERTIFICATES, Certificate)

    def resolve(self, name, expect=0):
        """(identity or None, chain)"""
        reply = self.ask(RESOLVE, string(name) + u8(expect))
        has = reply.u8()
        if has not in (0, 1):
            raise ValueError("has_identity is neither 0 nor 1")
        identity = Identity.read(reply) if has else None
        chain = reply.list(reply.bytes)
        reply.end()
        return identity, chain

    def choose(self, host=""):
        """(why, identity, chain): of any issuer and scheme."""
        reply = self.ask(CHOOSE, string(host) + u32(0) + blob(b""))
        why, has = reply.string(), reply.u8()
        identity = Identity.read(reply) if has else None
        chain = reply.list(reply.bytes)
        reply.end()
        return why, identity, chain

    def sign(self, identity_id, scheme, data, digest=False):
        reply = self.ask(SIGN, blob(identity_id) + u16(scheme) + u8(digest) + blob(data))
        signature = reply.bytes()
        reply.end()
        return signature

    def change_pin(self, token="", how=0, fds=()):
        return self._labels(PIN_CHANGE, string(token) + u8(how), fds)

    def unlock(self, token="", how=0, fds=()):
        return self._labels(UNLOCK, string(token) + u8(how), fds)

    def unlock_with(self, token, pin):
        """The PIN travels in a pipe that the token's own process reads to its end."""
        reader, writer = os.pipe()
        try:
            os.write(writer, pin.encode())
            os.close(writer)
            return self.unlock(token, 1, [reader])
        finally:
            os.close(reader)

    def lock(self, token=""):
        return self._labels(LOCK, string(token))

    def status(self):
        reply = self.ask(STATUS)
        status = Status.read(reply)
        reply.end()
        return status

    def policy(self):
        """(loaded, error, rules): a rule is name, where, identity, program, hosts, sign, consent, rate, flags, keys."""
        reply = self.ask(POLICY)
        found = reply.u64(), reply.string(), reply.list(
            lambda: (*(reply.string() for _ in range(8)), reply.u32(), reply.u32()))
        reply.end()
        return found

    def check(self, identity, program, proof, host=""):
        """(verdict, rule, where, text)"""
        reply = self.ask(POLICY_CHECK, b"".join(blob(word.encode()) for word in (identity, program, proof, host)))
        found = reply.u8(), reply.string(), reply.string(), reply.string()
        reply.end()
        return found

    def consents(self):
        reply = self.ask(CONSENTS)
        found = reply.list(lambda: (reply.u32(), reply.string(), reply.bytes(), reply.string(), reply.string(),
                                    reply.string(), reply.string(), reply.u64(), reply.u64()))
        reply.end()
        return found

    def revoke(self, number=0):
        reply = self.ask(CONSENT_REVOKE, u32(number))
        count = reply.u32()
        reply.end()
        return count

    def uses(self):
        """program: (signatures, proven, denied)"""
        reply = self.ask(USES)
        found = dict(reply.list(lambda: (reply.string(), (reply.u64(), reply.u64(), reply.u64()))))
        reply.end()
        return found

    def record(self):
        """(on, path, trouble, lost)"""
        reply = self.ask(RECORD)
        found = reply.u8(), reply.string(), reply.string(), reply.u64()
        reply.end()
        return found

    def _labels(self, kind, body, fds=()):
        reply = self.ask(kind, body, fds)
        labels = reply.list(reply.string)
        reply.end()
        return labels
