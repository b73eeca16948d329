#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The desktop tells what a person should know: certificates, blocked tokens, tokens to insert."""
import contextlib
import json
import subprocess
import threading

import programs
import protocol_client as protocol
from desktop import Bus, missing, wait
from fault import Fault
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

CORP, GONE = "slot 0 token=corp", "slot 0 absent"
SUMMARY, BODY = 3, 4  # arguments of Notify


class Desk:
    def __init__(self, f):
        self.f = f
        self.token = f.token("corp")
        self.ca = f.authority("Office")
        self.soon, self.later = (self.token.generate("p256", label) for label in ("s<oon", "later"))
        for key, days in ((self.soon, 10), (self.later, 300)):
            pem = self.ca.issue(key.public, f"/CN={key.label}", days=days)
            self.token.write_certificate(pem, key.label, key.id)
        self.fault = Fault(f.path("control"))
        self.session = Bus(f, "session")
        self.daemon = self.session.mock("notification_daemon")
        self.agent = None

    def start(self, settings=""):
        if self.agent:
            self.agent.stop()
        self.fault.script(CORP)
        if self.daemon.process.poll() is None:
            self.daemon.mock("ClearCalls")
        self.agent = self.f.agent(modules={"fault": self.fault.module},
                                  settings="hot-plug = 100ms\n" + settings,
                                  tokens={"corp": f"pin-command = /usr/bin/printf {self.token.pin}"},
                                  environment={**self.fault.environment, **self.session.environment},
                                  rules=ANYTHING)

    def shown(self, summary):
        return [str(one[BODY]) for one in self.daemon.calls("Notify") if one[SUMMARY] == summary]

    def sign(self):
        with contextlib.closing(protocol.Client(self.agent.socket)) as client:
            one, _chain = client.resolve(self.later.uri, 1)
            return client.sign(one.id, 0x0403, b"x")


def expiry_cases(tap, desk):
    with tap.case("a certificate that expires soon is told of, and only that"):
        desk.start()
        [body] = wait(lambda: desk.shown("Certificate expires soon"), "the notice")
        assert "'s&lt;oon' on token 'corp'" in body, body
        assert "in 9 days" in body or "in 10 days" in body, body
    with tap.case("once a day, however often the token comes"):
        for _ in range(3):
            desk.fault.script(GONE)
            wait(lambda: "there is no" in desk.agent.cli("list").stderr or
                 "corp" not in desk.agent.cli("list").stdout, "the token is gone")
            desk.fault.script(CORP)
            wait(lambda: "corp" in desk.agent.cli("list").stdout, "the token is back")
        assert len(desk.shown("Certificate expires soon")) == 1
    with tap.case("once a day, however often the agent is started"):
        desk.agent.restart()
        wait(lambda: desk.daemon.connection.name_has_owner("org.countersign.Agent1"), "the agent")
        desk.agent.cli("list", check=True)
        desk.agent.cli("list", check=True)  # so it has looked, after the first
        desk.daemon.connection.call_blocking("org.countersign.Agent1", "/", "org.freedesktop.DBus.Peer",
                                             "Ping", "", ())
        assert len(desk.shown("Certificate expires soon")) == 1
        [state] = desk.f.home.rglob("reminders")
        assert state.stat().st_mode & 0o777 == 0o600, oct(state.stat().st_mode)
    with tap.case("what cannot be remembered is told again"):
        state.unlink()
        state.mkdir()
        desk.agent.restart()
        wait(lambda: len(desk.shown("Certificate expires soon")) == 2, "the notice")
    with tap.case("whoever watches hears of it, too"):
        desk.fault.script(GONE)
        desk.agent.stop()
        desk.agent.start()
        watch = desk.f.start([programs.CLI, "watch", "--json"], log=desk.f.path("watch.log"),
                             stdout=subprocess.PIPE, text=True)
        assert json.loads(watch.stdout.readline())["event"] == "watching"
        desk.fault.script(CORP)
        for line in watch.stdout:
            seen = json.loads(line)
            if seen["event"] == "expiring":
                break
        assert "s<oon" in seen["text"] and "expires in" in seen["text"], seen
        watch.terminate()


def token_cases(tap, desk):
    with tap.case("a token that a program waits for, as long as it waits"):
        desk.start("wait-for-token = 1h")
        assert desk.sign()
        with contextlib.closing(protocol.Client(desk.agent.socket)) as client:
            one, _chain = client.resolve(desk.later.uri, 1)
            desk.fault.script(GONE)
            signed = []
            thread = threading.Thread(
                target=lambda: signed.append(client.sign(one.id, 0x0403, b"x")), daemon=True)
            thread.start()
            [body] = wait(lambda: desk.shown("Token needed"), "the notice")
            assert "insert token 'corp'" in body, body
            assert not desk.daemon.calls("CloseNotification")
            desk.fault.script(CORP)
            thread.join(20)
        assert signed
        wait(lambda: desk.daemon.calls("CloseNotification"), "the notice is taken away")
    with tap.case("a token that may want to be touched, until it has signed"):
        desk.start()
        assert desk.sign() and not desk.shown("Touch the token")
        desk.fault.script(CORP + "\nhang C_Sign")
        signed = []
        thread = threading.Thread(target=lambda: signed.append(desk.sign()), daemon=True)
        thread.start()
        [body] = wait(lambda: desk.shown("Touch the token"), "the notice")
        assert "token 'corp'" in body and not desk.daemon.calls("CloseNotification"), body
        desk.fault.script(CORP)
        thread.join(20)
        assert signed
        wait(lambda: desk.daemon.calls("CloseNotification"), "the notice is taken away")
        assert len(desk.shown("Touch the token")) == 1
    with tap.case("a record that cannot be kept, as long as that is so"):
        desk.start()
        record = desk.f.home / ".local/state/countersign/audit.jsonl"
        record.unlink()
        record.mkdir()
        assert desk.sign()
        [body] = wait(lambda: desk.shown("Uses of keys are not recorded"), "the notice")
        assert str(record) in body, body
        record.rmdir()
        assert desk.sign()
        wait(lambda: desk.daemon.calls("CloseNotification"), "the notice is taken away")
    with tap.case("a token whose PIN is blocked"):
        desk.start()
        desk.fault.script(CORP + " flags=+CKF_USER_PIN_LOCKED")
        desk.agent.cli("refresh", check=True)
        [body] = wait(lambda: desk.shown("Token blocked"), "the notice")
        assert "'corp'" in body and "PUK" in body, body
    with tap.case("a daemon that was not there is told when the bus is back"):
        desk.session.stop()
        desk.session.start()
        desk.daemon = desk.session.mock("notification_daemon")
        wait(lambda: desk.shown("Token blocked"), "the notice")
        desk.fault.script(CORP)
        desk.agent.cli("refresh", check=True)
        wait(lambda: desk.daemon.calls("CloseNotification"), "the notice is taken away")


def late_cases(tap, desk):
    def restart_daemon(between):
        desk.f.stop(desk.daemon.process)
        wait(lambda: not desk.daemon.connection.name_has_owner(desk.daemon.name), "the end of the daemon")
        between()
        desk.daemon = desk.session.mock("notification_daemon")

    def start():
        [state] = desk.f.home.rglob("reminders")
        state.rmdir()
        desk.start()
        wait(lambda: desk.daemon.connection.name_has_owner("org.countersign.Agent1"), "the agent")
        desk.fault.script(CORP + " flags=+CKF_USER_PIN_LOCKED")
        desk.agent.cli("refresh", check=True)

    with tap.case("a daemon that is started after the agent is told what there is to tell"):
        restart_daemon(start)
        wait(lambda: desk.shown("Token blocked"), "the notice")
        wait(lambda: desk.shown("Certificate expires soon"), "the notice")
    with tap.case("one that is started anew is told what stands, and nothing twice that it said"):
        restart_daemon(lambda: None)
        wait(lambda: desk.shown("Token blocked"), "the notice")
        desk.fault.script(CORP)
        desk.agent.cli("refresh", check=True)
        wait(lambda: desk.daemon.calls("CloseNotification"), "the notice is taken away")
        assert not desk.shown("Certificate expires soon")


def quiet_cases(tap, desk):
    with tap.case("notify = no"):
        desk.start("notify = no\nwait-for-token = 300ms")
        assert desk.sign()
        desk.fault.script(GONE)
        try:
            desk.sign()
        except protocol.AgentError:
            pass
        assert desk.daemon.calls("Notify") == []
    with tap.case("no daemon"):
        desk.f.stop(desk.daemon.process)
        desk.agent.stop()
        desk.fault.script(CORP)
        desk.agent = desk.f.agent(
            modules={"fault": desk.fault.module}, settings="wait-for-token = 300ms",
            tokens={"corp": f"pin-command = /usr/bin/printf {desk.token.pin}"},
            environment={**desk.fault.environment, **desk.session.environment}, rules=ANYTHING)
        assert desk.sign()


def main():
    absent = missing()
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        desk = Desk(f)
        tap.diagnose = lambda: f.diagnose() + desk.fault.tail(10)
        expiry_cases(tap, desk)
        token_cases(tap, desk)
        late_cases(tap, desk)
        quiet_cases(tap, desk)
        desk.fault.check()
    tap.done()


main()
