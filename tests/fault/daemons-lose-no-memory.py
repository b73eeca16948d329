#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent and a token host that valgrind watches through a hard day: nothing is lost, nothing is read or
written that must not be. What the module does of its own is its own affair."""
import os
import re
import signal

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all
from wait import wait
from watched import Watched

KINDS = {"p256": 0x0403, "rsa2048": 0x0804, "ed25519": 0x0807}
REFRESH = 0x000B
ROUNDS = 10
SLOW = "module-timeout = 60s"  # as programs are that are watched
OURS = re.compile(r"\(.*/(agent|client)/\w")


class Day:
    def __init__(self, f, **options):
        self.f = f
        self.agent = f.agent(rules=ANYTHING, settings=SLOW, **options)
        self.client = self.connect()
        self.client.unlock_with("corp", "1234")

    def connect(self):
        client = protocol.Client(self.agent.socket)
        client.socket.settimeout(60)
        return client

    def sign(self, client):
        for kind, scheme in KINDS.items():
            assert client.sign(client.resolve(kind, 1)[0].id, scheme, protocol.HANDSHAKE)

    def token(self):
        """What tokens and their hosts live through."""
        for _ in range(ROUNDS):
            self.client.lock("corp")
            self.client.unlock_with("corp", "1234")
            self.sign(self.client)
            self.client.ask(REFRESH).end()
        identity = self.client.resolve("p256", 1)[0].id
        protocol.error_of(self.client.sign, identity, KINDS["rsa2048"], b"x")
        protocol.error_of(self.client.sign, identity, KINDS["p256"], b"no digest", True)
        self.client.lock("corp")
        protocol.error_of(self.client.unlock_with, "corp", "4321")
        self.client.unlock_with("corp", "1234")

    def clients(self):
        """What clients do to the agent."""
        identity = self.client.resolve("p256", 1)[0].id
        for n in range(ROUNDS):
            client = self.connect()
            self.sign(client)
            for look in (client.status, client.tokens, client.identities, client.certificates, client.policy,
                         client.uses, client.consents, client.record, client.choose):
                look()
            protocol.error_of(client.resolve, f"nobody {n}", 1)
            protocol.error_of(client.unlock_with, "nobody", "1234")
            for kind in set(range(0x30)) - {protocol.LOCK}:  # which would come when the next client signs
                client.post(kind, bytes(n))
            client.post(protocol.SIGN, protocol.blob(identity) + protocol.u16(KINDS["p256"]) + protocol.u8(0) +
                        protocol.blob(b"x"))
            client.send(protocol.frame(protocol.SIGN, 7, bytes(100))[:50])
            client.close()
        os.kill(self.agent.process.pid, signal.SIGHUP)
        os.kill(self.client.status().modules[0].pid, signal.SIGKILL)
        wait(lambda: self.client.status().modules[0].restarts == 1 and self.client.tokens(), "the module")
        self.client.unlock_with("corp", "1234")
        self.sign(self.client)


def agent(tap, f):
    with tap.case("the agent"):
        it = Watched(f.path("agent.valgrind"))
        day = Day(f, under=it.words)
        day.token()
        day.clients()
        assert day.agent.stop() == 0
        assert it.ended() == 1, "it was not watched to its end"
        assert not it.findings(OURS), "\n\n".join(it.findings(OURS))


def host(tap, f):
    with tap.case("a token host"):
        it = Watched(f.path("host.valgrind"))
        program = programs.TOKEN_HOST
        programs.TOKEN_HOST = f.scratch(f"#!/bin/sh\nexec {' '.join(it.words)} {program} \"$@\"\n")
        programs.TOKEN_HOST.chmod(0o700)
        day = Day(f)
        day.token()
        day.agent.kill()  # one that lived would not wait for the end of a host that is watched
        wait(it.ended, "the end of the host")
        found = [block for block in it.findings(OURS) if programs.SOFTHSM.name not in block]
        assert not found, "\n\n".join(found)


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "valgrind")
    if absent:
        skip_all(f"{absent} is not installed")
    if programs.SANITIZE:
        skip_all("valgrind does not run what a sanitizer was built into")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        for kind in KINDS:
            token.identity(ca, kind, kind)
        agent(tap, f)
        host(tap, f)
    tap.done()


main()
