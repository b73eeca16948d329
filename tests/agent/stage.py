# SPDX-License-Identifier: Apache-2.0
"""An agent whose token hosts are played: see fake-token-host."""
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name)
                for name in ("fixture", "e2e")]

import programs  # noqa: E402
import protocol_client as protocol  # noqa: E402
from fixture import ANYTHING, Fixture  # noqa: E402
from tap import Tap  # noqa: E402,F401

HOST = pathlib.Path(__file__).resolve().parent / "fake-token-host"
PATIENCE = 20
ECDSA_SHA256 = 0x0403


class Stage(Fixture):
    """plays: module name -> Python text; SPKI in it is a file with a public key."""

    def __init__(self):
        super().__init__()
        self.process = None
        self.socket = self.runtime / "countersign/agent.sock"
        self.log_path = self.path("agent.log")
        self.prompt = "/nonexistent"
        self.spki = self.path("spki.der")
        key = self.path("key.pem")
        for argv in (["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-out", key], ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER", "-out",
                                     self.spki]):
            self.run(argv, check=True)

    def write(self, plays, settings=""):
        lines = [settings]
        for name, text in plays.items():
            path = self.path(name + ".play")
            path.write_text(f"SPKI = {str(self.spki)!r}\n" + text)
            record = self.record_path(name)
            record.unlink(missing_ok=True)
            lines += [f'[module "{name}"]', f"path = {path}"]
        self.path("agent.conf").write_text("\n".join([*lines, ANYTHING]) + "\n")

    def argv(self, *more):
        return [programs.AGENT, "--config", self.path("agent.conf"), "--token-host", HOST, "--prompt",
                self.prompt, *more]

    def play(self, settings="", **plays):
        """Starts the agent with these hosts; the one before is stopped."""
        self.stop_agent()
        self.write(plays, settings)
        self.process = self.start(self.argv(), log=self.log_path)
        wait_for(self.answers, "the agent listens")

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the agent ended with {self.process.returncode}:\n{self.log()}")
        try:
            protocol.Connection(self.socket).close()
        except OSError:
            return False
        return True

    def stop_agent(self):
        return self.stop(self.process) if self.process else None

    def cli(self, *arguments):
        return self.run([programs.CLI, *arguments])

    def client(self):
        return protocol.Client(self.socket)

    def module(self, name):
        return next(module for module in self.client().status().modules if module.name == name)

    def record_path(self, name):
        return self.path(name + ".play.record")

    def record(self, name):
        path = self.record_path(name)
        return path.read_text().splitlines() if path.exists() else []

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def diagnose(self):
        return self.log()[-6000:]


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.01)


def error_of(function, *arguments, **options):
    """The name and text of the protocol error that the call ends in."""
    error = protocol.error_of(function, *arguments, **options)
    return error.name, str(error)


class Later(threading.Thread):
    """A call in the background; result() waits for it."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self.call, self.value, self.failure = (function, arguments), None, None
        self.start()

    def run(self):
        try:
            self.value = self.call[0](*self.call[1])
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def result(self):
        self.join(PATIENCE)
        if self.is_alive():
            raise AssertionError("no answer")
        if self.failure:
            raise self.failure
        return self.value


def is_alive(pid):
    """A zombie counts as alive: it was not reaped."""
    return os.path.exists(f"/proc/{pid}")


def children_of(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], text=True, capture_output=True,
                           check=False).stdout
    return [int(child) for child in found.split()]
