# SPDX-License-Identifier: Apache-2.0
"""OpenSC's and GnuTLS's tools see tokens, keys and certificates through the module, and sign with them."""
import re

import fixture
import programs
import tap

KINDS = ("p256", "p384", "p521", "rsa2048", "rsa-pss", "ed25519")
# key kind -> mechanisms of messages: the name for pkcs11-tool, and what openssl needs to verify it
PKCS1, PSS = [], ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
MESSAGES = [
    ("p256", "ECDSA-SHA256", "sha256", []), ("p384", "ECDSA-SHA384", "sha384", []),
    ("p521", "ECDSA-SHA512", "sha512", []), ("p256", "ECDSA-SHA512", "sha512", []),
    ("rsa2048", "SHA256-RSA-PKCS", "sha256", PKCS1), ("rsa2048", "SHA384-RSA-PKCS", "sha384", PKCS1),
    ("rsa2048", "SHA512-RSA-PKCS", "sha512", PKCS1), ("rsa2048", "SHA256-RSA-PKCS-PSS", "sha256", PSS),
    ("rsa2048", "SHA384-RSA-PKCS-PSS", "sha384", PSS), ("rsa2048", "SHA512-RSA-PKCS-PSS", "sha512", PSS),
    ("rsa-pss", "SHA256-RSA-PKCS-PSS", "sha256", PSS),
]
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Stage:
    def __init__(self, f):
        self.f = f
        root = f.authority("Root")
        self.ca = f.authority("Office", parent=root)
        self.token = f.token("corp")
        self.keys = {kind: self.token.identity(self.ca, kind, kind) for kind in KINDS}
        self.token.write_certificate(self.ca.certificate.read_text(), "Office", b"\x77")
        self.agent = f.agent(rules=fixture.ANYTHING)
        self.agent.unlock(self.token)

    def tool(self, *arguments, check=True):
        return self.f.run(["pkcs11-tool", "--module", programs.PKCS11, *arguments], shim=True, check=check)

    def sign(self, kind, mechanism, data, *more):
        out = self.f.scratch(b"")
        self.tool("--sign", "--mechanism", mechanism, "--id", self.keys[kind].id.hex(), "--input-file",
                  self.f.scratch(data), "--output-file", out, "--signature-format", "openssl", *more)
        return out

    def verify(self, kind, digest, signature, data, options):
        public = self.f.scratch(self.keys[kind].public)
        shown = self.f.run(["openssl", "dgst", "-" + digest, "-verify", public, "-signature", signature, *options,
                            self.f.scratch(data)])
        assert shown.stdout == "Verified OK\n", shown.stdout + shown.stderr


def slots_are_listed(stage):
    shown = stage.tool("--list-slots").stdout
    assert re.search(r"token label +: corp\n", shown), shown
    assert "login required" not in shown and "readonly" in shown, shown


def objects_are_listed(stage):
    shown = stage.tool("--list-objects").stdout
    for kind in KINDS:
        assert shown.count(f"label:      {kind}\n") == 3, shown
    assert "Office" in shown and "CKP_PUBLIC_CERTIFICATES_TOKEN" in shown, shown


def certificates_come_whole(stage):
    out = stage.f.scratch(b"")
    stage.tool("--read-object", "--type", "cert", "--label", "Office", "--output-file", out)
    shown = stage.f.run(["openssl", "x509", "-inform", "DER", "-in", out], check=True).stdout
    assert shown in stage.ca.certificate.read_text(), shown


def gnutls_lists_them(stage):
    shown = stage.f.run(["p11tool", "--provider", programs.PKCS11, "--list-all", "pkcs11:token=corp"], shim=True,
                        check=True).stdout
    for kind in KINDS:
        for what in ("cert", "private", "public"):
            assert f"object={kind};type={what}\n" in shown, shown
    assert "CKA_CERTIFICATE_CATEGORY=CA" in shown, shown


def messages_are_signed(stage):
    for kind, mechanism, digest, options in MESSAGES:
        for data in (b"", b"a message", b"x" * 100000):
            signature = stage.sign(kind, mechanism, data)
            stage.verify(kind, digest, signature, data, options)


def long_messages_are_hashed_here(stage):
    data = b"x" * 3_000_000
    stage.verify("p256", "sha256", stage.sign("p256", "ECDSA-SHA256", data), data, [])
    stage.verify("rsa2048", "sha512", stage.sign("rsa2048", "SHA512-RSA-PKCS", data), data, PKCS1)


def digests_are_signed(stage):
    data = b"a message"
    digest = bytes.fromhex(stage.f.run(["openssl", "dgst", "-sha256", "-r", stage.f.scratch(data)],
                                       check=True).stdout.split()[0])
    stage.verify("p256", "sha256", stage.sign("p256", "ECDSA", digest), data, [])
    stage.verify("rsa2048", "sha256", stage.sign("rsa2048", "RSA-PKCS", DIGEST_INFO + digest), data, PKCS1)
    pss = stage.sign("rsa2048", "RSA-PKCS-PSS", digest, "--hash-algorithm", "SHA256", "--salt-len", "-1")
    stage.verify("rsa2048", "sha256", pss, data, PSS)


def ed25519_signs_messages(stage):
    data = stage.f.scratch("a message")
    signature = stage.sign("ed25519", "EDDSA", "a message")
    public = stage.f.scratch(stage.keys["ed25519"].public)
    stage.f.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", data, "-sigfile",
                 signature], check=True)


def opensc_tests_it(stage):
    """Its signatures are of bytes that are no digest, and it skips them where CKF_HW is not set."""
    shown = stage.tool("--test").stdout
    assert "No errors" in shown and "SHA256: OK" in shown, shown


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "p11tool")
    if missing:
        tap.skip_all(f"{missing} is missing")
    checks = tap.Tap()
    with fixture.Fixture() as f:
        checks.diagnose = f.diagnose
        stage = Stage(f)
        for check in (slots_are_listed, objects_are_listed, certificates_come_whole, gnutls_lists_them,
                      messages_are_signed, long_messages_are_hashed_here, digests_are_signed,
                      ed25519_signs_messages, opensc_tests_it):
            with checks.case(check.__name__.replace("_", " ")):
                check(stage)
    checks.done()


main()
