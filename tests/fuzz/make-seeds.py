#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets: one good input of each kind.

usage: tests/fuzz/make-seeds.py [TLS12-TRANSCRIPT SPKI]
Keys are made anew, so run it only to add a kind. The proof of a TLS 1.2 handshake needs a real one,
a transcript up to the client's CertificateVerify with the client's public key, as files.
"""
import base64
import hashlib
import pathlib
import struct
import subprocess
import sys
import tempfile

SEEDS = pathlib.Path(__file__).parent / "seeds"


def u8(value):
    return struct.pack(">B", value)


def u16(value):
    return struct.pack(">H", value)


def u32(value):
    return struct.pack(">I", value)


def u64(value):
    return struct.pack(">Q", value)


def octets(value):
    value = value.encode() if isinstance(value, str) else value
    return u32(len(value)) + value


def many(*entries):
    return u32(len(entries)) + b"".join(entries)


def frame(kind, number, body):
    return u32(len(body)) + u16(kind) + u16(0) + u32(number) + body


def write(target, name, data):
    (SEEDS / target).mkdir(parents=True, exist_ok=True)
    (SEEDS / target / name).write_bytes(data)


def openssl(*arguments, stdin=b""):
    return subprocess.run(("openssl",) + arguments, input=stdin, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def key(*options):
    private = openssl("genpkey", *options)
    return private, openssl("pkey", "-pubout", "-outform", "DER", stdin=private)


EC_KEY, EC = key("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
_, RSA = key("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
ED25519_KEY, ED25519 = key("-algorithm", "ED25519")
FOR_EVER = ("-days", "36500")


def certificate(name, private, *options):
    return openssl("req", "-x509", "-key", "/dev/stdin", "-subj", f"/CN={name}", "-outform", "DER", *FOR_EVER, *options,
                   stdin=private)


def chain():
    """A leaf for alice's key, and its issuer."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        private, _ = key("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        (folder / "key").write_bytes(private)
        (folder / "ca").write_bytes(openssl("x509", "-inform", "DER", stdin=certificate("Office", private)))
        request = openssl("req", "-new", "-key", "/dev/stdin", "-subj", "/CN=alice", stdin=EC_KEY)
        leaf = openssl("x509", "-req", "-CA", folder / "ca", "-CAkey", folder / "key", "-CAcreateserial", *FOR_EVER,
                       "-outform", "DER", stdin=request)
        return leaf, openssl("x509", "-in", folder / "ca", "-outform", "DER")


CERTIFICATE = certificate("alice", EC_KEY)
IS_LEAF = ("-addext", "basicConstraints=critical,CA:FALSE")
LEAF = certificate("alice", EC_KEY, *IS_LEAF)
OTHER_LEAF = certificate("bob", ED25519_KEY, *IS_LEAF)
CSR = openssl("req", "-new", "-key", "/dev/stdin", "-subj", "/CN=alice", "-outform", "DER", stdin=EC_KEY)


def certification_request_info():
    """What a certification request signs: the first element of its sequence."""
    assert CSR[0] == 0x30
    at = 2 + (CSR[1] & 0x7f if CSR[1] & 0x80 else 0)
    if CSR[at + 1] < 128:
        return CSR[at:at + 2 + CSR[at + 1]]
    digits = CSR[at + 1] & 0x7f
    return CSR[at:at + 2 + digits + int.from_bytes(CSR[at + 2:at + 2 + digits], "big")]


CSR_INFO = certification_request_info()
ISSUER = bytes.fromhex("3010310e300c06035504030c05616c696365")  # CN=alice

ID = bytes(range(32))
TOKEN_URI = "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=0123;token=corp"
URI = "pkcs11:token=corp;id=%01;object=alice;type=private"
ENVIRONMENT = many(octets("GPG_TTY") + octets("/dev/pts/1"), octets("LC_CTYPE") + octets("C.UTF-8"))
IDENTITY = (octets(ID) + octets(URI) + octets(TOKEN_URI) + octets("alice") + octets(b"\x01") + u8(3) + u32(256) +
            octets("prime256v1") + octets(EC) + u32(1) + octets(u16(0x0403)) + many(octets(CERTIFICATE)))
TOKEN = (octets(TOKEN_URI) + octets("corp") + octets("SoftHSM project") + octets("SoftHSM v2") + octets("0123") +
         octets("softhsm") + u32(0x41) + u64(1700000000) + octets("not unlocked yet"))
STRAY = octets("pkcs11:token=corp;object=ca") + octets(TOKEN_URI) + octets("ca") + octets(b"") + octets(CERTIFICATE)

# In the order of the table in fuzz-message.c.
MESSAGES = {
    "hello": u16(1) + u16(1) + octets("curl") + ENVIRONMENT,
    "welcome": u16(1) + octets("0.1.0"),
    "error": u16(13) + octets("token 'corp' is locked: run 'countersign unlock corp'"),
    "first": u32(3),
    "tokens": u64(7) + u32(1) + many(TOKEN),
    "identities": u64(7) + u32(5) + many(IDENTITY, IDENTITY),
    "certificates": u64(7) + u32(1) + many(STRAY),
    "resolve": octets(URI) + u8(1),
    "resolved": u8(1) + IDENTITY + many(octets(CERTIFICATE), octets(CERTIFICATE)),
    "sign": octets(ID) + u16(0x0403) + u8(0) + octets(b"message"),
    "signed": octets(bytes(70)),
    "unlock": octets("corp") + u8(1),
    "lock": octets(""),
    "token-names": many(octets("corp"), octets("home")),
    "status": (octets("0.1.0") + u32(4711) + u64(1700000000) + octets("/run/user/1000/countersign/agent.sock") + u32(2) +
               u64(99) + many(octets("softhsm") + octets("/usr/lib/libsofthsm2.so") + octets("running") + u32(4712) +
                              u32(0) + octets(""))),
    "host-configure": (octets("/usr/libexec/countersign/countersign-prompt") + octets("") + u32(120) +
                       many(octets("corp") + octets(b"/usr/bin/get-pin\0corp\0") + octets("corp.pin"))),
    "host-login": u32(1) + u8(0) + u8(1) + octets("curl") + ENVIRONMENT,
    "host-logout": u32(1) + u8(1) + octets("locked by the user"),
    "host-sign": u32(1) + octets(EC) + octets(b"\x01") + u16(0x0403) + octets(bytes(32)),
    "host-failed": u16(14) + u32(0xa0) + octets("the PIN is wrong"),
    "host-ready": octets("SoftHSM") + octets("Implementation of PKCS11"),
    "host-token": (u32(1) + octets("corp") + octets("SoftHSM project") + octets("SoftHSM v2") + octets("0123") +
                   u32(0x41) + u64(1700000000) + octets("")),
    "host-object": u32(1) + u8(1) + u8(0) + u32(0) + octets("alice") + octets(b"\x01") + octets(CERTIFICATE),
    "host-token-state": u32(1) + u32(0x43) + u64(1700000000) + octets(""),
    "host-number": u32(1),
    "prompt-request": (u8(1) + u32(2) + u32(120) + u32(4) + u32(16) + octets("/usr/bin/pinentry") + octets("corp") +
                       octets("curl") + octets("") + octets("alice") + octets("") + octets("that PIN was wrong") + ENVIRONMENT),
    "find": octets("api.corp.example") + many(octets(ISSUER)) + octets(u16(0x0403) + u16(0x0804)),
    "found": (octets("the only one this server trusts") + u8(1) + IDENTITY + many(octets(CERTIFICATE))),
    "watching": u64(7),
    "event": u64(8) + u8(1) + octets(TOKEN_URI) + octets("token 'corp' is unlocked"),
    "policy": u64(1700000000) + octets("") + many(
        octets("browsers") + octets("/etc/countersign/r.conf:2") + octets("alice") + octets("/usr/bin/curl") +
        octets("") + octets("tls, digest") + octets("session") + octets("10 in 1 minute") + u32(1) + u32(2)),
    "policy-check": octets("alice") + octets("/usr/bin/curl") + octets("tls12-client") + octets("api.example"),
    "decision": u8(2) + octets("r") + octets("r.conf:1") + octets("rule 'r' (r.conf:1) allows none"),
    "record": u8(1) + octets("/state/audit.jsonl") + octets("no space") + u64(3),
    "consent": (u32(1) + octets("/usr/bin/gnutls-cli") + octets(bytes(32)) + octets("alice") + octets("corp") +
                octets("digest") + octets("") + u64(1700000000) + u64(2)),
    "use": octets("/usr/bin/curl") + u64(8) + u64(6) + u64(1),
    "host-tried": u32(1) + octets(bytes(range(32))),
    "host-trouble": octets("slot 1 is passed over"),
    "host-refused": u32(1) + u8(1) + u16(14) + u32(0xa0) + octets("the PIN is wrong"),
}

# What an agent says to fuzz-answer and fuzz-picture: messages of those above.
REPLY = 0x8000
WELCOME = frame(0x0001 | REPLY, 1, MESSAGES["welcome"])
EVENT = frame(0x00f0, 2, MESSAGES["event"])


def said(kind, name, number=2):
    return frame(kind | REPLY, number, MESSAGES[name])


ANSWERS = {
    "tokens": said(2, "tokens"),
    "identities": frame(3 | REPLY, 2, u64(7) + u32(3) + many(IDENTITY, IDENTITY)) +
                  frame(3 | REPLY, 3, u64(7) + u32(3) + many(IDENTITY)),
    "identities-that-change": said(3, "identities") + frame(3 | REPLY, 3, u64(8) + u32(1) + many(IDENTITY)) +
                              frame(3 | REPLY, 4, u64(8) + u32(1) + many(IDENTITY)),
    "certificates": said(4, "certificates"),
    "resolved": said(5, "resolved"),
    "signed": said(6, "signed"),
    "signed-at-length": frame(6 | REPLY, 2, octets(bytes(73))),
    "unlocked": said(7, "token-names"),
    "locked": said(8, "token-names"),
    "status": said(9, "status"),
    "found": said(0x0a, "found"),
    "chosen": said(0x0f, "found"),
    "refreshed": frame(0x0b | REPLY, 2, b""),
    "watching": said(0x0c, "watching") + EVENT * 2,
    "pin-changed": said(0x0d, "token-names"),
    "policy": said(0x10, "policy"),
    "decision": said(0x11, "decision"),
    "consents": frame(0x14 | REPLY, 2, many(MESSAGES["consent"], MESSAGES["consent"])),
    "revoked": frame(0x15 | REPLY, 2, u32(1)),
    "uses": frame(0x16 | REPLY, 2, many(MESSAGES["use"])),
    "record": said(0x17, "record"),
    "error": frame(0xffff, 2, MESSAGES["error"]),
    "another-answer": said(6, "signed", 9),
    "more-than-asked": said(6, "signed") + said(6, "signed", 3),
}


def picture(tokens, identities, certificates):
    """As the module asks for it: WATCH is 2, the first pages are 3, 4 and 5."""
    pages = ((2, tokens), (3, identities), (4, certificates))
    return said(0x0c, "watching") + b"".join(
        frame(kind | REPLY, number, u64(7) + u32(len(entries)) + many(*entries))
        for number, (kind, entries) in enumerate(pages, 3))


def of_key(kind, spki, group="", der=CERTIFICATE, label="bob", cka_id=b"\x02"):
    return (octets(ID[::-1]) + octets(URI) + octets(TOKEN_URI) + octets(label) + octets(cka_id) + u8(kind) + u32(2048) +
            octets(group) + octets(spki) + u32(1) + octets(u16(0x0804)) + many(octets(der)))


PICTURES = {
    "whole": picture([TOKEN], [IDENTITY], []),
    "certificate-alone": picture([TOKEN], [], [STRAY]),
    "empty": picture([], [], []),
    "two-tokens": picture([TOKEN, TOKEN.replace(b"corp", b"home")], [], []),
    "other-keys": picture([TOKEN], [of_key(4, ED25519, der=b"")], []),
    "same-label": picture([TOKEN], [of_key(3, EC, der=b"", label="alice"), of_key(3, EC, der=b"", label="alice")], []),
    "no-certificate": picture([TOKEN], [of_key(3, EC[:40], "secp384r1", b"\x30\x03\x02\x01", b"\xff\x01" * 20)], []),
    "in-pages": (said(0x0c, "watching") + frame(2 | REPLY, 3, u64(7) + u32(1) + many(TOKEN)) +
                 frame(3 | REPLY, 4, u64(7) + u32(2) + many(of_key(3, EC, der=b""))) +
                 frame(4 | REPLY, 5, u64(7) + u32(0) + many()) +
                 frame(3 | REPLY, 4, u64(7) + u32(2) + many(of_key(1, RSA, der=b"")))),
    "changes": picture([TOKEN], [], []) + EVENT + picture([], [], []),
    "of-no-token": picture([], [of_key(3, EC, der=b"")], []),
    "refuses": frame(0xffff, 2, MESSAGES["error"]),
}

CONFIGURATIONS = {
    "whole": """[agent]
prompt = auto   ; or never
pinentry = /usr/bin/pinentry
prompt-timeout = 90
[module "softhsm"]
path = /usr/lib/softhsm/libsofthsm2.so
init-args = key='value'
[token "corp"]
pin-command = /usr/bin/get-pin "two words" corp
pin-credential = corp.pin
""",
    "sessions": """[agent]
pin-timeout = 8h
idle-timeout = none
lock-on = screen-lock, sleep, logout
""",
    "rules": """[rule "browsers"]
identity = pkcs11:token=corp;object=alice
program = /usr/lib/firefox-esr/firefox-esr, /opt/*/chrome, \\
  flatpak:org.mozilla.firefox, snap:firefox, unit:backup@*.service
hosts = api.example, *.corp.example
sign = tls, digest
consent = session
rate = 10/min
final = no
[rule "nobody"]
sign = none
""",
    "rule-mistakes": '[rule "x"]\nrate = 3/10s\nconsent = always\nprogram = firefox\n',
    "rule-none": '[rule "x"]\nsign = none, tls\n',
    "rule-identity": '[rule "x"]\nidentity = pkcs11:token=%zz\nsign = tls\nfinal = yes\n',
    "wrong-line": "[agent]\nprompt = perhaps\n",
    "no-section": "path = /x\n",
}

NAMES = {
    "uri": URI,
    "token": TOKEN_URI,
    "escapes": "pkcs11:id=%00%ff%2F;object=a%20b;type=cert?module-name=x&pin-source=file:/y",
    "broken": "pkcs11:id=%0;;object",
    "attribute-not-ascii": "pkcs11:object=a?é=b",
    "label": "alice",
    "certificate": "pkcs11:type=cert",
    "certificate-by-label": "pkcs11:object=ca;type=cert",
    "any-key": "pkcs11:type=private",
    "token-by-label": "corp",
    "no-such-token": "pkcs11:token=other;object=alice",
    "duration": "15m",
    "long-duration": "9000d",
    "no-duration": "none",
}


def host_object(what, kind, label, cka_id, value, flags=0):
    return frame(0x0194, 0, u32(1) + u8(what) + u8(kind) + u32(flags) + octets(label) + octets(cka_id) + octets(value))


def host_token(label, *objects):
    begin = (u32(1) + octets(label) + octets("SoftHSM project") + octets("SoftHSM v2") + octets("0123") + u32(0x41) +
             u64(1700000000) + octets(""))
    return frame(0x0193, 0, begin) + b"".join(objects) + frame(0x0195, 0, u32(1))


STATE = frame(0x0196, 0, u32(1) + u32(0x43) + u64(1700000000) + octets(""))
ALWAYS_AUTHENTICATE = 1
GONE = frame(0x0197, 0, u32(1))
REPORTS = {
    "identity": host_token("corp", host_object(1, 0, "alice", b"\x01", CERTIFICATE),
                           host_object(3, 3, "alice", b"\x01", b"")) + STATE,
    "leaf": host_token("corp", host_object(1, 0, "alice", b"\x01", LEAF),
                       host_object(3, 3, "alice", b"\x01", b"")) + STATE,
    "two-leaves": host_token("corp", host_object(1, 0, "alice", b"\x01", LEAF), host_object(3, 3, "alice", b"\x01", b""),
                             host_object(1, 0, "bob", b"\x02", OTHER_LEAF),
                             host_object(3, 4, "bob", b"\x02", b"", ALWAYS_AUTHENTICATE)) + STATE,
    "secretive": host_token("corp"),
    "key-alone": host_token("corp", host_object(2, 3, "alice", b"\x01", EC), host_object(3, 3, "alice", b"\x01", EC)),
    "certificate-alone": host_token("corp", host_object(1, 0, "ca", b"", CERTIFICATE)),
    "same-key-twice": host_token("corp", host_object(3, 3, "a", b"\x01", EC), host_object(3, 3, "b", b"\x02", EC)),
    "other-id": host_token("corp", host_object(1, 0, "alice", b"\x02", CERTIFICATE),
                           host_object(3, 1, "rsa", b"\x01", RSA)),
    "again": host_token("corp", host_object(3, 3, "alice", b"\x01", EC)) * 2,
    "gone": host_token("corp", host_object(3, 3, "alice", b"\x01", EC)) + GONE + host_token("home") + STATE,
    "never-begun": STATE + GONE,
    "chain": host_token("corp", *(host_object(1, 0, name, b"\x01", der) for name, der in zip(("alice", "ca"), chain())),
                        host_object(3, 3, "alice", b"\x01", b"")),
}


# What fake-service.c and fake-question.c make of an octet.
TOKEN_IS = {"pulled": 0, "put": 1, "fuller": 3, "locked": 4, "unlocked": 5, "open": 6, "at-reader": 8, "secretive": 9,
            "failed": 10, "back": 11}
ASKS_FOR_SESSION, ASKS_ALWAYS, ALLOWS_FEW, ASKS_WITHOUT_DISPLAY, MISTAKEN = 1, 2, 3, 0xc1, 0xb0
PERSON = "once session no silence nobody".split()
PROMPT_FAILS = 0x80 + 2  # no, and the next prompt does not start

# What fuzz-bus makes of its octets: methods in the order of the definition, then the standard's; words
# and signatures in that of bus-argument.c.
METHODS = ("Resolve Find LockAll Refresh Unlock UnlockWithPin Lock Sign SignDigest Introspect Get GetAll Set "
           "GetManagedObjects Ping GetMachineId").split()
WORDS = ["", "uri", "host", "issuers", "schemes", "force", "environment", "alice", "pkcs11:object=alice",
         "pkcs11:token=corp;id=%01", "pkcs11:id=%0", "no such", "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256",
         "ed25519", "DISPLAY=:0", "GPG_TTY=/dev/pts/1", "=", "no equals sign", "Version", "Modules", "Locked",
         "PinTries", "Certificate", "Chain", "org.countersign.Agent1", "org.countersign.Token1",
         "org.countersign.Identity1", "api.corp.example"]
SIGNATURES = "|s|ss|say|a{sv}|h|ssv|o|v|ay|aay|as|b".split("|")
AGENT, IDENTITY_OBJECT, TOKEN_OBJECT, NOWHERE = 0, 1, 2, 0xe5
RIGHT, NO_INTERFACE, SILENT, OTHER_TYPES = 0, 1, 6, 0x38
LOCKED, TOKEN_ABSENT = 13, 20


def word(text):
    return u8(WORDS.index(text))


def few(data):
    return u8(len(data)) + u8(0) + data


def options(*entries):
    return u8(len(entries)) + b"".join(
        word(name) + u8(SIGNATURES.index(kind)) + value for name, kind, value in entries)


def call(method, arguments=b"", path=AGENT, shape=RIGHT, caller=0):
    return u8(0) + u8(caller) + u8(METHODS.index(method)) + u8(path) + u8(shape) + arguments


def raw_call(path, interface, member, caller=0, kind=1):
    """A message without arguments, by hand (D-Bus specification, Message Protocol)."""
    fields = b""
    for code, letter, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member)):
        fields += bytes(-len(fields) % 8) + struct.pack("<BB1sB", code, 1, letter, 0)
        fields += struct.pack("<I", len(value)) + value.encode() + b"\0"
    message = struct.pack("<BBBBIII", ord("l"), kind, 0, 1, 0, 1, len(fields)) + fields
    message += bytes(-len(message) % 8)
    return u8(4) + u8(caller) + u16(len(message)) + message


def leave(caller=0):
    return u8(6) + u8(caller)


def lie(caller=0):
    return u8(7) + u8(caller)


def answer(code=0):
    return u8(8) + u8(code if code == 0 else 27 * 5 + code)  # as fuzz-bus counts down to it


def token(what):
    return u8(9) + u8(TOKEN_IS[what])


def told(how):
    return u8(10) + u8(how)


def says_person(what):
    return u8(13) + u8(PERSON.index(what))


def configured(how):
    return u8(14) + u8(how)


def wait(seconds):
    return u8(15) + u8(seconds)


def lose_bus(greeting="greets", how=0):
    return u8(16) + u8(GREETINGS.index(greeting) << 3 | how)


GREETINGS = "greets nameless second refuses silent hangs-up".split()
ANSWERED_FIRST, HOST_ANSWERS, TOKEN_PULLED = 1, 2, 4
NO_CREDENTIALS, NEVER_TOLD = 254, 251
TURN = u8(11) + u8(0)
SIGN = call("Sign", word("ecdsa_secp256r1_sha256") + few(b"hello"))
DIGEST = call("SignDigest", word("ecdsa_secp256r1_sha256") + u8(0x60) + u8(7))
CALLS = {
    "resolve": call("Resolve", word("alice")) + call("Resolve", word("no such")),
    "find": (call("Find", options(("uri", "s", word("pkcs11:object=alice")), ("host", "s", word("api.corp.example")))) +
             call("Find", options(("issuers", "aay", u8(1) + few(ISSUER)),
                                  ("schemes", "as", u8(2) + word("ed25519") + word("ecdsa_secp256r1_sha256"))))),
    "find-unknown": call("Find", options(("force", "b", u8(1)))),
    "refresh": call("Refresh") + answer(),
    "sign": SIGN + DIGEST + answer() + answer(),
    "sign-refused": DIGEST + answer(19) + call("Sign", word("no such") + few(b"")),
    "sign-logs-in": token("locked") + DIGEST + answer(LOCKED) + answer() + token("unlocked") + answer(),
    "sign-cannot-log-in": DIGEST + answer(LOCKED) + answer(LOCKED) + answer(LOCKED),
    "token-pulled": DIGEST + token("pulled") + answer(TOKEN_ABSENT) + TURN + token("put") + answer(),
    "too-large": call("Sign", word("ecdsa_secp256r1_sha256") + u8(0xf8) + u8(1)),
    "unlock": (call("Unlock", options(("force", "b", u8(1)),
                                      ("environment", "as", u8(2) + word("DISPLAY=:0") + word("GPG_TTY=/dev/pts/1")))) +
               answer() + call("Unlock", options(("environment", "as", u8(1) + word("no equals sign"))))),
    "unlock-with-pin": call("UnlockWithPin") + call("UnlockWithPin", caller=1) + answer() + answer(),
    "lock": call("Lock") + answer() + token("unlocked") + call("LockAll") + answer(),
    "properties": b"".join(call("GetAll", word(""), path) + call("Introspect", b"", path)
                           for path in (AGENT, IDENTITY_OBJECT, TOKEN_OBJECT)),
    "property": (call("Get", word("org.countersign.Agent1") + word("Modules")) +
                 call("Get", word("") + word("Chain"), IDENTITY_OBJECT) +
                 call("Set", word("org.countersign.Token1") + word("Locked") + u8(12) + u8(1), TOKEN_OBJECT) +
                 call("Get", word("org.countersign.Token1") + word("Version"), TOKEN_OBJECT)),
    "objects": call("GetManagedObjects") + call("Introspect", b"", 0xe0) + call("Introspect", b"", NOWHERE),
    "other-types": call("Sign", u8(SIGNATURES.index("aay")) + u8(1) + few(b"x"), shape=OTHER_TYPES),
    "no-interface": call("Refresh", shape=NO_INTERFACE) + call("Refresh", shape=SILENT) + answer() + answer(),
    "strangers": told(252) + SIGN + TURN + told(255) + call("Refresh", caller=1) + TURN + told(253) +
                 call("Refresh", caller=2),
    "leaves": DIGEST + call("UnlockWithPin") + TURN + lie() + leave() + answer() + SIGN,
    "as-it-travels": (raw_call("/org/countersign/Agent1", "org.countersign.Agent1", "Refresh") +
                      raw_call("/", "org.freedesktop.DBus.Introspectable", "Introspect") +
                      raw_call("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", kind=4)),
    "consents": (configured(ASKS_FOR_SESSION) + DIGEST + DIGEST + says_person("session") + answer() + answer() + DIGEST +
                 answer() + configured(ASKS_ALWAYS) + SIGN + DIGEST + says_person("once") + says_person("no") + answer() +
                 DIGEST),
    "cannot-be-asked": (configured(ASKS_WITHOUT_DISPLAY) + DIGEST + configured(ASKS_ALWAYS) + SIGN + DIGEST +
                        u8(13) + u8(PROMPT_FAILS) + wait(61) + DIGEST + says_person("nobody")),
    "mistaken": (DIGEST + configured(MISTAKEN) + SIGN + call("Resolve", word("alice")) + call("Unlock", options()) + answer() +
                 DIGEST + configured(0) + DIGEST + answer()),
    "leaves-a-question": configured(ASKS_FOR_SESSION) + DIGEST + TURN + leave() + DIGEST,
    "bus-is-lost": DIGEST + call("Unlock", options()) + lose_bus(how=ANSWERED_FIRST | HOST_ANSWERS) + DIGEST + answer() +
                   lose_bus("nameless", TOKEN_PULLED) + lose_bus("second") + SIGN,
    "bus-refuses": lose_bus("refuses") + SIGN + lose_bus("silent", ANSWERED_FIRST) + lose_bus("hangs-up") + DIGEST + answer(),
    "bus-does-not-tell": told(NEVER_TOLD) + SIGN + TURN + wait(11) + told(NO_CREDENTIALS) + call("Refresh", caller=1),
    "token-comes-too-late": DIGEST + token("pulled") + answer(TOKEN_ABSENT) + TURN + wait(30) + wait(31) + token("fuller"),
    "flood": u8(12) + call("Refresh")[1:] + answer(),
    "flood-of-pins": u8(12) + call("UnlockWithPin")[1:] + answer(),
}


# What fuzz-socket makes of its octets: the order of its types.
REQUESTS = ("tokens identities certificates resolve sign unlock lock status find refresh watch pin-change ping choose "
            "policy policy-check consents consent-revoke uses record hello").split()


def sized(data):
    return u8(len(data)) + data if len(data) < 0xf0 else u8(0xf0 | len(data) >> 8) + u8(len(data) & 0xff) + data


def ask(kind, body=b"", n_fds=0, client=0):
    return u8(0) + u8(client) + u8(REQUESTS.index(kind)) + u8(0xc3 + n_fds if n_fds else 0) + sized(body)


def ask_to_sign(scheme=0, how=1, data=b""):
    return u8(4) + u8(0) + u8(scheme) + u8(how) + (u8(len(data)) + data if how & 2 else b"")


def answers(code=0):
    return u8(7) + u8(code if code == 0 else 27 * 5 + code)  # as fuzz-socket counts down to it


def tokens(what):
    return u8(8) + u8(TOKEN_IS[what])


def person_says(what):
    return u8(10) + u8(PERSON.index(what))


def with_rules(how):
    return u8(11) + u8(how)


def later(seconds):
    return u8(12) + u8(seconds)


SETTLE = u8(9) + u8(0)
CHOOSE = octets("api.example") + many() + octets(b"")
CONVERSATIONS = {
    "lists": b"".join(ask(kind, u32(0)) for kind in ("tokens", "identities", "certificates")) + ask("tokens", u32(7)),
    "resolve": ask("resolve", MESSAGES["resolve"]) + ask("resolve", octets("alice") + u8(0)),
    "find": ask("find", MESSAGES["find"]) + ask("choose", octets("") + many() + octets(u16(0x0403))),
    "sign": ask_to_sign() + SETTLE + answers() + ask_to_sign(0, 2, b"hello") + ask("sign", MESSAGES["sign"]),
    "sign-logs-in": tokens("locked") + ask_to_sign() + SETTLE + answers(LOCKED) + answers() + answers(),
    "sign-refused": ask_to_sign() + SETTLE + answers(LOCKED) + answers(LOCKED) + ask_to_sign(4) + ask_to_sign(1, 5),
    "token-pulled": ask_to_sign() + SETTLE + tokens("pulled") + answers(TOKEN_ABSENT) + SETTLE + tokens("put") + answers(),
    "unlock": (tokens("locked") + ask("unlock", octets("corp") + u8(0)) + ask("unlock", octets("") + u8(1), 1) + SETTLE +
               answers() + answers()),
    "unlock-without-descriptor": ask("unlock", octets("corp") + u8(1)) + ask("unlock", octets("corp") + u8(1), 2),
    "pin-change": (ask("pin-change", octets("corp") + u8(0)) + ask("pin-change", octets("corp") + u8(1), 2) + SETTLE +
                   answers() + answers()),
    "lock": ask("lock", octets("")) + ask("lock", octets("corp")) + ask("refresh") + SETTLE + answers() + answers(),
    "accounts": b"".join(ask(kind) for kind in "status policy consents uses record ping".split()),
    "consent-revoke": ask("consent-revoke", u32(0)) + ask("consent-revoke", u32(1)),
    "policy-check": ask("policy-check", MESSAGES["policy-check"]),
    "consents": (with_rules(ASKS_FOR_SESSION) + ask_to_sign() + ask_to_sign() + person_says("session") + answers() + answers() +
                 ask_to_sign() + ask("consents") + answers() + ask("consent-revoke", u32(1)) + ask_to_sign() +
                 person_says("once") + answers() + ask("consents")),
    "consent-ends": (with_rules(ASKS_FOR_SESSION) + ask_to_sign() + person_says("session") + tokens("locked") + answers() +
                     ask("consents") + ask_to_sign() + person_says("no") + ask_to_sign() + later(61) + ask_to_sign() +
                     person_says("silence")),
    "consent-is-not-asked": (with_rules(ASKS_WITHOUT_DISPLAY) + ask_to_sign() + person_says("nobody") + with_rules(ASKS_ALWAYS) +
                             ask_to_sign() * 4 + u8(10) + u8(PROMPT_FAILS) + answers()),
    "choose": (tokens("fuller") + with_rules(ASKS_FOR_SESSION) + ask("choose", CHOOSE) + ask("choose", CHOOSE, client=1) +
               person_says("no") + person_says("session") + ask("find", CHOOSE) + ask("choose", octets("b") + many() + octets(b"")) +
               person_says("no") + person_says("no") + ask("choose", octets("c") + many() + octets(b"")) + person_says("silence")),
    "prefers": tokens("fuller") + with_rules(ASKS_ALWAYS) + ask("choose", CHOOSE) + ask("find", octets("x") + many() + octets(b"")),
    "rate-while-asked": with_rules(ASKS_ALWAYS) + (ask_to_sign() + person_says("once") + answers()) * 4 + later(20) + ask_to_sign() + ask("uses"),
    "mistaken": (ask_to_sign() + with_rules(MISTAKEN) + ask_to_sign() + ask("find", CHOOSE) + ask("choose", CHOOSE) +
                 ask("unlock", octets("corp") + u8(0)) + ask("lock", octets("")) + ask("refresh") +
                 b"".join(ask(kind) for kind in "status policy consents uses record".split()) +
                 ask("policy-check", MESSAGES["policy-check"]) + SETTLE + answers() + with_rules(0) + ask_to_sign() +
                 answers()),
    "proofs": (ask_to_sign(0, 2, b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)) + answers() +
               with_rules(ASKS_ALWAYS) + ask_to_sign(0, 2, CSR_INFO) + person_says("once") + answers()),
    "token-comes-too-late": ask_to_sign() + tokens("pulled") + answers(TOKEN_ABSENT) + SETTLE + later(59) + ask_to_sign() +
                            later(2) + tokens("put") + answers(),
    "rate": with_rules(ALLOWS_FEW) + (ask_to_sign() + answers()) * 4 + later(20) + ask_to_sign() + ask_to_sign(0, 2, b"x"),
    "too-many-questions": with_rules(ASKS_ALWAYS) + ask_to_sign() * 33 + SETTLE + u8(6) + u8(0) + ask_to_sign(),
    "pins-that-never-come": ask("unlock", octets("corp") + u8(1), 1) * 9 + SETTLE + answers(17) + answers() * 8,
    "new-pins-that-never-come": ask("pin-change", octets("corp") + u8(1), 2) * 9 + SETTLE + answers(17) + answers() * 8,
    "key-that-hides": (ask_to_sign() + SETTLE + answers() + tokens("secretive") + ask_to_sign() + SETTLE + answers() +
                       tokens("put") + answers()),
    "key-that-hides-for-ever": tokens("secretive") + ask_to_sign() + SETTLE + answers() + answers(),
    "module-fails": (ask_to_sign() + ask("unlock", octets("corp") + u8(0)) + SETTLE + tokens("failed") + ask_to_sign() +
                     ask("find", CHOOSE) + ask("status") + SETTLE + tokens("back") + tokens("put")),
    "module-fails-while-asked": (with_rules(ASKS_FOR_SESSION) + ask_to_sign() + SETTLE + tokens("failed") +
                                 person_says("session") + tokens("back")),
    "crowd": u8(0) + u8(0xfc) + u8(0) + u8(0) + u8(0) + later(3),
    "does-not-read": u8(9) + u8(0xc0) + ask("identities", u32(0)) * 12 + SETTLE + ask("ping"),
    "never-says-hello": u8(5) + u8(0xf0) + u8(0) + SETTLE + later(11),
    "watch": ask("watch") + ask("watch", client=1) + tokens("pulled") + tokens("put") + ask("watch"),
    "hangs-up": ask_to_sign() + ask("unlock", octets("corp") + u8(1), 1) + SETTLE + u8(6) + u8(0) + answers() + answers(),
    "no-hello": u8(0) + u8(0xf0) + u8(0) + u8(0) + u8(4) + u32(0) + ask("hello", MESSAGES["hello"]),
    "hello-of-another-version": (u8(0) + u8(0xf0) + u8(REQUESTS.index("hello")) + u8(0) +
                                 sized(u16(2) + u16(9) + octets("curl") + many()) + ask("ping")),
    "broken-framing": u8(5) + u8(0) + u8(12) + u32(1 << 24) + u32(0) + u32(0) + ask("ping"),
    "a-frame-in-two": u8(5) + u8(0) + u8(6) + frame(0x0e, 9, b"")[:6] + SETTLE + u8(5) + u8(0) + u8(6) +
                      frame(0x0e, 9, b"")[6:],
}


# What fuzz-host makes of its octets: the order of its questions, reports and misdeeds.
QUESTIONS = "sign login logout refresh pin-change cancel".split()
TOLD = "ready scanned pin-refused gone state token".split()
DEEDS = "dies ends hangs-up says-no-more is-stubborn is-absent is-silent is-stopped".split()
EXCESS = "length unknown objects tokens".split()


def question(kind, then=0, size=32, how=0):
    return u8(0) + u8(QUESTIONS.index(kind) + how * len(QUESTIONS)) + u8(then) + u8(size)


def to_question(which, text=b"", how=0, code=0):
    return u8(2) + u8(which) + u8(how) + u8(code) + sized(text)


def fails(which, code=LOCKED, text=b""):
    return to_question(which, text, 2, code)


def told_of(what, text=b"", how=0):
    return u8(4) + u8(TOLD.index(what)) + u8(how) + (sized(text) if text else u8(0))


def says(data, n_fds=0):
    how = next(how for how in range(0xc1, 0x100, 2) if how % 9 == n_fds) if n_fds else 1
    return u8(5) + u8(how) + u8(0) + sized(data)


def does(what, how=0):
    return u8(7) + u8(DEEDS.index(what) + how * len(DEEDS))


def too_much(what):
    return u8(8) + u8(EXCESS.index(what))


def gives_up(which, how):
    return u8(6) + u8(which) + u8({"cancel": 0, "abandon": 2, "forget": 3}[how])


EAGER = u8(0x8a)  # and what is asked
HEARD = u8(9)
UP = told_of("ready", b"SoftHSM") + told_of("token") + told_of("scanned") + HEARD
HOSTS = {
    "answers": UP + question("sign") + question("login") + question("refresh") + to_question(1) +
               to_question(0, bytes(70)) + to_question(2) + HEARD,
    "pins": UP + question("login", how=3) + question("pin-change", how=2) + HEARD + to_question(0) +
            fails(1, 14, b"wrong"),
    "refuses": UP + question("sign") + fails(0, LOCKED, b"the token is locked") + HEARD + question("logout") +
               fails(1, 39),
    "answers-twice": UP + question("sign") + to_question(0, b"x") + to_question(0, b"x") + HEARD,
    "answers-nobody": question("sign") + fails(0xfe, LOCKED, b"none") + HEARD,
    "answers-another": UP + question("sign") + to_question(0, b"", 1, 0) + HEARD,
    "answers-the-cancelled": UP + b"".join(question("sign") for _ in range(3)) + gives_up(0, "cancel") +
                             gives_up(1, "abandon") + gives_up(2, "forget") + HEARD + fails(0, 17) + fails(1, 17) +
                             to_question(2, b"x") + HEARD,
    "answers-the-dead": question("refresh") + does("dies") + HEARD + does("is-silent") + HEARD + to_question(0) + HEARD,
    "explains-itself": fails(0xff, 22, b"no such module") + HEARD + does("ends") + HEARD,
    "explains-at-length": fails(0xff, 22, b"x" * 254 + "é".encode()) + HEARD + does("ends") + HEARD,
    "not-a-string": UP + question("sign") + fails(0, LOCKED, b"\xff") + HEARD,
    "tokens": UP + told_of("state", b"locked") + told_of("gone") + told_of("token") + HEARD + told_of("gone") +
              told_of("gone") + HEARD,
    "pin-refused": UP + told_of("pin-refused", b"wrong") + HEARD + told_of("scanned") + HEARD,
    "report-with-id": told_of("ready", b"", 0xf1) + HEARD,
    "chain-of-questions": UP + EAGER + u8(6) + question("login", 0x40) + question("sign", 0xc0) +
                          question("sign", 0x83) + fails(0) + does("dies") + HEARD,
    "unasked": question("cancel") + question("sign", size=0xff) + HEARD,
    "does-not-listen": UP + question("sign", size=0xf9) * 4 + question("login", how=3) + question("pin-change", how=2) +
                       gives_up(1, "cancel") + does("is-silent", 3) * 2 + HEARD,
    "talks-before-it-listens": question("refresh", 0x64) + to_question(0) + UP + to_question(1, b"x") + HEARD,
    "listens-late": UP + question("sign", size=0xf9) * 4 + question("login", how=3) + HEARD + to_question(4) + HEARD,
    "hangs-up": UP + question("sign") + says(frame(0x0182, 1, octets(b"x"))[:9]) + does("hangs-up") + HEARD +
                question("login", how=3) + does("is-silent", 1) + HEARD,
    "hangs-up-unasked": UP + does("hangs-up") + HEARD,
    "stops-agent": UP + question("refresh", 0xff) + question("sign", 0xc0) + question("login", how=3) + to_question(0) +
                   HEARD,
    "says-no-more": question("sign") + does("says-no-more") + HEARD + question("refresh") + does("dies"),
    "hears-no-more": UP + does("says-no-more", 1) + question("sign") + HEARD + does("is-silent", 2),
    "hangs": UP + question("sign", how=3) + does("is-silent", 7) + HEARD + does("is-silent", 2) + HEARD,
    "sleeps": question("sign") + does("is-silent", 0x18) + HEARD + to_question(0, b"x") + HEARD,
    "will-not-die": does("is-stubborn") + question("sign") + too_much("length") + HEARD + question("sign") +
                    does("is-silent", 3) + does("is-stubborn") + does("dies") + HEARD,
    "cannot-be-started": does("is-absent") + does("dies") + HEARD + does("is-silent", 3) * 3 + does("is-absent") +
                         does("is-silent", 3) * 2 + UP + question("sign"),
    "is-stopped": UP + question("sign") + to_question(0, b"x") + does("is-stopped") + question("sign") + HEARD +
                  told_of("ready"),
    "is-renewed": UP + does("is-silent", 3) + does("is-stopped", 1) + HEARD + does("ends") + HEARD + UP + question("sign") +
                  told_of("pin-refused", b"slot 1", 2) + HEARD,
    "is-renewed-and-stubborn": UP + does("is-silent", 3) + does("is-stopped", 1) + does("is-stubborn") +
                               does("is-silent", 4) + does("is-stubborn") + does("is-silent", 4) + UP,
    "is-renewed-while-it-waits": does("is-absent") + does("dies") + HEARD + does("is-silent", 3) * 2 + does("is-absent") +
                                 does("is-stopped", 1) + HEARD + UP,
    "is-renewed-and-hangs-up": UP + does("is-silent", 3) + does("is-stopped", 1) + does("hangs-up"),
    "descriptors": says(frame(0x0192, 0, b"")[:5], 2) + says(frame(0x0192, 0, b"")[5:8], 6) + HEARD +
                   says(frame(0x0192, 0, b"")[8:], 1) + HEARD,
    "too-many-tokens": too_much("tokens") + HEARD,
    "too-many-objects": too_much("objects") + HEARD,
    "too-long": UP + question("sign") + too_much("unknown") + HEARD + does("is-silent", 1) + UP,
    "identity": says(REPORTS["identity"]) + question("sign") + HEARD + does("dies"),
}


def der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    return bytes([tag]) + length + content


def reference(version, uri, more=b""):
    return base64.encodebytes(
        der(0x30, der(0x1a, version.encode()) + der(0x0c, uri.encode()) + more))


def main():
    for number, (name, body) in enumerate(MESSAGES.items()):
        write("message", name, u8(number) + body)
    write("frame", "hello", frame(0x0001, 1, MESSAGES["hello"]))
    write("frame", "hello-sign", frame(0x0001, 1, MESSAGES["hello"]) + frame(0x0006, 2, MESSAGES["sign"]))
    write("frame", "too-long", u32(1 << 20 | 1) + bytes(8))
    write("reference", "ours", reference("Countersign Key Reference v1", URI))
    write("reference", "whole", reference("Countersign Key Reference v2", URI,
                                          der(0x04, hashlib.sha256(EC).digest()) + EC))
    write("reference", "pkcs11-provider", reference("PKCS#11 Provider URI v1.0", URI))
    for name, spki in {"ec": EC, "rsa": RSA, "ed25519": ED25519}.items():
        write("public-key", name, spki)
    for name, configuration in CONFIGURATIONS.items():
        write("config", name, configuration.encode())
    for name, what in NAMES.items():
        write("name", name, what.encode())
    for name, answers_in_turn in ANSWERS.items():
        write("answer", name, WELCOME + answers_in_turn)
    for name, shown in PICTURES.items():
        write("picture", name, WELCOME + shown)
    for name, calls in CALLS.items():
        write("bus", name, calls)
    for name, conversation in CONVERSATIONS.items():
        write("socket", name, conversation)
    for name, deeds in HOSTS.items():
        write("host", name, deeds)
    for name, frames in REPORTS.items():
        write("report", name, frames)
    tls13 = b" " * 64 + b"TLS 1.3, client CertificateVerify\0"
    write("proof", "tls13-sha256", u16(0x0403) + octets(EC) + tls13 + bytes(32))
    write("proof", "tls13-sha384", u16(0x0503) + octets(EC) + tls13 + bytes(48))
    write("proof", "csr", u16(0x0403) + octets(EC) + CSR_INFO)
    if len(sys.argv) == 3:
        transcript, spki = (pathlib.Path(name).read_bytes() for name in sys.argv[1:])
        write("proof", "tls12", u16(0x0403) + octets(spki) + transcript)


main()
