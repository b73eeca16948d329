#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a server demands holds for us as for anybody: authority, protocol version, chain."""
import re

import programs
import secrecy
from fixture import Fixture
from tap import Tap, skip_all

OLD = ["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]
# OpenSSL releases stop at different points of such a handshake.
REFUSED = re.compile("unsupported protocol|protocol version|no protocols|legacy sigalg")


def wrong_authority(tap, f, ca, agent, stranger):
    reference = f.reference(agent, stranger)
    strict, lenient = f.server(ca), f.server(ca, verify="optional_no_ca")
    with tap.case("another authority's certificate: 400 by a server that verifies"):
        seen = f.curl(strict, reference, reference)
        assert "400 The SSL certificate error" in seen.stdout and not seen.answer, seen
    with tap.case("another authority's certificate: 403 by one that asks and looks later"):
        seen = f.curl(lenient, reference, reference)
        assert "403 Forbidden" in seen.stdout and not seen.answer, seen
    with tap.case("no certificate: 403 by one that asks and looks later"):
        seen = f.curl(lenient)
        assert "403 Forbidden" in seen.stdout and not seen.answer, seen
    with tap.case("our provider makes nobody a client who named no key"):
        seen = f.curl(strict)
        assert "400 No required SSL certificate was sent" in seen.stdout, seen


def old_protocol(tap, f, ca, reference):
    old = f.server(ca, protocols="TLSv1.1", ciphers="ALL:@SECLEVEL=0")
    with tap.case("a server with TLS 1.1 alone serves who insists on it"):
        cert, key = ca.issue_file("old", "/CN=old", "rsa2048")
        seen = f.curl(old, cert, key, *OLD, provider=False)
        assert seen.answer and seen.answer["protocol"] == "TLSv1.1", seen
    with tap.case("a server with TLS 1.1 alone is refused by curl"):
        seen = f.curl(old, reference, reference)
        assert seen.returncode != 0 and not seen.answer, seen
        assert REFUSED.search(seen.stderr), seen
    with tap.case("a server with TLS 1.1 alone gets no signature of ours from who insists on it"):
        seen = f.curl(old, reference, reference, *OLD)
        assert seen.returncode != 0 and not seen.answer, seen
    with tap.case("a server with TLS 1.1 alone is refused by s_client"):
        seen = f.s_client(old, "-cert", reference, "-key", reference)
        assert seen.returncode != 0 and not seen.answer, seen
        assert REFUSED.search(seen.stderr), seen


def chain(tap, f, ca, agent, token):
    middle = f.authority("Branch", parent=ca)
    below = token.identity(middle, "p256", "below")
    server = f.server(ca)
    with tap.case("a leaf under an intermediate that nobody has is refused"):
        agent.restart()
        agent.unlock(token)
        reference = f.reference(agent, below, "alone.pem")
        seen = f.curl(server, reference, reference)
        assert "400 The SSL certificate error" in seen.stdout, seen
    token.write_certificate(middle.certificate.read_text(), "branch", b"\xca")
    with tap.case("with the intermediate on the token the reference has the chain"):
        agent.restart()
        agent.unlock(token)
        reference = f.reference(agent, below, "chain.pem")
        assert reference.read_text().count("BEGIN CERTIFICATE") == 2, reference.read_text()
        seen = f.curl(server, reference, reference)
        assert seen.answer and seen.answer["dn"] == "CN=below,O=Countersign Test", seen
    with tap.case("s_client sends the chain out of a store URI"):
        seen = f.s_client(server, "-cert", below.uri, "-key", below.uri, "-cert_chain", reference)
        assert seen.answer and seen.answer["dn"] == "CN=below,O=Countersign Test", seen


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, other = f.authority("Office"), f.authority("Strangers")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        stranger = token.identity(other, "p256", "stranger")
        agent = f.agent()
        agent.unlock(token)
        wrong_authority(tap, f, ca, agent, stranger)
        old_protocol(tap, f, ca, f.reference(agent, alice))
        chain(tap, f, ca, agent, token)
        with tap.case("no private key is in any file"):
            assert secrecy.private_keys(f) == [] and secrecy.left_token(token) == []
    tap.done()


main()
