#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes as programs have them: forks, workers, threads, exec, and an agent that is not always
there. The program is client.py, told of a PEM reference or told nothing."""
import json
import pathlib
import subprocess
import time

import programs
from stage import Stage

PYTHON = "/usr/bin/python3"  # the one that has the system's OpenSSL
CLIENT = pathlib.Path(__file__).with_name("client.py")
LONG = 200  # seconds
PATIENCE = 20  # seconds for anything that should take none
PROMISES = {
    "forks": "forks before, in the middle of and after a handshake",
    "prefork": "four workers that share a context, at once",
    "threads": "8 threads x 200 handshakes",
    "forks_under_threads": "40 forks while four threads shake hands",
    "executes": "exec between two handshakes; no descriptor of ours is left",
    "leaves": "ends in the middle of eight handshakes",
}


class Client:
    """client.py by one route."""

    def __init__(self, stage, key, route):
        self.stage, self.route = stage, route
        self.server = stage.server_for(key)
        self.pem = [stage.reference_of(key)] if route == "PEM" else []
        self.words = [] if route == "PEM" else [programs.CLI, "run", "--"]
        self.environment = {"OPENSSL_CONF": str(stage.openssl_conf())} if route == "PEM" else {}

    def argv(self, what):
        words = [*self.words, PYTHON, CLIENT, what, self.server.port, self.server.ca.certificate, *self.pem]
        return [str(word) for word in words]

    def run(self, what):
        return self.stage.run(self.argv(what), environment=self.environment, timeout=LONG)

    def start(self):
        return subprocess.Popen(self.argv("goes_on"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                env={**self.stage.environment, **self.environment})


def clients(agent):
    return json.loads(agent.cli("status", "--json", check=True).stdout)["clients"]


def agent_comes_and_goes(tap, stage, client):
    agent = stage.keeper
    process = client.start()

    def handshake():
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline().strip()
    try:
        with tap.case(f"{client.route}: the agent is started anew between two handshakes"):
            assert process.stdout.readline() == "ready\n"
            assert handshake() == "well"
            agent.restart()
            agent.unlock(stage.corp)
            assert handshake() == "well"
        with tap.case(f"{client.route}: it dies, there is none, and another comes"):
            agent.kill()
            assert handshake().startswith("failed")
            agent.start()
            agent.unlock(stage.corp)
            assert handshake() == "well"
    finally:
        process.kill()
        process.communicate()


def main():
    with Stage("processes") as stage:
        tap, agent = stage.table.tap, stage.keeper
        for route in ("PEM", "run"):
            client = Client(stage, stage.keys[0], route)
            for what, promise in PROMISES.items():
                with tap.case(f"{route}: {promise}"):
                    seen = client.run(what)
                    assert seen.returncode == 0, seen
            with tap.case(f"{route}: and nothing of it is left in the agent"):
                deadline = time.monotonic() + PATIENCE
                while clients(agent) > 1:  # who asks is one
                    assert time.monotonic() < deadline, agent.log()
                    time.sleep(0.05)
            agent_comes_and_goes(tap, stage, client)
    tap.done()


main()
