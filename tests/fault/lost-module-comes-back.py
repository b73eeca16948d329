#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A module that has lost what is behind it, or sees its tokens but once: a new process of it does."""
import contextlib
import itertools
import json
import os
import select
import signal

import programs
import protocol_client as protocol
from fault import Fault
from fixture import Fixture
from tap import Tap, skip_all
from twins import Twins

REFRESH = 0x000B
CORP = "slot 0 token=corp"
LOST = (CORP, "fail C_Sign CKR_GENERAL_ERROR elder", "fail C_GenerateRandom CKR_GENERAL_ERROR elder")


def refresh(twins):
    twins.client.ask(REFRESH).end()


def never_unlocked(twins, label):
    """Its process is another, which knows of no login."""
    before = twins.module(label)
    os.kill(before.pid, signal.SIGKILL)
    twins.wait_for("another process", lambda: twins.module(label).restarts > before.restarts)
    twins.wait_for_token(label)


def renewed(twins, label):
    """A refresh starts it anew, unless that was done just now."""
    before = twins.module(label)

    def is_another():
        refresh(twins)
        return twins.module(label).pid != before.pid
    twins.wait_for("another process", is_another)
    after = twins.module(label)
    assert after.state == "running" and after.restarts == before.restarts, (before, after)


def never_ready(tap):
    with tap.case("one that hangs from the start keeps no refresh"), Fixture() as f:
        fault = Fault(f.path("control"))
        fault.script(CORP, "hang C_Initialize")
        agent = f.agent(modules={"fault": fault.module}, environment=fault.environment)
        with contextlib.closing(protocol.Client(agent.socket)) as client:
            client.ask(REFRESH).end()
            assert client.status().modules[0].state == "starting"


def unloadable(tap, twins):
    with tap.case("one that cannot be had here is tried, and fails no refresh"):
        before = twins.module("missing")

        def is_tried():
            refresh(twins)
            return twins.module("missing").restarts > before.restarts
        twins.wait_for("another try", is_tried)
        assert twins.module("missing").state != "running"


def lost(tap, twins):
    with tap.case("what is behind the module went: one clear error, and a new process signs"):
        before = twins.module("corp")
        twins.corp.script(*LOST)
        error = protocol.error_of(twins.sign, "corp")
        assert error.name == "MODULE_FAILED" and "lost token 'corp' (CKR_GENERAL_ERROR)" in error.text, error
        tap.comment(f"read by a user: {error}")
        twins.wait_for_token("corp")
        twins.unlock("corp")
        assert twins.sign("corp")
        after = twins.module("corp")
        assert after.restarts == before.restarts + 1, (before, after)
    with tap.case("one whose source of random numbers never works is given up for that but once"):
        before, silent = twins.module("corp"), (CORP, "fail C_GenerateRandom CKR_GENERAL_ERROR")
        twins.corp.script(*silent, "fail C_Sign CKR_FUNCTION_FAILED")
        assert protocol.error_of(twins.sign, "corp").name == "MODULE_FAILED"
        twins.corp.script(*silent)
        twins.wait_for_token("corp")
        twins.unlock("corp")
        assert twins.sign("corp")
        twins.corp.script(*silent, "fail C_Sign CKR_FUNCTION_FAILED")
        for _ in range(3):
            assert protocol.error_of(twins.sign, "corp").name == "TOKEN_FAILED"
        assert twins.module("corp").restarts == before.restarts + 1
    with tap.case("its slots cannot be listed any more: what is unlocked signs, and a lock lets a refresh mend it"):
        before = twins.module("corp")
        twins.corp.script(CORP, "fail C_GetSlotList CKR_DEVICE_ERROR elder")
        for _ in range(3):
            assert "cannot list its slots" in protocol.error_of(refresh, twins).text
        assert twins.sign("corp") and twins.module("corp").pid == before.pid
        twins.client.lock("corp")
        twins.wait_for("a refresh", lambda: not error_or_nothing(refresh, twins))
        twins.wait_for_token("corp")
        twins.unlock("corp")
        assert twins.sign("corp") and twins.module("corp").pid != before.pid


def refreshed(tap, twins):
    with tap.case("a refresh leaves a module alone of which a token is unlocked"):
        pids = [twins.module(label).pid for label in twins.tokens]
        refresh(twins)
        assert pids == [twins.module(label).pid for label in twins.tokens]
        assert twins.sign("corp") and twins.sign("home")
    with tap.case("or whose private keys were seen, which it would forget"):
        corp = twins.module("corp")
        twins.client.lock("corp")
        never_unlocked(twins, "home")
        renewed(twins, "home")
        assert twins.module("corp") == corp
        twins.unlock("home")
    with tap.case("of one that was never unlocked it starts a new process, and that is locked"):
        home = twins.module("home")
        never_unlocked(twins, "corp")
        renewed(twins, "corp")
        assert protocol.error_of(twins.sign, "corp").name == "LOCKED"
        twins.unlock("corp")
        assert twins.sign("corp")
        assert twins.module("home") == home
    with tap.case("one that knows of a refused PIN it leaves alone, and so the PIN is sent once"):
        never_unlocked(twins, "corp")
        never_unlocked(twins, "home")
        renewed(twins, "corp")
        corp, sent = twins.module("corp"), twins.corp.count("C_Login")
        for text in ("was refused (CKR_PIN_INCORRECT)", "refused before and is not sent again"):
            assert text in protocol.error_of(twins.client.unlock_with, "corp", "9999").text
            renewed(twins, "home")
            renewed(twins, "home")
        assert twins.module("corp") == corp and twins.corp.count("C_Login") == sent + 1
        twins.unlock("corp")
        twins.unlock("home")
    with tap.case("one that failed, and waits, is started at once"):
        twins.corp.script(CORP, "fail C_Initialize CKR_DEVICE_ERROR")
        before = twins.module("corp").restarts
        os.kill(twins.module("corp").pid, signal.SIGKILL)
        twins.wait_for("some failures more", lambda: twins.module("corp").restarts >= before + 3 and
                       twins.module("corp").state == "failed")
        for _ in range(3):
            assert "CKR_DEVICE_ERROR" in protocol.error_of(refresh, twins).text
        twins.corp.script(CORP)
        twins.wait_for("its start", lambda: not error_or_nothing(refresh, twins) and
                       twins.module("corp").state == "running")
        twins.unlock("corp")
        assert twins.sign("corp")


def is_answered(client):
    return bool(select.select([client.socket], [], [], 0)[0])


def slow(tap, twins):
    with tap.case("while one that failed does not get ready, nobody waits for it but who asked for it"), \
            contextlib.closing(protocol.Client(twins.agent.socket)) as other:
        twins.corp.script(CORP, "fail C_Initialize CKR_DEVICE_ERROR")
        os.kill(twins.module("corp").pid, signal.SIGKILL)
        twins.wait_for("its failure", lambda: error_or_nothing(refresh, twins))
        assert protocol.error_of(twins.client.resolve, "nobody").name == "NOT_FOUND"  # it is not expected back any more
        twins.corp.script(CORP, "hang C_Initialize")
        other.post(REFRESH)

        def is_starting():
            if is_answered(other):
                other.receive()
                other.post(REFRESH)
            return twins.module("corp").state == "starting" and not is_answered(other)
        twins.wait_for("its start", is_starting)
        assert protocol.error_of(twins.client.resolve, "nobody").name == "NOT_FOUND"
        assert not is_answered(other)
        twins.corp.script(CORP)
        kind, _number, body = other.receive()
        other.open_reply(REFRESH, kind, body).end()
        assert twins.module("corp").state == "running"
        twins.unlock("corp")


def at_once(tap, twins):
    twins.begin_anew()
    with tap.case("when one fails slowly over and over, a refresh and a list that wait for it are both answered"), \
            contextlib.closing(protocol.Client(twins.agent.socket)) as other:
        twins.corp.script(CORP, "delay C_Initialize 2500", "fail C_Initialize CKR_DEVICE_ERROR")
        os.kill(twins.module("corp").pid, signal.SIGKILL)
        twins.wait_for("its end", lambda: twins.module("corp").state != "running")
        other.post(REFRESH)
        assert twins.module("corp").state != "running"  # the refresh is heard before the list
        assert [token.label for token in twins.client.tokens()] == [b"home"]
        assert other.receive()[0] == protocol.ERROR
        twins.corp.script(CORP)
        twins.wait_for("its start", lambda: not error_or_nothing(refresh, twins))
        twins.unlock("corp")


def over_and_over(tap, twins):
    twins.begin_anew()
    with tap.case("who asks for one refresh after the other keeps nobody waiting for ever"), \
            contextlib.closing(protocol.Client(twins.agent.socket)) as other, \
            contextlib.closing(protocol.Client(twins.agent.socket)) as third:
        twins.corp.script(CORP, "fail C_Initialize CKR_DEVICE_ERROR")
        os.kill(twins.module("corp").pid, signal.SIGKILL)
        twins.wait_for("its end", lambda: twins.module("corp").state != "running")
        third.post(protocol.RESOLVE, protocol.string("nobody") + protocol.u8(0))
        looks = itertools.count()

        def is_told():
            if next(looks) % 64 == 0:  # so many may wait at once
                other.post(REFRESH)
            return is_answered(third)
        twins.wait_for("an answer", is_told)
        assert third.receive()[0] == protocol.ERROR
        twins.corp.script(CORP)
        twins.wait_for("its start", lambda: not error_or_nothing(refresh, twins))
        twins.unlock("corp")


def error_or_nothing(function, *arguments):
    try:
        return protocol.error_of(function, *arguments)
    except AssertionError:
        return None


def unusable(tap, twins):
    with tap.case("a token that the module cannot use is named, with the reason"):
        twins.corp.script(CORP, "slot 1 bad=CKR_TOKEN_NOT_RECOGNIZED")
        refresh(twins)
        reason = "slot 1 is passed over: the token is not initialised, or not one that the module knows"
        assert reason in twins.module("corp").error, twins.module("corp")
        assert reason in " ".join(twins.agent.cli("status").stdout.split())
        found = json.loads(twins.agent.cli("doctor", "--json").stdout)["findings"]
        assert [one["mend"] for one in found if reason in one["text"]] == ["see to that, then: countersign refresh"], found
        missed = twins.agent.cli("pem", "nobody")
        assert "module 'corp' cannot use a token that is there: see 'countersign status'" in missed.stderr, missed
        assert twins.sign("corp")
    with tap.case("and no more when it has gone"):
        twins.corp.script(CORP)
        refresh(twins)
        assert twins.module("corp").error == "", twins.module("corp")
        assert "cannot use" not in twins.agent.cli("pem", "nobody").stderr


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    never_ready(tap)
    with Fixture() as f:
        twins = Twins(f, settings=f'hot-plug = never\n[module "missing"]\npath = {f.path("missing.so")}')
        tap.diagnose = twins.tail
        for label in twins.tokens:
            twins.unlock(label)
            assert twins.sign(label)
        unloadable(tap, twins)
        lost(tap, twins)
        twins.begin_anew()  # a module that failed often waits long
        refreshed(tap, twins)
        twins.begin_anew()
        slow(tap, twins)
        at_once(tap, twins)
        over_and_over(tap, twins)
        unusable(tap, twins)
        with tap.case("no module was called against its word"):
            twins.check()
    tap.done()


main()
