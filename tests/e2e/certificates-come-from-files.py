#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A card has room for its user's certificate alone, the server knows no more than the root: who stands between is told
by a file. So is the certificate of a key whose token holds the key alone."""
import os

import programs
import protocol_client as protocol
import server as server_module
from authority import der_to_pem
from fixture import Fixture
from tap import Tap, skip_all

SEEN = "CN=alice,O=Countersign Test"
BRANCH, OFFICE = "CN=Branch,O=Countersign Test", "CN=Office,O=Countersign Test"
FRAMED = "-----BEGIN CERTIFICATE-----\n"
ANY_USE = "basicConstraints = CA:TRUE\nkeyUsage = digitalSignature, keyCertSign"
LOCKED = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{'00' * 16}\n\n"


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

    def start(self, *authorities, leaf=""):
        """One file for each."""
        if self.agent:
            self.agent.stop()
        files = [authority.certificate for authority in authorities] + ([self.f.scratch(leaf)] if leaf else [])
        self.agent = self.f.agent(settings="\n".join(f"certificates = {path}" for path in files))
        self.agent.unlock(self.token)

    def server_key(self):
        return self.f.run(["openssl", "x509", "-in", self.server.certificate, "-noout", "-pubkey"], check=True).stdout

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
        assert seen.returncode == 4 and "see certificates in countersign.conf(5)" in seen.stderr, seen
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


def bare(tap, s):
    """A key without a certificate, as an HSM or a TPM may have it."""
    key = s.token.generate("rsa2048", "bare")
    leaf = s.office.issue(key.public, "/O=Countersign Test/CN=bare", days=60)
    with tap.case("a key without a certificate suits no server"):
        s.start(s.root, s.branch, s.office)
        seen = s.agent.cli("find", "--host", "localhost", "--json", check=True).stdout
        assert "alice" in seen and "bare" not in seen, seen
    with tap.case("its certificate is in a file: it is presented, with its chain"):
        s.start(s.branch, s.office, leaf=leaf)
        assert s.run()["dn"] == "CN=bare,O=Countersign Test", "it expires last"
        assert s.agent.cli("pem", "bare", check=True).stdout.count(FRAMED) == 3
    with tap.case("the same while its token is locked"):
        s.agent.cli("lock", check=True)
        identities = {one.label: one for one in protocol.Client(s.agent.socket).identities()}
        assert len(identities[b"bare"].certificates) == 1, identities
        s.agent.unlock(s.token)
    with tap.case("browsers find it with the key"):
        shown = s.f.run(["pkcs11-tool", "--module", programs.PKCS11, "--list-objects"], shim=True, check=True).stdout
        ids = [line.split(":", 1)[1].strip() for part in shown.split("Object;") if "bare" in part
               for line in part.splitlines() if line.strip().startswith("ID:")]
        assert len(ids) == 3 and len(set(ids)) == 1, shown
    with tap.case("it goes by the names of its key"):
        for name in ("bare", "pkcs11:token=corp;object=bare;type=cert"):
            seen = s.agent.cli("pem", name)
            assert seen.returncode == 0 and seen.stdout.count(FRAMED) == 3, seen
    with tap.case("one that may issue others is shown once"):
        s.start(leaf=s.office.issue(key.public, "/CN=bare", more=ANY_USE))
        assert s.certificates() == ["bare", "office"], s.certificates()
    with tap.case("one of another key is nobody's"):
        s.start(leaf=s.office.issue(s.server_key(), "/CN=nobody"))
        assert "nobody" not in s.agent.cli("list", "--json", check=True).stdout


def renewed(tap, s):
    """Whichever of them lies in the file."""
    def leaf(days):
        return s.office.issue(s.alice.public, "/O=Countersign Test/CN=alice", days=days)
    for what, days in (("newer", 60), ("older", 3)):
        with tap.case(f"what lies in the file is {what}"):
            best = leaf(days)
            s.start(s.branch, s.office, leaf=best)
            for name in ("alice", "pkcs11:token=corp;object=alice;type=cert"):
                pem = s.agent.cli("pem", name, "--no-chain", check=True).stdout
                assert (best in pem) == (days > 30), (name, pem)
            assert s.run()["dn"] == SEEN


def refused(tap, s):
    whole = s.office.certificate.read_text()
    large = s.f.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null",
                     "-subj", "/CN=large", "-addext", "nsComment=" + "y" * 70000], check=True).stdout
    many = "".join(s.office.issue(s.alice.public, f"/CN={n}") for n in range(65))
    everybodys, others = s.f.scratch(whole), s.f.scratch(whole)
    everybodys.chmod(0o646)
    cases = {
        "a relative path": ("corp.pem", "write an absolute path"),
        "no file": ("/nonexistent/corp.pem", "No such file"),
        "a directory": ("/tmp", "it is no file"),
        "a file of everybody's": (everybodys, "it can be written by everyone"),
        "no certificate": (s.f.scratch("nothing\n"), "there is no certificate in it"),
        "a damaged one": (s.f.scratch(whole + whole.replace("MII", "MIX")), "is damaged"),
        "one with a password": (s.f.scratch(whole.replace(FRAMED, FRAMED + LOCKED)), "is damaged"),
        "half of one": (s.f.scratch(whole + whole[:len(whole) // 2]), "is damaged"),
        "a very large one": (s.f.scratch(whole + large), "cannot be used"),
        "too many": (s.f.scratch(many), "too many certificates"),
    }
    if os.geteuid() == 0:
        os.chown(others, 65534, -1)
        cases["another user's"] = (others, "it belongs to another user")
    for what, (path, words) in cases.items():
        with tap.case(f"{what} is refused, with file and line"):
            conf = s.f.scratch(f"[agent]\ncertificates = {path}\n")
            seen = s.f.run([programs.AGENT, "--check", "--config", conf])
            assert seen.returncode == 1 and f"{conf}:2: certificates" in seen.stderr and words in seen.stderr, seen
            assert seen.stderr.count("\n") == 1, seen


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
        bare(tap, s)
        renewed(tap, s)
        refused(tap, s)
    tap.done()


main()
