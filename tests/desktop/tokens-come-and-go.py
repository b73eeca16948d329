#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens are pulled and put back while programs run, and nobody has to tell the agent."""
import contextlib
import json
import subprocess
import threading
import time

import programs
import protocol_client as protocol
from desktop import missing, wait
from fault import Fault
from fixture import Fixture
from tap import Tap, skip_all

CORP, GONE = "slot 0 token=corp", "slot 0 absent"
TOKEN_ABSENT = 20
STALE = ("CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED",
         "CKR_USER_NOT_LOGGED_IN", "CKR_OBJECT_HANDLE_INVALID", "CKR_KEY_HANDLE_INVALID",
         "CKR_TOKEN_NOT_PRESENT")


class Watch:
    """A running `countersign watch --json`; until() waits for an event."""

    def __init__(self, f):
        self.process = f.start([programs.CLI, "watch", "--json"], log=f.path("watch.log"),
                               stdout=subprocess.PIPE, text=True)
        self.until("watching")

    def until(self, event):
        for line in self.process.stdout:
            seen = json.loads(line)
            if seen["event"] == event:
                return seen
        raise AssertionError(f"the watch ended before {event}")


class Desk:
    def __init__(self, f):
        self.f = f
        self.token = f.token("corp")
        self.key = self.token.identity(f.authority("Office"), "p256", "alice")
        self.fault = Fault(f.path("control"))
        self.agent = None

    def start(self, settings, script=CORP, pin=True):
        if self.agent:
            self.agent.stop()
        self.fault.script(script)
        self.fault.clear()
        tokens = {"corp": f"pin-command = /usr/bin/printf {self.token.pin}"} if pin else None
        self.agent = self.f.agent(modules={"fault": self.fault.module}, settings=settings,
                                  tokens=tokens, environment=self.fault.environment)
        self.id = self.identities()[0].id

    def client(self):
        return contextlib.closing(protocol.Client(self.agent.socket))

    def identities(self):
        with self.client() as client:
            return client.identities()

    def sign(self):
        with self.client() as client:
            return client.sign(self.id, 0x0403, protocol.HANDSHAKE)

    def refused(self):
        """The error of a signature that must fail."""
        try:
            self.sign()
        except protocol.AgentError as error:
            return error
        raise AssertionError("a signature without a token")


class Signature(threading.Thread):
    """A signature that takes its time."""

    def __init__(self, desk):
        super().__init__(daemon=True)
        self.desk, self.result, self.error = desk, None, None
        self.start()

    def run(self):
        try:
            self.result = self.desk.sign()
        except protocol.AgentError as error:
            self.error = error

    def end(self):
        self.join(30)
        assert not self.is_alive(), "it hangs"
        return self


def come_and_go(desk):
    watch = Watch(desk.f)
    desk.fault.script(GONE)
    assert "object=alice" in watch.until("identity-removed")["subject"]
    assert "corp" in watch.until("token-removed")["text"]
    assert desk.identities() == []
    desk.fault.script(CORP)
    assert "corp" in watch.until("token-added")["text"]
    assert "object=alice" in watch.until("identity-added")["subject"]
    assert [one.id for one in desk.identities()] == [desk.id] and desk.sign()
    watch.process.terminate()


def plug_cases(tap, desk):
    with tap.case("the slots are looked at"):
        desk.start("hot-plug = 100ms")
        come_and_go(desk)
        assert desk.fault.count("C_WaitForSlotEvent") == 0
    with tap.case("the module tells"):
        desk.start("hot-plug = wait")
        come_and_go(desk)
        assert desk.fault.count("C_WaitForSlotEvent") >= 2
        assert desk.fault.count("C_GetSlotInfo") == 1, "only once, at the start"
        begun = time.monotonic()
        assert desk.agent.stop() == 0
        assert time.monotonic() - begun < 1.5, "the call that waits was no hindrance"
    with tap.case("a module that cannot tell is looked at"):
        desk.start("hot-plug = wait", script="option no-wait\n" + CORP)
        desk.fault.wait("C_WaitForSlotEvent", rv="CKR_FUNCTION_NOT_SUPPORTED")
        come_and_go(desk)
        assert "cannot wait for tokens" in desk.agent.log()
    with tap.case("a module for one thread is looked at, call by call"):
        desk.start("hot-plug = wait", script="option no-locking\n" + CORP)
        watch = Watch(desk.f)
        desk.fault.script("option no-locking", GONE)
        watch.until("identity-removed")
        desk.fault.script("option no-locking", CORP)
        watch.until("identity-added")
        assert desk.sign() and desk.fault.count("C_WaitForSlotEvent") == 0
        watch.process.terminate()
    with tap.case("another token is put in its place between two looks"):
        desk.start("hot-plug = 100ms")
        assert desk.sign()
        watch = Watch(desk.f)
        desk.fault.script("slot 0 token=other")
        assert "other" in watch.until("token-added")["text"]
        wait(lambda: desk.identities() == [], "the identity is gone")
        desk.fault.script(CORP)
        assert "object=alice" in watch.until("identity-added")["subject"]
        assert desk.sign()
        watch.process.terminate()
    with tap.case("a token that was away between two looks is known to be locked before it is used"):
        tries = desk.fault.count("C_SignInit")
        desk.fault.script(CORP + " resume=1")
        wait(lambda: "the token ended the login" in desk.agent.cli("status", check=True).stdout,
             "that it is locked")
        assert desk.fault.count("C_SignInit") == tries
        assert desk.sign()
    with tap.case("looking costs three calls, and nothing while nothing changes"):
        desk.fault.clear()
        desk.fault.wait("C_GetSlotInfo", 4)
        seen = {line.what for line in desk.fault.lines()}
        assert seen == {"C_GetSlotList", "C_GetSlotInfo", "C_GetSessionInfo"}, desk.fault.tail()
    with tap.case("fixed slots, and those that are not to be looked at, are left alone"):
        for settings, script in (("hot-plug = 100ms", CORP + " fixed"), ("hot-plug = never", CORP)):
            desk.start(settings, script)
            desk.sign()
            begun, looks = desk.fault.lines()[-1].time, desk.fault.count("C_GetSlotInfo")
            while desk.fault.lines()[-1].time - begun < 0.5:
                desk.sign()
            assert desk.fault.count("C_GetSlotInfo") == looks <= 1


def absent_cases(tap, desk):
    with tap.case("a signature on a token that was pulled says which to insert"):
        desk.start("hot-plug = never")
        assert desk.sign()
        desk.fault.script(GONE)
        for _ in range(2):  # the token is found gone; it is known to be gone
            error = desk.refused()
            assert error.code == TOKEN_ABSENT, error
            assert "insert token 'corp'" in error.text, error
            wait(lambda: desk.identities() == [], "the identity is gone")
    with tap.case("it goes on when the token is back"):
        desk.start("hot-plug = 100ms\nwait-for-token = 1h")
        assert desk.sign()
        for n in range(1, 3):
            desk.fault.script(GONE)
            signatures = [Signature(desk) for _ in range(3)]
            wait(lambda: desk.agent.log().count("waits for token 'corp'") >= 3 * n,  # pylint: disable=cell-var-from-loop
                 "they wait")
            desk.fault.script(CORP)
            for signature in signatures:
                assert signature.end().result, signature.error
    with tap.case("also when it was away for no longer than a blink"):
        for _ in range(10):
            desk.fault.script(GONE)
            signatures = [Signature(desk) for _ in range(3)]
            desk.fault.script(CORP)
            for signature in signatures:
                assert signature.end().result, signature.error
    with tap.case("but not for ever"):
        desk.start("hot-plug = 100ms\nwait-for-token = 300ms")
        desk.fault.script(GONE)
        error = desk.refused()
        assert error.code == TOKEN_ABSENT and "insert token 'corp'" in error.text, error
    with tap.case("who waits may leave"):
        desk.start("hot-plug = 100ms\nwait-for-token = 1h")
        desk.fault.script(GONE)
        with desk.client() as client:
            client.post(protocol.SIGN, protocol.blob(desk.id) + protocol.u16(0x0403) +
                        protocol.u8(0) + protocol.blob(b"x"))
            wait(lambda: "waits for token" in desk.agent.log(), "it waits")
        desk.fault.script(CORP)
        wait(desk.identities, "the identity")
        assert desk.sign()
    with tap.case("the agent may end while somebody waits"):
        desk.fault.script(GONE)
        with desk.client() as client:
            client.post(protocol.SIGN, protocol.blob(desk.id) + protocol.u16(0x0403) +
                        protocol.u8(0) + protocol.blob(b"x"))
            wait(lambda: desk.agent.log().count("waits for token") >= 2, "it waits")
            assert desk.agent.stop() == 0


def heal_cases(tap, desk):
    desk.start("hot-plug = never")
    for code in STALE:
        with tap.case(f"{code}, once: one retry"):
            desk.fault.script(CORP)
            assert desk.sign()
            logins, tries = desk.fault.count("C_Login"), desk.fault.count("C_SignInit")
            desk.fault.script(CORP, f"fail C_SignInit {code} once")
            assert desk.sign()
            assert desk.fault.count("C_SignInit") - tries == 2, desk.fault.tail()
            asked = desk.fault.count("C_Login") - logins
            assert asked == (code == "CKR_USER_NOT_LOGGED_IN"), desk.fault.tail()
    with tap.case("after a sleep that killed sessions, objects and login, signatures go on"):
        for resume in range(1, 4):
            logins = desk.fault.count("C_Login")
            desk.fault.script(f"{CORP} resume={resume} gone=CKR_DEVICE_REMOVED")
            assert desk.sign() and desk.sign()
            assert desk.fault.count("C_Login") - logins == 1, desk.fault.tail()


def main():
    absent = missing()
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        desk = Desk(f)
        f.token("other")
        tap.diagnose = lambda: f.diagnose() + desk.fault.tail()
        plug_cases(tap, desk)
        absent_cases(tap, desk)
        heal_cases(tap, desk)
        desk.fault.check()
    tap.done()


main()
