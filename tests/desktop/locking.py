# SPDX-License-Identifier: Apache-2.0
"""A token that is locked or not, of an agent on two private buses.

    desk = Desk(f)
    desk.start("lock-on = sleep")
    desk.unlock()
    ...                                         # something happens
    desk.expect_logout("the machine went to sleep")
"""
import contextlib

from desktop import Bus, wait
from fault import Fault
from fixture import ANYTHING
import protocol_client as protocol

CORP = "slot 0 token=corp"
PUBLIC_SESSION = 0  # CKS_RO_PUBLIC_SESSION


class Desk:
    def __init__(self, f):
        self.f = f
        self.token = f.token("corp")
        self.key = self.token.generate("p256", "alice")
        self.fault = Fault(f.path("control"))
        self.fault.script(CORP)
        self.system, self.session = Bus(f, "system"), Bus(f, "session")
        self.agent = None

    def start(self, settings="", **options):
        """options: as an Agent has them."""
        if self.agent:
            self.agent.stop()
        self.fault.clear()
        self.agent = self.f.agent(
            modules={"fault": self.fault.module}, settings=settings,
            environment={**self.fault.environment, **self.system.environment,
                         **self.session.environment}, rules=ANYTHING, **options)

    def unlock(self):
        self.fault.clear()
        self.agent.unlock(self.token)
        assert self.locked() is None

    def locked(self):
        """None while it is unlocked, else why it is locked."""
        with contextlib.closing(protocol.Client(self.agent.socket)) as client:
            [token] = client.tokens()
        return None if token.has("unlocked") else token.why

    def sign(self):
        with contextlib.closing(protocol.Client(self.agent.socket)) as client:
            one, _chain = client.resolve(self.key.uri, 1)
            return client.sign(one.id, 0x0403, b"x")

    def expect_logout(self, why):
        """The token is locked for this reason, and has really logged out."""
        self.fault.wait("C_Logout", slot=0, rv="CKR_OK")
        said = wait(self.locked, f"locked: {why}")
        assert why in said, said
        assert why in self.agent.cli("status", check=True).stdout
        before = self.fault.count("C_GetSessionInfo")
        self.agent.cli("refresh", check=True)
        asked = self.fault.lines("C_GetSessionInfo")[before:]
        assert asked and all(line.words["state"] == str(PUBLIC_SESSION) for line in asked), asked
        assert self.fault.count("C_Logout") == 1, self.fault.tail()
