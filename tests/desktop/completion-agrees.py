#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bash offers the commands and options that `countersign help` tells of, and the labels there are."""
import re

import programs
from fixture import Fixture
from tap import Tap, skip_all

SCRIPT = programs.SOURCE / "contrib/completions/countersign"
# As bash calls a completion: program, word, word before.
ASK = """
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_countersign "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(f, *words):
    said = f.run(["bash", "--norc", "-c", ASK, "bash", SCRIPT, programs.CLI, *words], check=True)
    assert not said.stderr, said.stderr
    return sorted(said.stdout.split())


def told(f, *words):
    return f.run([programs.CLI, "help", *words], check=True).stdout


def static(f, tap):
    commands = re.findall(r"^  ([a-z-]+) +\S", told(f).split("Commands:")[1].split("\n\n")[0], re.M)
    with tap.case("every command"):
        assert len(commands) > 5
        assert offered(f, "") == sorted([*commands, "--help", "--version"])
    with tap.case("those that begin so"):
        assert offered(f, "st") == [name for name in sorted(commands) if name.startswith("st")]
        assert offered(f, "zz") == []
    for command in commands:
        usage = told(f, command).split("\n\n")[0]
        with tap.case(f"every option of {command}"):
            assert offered(f, command, "--") == sorted({*re.findall(r"--[a-z][a-z-]*", usage), "--help"})
    with tap.case("help takes a command"):
        assert offered(f, "help", "") == sorted(commands)
    with tap.case("setup takes the targets of its help, doctor a program"):
        targets = re.findall(r"^  ([a-z][a-z0-9-]*)  +\S", told(f, "setup"), re.M)
        assert len(targets) > 10 and offered(f, "setup", "") == sorted(targets)
        assert offered(f, "setup", "curl", "gi") == ["git"]
        assert "bash" in offered(f, "doctor", "bas")
    with tap.case("pin, policy and consent take a word first"):
        assert offered(f, "pin", "") == ["change"] and offered(f, "policy", "c") == ["check"]
        assert offered(f, "consent", "") == ["list", "revoke"]
    with tap.case("the value of an option is no label: files are bash's own"):
        assert offered(f, "pem", "--output", "") == offered(f, "pem", "-o", "") == []
        assert offered(f, "unlock", "--pin-fd", "") == []
    with tap.case("an unknown command, an odd word: nothing, and no noise"):
        for words in (("nonsense", ""), ("pem", "a/b]*[", ""), ("pem", "--out/put", "--"), ("list", "x y")):
            offered(f, *words)
    with tap.case("no agent: no labels, and no noise"):
        assert offered(f, "unlock", "") == offered(f, "pem", "") == []


def labels(f, tap):
    ca, corp = f.authority("Office"), f.token("corp")
    f.token("with space")
    corp.identity(ca, "p256", "alice")
    corp.identity(ca, "p256", "alan")
    corp.identity(ca, "p256", "bob")
    agent = f.agent()
    agent.cli("list", check=True)
    with tap.case("keys by their labels"):
        assert offered(f, "pem", "") == ["alan", "alice", "bob"]
        assert offered(f, "show", "al") == ["alan", "alice"]
        assert offered(f, "pem", "--output", "x.pem", "b") == ["bob"]
    with tap.case("tokens by theirs, if they are one word"):
        for words in (["unlock"], ["lock"], ["pin", "change"]):
            assert offered(f, *words, "") == ["corp"], words


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "bash")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        static(f, tap)
        labels(f, tap)
    tap.done()


main()
