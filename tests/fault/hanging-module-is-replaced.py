#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A module that never comes back from a call: its requests end at a deadline, and it is replaced."""
import os

import programs
import protocol_client as protocol
from fixture import Fixture
from tap import Tap, skip_all
from twins import Twins

# A login may take what people may take on top.
DEADLINE = "module-timeout = 2s\nprompt-timeout = 1"


def hang(tap, twins, function, request):
    """The request that calls the function ends; then all is as before."""
    with tap.case(f"{function} never returns: who waits is told, and of which module"):
        twins.corp.clear()
        before = twins.module("corp")
        twins.corp.script("slot 0 token=corp", f"hang {function} forever once")
        error = protocol.error_of(request)
        assert error.name == "MODULE_FAILED" and "'corp'" in error.text and "hung" in error.text, error
        tap.comment(f"read by a user: {error}")
        assert twins.corp.count("@hang") == 1
    with tap.case(f"{function} never returns: the host is replaced, and the token signs after an unlock"):
        twins.wait_for("a restart", lambda: twins.module("corp").restarts > before.restarts)
        assert not os.path.exists(f"/proc/{before.pid}"), "the one that hung is still there"
        twins.wait_for_token("corp")
        twins.unlock("corp")
        assert twins.sign("corp")


def start(tap, twins):
    with tap.case("C_Initialize never returns: the other token is served, and the next start is good"):
        twins.corp.clear()
        twins.corp.script("slot 0 token=corp", "hang C_Initialize forever once")
        os.kill(twins.module("corp").pid, 9)
        twins.corp.wait("@hang")
        assert twins.sign("home")
        twins.wait_for_token("corp")
        twins.unlock("corp")
        assert twins.sign("corp")


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        twins = Twins(f, settings=DEADLINE)
        tap.diagnose = twins.tail
        for label in twins.tokens:
            twins.unlock(label)
        home = twins.module("home")
        hang(tap, twins, "C_Sign", lambda: twins.sign("corp"))
        twins.client.lock("corp")
        hang(tap, twins, "C_Login", lambda: twins.unlock("corp"))
        start(tap, twins)
        with tap.case("the other module never noticed"):
            assert twins.module("home") == home
            assert twins.sign("home")
    tap.done()


main()
