#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Between a login and the end of the reading of what it shows nothing is signed by a rule that does not know it."""
import threading

import programs
import protocol_client as protocol
from fault import Fault
from fixture import Fixture
from scene import DISPLAY, SCHEME, Scene
from tap import Tap, skip_all
from wait import wait

CARD, SLOW = "slot 0 token=card", "delay C_FindObjects 3000"
# Neither label is one that a rule names a hidden key by, as far as shows; it is the private key's all the same.
FORBIDDEN = {"a label that another object shows": ("Certificate for MAIL", "Certificate for AUTH"),
             "a label that looks like an id": ("20260131", "Certificate for DATE")}
SIGN, RESOLVE = "sign", "resolve"


def make(f):
    ca, card = f.authority("Office"), f.token("card")
    for label, name in (("Certificate for MAIL", "AUTH"), ("MAIL key", "MAIL"), ("20260131", "DATE")):
        key = card.generate("p256", label)
        card.certify(ca, key, f"/O=Countersign Test/CN={name.lower()}", f"Certificate for {name}")
        card.delete("pubkey", key.id)
    return card


class Asker(threading.Thread):
    """One request of a program of its own; `result` is what came of it."""

    def __init__(self, s, call, *arguments):
        super().__init__(daemon=True)
        self.client = protocol.Client(s.agent.socket, environment=list(DISPLAY.items()))
        self.call, self.result = lambda: getattr(self.client, call)(*arguments), None
        self.start()

    def run(self):
        try:
            self.result = self.call()
        except protocol.AgentError as error:
            self.result = error

    def end(self):
        self.join(60)
        assert self.result is not None, "nobody answered"
        return self.result


class Reading:
    """While it lasts the token is unlocked, and what the login shows is being read."""

    def __init__(self, s, unlock):
        s.fault.script(CARD, SLOW)
        self.thread = threading.Thread(target=unlock)
        self.thread.start()
        client = protocol.Client(s.agent.socket)
        wait(lambda: client.tokens()[0].has("unlocked"), "the login")
        assert not client.identities()[0].flags, "it has been read already"
        s.fault.script(CARD)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join()


def ways(s, card):
    person = protocol.Client(s.agent.socket, environment=list(DISPLAY.items()))
    return {"a prompt": lambda: person.unlock("card"), "a descriptor": lambda: s.agent.unlock(card)}


def cases(tap, f, fault, card):
    for way in ("a prompt", "a descriptor"):
        for what, (label, shown) in FORBIDDEN.items():
            rules = f'[rule "rest"]\nsign = data\n[rule "none"]\nidentity = {label}\nsign = none\n'
            with tap.case(f"unlocked by {way}: what {what} forbids is not signed"), \
                    Scene(f, fault, CARD, "pin:1234", rules=rules) as s:
                key, _chain = protocol.Client(s.agent.socket).resolve(shown, 1)
                with Reading(s, ways(s, card)[way]):
                    error = Asker(s, SIGN, key.id, SCHEME, b"a letter").end()
                assert getattr(error, "name", "signed") == "DENIED" and "'none'" in error.text, error
        with tap.case(f"unlocked by {way}: what is allowed is signed, and a hidden name is found, with no question"), \
                Scene(f, fault, CARD, "pin:1234", rules='[rule "key"]\nidentity = MAIL key\nsign = data\n') as s:
            key, _chain = protocol.Client(s.agent.socket).resolve(
                "pkcs11:object=Certificate%20for%20MAIL;type=cert", 1)
            with Reading(s, ways(s, card)[way]):
                askers = Asker(s, SIGN, key.id, SCHEME, b"a letter"), Asker(s, RESOLVE, "MAIL key", 1)
                signature, found = [asker.end() for asker in askers]
            assert isinstance(signature, bytes), signature
            assert isinstance(found, tuple) and found[0].id == key.id, found
            assert s.pinentry.questions() == (way == "a prompt"), s.pinentry.asked()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        cases(tap, f, fault, make(f))
    tap.done()


main()
