#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A module that crashes, hangs or will not start is restarted alone: other modules' users notice nothing."""
import os
import pathlib
import signal
import threading

import programs
import protocol_client as protocol
from fixture import Fixture
from tap import Skip, Tap, skip_all
from twins import PATIENCE, SCHEME, Twins


def crash_cases(tap, rig):
    with tap.case("both tokens sign"):
        for label in ("corp", "home"):
            rig.unlock(label)
            assert rig.sign(label)
    home = rig.module("home")
    for how in ("crash", "abort", "exit"):
        with tap.case(f"{how} in a signature: one clear error, then it is back and signs"):
            value = " 3" if how == "exit" else ""
            rig.corp.script("slot 0 token=corp", f"{how} C_Sign{value} once")
            before = rig.module("corp")
            error = protocol.error_of(rig.sign, "corp")
            assert error.name == "MODULE_FAILED" and "corp" in error.text, error
            rig.wait_for("a restart", lambda: rig.module("corp").restarts > before.restarts)
            rig.wait_for_token("corp")
            why = {one.label: one.why for one in protocol.Client(rig.agent.socket).tokens()}
            assert "started anew" in why[b"corp"] and "anew" not in why[b"home"], why
            rig.unlock("corp")
            assert rig.sign("corp")
    with tap.case("a host that was started meanwhile holds no client's connection"):
        if os.geteuid() != 0:
            raise Skip("only root sees the descriptors of a process that is not dumpable")
        opened = pathlib.Path(f"/proc/{rig.module('corp').pid}/fd")
        sockets = [fd.name for fd in opened.iterdir() if os.readlink(fd).startswith("socket:")]
        assert sockets == ["3"], sockets  # to the agent
    with tap.case("the other module never noticed"):
        assert rig.module("home") == home
        assert rig.sign("home")
    with tap.case("no zombie is left"):
        rig.wait_for("reaping", lambda: not rig.f.run(
            ["ps", "--ppid", str(rig.agent.process.pid), "-o", "stat="]).stdout.count("Z"))


def sign_many(rig, label, n, results):
    """n signatures on a connection of its own; errors by name."""
    client = protocol.Client(rig.agent.socket)
    for _ in range(n):
        try:
            rig.sign(label, client)
            results.append("signed")
        except protocol.AgentError as error:
            results.append(error.name)


def load_case(tap, rig):
    rig.begin_anew()
    with tap.case("a crash among 10 programs harms none of the other module's 10"):
        rig.corp.script("slot 0 token=corp", "crash C_Sign at=40 once")
        ours, theirs = [], []
        threads = [threading.Thread(target=sign_many, args=(rig, label, 10, results))
                   for label, results in (("corp", ours), ("home", theirs)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE * 2)
            assert not thread.is_alive(), "a program hangs"
        assert theirs == ["signed"] * 100, theirs
        # 39 were made; the answers of some may have been under way.
        assert len(ours) == 100 and ours.count("signed") >= 29, ours
        # After the restart it is locked, or not there yet.
        assert set(ours) <= {"signed", "MODULE_FAILED", "LOCKED", "NOT_FOUND", "TOKEN_ABSENT"}, set(ours)
        rig.corp.wait("@crash")
    with tap.case("and after an unlock it signs again"):
        rig.wait_for_token("corp")
        rig.unlock("corp")
        assert rig.sign("corp")


def start_case(tap, rig):
    rig.begin_anew()
    with tap.case("a module that will not start is tried again until it does"):
        rig.corp.clear()
        rig.corp.script("slot 0 token=corp", "crash C_Initialize once", "crash C_Sign once")
        protocol.error_of(rig.sign, "corp")
        rig.corp.wait("@crash", 2)
        assert rig.sign("home")
        rig.wait_for_token("corp")
        rig.unlock("corp")
        assert rig.sign("corp")


def hang_case(tap, rig):
    rig.begin_anew()
    with tap.case("a signature that hangs holds up nobody else"):
        rig.corp.script("slot 0 token=corp", "hang C_Sign once")
        results = []
        stuck = threading.Thread(target=sign_many, args=(rig, "corp", 1, results))
        stuck.start()
        rig.corp.wait("@hang")
        assert rig.sign("home") and rig.sign("corp")
        assert not results
        rig.corp.script("slot 0 token=corp")
        stuck.join(PATIENCE)
        assert results == ["signed"], results


def reader_case(tap, rig):
    with tap.case("many programs wait for one PIN on the reader"):
        rig.client.lock("corp")
        rig.corp.clear()
        rig.corp.script("slot 0 token=corp keypad")
        results = []
        threads = [threading.Thread(target=sign_many, args=(rig, "corp", 1, results))
                   for _ in range(5)]
        unlocking = threading.Thread(
            target=lambda: protocol.Client(rig.agent.socket).unlock("corp"))
        unlocking.start()
        rig.corp.wait("@keypad")
        for thread in threads:
            thread.start()
        assert rig.sign("home")
        rig.corp.type(0, rig.tokens["corp"].pin)
        for thread in [unlocking, *threads]:
            thread.join(PATIENCE)
        assert len(results) == 5, results
        assert rig.corp.count("C_Login", user="USER") == 1
        assert rig.sign("corp")


def pull_case(tap, rig):
    with tap.case("a token that was pulled is named, and signs when it is back"):
        rig.corp.script("slot 0 absent gone=CKR_DEVICE_REMOVED")
        key = rig.key("corp")
        error = protocol.error_of(rig.client.sign, key, SCHEME, b"message")
        assert error.name == "TOKEN_ABSENT" and "corp" in error.text, error
        assert rig.sign("home")
        rig.corp.script("slot 0 token=corp")
        rig.agent.process.send_signal(signal.SIGHUP)
        # The picture from before it was pulled may still be there, and says that it is unlocked.
        rig.wait_for("a new picture", lambda: any(
            token.label == b"corp" and not token.has("unlocked") for token in rig.client.tokens()))
        rig.unlock("corp")
        assert rig.sign("corp")


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "ps")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        rig = Twins(f)
        tap.diagnose = rig.tail
        crash_cases(tap, rig)
        load_case(tap, rig)
        start_case(tap, rig)
        hang_case(tap, rig)
        reader_case(tap, rig)
        pull_case(tap, rig)
        with tap.case("no module was called against its word"):
            rig.check()
    tap.done()


main()
