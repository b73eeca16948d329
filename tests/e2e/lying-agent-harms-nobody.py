#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever an agent answers, a client ends with an error of its own and never with a signal."""
import programs
import protocol_client as protocol
from fake_agent import FakeAgent
from fixture import Fixture
from protocol_client import frame, string, u16, u32
from tap import Tap, skip_all


def body_of(honest):
    return honest[12:]


def reframed(honest, body):
    return u32(len(body)) + honest[4:12] + body


LIES = {
    "closes without an answer": lambda kind, rid, honest: b"",
    "stops in a frame": lambda kind, rid, honest: honest[:-1],
    "adds a byte": lambda kind, rid, honest: reframed(honest, body_of(honest) + b"\0"),
    "leaves a byte out": lambda kind, rid, honest: reframed(honest, body_of(honest)[:-1]),
    "sends an empty body": lambda kind, rid, honest: reframed(honest, b""),
    "claims a giant body": lambda kind, rid, honest: b"\xff\xff\xff\xff" + honest[4:],
    "sets flags": lambda kind, rid, honest: honest[:6] + b"\0\1" + honest[8:],
    "answers something else": lambda kind, rid, honest: frame(0x8123, rid, body_of(honest)),
    "answers another id": lambda kind, rid, honest: frame(kind + 0x8000, rid + 1, body_of(honest)),
    "speaks version 9": lambda kind, rid, honest: frame(0x8001, rid, u16(9) + string("x")),
    "fails with an unknown code": lambda kind, rid, honest: frame(
        0xFFFF, rid, u16(999) + string("because")),
    "fails with code 0": lambda kind, rid, honest: frame(
        0xFFFF, rid, u16(0) + string("because")),
    "fails in a sentence of 100,000 letters": lambda kind, rid, honest: frame(
        0xFFFF, rid, u16(11) + string("x" * 100000)),
    "sends noise": lambda kind, rid, honest: bytes(range(256)) * 20,
}
SIGNATURES = {
    "an empty signature": u32(0),
    "a signature of 4,000 octets": u32(4000) + bytes(4000),
    "a signature that is none": u32(64) + bytes(64),
}


def harmless(seen):
    """It failed, by itself, and said something."""
    assert 0 < seen.returncode < 126, seen
    assert seen.stderr.strip(), seen
    assert "AddressSanitizer" not in seen.stderr and "runtime error" not in seen.stderr, seen


def after_welcome(lie):
    return lambda kind, rid, honest: None if kind == protocol.HELLO else lie(kind, rid, honest)


def unharmed(seen):
    """It ended by itself, as it would without us."""
    assert 0 <= seen.returncode < 126, seen
    assert "AddressSanitizer" not in seen.stderr and "runtime error" not in seen.stderr, seen
    return seen


def lies(tap, f, server, fake, reference, what):
    with tap.case(f"an agent that {what}: the command line"):
        for verb in ("status", "list"):
            harmless(f.run([programs.CLI, verb], timeout=20))
    with tap.case(f"an agent that {what}: curl and s_client"):
        for seen in (f.curl(server, reference, reference, timeout=20),
                     f.s_client(server, "-cert", reference, "-key", fake.uri, timeout=20)):
            assert not seen.answer, seen
            harmless(seen)
    with tap.case(f"an agent that {what}: the PKCS#11 module and the preload library"):
        unharmed(f.run(["pkcs11-tool", "--module", programs.PKCS11, "--list-objects"], shim=True, timeout=20))
        seen = unharmed(preloaded(f, server))
        assert not seen.answer and "400 No required SSL certificate was sent" in seen.stdout, seen


def preloaded(f, server):
    """s_client that shows a certificate if the preload library has one."""
    before = programs.sanitizer_library() + ":" if programs.SANITIZE else ""
    return f.s_client(server, timeout=20, environment={"LD_PRELOAD": f"{before}{programs.PRELOAD}"})


def main():
    absent = programs.missing("openssl", "nginx", "curl", "pkcs11-tool")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        fake = FakeAgent(f, f.runtime / "countersign/agent.sock")
        server = f.server(fake.ca)
        reference = f.path("reference.pem")
        with tap.case("an honest agent written from PROTOCOL.md is as good as ours"):
            f.run([programs.CLI, "pem", "eve", "--output", reference], check=True)
            seen = f.curl(server, reference, reference)
            assert seen.answer and seen.answer["dn"] == "CN=eve", seen
            assert "eve" in f.run([programs.CLI, "list"], check=True).stdout
            assert preloaded(f, server).answer["dn"] == "CN=eve"
            seen = f.run(["pkcs11-tool", "--module", programs.PKCS11, "--list-objects"], shim=True, check=True)
            assert "eve" in seen.stdout, seen
        for what, lie in LIES.items():
            for late in (False, True):
                fake.lie = after_welcome(lie) if late else lie
                lies(tap, f, server, fake, reference, what + (", after an honest WELCOME" if late else ""))
        for what, body in SIGNATURES.items():
            fake.lie = lambda kind, rid, honest, body=body: frame(
                0x8006, rid, body) if kind == protocol.SIGN else None
            with tap.case(f"{what}: curl fails and nginx lets nobody in"):
                seen = f.curl(server, reference, reference)
                assert not seen.answer, seen
                harmless(seen)
            with tap.case(f"{what}: with the preload library nginx lets nobody in"):
                assert not unharmed(preloaded(f, server)).answer
        fake.lie = None
        with tap.case("honest again: the page"):
            assert f.curl(server, reference, reference).answer
    tap.done()


main()
