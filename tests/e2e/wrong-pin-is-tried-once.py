#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PIN that the token refused is never sent to it again, whatever its source: C_Login is counted."""
import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all


def by_descriptor(tap, f):
    spy = f.spy()
    agent = f.agent(modules={"spied": spy.module}, environment=spy.environment, rules=ANYTHING)
    with tap.case("a wrong PIN by a descriptor: one C_Login, and the reason"):
        before = spy.count("C_Login")
        seen = agent.unlock_with("corp", "0000", check=False)
        assert seen.returncode == 5 and "PIN" in seen.stderr, seen
        assert spy.count("C_Login") == before + 1, spy.calls()
    with tap.case("signatures do not try again by themselves"):
        before = spy.count("C_Login")
        client = protocol.Client(agent.socket)
        alice, _ = client.resolve("alice", 1)
        for _ in range(5):
            try:
                client.sign(alice.id, 0x0403, b"x")
            except protocol.AgentError as error:
                assert error.name in ("LOCKED", "PIN_INCORRECT"), error
            else:
                raise AssertionError("signed without a PIN")
        assert spy.count("C_Login") == before, spy.calls()
    with tap.case("the same by a descriptor again: none; with --force it is sent once more"):
        before = spy.count("C_Login")
        seen = agent.unlock_with("corp", "0000", check=False)
        assert seen.returncode == 5 and "add --force to 'countersign unlock corp'" in seen.stderr, seen
        assert spy.count("C_Login") == before, spy.calls()
        seen = agent.unlock_with("corp", "0000", check=False, force=True)
        assert seen.returncode == 5 and "CKR_PIN_INCORRECT" in seen.stderr, seen
        assert spy.count("C_Login") == before + 1, spy.calls()
    with tap.case("the right PIN: one C_Login more"):
        before = spy.count("C_Login")
        agent.unlock_with("corp", "1234")
        client.sign(alice.id, 0x0403, b"x")
        client.sign(alice.id, 0x0403, b"x")
        assert spy.count("C_Login") == before + 1, spy.calls()
    agent.stop()


def by_command(tap, f):
    spy = f.spy()
    spy.output.unlink(missing_ok=True)
    counter = f.path("asked")
    command = f.scratch(f"#!/bin/sh\necho asked >> {counter}\necho 0000\n")
    command.chmod(0o700)
    agent = f.agent(modules={"spied": spy.module}, environment=spy.environment,
                    tokens={"corp": f"pin-command = {command}"}, rules=ANYTHING)
    with tap.case("a wrong PIN by a command: tried once by any number of signatures"):
        client = protocol.Client(agent.socket)
        alice, _ = client.resolve("alice", 1)
        for _ in range(5):
            try:
                client.sign(alice.id, 0x0403, b"x")
            except protocol.AgentError as error:
                assert error.name in ("LOCKED", "PIN_INCORRECT"), error
            else:
                raise AssertionError("signed with a wrong PIN")
        assert counter.exists(), "the command was not asked"
        assert spy.count("C_Login") == 1, spy.calls()
    agent.stop()


def by_prompt(tap, f):
    spy = f.spy()
    spy.output.unlink(missing_ok=True)
    pinentry = f.pinentry("pin:0000", "pin:0000", "cancel")
    agent = f.agent(modules={"spied": spy.module}, environment=spy.environment, pinentry=pinentry,
                    rules=ANYTHING)
    with tap.case("a wrong PIN at the prompt: sent once, even if it is entered twice"):
        client = protocol.Client(agent.socket, environment=[("DISPLAY", ":99")])
        alice, _ = client.resolve("alice", 1)
        try:
            client.sign(alice.id, 0x0403, b"x")
        except protocol.AgentError as error:
            assert error.name in ("LOCKED", "PIN_INCORRECT", "CANCELLED"), error
        else:
            raise AssertionError("signed with a wrong PIN")
        assert pinentry.questions() >= 1
        assert spy.count("C_Login") == 1, spy.calls()
    agent.stop()


def main():
    absent = programs.missing("softhsm", "spy", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        token = f.token("corp")
        token.identity(f.authority("Office"), "p256", "alice")
        by_descriptor(tap, f)
        by_command(tap, f)
        by_prompt(tap, f)
    tap.done()


main()
