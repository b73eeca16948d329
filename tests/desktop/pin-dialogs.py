#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dialogs people see: each pinentry with windows under Xvfb, with a PIN typed into it.

Pictures of them are left in the build folder: tests/desktop/dialog-*.png.
"""
import desktop
import programs
from desk import Desk
from display import PROGRAMS, Display
from fault import Fault
from fixture import ANYTHING, Fixture
from scene import Signer
from tap import Tap, skip_all

KINDS = ("gtk-2", "qt", "gnome3")


class PinDesk(Desk):
    """With a token that counts PINs."""

    def __init__(self, f, fault, screen, bus, kind):
        fault.forgive()
        fault.clear()
        fault.script("slot 0 token=corp tries=4")
        super().__init__(f, screen, bus, kind, modules={"fault": fault.module}, environment=fault.environment,
                         rules=ANYTHING)

    def sign(self):
        return Signer(self.agent, self.environment)


def dialog_cases(tap, f, fault, screen, bus, kind):
    with tap.case(f"{kind}: a wrong PIN is told, a right one signs"), PinDesk(f, fault, screen, bus, kind) as d:
        signer = d.sign()
        first = screen.window()
        d.picture(f"dialog-{kind}-first")
        screen.type(first, "0000")
        screen.press(first)
        fault.wait("C_Login", rv="CKR_PIN_INCORRECT")
        screen.wait_gone(first)
        second = screen.window()
        d.picture(f"dialog-{kind}-again")
        screen.type(second, "1234")
        screen.press(second)
        assert signer.result() == "signed"
        assert fault.count("C_Login") == 2, fault.tail()
    with tap.case(f"{kind}: a cancel is a cancel"), PinDesk(f, fault, screen, bus, kind) as d:
        signer = d.sign()
        screen.press(screen.window(), "Escape")
        assert signer.result() == "CANCELLED", signer.error
        assert fault.count("C_Login") == 0, fault.tail()
    with tap.case(f"{kind}: a menu is open, and it stays"), PinDesk(f, fault, screen, bus, kind) as d:
        with screen.grabbed():
            signer = d.sign()
            window = screen.window()
            d.picture(f"dialog-{kind}-menu")
        screen.type(window, "1234")
        screen.press(window)
        assert signer.result() == "signed", signer.error
    with tap.case(f"{kind}: it goes when somebody else unlocks"), PinDesk(f, fault, screen, bus, kind) as d:
        signer = d.sign()
        screen.window()
        d.agent.unlock_with("corp", "1234")
        assert signer.result() == "signed"
        screen.wait_gone()


def main():
    absent = desktop.missing() or programs.missing(*PROGRAMS)
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        screen = Display(f)
        f.environment.update(screen.environment)
        bus = desktop.Bus(f, "session")
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        for kind in KINDS:
            dialog_cases(tap, f, fault, screen, bus, kind)
    tap.done()


main()
