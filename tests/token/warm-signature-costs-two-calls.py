#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a token is asked, counted by pkcs11-spy: a signature costs two calls, a question none."""
import collections
import concurrent.futures

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
ROUNDS = 100


class Counted:
    """The calls since the last look."""

    def __init__(self, spy):
        self.spy = spy
        self.seen = len(spy.calls())

    def since(self):
        calls = self.spy.calls()
        new = collections.Counter(calls[self.seen:])
        self.seen = len(calls)
        return new


def questions(tap, agent, client, counted, state):
    with tap.case(f"{state}: list, resolve and status cost no call"):
        counted.since()
        for _ in range(20):
            assert len(client.identities()) == 2 and len(client.tokens()) == 1
            client.certificates()
            client.status()
            client.resolve("alice", 1)
            client.resolve("pkcs11:token=corp;object=bob")
        for verb in ("list", "status"):
            agent.cli(verb, check=True)
        new = counted.since()
        assert not new, new


def signatures(tap, agent, client, counted):
    alice, _ = client.resolve("alice", 1)
    with tap.case(f"{ROUNDS} warm signatures cost {ROUNDS} C_SignInit and {ROUNDS} C_Sign"):
        client.sign(alice.id, SCHEME, b"warm")
        counted.since()
        for i in range(ROUNDS):
            client.sign(alice.id, SCHEME, b"message %d" % i)
        new = counted.since()
        assert new == {"C_SignInit": ROUNDS, "C_Sign": ROUNDS}, new
    with tap.case("so do signatures of four clients at once, but for new sessions"):
        def sign_some(_):
            mine = protocol.Client(agent.socket)
            for i in range(25):
                mine.sign(alice.id, SCHEME, b"message %d" % i)
            mine.close()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(sign_some, range(4)))
        new = counted.since()
        sessions = new.pop("C_OpenSession", 0)
        looked = new.pop("C_GetTokenInfo", 0)  # which token each is of
        assert looked == sessions <= 4 and new == {"C_SignInit": 100, "C_Sign": 100}, (sessions, new)


def main():
    absent = programs.missing("softhsm", "spy", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        token.identity(ca, "p256", "alice")
        token.identity(ca, "rsa2048", "bob")
        spy = f.spy()
        agent = f.agent(modules={"spied": spy.module}, environment=spy.environment, rules=ANYTHING)
        client = protocol.Client(agent.socket)
        client.resolve("alice", 1)  # waits for the first picture
        counted = Counted(spy)
        questions(tap, agent, client, counted, "locked")
        with tap.case("unlocking is one C_Login"):
            counted.since()
            agent.unlock(token)
            new = counted.since()
            assert new["C_Login"] == 1 and new["C_Logout"] == 0, new
        questions(tap, agent, client, counted, "unlocked")
        signatures(tap, agent, client, counted)
        with tap.case("all of it with one C_Login"):
            assert spy.count("C_Login") == 1, spy.calls()
    tap.done()


main()
