#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One process makes two requests; between them the agent dies and comes back: both are answered."""
import subprocess

import programs
from fixture import Fixture
from tap import Tap, skip_all

# A request for every line on standard input, each with a handshake of its own and the same key.
PROGRAM = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[1])
context.options |= ssl.OP_NO_TICKET
context.load_cert_chain(sys.argv[2])
for line in sys.stdin:
    try:
        print(urllib.request.urlopen(sys.argv[3], context=context).read().decode().strip())
    except Exception as failure:
        print("failed:", failure)
    sys.stdout.flush()
"""


class Program:
    """A long-running client; next() makes one request and gives what it printed."""

    def __init__(self, f, server, reference):
        argv = ["python3", "-c", PROGRAM, server.ca.certificate, reference, server.url]
        self.process = f.start(argv, log=f.path("program.log"), provider=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def next(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20)


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
        server, agent = f.server(ca), f.agent()
        agent.unlock(token)
        program = Program(f, server, f.reference(agent, alice))
        with tap.case("the first request"):
            line = program.next()
            assert "CN=alice" in line, line
        with tap.case("killed and restarted between two requests: the second is answered"):
            agent.kill()
            agent.start()
            agent.unlock(token)
            line = program.next()
            assert "CN=alice" in line, line
        with tap.case("while it is away: an error, and the program lives on"):
            agent.stop()
            line = program.next()
            assert "failed" in line and "no Countersign agent answers" in line, line
        with tap.case("back again: the same process gets in again"):
            agent.start()
            agent.unlock(token)
            line = program.next()
            assert "CN=alice" in line, line
        with tap.case("the program ends in order"):
            assert program.end() == 0
        with tap.case("a second agent at the same socket is refused, and the first goes on"):
            seen = f.run([programs.AGENT, "--config", agent.conf, "--token-host",
                          programs.TOKEN_HOST, "--prompt", programs.PROMPT])
            assert seen.returncode != 0 and "agent" in seen.stderr, seen
            assert agent.cli("status").returncode == 0
    tap.done()


main()
