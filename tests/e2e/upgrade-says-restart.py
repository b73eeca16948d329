#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Token hosts and prompts of another version than the running agent's are refused, and said to be that.

The real programs are behind scripts, which may start them as an agent of another version would.
"""
import json
import os
import signal

import programs
from fixture import Fixture
from tap import Tap, skip_all
from wait import wait

DISPLAY = {"DISPLAY": ":0"}
RESTART = "restart it with 'systemctl --user restart countersign-agent.service'"


class Renewable:
    """One of our programs at a place of its own; renew() puts another version there."""

    def __init__(self, f, program):
        self.path, self.program = f.path(program.name), program
        self.put("")

    def put(self, begin):
        new = self.path.with_suffix(".new")
        new.write_text(f'#!/bin/sh\n{begin}\nexec {self.program} "$@"\n')
        new.chmod(0o755)
        new.rename(self.path)

    def renew(self):
        self.put('shift 2; set -- --talk another "$@"')


def modules(agent):
    return json.loads(agent.cli("status", "--json", check=True).stdout)["modules"]


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        token = f.token("corp")
        token.identity(f.authority("Office"), "p256", "alice")
        host, prompt = Renewable(f, programs.TOKEN_HOST), Renewable(f, programs.PROMPT)
        programs.TOKEN_HOST, programs.PROMPT = host.path, prompt.path
        agent = f.agent(pinentry=f.pinentry("pin:1234"))
        with tap.case("of one version: the tokens are there, and the prompt asks"):
            assert "alice" in agent.cli("list", check=True).stdout
            agent.cli("unlock", "corp", check=True, environment=DISPLAY)
            agent.cli("lock", check=True)
        with tap.case("another prompt: unlocking says that, and what to do"):
            prompt.renew()
            seen = agent.cli("unlock", "corp")
            assert seen.returncode == 5, seen
            assert "the prompt is of another version" in seen.stderr and RESTART in seen.stderr, seen
        with tap.case("another token host: its tokens are gone; list, status and doctor say that and what to do"):
            host.renew()
            module, = modules(agent)
            os.kill(module["pid"], signal.SIGKILL)
            wait(lambda: "another version" in (modules(agent)[0]["error"] or ""), "the refusal")
            for verb in ("list", "status", "doctor"):
                seen = agent.cli(verb)
                said = " ".join((seen.stdout + seen.stderr).split())
                assert "its host is of another version" in said and RESTART in said, seen
            assert "countersign-token-host: what started this is of another version" in agent.log()
        with tap.case("with an agent of that version all is well again"):
            host.put("")
            prompt.put("")
            agent.restart()
            agent.cli("unlock", "corp", check=True, environment=DISPLAY)
    tap.done()


main()
