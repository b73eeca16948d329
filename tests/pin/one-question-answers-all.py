#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""However many programs wait for a token, a person is asked once, and told what was wrong."""
import contextlib

import programs
import protocol_client as protocol
from fault import Fault
from fixture import Fixture
from scene import DISPLAY, Scene, results
from tap import Tap, skip_all

CLIENTS = 24


def many(tap, f, fault):
    with tap.case("many programs, one question, one login"), \
            Scene(f, fault, "slot 0 token=corp tries=3", "after:1.0:pin:1234") as s:
        assert results(s.signers(CLIENTS)) == {"signed"}
        assert s.pinentry.questions() == 1 and s.logins() == 1, s.pinentry.asked()
    with tap.case("a cancel is everybody's, and the next one is asked anew"), \
            Scene(f, fault, "slot 0 token=corp", "after:1.0:cancel", "pin:1234") as s:
        assert results(s.signers(CLIENTS)) == {"CANCELLED"}
        assert s.pinentry.questions() == 1 and s.logins() == 0
        assert results(s.signers(1)) == {"signed"}
    with tap.case("nobody answers: all are told in time"), \
            Scene(f, fault, "slot 0 token=corp", "hang", settings="prompt-timeout = 1") as s:
        assert results(s.signers(CLIENTS)) == {"TIMEOUT"}
        assert s.pinentry.questions() == 1
    with tap.case("who gives up does not spoil it for the others"), \
            Scene(f, fault, "slot 0 token=corp", "after:1.0:pin:1234") as s:
        first, *others = s.signers(4)
        s.pinentry.wait()
        first.client.close()
        assert results(others) == {"signed"}
        assert s.pinentry.questions() == 1


def locked(tap, f, fault):
    with tap.case("a lock gives up what all wait for, also a person who unlocks; who asks after it is asked anew"), \
            Scene(f, fault, "slot 0 token=corp", "hang", "pin:1234") as s:
        signer, = s.signers(1)
        s.pinentry.wait()
        person = protocol.Client(s.agent.socket, environment=list(DISPLAY.items()))
        with contextlib.closing(person):
            unlock = person.post(protocol.UNLOCK, protocol.string("corp") + protocol.u8(0))
            lock = person.post(protocol.LOCK, protocol.string("corp"))
            got = {number: (kind, body) for kind, number, body in (person.receive(), person.receive())}
            assert got[lock][0] == protocol.LOCK + protocol.REPLY, got
            assert got[unlock][0] == protocol.ERROR and b"token 'corp' was locked meanwhile" in got[unlock][1], got
            assert s.pinentry.questions() == 1, s.pinentry.asked()
            assert person.unlock("corp") == ["corp"]
        assert signer.result() == "CANCELLED", signer.error
        assert s.pinentry.questions() == 2, s.pinentry.asked()
    with tap.case("it ends the question of a key that asks each time, too"), \
            Scene(f, fault, "slot 0 token=corp always-authenticate", "pin:1234", "hang") as s:
        signer, = s.signers(1)
        s.pinentry.wait(2)
        s.agent.cli("lock", check=True)
        assert signer.result() == "CANCELLED", signer.error


def wrong(tap, f, fault):
    with tap.case("a wrong PIN is told in the dialog and asked for again"), \
            Scene(f, fault, "slot 0 token=corp tries=5", "pin:0000", "pin:1234") as s:
        assert results(s.signers(8)) == {"signed"}
        assert s.pinentry.questions() == 2 and s.logins() == 2
        assert any("The PIN was wrong" in error for error in s.told("SETERROR"))
        first, second = s.told("SETDESC")
        assert "wrong PIN was entered before" not in first and "wrong PIN" in second, second
    with tap.case("the same wrong PIN is not sent twice"), \
            Scene(f, fault, "slot 0 token=corp tries=5", "pin:0000", "pin:0000", "pin:1234") as s:
        assert results(s.signers(8)) == {"signed"}
        assert s.pinentry.questions() == 3 and s.logins() == 2
        assert any("refused before" in error for error in s.told("SETERROR"))
    with tap.case("it is asked three times and no more"), \
            Scene(f, fault, "slot 0 token=corp", "pin:1111", "pin:2222", "pin:3333", "pin:1234") as s:
        assert results(s.signers(8)) == {"PIN_INCORRECT"}
        assert s.pinentry.questions() == 3 and s.logins() == 3
    with tap.case("the dialog names the token, the program and the key"), \
            Scene(f, fault, "slot 0 token=corp", "pin:1234") as s:
        assert results(s.signers(1)) == {"signed"}
        desc, = s.told("SETDESC")
        assert "token 'corp'" in desc and "Key: alice" in desc and "python" in desc, desc


def counted(tap, f, fault):
    with tap.case("the last try is left alone"), \
            Scene(f, fault, "slot 0 token=corp tries=3", "pin:1111", "pin:2222", "pin:1234") as s:
        assert results(s.signers(4)) == {"PIN_INCORRECT"}
        assert s.pinentry.questions() == 2 and s.logins() == 2
        late = s.signers(1)[0]
        assert late.result() == "PIN_FINAL_TRY", late.error
        assert "countersign unlock corp --force" in late.error.text, late.error
        assert s.pinentry.questions() == 2 and s.logins() == 2
        refused = s.agent.cli("unlock", "corp", environment=DISPLAY)
        assert refused.returncode == 5 and "--force" in refused.stderr, refused
        assert s.pinentry.questions() == 2
        s.agent.cli("unlock", "corp", "--force", environment=DISPLAY, check=True)
        assert "This is the last try" in s.told("SETDESC")[-1]
        assert results(s.signers(4)) == {"signed"}
    with tap.case("a blocked PIN is said, and not asked for"), \
            Scene(f, fault, "slot 0 token=corp tries=1", "pin:1111", "pin:1234") as s:
        wrong_one = s.agent.cli("unlock", "corp", "--force", environment=DISPLAY)
        assert "the PIN is now blocked" in wrong_one.stderr, wrong_one
        blocked = s.signers(1)[0]
        assert blocked.result() == "PIN_BLOCKED" and "PUK" in blocked.error.text, blocked.error
        forced = s.agent.cli("unlock", "corp", "--force", environment=DISPLAY)
        assert forced.returncode == 5 and "PUK" in forced.stderr, forced
        assert s.pinentry.questions() == 1 and s.logins() == 1


def every_time(tap, f, fault):
    always = "slot 0 token=corp tries=5 always-authenticate"
    with tap.case("a key that asks each time: each signature one unbroken job"), \
            Scene(f, fault, always, "pin:1234") as s:
        assert results(s.signers(6)) == {"signed"}
        assert s.logins(user="USER") == 1 and s.logins(user="CONTEXT_SPECIFIC") == 6
        assert s.pinentry.questions() == 7
        descriptions = s.told("SETDESC")
        assert sum("to sign once" in desc and "Key: alice" in desc for desc in descriptions) == 6
    with tap.case("without a display it says what it wants, for the token is unlocked"), \
            Scene(f, fault, always, "pin:1234") as s:
        s.agent.unlock_with("corp", "1234")
        s.environment = {}
        signer, = s.signers(1)
        assert signer.result() == "LOCKED", signer.error
        assert "wants the PIN of token 'corp' for every signature" in signer.error.text, signer.error
    with tap.case("its dialogs come one after the other"), \
            Scene(f, fault, always, "pin:1234", "after:0.3:pin:1234") as s:
        assert results(s.signers(4)) == {"signed"}
        assert s.pinentry.at_once() == 1, s.pinentry.asked()
    with tap.case("a wrong PIN there is told, and not sent again"), \
            Scene(f, fault, always, "pin:1234", "pin:0000", "pin:0000", "pin:1234") as s:
        assert results(s.signers(1)) == {"signed"}
        assert s.logins(user="CONTEXT_SPECIFIC") == 2 and s.pinentry.questions() == 4
    with tap.case("the last try is left alone there, too"), \
            Scene(f, fault, "slot 0 token=corp tries=3 always-authenticate", "pin:1234", "pin:1",
                  "pin:2", "pin:1234") as s:
        assert results(s.signers(1)) == {"PIN_INCORRECT"}
        late = s.signers(1)[0]
        assert late.result() == "PIN_FINAL_TRY" and "countersign lock" in late.error.text, late.error
        s.agent.cli("lock", "corp", check=True)
        s.agent.cli("unlock", "corp", "--force", environment=DISPLAY, check=True)
        assert results(s.signers(1)) == {"signed"}


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        many(tap, f, fault)
        locked(tap, f, fault)
        wrong(tap, f, fault)
        counted(tap, f, fault)
        every_time(tap, f, fault)
    tap.done()


main()
