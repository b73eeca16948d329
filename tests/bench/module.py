# SPDX-License-Identifier: Apache-2.0
"""The PKCS#11 module: how soon a program has its certificates, and what a look and a signature cost."""
import subprocess

import programs
from stage import middle

PROBE = programs.BUILD / "tests/pkcs11/probe"


class Program:
    """A program with the module in it, told what to do a line at a time."""

    def __init__(self, stage):
        self.process = stage.f.start([PROBE, programs.PKCS11], stage.f.path("probe.log"), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)

    def ask(self, line):
        """The time in milliseconds, and what else it says."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        code, micros, *rest = self.process.stdout.readline().decode().split()
        if code != "0":
            raise RuntimeError(f"{line}: {code}")
        return [float(micros) / 1000, *map(int, rest)]


def first_list(stage):
    """From C_Initialize until every certificate is read, in a new process."""
    program = Program(stage)
    took = program.ask("init")[0]
    read, n = program.ask("objects")
    stage.f.stop(program.process)
    if n != len(stage.ids):
        raise RuntimeError(f"{n} certificates")
    return took + read


def module(report, stage, rounds, aim):
    report.heading(f"The PKCS#11 module, {len(stage.ids)} identities")
    report.add(f"C_Initialize until all certificates are read, {len(stage.ids)} identities",
               middle([first_list(stage) for _ in range(rounds)]), "ms", aim=aim)
    program = Program(stage)
    program.ask("init")
    report.add("C_GetTokenInfo", program.ask("info 1000")[0], "µs")
    program.ask("sign id-1")
    report.add("search, C_SignInit, C_Sign", middle([program.ask("sign id-1")[0] for _ in range(rounds * 5)]), "ms")
    stage.f.stop(program.process)
