#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""However a PIN comes, it is not in the agent's memory, in a log, a command line or an environment."""
import os
import secrets

import process
import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Skip, Tap, skip_all

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
LABEL = "Rohrdommel"


class Ways:
    """Each takes a fresh agent from locked to a signature; gives the files where the PIN may be."""

    def __init__(self, f, pin):
        self.f, self.pin = f, pin

    def by_descriptor(self):
        agent = self.f.agent(rules=ANYTHING)
        client = protocol.Client(agent.socket)
        client.unlock_with(LABEL, self.pin)
        return agent, client, []

    def by_prompt(self):
        pinentry = self.f.pinentry(f"pin:{self.pin}")
        agent = self.f.agent(pinentry=pinentry, rules=ANYTHING)
        client = protocol.Client(agent.socket, environment=[("DISPLAY", ":99")])
        return agent, client, [pinentry.folder / "answers"]

    def by_command(self):
        secret = self.f.scratch(self.pin + "\n")
        command = self.f.scratch(f"#!/bin/sh\ncat {secret}\n")
        command.chmod(0o700)
        agent = self.f.agent(tokens={LABEL: f"pin-command = {command}"}, rules=ANYTHING)
        return agent, protocol.Client(agent.socket), [secret]

    def by_credential(self):
        folder = self.f.path("credentials")
        folder.mkdir(mode=0o700)
        (folder / "countersign.pin").write_text(self.pin)
        agent = self.f.agent(environment={"CREDENTIALS_DIRECTORY": str(folder)}, rules=ANYTHING)
        return agent, protocol.Client(agent.socket), [folder / "countersign.pin"]


def check(tap, f, pin, way):
    name, put_there = way.__name__.replace("_", " "), []
    agent, client, put_there = way()
    with tap.case(f"{name}: a signature"):
        alice, _ = client.resolve("alice", 1)
        assert len(client.sign(alice.id, SCHEME, b"x")) > 64
    with tap.case(f"{name}: a wrong PIN as well"):
        wrong = pin[::-1] + "x"
        client.lock(LABEL)
        try:
            client.unlock_with(LABEL, wrong)
        except protocol.AgentError as error:
            assert error.name == "PIN_INCORRECT" and wrong not in error.text, error
        else:
            raise AssertionError("unlocked with a wrong PIN")
        client.unlock_with(LABEL, pin)
    with tap.case(f"{name}: not in the agent's memory"):
        if os.geteuid() != 0:
            raise Skip("only root can read the memory of a process that is not dumpable")
        # The label shows that the search finds what is there.
        assert process.mappings_with(agent.process.pid, LABEL.encode())
        for secret in (pin, wrong):
            found = process.mappings_with(agent.process.pid, secret.encode())
            assert not found, found
    with tap.case(f"{name}: in no command line and no environment"):
        for secret in (pin, wrong):
            assert not process.shown(secret.encode()), process.shown(secret.encode())
    with tap.case(f"{name}: in no file, so in no log"):
        assert process.files_with(f.folder, LABEL.encode()), "the search finds nothing at all"
        for secret in (pin, wrong):
            found = [p for p in process.files_with(f.folder, secret.encode()) if p not in put_there]
            assert not found, found
    client.close()
    agent.stop()
    for path in put_there:
        path.unlink()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    pin = "Zaunkoenig-" + secrets.token_hex(6)
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token(LABEL, pin).identity(f.authority("Office"), "p256", "alice")
        ways = Ways(f, pin)
        for way in (ways.by_descriptor, ways.by_prompt, ways.by_command, ways.by_credential):
            check(tap, f, pin, way)
    tap.done()


main()
