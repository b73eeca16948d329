# SPDX-License-Identifier: Apache-2.0
"""Folders of the system as a test wants them, for one program and those it starts.

    argv = [*namespace.words({"/usr/share/p11-kit/modules": folder}), "wget", ...]

Needs root, or user namespaces; nothing is left behind.
"""
import functools
import subprocess
import tempfile

_MOUNT = """
set -e
while [ "$1" != -- ]; do
    mount --bind "$2" "$1"
    shift 2
done
shift
exec "$@"
"""


@functools.cache
def _unshare():
    with tempfile.TemporaryDirectory() as folder:
        for words in (("unshare", "--mount"), ("unshare", "--map-root-user", "--mount")):
            probe = [*words, "mount", "--bind", folder, "/usr/share"]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return words
    return None


def lacking():
    """What stands in the way, or None."""
    return None if _unshare() else "way to mount folders elsewhere (by root, or user namespaces)"


def words(folders):
    """What stands before a program for which each folder of the system is another."""
    pairs = [str(path) for pair in folders.items() for path in pair]
    return [*_unshare(), "sh", "-c", _MOUNT, "sh", *pairs, "--"]


def small_disk(folder, size):
    """What stands before a program for which the folder is a disk of its own, empty and as small as that."""
    return [*_unshare(), "sh", "-c", f'mount -t tmpfs -o size={size},mode=700 none "$0" && exec "$@"', str(folder)]
