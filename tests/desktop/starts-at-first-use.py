#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing runs until a program wants the agent; then a socket or a bus starts it, and it says when it
is ready."""
import os
import socket
import stat

import programs
from fixture import Fixture
from starters import Place, wait
from tap import Tap, skip_all


class Supervisor:
    """Listens as systemd does for what a service has to tell."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))
        self.socket.settimeout(30)

    def hears(self):
        return self.socket.recv(4096).decode().split("\n")

    def heard_nothing_else(self):
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return True


def by_socket(f, tap):
    place = Place(f)
    with tap.case("a socket that listens costs no process"):
        starter = place.by_socket("--fdname=countersign-agent.socket")
        assert place.listens() and not place.agents() and not place.hosts()
    with tap.case("the first connection starts the agent, and is served by it"):
        status = place.status()
        assert status["pid"] == starter.pid, "it is that process that became the agent"
        assert status["socket"] == str(place.socket), status
        assert place.agents() == [starter.pid]
    with tap.case("it has the token host that it needs, and that works"):
        assert wait(lambda: [m for m in place.status()["modules"] if m["state"] == "running"], "the module")
        assert len(place.hosts()) == 1
    with tap.case("its children do not take the socket for theirs"):
        for pid in place.hosts():
            said = environment(pid)
            assert not any(name.startswith(("LISTEN_", "NOTIFY_")) for name in said), said
    with tap.case("told to stop it ends well, and leaves the socket to who made it"):
        starter.terminate()
        assert starter.wait(20) == 0
        assert stat.S_ISSOCK(place.socket.lstat().st_mode)
        assert sorted(os.listdir(place.socket.parent)) == ["agent.sock"]
    with tap.case("what is not one listening socket is refused with a sentence"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wrong:
            said = f.run(["/bin/sh", "-c", f'exec 3<&{wrong.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
                          "sh", *place.words], pass_fds=[wrong.fileno()])
        assert said.returncode == 1 and "one listening Unix stream socket" in said.stderr, said


def environment(pid):
    try:
        with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
            return dict(entry.split("=", 1) for entry in file.read().split("\0") if "=" in entry)
    except PermissionError:
        return {}  # it lets nobody look but root


def ready(f, tap):
    place = Place(f)
    for kind, name in (("path", str(f.path("notify"))), ("abstract", f"@countersign-test-{os.getpid()}")):
        supervisor = Supervisor(name)
        with tap.case(f"Type=notify, {kind}: READY=1 comes when connections are served"):
            agent = place.by_hand(environment={"NOTIFY_SOCKET": name})
            assert supervisor.hears() == ["READY=1"]
            assert place.connects() and place.status()["pid"] == agent.pid
        with tap.case(f"Type=notify, {kind}: STOPPING=1 comes before the end, and nothing else"):
            agent.terminate()
            assert supervisor.hears() == ["STOPPING=1"]
            assert agent.wait(20) == 0
            assert supervisor.heard_nothing_else()
    with tap.case("an agent that cannot start is not ready"):
        supervisor = Supervisor(str(f.path("notify-2")))
        said = f.run([*place.words, "--config", "/nonexistent"],
                     environment={"NOTIFY_SOCKET": supervisor.name})
        assert said.returncode == 1 and supervisor.heard_nothing_else(), said
    with tap.case("nobody at the notification socket, or no socket: the agent serves all the same"):
        for name in (str(f.path("nobody")), "nonsense", "@", "/" + 200 * "x"):
            agent = place.by_hand(environment={"NOTIFY_SOCKET": name})
            wait(place.connects, "the agent")
            place.end(agent)


def by_bus(f, tap):
    place = Place(f)
    place.bus()
    with tap.case("a bus that knows the agent costs no process"):
        assert not place.agents()
    with tap.case("the first call on the bus starts it, and is answered"):
        call = place.call("--dest=org.countersign.Agent1", "/org/countersign/Agent1",
                          "org.freedesktop.DBus.Properties.GetAll", "string:org.countersign.Agent1")
        assert call.wait(30) == 0, f.path("call.log").read_text() + place.log.read_text()
        assert len(place.agents()) == 1
    with tap.case("it serves the socket as well"):
        assert [place.status()["pid"]] == place.agents()
    with tap.case("told to stop it goes; the next program on the socket finds nobody, on the bus a new one"):
        place.end()
        assert not place.connects()
        assert place.by_bus().wait(30) == 0, f.path("call.log").read_text()
        assert len(place.agents()) == 1
    with tap.case("an agent started by hand before takes the name: no call starts another"):
        place.end()
        agent = place.by_hand()
        wait(place.connects, "the agent")
        assert place.by_bus().wait(30) == 0, f.path("call.log").read_text()
        # The bus may have started one before the agent had its name: it gives way at once.
        wait(lambda: place.agents() == [agent.pid], "the agent alone")
    place.end()


def main():
    absent = programs.missing("softhsm", "systemd-socket-activate", "dbus-daemon", "dbus-send")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    for part in (by_socket, ready, by_bus):
        with Fixture() as f:
            tap.diagnose = lambda f=f: f.path("agent.log").read_text()[-6000:] if f.path("agent.log").exists() else ""
            part(f, tap)
    tap.done()


main()
