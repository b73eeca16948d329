#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what the builds in a directory tested, each TAP line as a test.

usage: count-tests.py DIRECTORY
       count-tests.py --failed BUILD
DIRECTORY has a build directory of meson for every way to build, and NAME.failed for each one that
did not build. Prints the logs of what failed and the reasons of what was skipped, too. Exit status
0 if at least one test passed and none failed. Where meson-logs has a first-testlog.json, some tests
were tried twice: the second try counts, and is named.

With --failed prints the names of the tests of one build that failed.
"""

import json
import pathlib
import re
import sys

LOG_LINES = 200
LINE = re.compile(r"^(ok|not ok)\b[^#]*(?:#\s*(skip|todo)\b.*)?", re.IGNORECASE)


def count(test):
    """(passed, failed, skipped) of one entry of meson's log."""
    passed = failed = skipped = 0
    for line in test.get("stdout", "").splitlines():
        match = LINE.match(line)
        if not match:
            continue
        if (match[2] or "").lower() == "skip":
            skipped += 1
        elif match[1].lower() == "ok":
            passed += 1
        elif not match[2]:
            failed += 1
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        if not passed + failed + skipped:
            passed = 1
    elif test["result"] == "SKIP":
        skipped = max(skipped, 1)
    elif not failed:
        failed = 1  # it crashed, or was too slow, or did not say what it planned
    return passed, failed, skipped


def report(build, test, numbers):
    """What failed, with its log, and what was left out, with its reason."""
    if numbers[1]:
        print(f"\nFAILED: {build}: {test['name']}: {test['result']}")
        for stream in ("stdout", "stderr"):
            print("\n".join("    " + line for line in test.get(stream, "").splitlines()[-LOG_LINES:]))
    for line in test.get("stdout", "").splitlines():
        if re.search(r"# skip", line, re.IGNORECASE):
            print(f"skipped: {build}: {test['name']}: {line}")


def entries(path):
    """A log's tests by name."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return {test["name"]: test for test in map(json.loads, lines)}


def load(path):
    """The tests of a build, each with its last try."""
    first, last = entries(path.with_name("first-testlog.json")), entries(path)
    if first:
        for name, test in last.items():
            print(f"second try: {path.parts[-3]}: {name}: {first[name]['result']}, then {test['result']}")
    return list({**first, **last}.values())


def print_failed(build):
    for name, test in entries(build / "meson-logs/testlog.json").items():
        if count(test)[1]:
            print(name.partition(" / ")[2])
    return 0


def main():
    if sys.argv[1] == "--failed":
        return print_failed(pathlib.Path(sys.argv[2]))
    top = pathlib.Path(sys.argv[1])
    total = [0, 0, 0]
    summary = []
    for path in sorted(top.glob("*.failed")):
        print(f"FAILED: {path.stem} did not build")
        total[1] += 1
    for path in sorted(top.glob("*/build.ninja")):
        if not (path.parent / "meson-logs/testlog.json").exists() and not (
                top / (path.parent.name + ".failed")).exists():
            print(f"FAILED: {path.parent.name} ran no test")
            total[1] += 1
    for path in sorted(top.glob("*/meson-logs/testlog.json")):
        suites = {}
        for test in load(path):
            # "project:suite / name"
            suite = test["name"].partition(" / ")[0].partition(":")[2].partition("+")[0]
            numbers = count(test)
            report(path.parts[-3], test, numbers)
            suites[suite] = [a + b for a, b in zip(suites.get(suite, (0, 0, 0)), numbers)]
        for suite, numbers in suites.items():
            summary.append("{:10} {:8} {:5} passed {:3} failed {:3} skipped".format(
                path.parts[-3], suite, *numbers))
            total = [a + b for a, b in zip(total, numbers)]
    print("\n" + "\n".join(summary))
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failed else 1


sys.exit(main())
