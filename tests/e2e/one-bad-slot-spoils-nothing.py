#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uninitialised slots, broken modules and odd objects leave the good identities usable."""
import json

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        corp, home = f.token("corp"), f.token("home", "4321")
        alice = corp.identity(ca, "p256", "alice")
        corp.delete("pubkey", alice.id)
        bare = corp.generate("p256", "bare")
        twins = [home.identity(ca, "p256", "twin") for _ in range(2)]
        agent = f.agent(modules={"broken": "/nonexistent/module.so", "text": f.scratch("no module"),
                                 "softhsm": programs.SOFTHSM}, rules=ANYTHING)
        agent.unlock(corp)
        agent.unlock(home)
        server = f.server(ca)
        client = protocol.Client(agent.socket)
        with tap.case("modules that do not load are shown as failed, with a reason"):
            states = {one.name: one for one in client.status().modules}
            assert states["softhsm"].state == "running", states
            for name in ("broken", "text"):
                assert states[name].state in ("failed", "starting") and states[name].error, states
        with tap.case("the uninitialised slot beside them is no hindrance"):
            labels = [one.label for one in client.tokens() if one.has("initialised")]
            assert sorted(labels) == [b"corp", b"home"], labels
        with tap.case("a key without a public-key object takes it from its certificate"):
            reference = f.reference(agent, alice)
            seen = f.curl(server, reference, reference)
            assert seen.answer and seen.answer["dn"] == "CN=alice,O=Countersign Test", seen
        with tap.case("a key without a certificate is listed and signs"):
            one, chain = client.resolve(bare.uri, 1)
            assert chain == [] and one.certificates == [], one
            assert client.sign(one.id, 0x0403, b"x")
        with tap.case("two keys with one label are told apart by their ids"):
            for number, twin in enumerate(twins):
                reference = f.reference(agent, twin, f"twin-{number}.pem")
                seen = f.curl(server, reference, reference)
                assert seen.answer and seen.answer["dn"] == "CN=twin,O=Countersign Test", seen
            seen = agent.cli("show", "pkcs11:token=home;object=twin")
            assert seen.returncode == 4 and seen.stderr.count("twin") >= 2, seen
        with tap.case("the command line lists the good ones"):
            shown = json.loads(agent.cli("list", "--json", check=True).stdout)
            assert "alice" in json.dumps(shown) and "twin" in json.dumps(shown), shown
        with tap.case("labels and ids of any bytes"):
            odd = home.identity(ca, "p256", "a;b/c %&?=ü \u001b[31m", "/CN=odd", b"\0\xff;/%\x80")
            agent.restart()
            agent.unlock(home)
            reference = f.reference(agent, odd, "odd.pem")
            seen = f.curl(server, reference, reference)
            assert seen.answer and seen.answer["dn"] == "CN=odd", seen
            assert "\u001b" not in agent.cli("list", check=True).stdout, "a terminal is at its mercy"
    tap.done()


main()
