#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's table of programs, made from what the tests saw.

    readme.py            the README says what the tables in the build folder say, or this fails
    readme.py --write    makes it so; programs that were not tested here keep their line

Programs of which the same is to be said share a line.
"""
import json
import sys

import programs
import table
from tap import Tap, skip_all

README = programs.SOURCE / "README.md"
ROUTES = {"PEM": "PEM", "URI": "URI", "run": "`run`", "module": "module"}
BEGIN = "| program | " + " | ".join(ROUTES.values()) + " | |"
RULE = "|---" * (len(ROUTES) + 2) + "|"
UNKNOWN = "–"
FAILS = "fails"


def measured():
    """program -> (its cells, its note), of every table in the build folder."""
    rows = {}
    for path in sorted(table.FOLDER.glob("*.json")):
        for row in json.loads(path.read_text()):
            rows.setdefault(row["program"], {}).setdefault(row["route"], []).append(row["result"])
    return {program: say(routes) for program, routes in rows.items()
            if not all(result.startswith("skip") for results in routes.values() for result in results)}


def say(routes):
    cells, notes = [], []
    for route, title in ROUTES.items():
        results = [result for result in routes.get(route, []) if not result.startswith("skip")]
        whys = {result.partition(": ")[2] for result in results if result.startswith("cannot")}
        cells.append(UNKNOWN if not results else "no" if whys else
                     "yes" if all(result == "pass" for result in results) else FAILS)
        notes += [f"{title.strip('`')}: {why}" for why in sorted(whys)]
    return cells, "; ".join(notes)


def split():
    """The README's lines before the table, its rows, and the lines behind it."""
    lines = README.read_text().splitlines()
    start = lines.index(BEGIN)
    end = next((at for at in range(start + 2, len(lines)) if not lines[at].startswith("|")), len(lines))
    return lines[:start], lines[start + 2:end], lines[end:]


def read(rows):
    said = {}
    for row in rows:
        names, *cells, note = (cell.strip() for cell in row.strip("|").split("|"))
        for name in names.split("; "):
            said[name] = (cells, note)
    return said


def write():
    before, rows, behind = split()
    said = read(rows)
    said.update((program, line) for program, line in measured().items() if FAILS not in line[0])
    groups = {}
    for program, (cells, note) in said.items():
        groups.setdefault((*cells, note), []).append(program)
    made = [f"| {'; '.join(names)} | {' | '.join(words)} |" for words, names in groups.items()]
    README.write_text("\n".join([*before, BEGIN, RULE, *made, *behind]) + "\n")


def check():
    seen = measured()
    if not seen:
        skip_all("no table is there yet: the other tests of this suite make them")
    said = read(split()[1])
    tap = Tap()
    for program, line in seen.items():
        with tap.case(f"the README knows what comes of {program}"):
            assert said.get(program) == line, f"it says {said.get(program)}, and not {line}: run {__file__} --write"
    tap.done()


if sys.argv[1:] == ["--write"]:
    write()
else:
    check()
