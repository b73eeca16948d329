# SPDX-License-Identifier: Apache-2.0
"""A client of the agent in Python, by python3-dbus: what any language does with the interface."""
import subprocess
import time

import dbus
import dbus.bus

NAME = "org.countersign.Agent1"
ROOT = "/org/countersign/Agent1"
PATIENCE = 20


class Client:
    def __init__(self, address):
        self.connection = dbus.bus.BusConnection(address)

    def wait_for_name(self):
        deadline = time.monotonic() + PATIENCE
        while not self.connection.name_has_owner(NAME):
            assert time.monotonic() < deadline, "the agent does not take its name"
            time.sleep(0.02)

    def connections_of(self, pid):
        """How many connections to the bus the process has."""
        bus = self.connection.get_object("org.freedesktop.DBus", "/org/freedesktop/DBus")
        return [bus.GetConnectionUnixProcessID(name, dbus_interface="org.freedesktop.DBus")
                for name in bus.ListNames(dbus_interface="org.freedesktop.DBus")
                if name.startswith(":")].count(pid)

    def call(self, path, interface, member, *arguments, timeout=60):
        proxy = self.connection.get_object(NAME, path, introspect=False)
        return proxy.get_dbus_method(member, interface)(*arguments, timeout=timeout)

    def agent(self, member, *arguments):
        return self.call(ROOT, "org.countersign.Agent1", member, *arguments)

    def objects(self):
        return self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")

    def paths(self, interface):
        return [path for path, interfaces in self.objects().items() if interface in interfaces]

    def get(self, path, interface, name):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get", interface, name)

    def error(self, path, interface, member, *arguments):
        """The name and sentence of the error that a call must get."""
        try:
            self.call(path, interface, member, *arguments)
        except dbus.DBusException as failure:
            return failure.get_dbus_name(), failure.get_dbus_message()
        raise AssertionError(f"{member} did not fail")


class Monitor:
    """Signals of the agent as lines of `gdbus monitor`."""

    def __init__(self, f):
        self.process = f.start(["gdbus", "monitor", "--session", "--dest", NAME],
                               log=f.path("monitor.log"), stdout=subprocess.PIPE, text=True)
        self.until("is owned by")

    def until(self, *words):
        """The next line with all these words."""
        for line in self.process.stdout:
            if all(word in line for word in words):
                return line
        raise AssertionError(f"the monitor ended before {words}")
