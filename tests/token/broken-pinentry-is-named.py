#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A pinentry that is missing, crashes or prints rubbish: who asked hears which and what to do."""
import types

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
DISPLAY = [("DISPLAY", ":99")]


def script(f, text):
    path = f.scratch("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def refused(function, *arguments):
    """The sentence of a LOCKED."""
    error = protocol.error_of(function, *arguments)
    assert error.name == "LOCKED", error
    return error.text


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        broken = {
            "missing": f.path("no-pinentry"),
            "ends at once": script(f, "exit 3\n"),
            "crashes": script(f, "kill -SEGV $$\n"),
            "prints rubbish": script(f, "echo 'Segmentation fault (not really)'; sleep 60\n"),
        }
        for what, program in broken.items():
            agent = f.agent(pinentry=types.SimpleNamespace(program=program), rules=ANYTHING)
            client = protocol.Client(agent.socket, environment=DISPLAY)
            alice, _ = client.resolve("alice", 1)
            with tap.case(f"{what}: unlock names it"):
                text = refused(client.unlock, "corp")
                assert str(program) in text and "corp" in text and "[agent]" in text, text
            with tap.case(f"{what}: a signature names it, and says how to unlock"):
                text = refused(client.sign, alice.id, SCHEME, b"x")
                assert str(program) in text and "countersign unlock corp" in text, text
            with tap.case(f"{what}: nobody is blocked"):
                client.unlock_with("corp", "1234")
                client.sign(alice.id, SCHEME, b"x")
            agent.stop()
        nowhere(tap, f)
    tap.done()


def nowhere(tap, f):
    agent = f.agent(pinentry=f.pinentry("pin:1234"), rules=ANYTHING)
    client = protocol.Client(agent.socket)
    alice, _ = client.resolve("alice", 1)
    with tap.case("no terminal and no display: unlock says so"):
        text = refused(client.unlock, "corp")
        assert "no terminal or display" in text, text
    with tap.case("no terminal and no display: a signature says how to unlock"):
        text = refused(client.sign, alice.id, SCHEME, b"x")
        assert text == "token 'corp' is locked: run 'countersign unlock corp'", text
    agent.stop()


main()
