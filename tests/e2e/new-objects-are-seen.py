#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A running agent, told by SIGHUP, sees what was put on a token and what was taken off it."""
import json
import signal
import time

import programs
from fixture import Fixture
from tap import Tap, skip_all

PATIENCE = 20  # seconds


def wait_for(agent, wanted):
    """Until the labels that have a certificate, and all labels, are as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        identities = json.loads(agent.cli("list", "--json").stdout)["identities"]
        seen = {entry["label"]: bool(entry["certificates"]) for entry in identities}
        if seen == wanted:
            return
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        alice = token.generate("p256", "alice")
        agent = f.agent()
        agent.unlock(token)
        with tap.case("a key without a certificate is shown as such"):
            wait_for(agent, {"alice": False})
        with tap.case("a certificate that came later"):
            token.certify(ca, alice, "/CN=alice")
            agent.process.send_signal(signal.SIGHUP)
            wait_for(agent, {"alice": True})
        with tap.case("a key that came later"):
            token.identity(ca, "p256", "bob")
            agent.process.send_signal(signal.SIGHUP)
            wait_for(agent, {"alice": True, "bob": True})
        with tap.case("a key that went"):
            for kind in ("cert", "pubkey", "privkey"):
                token.delete(kind, alice.id)
            agent.process.send_signal(signal.SIGHUP)
            wait_for(agent, {"bob": True})
        with tap.case("the agent ends in order"):
            assert agent.stop() == 0
    tap.done()


main()
