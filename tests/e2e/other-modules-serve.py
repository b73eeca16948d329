#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same with modules that are not SoftHSM: a TPM, NSS's key database, a token behind p11-kit.

The TPM is swtpm, under tpm2-pkcs11.
"""
import os
import signal

import programs
import softhsm
from fixture import ANYTHING, Fixture
from tap import Skip, Tap, skip_all
from wait import wait

TPM = programs.library("pkcs11/libtpm2_pkcs11.so")
NSS = programs.library("libsoftokn3.so", "nss/libsoftokn3.so")
REMOTE = programs.library("pkcs11/p11-kit-client.so")
VERSIONS = {"1.2": ("--tlsv1.2", "--tls-max", "1.2"), "1.3": ("--tlsv1.3",)}
KINDS = ("p256", "rsa2048")


class Daemon:
    """What is behind a module, and may be away for a while."""

    def __init__(self, f, argv, socket):
        self.f, self.argv, self.socket = f, argv, socket
        self.start()

    def start(self):
        self.process = self.f.start(self.argv, log=self.f.path("daemon.log"), start_new_session=True)
        wait(self.socket.exists, self.socket)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)  # with a process for each connection, if it has such
        self.process.wait()
        self.socket.unlink(missing_ok=True)


class Tpm(softhsm.Token):
    """A TPM 2.0, new from the factory, and a token on it."""
    name, module, served = "a TPM", TPM, TPM

    def __init__(self, f):  # pylint: disable=super-init-not-called
        self.fixture, self.label, self.pin, self._next_id = f, "corp", "1234", 1
        state, store = f.path("tpm"), f.path("store")
        for folder in (state, store):
            folder.mkdir()
        socket, control = f.path("tpm.sock"), f.path("tpm.sock.ctrl")
        self.daemon = Daemon(f, ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}",
                                 "--server", f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={control}",
                                 "--flags", "not-need-init,startup-clear"], control)
        f.environment.update(TPM2_PKCS11_TCTI=f"swtpm:path={socket}", TPM2_PKCS11_STORE=str(store),
                             TPM2_PKCS11_BACKEND="esysdb")
        tool = ["pkcs11-tool", "--module", TPM]
        f.run([*tool, "--slot-index", "0", "--init-token", "--label", "corp", "--so-pin", "12345678"], check=True)
        f.run([*tool, "--token-label", "corp", "--login", "--login-type", "so", "--so-pin", "12345678",
               "--init-pin", "--new-pin", self.pin], check=True)


class Remote:
    """A token of another machine, as p11-kit makes it known."""
    name, served, label, pin = "a token behind p11-kit", REMOTE, "corp", "1234"

    def __init__(self, f):
        self.identity = f.token(self.label, self.pin).identity
        address = f.path("p11-kit.sock")
        self.daemon = Daemon(f, ["p11-kit", "server", "--foreground", "--name", address, "--provider",
                                 programs.SOFTHSM, "pkcs11:token=corp"], address)
        f.environment["P11_KIT_SERVER_ADDRESS"] = f"unix:path={address}"


class Nss:
    """The key database of a Firefox or Thunderbird, with its password."""
    name, label, pin, daemon = "NSS's key database", "NSS Certificate DB", "1234", None

    def __init__(self, f):
        self.f, self.folder = f, f.path("nss")
        self.folder.mkdir()
        self.password, self.noise = f.scratch(self.pin), f.scratch(bytes(range(64)))
        self.served = f"{NSS}\ninit-args = configdir='sql:{self.folder}' certPrefix='' keyPrefix='' secmod='secmod.db'"
        self.certutil("-N")

    def certutil(self, *arguments):
        return self.f.run(["certutil", *arguments, "-d", f"sql:{self.folder}", "-f", self.password], check=True)

    def identity(self, ca, kind, label):
        request, key = self.f.path(f"{label}.csr"), ["-k", "rsa", "-g", "2048"]
        if kind == "p256":
            key = ["-k", "ec", "-q", "nistp256"]
        self.certutil("-R", *key, "-s", f"CN={label},O=Countersign Test", "-a", "-o", request, "-z", self.noise)
        public = self.f.run(["openssl", "req", "-in", request, "-noout", "-pubkey"], check=True).stdout
        certificate = ca.issue(public, f"/O=Countersign Test/CN={label}")
        self.certutil("-A", "-n", label, "-t", "u,u,u", "-a", "-i", self.f.scratch(certificate))
        return softhsm.Key(self, kind, label, b"", public)


def subjects(tap):
    """What is there of them, each with a fixture of its own."""
    needs = ((Tpm, "tpm2-pkcs11 and swtpm", TPM and programs.find("swtpm")),
             (Remote, "p11-kit-client", REMOTE and programs.find("p11-kit")),
             (Nss, "NSS", NSS and programs.find("certutil")))
    for subject, what, there in needs:
        if not there:
            with tap.case(f"{subject.name} serves"):
                raise Skip(f"{what} is not there")
            continue
        with Fixture() as f:
            tap.diagnose = f.diagnose
            yield f, subject(f)


def gets_in(f, server, reference, label, arguments=()):
    shown = f.curl(server, reference, reference, *arguments)
    assert shown.answer and shown.answer["dn"] == f"CN={label},O=Countersign Test", shown
    return True


def serves(tap, f, token):
    ca = f.authority("Office")
    server = f.server(ca)
    for kind in KINDS:
        token.identity(ca, kind, kind)
    agent = f.agent(modules={"it": token.served}, rules=ANYTHING)
    references = {}
    with tap.case(f"{token.name}: a wrong PIN is refused, the right one taken"):
        refused = agent.unlock_with(token.label, "4321", check=False)
        assert refused.returncode != 0 and "the PIN was refused" in refused.stderr, refused
        agent.unlock_with(token.label, token.pin)
        for kind in KINDS:
            references[kind] = f.path(f"{kind}-reference.pem")
            agent.cli("pem", kind, "--output", str(references[kind]), check=True)
    for kind in KINDS:
        # A TPM alone has room for one key, and what belongs to it; the system's resource manager for many.
        agent.restart()
        agent.unlock_with(token.label, token.pin)
        for version, arguments in VERSIONS.items():
            with tap.case(f"{token.name}: {kind} gets in, TLS {version}"):
                gets_in(f, server, references[kind], kind, arguments)
    with tap.case(f"{token.name}: locked it does not, unlocked it does"):
        agent.restart()
        agent.unlock_with(token.label, token.pin)
        agent.cli("lock", token.label, check=True)
        shown = f.curl(server, references["p256"], references["p256"])
        assert not shown.answer and "is locked" in shown.stderr, shown
        agent.unlock_with(token.label, token.pin)
        gets_in(f, server, references["p256"], "p256")
    if token.daemon:
        comes_back(tap, f, token, agent, server, references["p256"])


def comes_back(tap, f, token, agent, server, reference):
    with tap.case(f"{token.name}: what is behind the module went; one clear error"):
        token.daemon.stop()
        shown = f.curl(server, reference, reference)
        assert not shown.answer and "module 'it' failed (it has lost token 'corp'" in shown.stderr, shown
        tap.comment(f"read by a user: {shown.stderr.strip()}")
    with tap.case(f"{token.name}: it is back: a refresh, a PIN, and the key gets in"):
        token.daemon.start()

        def is_back():
            agent.cli("refresh")
            return agent.unlock_with(token.label, token.pin, check=False).returncode == 0
        wait(is_back, "the token")
        gets_in(f, server, reference, "p256")


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    for f, token in subjects(tap):
        serves(tap, f, token)
    tap.done()


main()
