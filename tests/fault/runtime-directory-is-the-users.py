#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Links, foreign owners and open doors where the agent keeps its files: it refuses, says so, and touches
nothing of what they lead to."""
import os
import shutil
import stat

import programs
import protocol_client as protocol
from fixture import ANYTHING, Fixture
from tap import Skip, Tap, skip_all

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
NOBODY = 65534


class Place:
    """A runtime directory that somebody has prepared, and an agent that is to start in it."""

    def __init__(self, f):
        self.f = f
        self.folder = f.runtime / "countersign"
        self.victim = f.path("victim")
        self.conf = f.path("agent.conf")
        self.conf.write_text(f"[agent]\nprompt = never\n[module \"softhsm\"]\npath = {programs.SOFTHSM}\n")

    def prepare(self):
        if self.folder.is_symlink():
            self.folder.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.victim, ignore_errors=True)
        self.victim.mkdir(mode=0o700)
        (self.victim / "precious").write_text("precious")

    def refuses(self, *words):
        """The agent ends, with these words."""
        seen = self.f.run([programs.AGENT, "--config", self.conf, "--token-host", programs.TOKEN_HOST,
                           "--prompt", programs.PROMPT], timeout=30)
        assert seen.returncode == 1, seen
        assert all(word in seen.stderr for word in words), seen
        self.is_unharmed()
        return seen.stderr.strip()

    def is_unharmed(self):
        assert os.listdir(self.victim) == ["precious"]
        assert (self.victim / "precious").read_text() == "precious"

    def folder_is(self, mode=0o700):
        self.folder.mkdir()
        self.folder.chmod(mode)
        return self.folder


def refusals(tap, p):
    def case(name):
        p.prepare()
        return tap.case(name)

    with case("the directory is a link to another of the user's"):
        p.folder.symlink_to(p.victim)
        tap.comment(p.refuses("symbolic link"))
    with case("the directory is open to others"):
        for mode in (0o701, 0o710, 0o770, 0o777, 0o1777):
            shutil.rmtree(p.folder, ignore_errors=True)
            p.folder_is(mode)
            said = p.refuses("open to others", "chmod 700")
        tap.comment(said)
    with case("the directory is another user's"):
        if os.geteuid() != 0:
            raise Skip("only root can give a directory away")
        os.chown(p.folder_is(), NOBODY, NOBODY)
        tap.comment(p.refuses("another user"))
    with case("the socket is a link to a file"):
        (p.folder_is() / "agent.sock").symlink_to(p.victim / "precious")
        tap.comment(p.refuses("no socket", "move it away"))
    with case("the socket is a link to a place where there is nothing"):
        (p.folder_is() / "agent.sock").symlink_to(p.victim / "new")
        p.refuses("no socket", "move it away")
    with case("the lock is a link to a file"):
        (p.folder_is() / "agent.sock.lock").symlink_to(p.victim / "precious")
        tap.comment(p.refuses("agent.sock.lock"))
    with case("the lock is a link to a place where there is nothing"):
        (p.folder_is() / "agent.sock.lock").symlink_to(p.victim / "new")
        p.refuses("agent.sock.lock")
    with case("the runtime directory does not exist"):
        seen = p.f.run([programs.AGENT, "--config", p.conf, "--token-host", programs.TOKEN_HOST, "--prompt",
                        programs.PROMPT], environment={"XDG_RUNTIME_DIR": str(p.f.path("no/such"))}, timeout=30)
        assert seen.returncode == 1 and "XDG_RUNTIME_DIR" in seen.stderr, seen
    p.prepare()


def modes(tap, f, p):
    state = f.path("state")
    with tap.case("whatever the umask is: directories, socket and record are for their owner alone"):
        before = os.umask(0)
        try:
            agent = f.agent(rules=ANYTHING, environment={"XDG_STATE_HOME": str(state)})
        finally:
            os.umask(before)
        client = protocol.Client(agent.socket)
        client.unlock_with("corp", "1234")
        alice, _chain = client.resolve("alice", 1)
        client.sign(alice.id, SCHEME, b"x")
        for path in (p.folder, agent.socket, state / "countersign", state / "countersign/audit.jsonl"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, (path, oct(path.stat().st_mode))
    with tap.case("a record that is open to others from before is closed to them"):
        record = state / "countersign/audit.jsonl"
        record.unlink()
        record.touch()
        record.chmod(0o666)
        client.sign(alice.id, SCHEME, b"x")
        client.status()  # its line comes behind the signature
        assert record.stat().st_size > 0 and stat.S_IMODE(record.stat().st_mode) == 0o600, oct(record.stat().st_mode)
    with tap.case("the record is made a link while the agent runs: it is not followed, and the user is told"):
        record.unlink()
        record.symlink_to(p.victim / "precious")
        client.sign(alice.id, SCHEME, b"x")
        assert client.record()[2], "no trouble"
        tap.comment(client.record()[2])
        p.is_unharmed()
    with tap.case("the socket is replaced while the agent runs: it leaves the place, and what is there now stays"):
        agent.socket.unlink()
        agent.socket.symlink_to(p.victim / "precious")
        agent.process.wait(20)
        assert agent.socket.is_symlink()
        p.is_unharmed()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        p = Place(f)
        refusals(tap, p)
        modes(tap, f, p)
    tap.done()


main()
