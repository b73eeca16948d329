# SPDX-License-Identifier: Apache-2.0
"""A shim is a guest in other people's processes: it needs libc alone and shows its entries alone."""
import re
import subprocess
import sys

import tap


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, sys.argv[1]], check=True, text=True,
                          capture_output=True).stdout


def needs_libc_alone():
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic"))
    assert needed == ["libc.so.6"], needed


def exports_its_entry_points_alone():
    exported = []
    for line in readelf("--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) == 8 and fields[4] in ("GLOBAL", "WEAK", "UNIQUE") and fields[6] != "UND":
            exported.append(fields[7])
    assert sorted(exported) == sys.argv[2:], exported


def takes_nothing_from_openssl():
    wanted = [name for name in re.findall(r" UND (\w+)", readelf("--dyn-syms"))
              if re.match(r"(OSSL|OPENSSL|CRYPTO|EVP|ERR|BIO|SSL)_", name)]
    assert not wanted, wanted


def registers_nothing_for_the_exit():
    text = readelf("--dyn-syms")
    for name in ("pthread_atfork", "__register_atfork", "atexit", "on_exit", "sigaction", "signal"):
        assert not re.search(rf" UND {name}\b", text), name


checks = tap.Tap()
for check in (needs_libc_alone, exports_its_entry_points_alone, takes_nothing_from_openssl,
              registers_nothing_for_the_exit):
    with checks.case(check.__name__.replace("_", " ")):
        check()
checks.done()
