#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that start at the same instant all get in, and so do those that wait for one PIN."""
import subprocess

import programs
import server as server_module
from fixture import Fixture
from tap import Tap, skip_all

PROGRAMS = 30


def together(f, server, reference, environment=None):
    """Starts them all, then waits: what the backend said to each."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername",
            "localhost", "-CAfile", server.ca.certificate, "-cert", reference, "-key", reference,
            "-ign_eof"]
    request = f.scratch("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    started = []
    for _ in range(PROGRAMS):
        with open(request, "rb") as file:
            started.append(f.start(argv, log=f.path("programs.log"), provider=True, stdin=file,
                                   stdout=subprocess.PIPE, environment=environment, text=True))
    answers = [server_module.answer(process.communicate(timeout=60)[0]) for process in started]
    return [answer["dn"] if answer else None for answer in answers]


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        server, pinentry = f.server(ca), f.pinentry("pin:1234")
        agent = f.agent(pinentry=pinentry)
        reference = f.reference(agent, alice)
        expected = ["CN=alice,O=Countersign Test"] * PROGRAMS
        with tap.case(f"{PROGRAMS} programs at a locked token: one question, and all get in"):
            assert together(f, server, reference, {"DISPLAY": ":99"}) == expected
            assert pinentry.questions() == 1, pinentry.asked()
        with tap.case(f"{PROGRAMS} programs at an unlocked token"):
            assert together(f, server, reference) == expected
        with tap.case("each signature was counted"):
            assert f"{2 * PROGRAMS} signatures" in agent.cli("status", check=True).stdout
    tap.done()


main()
