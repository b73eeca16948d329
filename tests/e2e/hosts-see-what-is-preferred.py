#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""[host] sections decide which identity a server sees, and `countersign find` says so."""
import json

import programs
import server as server_module
from fixture import Fixture
from tap import Tap, skip_all

SECTIONS = """
[host "localhost"]
identity = older
[host "*.example"]
identity = none
[host "odd.corp.example"]
identity = stranger
"""


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if lacking:
        skip_all(f"{lacking} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        for label, days in (("older", 5), ("newer", 30)):
            key = token.generate("p256", label)
            key.certificate = ca.issue(key.public, f"/O=Countersign Test/CN={label}", days=days)
            token.write_certificate(key.certificate, label, key.id)
        token.identity(f.authority("Elsewhere"), "p256", "stranger")
        agent = f.agent(settings=SECTIONS)
        agent.unlock(token)
        server = f.server(ca)

        def page(*name):
            environment = {"LD_PRELOAD": programs.sanitizer_library()} if programs.SANITIZE else {}
            seen = f.run([programs.CLI, "run", "--", "openssl", "s_client", "-connect",
                          f"127.0.0.1:{server.port}", *name, "-CAfile", ca.certificate, "-ign_eof"],
                         input="GET / HTTP/1.0\r\n\r\n", environment=environment)
            return server_module.answer(seen.stdout) or {"dn": seen}

        with tap.case("a server of that name sees the one that is named, though another expires later"):
            seen = page("-servername", "localhost")
            assert seen["dn"] == "CN=older,O=Countersign Test", seen
        with tap.case("a server without a name sees the one that expires last"):
            seen = page("-noservername")
            assert seen["dn"] == "CN=newer,O=Countersign Test", seen
        with tap.case("find explains it by file and line"):
            found = json.loads(agent.cli("find", "--host", "localhost", "--json", check=True).stdout)
            assert found["identity"]["label"] == "older", found
            assert f"{agent.conf}:5 prefers it" in found["why"], found
            assert f"{agent.conf}:5 prefers it" in agent.log(), agent.log()
        with tap.case("it counts though the server names other issuers"):
            found = agent.cli("find", "--host", "odd.corp.example", "--issuer", ca.certificate)
            assert found.returncode == 0 and "stranger" in found.stdout, found
        with tap.case("none means none"):
            found = agent.cli("find", "--host", "www.example")
            assert found.returncode == 4 and "no identity is to be shown" in found.stderr, found
    tap.done()


main()
