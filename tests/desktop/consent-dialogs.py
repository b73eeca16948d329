#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The questions whether a program may sign, and which of several keys a server is to see, in each pinentry
with windows under Xvfb, answered by keys.

Pictures of them are left in the build folder: tests/desktop/consent-*.png, show-*.png.
"""
import hashlib
import threading

import desktop
import programs
import protocol_client as protocol
from desk import Desk
from display import PROGRAMS, Display
from fixture import Fixture
from tap import Tap, skip_all

ECDSA = 0x0403
DIGEST = hashlib.sha256(b"x").digest()
# What to press for each answer. Enter is "No", but in GNOME's, which has two buttons and asks twice.
KEYS = {"gtk-2": {"no": ["Return"], "once": ["alt+o"], "session": ["alt+s"]},
        "qt": {"no": ["Return"], "once": ["alt+o"], "session": ["alt+s"]},
        "gnome3": {"no": ["Escape"], "once": ["Return", "Escape"], "session": ["Return", "Return"]}}
# Not this one, but the next.
NEXT = {"gtk-2": ["alt+n", "alt+y"], "qt": ["alt+n", "alt+y"], "gnome3": ["Escape", "Return"]}


class Asker(threading.Thread):
    """A program that waits for an answer."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.client = protocol.Client(agent.socket)
        self.client.socket.settimeout(90)
        self.result = None
        self.start()

    def run(self):
        try:
            self.result = self.ask()
        except protocol.AgentError as why:
            self.result = why.name

    def end(self):
        self.join(90)
        assert not self.is_alive(), "nobody answered"
        return self.result


class Signer(Asker):
    def ask(self):
        alice, _ = self.client.resolve("alice", 1)
        self.client.sign(alice.id, ECDSA, DIGEST, True)
        return "signed"


class Finder(Asker):
    def ask(self):
        return self.client.choose("api.corp.example")[1].label.decode()


class ConsentDesk(Desk):
    """With a token that is unlocked."""

    def __init__(self, f, token, *place):
        super().__init__(f, *place)
        self.agent.unlock(token)

    def answer(self, what, picture=None):
        names = ["consent-{}", "consent-{}-how-long"] if picture else []
        return self._press(Signer(self.agent), KEYS[self.kind][what], names)

    def choose_next(self):
        return self._press(Finder(self.agent), NEXT[self.kind], ["show-{}", "show-{}-next"])

    def _press(self, asker, keys, names):
        for i, key in enumerate(keys):
            window = self.screen.window()
            if names:
                self.picture(names[i].format(self.kind))
            self.screen.press(window, key)
            self.screen.wait_gone(window)
        return asker.end()


def cases(tap, f, token, screen, bus, kind):
    with tap.case(f"{kind}: once, and asked again"), ConsentDesk(f, token, screen, bus, kind) as d:
        assert d.answer("once", picture=True) == "signed"
        assert d.answer("once") == "signed"
    with tap.case(f"{kind}: for this session"), ConsentDesk(f, token, screen, bus, kind) as d:
        assert d.answer("session") == "signed"
        assert Signer(d.agent).end() == "signed"
    with tap.case(f"{kind}: not this certificate, but the next"), ConsentDesk(f, token, screen, bus, kind) as d:
        assert d.choose_next() == "alice"
        finder = Finder(d.agent)
        assert finder.end() == "alice"
    with tap.case(f"{kind}: no"), ConsentDesk(f, token, screen, bus, kind) as d:
        assert d.answer("no") == "DENIED"
    if kind == "gnome3":
        return
    with tap.case(f"{kind}: closing it is a no, too"), ConsentDesk(f, token, screen, bus, kind) as d:
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
        office = f.authority("Office")
        token.identity(office, "p256", "alice")
        later = token.generate("p256", "later")
        token.write_certificate(office.issue(later.public, "/O=Corp/CN=later", days=300), "later", later.id)
        for kind in KEYS:
            cases(tap, f, token, screen, bus, kind)
    tap.done()


main()
