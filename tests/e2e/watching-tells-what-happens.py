#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`countersign watch` says what happens to tokens and identities, and who signs, as it happens."""
import json
import subprocess

import programs
from fixture import Fixture
from tap import Tap, skip_all


class Watch:
    """A running `countersign watch --json`; next() waits for the next event."""

    def __init__(self, f):
        self.process = f.start([programs.CLI, "watch", "--json"], log=f.path("watch.log"),
                               stdout=subprocess.PIPE, text=True)

    def until(self, event):
        """Reads on to an event of this kind; what came before it is lost."""
        for line in self.process.stdout:
            seen = json.loads(line)
            if seen["event"] == event:
                return seen
        raise AssertionError(f"the watch ended before {event}")


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        server, agent = f.server(ca), f.agent()
        reference = f.reference(agent, alice)
        watch = Watch(f)
        watch.until("watching")
        with tap.case("unlocking"):
            agent.unlock(token)
            seen = watch.until("token-unlocked")
            assert "corp" in seen["text"] and "token=corp" in seen["subject"], seen
        with tap.case("a signature: who, with what"):
            f.curl(server, cert=reference, key=reference)
            seen = watch.until("signed")
            program = "curl" if programs.curl_can_load_provider() else "openssl"
            assert program in seen["text"] and "alice" in seen["text"], seen
            assert "object=alice" in seen["subject"], seen
        with tap.case("the log says what the bytes proved, and to which server where that shows"):
            assert "ecdsa_secp256r1_sha256, tls13-client: allowed" in agent.log(), agent.log()
            f.s_client(server, "-tls1_2", "-cert", reference, "-key", reference)
            watch.until("signed")
            assert "tls12-client to localhost: allowed" in agent.log(), agent.log()
        with tap.case("an identity that comes, once the agent has looked"):
            token.identity(ca, "p256", "bob")
            agent.cli("refresh", check=True)
            seen = watch.until("identity-added")
            assert "object=bob" in seen["subject"], seen
        with tap.case("locking, and why"):
            agent.cli("lock", check=True)
            seen = watch.until("token-locked")
            assert "countersign lock" in seen["text"], seen
        with tap.case("the end of the agent ends it, with the status that says so"):
            agent.stop()
            assert watch.process.wait(20) == 3
    tap.done()


main()
