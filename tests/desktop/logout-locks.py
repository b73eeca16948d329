#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""When the last session that a person sits at has ended, the tokens are locked, although the agent goes on.

logind is python-dbusmock's, and lists the sessions that a case has made.
"""
import os
import signal

import dbus

from desktop import MANAGER, SESSION, missing, wait
from fixture import Fixture
from locking import Desk
from tap import Skip, Tap, skip_all
import namespace

ENDED = "the session ended"
SSH = {"Type": "tty", "Seat": "", "Remote": True}
GREETER = {"Class": "greeter", "User": os.getuid() + 1}


class Logind:
    def __init__(self, desk):
        self.desk, self.sessions = desk, {}
        self.bus = desk.system
        self.mock = self.bus.mock("logind")

    @staticmethod
    def _path(name):
        return f"/org/freedesktop/login1/session/{name}"

    def _show(self, name):
        said = {"Id": name, "Name": "somebody", "User": os.getuid(), "Seat": "seat0", "Class": "user",
                "Type": "x11", "State": "active", "Remote": False, "LockedHint": False, **self.sessions[name]}
        said["User"] = dbus.Struct((dbus.UInt32(said["User"]), dbus.ObjectPath("/user")), signature="uo")
        said["Seat"] = dbus.Struct((said["Seat"], dbus.ObjectPath("/seat")), signature="so")
        self.mock.mock("AddObject", self._path(name), SESSION, dbus.Dictionary(said, signature="sv"),
                       dbus.Array([], signature="(ssss)"))

    def _tell(self, name, what="SessionNew"):
        self.mock.signal(MANAGER, what, "so", [name, dbus.ObjectPath(self._path(name))])

    def asked(self, name):
        return self.mock.log_path.read_text().count(f"GetAll {self._path(name)} ")

    def settle(self, name, do):
        """Does it, and waits until the agent has asked for this session since."""
        before = self.asked(name)
        do()
        wait(lambda: self.asked(name) > before, f"the agent asks for {name}")

    def begin(self, name, **properties):
        """A session begins, and the agent has heard of it."""
        self.sessions[name] = properties
        self._show(name)
        if properties.get("User", os.getuid()) == os.getuid():
            self.nudge(name)
        else:
            self._tell(name)

    def end(self, name):
        self.vanish(name)
        self._tell(name, "SessionRemoved")

    def vanish(self, name):
        """It is gone, which nobody is told."""
        self.mock.mock("RemoveObject", self._path(name))
        del self.sessions[name]

    def change(self, name, **properties):
        """Likewise."""
        self.mock.mock("RemoveObject", self._path(name))
        self.sessions[name] = {**self.sessions[name], **properties}
        self._show(name)

    def nudge(self, name):
        """Something makes the agent ask for this session."""
        self.settle(name, lambda: self._tell(name))

    def stop(self):
        self.desk.f.stop(self.mock.process)

    def start(self):
        self.mock = self.bus.mock("logind")
        for name in self.sessions:
            self._show(name)


def start(desk, logind, session, **options):
    """An agent that knows of this session."""
    logind.settle(session, lambda: desk.start(**options))


def undisturbed(desk):
    """Nothing was locked, nor was it and is open again."""
    assert desk.sign() and desk.locked() is None
    assert desk.fault.count("C_Logout") == 0, desk.fault.tail()


def last_session(tap, desk, logind):
    desk.start()
    wait(lambda: logind.mock.listens("SessionRemoved"), "the agent listens to logind")
    with tap.case("where nobody sits, ssh comes and goes and nothing is locked"):
        desk.unlock()
        logind.begin("s1", **SSH)
        logind.begin("s2", **SSH)
        logind.end("s1")
        logind.nudge("s2")
        undisturbed(desk)
    for name, properties in {"x11": {}, "wayland": {"Type": "wayland"}, "a terminal": {"Type": "tty"},
                             "a desktop elsewhere": {"Remote": True, "Seat": ""}}.items():
        with tap.case(f"the last session ends: {name}; one by ssh is no other"):
            logind.begin("c1", **properties)
            desk.unlock()
            logind.end("c1")
            desk.expect_logout(ENDED)
    with tap.case("and that is on record"):
        assert ENDED in desk.agent.cli("log", check=True).stdout
    with tap.case("nobody is hindered from unlocking again"):
        desk.unlock()
        logind.nudge("s2")
        undisturbed(desk)
    logind.end("s2")


def other_sessions(tap, desk, logind):
    logind.begin("c2")
    desk.unlock()
    with tap.case("the end of one of two locks nothing"):
        logind.begin("c3", Type="wayland")
        logind.end("c2")
        logind.nudge("c3")
        undisturbed(desk)
    with tap.case("nor does that somebody else sits there now"):
        logind.change("c3", State="online")
        logind.nudge("c3")
        undisturbed(desk)
    others = {"x1": {"User": os.getuid() + 1}, "x2": GREETER, "x3": {"Class": "lock-screen"},
              "x4": {"Class": "background", "Type": "unspecified"}, "x5": SSH}
    with tap.case("the end of the other does, whoever else is there"):
        for name, properties in others.items():
            logind.begin(name, **properties)
        logind.end("c3")
        desk.expect_logout(ENDED)
    with tap.case("the end of another user's session locks nothing, nor that of the greeter's or cron's"):
        desk.unlock()
        for name in others:
            if name != "x5":
                logind.end(name)
        logind.nudge("x5")
        undisturbed(desk)
        logind.end("x5")


def closing(tap, desk, logind):
    with tap.case("a session has ended when it is closing, although a process of it is left"):
        logind.begin("c4")
        desk.unlock()
        logind.change("c4", State="closing")
        logind.begin("g1", **GREETER)
        desk.expect_logout(ENDED)
    with tap.case("and ends once"):
        desk.unlock()
        logind.end("c4")
        logind.begin("c5")
        undisturbed(desk)
    with tap.case("logged out and in again, before anybody looked"):
        logind.change("c5", State="closing")
        logind.begin("c6")
        desk.expect_logout(ENDED)
        desk.unlock()
        logind.vanish("c6")
        logind.begin("c7")
        desk.expect_logout(ENDED)
    logind.end("c5")
    logind.end("g1")


def restarts(tap, desk, logind):
    process = desk.agent.process

    def restart():
        """The agent sees a logind that has its sessions from the first moment on, as the real one does."""
        process.send_signal(signal.SIGSTOP)
        logind.stop()
        logind.start()

    with tap.case("logind is restarted, and the session is there as before"):
        desk.unlock()
        restart()
        logind.settle("c7", lambda: process.send_signal(signal.SIGCONT))
        logind.nudge("c7")
        undisturbed(desk)
    with tap.case("logind is restarted, and the session is there no longer"):
        del logind.sessions["c7"]
        restart()
        process.send_signal(signal.SIGCONT)
        desk.expect_logout(ENDED)


def files(tap, desk, logind):
    with tap.case("closing, of which only logind's files tell"):
        if namespace.lacking() or os.getuid() != 0:
            raise Skip("there is no root, who can have a /run of his own")
        run = desk.f.path("machine")
        (run / "systemd/sessions").mkdir(parents=True)
        logind.begin("c8")
        start(desk, logind, "c8", under=namespace.words({"/run": run}))
        desk.unlock()
        logind.change("c8", State="closing")
        desk.unlock()  # nobody has told
        undisturbed(desk)
        # As logind writes them.
        (run / "systemd/sessions/.#c8").write_text("STATE=closing\n")
        (run / "systemd/sessions/.#c8").rename(run / "systemd/sessions/c8")
        desk.expect_logout(ENDED)
        logind.end("c8")


def settings(tap, desk, logind):
    with tap.case("lock-on without logout"):
        logind.begin("c9")
        start(desk, logind, "c9", settings="lock-on = screen-lock, sleep")
        desk.unlock()
        logind.begin("s3", **SSH)
        logind.end("c9")
        logind.nudge("s3")
        undisturbed(desk)
    with tap.case("lock-on = logout"):
        logind.begin("c10")
        start(desk, logind, "c10", settings="lock-on = logout")
        desk.unlock()
        logind.end("c10")
        desk.expect_logout(ENDED)
    with tap.case("a PIN that comes from the configuration opens the token again"):
        logind.begin("c11")
        start(desk, logind, "c11", tokens={"corp": f"pin-command = /bin/echo {desk.token.pin}"})
        assert desk.sign()
        logind.end("c11")
        desk.fault.wait("C_Logout", slot=0, rv="CKR_OK")
        assert desk.sign()
    logind.end("s3")


def session_bus(tap, desk, logind):
    with tap.case("the session's bus ends, and logind says that the session has not"):
        logind.begin("c12")
        start(desk, logind, "c12")
        desk.unlock()
        desk.session.stop()
        wait(lambda: "the session bus is gone" in desk.agent.log(), "the agent notices")
        undisturbed(desk)
    def lose():
        desk.session.start()
        saver = desk.session.mock("gnome_screensaver")
        wait(lambda: saver.listens("org.gnome.ScreenSaver"), "the agent is on the bus")
        desk.unlock()
        desk.session.stop()

    with tap.case("a session that logind does not know of ends with its bus"):
        logind.end("c12")
        lose()
        desk.expect_logout(ENDED)
    with tap.case("nor does a logind that is gone know"):
        logind.begin("c13")
        logind.stop()
        wait(lambda: not desk.system.connect().name_has_owner(logind.mock.name), "the bus notices")
        lose()
        desk.expect_logout(ENDED)
    with tap.case("but not with lock-on without logout"):
        desk.start(settings="lock-on = sleep")
        lose()
        wait(lambda: "the session bus is gone" in desk.agent.log(), "the agent notices")
        undisturbed(desk)


def main():
    absent = missing()
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        desk = Desk(f)
        tap.diagnose = lambda: f.diagnose() + desk.fault.tail()
        logind = Logind(desk)
        for part in (last_session, other_sessions, closing, restarts, files, settings, session_bus):
            part(tap, desk, logind)
        desk.fault.check()
    tap.done()


main()
