#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""countersign(1) and --help know the same commands and options, and the page has no mistake."""
import re
import shutil
import subprocess
import sys

program, page = sys.argv[1:]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def options(text):
    return sorted(set(re.findall(r"--[a-z][a-z-]*", text)))


manual = open(page).read()
synopsis = manual.split(".Sh SYNOPSIS")[1].split(".Sh ")[0]
entries = {}
for entry in synopsis.split(".Nm\n")[1:]:
    name = re.search(r"\.Cm (\S+)", entry).group(1)
    entries[name] = options(re.sub(r"Fl Fl ", "--", entry))
verbs = re.findall(r"^  (\w+) +\S", run(program, "help").stdout.split("To begin:")[0], flags=re.M)

print(f"1..{len(verbs) + 2}")
print("ok" if sorted(verbs) == sorted(entries) else "not ok", "1 - the same commands")
for number, verb in enumerate(verbs, 2):
    usage = " ".join(run(program, "help", verb).stdout.split("\n\n")[0].split())
    same = options(usage) == entries.get(verb) and f".Ss countersign {verb}\n" in manual
    print("ok" if same else "not ok", f"{number} - {verb}: {usage}")
number = len(verbs) + 2
if shutil.which("groff"):
    lint = run("groff", "-mdoc", "-ww", "-z", "-Tutf8", page).stderr
    print("not ok" if lint else "ok", f"{number} - groff has nothing to say")
    for line in lint.splitlines():
        print("#", line)
else:
    print(f"ok {number} # SKIP groff is not installed")
