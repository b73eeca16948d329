#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tools that look at PKCS#11 modules, and libp11's engine for OpenSSL."""
import hashlib

import namespace
import p11kit
import programs
from fixture import Fixture
from station import TOKEN, VERSIONS, Station
from table import Table
from tap import Skip, skip_all


def tool_cases(tap, f, module):
    def pkcs11_tool(*arguments):
        return f.run(["pkcs11-tool", "--module", module, *arguments], check=True)

    with tap.case("pkcs11-tool lists the token, which wants no login"):
        shown = pkcs11_tool("--list-slots").stdout
        assert "corp" in shown and "login required" not in shown, shown
    with tap.case("pkcs11-tool lists certificates, public and private keys"):
        shown = pkcs11_tool("--list-objects").stdout
        for name in ("alice", "bob", "carol"):
            assert shown.count(f"label:      {name}\n") == 3, shown
        assert "Below" in shown, shown
        assert "sensitive" in shown, shown
    with tap.case("pkcs11-tool lists mechanisms that sign"):
        shown = pkcs11_tool("--list-mechanisms").stdout
        for name in ("RSA-PKCS", "RSA-PKCS-PSS", "ECDSA"):
            assert f"  {name}," in shown and "sign" in shown, shown
    with tap.case("pkcs11-tool --test finds no error"):
        seen = pkcs11_tool("--test", "--token-label", "spare")
        assert "ERR" not in seen.stdout + seen.stderr and "No errors" in seen.stdout, seen


_HASH = hashlib.sha256(b"message").digest()
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420") + _HASH
_PSS = ["rsa_padding_mode:pss", "rsa_pss_saltlen:32"]


def signature_cases(tap, f, station):
    """key, mechanism, more words, what is signed, and how openssl is told to verify it."""
    for key, mechanism, words, data, options in (
            (station.alice, "ECDSA", ["--signature-format", "openssl"], _HASH, []),
            (station.bob, "RSA-PKCS", [], _DIGEST_INFO, []),
            (station.bob, "RSA-PKCS-PSS",
             ["--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256", "--salt-len", "32"], _HASH, _PSS)):
        with tap.case(f"pkcs11-tool --sign by {mechanism}: openssl verifies it"):
            signature = f.scratch("")
            f.run(["pkcs11-tool", "--module", station.module, "--token-label", "corp", "--sign", "--id",
                   key.id.hex(), "--mechanism", mechanism, *words, "--input-file", f.scratch(data),
                   "--output-file", signature], check=True)
            told = [word for option in ["digest:sha256", *options] for word in ("-pkeyopt", option)]
            f.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f.scratch(key.public), "-in",
                   f.scratch(_HASH), "-sigfile", signature, *told], check=True)


def add_spare_token(f, station):
    """One without RSA: of RSA keys pkcs11-tool --test wants SHA-1, which nobody gets from us."""
    spare = f.token("spare")
    spare.identity(f.authority("Spare"), "p256", "dave")
    station.fault.script(TOKEN, "slot 1 token=spare")
    station.agent.restart()
    for token in (station.token, spare):
        station.agent.unlock(token)


def p11_kit_cases(tap, f, module):
    before = p11kit.words(f, module)
    with tap.case("p11-kit lists the module and its token"):
        shown = f.run([*before, "p11-kit", "list-modules"], check=True).stdout
        assert "Countersign" in shown and "token: corp" in shown, shown
    with tap.case("p11tool lists everything without a PIN"):
        shown = f.run([*before, "p11tool", "--batch", "--list-all",
                       "pkcs11:token=corp"], check=True).stdout
        for name in ("alice", "bob", "carol"):
            for kind in ("cert", "private"):
                assert f"object={name};type={kind}" in shown, shown


def engine(f, station, key, version):
    """openssl s_client and curl as they were before OpenSSL had providers."""
    words = ["-engine", "pkcs11", "-keyform", "engine", "-key", key.uri, "-cert",
             f.scratch(key.certificate), "-" + version.lower().replace("v", "").replace(".", "_")]
    return f.s_client(station.server(key, version), *words, provider=False,
                      environment={"PKCS11_MODULE_PATH": str(station.module)})


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx",
                               "p11-kit", "p11tool") or namespace.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    table = Table("pkcs11-tools")
    with Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        add_spare_token(f, station)
        tool_cases(table.tap, f, station.module)
        signature_cases(table.tap, f, station)
        p11_kit_cases(table.tap, f, station.module)
        engines = f.run(["openssl", "engine"]).returncode == 0
        for version in VERSIONS:
            for key in (station.alice, station.bob):
                with table.row("libp11's engine", "module", key, version) as row:
                    if not engines:
                        raise Skip("this OpenSSL has no engines")
                    row.sees(engine(f, station, key, version))
    table.done()


main()
