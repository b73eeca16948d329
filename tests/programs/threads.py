#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The preload library and the provider in a program of many threads, each with contexts of its own."""
import programs
from stage import Stage

GUEST = programs.BUILD / "tests/programs/guest/guest"
VISITS = 8 * 10


def main():
    with Stage("threads") as stage:
        for key in stage.keys:
            with stage.table.tap.case(f"eight threads make {VISITS} handshakes, {key.kind}"):
                server = stage.server_for(key)
                seen = stage.told_nothing([GUEST, "threads", server.port, server.ca.certificate])
                assert seen.returncode == 0, seen
                assert seen.stdout.count(f"CN={key.label},O=Countersign Test") == VISITS, seen
    stage.table.tap.done()


main()
