#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A reader with a keypad: no dialog for a PIN, but a notice as long as the reader waits."""
import desktop
from desktop import wait
from fault import Fault
from fixture import Fixture
from scene import Scene, results
from tap import Tap, skip_all

NOTIFICATIONS = "org.freedesktop.Notifications"
KEYPAD = "slot 0 token=corp tries=3 keypad"
ALWAYS = KEYPAD + " always-authenticate"


class Reader(Scene):
    """Programs before a reader with a keypad; a pinentry that is asked for the PIN would cancel."""

    def __init__(self, f, fault, environment, script=KEYPAD, answers=("cancel",), settings=""):
        super().__init__(f, fault, script, *answers, settings=settings, environment=environment)

    def waits(self, n=1):
        self.fault.wait("@keypad", n)


class Desktop:
    """What the notification daemon was told."""

    def __init__(self, f):
        self.bus = desktop.Bus(f, "session")
        self.daemon = self.bus.mock("notification_daemon")
        self.shown, self.closed = 0, 0

    def notice(self):
        """Waits for the next notice: (its text, its actions)."""
        self.shown += 1
        calls = wait(lambda: len(self.daemon.calls("Notify")) >= self.shown and
                     self.daemon.calls("Notify"), "a notice")
        assert len(calls) == self.shown, calls
        _program, _id, _icon, summary, body, actions, _hints, _expires = calls[-1]
        return f"{summary}\n{body}", list(actions)

    def wait_closed(self):
        self.closed += 1
        wait(lambda: len(self.daemon.calls("CloseNotification")) >= self.closed, "its end")

    def press(self, action):
        """On the notice that was shown last."""
        import dbus
        last = self.daemon.connection.get_object(self.daemon.name, self.daemon.path, introspect=False)
        last.get_dbus_method("EmitSignal", "org.freedesktop.DBus.Mock")(
            NOTIFICATIONS, "ActionInvoked", "us",
            dbus.Array([dbus.UInt32(self.shown), action], signature="v"), signature="sssav")


def notified(tap, f, fault, d):
    environment = {**d.bus.environment, "DISPLAY": ":99"}
    with tap.case("a notice names token, key and program, and goes when the PIN was typed"), \
            Reader(f, fault, environment) as s:
        signers = s.signers(5)
        s.waits()
        text, actions = d.notice()
        assert "on the reader" in text and "token 'corp'" in text and "Key: alice" in text, text
        assert "python" in text and "cancel" in actions, (text, actions)
        fault.type(0, "1234")
        assert results(signers) == {"signed"}
        d.wait_closed()
        assert fault.count("C_Login", pin="null") == 1 and fault.count("C_Login") == 1, fault.tail()
        assert s.pinentry.asked() == "", "a pinentry was started"
    with tap.case("its button cancels for all who wait, though the reader still does"), \
            Reader(f, fault, environment) as s:
        signers = s.signers(5)
        s.waits()
        d.notice()
        d.press("cancel")
        assert results(signers) == {"CANCELLED"}
        d.wait_closed()
        fault.cancel(0)
        wait(lambda: fault.count("C_Login", rv="CKR_FUNCTION_CANCELED"), "the reader's end")
    with tap.case("it goes with the last who waits"), Reader(f, fault, environment) as s:
        signer, = s.signers()
        s.waits()
        d.notice()
        signer.client.socket.shutdown(2)
        d.wait_closed()
        fault.cancel(0)
        wait(lambda: fault.count("C_Login", rv="CKR_FUNCTION_CANCELED"), "the reader's end")
    with tap.case("the reader's cancel key, and a wrong PIN"), Reader(f, fault, environment) as s:
        signer, = s.signers()
        s.waits()
        d.notice()
        fault.cancel(0)
        assert signer.result() == "CANCELLED"
        d.wait_closed()
        signer, = s.signers()
        s.waits(2)
        d.notice()
        fault.type(0, "0000")
        assert signer.result() == "PIN_INCORRECT"
        d.wait_closed()


def given_up(tap, f, fault, d):
    """A call that waits for the reader cannot be broken off; what comes of it then?"""
    environment = {**d.bus.environment, "DISPLAY": ":99"}
    with tap.case("who asks after a cancel is served by what is typed: the reader waited for it"), \
            Reader(f, fault, environment) as s:
        first, = s.signers()
        s.waits()
        d.notice()
        d.press("cancel")
        assert first.result() == "CANCELLED"
        d.wait_closed()
        second, = s.signers()
        d.notice()
        fault.type(0, "1234")
        assert second.result() == "signed"
        d.wait_closed()
        assert fault.count("C_Login") == 1, fault.tail()
    with tap.case("what is typed when nobody waits any more opens nothing"), \
            Reader(f, fault, environment) as s:
        signer, = s.signers()
        s.waits()
        d.notice()
        signer.client.socket.shutdown(2)
        d.wait_closed()
        fault.type(0, "1234")
        fault.wait("C_Login", rv="CKR_OK")
        fault.wait("C_Logout", rv="CKR_OK")
        wait(lambda: "the login was given up" in s.agent.cli("status", check=True).stdout, "why it is locked")
    with tap.case("nobody types: who waits is told so in time; a reader that hangs on is replaced"), \
            Reader(f, fault, environment, settings="prompt-timeout = 3") as s:
        signers = s.signers(3)
        s.waits()
        d.notice()
        assert results(signers) == {"TIMEOUT"}
        d.wait_closed()
        wait(lambda: "'fault' is started anew" in s.agent.log(), "another token host")
        assert "the reader of token 'corp' hangs" in s.agent.log()
        signer, = s.signers()
        s.waits(2)
        d.notice()
        fault.type(0, "1234")
        assert signer.result() == "signed"
        d.wait_closed()


def each_time(tap, f, fault, d):
    with tap.case("a key that asks each time: a notice for each signature"), \
            Reader(f, fault, {**d.bus.environment}, script=ALWAYS) as s:
        signer, = s.signers()
        s.waits()
        d.notice()
        fault.type(0, "1234")
        s.waits(2)
        d.wait_closed()
        text, _ = d.notice()
        assert "token 'corp'" in text and "Key: alice" in text, text
        fault.type(0, "1234")
        assert signer.result() == "signed"
        d.wait_closed()
        assert fault.count("C_Login", user="CONTEXT_SPECIFIC", pin="null") == 1, fault.tail()
    with tap.case("its button gives that signature up"), \
            Reader(f, fault, {**d.bus.environment}, script=ALWAYS) as s:
        signer, = s.signers()
        s.waits()
        d.notice()
        fault.type(0, "1234")
        s.waits(2)
        d.wait_closed()
        d.notice()
        d.press("cancel")
        assert signer.result() == "CANCELLED"
        d.wait_closed()
        fault.cancel(0)
        signer, = s.signers()
        s.waits(3)
        d.notice()
        fault.type(0, "1234")
        assert signer.result() == "signed"
        d.wait_closed()


def slow_daemon(tap, f, fault):
    """Its answer says how the notice is taken away, and comes late."""
    bus = desktop.Bus(f, "session")
    daemon = bus.mock("slow", NOTIFICATIONS)
    release = f.path("release")
    code = ("import os, time\nwhile not os.path.exists(%r): time.sleep(0.02)\nret = 7" % str(release))
    daemon.mock("AddMethod", NOTIFICATIONS, "Notify", "susssasa{sv}i", "u", code)
    daemon.mock("AddMethod", NOTIFICATIONS, "CloseNotification", "u", "", "")
    with tap.case("a daemon that is slow to answer holds nobody up, and its notice goes all the same"), \
            Reader(f, fault, {**bus.environment, "DISPLAY": ":99"}) as s:
        signer, = s.signers()
        s.waits()
        wait(lambda: "Notify" in daemon.log_path.read_text(), "the notice")
        fault.type(0, "1234")
        assert signer.result() == "signed"
        assert s.pinentry.asked() == "", "a pinentry was started"
        release.write_text("")
        wait(lambda: daemon.calls("CloseNotification"), "its end")
        assert daemon.calls("CloseNotification") == [[7]], daemon.calls("CloseNotification")
    bus.stop()


def without(tap, f, fault):
    with tap.case("no bus: the pinentry shows it"), \
            Reader(f, fault, {"DISPLAY": ":99"}, answers=("hang",)) as s:
        signer, = s.signers()
        s.waits()
        wait(lambda: "CONFIRM --one-button" in s.pinentry.asked(), "the notice")
        assert "keypad of its reader" in s.pinentry.asked()
        fault.type(0, "1234")
        assert signer.result() == "signed" and "GETPIN" not in s.pinentry.asked()
    with tap.case("its button cancels"), Reader(f, fault, {"DISPLAY": ":99"}, answers=("ok",)) as s:
        signer, = s.signers()
        assert signer.result() == "CANCELLED"
        fault.cancel(0)
    with tap.case("no notification daemon: the pinentry shows it"), \
            Reader(f, fault, {**desktop.Bus(f, "session").environment, "DISPLAY": ":99"},
                  answers=("hang",)) as s:
        signer, = s.signers()
        wait(lambda: "CONFIRM --one-button" in s.pinentry.asked(), "the notice")
        fault.type(0, "1234")
        assert signer.result() == "signed"
    with tap.case("nowhere to show it: the log has it, and the reader is enough"), \
            Reader(f, fault, {}) as s:
        signer, = s.signers()
        s.waits()
        fault.type(0, "1234")
        assert signer.result() == "signed" and "entered on the reader" in s.agent.log()


def main():
    absent = desktop.missing()
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        d = Desktop(f)
        notified(tap, f, fault, d)
        given_up(tap, f, fault, d)
        each_time(tap, f, fault, d)
        d.bus.stop()
        slow_daemon(tap, f, fault)
        without(tap, f, fault)
    tap.done()


main()
