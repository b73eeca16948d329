#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A login ends when the screen is locked, the machine sleeps, time is up or the token is pulled.

That it has ended is not the agent's word: the module saw C_Logout, and C_GetSessionInfo says so.
"""
import contextlib
import os
import signal
import threading
import time

import dbus

from desktop import MANAGER, SESSION, Bus, missing, wait
from fixture import Fixture
from locking import CORP, Desk
from scene import DISPLAY
from tap import Tap, skip_all
from twins import Twins
import protocol_client as protocol

SHELL = "org.gnome.Shell"  # speaks the interface of org.gnome.ScreenSaver


def screen_cases(tap, desk, logind, screensavers):
    session = logind.mock("AddSession", "c1", "seat0", dbus.UInt32(os.getuid()), "somebody", True)
    other = logind.mock("AddSession", "c2", "seat0", dbus.UInt32(os.getuid() + 1), "other", True)
    desk.start()
    wait(lambda: logind.listens(SESSION), "the agent listens to logind")
    with tap.case("logind's Lock"):
        desk.unlock()
        logind.signal(SESSION, "Lock", "", [], path=session)
        desk.expect_logout("the screen was locked")
        for line in desk.fault.lines("C_Logout"):
            tap.comment(f"{line}")
    with tap.case("logind's LockedHint"):
        desk.unlock()
        changed = dbus.Dictionary({"LockedHint": True}, signature="sv")
        logind.signal("org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                      [SESSION, changed, dbus.Array([], signature="s")], path=session)
        desk.expect_logout("the screen was locked")
    with tap.case("another user's screen is none of ours"):
        desk.unlock()
        logind.signal(SESSION, "Lock", "", [], path=other)
        wait(lambda: "another user's" in desk.agent.log(), "the agent has looked whose it is")
        assert desk.sign() and desk.locked() is None
    with tap.case("what anybody sends to the agent alone is no word of logind's"):
        desk.unlock()
        assert desk.system.whisper(session, SESSION, "Lock")
        assert desk.locked() is None and desk.sign()
    for name, mock in screensavers.items():
        with tap.case(f"{name} is active"):
            wait(lambda: mock.listens(name), f"the agent listens to {name}")  # pylint: disable=cell-var-from-loop
            interface = "org.gnome.ScreenSaver" if name == SHELL else name
            desk.unlock()
            mock.signal(interface, "ActiveChanged", "b", [False])
            mock.signal(interface, "ActiveChanged", "b", [True])
            desk.expect_logout("the screen was locked")
    with tap.case("a question about a locked token ends with it, and who asked is told"):
        pinentry = desk.f.pinentry("hang", "hang")
        desk.start(pinentry=pinentry)
        for n, words in enumerate((["unlock"], ["pin", "change"]), 1):
            wait(lambda: logind.listens(SESSION), "the agent listens to logind")
            asker = threading.Thread(target=lambda: said.append(desk.agent.cli(*words, environment=DISPLAY)))  # pylint: disable=cell-var-from-loop
            said = []
            asker.start()
            pinentry.wait(n)
            logind.signal(SESSION, "Lock", "", [], path=session)
            asker.join(20)
            assert said and said[0].returncode != 0, said
            assert "token 'corp' was locked meanwhile" in said[0].stderr, said
    with tap.case("nobody is hindered from unlocking again"):
        desk.unlock()
        assert desk.sign()


def inhibitors_at(logind):
    return [one for one in logind.call(MANAGER, "ListInhibitors") if one[1] == "Countersign"]


def sleep_cases(tap, desk, logind):
    def inhibitors():
        return inhibitors_at(logind)

    with tap.case("sleep waits until the token is locked"):
        desk.fault.script(CORP, "delay C_Logout 300")
        [held] = wait(inhibitors, "the inhibitor")
        assert held[0] == "sleep" and held[3] == "delay", held
        desk.unlock()
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        wait(lambda: not inhibitors(), "the inhibitor is let go")
        assert desk.fault.count("C_Logout", rv="CKR_OK") == 1, desk.fault.tail()
        desk.expect_logout("the machine went to sleep")
    with tap.case("awake again, the next sleep is waited for, too"):
        desk.fault.script(CORP)
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        wait(inhibitors, "the inhibitor anew")
        desk.unlock()
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        wait(lambda: not inhibitors(), "the inhibitor is let go")
        assert desk.fault.count("C_Logout", rv="CKR_OK") == 1
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        wait(inhibitors, "the inhibitor anew")
    with tap.case("awake before the token was locked, the next sleep is waited for, too"):
        desk.fault.script(CORP, "delay C_Logout 1000")
        desk.unlock()
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        desk.expect_logout("the machine went to sleep")
        desk.fault.script(CORP)
        desk.unlock()  # so it knows that the other login has ended
        wait(inhibitors, "the inhibitor anew")
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        wait(lambda: not inhibitors(), "the inhibitor is let go")
        assert desk.fault.count("C_Logout", rv="CKR_OK") == 1
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        wait(inhibitors, "the inhibitor anew")
    with tap.case("with nothing to lock, sleep is not delayed"):
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        wait(lambda: not inhibitors(), "the inhibitor is let go")
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        wait(inhibitors, "the inhibitor anew")


def restless_cases(tap):
    with tap.case("asleep again before the first lock was through: the second is waited for"), Fixture() as f:
        bus = Bus(f, "system")
        logind = bus.mock("logind")
        twins = Twins(f, environment=bus.environment)
        wait(lambda: inhibitors_at(logind), "the inhibitor")
        for label in ("corp", "home"):
            twins.unlock(label)
        twins.corp.script("slot 0 token=corp", "hang C_Logout")
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        twins.corp.wait("@hang")
        twins.home.wait("C_Logout", rv="CKR_OK")
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        twins.unlock("home")
        twins.home.script("slot 0 token=home", "hang C_Logout")
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        twins.home.wait("@hang")
        twins.corp.script("slot 0 token=corp")
        wait(lambda: all(token.label != b"corp" or not token.has("unlocked")
                         for token in twins.client.tokens()), "the first lock")
        twins.agent.cli("list", check=True)
        assert inhibitors_at(logind), "home is not locked yet"
        twins.home.script("slot 0 token=home")
        wait(lambda: not inhibitors_at(logind), "the inhibitor is let go")
        twins.agent.stop()


def bus_cases(tap, desk, screensavers):
    with tap.case("the bus of a session that logind does not know of vanishes, and one that returns is heard"):
        name = "org.gnome.ScreenSaver"
        desk.unlock()
        desk.session.stop()
        desk.expect_logout("the session ended")
        desk.session.start()
        mock = screensavers[name] = desk.session.mock("gnome_screensaver")
        wait(lambda: mock.listens(name), "the agent listens again")
        desk.unlock()
        mock.signal(name, "ActiveChanged", "b", [True])
        desk.expect_logout("the screen was locked")
    with tap.case("no bus at all"):
        desk.session.stop()
        desk.system.stop()
        desk.start()
        desk.unlock()
        assert desk.sign()


def signs(desk):
    try:
        return desk.sign()
    except protocol.AgentError:
        return None


def timeout_cases(tap, desk):
    with tap.case("time is up since the PIN was entered, used or not"):
        desk.start("pin-timeout = 1s")
        desk.unlock()
        while desk.locked() is None and signs(desk):
            pass
        desk.expect_logout("the PIN was entered 1 second ago")
    with tap.case("time is up since the last signature"):
        desk.start("idle-timeout = 800ms\npin-timeout = 1h")
        desk.unlock()
        desk.sign()
        last = desk.fault.lines("C_Sign")[-1].time
        desk.expect_logout("not used for 800 milliseconds")
        assert desk.fault.lines("C_Logout")[0].time - last >= 0.75
    with tap.case("what is used does not time out"):
        desk.unlock()
        begun = desk.fault.lines("C_Login")[-1].time
        desk.sign()
        while desk.fault.lines("C_Sign")[-1].time - begun < 2:
            desk.sign()
        assert desk.fault.count("C_Logout") == 0
        desk.expect_logout("not used for 800 milliseconds")
    with tap.case("what was used before the machine slept is not used when it wakes"):
        desk.fault.script(CORP, "hang C_Sign once")
        desk.unlock()
        signer = threading.Thread(target=desk.sign, daemon=True)
        signer.start()
        desk.fault.wait("@hang")
        os.kill(desk.agent.process.pid, signal.SIGSTOP)
        desk.fault.script(CORP)
        desk.fault.wait("C_Sign", rv="CKR_OK")
        asleep = time.monotonic() + 1
        wait(lambda: time.monotonic() > asleep, "the time is up")
        os.kill(desk.agent.process.pid, signal.SIGCONT)
        signer.join(20)
        wait(lambda: not signs(desk), "the end of the login")
        desk.expect_logout("not used for 800 milliseconds")


def other_cases(tap, desk):
    with tap.case("the token is pulled"):
        desk.start()
        desk.unlock()
        desk.fault.script("slot 0 absent")
        try:
            desk.sign()
            assert False, "a signature without a token"
        except protocol.AgentError:
            pass
        desk.fault.script(CORP)
        desk.agent.cli("refresh", check=True)
        assert desk.locked() is not None
        desk.fault.clear()
        desk.agent.cli("refresh", check=True)
        assert {line.words["state"] for line in desk.fault.lines("C_GetSessionInfo")} == {"0"}
    for code in ("CKR_GENERAL_ERROR", "CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR"):
        with tap.case(f"a token that answers {code} to C_Logout is logged out all the same"):
            desk.fault.script(CORP, f"fail C_Logout {code}")
            desk.unlock()
            desk.agent.cli("lock", check=True)
            desk.fault.wait("C_CloseAllSessions", slot=0, rv="CKR_OK")
            assert desk.locked() is not None
            desk.fault.clear()
            desk.agent.cli("refresh", check=True)
            asked = desk.fault.lines("C_GetSessionInfo", rv="CKR_OK")
            assert {line.words["state"] for line in asked} == {"0"}, asked
            desk.fault.script(CORP)
            desk.unlock()
            assert desk.sign()
    with tap.case("a person locks it"):
        desk.unlock()
        desk.agent.cli("lock", check=True)
        desk.expect_logout("locked with 'countersign lock'")
    with tap.case("since when it is locked is told in seconds"):
        with contextlib.closing(protocol.Client(desk.agent.socket)) as client:
            [token] = client.tokens()
        assert abs(time.time() - token.since) < 600, token


def unwanted_cases(tap, desk):
    desk.system, desk.session = Bus(desk.f, "system"), Bus(desk.f, "session")
    logind, saver = desk.system.mock("logind"), desk.session.mock("gnome_screensaver")
    with tap.case("lock-on = never"):
        desk.start("lock-on = never")
        wait(lambda: logind.listens(SESSION), "the agent listens to logind")
        wait(lambda: saver.listens("org.gnome.ScreenSaver"), "the agent listens")
        desk.unlock()
        saver.signal("org.gnome.ScreenSaver", "ActiveChanged", "b", [True])
        logind.signal(MANAGER, "PrepareForSleep", "b", [True])
        logind.signal(MANAGER, "PrepareForSleep", "b", [False])
        # Waking up makes the agent look at its tokens, so it has read what came before, too.
        desk.fault.wait("C_GetSessionInfo")
        assert desk.locked() is None and desk.fault.count("C_Logout") == 0
        assert not logind.call(MANAGER, "ListInhibitors")


def main():
    absent = missing()
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        desk = Desk(f)
        tap.diagnose = lambda: f.diagnose() + desk.fault.tail()
        logind = desk.system.mock("logind")
        screensavers = {
            "org.gnome.ScreenSaver": desk.session.mock("gnome_screensaver"),
            "org.freedesktop.ScreenSaver": desk.session.mock("kde", "org.freedesktop.ScreenSaver"),
            SHELL: desk.session.mock("shell", SHELL),
            "org.xfce.ScreenSaver": desk.session.mock("xfce", "org.xfce.ScreenSaver"),
        }
        screen_cases(tap, desk, logind, screensavers)
        sleep_cases(tap, desk, logind)
        restless_cases(tap)
        bus_cases(tap, desk, screensavers)
        timeout_cases(tap, desk)
        other_cases(tap, desk)
        unwanted_cases(tap, desk)
        desk.fault.check()
    tap.done()


main()
