# SPDX-License-Identifier: Apache-2.0
"""The machine of somebody who works: a token with three identities, the agent, our PKCS#11 module.

alice has an EC key and bob an RSA key. carol's certificate is below an intermediate authority that
lies on the token beside it, and that her servers do not know. Every server knows one authority, so
that a client which chooses by the server's names finds one identity.
"""
import dataclasses
import json
import re
import socket

import programs
from fault import Fault
from wait import wait

VERSIONS = ("TLSv1.2", "TLSv1.3")
TOKEN, GONE = "slot 0 token=corp", "slot 0 absent"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# Many of these programs can hand over no more than a digest.
ALLOWED = "tls, digest"
_RULE = """
[rule "tests"]
sign = {sign}
consent = never
"""


class Station:
    """pinentry: who answers for the person; without one the token is unlocked at the start."""

    def __init__(self, fixture, pinentry=None, settings=""):
        self.fixture = fixture
        self.module = programs.PKCS11
        self.office = fixture.authority("Office")
        ec, rsa, top = (fixture.authority(name) for name in ("EC", "RSA", "Top"))
        below = fixture.authority("Below", parent=top)
        self.token = fixture.token("corp")
        self.alice = self.token.identity(ec, "p256", "alice")
        self.bob = self.token.identity(rsa, "rsa2048", "bob")
        self.carol = self.token.identity(below, "p256", "carol")
        self.token.write_certificate(below.certificate.read_text(), "Below", b"\xca")
        # What the table shows.
        self.carol = dataclasses.replace(self.carol, kind="p256, chain")
        self._authorities = {"alice": ec, "bob": rsa, "carol": top}
        self._servers = {}
        self.fault = Fault(fixture.path("control"))
        self.fault.script(TOKEN)
        # There is somebody to ask; the pinentry needs no display.
        fixture.environment["DISPLAY"] = ":99"
        self.agent = fixture.agent(modules={"fault": self.fault.module}, pinentry=pinentry,
                                   settings=settings + _RULE.format(sign=ALLOWED),
                                   environment=self.fault.environment)
        self._pinentry = pinentry
        if not pinentry:
            self.agent.unlock(self.token)

    def authority(self, key):
        """The one that its servers know."""
        return self._authorities[key.label]

    def server(self, key, version="TLSv1.2 TLSv1.3"):
        """The server that asks for that identity, with that version of TLS."""
        name = (key.label, version)
        if name not in self._servers:
            self._servers[name] = self.fixture.server(
                self.office, client_ca=self.authority(key), protocols=version)
        return self._servers[name]

    def strict_server(self, key):
        """Another one, that wants a handshake for every request."""
        return self.fixture.server(self.office, client_ca=self.authority(key), resumption=False)

    def rule(self, sign):
        """What may be signed from now on."""
        text = self.agent.conf.read_text()
        self.agent.conf.write_text(re.sub(r"^sign = .*$", f"sign = {sign}", text, flags=re.M))
        self.agent.restart()
        if not self._pinentry:
            self.agent.unlock(self.token)

    def pull(self):
        """Pulls the token, and waits until the agent knows."""
        self.fault.script(GONE)
        wait(lambda: not self._identities(), "the token is gone")

    def put_back(self):
        self.fault.script(TOKEN)
        wait(self._identities, "the token is back")

    def _identities(self):
        return json.loads(self.agent.cli("list", "--json", check=True).stdout)["identities"]

    def signatures(self):
        """How often the token has signed."""
        return self.fault.count("C_Sign", rv="CKR_OK")

    def diagnose(self):
        return self.fixture.diagnose() + "\n--- the token\n" + self.fault.tail()


class Visit:
    """What nginx saw from here on.

        visit = Visit(server)
        ...                         # a program goes there
        visit.fill(row)
    """

    def __init__(self, server):
        self._server, self._before = server, len(server.visits())

    def requests(self, n=1):
        """Waits until there are so many; nginx writes down a request once it is answered."""
        def seen():
            requests = self._server.visits()[self._before:]
            return requests if len(requests) >= n else None
        return wait(seen, f"{n} requests at nginx")

    def fill(self, row, n=1):
        """The row's DN is what nginx saw with all of the n requests."""
        requests = self.requests(n)
        assert {request["status"] for request in requests} == {200}, requests
        row.dn = " and ".join(sorted({request["dn"] for request in requests}))
        seen = {request["protocol"] for request in requests}
        assert row.tls == "any" or seen == {row.tls}, f"nginx saw {seen}"
