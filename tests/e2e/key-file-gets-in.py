#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The server of these tests lets a key in a file in, and a stranger not: it is fit to judge ours."""
import programs
from fixture import Fixture
from tap import Tap, skip_all

KINDS = ("p256", "p384", "p521", "rsa2048", "rsa-pss", "ed25519", "ed448")


def main():
    absent = programs.missing("openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, other = f.authority("Office"), f.authority("Strangers")
        server = f.server(ca)
        for kind in KINDS:
            with tap.case(f"{kind} in a file is let in"):
                cert, key = ca.issue_file(kind, f"/O=Countersign Test/CN={kind}", kind)
                seen = f.curl(server, cert, key, provider=False)
                assert seen.returncode == 0 and seen.answer, seen
                assert seen.answer["dn"] == f"CN={kind},O=Countersign Test", seen.answer
        with tap.case("no certificate is refused"):
            seen = f.curl(server, provider=False)
            assert "400 No required SSL certificate was sent" in seen.stdout, seen
        with tap.case("a certificate of another authority is refused"):
            cert, key = other.issue_file("stranger", "/CN=stranger")
            seen = f.curl(server, cert, key, provider=False)
            assert "400 The SSL certificate error" in seen.stdout, seen
        with tap.case("s_client is let in too"):
            cert, key = ca.issue_file("bob", "/CN=bob")
            seen = f.s_client(server, "-cert", cert, "-key", key, "-tls1_2", provider=False)
            assert seen.answer == {**seen.answer, "dn": "CN=bob", "protocol": "TLSv1.2"}, seen
    tap.done()


main()
