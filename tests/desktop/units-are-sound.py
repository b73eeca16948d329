#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What starts the agent is written as systemd, D-Bus and the desktops want it, and says the same."""
import configparser
import os
import re
import subprocess
import tempfile

import programs
from installation import Installation, run
from starters import Place
from fixture import Fixture
from tap import Skip, Tap

UNITS = ("countersign-agent.socket", "countersign-agent.service")
WORST = 6.7  # a rise means that a directive was lost
# For these a user's systemd makes a user namespace, too; for ProtectHostname that of Debian 13 does.
NAMESPACES = re.compile(r"Private|Protect|ProcSubset|Root|Mount|Bind|Extension|Temporary|ReadOnly|ReadWrite|"
                        r"Inaccessible|ExecPaths|NoExecPaths|\w+NamespacePath")


class Soundness(Installation):
    """What is installed, and what systemd's own tool says of it."""

    def __init__(self, folder):
        super().__init__(folder)
        # systemd looks for the program; it lies below the folder.
        unit = self.find("countersign-agent.service")
        unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={self.agent}", unit.read_text()))
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700)
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder),
                            "XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_UNIT_PATH": f"{self.units}:",
                            "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0", "COLUMNS": "200"}

    def analyze(self, *words):
        need("systemd-analyze")
        return run("systemd-analyze", "--user", *words, env=self.environment)

    def read(self, name):
        parser = configparser.RawConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        parser.read(self.find(name))
        return parser

    # What is promised.

    def units_pass_systemd_analyze_verify(self):
        said = self.analyze("--man=no", "verify", *(self.units / name for name in UNITS))
        assert not said.strip(), said

    def verify_sees_mistakes(self):
        need("systemd-analyze")
        broken = self.folder / "broken.service"
        broken.write_text("[Service]\nType=notify\nNoNewPriviliges=yes\nExecStart=/bin/true\n")
        said = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", broken], text=True, check=False,
                              capture_output=True, env=self.environment)
        assert "NoNewPriviliges" in said.stderr, said

    def hardening_is_kept(self, tap):
        said = self.analyze("security", "--offline=true", "--no-pager",
                            str(self.units / "countersign-agent.service"))
        overall = re.search(r"Overall exposure level for \S+: ([\d.]+) (\w+)", said)
        tap.comment(overall[0])
        tap.comment("(systemd counts every unit without User= as root's, and as if it had all capabilities)")
        assert float(overall[1]) <= WORST, said

    def every_directive_is_in_force(self):
        """A row of the report for each directive that can have one."""
        said = self.analyze("security", "--offline=true", "--no-pager",
                            str(self.units / "countersign-agent.service"))
        for name in ("NoNewPrivileges=", "RestrictRealtime=", "RestrictSUIDSGID=", "LockPersonality=",
                     "SystemCallArchitectures=", "RestrictNamespaces=~user", "UMask=",
                     "RestrictAddressFamilies=~AF_PACKET", "SystemCallFilter=~@mount",
                     "SystemCallFilter=~@raw-io", "SystemCallFilter=~@debug"):
            assert re.search(rf"(?m)^✓ {re.escape(name)}\s", said), f"{name}\n{said}"

    def the_service_lives_in_no_namespace(self):
        """From within a user namespace the agent could not look at the programs that ask."""
        found = [name for name in self.read(UNITS[1])["Service"] if NAMESPACES.match(name)]
        assert not found, found

    def the_socket_is_the_usual_one(self):
        unit = self.read(UNITS[0])
        assert unit["Socket"]["ListenStream"] == "%t/countersign/agent.sock"
        assert unit["Socket"]["SocketMode"] == "0600" and unit["Socket"]["DirectoryMode"] == "0700"
        assert unit["Install"]["WantedBy"] == "sockets.target"

    def the_service_waits_for_readiness(self):
        unit = self.read(UNITS[1])
        assert unit["Service"]["Type"] == "notify" and UNITS[0] in unit["Unit"]["Requires"]
        assert not unit.has_section("Install"), "it is the socket that is enabled"

    def a_service_that_fails_is_not_given_up(self):
        """For then systemd gives up the socket, too. With less of a pause its trigger limit would do so."""
        unit = self.read(UNITS[1])
        assert unit["Unit"]["StartLimitIntervalSec"] == "0" and unit["Service"]["RestartSec"] == "1s"

    def the_bus_starts_the_same_service(self):
        bus = self.read("org.countersign.Agent1.service")["D-BUS Service"]
        unit = self.read(UNITS[1])["Service"]
        assert bus["Name"] == unit["BusName"] == "org.countersign.Agent1"
        assert bus["SystemdService"] == UNITS[1]
        assert bus["Exec"].split()[1:] == ["--unless-running"]
        assert str(self.agent).endswith(bus["Exec"].split()[0])

    def the_autostart_entry_is_valid(self):
        need("desktop-file-validate")
        said = run("desktop-file-validate", self.find("countersign-agent.desktop"))
        assert not said.strip(), said

    def the_autostart_entry_starts_an_agent_without_systemd_alone(self):
        entry = self.read("countersign-agent.desktop")["Desktop Entry"]
        assert entry["X-GNOME-HiddenUnderSystemd"] == entry["X-systemd-skip"] == "true"
        shell = re.fullmatch(r'/bin/sh -c "(.*)"', entry["Exec"])[1]
        assert f"exec {entry['TryExec']} --unless-running" in shell, shell
        for has_systemd, words in ((True, ""), (False, "--unless-running")):
            here = self.folder / f"systemd-{has_systemd}"
            if has_systemd:
                here.mkdir()
            tried = shell.replace("/run/systemd/system", str(here)).replace(entry["TryExec"], "echo agent")
            assert run("/bin/sh", "-c", tried).split()[1:] == words.split(), tried

    def samples_are_read(self):
        """Each line of the samples, its comment sign taken away, is one that is understood."""
        with Fixture() as f:
            place = Place(f)
            sample = self.find("countersign.conf").read_text()
            text = sample.replace("/etc/ssl/certs/corp-intermediates.pem", str(f.authority("Office").certificate))
            assert text != sample
            place.conf.write_text(re.sub(r"(?m)^;(?=[\w\[][\w-]*( =|[ \w]*\"))", "", text))
            assert len(re.findall(r"(?m)^[^;\n]", place.conf.read_text())) > 8
            said = f.run([*place.words, "--socket", "relative"])
            assert "absolute path" in said.stderr, said  # that is asked after the configuration is read
        for line in self.find("60-countersign.conf").read_text().splitlines():
            assert not line or re.match(r"# |#$|#[A-Z_]+=\S+$", line), line
        conf = re.search(r"OPENSSL_CONF=(\S+)", self.find("60-countersign.conf").read_text())[1]
        assert str(self.find("openssl.cnf")).endswith(conf)


def need(program):
    if not programs.find(program):
        raise Skip(f"{program} is not installed")


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="cs-units-") as folder:
        installed = Soundness(folder)
        with tap.case("hardening is kept"):
            installed.hardening_is_kept(tap)
        for check in (installed.units_pass_systemd_analyze_verify, installed.verify_sees_mistakes,
                      installed.every_directive_is_in_force, installed.the_service_lives_in_no_namespace,
                      installed.the_socket_is_the_usual_one,
                      installed.the_service_waits_for_readiness, installed.a_service_that_fails_is_not_given_up,
                      installed.the_bus_starts_the_same_service,
                      installed.the_autostart_entry_is_valid,
                      installed.the_autostart_entry_starts_an_agent_without_systemd_alone,
                      installed.samples_are_read):
            with tap.case(check.__name__.replace("_", " ")):
                check()
    tap.done()


main()
