# SPDX-License-Identifier: Apache-2.0
"""The ways an agent is started: by a socket, by a bus, by hand. And what runs, without asking it."""
import json
import os
import pathlib
import socket

import bus
import programs
from wait import wait

LISTENS = "00010000"  # the flag of /proc/net/unix
UNITS = programs.BUILD / "contrib"


class Place:
    """One user's runtime folder, configuration and session bus; agents come and go in it."""

    def __init__(self, f):
        self.f = f
        self.socket = f.runtime / "countersign/agent.sock"
        self.socket.parent.mkdir(mode=0o700)
        self.conf = f.path("agent.conf")
        self.conf.write_text(f"[agent]\nprompt = never\n[module \"softhsm\"]\npath = {programs.SOFTHSM}\n")
        self.log = f.path("agent.log")
        self.words = [str(programs.AGENT), "--config", str(self.conf), "--token-host",
                      str(programs.TOKEN_HOST), "--prompt", str(programs.PROMPT)]

    # Starters.
    def by_hand(self, *options, **more):
        return self.f.start([*self.words, *options], log=self.log, **more)

    def by_socket(self, *options):
        """systemd's own tool listens, and becomes the agent at the first connection."""
        passed = [word for name in self.f.environment for word in ("-E", name)]
        before = self.listened()
        process = self.f.start(["systemd-socket-activate", f"--listen={self.socket}", *passed, *options,
                                *self.words], log=self.log)
        wait(lambda: process.poll() is not None or self.listened() > before, "systemd-socket-activate")
        assert process.poll() is None, self.log.read_text()
        return process

    def bus(self):
        """A session bus that knows our activation file, with this build's agent in it."""
        services = self.f.path("services")
        services.mkdir()
        name = "org.countersign.Agent1.service"
        lines = (UNITS / name).read_text().splitlines()
        given = [line for line in lines if line.startswith("Exec=")]
        assert len(given) == 1 and given[0].split()[0].endswith("/countersign-agent"), given
        words = [*self.words, *given[0].split()[1:]]
        lines = [f"Exec={' '.join(words)}" if line in given else line for line in lines]
        (services / name).write_text("\n".join(lines) + "\n")
        return bus.Bus(self.f, services=services)

    def call(self, *words):
        """A call on the bus, started and not waited for."""
        return self.f.start(["dbus-send", "--session", "--print-reply", "--reply-timeout=25000", *words],
                            log=self.f.path("call.log"))

    def by_bus(self):
        return self.call("--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                         "org.freedesktop.DBus.StartServiceByName", "string:org.countersign.Agent1",
                         "uint32:0")

    # What there is.
    def listened(self):
        """How often systemd's tool has begun to listen."""
        return self.log.read_text().count("Listening on ") if self.log.exists() else 0

    def listens(self):
        """Whether somebody listens at the path, seen without waking who it may be."""
        lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
        return any(line.endswith(f" {self.socket}") and line.split()[3] == LISTENS for line in lines)

    def connects(self):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True

    def agents(self):
        """The processes that are agents of this place."""
        return [pid for pid, words in _processes() if words[:3] == self.words[:3]]

    def hosts(self):
        mine = set(self.agents())
        return [pid for pid, words in _processes()
                if words[0] == str(programs.TOKEN_HOST) and _parent(pid) in mine]

    def status(self):
        """What the agent that answers says of itself, or None."""
        said = self.f.run([programs.CLI, "status", "--json"])
        return json.loads(said.stdout) if said.returncode == 0 else None

    def end(self, *processes):
        for process in processes:
            self.f.stop(process)
        for pid in self.agents():
            os.kill(pid, 15)
        wait(lambda: not self.agents(), "the end of the agents")


def _processes():
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0]:
            yield int(folder.name), words[:-1]


def _parent(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
