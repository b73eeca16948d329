#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenSSH with our module, by itself (ssh -I) and in its agent (ssh-add -s), against an sshd."""
import contextlib
import os
import pathlib
import pwd

import programs
from fixture import Fixture
from station import Station, free_port
from table import Table
from tap import skip_all
from wait import wait

_PRIVSEP = pathlib.Path("/run/sshd")
_SERVER = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM {pam}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
LogLevel VERBOSE
"""


@contextlib.contextmanager
def privsep_folder():
    """Debian's sshd wants it when root starts it."""
    made = os.geteuid() == 0 and not _PRIVSEP.exists()
    if made:
        _PRIVSEP.mkdir(mode=0o755)
    try:
        yield
    finally:
        if made:
            _PRIVSEP.rmdir()


class Sshd:
    """A server that lets each key in and runs one command: to say its name."""

    def __init__(self, station):
        self.f = station.fixture
        self.folder = self.f.path("ssh")
        self.folder.mkdir(mode=0o700)
        self.port = free_port()
        self.f.key_files.add(self.folder / "host")
        self.f.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host"], check=True)
        (self.folder / "conf").write_text(_SERVER.format(port=self.port, folder=self.folder,
                                                           pam="no" if os.geteuid() == 0 else "yes"))
        public = (self.folder / "host.pub").read_text()
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {public}")
        self._authorize(station)
        self.f.start([programs.find("sshd"), "-D", "-e", "-f", self.folder / "conf"],
                     log=self.folder / "log")
        wait(lambda: "Server listening" in self.log(), "sshd listens")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def _authorize(self, station):
        """As ssh-keygen reads the public keys off the module."""
        shown = self.f.run(["ssh-keygen", "-D", station.module], check=True).stdout.splitlines()
        allowed = []
        for label in (station.alice.label, station.bob.label):
            mine = [line for line in shown if line.endswith(" " + label)]
            assert len(mine) == 1, shown
            (self.folder / f"{label}.pub").write_text(mine[0] + "\n")
            allowed.append(f'command="echo CN={label},O=Countersign Test" {mine[0]}\n')
        (self.folder / "authorized").write_text("".join(allowed))

    def visit(self, key, *arguments, **options):
        """What the server calls the one who came with that key."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        words = ["UserKnownHostsFile=" + str(self.folder / "known"), "BatchMode=yes",
                 "PreferredAuthentications=publickey", "IdentitiesOnly=yes",
                 "IdentityFile=" + str(self.folder / f"{key.label}.pub")]
        options_of_ssh = [word for option in words for word in ("-o", option)]
        return self.f.run(["ssh", "-F", "none", "-p", self.port, *options_of_ssh, *arguments,
                           f"{user}@127.0.0.1"], check=True, **options).stdout.strip()


def ssh_agent(f, module):
    """The environment of programs that use an ssh-agent which has loaded our module."""
    path = f.path("ssh-agent")
    f.start(["ssh-agent", "-D", "-a", path, "-P", str(module)], log=f.path("ssh-agent.log"))
    wait(path.exists, "ssh-agent listens")
    environment = {"SSH_AUTH_SOCK": str(path)}
    # Without a terminal it reads the passphrase from stdin: there is none.
    f.run(["ssh-add", "-s", module], environment=environment, start_new_session=True, check=True)
    return environment


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "ssh", "sshd",
                               "ssh-agent")
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("ssh")
    with privsep_folder(), Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        server = Sshd(station)
        table.tap.diagnose = lambda: station.diagnose() + "\n--- sshd\n" + server.log()
        for key in (station.alice, station.bob):
            with table.row("ssh -I", "module", key, "ssh") as row:
                row.dn = server.visit(key, "-I", station.module)
        environment = ssh_agent(f, station.module)
        for key in (station.alice, station.bob):
            with table.row("ssh-add -s", "module", key, "ssh") as row:
                row.dn = server.visit(key, environment=environment)
        with table.tap.case("ssh is refused where no rule allows a digest"):
            station.rule("tls")
            for way in (["-I", station.module], []):
                try:
                    server.visit(station.alice, *way, environment=environment)
                except RuntimeError as error:
                    assert "Permission denied" in str(error), error
                else:
                    raise AssertionError("it was let in")
    table.done()


main()
