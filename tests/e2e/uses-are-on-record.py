#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every use of a key is on record: who, which key, what for, allowed or not, and `countersign log` shows it."""
import hashlib
import json
import stat
import subprocess
import time

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

PIN = "Pin-7351"  # as nothing else in a log looks
ECDSA, RSA_SHA512 = 0x0403, 0x0601
NOT_FOUND = 4


class Scene:
    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.token = f.token("corp", PIN)
        self.alice = self.token.identity(self.ca, "p256", "alice")
        self.rsa = self.token.identity(self.ca, "rsa2048", "backup")
        self.server = f.server(self.ca)
        self.path = f.home / ".local/state/countersign/audit.jsonl"
        self.agent = None

    def start(self, **options):
        if self.agent:
            self.agent.stop()
        self.agent = self.f.agent(**{"rules": ANYTHING, **options})

    def lines(self, event=None):
        """What is on record when the agent has nothing left to do; a signature goes before its line."""
        protocol.Client(self.agent.socket).status()
        lines = [json.loads(line) for line in self.path.read_text("ascii").splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    def last(self, event):
        return self.lines(event)[-1]

    def log(self, *arguments, check=True, **options):
        return self.agent.cli("log", *arguments, check=check, **options)

    def spoil(self):
        """Puts something in the way of the record; units do it with a limit as of a full disk."""
        self.path.unlink()
        self.path.mkdir()


def recorded(tap, s):
    client = protocol.Client(s.agent.socket)
    with tap.case("unlocking, with the program that did it"):
        s.agent.unlock(s.token)
        seen = s.last("unlock")
        assert seen["token"] == "corp" and seen["outcome"] == "unlocked", seen
        assert seen["program"].endswith("countersign"), seen
    with tap.case("a login to a server by TLS 1.3"):
        reference = s.f.reference(s.agent, s.alice)
        s.f.curl(s.server, cert=reference, key=reference, check=True)
        seen = s.last("sign")
        assert seen["proof"] == "tls13-client" and "server" not in seen, seen
        assert (seen["label"], seen["token"], seen["scheme"]) == ("alice", "corp", "ecdsa_secp256r1_sha256")
        assert seen["allowed"] is True and seen["outcome"] == "signed" and seen["pid"] > 0, seen
    with tap.case("a login by TLS 1.2, with the server's name and certificate"):
        s.f.s_client(s.server, "-tls1_2", "-cert", reference, "-key", reference, check=True)
        seen = s.last("sign")
        assert seen["proof"] == "tls12-client" and seen["server"] == "localhost", seen
        shown = s.f.run(["openssl", "x509", "-in", s.server.certificate, "-noout", "-fingerprint", "-sha256"],
                        check=True).stdout
        assert shown.strip().split("=")[1].replace(":", "").lower() == seen["server_certificate"], shown
    with tap.case("the hash of the bytes, whatever the scheme, never the bytes"):
        rsa, _ = client.resolve("backup", 1)
        client.sign(rsa.id, RSA_SHA512, b"to be signed")
        seen = s.last("sign")
        assert seen["sha256"] == hashlib.sha256(b"to be signed").hexdigest(), seen
        assert seen["proof"] == "data" and seen["rule"] == "tests" and "to be signed" not in s.path.read_text(), seen
    with tap.case("a digest as it came"):
        alice, _ = client.resolve("alice", 1)
        digest = hashlib.sha256(b"x").digest()
        client.sign(alice.id, ECDSA, digest, 1)
        seen = s.last("sign")
        assert seen["digest"] == digest.hex() and "sha256" not in seen and seen["proof"] == "digest", seen
    with tap.case("locking, a refused PIN, and a signature that fails for it"):
        s.agent.cli("lock", "corp", check=True)
        s.agent.unlock_with("corp", "wrong-1", check=False)
        try:
            client.sign(alice.id, ECDSA, b"x")
        except protocol.AgentError as why:
            assert why.name == "LOCKED", why
        assert "corp" in s.last("lock")["why"] and "countersign lock" in s.last("lock")["why"]
        assert "refused" in s.last("pin-refused")["why"], s.lines()
        seen = s.last("sign")
        assert seen["allowed"] is True and seen["outcome"] == "Locked", seen
        assert "countersign unlock" in seen["why"], seen
    with tap.case("no PIN is in it, and nobody else may read it"):
        assert PIN not in s.path.read_text() and "wrong-1" not in s.path.read_text()
        assert stat.S_IMODE(s.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(s.path.parent.stat().st_mode) == 0o700


def reread(tap, s):
    def wait_for(event):
        deadline = time.monotonic() + 20
        while not s.lines(event):
            assert time.monotonic() < deadline, s.lines()
            time.sleep(0.01)
        return s.last(event)["why"]

    with tap.case("rules that were read again, and those that were not"):
        good = s.agent.conf.read_text()
        s.agent.conf.write_text(good + "[rule \"more\"]\nprogram = /bin/x\nsign = tls\n")
        assert "again" in wait_for("rules")
        s.agent.conf.write_text(good + "[rule \"more\"]\nsign = nonsense\n")
        assert "nonsense" in wait_for("rules-refused")


def shown(tap, s):
    with tap.case("log: a table that fits"):
        for width in (60, 80, 200):
            seen = s.log(environment={"COLUMNS": str(width)})
            assert width < 80 or "localhost" in seen.stdout, seen.stdout
            assert width < 200 or "tls13-client" in seen.stdout, seen.stdout
            assert all(len(line) <= width for line in seen.stdout.splitlines()), seen.stdout
    with tap.case("no field stands twice in a line"):
        for line in s.path.read_text("ascii").splitlines():
            names = [name for name, _ in json.loads(line, object_pairs_hook=list)]
            assert len(names) == len(set(names)), line
    with tap.case("log --json: the lines, by key, program and time"):
        def json_of(*arguments):
            return [json.loads(line) for line in s.log("--json", *arguments).stdout.splitlines()]
        assert json_of() == s.lines()
        by_key = json_of("--identity", "backup")
        assert by_key and {line["label"] for line in by_key} == {"backup"}, by_key
        assert by_key == json_of("--identity", by_key[0]["identity"][:12])
        by_program = json_of("--program", "openssl")
        assert by_program and all(line["program"].endswith("/openssl") for line in by_program)
        assert json_of("--since", "1h") == s.lines() and json_of("--since", "2040-01-01") == []
    with tap.case("log: a time that is none"):
        seen = s.log("--since", "yesterday", check=False)
        assert seen.returncode == 2 and "2h" in seen.stderr, seen
    with tap.case("log --follow: the last lines, then what happens, over a file put aside"):
        follow = s.f.start([programs.CLI, "log", "--follow", "--json", "--identity", "backup"],
                           log=s.f.path("follow.log"), stdout=subprocess.PIPE, text=True)
        assert json.loads(follow.stdout.readline())["label"] == "backup"
        s.agent.unlock(s.token)
        s.path.rename(s.path.with_name("audit.jsonl.1"))
        client = protocol.Client(s.agent.socket)
        rsa, _ = client.resolve("backup", 1)
        client.sign(rsa.id, RSA_SHA512, b"again")
        assert json.loads(follow.stdout.readline())["sha256"] == hashlib.sha256(b"again").hexdigest()
        s.f.stop(follow)


def full(tap, s):
    with tap.case("a record that cannot be kept stops nothing, and everybody is told"):
        s.agent.unlock(s.token)
        client = protocol.Client(s.agent.socket)
        alice, _ = client.resolve("alice", 1)
        s.spoil()
        client.sign(alice.id, ECDSA, b"x")
        client.status()  # its line is missed behind the signature
        assert "uses are not recorded: cannot open" in s.agent.log(), s.agent.log()
        s.path.rmdir()
        client.sign(alice.id, ECDSA, b"y")
        assert s.last("gap")["why"].startswith("1 line before"), s.lines()
    with tap.case("with audit-failure = deny nothing is handed out that is not on record"):
        s.start(settings="audit-failure = deny")
        s.agent.unlock(s.token)
        client = protocol.Client(s.agent.socket)
        client.sign(alice.id, ECDSA, b"x")
        s.spoil()
        try:
            client.sign(alice.id, ECDSA, b"x")
            raise AssertionError("it was signed")
        except protocol.AgentError as why:
            assert why.name == "DENIED" and str(s.path) in why.text and "audit-failure" in why.text, why
    with tap.case("what a rule refuses, by which rule and why"):
        s.path.rmdir()
        s.start(rules='[rule "strict"]\nsign = tls')
        s.agent.unlock(s.token)
        client = protocol.Client(s.agent.socket)
        try:
            client.sign(alice.id, ECDSA, b"a letter")
        except protocol.AgentError as why:
            seen = s.last("sign")
            assert why.text == seen["why"] and "strict" in why.text, (why, seen)
        assert (seen["allowed"], seen["outcome"], seen["rule"]) == (False, "Denied", "strict"), seen
    with tap.case("with audit = off there is none"):
        s.start(settings="audit = off")
        s.path.unlink()
        s.path.with_name("audit.jsonl.1").unlink()
        s.agent.unlock(s.token)
        client = protocol.Client(s.agent.socket)
        client.sign(alice.id, ECDSA, b"x")
        assert not s.path.exists()
        seen = s.log(check=False)
        assert seen.returncode == NOT_FOUND and str(s.path) in seen.stderr, seen


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        s = Scene(f)
        s.start()
        recorded(tap, s)
        reread(tap, s)
        shown(tap, s)
        full(tap, s)
    tap.done()


main()
