#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A set-uid program believes nothing that who runs it has put into the environment: not where the agent is,
and not the preload library."""
import os
import shutil
import socket
import threading

import programs
from fixture import Fixture
from tap import Tap, skip_all

NOBODY = 65534
URI = "pkcs11:token=corp;object=alice"


class Trap:
    """Where the variables say that an agent is; it hangs up on whoever comes."""

    def __init__(self, f):
        folder = f.path("trap/countersign")
        folder.mkdir(parents=True)
        path = folder / "agent.sock"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(16)
        self.n = 0
        threading.Thread(target=self._hang_up, daemon=True).start()
        self.variables = {"COUNTERSIGN_SOCKET": {"COUNTERSIGN_SOCKET": str(path)},
                          "XDG_RUNTIME_DIR": {"XDG_RUNTIME_DIR": str(folder.parent)}}

    def _hang_up(self):
        while True:
            peer, _ = self.socket.accept()
            self.n += 1
            peer.close()

    def caught(self):
        """How many have come since; they have ended, so none is to come."""
        n, self.n = self.n, 0
        return n


class Users:
    def __init__(self, f):
        self.f = f
        f.folder.chmod(0o711)
        self.commands = {
            "the command line": [self.copy(programs.CLI), "list"],
            "the provider": [self.copy(programs.find("openssl")), "storeutl", "-provider-path",
                             programs.PROVIDER.parent, "-provider", "countersign", URI],
            "the PKCS#11 module": [self.copy(programs.find("pkcs11-tool")), "--module", programs.PKCS11,
                                   "--list-objects"]}

    def copy(self, program, mode=0o755):
        path = self.f.path(f"{os.path.basename(program)}-{mode:o}")
        shutil.copy(program, path)
        path.chmod(mode)
        return path

    def run(self, command, variables, set_uid):
        """As root, or as somebody else by a program that becomes root."""
        if set_uid:
            command = [self.copy(command[0], 0o4755), *command[1:]]
        seen = self.f.run(command, environment=variables, user=NOBODY if set_uid else None)
        assert 0 <= seen.returncode < 126, seen
        return seen


def main():
    absent = programs.missing("pkcs11-tool", "openssl", "id", "cat")
    if absent:
        skip_all(f"{absent} is not installed")
    if os.geteuid() != 0:
        skip_all("only root can make a program another user's")
    if programs.SANITIZE:
        skip_all("a set-uid program loads no AddressSanitizer")
    tap = Tap()
    with Fixture() as f:
        users, trap = Users(f), Trap(f)
        if users.run([programs.find("id"), "-un"], {}, True).stdout != "root\n":
            skip_all("set-uid has no effect where temporary files are")
        for name, command in users.commands.items():
            for variable, variables in trap.variables.items():
                with tap.case(f"{name}: {variable} tells an ordinary program where the agent is"):
                    users.run(command, variables, False)
                    assert trap.caught(), "nobody came"
                with tap.case(f"{name}: {variable} tells a set-uid program nothing"):
                    seen = users.run(command, variables, True)
                    assert not trap.caught(), seen
        mapped, preload = [programs.find("cat"), "/proc/self/maps"], {"LD_PRELOAD": str(programs.PRELOAD)}
        with tap.case("the preload library is in an ordinary program, and not in a set-uid one"):
            assert str(programs.PRELOAD) in users.run(mapped, preload, False).stdout
            seen = users.run(mapped, preload, True)
            assert seen.returncode == 0 and "libc" in seen.stdout and str(programs.PRELOAD) not in seen.stdout, seen
    tap.done()


main()
