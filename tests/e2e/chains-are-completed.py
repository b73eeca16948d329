#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A card has room for its user's certificate alone, the server knows no more than the root: who stands between is told
by a file."""
import programs
import protocol_client as protocol
import server as server_module
from authority import der_to_pem
from fixture import Fixture
from tap import Tap, skip_all

SEEN = "CN=alice,O=Countersign Test"
BRANCH, OFFICE = "CN=Branch,O=Countersign Test", "CN=Office,O=Countersign Test"
FRAMED = "-----BEGIN CERTIFICATE-----\n"


class Scene:
    def __init__(self, f):
        self.f = f
        self.root = f.authority("Root")
        self.branch = f.authority("Branch", parent=self.root)
        self.office = f.authority("Office", parent=self.branch)
        self.token = f.token("corp")
        self.alice = self.token.identity(self.office, "p256", "alice")
        self.server = f.server(self.root)
        self.agent = None

    def start(self, *authorities):
        if self.agent:
            self.agent.stop()
        text = "".join(authority.certificate.read_text() for authority in authorities)
        settings = f"intermediates = {self.f.scratch(text)}" if text else ""
        self.agent = self.f.agent(settings=settings)
        self.agent.unlock(self.token)

    def find(self):
        return self.agent.cli("find", "--host", "localhost", "--issuer", self.root.certificate)

    def run(self, *options):
        environment = {"LD_PRELOAD": programs.sanitizer_library()} if programs.SANITIZE else {}
        seen = self.f.run([programs.CLI, "run", "--", "openssl", "s_client", "-connect",
                           f"127.0.0.1:{self.server.port}", "-servername", "localhost", "-CAfile",
                           self.root.certificate, "-ign_eof", *options],
                          input="GET / HTTP/1.0\r\n\r\n", environment=environment)
        return server_module.answer(seen.stdout) or {"dn": seen}

    def certificates(self):
        """The labels of what the PKCS#11 module shows beside the identity's own."""
        shown = self.f.run(["pkcs11-tool", "--module", programs.PKCS11, "--list-objects", "--type", "cert"],
                           shim=True, check=True).stdout
        labels = [line.split(":", 1)[1].strip() for line in shown.splitlines() if "label:" in line]
        return sorted(label for label in labels if label != "alice")


def incomplete(tap, s):
    with tap.case("without it no identity suits, and what may be missing is told"):
        s.start()
        seen = s.find()
        assert seen.returncode == 4 and "see intermediates in countersign.conf(5)" in seen.stderr, seen
        assert s.run()["dn"] != SEEN
    with tap.case("a chain with a gap does not suit, either"):
        s.start(s.branch)
        assert s.find().returncode == 4


def completed(tap, s):
    s.start(s.root, s.branch, s.office)
    with tap.case("it is found for a server that names the root alone"):
        seen = s.find()
        assert seen.returncode == 0 and "alice" in seen.stdout, seen
    for version in ("-tls1_2", "-tls1_3"):
        with tap.case(f"and let in, {version}"):
            assert s.run(version)["dn"] == SEEN, s.run(version)
    with tap.case("the chain goes leaf first and without the root"):
        _identity, chain = protocol.Client(s.agent.socket).resolve("alice", 1)
        assert len(chain) == 3, [len(der) for der in chain]
        names = [s.f.run(["openssl", "x509", "-noout", "-subject"], input=der_to_pem(der, "CERTIFICATE"),
                         check=True).stdout for der in chain]
        assert ["alice" in names[0], "Office" in names[1], "Branch" in names[2]] == [True] * 3, names
    with tap.case("'countersign pem' writes it"):
        assert s.agent.cli("pem", "alice", check=True).stdout.count(FRAMED) == 3
        assert s.agent.cli("pem", "alice", "--no-chain", check=True).stdout.count(FRAMED) == 1
    with tap.case("browsers find them beside the key, the root not"):
        assert s.certificates() == [BRANCH, OFFICE], s.certificates()
    with tap.case("what the token has as well is shown once, and the chain is what it was"):
        s.token.write_certificate(s.office.certificate.read_text(), "office", b"\xca")
        s.start(s.branch, s.office)
        assert s.certificates() == [BRANCH, "office"], s.certificates()
        assert s.run()["dn"] == SEEN


def refused(tap, s):
    leaf = s.office.issue(s.alice.public, "/CN=leaf")
    whole = s.office.certificate.read_text()
    cases = {
        "a relative path": ("corp.pem", "write an absolute path"),
        "no file": ("/nonexistent/corp.pem", "No such file"),
        "a directory": ("/tmp", "Invalid argument"),
        "no certificate": (s.f.scratch("nothing\n"), "there is no certificate in it"),
        "a damaged one": (s.f.scratch(whole + whole.replace("MII", "MIX")), "is damaged"),
        "half of one": (s.f.scratch(whole + whole[:len(whole) // 2]), "is damaged"),
        "one of no authority": (s.f.scratch(whole + leaf), "is of no authority"),
        "too many": (s.f.scratch(whole * 65), "too many certificates"),
    }
    for what, (path, words) in cases.items():
        with tap.case(f"{what} is refused, with file and line"):
            conf = s.f.scratch(f"[agent]\nintermediates = {path}\n")
            seen = s.f.run([programs.AGENT, "--check", "--config", conf])
            assert seen.returncode == 1 and f"{conf}:2: intermediates" in seen.stderr and words in seen.stderr, seen


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        s = Scene(f)
        incomplete(tap, s)
        completed(tap, s)
        refused(tap, s)
    tap.done()


main()
