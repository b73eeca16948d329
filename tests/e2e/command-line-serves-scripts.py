#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`countersign` against a real agent: what it prints, exit statuses, and the files it writes."""
import hashlib
import json
import os
import stat

import authority
import programs
import secrecy
from fixture import Fixture
from tap import Tap, skip_all

PIN = "Pin-7351"  # as nothing else in a log looks
VERBS = ("status", "list", "show", "unlock", "lock", "pem", "version", "help")
USAGE, NO_AGENT, NOT_FOUND, LOCKED = 2, 3, 4, 5


class Desk:
    """A person with two tokens."""

    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.branch = f.authority("Branch", parent=self.ca)
        self.corp, self.home = f.token("corp", PIN), f.token("home", "secret-4321")
        self.alice = self.corp.identity(self.branch, "p256", "alice")
        self.rsa = self.home.identity(self.ca, "rsa2048", "backup")
        self.corp.write_certificate(self.branch.certificate.read_text(), "branch", b"\xca")
        self.agent = f.agent()

    def id_of(self, key):
        return hashlib.sha256(authority.pem_to_der(key.public)).hexdigest()

    def says(self, *arguments, **options):
        seen = self.agent.cli(*arguments, check=True, **options)
        assert seen.stderr == "", seen
        return seen.stdout

    def json(self, *arguments):
        return json.loads(self.says(*arguments, "--json"))

    def refuses(self, status, *arguments):
        seen = self.agent.cli(*arguments)
        assert seen.returncode == status and seen.stdout == "", seen
        assert seen.stderr.startswith("countersign: ") and len(seen.stderr) > 25, seen
        return seen.stderr


def helps(tap, desk):
    with tap.case("--help teaches: each command, an example, the exit statuses"):
        text = desk.says("--help")
        for word in (*VERBS, "curl", "Exit status"):
            assert word in text, word
    for verb in VERBS:
        with tap.case(f"{verb} --help"):
            assert f"countersign {verb}" in desk.says(verb, "--help")
    with tap.case("wrong usage: status 2, and where to read on"):
        for arguments in (["nonsense"], ["list", "--nonsense"], ["show"], ["pem"], ["pem", "a", "b"],
                          ["unlock", "corp", "--pin-fd", "x"], ["unlock", "corp", "--pin-fd"]):
            assert "countersign" in desk.refuses(USAGE, *arguments)


def lists(tap, desk):
    with tap.case("list: a line for each, in a table that fits 80 columns"):
        text = desk.says("list", environment={"COLUMNS": "80"})
        assert all(len(line) <= 80 for line in text.splitlines()), text
        assert "alice" in text and "backup" in text and "locked" in text, text
    with tap.case("list in 40 columns"):
        text = desk.says("list", environment={"COLUMNS": "40"})
        assert desk.id_of(desk.alice)[:8] in text and "locked" in text, text
        assert all(len(line) <= 50 for line in text.splitlines()), text
    with tap.case("list --json has all of it"):
        found = {one["label"]: one for one in desk.json("list")["identities"]}
        one = found["alice"]
        assert one["id"] == desk.id_of(desk.alice) and one["token"] == "corp", one
        assert one["uri"].startswith("pkcs11:") and one["state"] == "locked", one
        assert one["cka_id"] == desk.alice.id.hex() and one["group"] == "prime256v1", one
        assert "ecdsa_secp256r1_sha256" in one["schemes"], one
        assert "CN=alice" in one["certificates"][0]["subject"], one
        assert found["backup"]["bits"] == 2048, found
    with tap.case("show by label, by id, by beginning of the id, by URI: the same"):
        whole = desk.id_of(desk.alice)
        shown = {desk.says("show", name) for name in ("alice", whole, whole[:8], desk.alice.uri)}
        assert len(shown) == 1 and "CN=alice" in shown.pop()
    with tap.case("show --json has the chain"):
        shown = desk.json("show", "alice")
        shown = shown.get("identity", shown)
        assert [one["subject"].count("CN=") for one in shown["chain"]] == [1, 1], shown
    with tap.case("show of nothing: status 4"):
        assert "alice" in desk.refuses(NOT_FOUND, "show", "nobody")
        desk.refuses(NOT_FOUND, "show", "pkcs11:token=corp;object=nobody")
    with tap.case("status names agent, module and tokens, for people and for scripts"):
        text = desk.says("status")
        for word in ("softhsm", "running", "corp", "home", "locked", str(desk.agent.process.pid)):
            assert word in text, (word, text)
        shown = json.dumps(desk.json("status"))
        for word in ('"softhsm"', '"running"', '"corp"', '"home"', str(desk.agent.process.pid)):
            assert word in shown, (word, shown)


def unlocks(tap, desk):
    def state(label):
        return {one["token"]: one["state"] for one in desk.json("list")["identities"]}[label]

    with tap.case("unlock without anybody to ask: status 5"):
        assert "corp" in desk.refuses(LOCKED, "unlock", "corp")
    with tap.case("unlock with a wrong PIN: status 5"):
        seen = desk.agent.unlock_with("corp", "not-it", check=False)
        assert seen.returncode == LOCKED and "PIN" in seen.stderr, seen
        assert "not-it" not in seen.stderr + desk.agent.log()
    with tap.case("unlock by standard input"):
        desk.says("unlock", "corp", "--pin-fd", "0", input=PIN + "\n")
        assert (state("corp"), state("home")) == ("unlocked", "locked")
    with tap.case("unlock of another token by its URI leaves the first alone"):
        desk.agent.unlock_with("pkcs11:token=home", "secret-4321")
        assert (state("corp"), state("home")) == ("unlocked", "unlocked")
    with tap.case("unlock of no token: status 4"):
        desk.refuses(NOT_FOUND, "unlock", "nowhere")
    with tap.case("lock of one token"):
        assert "home" in desk.says("lock", "home")
        assert (state("corp"), state("home")) == ("unlocked", "locked")
    with tap.case("lock of all, as JSON"):
        assert "corp" in desk.json("lock")["locked"]
        assert (state("corp"), state("home")) == ("locked", "locked")
    with tap.case("lock of no token: status 4"):
        desk.refuses(NOT_FOUND, "lock", "nowhere")
    with tap.case("the agent's log has no PIN"):
        assert PIN not in desk.agent.log() and "secret-4321" not in desk.agent.log()


def writes(tap, f, desk):
    out = f.path("alice.pem")
    with tap.case("pem on standard output: reference, certificate, chain"):
        text = desk.says("pem", "alice")
        assert text.count("BEGIN COUNTERSIGN KEY REFERENCE") == 1, text
        assert text.count("BEGIN CERTIFICATE") == 2 and "PRIVATE KEY" not in text, text
        shown = f.run(["openssl", "x509", "-noout", "-subject"], input=text, check=True).stdout
        assert shown.strip().replace(" = ", "=").endswith("CN=alice"), shown
    with tap.case("pem --no-chain"):
        assert desk.says("pem", "alice", "--no-chain").count("BEGIN CERTIFICATE") == 1
    with tap.case("pem --output: a file for the owner alone, whatever the umask"):
        before = os.umask(0)
        desk.says("pem", "alice", "--output", out)
        os.umask(before)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert out.read_text() == desk.says("pem", "alice")
    with tap.case("pem replaces a reference of its own"):
        desk.says("pem", "backup", "--output", out)
        assert out.read_text() == desk.says("pem", "backup")
    with tap.case("pem does not replace anything else"):
        out.write_text("my diary\n")
        assert "--force" in desk.refuses(1, "pem", "alice", "--output", out)
        assert out.read_text() == "my diary\n"
    with tap.case("pem does not write through a link"):
        link, target = f.path("link.pem"), f.path("target")
        target.write_text("my diary\n")
        link.symlink_to(target)
        desk.agent.cli("pem", "alice", "--output", link)
        assert target.read_text() == "my diary\n"
    with tap.case("pem --force replaces, and narrows the mode"):
        out.chmod(0o644)
        desk.says("pem", "alice", "--output", out, "--force")
        assert "COUNTERSIGN" in out.read_text() and stat.S_IMODE(out.stat().st_mode) == 0o600
    with tap.case("pem leaves no half file where it cannot write"):
        desk.refuses(1, "pem", "alice", "--output", f.path("nowhere/alice.pem"))
        assert not [path for path in f.folder.iterdir() if path.name.startswith(".alice")]
    with tap.case("pem of nothing: status 4, and no file"):
        desk.refuses(NOT_FOUND, "pem", "nobody", "--output", f.path("nobody.pem"))
        assert not f.path("nobody.pem").exists()
    with tap.case("no private key is in any file"):
        assert secrecy.private_keys(f) == []


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        desk = Desk(f)
        helps(tap, desk)
        lists(tap, desk)
        unlocks(tap, desk)
        writes(tap, f, desk)
        desk.agent.stop()
        with tap.case("no agent: status 3, and how to start one"):
            for arguments in (["status"], ["list"], ["show", "a"], ["pem", "a"], ["lock"]):
                assert "countersign-agent" in desk.refuses(NO_AGENT, *arguments)
        with tap.case("--help and version need no agent"):
            desk.says("--help")
            desk.says("version")
    tap.done()


main()
