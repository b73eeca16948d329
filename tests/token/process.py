# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a process from outside."""
import os
import pathlib
import re

_HUGE = 1 << 30  # mappings that only a sanitizer makes


def mappings_with(pid, what):
    """The readable mappings of a process that hold these bytes, as their lines in maps."""
    found = []
    lines = pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in lines:
            first, last = (int(word, 16) for word in line.split()[0].split("-"))
            if line.split()[1][0] == "r" and last - first < _HUGE and what in _read(memory, first, last):
                found.append(line)
    return found


def _read(memory, first, last):
    """What is there; a mapping may have gone, and the kernel's own cannot be read."""
    data = b""
    try:
        memory.seek(first)
        while len(data) < last - first:
            more = memory.read(last - first - len(data))
            if not more:
                break
            data += more
    except (OSError, OverflowError):
        pass
    return data


def shown(what):
    """The processes whose command line or environment holds these bytes, as paths below /proc."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        for part in ("cmdline", "environ"):
            try:
                if what in pathlib.Path("/proc", name, part).read_bytes():
                    found.append(f"/proc/{name}/{part}")
            except OSError:
                pass
    return found


def files_with(folder, what):
    """The files below a folder that hold these bytes."""
    return [path for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink() and what in path.read_bytes()]


def status(pid, field):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return re.search(rf"^{field}:\s*(.*)$", text, re.M).group(1)


def core_limits(pid):
    """(soft, hard)"""
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return tuple(re.search(r"^Max core file size\s+(\S+)\s+(\S+)", text, re.M).groups())


def is_dumpable(pid):
    """The kernel gives the files of a process that is not to root. Says nothing about root's own."""
    return os.stat(f"/proc/{pid}/environ").st_uid != 0
