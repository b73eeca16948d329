#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A yes is for the key and the token that a person was shown, and ends while a program waits, too."""
import contextlib
import os
import sys

import programs
import protocol_client as protocol
from stage import ECDSA_SHA256, Later, Stage, Tap, error_of, wait_for

# It says that it has the key, which it cannot have, under a name of its own, until it is asked again.
IMPOSTOR = """
host.ready()
host.token(slot=1, spki=SPKI, label="toy", serial="1")
host.scanned()
def handle(request):
    if request.kind == SIGN:
        host.signed(request, b"rubbish")
        return
    host.token(slot=1, label="toy", serial="1")
    host.done(request)
host.serve(handle)
"""

GOOD = """
host.ready()
host.token(slot=1, spki=SPKI, label="good", serial="2")
host.scanned()
host.sign_all()
"""

# Pulled when its second signature is wanted, and back when it is asked to look again.
PULLED = """
host.ready()
host.token(slot=1, spki=SPKI, label="good", serial="2")
host.scanned()
def handle(request):
    if request.kind == SIGN and host.note("sign") == 1:
        host.send(TOKEN_GONE, 0, u32(1))
        host.failed(request, 20, "it was pulled")
    elif request.kind == SIGN:
        host.signed(request)
    else:
        host.token(slot=2, spki=SPKI, label="good", serial="2")
        host.done(request)
host.serve(handle)
"""

# A lock of the token, and a login for whoever asks.
OPENS_AGAIN = """
host.ready()
host.token(slot=1, spki=SPKI, label="good", serial="2")
host.scanned()
def handle(request):
    if request.kind == LOGOUT:
        host.state(1, LOGIN_REQUIRED | INITIALIZED)
    elif request.kind == LOGIN:
        host.state(1, LOGIN_REQUIRED | INITIALIZED | UNLOCKED)
    if request.kind == SIGN:
        host.signed(request)
    else:
        host.done(request)
host.serve(handle)
"""


class Scene:
    """A person who answers as told, and a program that has a hash signed."""

    def __init__(self, stage, *answers, **plays):
        self.stage = stage
        self.pinentry = stage.pinentry(*answers)
        stage.prompt = programs.PROMPT
        stage.play(settings=f"[agent]\nprompt = auto\npinentry = {self.pinentry.program}\n"
                            "wait-for-token = 60s\n"
                            f'[rule "ask"]\nprogram = {os.path.realpath(sys.executable)}\n'
                            "sign = tls, digest\nconsent = session", **plays)
        self.client = protocol.Client(stage.socket, environment=[("DISPLAY", ":99")])
        self.key = self.client.identities()[0]

    def sign(self):
        return self.client.sign(self.key.id, ECDSA_SHA256, bytes(32), 1)

    def asked(self):
        return self.pinentry.questions("CONFIRM")


def main():
    tap = Tap()
    with Stage() as stage:
        tap.diagnose = stage.diagnose

        with tap.case("a yes for a key on one token is none for the same key on another"):
            s = Scene(stage, "notok", "cancel", a_impostor=IMPOSTOR, b_good=GOOD)
            assert s.sign() == b"rubbish" and s.asked() == 1
            assert "token 'toy'" in s.pinentry.told("SETDESC")[0], s.pinentry.told("SETDESC")
            assert s.sign() == b"rubbish" and s.asked() == 1
            assert stage.cli("refresh").returncode == 0
            name, text = error_of(s.sign)
            assert name == "DENIED" and "the user said no" in text, (name, text)
            assert "token 'good'" in s.pinentry.told("SETDESC")[1], s.pinentry.told("SETDESC")

        with tap.case("a yes that ended while the token was waited for is asked for again"):
            s = Scene(stage, "notok", "cancel", good=PULLED)
            assert s.sign() == b"signature" and s.asked() == 1
            waiting = Later(error_of, s.sign)
            with contextlib.closing(stage.client()) as other:
                wait_for(lambda: not other.tokens(), "the token is gone")
            assert stage.cli("refresh").returncode == 0
            name, text = waiting.result()
            assert name == "DENIED" and "the user said no" in text and s.asked() == 2, (name, text)

        with tap.case("a no is not asked about anew because the token was locked and opened again"):
            s = Scene(stage, "cancel", "ok", good=OPENS_AGAIN)
            assert error_of(s.sign)[0] == "DENIED" and s.asked() == 1
            s.client.lock("good")
            s.client.unlock("good")
            name, text = error_of(s.sign)
            assert name == "DENIED" and "a moment ago" in text and s.asked() == 1, (name, text)
    tap.done()


main()
