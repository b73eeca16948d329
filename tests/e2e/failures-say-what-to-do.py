#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each failure reaches the person in what the program prints, with what to do next."""
import os
import re
import socket

import programs
import secrecy
from fixture import Fixture
from tap import Skip, Tap, skip_all

PIN = "Pin-7351"  # as nothing else in a log looks
NOBODY = 65534
PYTHON = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[1])
context.load_cert_chain(sys.argv[2])
print(urllib.request.urlopen(sys.argv[3], context=context).read().decode())
"""


class Client:
    """The same request by three programs, each with what it prints when it cannot."""

    def __init__(self, f, server, key, reference):
        self.f, self.server, self.key, self.reference = f, server, key, reference
        self.environment = {}

    def curl(self):
        return self.f.curl(self.server, self.reference, self.reference,
                           environment=self.environment)

    def s_client(self, uri=None):
        return self.f.s_client(self.server, "-cert", self.reference, "-key", uri or self.reference,
                               environment=self.environment)

    def python(self):
        return self.f.run(["python3", "-c", PYTHON, self.server.ca.certificate, self.reference,
                           self.server.url], provider=True, environment=self.environment)


def says(seen, *patterns):
    """The program failed and said all this."""
    assert seen.returncode != 0 and not getattr(seen, "answer", None), seen
    for pattern in patterns:
        assert re.search(pattern, seen.stderr), (pattern, seen)


PROGRAMS = ("curl", "s_client", "python")


def all_say(tap, when, client, *patterns):
    """What keeps the token's key from signing, in the output of each program."""
    for program in PROGRAMS:
        with tap.case(f"{when}: {program}"):
            seen = getattr(client, program)()
            says(seen, *patterns)
            assert "unable to set private key" not in seen.stderr, seen
            assert "FileNotFoundError" not in seen.stderr, seen


def locked(tap, agent, token, client):
    for when in ("locked at first", "locked by `countersign lock`"):
        all_say(tap, when, client, "token 'corp' is locked: run 'countersign unlock corp'")
        agent.unlock(token)
        with tap.case(f"{when}: unlocked, all three get in"):
            for program in PROGRAMS:
                seen = getattr(client, program)()
                assert seen.returncode == 0 and "CN=alice" in seen.stdout, seen
        agent.cli("lock", check=True)


def cancelled(tap, agent, pinentry, client):
    with tap.case("no terminal and no display to ask at: locked, and nobody is asked"):
        says(client.curl(), "countersign unlock")
        assert pinentry.questions() == 0, pinentry.asked()
    client.environment = {"DISPLAY": ":99"}
    with tap.case("a cancelled PIN: curl"):
        pinentry.answer("cancel")
        says(client.curl(), "cancel")
    with tap.case("a cancelled PIN: s_client"):
        says(client.s_client(), "cancel", "corp")
    with tap.case("a wrong PIN: s_client"):
        pinentry.answer("pin:wrong", "cancel")
        says(client.s_client(), "cancel")
        assert "SETERROR The PIN was wrong" in pinentry.asked(), pinentry.asked()
    with tap.case("the right PIN, and the page"):
        asked = pinentry.questions()
        pinentry.answer("pin:" + PIN)
        seen = client.curl()
        assert seen.answer and "CN=alice" in seen.answer["dn"], seen
        assert pinentry.questions() == asked + 1
    with tap.case("asked once, not for each program"):
        asked = pinentry.questions()
        assert client.s_client().answer and client.python().returncode == 0
        assert pinentry.questions() == asked
    with tap.case("the prompt names the token"):
        assert "corp" in pinentry.asked()
    with tap.case("the PIN is in no log"):
        assert PIN not in agent.log() and "wrong" not in agent.log()


def unknown(tap, agent, client):
    with tap.case("an unknown URI: candidates are listed"):
        says(client.s_client("pkcs11:token=corp;object=nobody"), "alice", "bob")
    with tap.case("an ambiguous URI: candidates are listed"):
        says(client.s_client("pkcs11:token=corp"), "alice", "bob")
    with tap.case("a URI that is none"):
        says(client.s_client("pkcs11:object=%zz"), "no pkcs11: URI as RFC 7512 wants it", "countersign list")
    with tap.case("an unknown name at the command line: candidates are listed"):
        says(agent.cli("show", "nobody"), "nobody", "countersign list|alice")


def gone(tap, f, agent, token, client):
    """The key of a reference is deleted, and then another one gets its name."""
    carol = token.identity(client.server.ca, "p256", "carol")
    agent.cli("refresh", check=True)
    stale = Client(f, client.server, carol, f.reference(agent, carol))
    for kind in ("privkey", "pubkey", "cert"):
        token.delete(kind, carol.id)
    agent.cli("refresh", check=True)
    all_say(tap, "an unknown key", stale, "no token here has the key",
            "countersign list", "token=corp;object=carol")
    token.identity(client.server.ca, "p256", "carol", id=carol.id)
    agent.cli("refresh", check=True)
    all_say(tap, "another key by that name", stale, "write the file again with 'countersign pem'")


def no_agent(tap, agent, client):
    agent.stop()
    all_say(tap, "no agent", client, "no Countersign agent answers", "countersign-agent")
    with tap.case("no agent: the command line, with a status of its own"):
        seen = agent.cli("status")
        says(seen, "countersign-agent")
        assert seen.returncode == 3, seen
    with tap.case("no agent: whoever uses no key of ours does not notice"):
        cert, key = client.server.ca.issue_file("carol", "/CN=carol")
        seen = client.f.curl(client.server, cert, key)
        assert seen.answer and seen.answer["dn"] == "CN=carol", seen


def other_user(tap, f, client):
    """A socket at our place that somebody else listens at must get nothing."""
    path = f.runtime / "countersign/agent.sock"
    if os.geteuid() != 0:
        with tap.case("another user's socket"):
            raise Skip("only root can become another user")
        return
    path.unlink(missing_ok=True)
    child = listen_as(path, NOBODY)
    try:
        all_say(tap, "another user's socket", client, "belongs to uid 65534", "COUNTERSIGN_SOCKET")
        with tap.case("another user's socket: the command line"):
            says(client.f.run([programs.CLI, "status"]), "belongs to uid 65534")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        path.unlink(missing_ok=True)


def listen_as(path, uid):
    """A process of that user that accepts and says nothing; back when it listens."""
    ready, done = os.pipe()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    child = os.fork()
    if child == 0:
        try:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            os.chmod(path, 0o777)
            os.setuid(uid)
            listener.listen()
            os.write(done, b"x")
            kept = []
            while True:
                kept.append(listener.accept())
        finally:
            os._exit(1)
    os.close(done)
    assert os.read(ready, 1) == b"x", "the other user does not listen"
    os.close(ready)
    return child


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp", PIN)
        alice = token.identity(ca, "p256", "alice")
        token.identity(ca, "p256", "bob")
        server, pinentry = f.server(ca), f.pinentry("cancel")
        agent = f.agent()
        client = Client(f, server, alice, f.reference(agent, alice))
        locked(tap, agent, token, client)
        unknown(tap, agent, client)
        agent.unlock(token)
        gone(tap, f, agent, token, client)
        agent.stop()
        agent = f.agent(pinentry=pinentry)
        cancelled(tap, agent, pinentry, client)
        no_agent(tap, agent, client)
        other_user(tap, f, client)
        with tap.case("no private key is in any file"):
            assert secrecy.private_keys(f) == [] and secrecy.left_token(token) == []
    tap.done()


main()
