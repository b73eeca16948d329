#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever code a module returns, wherever: the agent goes on, and the program gets a clear error."""
import re

import programs
import protocol_client as protocol
from fault import Fault
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
FUNCTIONS = ("C_OpenSession", "C_Login", "C_FindObjects", "C_GetAttributeValue", "C_SignInit", "C_Sign")
# 0x42, 0x201 and on are of versions of PKCS#11 after 2.40; the last two are nobody's and a vendor's.
MORE = ["0x42", "0x201", "0x202", "0x203", "0x7777", "0x80000001"]
# What a token says of attributes that it has not.
UNTOLD = ("CKR_ATTRIBUTE_TYPE_INVALID", "CKR_ATTRIBUTE_SENSITIVE", "CKR_BUFFER_TOO_SMALL")
REFRESH = 0x000B


def codes():
    """The names of all that the module knows, which are those of v2.40."""
    table = (programs.SOURCE / "tests/fault/module/name.c").read_text(encoding="utf-8")
    found = sorted(set(re.findall(r"\bCKR_[A-Z0-9_]+", table)) - {"CKR_OK", "CKR_VENDOR_DEFINED"})
    assert len(found) > 80, found
    return found + MORE


class Scene:
    def __init__(self, f):
        self.token = f.token("corp")
        self.token.identity(f.authority("Office"), "p256", "alice")
        self.fault = Fault(f.path("control"))
        self.resumed = 0
        self.script()
        self.agent = f.agent(modules={"fault": self.fault.module}, environment=self.fault.environment,
                             rules=ANYTHING, settings="hot-plug = never")
        self.begin()

    def begin(self):
        self.client = protocol.Client(self.agent.socket)
        self.unlock()

    def unlock(self):
        self.client.unlock_with("corp", self.token.pin)

    def sign(self):
        identity, _chain = self.client.resolve("alice", 1)
        return self.client.sign(identity.id, SCHEME, b"x")

    def refresh(self):
        self.client.ask(REFRESH).end()

    def round(self):
        """What a day may bring; the errors that its user saw."""
        errors = []
        for step in (lambda: self.client.lock("corp"), self.refresh, self.unlock, self.sign):
            try:
                step()
            except protocol.AgentError as error:
                errors.append(error)
        return errors

    def script(self, *rules):
        self.fault.script(f"slot 0 token=corp resume={self.resumed}", *rules)

    def fail(self, function, code):
        """Always, for a dead handle is worth a second try."""
        self.fault.clear()
        # Sessions are kept open, unless the machine slept.
        self.resumed += function == "C_OpenSession"
        self.script(f"fail {function} {code}")

    def is_whole(self):
        """No token host has failed; some were started anew for a refresh."""
        module, = self.client.status().modules
        return module.restarts == 0

    def mend(self, function):
        self.script()
        # One that opens no session has lost its token: then a new host is started, which is no quicker than it should.
        if not self.is_whole():
            assert function == "C_OpenSession"
            self.agent.restart()
            self.begin()
        self.refresh()
        try:
            self.unlock()
        except protocol.AgentError as error:
            # A PIN that was refused is not sent twice by the same host.
            assert error.name == "PIN_INCORRECT", error
            self.agent.restart()
            self.begin()
        assert self.sign()


def is_sensible(error, code):
    """It is in the catalogue, names who it is about, and does not put it down to the user."""
    known = "no key fits" not in error.text or "cannot use a token that is there" in error.text
    return ((known or code in UNTOLD) and error.name in protocol.ERROR_NAMES.values() and
            re.search(r"corp|alice|fault", error.text) and len(error.text) > 15)


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        scene = Scene(f)
        tap.diagnose = lambda: scene.fault.tail() + f.diagnose()
        for function in FUNCTIONS:
            seen = {}
            with tap.case(f"{function}: each code once, with an error that makes sense, and then all is well"):
                for code in codes():
                    scene.fail(function, code)
                    errors = scene.round()
                    assert scene.fault.count(function), f"{function} was not called"
                    bad = [error for error in errors if not is_sensible(error, code)]
                    assert not bad, (code, bad)
                    seen[code] = errors
                    scene.mend(function)
                assert any(seen.values()), "no code did any harm"
            for code in ("CKR_GENERAL_ERROR", "CKR_DEVICE_REMOVED", "0x80000001"):
                for error in seen.get(code, []):
                    tap.comment(f"{function} {code}: {error}")
        with tap.case("no module was called against its word"):
            scene.fault.check()
    tap.done()


main()
