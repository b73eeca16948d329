#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The question whether a program may sign, in each pinentry with windows under Xvfb, answered by keys.

Pictures of them are left in the build folder: tests/desktop/consent-*.png.
"""
import hashlib
import pathlib
import threading
import types

import desktop
import programs
import protocol_client as protocol
from display import PROGRAMS, Display
from fixture import Fixture
from tap import Skip, Tap, skip_all

ECDSA = 0x0403
DIGEST = hashlib.sha256(b"x").digest()
PICTURES = programs.BUILD / "tests/desktop"
# What to press for each answer. Enter is "No", but in GNOME's, which has two buttons and asks twice.
KEYS = {"gtk-2": {"no": ["Return"], "once": ["alt+o"], "session": ["alt+s"]},
        "qt": {"no": ["Return"], "once": ["alt+o"], "session": ["alt+s"]},
        "gnome3": {"no": ["Escape"], "once": ["Return", "Escape"], "session": ["Return", "Return"]}}


class Signer(threading.Thread):
    def __init__(self, agent):
        super().__init__(daemon=True)
        self.client = protocol.Client(agent.socket)
        self.client.socket.settimeout(90)
        self.result = None
        self.start()

    def run(self):
        try:
            alice, _ = self.client.resolve("alice", 1)
            self.client.sign(alice.id, ECDSA, DIGEST, True)
            self.result = "signed"
        except protocol.AgentError as why:
            self.result = why.name

    def end(self):
        self.join(90)
        assert not self.is_alive(), "nobody answered"
        return self.result


class Desk:
    """A person before a display, asked by this kind of pinentry."""

    def __init__(self, f, token, screen, bus, kind):
        program = f"/usr/bin/pinentry-{kind}"
        if not pathlib.Path(program).exists():
            raise Skip(f"pinentry-{kind} is not installed")
        self.screen, self.kind = screen, kind
        self.agent = f.agent(pinentry=types.SimpleNamespace(program=program),
                             environment={**screen.environment, **bus.environment})
        self.agent.unlock(token)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.agent.stop()
        self.screen.wait_gone()

    def answer(self, what, picture=None):
        signer = Signer(self.agent)
        for i, key in enumerate(KEYS[self.kind][what]):
            window = self.screen.window()
            if picture:
                PICTURES.mkdir(parents=True, exist_ok=True)
                self.screen.picture(PICTURES / f"consent-{self.kind}{'-how-long' if i else ''}.png")
            self.screen.press(window, key)
            self.screen.wait_gone(window)
        return signer.end()


def cases(tap, f, token, screen, bus, kind):
    with tap.case(f"{kind}: once, and asked again"), Desk(f, token, screen, bus, kind) as d:
        assert d.answer("once", picture=True) == "signed"
        assert d.answer("once") == "signed"
    with tap.case(f"{kind}: for this session"), Desk(f, token, screen, bus, kind) as d:
        assert d.answer("session") == "signed"
        assert Signer(d.agent).end() == "signed"
    with tap.case(f"{kind}: no"), Desk(f, token, screen, bus, kind) as d:
        assert d.answer("no") == "DENIED"
    if kind == "gnome3":
        return
    with tap.case(f"{kind}: closing it is a no, too"), Desk(f, token, screen, bus, kind) as d:
        signer = Signer(d.agent)
        d.screen.press(d.screen.window(), "Escape")
        assert signer.end() == "DENIED"


def main():
    absent = desktop.missing() or programs.missing(*PROGRAMS)
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        screen = Display(f)
        f.environment.update(screen.environment)
        bus = desktop.Bus(f, "session")
        tap.diagnose = f.diagnose
        token = f.token("corp")
        token.identity(f.authority("Office"), "p256", "alice")
        for kind in KEYS:
            cases(tap, f, token, screen, bus, kind)
    tap.done()


main()
