#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""contrib/demo as a visitor runs it: to its last line, again, and with --keep until --stop."""
import os
import pathlib
import re
import subprocess
import tempfile

import programs
from tap import Tap, skip_all

DEMO = programs.SOURCE / "contrib/demo"
PATIENCE = 900  # it builds first
END = "mTLS OK: CN=alice,O=Countersign Demo"


def started_in(folder):
    """Processes whose command line names the folder."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


class Visitor:
    def __init__(self, folder):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("CS_", "MALLOC_", "LD_"))} | {"TMPDIR": str(folder)}
        self.seen = ""

    def run(self, *arguments):
        done = subprocess.run([DEMO, *arguments], env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        self.seen = done.stdout
        return done.returncode

    def assert_nothing_left(self):
        assert not started_in(self.folder), started_in(self.folder)
        assert not list(self.folder.iterdir()), list(self.folder.iterdir())

    def to_the_end(self):
        assert self.run() == 0
        assert self.seen.rstrip().splitlines()[-1] == END
        for step in ("No required SSL certificate was sent", "Hello CN=alice,O=Countersign Demo",
                     "token 'demo' is locked: run 'countersign unlock demo'"):
            assert step in self.seen, step
        self.assert_nothing_left()

    def keep_and_stop(self):
        assert self.run("--keep") == 0 and END in self.seen
        kept = re.search(r"^ +cd (\S+)$", self.seen, re.MULTILINE)[1]
        assert started_in(kept)
        shown = self.seen
        command = re.search(r"^ +(countersign run -- .*)$", shown, re.MULTILINE)[1]
        played = subprocess.run(
            ["bash", "-c", f". ./environment && printf 1234 | countersign unlock demo --pin-fd 0 && {command}"],
            cwd=kept, env=self.environment, text=True, capture_output=True, timeout=60, check=False)
        assert "Hello CN=alice" in played.stdout, played
        assert self.run("--stop", kept) == 0
        self.assert_nothing_left()

    def wrong_word(self):
        assert self.run("--kep") == 2 and "contrib/demo --keep" in self.seen


def main():
    if programs.SANITIZE:
        skip_all("the demo has a build of its own: it is the same in every other")
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        visitor = Visitor(pathlib.Path(folder).resolve())
        tap.diagnose = lambda: visitor.seen[-6000:]
        with tap.case("it builds, shows every step, and leaves nothing behind"):
            visitor.to_the_end()
        with tap.case("and does so again"):
            visitor.to_the_end()
        with tap.case("--keep leaves it to play with, as it says, until --stop"):
            visitor.keep_and_stop()
        with tap.case("a wrong word: how it is used"):
            visitor.wrong_word()
    tap.done()


main()
