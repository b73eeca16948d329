#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A key for TLS proves who its owner is to servers, and signs nothing else for anybody unless a rule says so."""
import json
import shutil
import time

import programs
from fixture import Fixture
from tap import Skip, Tap, skip_all

PATIENCE = 20
RSA_PKCS1_SHA256 = 0x0401


class Stage:
    def __init__(self, f):
        self.f = f
        self.ca = f.authority("Office")
        self.token = f.token("corp")
        self.alice = self.token.identity(self.ca, "p256", "alice")
        self.bob = self.token.identity(self.ca, "rsa2048", "bob")
        self.system = f.path("etc")
        self.server = f.server(self.ca)
        self.agent = f.agent(system=self.system)
        self.agent.unlock(self.token)
        self.reference = f.reference(self.agent, self.alice)
        self.document = f.scratch("I owe you a thousand.\n")

    def policy(self):
        return json.loads(self.agent.cli("policy", "--json", check=True).stdout)

    def write(self, *arguments, **options):
        return self.agent.write_rules(*arguments, **options)

    @staticmethod
    def wait(condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came to be"
            time.sleep(0.02)

    def dgst(self, program="openssl"):
        return self.f.run([program, "dgst", "-sha256", "-sign", self.reference, "-out", self.f.path("signature"),
                           self.document], provider=True)

    def verified(self):
        shown = self.f.run(["openssl", "dgst", "-sha256", "-verify", self.f.scratch(self.alice.public), "-signature",
                            self.f.path("signature"), self.document])
        return shown.stdout == "Verified OK\n"

    def curl(self):
        return self.f.curl(self.server, self.reference, self.reference)

    def check(self, *arguments):
        return self.agent.cli("policy", "check", *arguments)


def refused(result, *words):
    assert result.returncode != 0, result
    for word in words:
        assert word in result.stderr, (word, result.stderr)


def openssl_programs(tap, s):
    with tap.case("curl gets in with it"):
        result = s.curl()
        assert result.answer and "alice" in json.dumps(result.answer), result
    with tap.case("openssl dgst -sign is refused, and says what would allow it"):
        refused(s.dgst(), "'alice' does not sign a message that is no TLS handshake for", "[rule \"openssl\"]",
                "sign = tls, data", "rules.conf")
    with tap.case("openssl cms -sign is refused: it hands over its attributes, not a hash"):
        result = s.f.run(["openssl", "cms", "-sign", "-binary", "-in", s.document, "-signer", s.f.scratch(s.alice.certificate),
                          "-inkey", s.reference, "-out", s.f.path("signed")], provider=True)
        refused(result, "'alice' does not sign a message that is no TLS handshake for")
    with tap.case("openssl pkeyutl -sign hands over a hash: that wants consent, and nobody can be asked"):
        result = s.f.run(["openssl", "pkeyutl", "-sign", "-rawin", "-digest", "sha256", "-inkey", s.reference, "-in",
                          s.document, "-out", s.f.path("signature")], provider=True)
        raw = s.f.run(["openssl", "pkeyutl", "-sign", "-pkeyopt", "digest:sha256", "-inkey", s.reference, "-in",
                       s.f.scratch(bytes(32)), "-out", s.f.path("signature")], provider=True)
        refused(result, "'alice' does not sign")
        refused(raw, "'alice' does not sign a bare hash for", "a person must consent", "sign = tls, digest")
    with tap.case("openssl req -new makes a request for this key"):
        result = s.f.run(["openssl", "req", "-new", "-verify", "-key", s.reference, "-subj", "/CN=alice", "-out",
                          s.f.path("csr")], provider=True, check=True)
        assert "verify OK" in result.stdout + result.stderr, result
        result = s.f.run(["openssl", "req", "-in", s.f.path("csr"), "-verify", "-noout"])
        assert "verify OK" in result.stdout + result.stderr, result
    with tap.case("openssl req -x509 makes a certificate, which is no request"):
        result = s.f.run(["openssl", "req", "-x509", "-key", s.reference, "-subj", "/CN=alice"], provider=True)
        refused(result, "'alice' does not sign a message that is no TLS handshake")
    with tap.case("the log tells of each, and why"):
        assert "tls13-client: allowed" in s.agent.log(), s.agent.log()
        assert "data: failed, 'alice' does not sign" in s.agent.log(), s.agent.log()


def programs_by_path(tap, s):
    openssl = shutil.which("openssl", path="/usr/bin")
    copy = s.f.path("copy-of-openssl")
    shutil.copy(openssl, copy)
    copy.chmod(0o755)
    s.write(f'[rule "documents"]\nidentity = alice\nprogram = {openssl}\nsign = tls, data\n')
    with tap.case("a rule for one program allows it, without a restart"):
        assert s.dgst(openssl).returncode == 0
        assert s.verified()
    with tap.case("a copy of it at another path is refused"):
        refused(s.dgst(copy), f"for {copy}: that is signed only where a rule says so")
    with tap.case("so is another program under its path, in mounts of its own"):
        if s.f.run(["unshare", "--mount", "--user", "--map-root-user", "true"]).returncode != 0:
            raise Skip("this kernel gives no namespaces to ordinary users")
        if programs.SANITIZE:
            raise Skip("with AddressSanitizer nothing can be loaded into a program below unshare")
        script = ('mount --bind "$1" "$2" && shift && '
                  'exec "$1" dgst -sha256 -sign "$2" -out "$3" "$4"')
        result = s.f.run(["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, "sh", copy, openssl,
                          s.reference, s.f.path("signature"), s.document], provider=True)
        refused(result, "file system of its own")
    with tap.case("one whose file was replaced is told to start again"):
        with protocol_program(s, copy) as client:
            assert client.sign() == "", "the rule fits while the file is there"
            copy.unlink()
            assert "start it again" in client.sign()


class protocol_program:  # pylint: disable=invalid-name
    """A copy of python that signs when told to; sign() gives the error's sentence, or "" if it signed."""

    PROGRAM = """
import sys
import protocol_client as protocol
client = protocol.Client(sys.argv[1])
alice = next(identity for identity in client.identities() if identity.label == b"alice")
for line in sys.stdin:
    try:
        client.sign(alice.id, 0x0403, b"a document")
        print("", flush=True)
    except protocol.AgentError as error:
        print(error, flush=True)
"""

    def __init__(self, s, path):
        self.s = s
        shutil.copy("/usr/bin/python3", path)
        s.write(f'[rule "python"]\nprogram = {path}\nsign = data\n')
        self.process = s.f.start(
            [path, "-c", self.PROGRAM, s.agent.socket],
            log=s.f.path("python.log"), stdin=-1, stdout=-1, text=True,
            environment={"PYTHONPATH": str(programs.SOURCE / "tests/e2e"), "PYTHONHOME": "/usr"})

    def __enter__(self):
        return self

    def sign(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


def files(tap, s):
    s.write('[rule "documents"]\nidentity = alice\nsign = tls, data\n')
    with tap.case("a mistake in a file is told with file and line, and changes nothing"):
        s.write('[rule "documents"]\nidentity = alice\nsign = everything\n', wrong=True)
        line = s.agent.conf.read_text().split("sign = everything")[0].count("\n") + 1
        wrong = f"{s.agent.conf}:{line}: sign = everything: write tls, csr, digest, data, or none"
        assert s.policy()["error"] == wrong, s.policy()
        assert wrong in " ".join(s.agent.cli("status").stdout.split()), s.agent.cli("status").stdout
        assert json.loads(s.agent.cli("status", "--json").stdout)["policy_error"] == wrong
        assert wrong in " ".join(s.agent.cli("policy").stdout.split())
        assert s.dgst().returncode == 0
    with tap.case("when it is mended the new rules hold"):
        s.write('[rule "documents"]\nidentity = alice\nsign = tls\n')
        assert s.policy()["error"] is None
        refused(s.dgst(), "rule 'documents'", "allows only tls: add data to its sign")
    with tap.case("SIGHUP reads them as well"):
        before = s.agent.log().count("rules were read again")
        s.agent.process.send_signal(1)
        s.wait(lambda: s.agent.log().count("rules were read again") > before)
    with tap.case("the administrator's directory may come to be later; his final rule stands"):
        s.system.mkdir()
        s.write('[rule "no documents"]\nsign = tls, csr\nfinal = yes\n', s.system / "a.conf")
        s.write('[rule "documents"]\nidentity = alice\nsign = tls, data\n')
        refused(s.dgst(), f"rule 'no documents' ({s.system}/a.conf:2) allows only tls, csr and is final: ask")
        assert s.curl().answer
        assert [rule["name"] for rule in s.policy()["rules"] if rule["final"]] == ["no documents"]
    with tap.case("what is not final yields to the user's rule"):
        s.write('[rule "no documents"]\nsign = tls, csr\n', s.system / "a.conf")
        assert s.dgst().returncode == 0
    with tap.case("a mistake in the user's file keeps no rule of the administrator's from being read"):
        s.write('[rule "documents"]\nidentity = alice\nsign = tls, data\n')
        s.write('[rule "documents"]\nidentity = alice\nsign = everything\n', wrong=True)
        assert s.dgst().returncode == 0
        s.write('[rule "no documents"]\nsign = tls, csr\nfinal = yes\n', s.system / "a.conf")
        refused(s.dgst(), f"rule 'no documents' ({s.system}/a.conf:2) allows only tls, csr and is final: ask")
        assert "sign = everything" in s.policy()["error"]
        assert "documents" in [rule["name"] for rule in s.policy()["rules"]]
    with tap.case("one in the administrator's leaves everything as it was"):
        (s.system / "a.conf").write_text('[rule "no documents"]\n')
        s.wait(lambda: "a.conf:1: there is no setting in" in s.policy()["error"])
        refused(s.dgst(), "is final")
        s.write('[rule "no documents"]\nsign = tls, csr\n', s.system / "a.conf")
        assert s.dgst().returncode == 0
        s.write('[rule "documents"]\nidentity = alice\nsign = tls, data\n')
    with tap.case("a directory that goes takes its rules along"):
        s.write('[rule "none"]\nidentity = alice\nprogram = /*/*/*\nsign = none\nfinal = on\n', s.system / "a.conf")
        refused(s.curl(), "'alice' does not sign a TLS handshake for")
        before = s.agent.log().count("rules were read again")
        shutil.rmtree(s.system)
        s.wait(lambda: s.agent.log().count("rules were read again") > before)
        assert s.curl().answer
    with tap.case("and may come again"):
        s.system.mkdir()
        s.write('[rule "none"]\nsign = none\nfinal = on\n', s.system / "a.conf")
        refused(s.curl(), "is final")
        s.write("", s.system / "a.conf")


def rates(tap, s):
    with tap.case("no more often than the rule says"):
        s.write('[rule "slow"]\nidentity = alice\nsign = data\nrate = 2/h\n')
        assert s.dgst().returncode == 0 and s.dgst().returncode == 0
        refused(s.dgst(), "allows 2 in 1 hour: try again later, or raise its rate")
    with tap.case("reading the files again gives nobody more"):
        s.write('[rule "slow"]\nidentity = alice\nsign = data, tls\nrate = 2/h\n')
        refused(s.dgst(), "allows 2 in 1 hour")


def explanations(tap, s):
    s.write('[rule "corp"]\nidentity = pkcs11:token=corp\nhosts = *.corp.example\nsign = tls\nconsent = always\n'
            '[rule "nobody"]\nidentity = carol\nsign = none\n')
    with tap.case("policy lists the rules in their order, with their files"):
        rules = s.policy()["rules"]
        assert [rule["name"] for rule in rules][1:4] == ["nobody", "corp", "default for tls"], rules
        assert rules[1]["keys"] == 0 and rules[2]["keys"] == 2, rules
        assert rules[2]["where"].startswith(f"{s.agent.conf}:"), rules
        assert rules[-1]["name"] == "default for data" and rules[-1]["where"] is None, rules
        text = s.agent.cli("policy", check=True).stdout
        assert "fits none that shows now" in text and "*.corp.example" in text, text
    with tap.case("policy check explains what would be decided"):
        shown = s.check("--identity", "bob", "--program", "/usr/bin/curl", "--proof", "tls")
        assert shown.returncode == 0 and "allow" in shown.stdout and "default for tls" in shown.stdout, shown
        shown = s.check("--identity", "bob", "--program", "/usr/bin/curl", "--proof", "tls12-client", "--host",
                        "api.corp.example")
        assert shown.returncode == 0 and "ask" in shown.stdout and "each time" in shown.stdout, shown
        shown = s.check("--identity", "bob", "--program", "/usr/bin/openssl", "--proof", "data", "--json")
        decision = json.loads(shown.stdout)
        assert shown.returncode == 6 and decision["decision"] == "deny", shown
        assert "program = /usr/bin/openssl" in decision["why"], shown
    with tap.case("and says what is wrong with the question"):
        for words, status, text in (
                (["--identity", "nobody", "--proof", "tls"], 4, "nobody"),
                (["--identity", "bob", "--proof", "tsl"], 2, "there are tls"),
                (["--identity", "bob", "--proof", "tls", "--host", "x"], 2, "tls12-client"),
                (["--identity", "bob", "--proof", "tls", "--program", "curl"], 2, "absolute path"),
                (["--proof", "tls"], 2, "needs --identity")):
            shown = s.check(*words)
            assert shown.returncode == status and text in shown.stderr, shown
        assert s.agent.cli("policy", "--proof", "tls").returncode == 2
        assert s.agent.cli("policy", "allow").returncode == 2


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        s = Stage(f)
        openssl_programs(tap, s)
        explanations(tap, s)
        programs_by_path(tap, s)
        files(tap, s)
        rates(tap, s)
    tap.done()


main()
