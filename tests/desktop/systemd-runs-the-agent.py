#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed units under a real `systemd --user`: what starts the agent, how it ends, and that it
signs under all that the unit forbids."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat

import programs
import user_manager
from fixture import ANYTHING, Fixture
from installation import Installation
from tap import Tap, skip_all
from wait import wait

SOCKET, SERVICE = "countersign-agent.socket", "countersign-agent.service"
NAME, ROOT = "org.countersign.Agent1", "/org/countersign/Agent1"
DROP_IN = """[Service]
ExecStart=
ExecStart={agent} --config {conf} --system-config {system} --token-host {host} --prompt {prompt}
StandardError=append:{log}
"""


class Session:
    """A user whose systemd has the agent's units, as they were installed."""

    def __init__(self, f):
        self.f = f
        self.token = f.token("corp")
        self.token.identity(f.authority("Office"), "p256", "alice")
        self.pinentry = f.pinentry(f"pin:{self.token.pin}")
        installed = Installation(f.path("image"))
        self.agent, self.cli = installed.agent, installed.agent.with_name("countersign")
        self.log = f.path("agent.log")
        self.conf, self.system = f.path("agent.conf"), f.path("etc")
        self.conf.write_text(f"[agent]\npinentry = {self.pinentry.program}\n"
                        f"[module \"softhsm\"]\npath = {programs.SOFTHSM}\n{ANYTHING}\n")
        self.manager = user_manager.UserManager(
            f, unit_path=[installed.units],
            data_dirs=[installed.find(f"{NAME}.service").parents[2]])
        # The unit says where it is installed, and this is below a folder.
        self.manager.drop_in(SERVICE, DROP_IN.format(
            agent=installed.agent, conf=self.conf, system=self.system, host=installed.find("countersign-token-host"),
            prompt=installed.find("countersign-prompt"), log=self.log))
        self.socket = f.runtime / "countersign/agent.sock"

    def state(self, unit):
        return self.manager.systemctl("is-active", unit, check=False).stdout.strip()

    def pid(self):
        return int(self.manager.show(SERVICE, "MainPID"))

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def run(self, *words):
        return self.manager.run([self.cli, *words], check=True, environment={"DISPLAY": ":99"})

    def call(self, path, method, *arguments):
        return self.manager.run(["gdbus", "call", "--session", "--dest", NAME, "--object-path", path,
                                 "--method", method, *arguments], check=True).stdout

    def children(self, pid):
        text = (f"/proc/{pid}/task/{pid}/children")
        with open(text, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def diagnose(self):
        log = self.log.read_text(errors="replace")[-6000:] if self.log.exists() else "(the agent never ran)"
        return log + self.manager.systemctl("status", SERVICE, check=False).stdout


def by_socket(tap, s):
    with tap.case("the socket is enabled: it is this user's alone, and nothing runs"):
        s.manager.systemctl("enable", "--now", SOCKET)
        assert s.state(SOCKET) == "active" and s.state(SERVICE) == "inactive"
        assert s.manager.systemctl("is-enabled", SOCKET).stdout.strip() == "enabled"
        mode = s.socket.stat().st_mode
        assert stat.S_ISSOCK(mode) and mode & 0o777 == 0o600, oct(mode)
        assert s.socket.parent.stat().st_mode & 0o777 == 0o700
    with tap.case("the first connection starts the agent, which says when it is ready"):
        assert "alice" in s.run("list").stdout
        assert s.state(SERVICE) == "active" and s.manager.show(SERVICE, "SubState") == "running"
        assert s.status()["pid"] == s.pid()
        assert s.manager.show(SERVICE, "Type") == "notify"


def under_its_rules(tap, s):
    with tap.case("the rules hold for the agent and for its token host"):
        pids = [s.pid(), *s.children(s.pid())]
        assert len(pids) == 2, pids
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                said = dict(line.split(":\t", 1) for line in file.read().splitlines())
            assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2" and int(said["Umask"], 8) == 0o077
            with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                assert re.search(r"Max core file size +0 +0", file.read())
    with tap.case("under them SoftHSM is unlocked by a pinentry, and signs"):
        s.run("unlock", "corp")
        path = re.search(r"'(\S+/identity/\S+)'", s.call(ROOT, f"{NAME}.Resolve", "alice"))[1]
        signed = s.call(path, "org.countersign.Identity1.Sign", "ecdsa_secp256r1_sha256",
                        "[byte 0x78]")
        assert len(re.findall("0x", signed)) > 60, signed
        assert "GETPIN" in s.pinentry.asked()
    with tap.case("it knows the program that asks: no user namespace is between them"):
        wait(lambda: re.search(r"/gdbus \(pid \d+\) signs with \S+ 'alice'", s.log.read_text()),
             "its line, which comes behind the signature")


@contextlib.contextmanager
def display(s, name):
    """A display of Wayland, as far as one that is looked for must be there."""
    path = s.f.runtime / name
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chown(path, user_manager.USER, -1)
        listener.listen()
        s.manager.systemctl("set-environment", f"WAYLAND_DISPLAY={name}")
        yield
    path.unlink()


def finds_the_display(tap, s):
    def asks_at(name):
        paths = s.call(ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
        s.call(re.search(r"'(\S+/token/\S+)'", paths)[1], "org.countersign.Token1.Unlock", "{}")
        return re.findall("ENV WAYLAND_DISPLAY=(.*)", s.pinentry.asked())[-1] == name

    with tap.case("the PIN is asked for at a display that came after the agent and its program"):
        s.manager.systemctl("restart", SERVICE)
        with display(s, "wayland-first"):
            assert asks_at("wayland-first")
    with tap.case("and not at one that is gone"):
        s.manager.systemctl("restart", SERVICE)  # its own display is the first one
        with display(s, "wayland-second"):
            assert asks_at("wayland-second")
    s.manager.systemctl("unset-environment", "WAYLAND_DISPLAY")


def ends(tap, s):
    with tap.case("reload: it looks at its tokens again"):
        s.manager.systemctl("reload", SERVICE)
        s.manager.wait(lambda: "looks at the tokens again" in s.log.read_text(), "the agent looks")
    with tap.case("told to stop it ends well, and the socket stays for the next program"):
        before = s.pid()
        s.manager.systemctl("stop", SERVICE)
        assert s.state(SERVICE) == "inactive" and s.manager.show(SERVICE, "Result") == "success"
        assert s.state(SOCKET) == "active"
        assert s.status()["pid"] == s.pid() != before
    with tap.case("killed, it is started again, and serves"):
        before = s.pid()
        os.kill(before, signal.SIGKILL)
        s.manager.wait(lambda: s.pid() not in (0, before) and s.state(SERVICE) == "active", "a new agent")
        assert s.status()["pid"] == s.pid()


def renewed(tap, s):
    def renew():
        fresh = s.agent.with_name("fresh")
        shutil.copy2(s.agent, fresh)
        fresh.rename(s.agent)

    with tap.case("renewed, it stays while a token is unlocked, and then gives way to the new one"):
        s.run("unlock", "corp")
        before = s.pid()
        renew()
        s.manager.wait(lambda: s.log.read_text().count("waits until nothing is unlocked"), "it notices")
        assert s.pid() == before and s.state(SERVICE) == "active"
        os.kill(s.children(before)[0], signal.SIGKILL)  # what is locked on purpose is to stay so
        s.manager.wait(lambda: s.state(SERVICE) == "inactive", "its end")
        assert s.manager.show(SERVICE, "Result") == "success" and s.state(SOCKET) == "active"
        assert "alice" in s.run("list").stdout and s.pid() != before


def mistaken(tap, s):
    def stopped():
        s.manager.systemctl("stop", SERVICE)
        return s.manager.show(SERVICE, "NRestarts"), s.log.read_text().count("listens at")

    def says(why):
        said = s.manager.run([s.cli, "list"])
        return said.returncode == 1 and why in said.stderr

    def mends(why, mend):
        """The same agent serves, as soon as that is done, and systemd saw nothing of it."""
        restarts, starts = stopped()
        for _ in range(8):  # more often than a program that fails may be started
            assert says(why), s.log.read_text()[-2000:]
        assert s.log.read_text().count(why) == before + 1, s.log.read_text()
        loaded = s.log.read_text().count("is loaded:")
        mend()
        s.manager.wait(lambda: s.log.read_text().count("is loaded:") > loaded, "its module, without being asked")
        assert "alice" in s.run("list").stdout
        assert s.log.read_text().count("listens at") == starts + 1
        assert s.manager.show(SERVICE, "NRestarts") == restarts and s.state(SOCKET) == "active"

    right = s.conf.read_text()
    with tap.case("a mistake in its file: every program hears of it, and when it is mended the same agent serves"):
        why, before = f"{s.conf}:1: 'colour' stands before any section", 0
        s.conf.write_text("colour = blue\n" + right)
        mends(why, lambda: s.conf.write_text(right))
    with tap.case("a file that it may not read, until it may"):
        why, before = f"cannot read {s.conf}: Permission denied: its owner must let you read it", 0
        s.conf.chmod(0)
        mends(why, lambda: s.conf.chmod(0o600))
    with tap.case("a folder of the administrator that it may not read is not taken for one that is not there"):
        why, before = f"cannot read {s.system}: Permission denied: its owner must let you read it", 0
        s.system.mkdir(mode=0o700)
        mends(why, lambda: s.system.chmod(0o755))


def crashes(tap, s):
    drop_in = s.manager.own_units / f"{SERVICE}.d/upon-test.conf"

    def restarts():
        return int(s.manager.show(SERVICE, "NRestarts"))

    with tap.case("one that ends again and again does not take the socket with it"):
        s.manager.systemctl("stop", SERVICE)
        drop_in.write_text("[Service]\nExecStart=\nExecStart=/bin/false\n")
        s.manager.systemctl("daemon-reload")
        client = s.f.start([s.cli, "list"], s.f.path("list.log"), user=user_manager.USER)
        s.manager.wait(lambda: restarts() > 6, "more starts than systemd allows otherwise")
        assert s.state(SOCKET) == "active"
        s.f.stop(client)
    with tap.case("and when it can be started, it serves"):
        drop_in.unlink()
        s.manager.systemctl("daemon-reload")
        s.manager.wait(lambda: s.state(SERVICE) == "active", "an agent that stays")
        assert "alice" in s.run("list").stdout


def by_bus(tap, s):
    with tap.case("the first call on the bus starts the same service"):
        s.manager.systemctl("stop", SERVICE)
        assert s.state(SERVICE) == "inactive"
        assert "/identity/" in s.call(ROOT, f"{NAME}.Resolve", "alice")
        assert s.state(SERVICE) == "active"
        owner = s.manager.run(["gdbus", "call", "--session", "--dest", "org.freedesktop.DBus",
                               "--object-path", "/", "--method",
                               "org.freedesktop.DBus.GetConnectionUnixProcessID", NAME], check=True)
        assert f"uint32 {s.pid()}," in owner.stdout, owner.stdout
    with tap.case("which has the socket of the socket unit"):
        assert s.status()["pid"] == s.pid()
    with tap.case("the session ends: so does the agent"):
        pid = s.pid()
        s.manager.stop()
        assert not os.path.exists(f"/proc/{pid}")


def main():
    absent = user_manager.missing() or programs.missing(
        "softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "dbus-daemon", "gdbus", "systemctl")
    if absent:
        skip_all(absent)
    if programs.SANITIZE:
        skip_all("AddressSanitizer looks for leaks by ptrace, which the unit forbids")
    tap = Tap()
    with Fixture() as f:
        session = Session(f)
        tap.diagnose = session.diagnose
        for part in (by_socket, under_its_rules, finds_the_display, ends, renewed, mistaken, crashes, by_bus):
            part(tap, session)
    tap.done()


main()
