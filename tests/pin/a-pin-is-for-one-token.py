#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PIN goes to the token that it was asked for, and the question ends when that is pulled."""
import os
import threading

import programs
from fault import Fault
from fixture import Fixture
from scene import DISPLAY, Scene, results
from tap import Tap, skip_all
from wait import wait

CORP, GONE = "slot 0 token=corp", "slot 0 absent"
OTHERS = {"another token": "slot 0 token=other", "one with its label": "slot 0 token=other label=corp"}
# Below them is the same one, so its sessions stay; no token does that.
ALIKE = {"one with its serial": CORP + " label=other", "one of another maker": CORP + " manufacturer=Other",
         "one of another model": CORP + " model=Other"}
ABSENT, PULLED = 7, "token 'corp': the token was pulled out: insert it"


class Command(threading.Thread):
    """One of the command line that takes its time."""

    def __init__(self, s, *words, **options):
        super().__init__(daemon=True)
        self.run_it = lambda: s.agent.cli(*words, environment=DISPLAY, **options)
        self.result = None
        self.start()

    def run(self):
        self.result = self.run_it()

    def end(self):
        self.join(60)
        assert self.result, "it hangs"
        return self.result


class PinScene(Scene):
    """A person who pulls tokens; the slots are looked at all the time, unless settings say otherwise."""

    def __init__(self, f, fault, *answers, script=CORP, settings="hot-plug = 100ms\nwait-for-token = 1h",
                 **options):
        super().__init__(f, fault, script, *answers, settings=settings, **options)

    def ended(self):
        """Waits until the dialog has gone."""
        pid = self.pinentry.pid()
        wait(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the dialog")

    def swap(self, other, words, *pins):
        """The command gets PINs by descriptors, while another token is put in its place."""
        pipes = [os.pipe() for _ in pins]
        options = zip(("--pin-fd", "--new-pin-fd"), pipes)
        self.agent.cli("list", check=True)  # waits for the first picture
        looked = self.fault.count("C_GetTokenInfo")
        command = Command(self, *words, "corp", *(str(word) for name, (reader, _) in options
                                                  for word in (name, reader)),
                          pass_fds=[reader for reader, _ in pipes])
        self.fault.wait("C_GetTokenInfo", looked + 1)
        self.fault.script(other)
        for (reader, writer), pin in zip(pipes, pins):
            os.write(writer, pin.encode())
            os.close(writer)
            os.close(reader)
        return command.end()


def questions_end(tap, f, fault):
    with tap.case("a dialog goes when its token is pulled, and comes anew when that is back"), \
            PinScene(f, fault, "hang") as s:
        signer, = s.signers()
        s.pinentry.wait()
        s.pinentry.answer("pin:1234")
        fault.script(GONE)
        s.ended()
        fault.script(CORP)
        assert signer.result() == "signed", signer.error
        assert s.logins() == 1 and s.pinentry.questions() == 2
    with tap.case("who unlocks is told that it was pulled"), PinScene(f, fault, "hang") as s:
        unlock = Command(s, "unlock", "corp")
        s.pinentry.wait()
        fault.script(GONE)
        seen = unlock.end()
        assert seen.returncode == ABSENT and PULLED in seen.stderr, seen
        s.ended()
    with tap.case("so is who changes its PIN"), PinScene(f, fault, "pin:1234", "hang") as s:
        change = Command(s, "pin", "change", "corp")
        s.pinentry.wait(2)
        fault.script(GONE)
        seen = change.end()
        assert seen.returncode == ABSENT and PULLED in seen.stderr, seen
        s.ended()
        assert fault.count("C_SetPIN") == 0
    with tap.case("a key that asks each time asks anew"), \
            PinScene(f, fault, "pin:1234", "hang", script=CORP + " always-authenticate") as s:
        signer, = s.signers()
        s.pinentry.wait(2)
        s.pinentry.answer("pin:1234")
        fault.script(GONE)
        s.ended()
        fault.script(CORP + " always-authenticate")
        assert signer.result() == "signed", signer.error
        assert s.pinentry.questions() == 4 and s.logins(user="CONTEXT_SPECIFIC") == 1


def consents_end(tap, f, fault):
    asks = {"rules": '[rule "ask"]\nsign = tls, data\nconsent = session\n'}
    with tap.case("so does the question whether a program may sign"), PinScene(f, fault, "hang", **asks) as s:
        signers = s.signers(2)
        s.pinentry.wait(1, "CONFIRM")
        s.pinentry.answer("ok", "pin:1234")
        fault.script(GONE)
        s.ended()
        fault.script(CORP)
        assert results(signers) == {"signed"}
        assert s.pinentry.questions("CONFIRM") == 2 and s.pinentry.questions() == 1, s.pinentry.asked()
    with tap.case("who would not wait for the token is told at once to insert it"), \
            PinScene(f, fault, "hang", settings="hot-plug = 100ms", **asks) as s:
        signer, = s.signers()
        s.pinentry.wait(1, "CONFIRM")
        fault.script(GONE)
        assert signer.result() == "TOKEN_ABSENT" and "insert token 'corp'" in signer.error.text, signer.error
        s.ended()


def pins_are_kept(tap, f, fault):
    cases = [(["unlock"], ["1234"], *other) for other in OTHERS.items()]
    cases += [(["pin", "change"], ["1234", "567890"], *other) for other in {**OTHERS, **ALIKE}.items()]
    for words, pins, what, other in cases:
        with tap.case(f"{what} is put in its place: it gets nothing of '{' '.join(words)}'"), \
                PinScene(f, fault, settings="hot-plug = never") as s:
            seen = s.swap(other, words, *pins)
            assert seen.returncode == ABSENT and "token 'corp': the token is not there" in seen.stderr, seen
            assert s.logins() == fault.count("C_SetPIN") == 0


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        f.token("other")
        questions_end(tap, f, fault)
        consents_end(tap, f, fault)
        pins_are_kept(tap, f, fault)
    tap.done()


main()
