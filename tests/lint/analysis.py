# SPDX-License-Identifier: Apache-2.0
"""What cppcheck and clang's analyzer find in the C files, read as the build compiles them: nothing."""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import tap

SOURCE = pathlib.Path(os.environ["CS_SOURCE"])
BUILD = pathlib.Path(os.environ["CS_BUILD"])
COMPILE_COMMANDS = BUILD / "compile_commands.json"
CC = shlex.split(os.environ["CS_CC"])
JOBS = len(os.sched_getaffinity(0))


def need(program):
    if not shutil.which(program):
        raise tap.Skip(f"{program} is not installed")


def is_owned(path, line, name):
    """Declared with CS_AUTO in the function around that line: neither program knows that the scope's end
    frees or closes it."""
    lines = (SOURCE / path).read_text().splitlines()[:line]
    start = max(n for n, text in enumerate(lines) if text == "{" or n == 0)
    return re.search(rf"CS_AUTO\(\w+\)[^;]*\b{re.escape(name)}\b", "\n".join(lines[start:]))


def judge(found):
    """found: (path, line, message, everything said about it)."""
    bad = set()
    for path, line, message, text in found:
        about = re.search(r"(?:Potential leak of memory pointed to by|Value stored to|Memory leak:) '?(\w+)", message)
        if not about or not is_owned(path, line, about[1]):
            bad.add(text)
    assert not bad, "\n".join(sorted(bad))


def relative(path, directory=SOURCE):
    return os.path.relpath(os.path.join(directory, path), SOURCE)


# cppcheck

def system_header(name):
    """Where the compiler finds it: cppcheck does not look into the system's headers."""
    read = subprocess.run([*CC, "-E", "-x", "c", "-"], input=f"#include <{name}>", text=True, check=True,
                          stdout=subprocess.PIPE)
    return re.search(rf'"(/[^"]*/{name})"', read.stdout)[1]


# A test that finds no memory may crash; how deep to look is a matter of time.
SUPPRESSED = ["nullPointerOutOfMemory:*/tests/*", "nullPointerArithmeticOutOfMemory:*/tests/*",
              "normalCheckLevelMaxBranches"]


def cppcheck_finds_nothing():
    need("cppcheck")
    done = subprocess.run([
        "cppcheck", f"--project={COMPILE_COMMANDS}", f"--include={system_header('sys/queue.h')}", f"-j{JOBS}",
        "--enable=warning,performance", *[f"--suppress={what}" for what in SUPPRESSED], "--quiet",
        "--template={file}:{line}: {message} [{id}]",
    ], cwd=SOURCE, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    found = []
    for text in filter(None, done.stderr.splitlines()):
        path, line, message = text.split(":", 2)
        found.append((relative(path), int(line), message, text))
    judge(found)


# clang

def analyze(entry):
    """A compiler's command has much that is for the compiler alone."""
    options = [word for word in shlex.split(entry["command"]) if re.match(r"-[IDU]|-std=", word)]
    if not entry["file"].endswith("client/base/error.c"):  # that defines what is explained there
        options += ["-include", SOURCE / "tests/lint/analyzer.h"]
    done = subprocess.run([
        "clang", "--analyze", "-Xclang", "-analyzer-output=text", "-w",
        "-I", SOURCE / "include", *options, entry["file"],
    ], cwd=entry["directory"], text=True, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    blocks = re.split(r"^(?=[^\s:]+:\d+:\d+: (?:warning|error): )", done.stderr, flags=re.M)
    found = []
    for text in filter(None, blocks):
        at = re.match(r"([^\s:]+):(\d+):\d+: (.*)", text)
        assert at, text
        found.append((relative(at[1], entry["directory"]), int(at[2]), at[3], text))
    return found


def clang_finds_nothing():
    """In what is installed: of the tests it does not know that a failing assertion goes no further."""
    need("clang")
    entries = {entry["file"]: entry for entry in json.loads(COMPILE_COMMANDS.read_text())
               if not relative(entry["file"], entry["directory"]).startswith("tests/")}
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        judge(finding for found in pool.map(analyze, entries.values()) for finding in found)


def main():
    checks = tap.Tap()
    for check in (cppcheck_finds_nothing, clang_finds_nothing):
        with checks.case(check.__name__.replace("_", " ")):
            check()
    checks.done()


main()
