#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two tokens of one label: what is said of one, and asked for it, names its serial, and so does the way out."""
import json

import programs
from fixture import Fixture
from tap import Tap, skip_all


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        for _ in range(2):
            f.token("corp")
        pinentry = f.pinentry("pin:1234")
        agent = f.agent(pinentry=pinentry)
        tokens = json.loads(agent.cli("status", "--json", check=True).stdout)["tokens"]
        serial, other = (token["serial"] for token in tokens)
        with tap.case("by its label alone: both serials are named"):
            seen = agent.unlock_with("corp", "1234", check=False)
            assert seen.returncode == 4 and serial in seen.stderr and other in seen.stderr, seen
        with tap.case("a wrong PIN: whose it was"):
            seen = agent.unlock_with(serial, "0000", check=False)
            assert f"token 'corp (serial {serial})': the PIN was refused" in seen.stderr, seen
        with tap.case("the same again: the command it names unlocks that one"):
            seen = agent.unlock_with(serial, "0000", check=False)
            assert f"add --force to 'countersign unlock {serial}'" in seen.stderr, seen
            agent.unlock_with(serial, "1234", force=True)
            states = {token["serial"]: token["state"] for token in
                      json.loads(agent.cli("status", "--json", check=True).stdout)["tokens"]}
            assert states == {serial: "unlocked", other: "locked"}, states
        with tap.case("the dialog says which one it is for"):
            agent.cli("unlock", other, check=True, environment={"DISPLAY": ":0"})
            asked = pinentry.asked()
            assert f"serial {other}" in asked and serial not in asked, asked
        agent.stop()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp")
        agent = f.agent()
        with tap.case("an only child goes by its label"):
            for _ in range(2):
                seen = agent.unlock_with("corp", "0000", check=False)
                assert "serial" not in seen.stderr and "token 'corp'" in seen.stderr, seen
            assert "'countersign unlock corp'" in seen.stderr, seen
    tap.done()


main()
