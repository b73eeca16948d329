# SPDX-License-Identifier: Apache-2.0
"""An agent on the fault module, with a person at a scripted pinentry, and programs that sign.

    with Scene(f, fault, "slot 0 token=corp tries=3", "pin:0000", "pin:1234") as s:
        assert results(s.signers(5)) == {"signed"}
"""
import threading

import protocol_client as protocol
from fixture import ANYTHING

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
DISPLAY = {"DISPLAY": ":99"}


class Signer(threading.Thread):
    """A program with a connection of its own that signs once; `error` is why not."""

    def __init__(self, agent, environment):
        super().__init__(daemon=True)
        self.client = protocol.Client(agent.socket, environment=list(environment.items()))
        self.client.socket.settimeout(90)
        self.alice, _ = self.client.resolve("alice", 1)
        self.error = self.signature = None
        self.start()

    def run(self):
        try:
            self.signature = self.client.sign(self.alice.id, SCHEME, b"x")
        except (protocol.AgentError, protocol.Closed) as why:
            self.error = why

    def result(self):
        """"signed", or the name of the error."""
        self.join(90)
        assert not self.is_alive(), "nobody answered"
        return "signed" if self.signature else getattr(self.error, "name", repr(self.error))


def results(signers):
    return {signer.result() for signer in signers}


class Scene:
    """script: a line or several. answers: the pinentry's; without any nobody is asked."""

    def __init__(self, f, fault, script, *answers, settings="", environment=None, rules=ANYTHING):
        fault.forgive()
        fault.clear()
        fault.script(*([script] if isinstance(script, str) else script))
        self.fault = fault
        self.environment = DISPLAY if environment is None else environment
        self.pinentry = f.pinentry(*answers) if answers else None
        self.agent = f.agent(modules={"fault": fault.module}, environment=fault.environment,
                             pinentry=self.pinentry, settings=settings, rules=rules)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.agent.stop()
        self.fault.check()

    def signers(self, n=1):
        return [Signer(self.agent, self.environment) for _ in range(n)]

    def told(self, command):
        """What the pinentry was told by this command, time by time."""
        return [line[len(command) + 1:] for line in self.pinentry.asked().splitlines()
                if line.startswith(command + " ")]

    def logins(self, **words):
        return self.fault.count("C_Login", **words)
