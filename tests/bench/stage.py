# SPDX-License-Identifier: Apache-2.0
"""What all figures stand on: a token, an agent, keys in files, and a way to take turns."""
import pathlib
import statistics
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("fixture", "e2e")]

import programs  # noqa: E402
from fixture import ANYTHING  # noqa: E402

BENCH = programs.BUILD / "tests/bench"
PLAIN_CONF = """
openssl_conf = openssl_init
[openssl_init]
providers = providers
[providers]
default = default_section
[default_section]
activate = 1
"""


def middle(values):
    return statistics.median(values)


class Stage:
    """A token with identities, an agent that has it unlocked, keys in files, a server."""

    def __init__(self, fixture, identities):
        self.f = fixture
        self.ca = fixture.authority("Office")
        self.token = fixture.token("corp")
        self.ids = self.fill(self.token, identities)
        self.agent = fixture.agent(rules=ANYTHING)
        self.agent.unlock(self.token)
        self.plain = fixture.scratch(PLAIN_CONF)
        self.ours = fixture.openssl_conf()
        self.file = {kind: self.pem(kind, kind) for kind in ("p256", "rsa2048")}
        self.server_pem = self.pem("server", "p256", server=True)

    def fill(self, token, count):
        done = self.f.run([BENCH / "fill-token", programs.SOFTHSM, token.label, token.pin,
                           self.ca.certificate, self.ca.key, str(count)], check=True, timeout=600)
        return done.stdout.split()

    def pem(self, name, kind, server=False):
        """A key in a file, its certificate behind it."""
        certificate, key = self.ca.issue_server(name) if server else self.ca.issue_file(name, f"/CN={name}", kind)
        both = self.f.path(name + "-both.pem")
        both.write_text(key.read_text() + certificate.read_text())
        self.f.key_files.add(both)
        return both

    def reference(self, id_hex, name):
        path = self.f.path(name)
        self.agent.cli("pem", self.uri(id_hex), "--output", str(path), check=True)
        return path

    def uri(self, id_hex):
        escaped = "".join(f"%{id_hex[at:at + 2]}" for at in range(0, len(id_hex), 2))
        return f"pkcs11:token={self.token.label};id={escaped}"

    def bench(self, program, *arguments, environment=None):
        done = self.f.run([BENCH / program, *map(str, arguments)], check=True, timeout=900, environment=environment)
        return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]


def turns(rounds, *works):
    """Calls each of the works once a round, each beginning in turn; their results by work."""
    results = [[] for _ in works]
    for number in range(rounds):
        for step in range(len(works)):
            at = (number + step) % len(works)
            results[at].append(works[at]())
    return results


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))
