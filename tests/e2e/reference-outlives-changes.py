#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PEM reference stands for its key, whatever becomes of certificate, token and name."""
import base64

import programs
from fixture import Fixture
from tap import Tap, skip_all


def der(tag, text):
    assert len(text) < 128
    return bytes([tag, len(text)]) + text


def block(label, version, uri):
    """A reference that has a URI alone, as older releases and pkcs11-provider write it."""
    body = der(0x30, der(0x1A, version.encode()) + der(0x0C, uri.encode()))
    return (f"-----BEGIN {label}-----\n" + base64.encodebytes(body).decode() +
            f"-----END {label}-----\n")


def gets_in(f, server, certificate, key, name):
    seen = f.curl(server, certificate, key)
    assert seen.answer and f"CN={name}" in seen.answer["dn"], seen


def uri_alone(tap, f, server, alice):
    certificate = f.scratch(alice.certificate)
    for label, version in (("COUNTERSIGN KEY REFERENCE", "Countersign Key Reference v1"),
                           ("PKCS#11 PROVIDER URI", "PKCS#11 Provider URI v1.0")):
        with tap.case(f"{version}, a URI alone"):
            gets_in(f, server, certificate, f.scratch(block(label, version, alice.uri)), "alice")


def renewed(tap, f, server, agent, token, alice, reference):
    token.certify(server.ca, alice, "/CN=alice renewed", label="alice renewed")
    agent.cli("refresh", check=True)
    with tap.case("a renewed certificate: the file goes on with the one that is in it"):
        gets_in(f, server, reference, reference, "alice")
    with tap.case("a renewed certificate: the file is the key of the new one, too"):
        gets_in(f, server, f.scratch(alice.certificate), reference, "alice renewed")


def moved(tap, f, server, agent, tokens):
    """A key on two tokens, one of which goes."""
    private = f.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                     "ec_paramgen_curve:P-256"], check=True).stdout
    first, second = tokens
    old = first.import_key("p256", private, "bob")
    first.certify(server.ca, old, "/CN=bob")
    agent.cli("refresh", check=True)
    reference = f.reference(agent, old)
    new = second.import_key("p256", private, "robert")
    second.write_certificate(old.certificate, "robert", new.id)
    for kind in ("privkey", "pubkey", "cert"):
        first.delete(kind, old.id)
    agent.cli("refresh", check=True)
    with tap.case("a key that moved to another token, under another name"):
        gets_in(f, server, reference, reference, "bob")


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        tokens = f.token("corp"), f.token("spare")
        alice = tokens[0].identity(ca, "p256", "alice")
        server, agent = f.server(ca), f.agent()
        for token in tokens:
            agent.unlock(token)
        reference = f.reference(agent, alice)
        uri_alone(tap, f, server, alice)
        renewed(tap, f, server, agent, tokens[0], alice, reference)
        moved(tap, f, server, agent, tokens)
    tap.done()


main()
