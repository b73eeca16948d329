#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever lies where COUNTERSIGN_SOCKET points: programs end by themselves, and say what is wrong."""
import os
import socket
import threading

import programs
from fixture import Fixture
from tap import Tap, skip_all

RUBBISH = os.urandom(64) + b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"\0" * 200


class Listener:
    """Somebody else's idea of an agent. play: what is done with who connects; None: nobody is taken in."""

    def __init__(self, path, play):
        self.play, self.kept = play, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(0 if play is None else 16)
        if play is None:
            self._fill(path)
        else:
            threading.Thread(target=self._accept, daemon=True).start()

    def _fill(self, path):
        """Until the kernel lets nobody else wait."""
        while True:
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            self.kept.append(one)
            try:
                one.connect(str(path))
            except BlockingIOError:
                return

    def _accept(self):
        while True:
            peer, _ = self.socket.accept()
            self.kept.append(peer)
            self.play(peer)


def talk(peer):
    try:
        peer.sendall(RUBBISH)
    except OSError:
        pass


def make(f, what):
    """The value of COUNTERSIGN_SOCKET for it."""
    path = f.path(f"hostile-{what.replace(' ', '-')}"[:60])
    listeners = {"a socket that says nothing": lambda peer: None, "a socket that takes nobody in": None,
                 "a socket that hangs up": lambda peer: peer.close(), "a socket that talks rubbish": talk}
    if what in listeners:
        make.kept.append(Listener(path, listeners[what]))
    elif what == "a directory":
        path.mkdir()
    elif what == "a FIFO":
        os.mkfifo(path)
    elif what == "an ordinary file":
        path.write_text("precious")
    elif what == "a link to nothing":
        path.symlink_to("/nonexistent/agent.sock")
    elif what == "a link to itself":
        path.symlink_to(path)
    elif what == "a datagram socket":
        make.kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        make.kept[-1].bind(str(path))
    elif what == "a path of 300 octets":
        return "/" + "x" * 299
    elif what == "a relative path":
        return "agent.sock"
    return str(path)


make.kept = []
AT_ONCE = ("nothing", "a directory", "a FIFO", "an ordinary file", "a link to nothing", "a link to itself",
           "a datagram socket", "a path of 300 octets", "a relative path", "a socket that hangs up",
           "a socket that talks rubbish")
# Whoever meets these waits until it is clear that nobody is there.
SILENT = ("a socket that says nothing", "a socket that takes nobody in")


class Users:
    """What people run, each with what it must come to."""

    def __init__(self, f):
        self.f = f
        ca = f.authority("Office")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        agent = f.agent()
        self.server = f.server(ca)
        self.reference = f.reference(agent, alice)
        agent.stop()
        self.sentences = set()

    def all(self, path):
        return [lambda: self.command_line(path), lambda: self.provider(path), lambda: self.module(path),
                lambda: self.preload(path)]

    def ended(self, seen):
        assert 0 <= seen.returncode < 126, seen
        assert "Sanitizer" not in seen.stderr and "runtime error" not in seen.stderr, seen
        return seen

    def command_line(self, path):
        seen = self.ended(self.f.run([programs.CLI, "list"], environment={"COUNTERSIGN_SOCKET": path}))
        assert seen.returncode != 0 and seen.stderr.count("\n") < 4, seen
        assert "agent" in seen.stderr or "COUNTERSIGN_SOCKET is no absolute path" in seen.stderr, seen
        self.sentences.add(seen.stderr.strip())

    def provider(self, path):
        seen = self.ended(self.f.s_client(self.server, "-cert", self.reference, "-key", self.reference,
                                          environment={"COUNTERSIGN_SOCKET": path}))
        assert not seen.answer, seen
        assert "agent" in seen.stderr or "COUNTERSIGN_SOCKET is no absolute path" in seen.stderr, seen

    def module(self, path):
        environment = {"COUNTERSIGN_SOCKET": path}
        if programs.SANITIZE:
            environment["LD_PRELOAD"] = programs.sanitizer_library()
        self.ended(self.f.run(["pkcs11-tool", "--module", programs.PKCS11, "--list-objects"],
                              environment=environment))

    def preload(self, path):
        """It shows no certificate, as without us."""
        before = programs.sanitizer_library() + ":" if programs.SANITIZE else ""
        seen = self.ended(self.f.s_client(self.server, provider=False, environment={
            "COUNTERSIGN_SOCKET": path, "LD_PRELOAD": f"{before}{programs.PRELOAD}"}))
        assert "400 No required SSL certificate was sent" in seen.stdout, seen


def side_by_side(calls):
    """Runs all at the same time; what went wrong."""
    failures = []

    def run(call):
        try:
            call()
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)
    threads = [threading.Thread(target=run, args=[call], daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive(), "a program hangs"
    return failures


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        users = Users(f)
        for what in AT_ONCE:
            with tap.case(f"{what}: command line, provider, PKCS#11 module, preload library"):
                path = make(f, what)
                for user in users.all(path):
                    user()
        with tap.case("nothing was done to what was there"):
            assert f.path("hostile-an-ordinary-file").read_text() == "precious"
            assert not os.listdir(f.path("hostile-a-directory"))
        with tap.case(f"{' and '.join(SILENT)}: nobody waits for ever"):
            failures = side_by_side([user for what in SILENT for user in users.all(make(f, what))])
            assert not failures, failures
        for sentence in sorted(users.sentences):
            tap.comment(f"read by a user: {sentence}")
    tap.done()


main()
