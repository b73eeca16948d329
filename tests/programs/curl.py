#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""curl by each route, with an EC and an RSA key, in both versions of TLS."""
import programs
from fixture import Fixture
from table import Cannot, Table
from tap import skip_all

VERSIONS = {"TLSv1.2": ["--tlsv1.2", "--tls-max", "1.2"], "TLSv1.3": ["--tlsv1.3"]}


def rows(table, f, server, key, reference):
    for version, words in VERSIONS.items():
        with table.row("curl", "PEM", key, version) as row:
            row.sees(f.curl(server, reference, reference, *words))
        with table.row("curl", "run", key, version) as row:
            row.sees(f.run([programs.CLI, "run", "--identity", key.label, "--", "curl", "-sS", *words,
                            "--cacert", server.ca.certificate, server.url]))
    with table.row("curl", "URI", key) as row:
        seen = f.curl(server, key.uri, key.uri)
        if "engine" in seen.stderr.lower():
            raise Cannot("takes pkcs11: for an engine; from 8.14 on --key-type PROV --cert-type PROV")
        row.sees(seen)


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("curl")
    with Fixture() as f:
        table.tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        keys = [token.identity(ca, kind, kind) for kind in ("p256", "rsa2048")]
        server, agent = f.server(ca), f.agent()
        agent.unlock(token)
        for key in keys:
            rows(table, f, server, key, f.reference(agent, key))
    table.done()


main()
