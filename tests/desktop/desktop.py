# SPDX-License-Identifier: Apache-2.0
"""Private buses, and on them logind, a screen lock and a notification daemon by python-dbusmock.

    system, session = Bus(f, "system"), Bus(f, "session")
    logind = system.mock("logind")
    agent = f.agent(environment={**system.environment, **session.environment})
    logind.signal(MANAGER, "PrepareForSleep", "b", [True])
"""
import os
import sys
import time

import programs

PATIENCE = 20  # seconds
MANAGER = "org.freedesktop.login1.Manager"
SESSION = "org.freedesktop.login1.Session"
_MOCK = "org.freedesktop.DBus.Mock"


def missing():
    """What is not there that these tests need, or None."""
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "dbus-daemon")
    for module in ("dbus", "dbusmock"):
        try:
            __import__(module)
        except ImportError:
            absent = absent or f"Python's {module}"
    return absent


def wait(condition, what):
    """Waits until it gives something true, and gives that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"never came: {what}")
        time.sleep(0.01)


class Bus:
    """A dbus-daemon of the test's own. kind: "system" or "session", for the agent's environment."""

    def __init__(self, f, kind):
        self.f, self.kind = f, kind
        self.address = f"unix:path={f.path(kind + '-bus')}"
        self.environment = {f"DBUS_{kind.upper()}_BUS_ADDRESS": self.address}
        self.process = None
        self.start()

    def start(self):
        self.process = self.f.start(
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--nosyslog",
             f"--address={self.address}"], log=self.f.path(f"{self.kind}-bus.log"))
        wait(self._answers, f"the {self.kind} bus")

    def stop(self):
        self.f.stop(self.process)

    def connect(self):
        import dbus.bus
        return dbus.bus.BusConnection(self.address)

    def mock(self, template, path=None):
        return Mock(self, template, path)

    def _answers(self):
        import dbus
        try:
            self.connect().close()
        except dbus.exceptions.DBusException:
            return False
        return True


class Mock:
    """A dbusmock template that runs on a bus, or an object with a name, a path and an interface."""

    def __init__(self, bus, template, interface=None):
        self.bus = bus
        self.log_path = bus.f.path(f"{template}.log")
        if interface:
            self.name, self.path = interface, "/" + interface.replace(".", "/")
            what = [self.name, self.path, interface]
        else:
            module = __import__(f"dbusmock.templates.{template}", fromlist=["BUS_NAME"])
            self.name, self.path = module.BUS_NAME, module.MAIN_OBJ
            what = ["--template", template]
        # It knows two buses; both are ours.
        self.process = bus.f.start(
            [sys.executable, "-m", "dbusmock", *what], log=self.log_path,
            environment={"DBUS_SYSTEM_BUS_ADDRESS": bus.address,
                         "DBUS_SESSION_BUS_ADDRESS": bus.address})
        self.connection = bus.connect()
        wait(lambda: self.connection.name_has_owner(self.name), self.name)

    def call(self, interface, method, *arguments, path=None):
        proxy = self.connection.get_object(self.name, path or self.path, introspect=False)
        return proxy.get_dbus_method(method, interface)(*arguments)

    def mock(self, method, *arguments, path=None):
        """A method by which dbusmock is steered."""
        return self.call(_MOCK, method, *arguments, path=path)

    def signal(self, interface, name, signature, arguments, path=None):
        """Makes it send a signal."""
        import dbus
        values = dbus.Array(arguments, signature="v")
        proxy = self.connection.get_object(self.name, path or self.path, introspect=False)
        proxy.get_dbus_method("EmitSignal", _MOCK)(interface, name, signature, values,
                                                   signature="sssav")

    def calls(self, method):
        """The calls of this method that came: their arguments."""
        proxy = self.connection.get_object(self.name, self.path, introspect=False)
        return [call[2] for call in proxy.get_dbus_method("GetCalls", _MOCK)() if call[1] == method]

    def listens(self, needle):
        """Whether somebody has asked the bus for signals with this in the rule."""
        text = self.connection.get_object("org.freedesktop.DBus", "/org/freedesktop/DBus").GetAllMatchRules(
            dbus_interface="org.freedesktop.DBus.Debug.Stats")
        return any(needle in rule for rules in text.values() for rule in rules)
