#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A session with Wayland and no X: the dialog comes to the front, closing it is a no, and a pinentry that
knows X alone is told."""
import types

import desktop
import programs
import wayland
from fault import Fault
from fixture import ANYTHING, Fixture
from scene import Signer
from tap import Tap, skip_all

SYSTEMD = "org.freedesktop.systemd1"
ASK = '[rule "ask"]\nsign = tls, data\nconsent = always\n'


class Desk:
    """A person before a Wayland display; the agent was started before that was there."""

    def __init__(self, f, fault, session, bus, kind, rules=ANYTHING):
        fault.clear()
        fault.script("slot 0 token=corp tries=4")
        self.environment = {**session.environment, **bus.environment, "XDG_SESSION_TYPE": "wayland"}
        self.agent = f.agent(modules={"fault": fault.module}, environment=fault.environment, rules=rules,
                             pinentry=types.SimpleNamespace(program=f"/usr/bin/pinentry-{kind}"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.agent.stop()

    def sign(self):
        return Signer(self.agent, self.environment)


def tell_systemd(f, session, bus):
    """What a desktop tells it when it starts, at the usual place of the user's bus."""
    import dbus
    (f.runtime / "bus").symlink_to(bus.path)
    known = {**session.environment, **bus.environment, "GPG_TTY": "/dev/tty", "LANG": "C"}
    variables = dbus.Array([f"{name}={value}" for name, value in known.items()], signature="s")
    bus.mock("systemd", SYSTEMD).mock("AddProperties", f"{SYSTEMD}.Manager",
                                      dbus.Dictionary({"Environment": variables}, signature="sv"))


def cases(tap, f, fault, session, bus):
    with tap.case("the PIN: a dialog in front of all"), Desk(f, fault, session, bus, "gnome3") as d:
        signer = d.sign()
        window = session.window()
        assert window["name"] == "Countersign" and window["focused"], window
        session.close(window)
        assert signer.result() == "CANCELLED", signer.error
    with tap.case("it goes when somebody else unlocks"), Desk(f, fault, session, bus, "gnome3") as d:
        signer = d.sign()
        session.window()
        d.agent.unlock_with("corp", "1234")
        assert signer.result() == "signed"
        session.wait_gone()
    with tap.case("a consent: closing it is a no"), Desk(f, fault, session, bus, "gnome3", rules=ASK) as d:
        d.agent.unlock_with("corp", "1234")
        signer = d.sign()
        session.close(session.window())
        assert signer.result() == "DENIED"
    tell_systemd(f, session, bus)
    for what, knows in (("no display", {"LANG": "C.UTF-8"}), ("one that is gone", {"WAYLAND_DISPLAY": "wayland-0"})):
        with tap.case(f"a program that knows of {what}: the session's is found"), \
                Desk(f, fault, session, bus, "gnome3") as d:
            signer = Signer(d.agent, knows)
            session.close(session.window())
            assert signer.result() == "CANCELLED", signer.error
    with tap.case("at a terminal elsewhere, which it does not name, nobody is asked"), \
            Desk(f, fault, session, bus, "gnome3") as d:
        assert Signer(d.agent, {"TERM": "xterm"}).result() == "LOCKED"
    with tap.case("a pinentry that knows X alone: which ones do not"), Desk(f, fault, session, bus, "gtk-2") as d:
        signer = d.sign()
        assert signer.result() == "LOCKED", signer.error
        assert "pinentry = /usr/bin/pinentry-gnome3 or" in str(signer.error), signer.error


def main():
    absent = desktop.missing() or programs.missing("pinentry-gnome3", "pinentry-gtk-2")
    if absent:
        skip_all(f"{absent} is not installed")
    absent = wayland.missing()
    if absent:
        skip_all(absent)
    tap = Tap()
    with Fixture() as f:
        session = wayland.Wayland(f)
        # What the bus starts, as GNOME's dialog, finds it, too.
        f.environment.update(session.environment)
        bus = desktop.Bus(f, "session")
        del f.environment["WAYLAND_DISPLAY"]
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        cases(tap, f, fault, session, bus)
    tap.done()


main()
