#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""{TLS 1.2, TLS 1.3} x every kind of key x {PEM reference, store URI}: the server sees our DN."""
import programs
import secrecy
from fixture import Fixture
from tap import Tap, skip_all

KINDS = ("p256", "p384", "p521", "rsa2048", "rsa-pss", "ed25519", "ed448")
VERSIONS = {
    "TLSv1.2": (["--tlsv1.2", "--tls-max", "1.2"], ["-tls1_2"]),
    "TLSv1.3": (["--tlsv1.3"], ["-tls1_3"]),
}


def check(seen, key, version):
    assert seen.returncode == 0 and seen.answer, seen
    assert seen.answer["dn"] == f"CN={key.label},O=Countersign Test", seen.answer
    assert (seen.answer["verify"], seen.answer["protocol"]) == ("SUCCESS", version), seen.answer


def matrix(tap, f, server, key, reference):
    for version, (curl, s_client) in VERSIONS.items():
        with tap.case(f"{version}, {key.kind}: curl with a PEM reference"):
            check(f.curl(server, reference, reference, *curl), key, version)
        with tap.case(f"{version}, {key.kind}: s_client with a PEM reference"):
            check(f.s_client(server, "-cert", reference, "-key", reference, *s_client), key, version)
        with tap.case(f"{version}, {key.kind}: s_client with a store URI"):
            check(f.s_client(server, "-cert", key.uri, "-key", key.uri, *s_client), key, version)


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        keys = [token.identity(ca, kind, kind) for kind in KINDS]
        server, agent = f.server(ca), f.agent()
        agent.unlock(token)
        for key in keys:
            matrix(tap, f, server, key, f.reference(agent, key))
        with tap.case("no private key is in any file"):
            assert secrecy.private_keys(f) == []
        with tap.case("no private key has ever left the token"):
            # Ed448 is the one that had to be brought there.
            assert [part for part in secrecy.left_token(token) if "ed448" not in part] == []
    tap.done()


main()
