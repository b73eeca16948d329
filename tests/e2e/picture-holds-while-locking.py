#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token that is locked and unlocked beside signatures never loses an identity, nor fails."""
import collections
import threading

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

ROUNDS, SIGNERS = 60, 4
EXPECTED = {"signed", "LOCKED"}  # at that moment


def outcome(error):
    """The lock may come while the signature waits for somebody's login, which it ends."""
    return "LOCKED" if error.name == "CANCELLED" and error.text.endswith("was locked meanwhile") else error.name


class Storm:
    """Programs that sign and one that lists, until stopped."""

    def __init__(self, agent):
        self.agent, self.over = agent, threading.Event()
        self.signed, self.listed = collections.Counter(), collections.Counter()
        self.identity, _ = protocol.Client(agent.socket).resolve("alice", 1)
        self._threads = [threading.Thread(target=self._sign) for _ in range(SIGNERS)]
        self._threads.append(threading.Thread(target=self._list))
        for thread in self._threads:
            thread.start()

    def _sign(self):
        client = protocol.Client(self.agent.socket)
        while not self.over.is_set():
            try:
                client.sign(self.identity.id, 0x0403, b"message")
                self.signed["signed"] += 1
            except protocol.AgentError as error:
                self.signed[outcome(error)] += 1

    def _list(self):
        client = protocol.Client(self.agent.socket)
        while not self.over.wait(0.002):
            self.listed[tuple(sorted(one.label for one in client.identities()))] += 1

    def end(self):
        self.over.set()
        for thread in self._threads:
            thread.join()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        for name in ("alice", "bob"):
            token.identity(ca, "p256", name)
        agent = f.agent(rules=ANYTHING)
        agent.unlock(token)
        storm = Storm(agent)
        try:
            with tap.case(f"locked and unlocked {ROUNDS} times"):
                client = protocol.Client(agent.socket)
                for _ in range(ROUNDS):
                    assert client.lock("corp") == ["corp"]
                    assert client.unlock_with("corp", token.pin) == ["corp"]
        finally:
            storm.end()
        with tap.case("every list had every identity"):
            assert set(storm.listed) == {(b"alice", b"bob")}, storm.listed
        with tap.case("each signature was made, or its token was locked"):
            assert storm.signed["signed"] and set(storm.signed) <= EXPECTED, storm.signed
    tap.done()


main()
