# SPDX-License-Identifier: Apache-2.0
"""An agent with two modules that can be told to fail, so that one shows what the other's users notice."""
import time

import protocol_client as protocol
from fault import Fault
from fixture import ANYTHING

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
PATIENCE = 30


class Twins:
    """Two modules, each with a token and a key of its own; `corp` is the one that suffers."""

    def __init__(self, f, settings="", environment=None):
        self.f = f
        self.tokens = {label: f.token(label) for label in ("corp", "home")}
        self.authorities = {label: f.authority(f"{label} office") for label in self.tokens}
        self.keys = {label: token.identity(self.authorities[label], "p256", label)
                     for label, token in self.tokens.items()}
        self.faults = {label: Fault(f.path(f"control-{label}")) for label in self.tokens}
        self.corp, self.home = self.faults["corp"], self.faults["home"]
        for label, fault in self.faults.items():
            fault.script(f"slot 0 token={label}")
        section = (f'{settings}\n[module "corp"]\npath = {self.corp.module}\n'
                   f"init-args = {self.corp.init_args}\n")
        self.agent = f.agent(modules={"home": self.home.module}, settings=section,
                             environment={**self.home.environment, **(environment or {})},
                             rules=ANYTHING)
        self.client = protocol.Client(self.agent.socket)

    def begin_anew(self):
        """Another agent, for one whose module has crashed often waits long; both tokens unlocked."""
        for label, fault in self.faults.items():
            fault.script(f"slot 0 token={label}")
        self.agent.restart()
        self.client = protocol.Client(self.agent.socket)
        for label in self.faults:
            self.unlock(label)
            self.sign(label)

    def unlock(self, label):
        self.client.unlock_with(label, self.tokens[label].pin)

    def key(self, label, client=None):
        identity, _chain = (client or self.client).resolve(label, 1)
        return identity.id

    def sign(self, label, client=None):
        client = client or self.client
        return client.sign(self.key(label, client), SCHEME, b"message")

    def module(self, label):
        return next(module for module in self.client.status().modules if module.name == label)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {what}"
            time.sleep(0.01)

    def wait_for_token(self, label, client=None):
        client = client or self.client
        self.wait_for(f"token {label}", lambda: any(token.label == label.encode()
                                                    for token in client.tokens()))

    def check(self):
        for fault in self.faults.values():
            fault.check()

    def tail(self):
        return "\n".join([self.f.diagnose()] + [fault.tail(20) for fault in self.faults.values()])
