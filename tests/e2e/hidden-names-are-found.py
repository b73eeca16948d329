#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A smart card shows a certificate under one label, and a private key under another after the login: both name it.

The tokens here are like that. A label that nothing shows costs a login, as it does programs that use the card
themselves; whatever shows costs none.
"""
import json
import os
import sys

import programs
import protocol_client as protocol
import server as server_module
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
KEY = "pkcs11:object=AUTH%20key;type=private"


class Scene:
    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.card = f.token("card")
        self.auth = self.key("AUTH")
        self.mail = self.key("MAIL")
        self.server = f.server(self.ca)
        self.agent = None
        self.client = None

    def key(self, name):
        key = self.card.generate("p256", f"{name} key")
        self.card.certify(self.ca, key, f"/O=Countersign Test/CN={name.lower()}", f"Certificate for {name}")
        self.card.delete("pubkey", key.id)
        return key

    def start(self, **options):
        """An agent that knows nothing of before."""
        if self.agent:
            self.agent.stop()
        self.agent = self.f.agent(**options)
        self.client = protocol.Client(self.agent.socket, environment=[("DISPLAY", ":99")])

    def is_locked(self):
        return not self.client.tokens()[0].has("unlocked")

    def label(self, name, expect=1):
        """The certificate's, of what it stands for, which nobody but the token knows."""
        identity, _chain = self.client.resolve(name, expect)
        return identity.label.decode()

    def page(self, uri=None):
        """What the server sees of openssl s_client, with the URI or below `countersign run`."""
        environment = {"LD_PRELOAD": programs.sanitizer_library()} if programs.SANITIZE else {}
        target = ["s_client", "-connect", f"127.0.0.1:{self.server.port}", "-servername", "localhost", "-CAfile",
                  self.ca.certificate, "-ign_eof"]
        if uri:
            environment["OPENSSL_CONF"] = str(self.f.openssl_conf())
            argv = ["openssl", *target, "-cert", uri, "-key", uri]
        else:
            argv = [programs.CLI, "run", "--", "openssl", *target]
        seen = self.f.run(argv, input="GET / HTTP/1.0\r\n\r\n", environment={"DISPLAY": ":99", **environment})
        return server_module.answer(seen.stdout) or {"dn": seen}


def listed(s):
    return [identity["uri"] for identity in json.loads(s.agent.cli("list", "--json", check=True).stdout)["identities"]]


def names(tap, s):
    with tap.case("what is listed holds before the login and after it"):
        s.start(rules=ANYTHING)
        locked = listed(s)
        s.agent.unlock(s.card)
        assert listed(s) == locked and len(locked) == 2, (locked, listed(s))
        for uri in locked:
            assert s.client.resolve(uri, 1)[0].uri == uri
    with tap.case("unlocked, it goes by every label"):
        for name in ("AUTH key", "Certificate for AUTH", KEY):
            assert s.label(name) == "Certificate for AUTH"


def asked(tap, s):
    pinentry = s.f.pinentry("pin:1234")
    with tap.case("a private key's label, while it is hidden: a person is asked for the PIN"):
        s.start(pinentry=pinentry)
        seen = s.page(KEY)
        assert seen["dn"] == "CN=auth,O=Countersign Test", seen
        assert pinentry.questions() == 1, pinentry.asked()
        assert "openssl" in " ".join(pinentry.told("SETDESC")), pinentry.asked()
    with tap.case("a label that shows: nobody is asked before the signature"):
        s.start(pinentry=pinentry)
        assert s.label("Certificate for MAIL") == "Certificate for MAIL"
        assert s.label("pkcs11:object=Certificate%20for%20MAIL;type=cert", 2) == "Certificate for MAIL"
        assert pinentry.questions() == 1 and s.is_locked(), pinentry.asked()
    with tap.case("with the CKA_ID beside the hidden label nobody is asked, either"):
        uri = f"pkcs11:id=%{s.mail.id[0]:02x}%{s.mail.id[1]:02x};object=MAIL%20key;type=private"
        assert s.label(uri) == "Certificate for MAIL"
        assert pinentry.questions() == 1 and s.is_locked(), pinentry.asked()
    with tap.case("a token that was locked on purpose stays locked"):
        s.agent.unlock(s.card)
        s.agent.cli("lock", "card", check=True)
        assert s.label("AUTH key") == "Certificate for AUTH", "what a login has shown is known"
        error = protocol.error_of(s.client.resolve, "nobody", 1)
        assert error.name == "NOT_FOUND" and pinentry.questions() == 1 and s.is_locked(), pinentry.asked()
    with tap.case("a person says no: it is not found, with what to do"):
        pinentry.answer("cancel")
        s.start(pinentry=pinentry)
        error = protocol.error_of(s.client.resolve, KEY, 1)
        assert error.name == "NOT_FOUND" and "countersign unlock card" in error.text, error
        assert pinentry.questions() == 2, pinentry.asked()
    with tap.case("a name of nothing: it is asked for once, and what there is is told"):
        pinentry.answer("pin:1234")
        s.start(pinentry=pinentry)
        for _ in range(2):
            error = protocol.error_of(s.client.resolve, "nobody", 1)
            assert error.name == "NOT_FOUND" and "Certificate%20for%20AUTH" in error.text, error
        assert pinentry.questions() == 3 and not s.is_locked(), pinentry.asked()


def unasked(tap, s):
    with tap.case("with a PIN in the configuration it needs nobody"):
        pin = s.f.scratch("1234\n")
        s.start(tokens={"card": f"pin-command = /bin/cat {pin}"})
        assert s.is_locked()
        assert s.page(KEY)["dn"] == "CN=auth,O=Countersign Test"
    with tap.case("without one, and nobody to ask, it is not found, with what to do"):
        s.start()
        shown = s.agent.cli("show", "AUTH key")
        assert shown.returncode == 4 and "countersign unlock card" in shown.stderr, shown
    with tap.case("of two tokens that may hide it none is unlocked"):
        pinentry = s.f.pinentry("pin:1234")
        other = s.f.token("other")
        s.start(pinentry=pinentry)
        error = protocol.error_of(s.client.resolve, "AUTH key", 1)
        assert error.name == "NOT_FOUND" and pinentry.questions() == 0, error
        assert s.label("pkcs11:token=card;object=AUTH%20key") == "Certificate for AUTH"
        assert pinentry.questions() == 1
        s.f.run(["softhsm2-util", "--module", programs.SOFTHSM, "--delete-token", "--token", other.label], check=True)


def rules(tap, s):
    pinentry = s.f.pinentry("pin:1234")
    with tap.case("a rule that allows what its hidden key signs: after the login it does"):
        s.start(pinentry=pinentry, rules='[rule "by key"]\nidentity = AUTH key\nsign = data')
        auth, _chain = s.client.resolve("Certificate for AUTH", 1)
        mail, _chain = s.client.resolve("Certificate for MAIL", 1)
        assert s.client.sign(auth.id, SCHEME, b"a letter") and pinentry.questions() == 1
    with tap.case("and no other key does"):
        error = protocol.error_of(s.client.sign, mail.id, SCHEME, b"a letter")
        assert error.name == "DENIED" and pinentry.questions() == 1, error
    with tap.case("a rule that forbids it: nothing is signed on the way"):
        s.start(pinentry=pinentry, rules='[rule "by key"]\nidentity = AUTH key\nsign = none\n' + ANYTHING)
        error = protocol.error_of(s.client.sign, auth.id, SCHEME, b"a letter")
        assert error.name == "DENIED" and "by key" in error.text and pinentry.questions() == 2, error
        assert s.client.sign(mail.id, SCHEME, b"a letter")
    with tap.case("where nobody unlocks it, which rule decides is not guessed"):
        s.start(rules='[rule "by key"]\nidentity = AUTH key\nsign = none\n' + ANYTHING)
        error = protocol.error_of(s.client.sign, auth.id, SCHEME, b"a letter")
        assert error.name == "LOCKED" and "countersign unlock card" in error.text, error
    with tap.case("policy check says that it may turn out otherwise"):
        said = s.agent.cli("policy", "check", "--identity", "Certificate for AUTH", "--program", "/bin/x", "--proof", "data")
        assert "once token 'card' is unlocked" in said.stdout + said.stderr, said
    with tap.case("a rule for other programs asks for no PIN"):
        s.start(pinentry=pinentry, rules='[rule "by key"]\nidentity = AUTH key\nprogram = /bin/x\nsign = data')
        error = protocol.error_of(s.client.sign, auth.id, SCHEME, b"a letter")
        assert error.name == "DENIED" and pinentry.questions() == 2 and s.is_locked(), error


def forbidden(tap, s):
    pinentry = s.f.pinentry("pin:1234")
    nothing = f'[rule "nothing"]\nprogram = {os.path.realpath(sys.executable)}\nsign = none\n' + ANYTHING
    s.start(pinentry=pinentry, rules=nothing, settings='[host "localhost"]\nidentity = AUTH key')
    for what, call, name in (("resolve", s.client.resolve, "AUTH key"), ("choose", s.client.choose, "localhost")):
        with tap.case(f"{what}: nobody is asked for a program that may have nothing signed"):
            error = protocol.error_of(call, name)
            assert error.name == "NOT_FOUND" and pinentry.questions() == 0 and s.is_locked(), error


def hosts(tap, s):
    pinentry = s.f.pinentry("pin:1234")
    with tap.case("a [host] section that names a hidden key: the server sees it, after one question"):
        s.start(pinentry=pinentry, settings='[host "localhost"]\nidentity = AUTH key')
        seen = s.page()
        assert seen["dn"] == "CN=auth,O=Countersign Test", seen
        assert pinentry.questions() == 1, pinentry.asked()
    with tap.case("one that shows and does not suit the server: nobody is asked"):
        key = s.card.generate("p256", "SERVER key")
        s.card.write_certificate(s.ca.issue(key.public, "/CN=server", usage="serverAuth"), "A server", key.id)
        s.card.delete("pubkey", key.id)
        s.start(pinentry=pinentry, settings='[host "localhost"]\nidentity = A server')
        error = protocol.error_of(s.client.choose, "localhost")
        assert error.name == "NOT_FOUND" and "is not for TLS clients" in error.text, error
        assert pinentry.questions() == 1, pinentry.asked()
    with tap.case("find asks nobody"):
        s.start(pinentry=pinentry, settings='[host "localhost"]\nidentity = AUTH key')
        found = s.agent.cli("find", "--host", "localhost")
        assert found.returncode == 4 and pinentry.questions() == 1, found
        assert "but token 'card' is locked: run 'countersign unlock card'" in found.stderr, found


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        s = Scene(f)
        names(tap, s)
        asked(tap, s)
        unasked(tap, s)
        rules(tap, s)
        forbidden(tap, s)
        hosts(tap, s)
    tap.done()


main()
