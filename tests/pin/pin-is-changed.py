#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""countersign pin change: by dialogs, by descriptors, on the reader's keypad, and when it fails."""
import os
import threading

import programs
import protocol_client as protocol
from fault import Fault
from fixture import Fixture
from scene import DISPLAY, Scene
from tap import Tap, skip_all


class PinScene(Scene):
    def change(self, *arguments, **options):
        return self.agent.cli("pin", "change", *arguments, environment=DISPLAY, **options)

    def change_by_fd(self, old, new, *arguments):
        """By two pipes; None: one that never delivers. The writers stay open until the end."""
        pipes = [os.pipe(), os.pipe()]
        try:
            for (_, writer), pin in zip(pipes, (old, new)):
                if pin is not None:
                    os.write(writer, pin.encode())
                    os.close(writer)
            readers = [reader for reader, _ in pipes]
            return self.change("--pin-fd", str(readers[0]), "--new-pin-fd", str(readers[1]), *arguments,
                               pass_fds=readers)
        finally:
            for (reader, writer), pin in zip(pipes, (old, new)):
                os.close(reader)
                if pin is None:
                    os.close(writer)

    def opens_with(self, pin):
        self.agent.cli("lock", "corp", check=True)
        return self.agent.unlock_with("corp", pin, check=False).returncode == 0


CORP = "slot 0 token=corp tries=4"


def by_dialogs(tap, f, fault):
    with tap.case("by dialogs: the present PIN, and the new one twice"), \
            PinScene(f, fault, CORP, "pin:1234", "pin:567890", "pin:567890") as s:
        changed = s.change("corp", check=True)
        assert changed.stdout == "corp has a new PIN\n", changed
        descriptions = s.told("SETDESC")
        assert "present PIN of token 'corp'" in descriptions[0], descriptions
        assert "new PIN of 4 to 255 characters" in descriptions[1], descriptions
        assert s.told("SETREPEAT") == ["Repeat it:"]
        assert s.opens_with("567890") and not s.opens_with("1234")
        assert "567890" not in s.agent.log() and fault.count("C_SetPIN", rv="CKR_OK") == 1
    with tap.case("a wrong present PIN is told; it costs one try"), \
            PinScene(f, fault, CORP, "pin:0000", "pin:1234", "pin:1234", "pin:567890") as s:
        s.change(check=True)
        assert fault.count("C_SetPIN") == 2 and s.opens_with("1234"), fault.tail()
        assert any("The PIN was wrong" in error for error in s.told("SETERROR"))
    with tap.case("a new PIN that is too short, and two that differ"), \
            PinScene(f, fault, CORP, "pin:1234", "pin:12", "pin:12", "pin:4321", "pin:43210", "pin:4321",
                  "pin:4321") as s:
        s.change("corp", check=True)
        errors = s.told("SETERROR")
        assert any("4 to 255" in e for e in errors) and any("not the same" in e for e in errors), errors
        assert s.opens_with("4321")
    with tap.case("a cancel changes nothing"), PinScene(f, fault, CORP, "pin:4321", "cancel") as s:
        assert s.change("corp").returncode == 6
        assert fault.count("C_SetPIN") == 0 and s.opens_with("4321")
    with tap.case("a token stays unlocked, or locked"), \
            PinScene(f, fault, CORP, "pin:4321", "pin:1234", "pin:1234", "pin:1234", "pin:4321") as s:
        s.agent.unlock_with("corp", "4321")
        s.change("corp", check=True)
        client = protocol.Client(s.agent.socket)
        assert client.tokens()[0].has("unlocked")
        s.agent.cli("lock", "corp", check=True)
        s.change("corp", check=True)
        assert not client.tokens()[0].has("unlocked")
    with tap.case("the last try is for who insists"), \
            PinScene(f, fault, CORP, "pin:4321", "pin:1234", "pin:1234") as s:
        for pin in ("1", "2", "3"):
            s.agent.unlock_with("corp", pin, check=False)
        refused = s.change("corp")
        assert refused.returncode == 5 and "--force" in refused.stderr and s.pinentry.asked() == ""
        s.change("corp", "--force", check=True)
        assert "last try" in s.told("SETDESC")[0] and s.opens_with("1234")


def asked_already(tap, f, fault):
    with tap.case("who wants to change it while somebody is asked is told so"), PinScene(f, fault, CORP, "hang") as s:
        result = []
        thread = threading.Thread(target=lambda: result.append(s.change("corp")))
        thread.start()
        s.pinentry.wait()
        again = s.change("corp")
        assert again.returncode != 0 and "asked for its new PIN already" in again.stderr, again
        assert s.pinentry.questions() == 1
        s.agent.cli("lock", check=True)
        thread.join()
        assert result[0].returncode != 0, result


def by_descriptors(tap, f, fault):
    with tap.case("by descriptors"), PinScene(f, fault, CORP) as s:
        changed = s.change_by_fd("1234\n", "999999\n", "corp")
        assert changed.returncode == 0, changed
        assert s.opens_with("999999")
    with tap.case("a wrong one is refused once, and not sent again"), PinScene(f, fault, CORP) as s:
        for _ in range(3):
            wrong = s.change_by_fd("0000", "1234", "corp")
            assert wrong.returncode == 5, wrong
        assert fault.count("C_SetPIN") == 1, fault.tail()
    with tap.case("one that was refused before may be the new one"), PinScene(f, fault, CORP) as s:
        assert s.agent.unlock_with("corp", "222222", check=False).returncode == 5
        assert s.change_by_fd("999999", "222222", "corp").returncode == 0 and s.opens_with("222222")
        assert s.change_by_fd("222222", "999999", "corp").returncode == 0
    with tap.case("a refused one is sent again once another one was right, for it may have become the PIN elsewhere"), \
            PinScene(f, fault, CORP) as s:
        for pin, sent in (("222222", 1), ("222222", 1), ("999999", 2), ("222222", 3)):
            s.agent.unlock_with("corp", pin, check=False)
            assert s.logins() == sent, (pin, fault.tail())
            s.agent.cli("lock", "corp", check=True)
    with tap.case("a new one of a wrong length is not sent, and the limits are told"), \
            PinScene(f, fault, CORP) as s:
        for new in ("12", "", "7" * 300):
            short = s.change_by_fd("999999", new, "corp")
            assert short.returncode == 2 and "4 to 255" in short.stderr, short
        assert fault.count("C_SetPIN") == 0
    with tap.case("a new one that could not be entered again is not sent"), PinScene(f, fault, CORP) as s:
        for new in ("12345\n678\n", "12345\n\n", "12345\x00678"):
            odd = s.change_by_fd("999999", new, "corp")
            assert odd.returncode == 2 and "more than a line of text, and was not sent" in odd.stderr, odd
        assert fault.count("C_SetPIN") == 0
    with tap.case("what the token says of the new one"), \
            PinScene(f, fault, CORP + "\nfail C_SetPIN CKR_PIN_TOO_WEAK once") as s:
        weak = s.change_by_fd("999999", "1111", "corp")
        assert weak.returncode == 2 and "does not take the new PIN" in weak.stderr, weak
        assert s.change_by_fd("999999", "1234", "corp").returncode == 0
    with tap.case("nobody can be asked: it says what to do"), PinScene(f, fault, CORP) as s:
        alone = s.change("corp")
        assert alone.returncode == 5 and "--new-pin-fd" in alone.stderr, alone
    with tap.case("usage"), PinScene(f, fault, CORP) as s:
        for words in (["--pin-fd", "0"], ["--pin-fd", "0", "--new-pin-fd", "0"], ["a", "b"]):
            assert s.change(*words).returncode == 2, words
        assert s.agent.cli("pin", "break").returncode == 2
        assert s.agent.cli("pin").returncode == 2
        assert s.change("nobody").returncode == 4


def on_the_wire(tap, f, fault):
    with tap.case("exactly two descriptors"), PinScene(f, fault, CORP) as s:
        client = protocol.Client(s.agent.socket)
        for n in (0, 1, 3):
            fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(n)]
            try:
                client.change_pin("corp", 1, fds)
                raise RuntimeError("it was done")
            except protocol.AgentError as error:
                assert error.name == "PROTOCOL", (n, error)
            for fd in fds:
                os.close(fd)
        assert len(client.tokens()) == 1


def at_the_reader(tap, f, fault):
    with tap.case("on the reader's keypad"), PinScene(f, fault, CORP + " keypad", "hang") as s:
        result = []
        thread = threading.Thread(target=lambda: result.append(s.change("corp")))
        thread.start()
        fault.wait("@keypad", function="C_SetPIN")
        fault.type(0, "1234", "2345")
        thread.join(60)
        assert result[0].returncode == 0, result
        assert fault.count("C_SetPIN", rv="CKR_OK") == 1, fault.tail()
        assert "GETPIN" not in s.pinentry.asked()
        by_fd = s.change_by_fd("2345", "1234", "corp")
        assert by_fd.returncode == 2 and "keypad" in by_fd.stderr, by_fd
    with tap.case("its notice can be cancelled"), PinScene(f, fault, CORP + " keypad", "ok") as s:
        assert s.change("corp").returncode == 6
        fault.cancel(0)


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        fault = Fault(f.path("control"))
        tap.diagnose = lambda: f.diagnose() + fault.tail()
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        by_dialogs(tap, f, fault)
        asked_already(tap, f, fault)
        by_descriptors(tap, f, fault)
        on_the_wire(tap, f, fault)
        at_the_reader(tap, f, fault)
    tap.done()


main()
