#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client written from PROTOCOL.md alone lists, resolves, signs, unlocks and locks."""
import hashlib
import os

import authority
import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

KINDS = {"p256": 3, "p384": 3, "p521": 3, "rsa2048": 1, "rsa-pss": 2, "ed25519": 4, "ed448": 5}
# Scheme: (hash, options of `openssl pkeyutl` that say the same).
SCHEMES = {
    0x0403: ("sha256", []), 0x0503: ("sha384", []), 0x0603: ("sha512", []),
    0x0401: ("sha256", ["rsa_padding_mode:pkcs1"]), 0x0501: ("sha384", ["rsa_padding_mode:pkcs1"]),
    0x0601: ("sha512", ["rsa_padding_mode:pkcs1"]),
    0x0804: ("sha256", ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    0x0805: ("sha384", ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    0x0806: ("sha512", ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    0x0809: ("sha256", ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    0x080a: ("sha384", ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    0x080b: ("sha512", ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]),
    0x0807: (None, []), 0x0808: (None, []),
}
FIRST_SCHEME = {"p256": 0x0403, "p384": 0x0503, "p521": 0x0603, "rsa-pss": 0x0809,
                "ed25519": 0x0807, "ed448": 0x0808}


def verify(f, key, scheme, message, signature):
    """Fails unless openssl finds the signature good."""
    name, options = SCHEMES[scheme]
    if name is None:
        data, more = message, ["-rawin"]
    else:
        data, more = hashlib.new(name, message).digest(), ["-pkeyopt", f"digest:{name}"]
    for option in options:
        more += ["-pkeyopt", option]
    shown = f.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f.scratch(key.public), "-in",
                   f.scratch(data), "-sigfile", f.scratch(signature), *more])
    assert shown.returncode == 0, (hex(scheme), shown)


def refused(name, call, *arguments, **options):
    """The ERROR that the call must get."""
    error = protocol.error_of(call, *arguments, **options)
    assert error.name == name, error
    assert error.text.strip(), "an error without a sentence"
    return error


def lists(tap, f, client, token, keys):
    with tap.case("WELCOME names version 1 and the agent's release"):
        assert client.version == 1 and client.agent, (client.version, client.agent)
    with tap.case("TOKENS shows the token, locked"):
        found = [one for one in client.tokens() if one.has("initialised")]
        assert [one.label for one in found] == [b"corp"], found
        assert found[0].uri.startswith("pkcs11:") and "token=corp" in found[0].uri, found
        assert found[0].has("login_required") and not found[0].has("unlocked"), found
        assert found[0].module == "softhsm", found
    with tap.case("IDENTITIES shows every certificate's key before the login"):
        found = {one.label.decode(): one for one in client.identities()}
        assert sorted(found) == sorted(keys), sorted(found)
        for name, key in keys.items():
            one, spki = found[name], authority.pem_to_der(key.public)
            assert one.spki == spki and one.id == hashlib.sha256(spki).digest(), one
            assert one.key_type == KINDS[name] and one.cka_id == key.id, one
            assert one.certificates == [authority.pem_to_der(key.certificate)], one
            assert set(one.scheme_list()) <= set(SCHEMES) and one.schemes, one
            assert one.scheme_list()[0] == FIRST_SCHEME.get(name, one.scheme_list()[0]), one
    with tap.case("CERTIFICATES shows what belongs to no key"):
        mine = [one.label for one in client.certificates()]
        assert mine == [b"issuer"], mine
    with tap.case("a page from the middle has the rest, one from the end nothing"):
        generation, total, entries = client.page(protocol.IDENTITIES, 2, protocol.Identity)
        assert total == len(keys) and len(entries) == total - 2, (total, entries)
        again, _, nothing = client.page(protocol.IDENTITIES, total, protocol.Identity)
        assert again == generation and nothing == []
    with tap.case("TOKENS gives the URI that resolves"):
        uri = client.tokens()[0].uri
        assert client.resolve(uri + ";object=p256")[0].label == b"p256"


def resolves(tap, client, keys):
    key = keys["p256"]
    spki = authority.pem_to_der(key.public)
    leaf = authority.pem_to_der(key.certificate)
    names = {"URI by id": key.uri, "URI by object": "pkcs11:token=corp;object=p256;type=private",
             "hex id": hashlib.sha256(spki).hexdigest(), "short hex id":
             hashlib.sha256(spki).hexdigest()[:8], "label": "p256"}
    for what, name in names.items():
        with tap.case(f"RESOLVE by {what}"):
            identity, chain = client.resolve(name, 1)
            assert identity.spki == spki and chain[0] == leaf, identity
    with tap.case("RESOLVE completes the chain from the token"):
        _, chain = client.resolve("p256", 1)
        assert len(chain) == 2, len(chain)
    with tap.case("RESOLVE of a certificate without a key has a chain alone"):
        identity, chain = client.resolve("issuer", 2)
        assert identity is None and len(chain) == 1
    with tap.case("RESOLVE of nothing: NOT_FOUND with candidates"):
        error = refused("NOT_FOUND", client.resolve, "pkcs11:token=corp;object=nobody", 1)
        assert error.text.count("pkcs11:") > 2, error
    with tap.case("RESOLVE of many: AMBIGUOUS with candidates"):
        error = refused("AMBIGUOUS", client.resolve, "pkcs11:token=corp", 1)
        assert error.text.count("pkcs11:") > 2, error
    with tap.case("RESOLVE of no URI"):
        refused("INVALID", client.resolve, "pkcs11:object=%zz", 1)


def signs(tap, f, client, keys):
    message = b"a message " * 300
    for name, key in keys.items():
        identity, _ = client.resolve(key.uri, 1)
        for scheme in identity.scheme_list():
            with tap.case(f"SIGN with {name} in {scheme:#06x}"):
                verify(f, key, scheme, message, client.sign(identity.id, scheme, message))
                digest_name = SCHEMES[scheme][0]
                if digest_name:
                    digest = hashlib.new(digest_name, message).digest()
                    verify(f, key, scheme, message, client.sign(identity.id, scheme, digest, True))
    p256, _ = client.resolve("p256", 1)
    ed25519, _ = client.resolve("ed25519", 1)
    with tap.case("SIGN of nothing at all"):
        verify(f, keys["p256"], 0x0403, b"", client.sign(p256.id, 0x0403, b""))
    with tap.case("SIGN refuses a scheme of another key"):
        refused("SCHEME", client.sign, p256.id, 0x0804, b"x")
    with tap.case("SIGN refuses a digest of the wrong size"):
        refused("INVALID", client.sign, p256.id, 0x0403, b"x" * 31, True)
    with tap.case("SIGN refuses a digest for Ed25519"):
        try:
            client.sign(ed25519.id, 0x0807, b"x" * 64, True)
        except protocol.AgentError as error:
            assert error.name in ("SCHEME", "INVALID"), error
        else:
            raise AssertionError("signed")
    with tap.case("SIGN refuses an id that is not there"):
        refused("NOT_FOUND", client.sign, bytes(32), 0x0403, b"x")
    with tap.case("many SIGNs under way on one connection are all answered"):
        body = (protocol.blob(p256.id) + protocol.u16(0x0403) + protocol.u8(0) +
                protocol.blob(message))
        waiting = {client.post(protocol.SIGN, body) for _ in range(12)}
        while waiting:
            kind, request_id, reply = client.receive()
            waiting.remove(request_id)
            signature = client.open_reply(protocol.SIGN, kind, reply).bytes()
            verify(f, keys["p256"], 0x0403, message, signature)


def locks(tap, client, keys):
    def corp():
        return [one for one in client.tokens() if one.label == b"corp"][0]

    p256, _ = client.resolve("p256", 1)
    with tap.case("STATUS counts signatures and names the module's process"):
        status = client.status()
        assert status.signatures > 0 and status.clients >= 1 and status.pid > 1, status
        assert [(one.name, one.state) for one in status.modules] == [("softhsm", "running")], status
        os.kill(status.modules[0].pid, 0)
    with tap.case("USES counts by program; RECORD says where; CONSENTS are none, and cannot be revoked"):
        (program, (signatures, proven, denied)), = client.uses().items()
        assert "python" in program and 0 <= proven < signatures == status.signatures and denied == 0
        on, path, trouble, lost = client.record()
        assert (on, trouble, lost) == (1, "", 0) and path.endswith("/countersign/audit.jsonl"), path
        assert client.consents() == [] and client.revoke() == 0
        refused("NOT_FOUND", client.revoke, 7)
    with tap.case("POLICY tells the rules in their order; POLICY_CHECK what they come to"):
        loaded, error, rules = client.policy()
        assert loaded and not error and [rule[0] for rule in rules][:2] == ["tests", "default for tls"], rules
        assert rules[0][5:] == ("tls, csr, digest, data", "never", "", 0, len(keys)), rules
        assert rules[1][1] == "" and rules[1][8] == 2, rules
        verdict, rule, where, text = client.check(p256.uri, "/usr/bin/x", "data")
        assert (verdict, rule, where) == (0, "tests", rules[0][1]) and "'tests'" in text, text
        refused("INVALID", client.check, p256.uri, "/usr/bin/x", "proof")
        refused("NOT_FOUND", client.check, "nobody", "/usr/bin/x", "tls")
    with tap.case("LOCK answers with labels, and marks the token as held"):
        assert client.lock("corp") == ["corp"]
        assert not corp().has("unlocked") and corp().has("held"), corp()
        assert corp().why, "no reason given"
    with tap.case("SIGN on a locked token says how to unlock"):
        error = refused("LOCKED", client.sign, p256.id, 0x0403, b"x")
        assert "countersign unlock" in error.text and "corp" in error.text, error
    with tap.case("identities are still listed"):
        assert len(client.identities()) == len(keys)
    with tap.case("UNLOCK by prompt without a prompt: LOCKED"):
        refused("LOCKED", client.unlock, "corp", 0)
    with tap.case("UNLOCK with a wrong PIN: PIN_INCORRECT"):
        refused("PIN_INCORRECT", client.unlock_with, "corp", "9999")
    with tap.case("UNLOCK with an empty PIN is refused"):
        try:
            client.unlock_with("corp", "")
        except protocol.AgentError:
            pass
        else:
            raise AssertionError("unlocked")
    with tap.case("UNLOCK of an unknown token: NOT_FOUND"):
        refused("NOT_FOUND", client.unlock_with, "nobody", "1234")
    with tap.case("UNLOCK by a descriptor; one line end is no part of the PIN"):
        assert client.unlock_with("corp", "1234\n") == ["corp"]
        assert corp().has("unlocked") and not corp().has("held"), corp()
        assert client.sign(p256.id, 0x0403, b"x")
    with tap.case("LOCK without a name locks all"):
        assert client.lock() == ["corp"]


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        branch = f.authority("Branch", parent=ca)
        keys = {kind: token.identity(branch, kind, kind) for kind in KINDS}
        token.write_certificate(branch.certificate.read_text(), "issuer", b"\xca")
        agent = f.agent(rules=ANYTHING)
        client = protocol.Client(agent.socket)
        lists(tap, f, client, token, keys)
        resolves(tap, client, keys)
        with tap.case("UNLOCK by a descriptor"):
            assert client.unlock_with("corp", token.pin) == ["corp"]
        signs(tap, f, client, keys)
        locks(tap, client, keys)
        client.close()
    tap.done()


main()
