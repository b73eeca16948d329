#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""libcountersign exports what its header declares, no less and no more, and needs libc alone."""
import re
import subprocess
import sys

library, header = sys.argv[1:]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


text = re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.S)
declared = set(re.findall(r"\b(countersign_\w+)\(", text))
symbols = [line.split() for line in run("nm", "-D", "--defined-only", library).splitlines()]
exported = {name.split("@")[0] for _, kind, name in symbols if kind != "A"}
needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", library)))

print("1..2")
print("ok" if declared and declared == exported else "not ok", "1 - exports are the header's")
for name in sorted(declared ^ exported):
    print("#", "missing:" if name in declared else "too much:", name)
extra = needed - {"libc.so.6"} - {n for n in needed if re.match(r"lib(a|ub|t)san\.", n)}
print("not ok" if extra else "ok", "2 - libc alone", "" if not extra else f"# {extra}")
