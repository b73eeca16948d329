# SPDX-License-Identifier: Apache-2.0
"""The test's side of mischief.so: a program whose allocations fail, whose clock jumps, that dies.

    mischief = Mischief(f.path("mischief"))
    agent = f.agent(environment=mischief.environment)
    here = mischief.of("countersign-agent")
    here.fail_at(7)
    ...
    assert here.failed()

One who asks for `of` a program must do so before the program starts.
"""
import mmap
import pathlib
import struct

import programs

LIBRARY = programs.BUILD / "tests/fault/mischief/mischief.so"

_NUMBER = struct.Struct("=q")
_FAIL_AT, _FAIL_MORE, _FAILED, _OUTPUT_LEFT, _DEATHS, _SENT, _CLOCK, _OBJECT = range(
    0, 8 * _NUMBER.size, _NUMBER.size)
_OBJECT_MAX = 64


class Program:
    """What is played to the programs of one name."""

    def __init__(self, path):
        with open(path, "w+b") as file:
            file.truncate(_OBJECT + _OBJECT_MAX)
            self._map = mmap.mmap(file.fileno(), _OBJECT + _OBJECT_MAX)
        self.die_after(-1)

    def fail_at(self, nth, more=0):
        """The nth allocation from now fails, and so many after it; 0: none."""
        self._put(_FAILED, 0)
        self._put(_FAIL_MORE, more)
        self._put(_FAIL_AT, nth)

    def failed(self):
        """How many have failed since; and from now on none will."""
        self._put(_FAIL_AT, 0)
        return self._get(_FAILED)

    def only_of(self, name):
        """Only allocations of the object with this file name."""
        self._map[_OBJECT:_OBJECT + _OBJECT_MAX] = name.encode().ljust(_OBJECT_MAX, b"\0")

    def die_after(self, octets, again=0):
        """It kills itself when it has sent so many more octets to clients; -1: it does not.

        So do so many that are started after it, with their first octet.
        """
        self._put(_SENT, 0)
        self._put(_DEATHS, again)
        self._put(_OUTPUT_LEFT, octets)

    def sent(self):
        return self._get(_SENT)

    def has_died(self):
        """Whether all deaths have been died."""
        return self._get(_OUTPUT_LEFT) < 0

    def clock_ahead(self, seconds):
        self._put(_CLOCK, seconds)

    def _put(self, at, number):
        self._map[at:at + _NUMBER.size] = _NUMBER.pack(number)

    def _get(self, at):
        return _NUMBER.unpack_from(self._map, at)[0]


class Mischief:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700)
        self.environment = {"LD_PRELOAD": str(LIBRARY), "CS_MISCHIEF": str(self.folder)}
        if programs.SANITIZE:
            self.environment["ASAN_OPTIONS"] = "detect_leaks=0:verify_asan_link_order=0"

    def of(self, program):
        return Program(self.folder / program)


def no_failing_allocations():
    """Why allocations cannot fail, or None."""
    return "AddressSanitizer's allocator must come first" if programs.SANITIZE else None
