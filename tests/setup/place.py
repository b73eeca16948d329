# SPDX-License-Identifier: Apache-2.0
"""A build of a test's own, and what a home directory holds.

The command finds the provider, the modules and the agent beside itself. A copy of it, with copies
of these, can therefore be whatever a test wants: installed in part, or with parts that are damaged.
"""
import os
import shutil
import stat

import programs

_PARTS = {
    "client/provider/countersign.so": programs.PROVIDER,
    "client/preload/libcountersign-preload.so": programs.PRELOAD,
    "client/pkcs11/countersign-pkcs11.so": programs.BUILD / "client/pkcs11/countersign-pkcs11.so",
    "agent/countersign-agent": programs.AGENT,
}


class Place:
    """cli: the command. part(name): the path of a part, to be removed or damaged."""

    def __init__(self, f):
        self.f = f
        self.root = f.path("place")
        self.cli = self.root / "client/cli/countersign"
        for name, built in {"client/cli/countersign": programs.CLI, **_PARTS}.items():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(built, target)

    def part(self, name):
        return next(self.root / path for path in _PARTS if path.endswith(name))

    def run(self, *words, **options):
        return self.f.run([self.cli, *words], **options)


def snapshot(folder):
    """What lies in the folder and below: kinds, modes and contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISDIR(status.st_mode):
            content = None
        else:
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (stat.S_IFMT(status.st_mode), status.st_mode & 0o7777, content)
    return found
