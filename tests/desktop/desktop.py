# SPDX-License-Identifier: Apache-2.0
"""Private buses, and on them logind, a screen lock and a notification daemon by python-dbusmock.

    system, session = Bus(f, "system"), Bus(f, "session")
    logind = system.mock("logind")
    agent = f.agent(environment={**system.environment, **session.environment})
    logind.signal(MANAGER, "PrepareForSleep", "b", [True])
"""
import sys

import bus
from wait import wait

SERVICES = "/usr/share/dbus-1/services"  # what a desktop has installed
MANAGER = "org.freedesktop.login1.Manager"
SESSION = "org.freedesktop.login1.Session"
_MOCK = "org.freedesktop.DBus.Mock"


def missing():
    """What is not there that these tests need, or None."""
    return bus.missing("dbusmock")


class Bus(bus.Bus):
    """A bus that is told to the agent alone. kind: "system" or "session", for its environment."""

    def __init__(self, f, kind):
        self.f, self.kind = f, kind
        super().__init__(f, f"{kind}-bus", variable=None, services=SERVICES)
        self.environment = {f"DBUS_{kind.upper()}_BUS_ADDRESS": self.address}

    def connect(self):
        import dbus.bus
        return dbus.bus.BusConnection(self.address)

    def mock(self, template, path=None):
        return Mock(self, template, path)

    def match_rules(self):
        """Who asked the bus for which signals, a list of rules each."""
        return self.connect().get_object("org.freedesktop.DBus", "/org/freedesktop/DBus").GetAllMatchRules(
            dbus_interface="org.freedesktop.DBus.Debug.Stats")

    def whisper(self, path, interface, name):
        """A signal to those alone who listen for such, from nobody they know; read when this returns."""
        from dbus.lowlevel import MethodCallMessage, SignalMessage
        connection = self.connect()
        told = [who for who, rules in self.match_rules().items() if any(interface in rule for rule in rules)]
        for who in told:
            message = SignalMessage(path, interface, name)
            message.set_destination(who)
            connection.send_message(message)
            connection.send_message_with_reply_and_block(
                MethodCallMessage(who, "/", "org.freedesktop.DBus.Peer", "Ping"), 20)
        return told


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
        return any(needle in rule for rules in self.bus.match_rules().values() for rule in rules)
