# SPDX-License-Identifier: Apache-2.0
"""`meson install` in a folder of the test's own."""
import pathlib
import subprocess

import programs


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}"
    return done.stdout


class Installation:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        run("meson", "install", "-C", programs.BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
        self.units = self.find("countersign-agent.socket").parent
        self.agent = self.find("countersign-agent")

    def find(self, name):
        found = [path for path in self.folder.rglob(name) if path.is_file()]
        assert len(found) == 1, f"{name}: {found}"
        return found[0]
