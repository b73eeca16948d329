#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No PIN of the configuration goes to a token by itself when it was tried in vain, or somebody locked the token.

Also if the module ended since, whatever it was that it ended over.
"""
import contextlib
import os
import signal

import programs
import protocol_client as protocol
from fault import Fault
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all
from wait import wait

CORP = "slot 0 token=corp"
SIGNATURE = (0x0403, b"x")


class Desk:
    """A token whose PIN comes from a file, by a command or as a credential."""

    def __init__(self, f):
        self.f, self.fault = f, Fault(f.path("control"))
        self.folder = f.path("credentials")
        self.folder.mkdir(mode=0o700)
        self.pin = self.folder / "corp.pin"
        self.source = {"command": f"pin-command = /bin/cat {self.pin}", "credential": "pin-credential = corp.pin"}
        self.agent = None

    @contextlib.contextmanager
    def run(self, source, pin, *script, more=None):
        """An agent that knows the token and its key."""
        self.pin.write_text(pin)
        self.fault.script(CORP)
        self.fault.forgive()
        self.fault.clear()
        self.agent = self.f.agent(modules={"fault": self.fault.module}, tokens={"corp": self.source[source], **(more or {})},
                                  environment={**self.fault.environment, "CREDENTIALS_DIRECTORY": str(self.folder)},
                                  rules=ANYTHING)
        with contextlib.closing(self.client()) as client:
            self.alice, _ = client.resolve("alice", 1)
        self.fault.script(CORP, *script)
        try:
            yield
        finally:
            self.agent.stop()

    def client(self):
        return protocol.Client(self.agent.socket)

    def sign(self):
        """"signed", or the error."""
        with contextlib.closing(self.client()) as client:
            try:
                client.sign(self.alice.id, *SIGNATURE)
            except protocol.AgentError as error:
                return error
        return "signed"

    def module(self):
        with contextlib.closing(self.client()) as client:
            [module] = client.status().modules
        return module

    def kill(self):
        before = self.module()
        os.kill(before.pid, signal.SIGKILL)
        wait(lambda: self.module().state == "failed" or self.module().restarts > before.restarts, "its end")

    def expect_locked(self, *words):
        for _ in range(3):
            error = self.sign()
            assert error != "signed" and error.name == "LOCKED", error
            assert all(word in error.text for word in words), error


def crash_cases(tap, desk):
    told = "was sent to it before its module failed", "countersign unlock corp"
    for source in desk.source:
        with tap.case(f"{source}: the module crashes over the PIN: one try, however often it is wanted"), \
                desk.run(source, "0000", "crash C_Login"):
            assert desk.sign().name == "MODULE_FAILED"
            desk.expect_locked(*told)
            assert desk.fault.count("@crash") == 1, desk.fault.tail()
        with tap.case(f"{source}: who unlocks has it tried once more"), desk.run(source, "0000", "crash C_Login"):
            assert desk.sign().name == "MODULE_FAILED"
            assert "module 'fault' failed" in desk.agent.cli("unlock", "corp").stderr
            desk.expect_locked(*told)
            assert desk.fault.count("@crash") == 2, desk.fault.tail()
        with tap.case(f"{source}: it was refused before the module ended"), desk.run(source, "0000"):
            assert desk.sign().name == "PIN_INCORRECT"
            desk.kill()
            desk.expect_locked(*told)
            assert desk.fault.count("C_Login") == 1, desk.fault.tail()
        with tap.case(f"{source}: one that is right is used again after a crash"), \
                desk.run(source, "1234", "crash C_Sign once"):
            assert desk.sign().name == "MODULE_FAILED"
            assert desk.sign() == "signed"
            desk.kill()
            assert desk.sign() == "signed"
        with tap.case(f"{source}: once it was right nothing is held against it"), \
                desk.run(source, "1234", "crash C_Login once"):
            assert desk.sign().name == "MODULE_FAILED"
            desk.expect_locked(*told)
            desk.agent.cli("unlock", "corp", check=True)
            assert desk.sign() == "signed"
            desk.kill()
            assert desk.sign() == "signed"


def mend_cases(tap, desk):
    with tap.case("a file that was corrected is tried by itself"), desk.run("credential", "0000", "crash C_Login once"):
        assert desk.sign().name == "MODULE_FAILED"
        desk.expect_locked("before its module failed")
        scratch = desk.folder / "new"
        scratch.write_text("1234")
        scratch.rename(desk.pin)
        assert desk.sign() == "signed"
    with tap.case("of two sources each is tried once"), \
            desk.run("command", "0000", "crash C_Login", more={"pkcs11:token=corp": "pin-command = /usr/bin/printf 1111"}):
        for _ in range(2):
            assert desk.sign().name == "MODULE_FAILED"
        desk.expect_locked("printf was sent to it before its module failed")
        assert desk.fault.count("@crash") == 2, desk.fault.tail()
    with tap.case("a descriptor opens it at once"), desk.run("command", "0000", "crash C_Login once"):
        assert desk.sign().name == "MODULE_FAILED"
        desk.agent.unlock_with("corp", "1234")
        assert desk.sign() == "signed"


def lock_cases(tap, desk):
    with tap.case("what was locked on purpose stays locked when its module ends"), desk.run("command", "1234"):
        assert desk.sign() == "signed"
        desk.agent.cli("lock", check=True)
        for _ in range(2):
            desk.kill()
            with contextlib.closing(desk.client()) as client:
                client.resolve("alice")  # once the host has reported
                [token] = client.tokens()
            assert token.has("held"), token
            desk.expect_locked("countersign unlock corp")
        assert desk.fault.count("C_Login") == 1, desk.fault.tail()
        desk.agent.cli("unlock", "corp", check=True)
        desk.kill()
        assert desk.sign() == "signed"
    with tap.case("also when it is pulled and put back"), desk.run("command", "1234"):
        assert desk.sign() == "signed"
        desk.agent.cli("lock", check=True)
        for script in ("slot 0 absent", CORP):
            desk.fault.script(script)
            desk.agent.cli("refresh", check=True)
        desk.expect_locked("countersign unlock corp")
        desk.agent.cli("unlock", "corp", check=True)
        assert desk.sign() == "signed"
    with tap.case("also when it ends over the lock"), desk.run("command", "1234", "crash C_Logout"):
        assert desk.sign() == "signed"
        desk.agent.cli("lock", check=True)
        desk.expect_locked("countersign unlock corp")
        assert desk.fault.count("C_Login") == 1, desk.fault.tail()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        desk = Desk(f)
        f.token("corp").generate("p256", "alice")
        tap.diagnose = lambda: f.diagnose() + desk.fault.tail()
        crash_cases(tap, desk)
        mend_cases(tap, desk)
        lock_cases(tap, desk)
        desk.fault.check()
    tap.done()


main()
