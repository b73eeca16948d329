#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""On a server the PIN comes from a credential or a command, and a lock on purpose stays a lock."""
import programs
from fixture import Fixture
from tap import Tap, skip_all


def in_and_out(tap, what, f, agent, client):
    with tap.case(f"{what}: the first request unlocks by itself"):
        seen = client()
        assert seen.answer and seen.answer["dn"] == "CN=alice,O=Countersign Test", seen
    with tap.case(f"{what}: after `countersign lock` a request does not"):
        agent.cli("lock", "corp", check=True)
        seen = client()
        assert seen.returncode != 0 and "countersign unlock" in seen.stderr, seen
    with tap.case(f"{what}: `countersign unlock` takes the PIN from there again"):
        agent.cli("unlock", "corp", check=True)
        seen = client()
        assert seen.answer, seen
    with tap.case(f"{what}: the PIN is in no log"):
        assert "735182" not in agent.log()
    agent.stop()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp", "735182")
        alice = token.identity(ca, "p256", "alice")
        server = f.server(ca)
        credentials = f.path("credentials")
        credentials.mkdir(mode=0o700)
        (credentials / "countersign.pin").write_text("735182\n")
        (credentials / "corp.pin").write_text("735182")
        with_credentials = {"CREDENTIALS_DIRECTORY": str(credentials)}

        agent = f.agent(environment=with_credentials)
        reference = f.reference(agent, alice)

        def client():
            return f.curl(server, reference, reference)
        in_and_out(tap, "the usual credential", f, agent, client)
        agent = f.agent(environment=with_credentials, tokens={"corp": "pin-credential = corp.pin"})
        in_and_out(tap, "a credential of the token's own", f, agent, client)
        command = f.scratch("#!/bin/sh\necho \"$1\"\n")
        command.chmod(0o700)
        agent = f.agent(tokens={"corp": f"pin-command = {command} 735182"})
        in_and_out(tap, "a command", f, agent, client)
        agent = f.agent(tokens={"corp": "pin-command = /bin/false"})
        with tap.case("a command that fails: locked, and the reason names it"):
            seen = agent.cli("unlock", "corp")
            assert seen.returncode == 5 and "/bin/false" in seen.stderr, seen
        agent.stop()
        agent = f.agent(environment=with_credentials, tokens={"corp": "pin-credential = no.pin"})
        with tap.case("a credential that is not there: locked, and the reason names it"):
            seen = agent.cli("unlock", "corp")
            assert seen.returncode == 5 and "no.pin" in seen.stderr, seen
        agent.stop()
    tap.done()


main()
