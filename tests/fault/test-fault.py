#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""countersign-fault.so as OpenSC's pkcs11-tool sees it, and fault.py, which steers it."""
import programs
from fault import Fault
from fixture import Fixture
from tap import Tap, skip_all

PIN = "Pin-7351"  # as nothing else in a log looks


def tool(f, fault, *arguments, **options):
    environment = dict(fault.environment)
    if programs.SANITIZE:
        environment["LD_PRELOAD"] = programs.sanitizer_library()
    return f.run(["pkcs11-tool", "--module", fault.module, *arguments], environment=environment,
                 **options)


def sign(f, fault, *arguments):
    data = f.scratch(bytes(32))
    return tool(f, fault, "--login", "--sign", "--mechanism", "ECDSA", "--label", "alice",
                "--input-file", data, "--output-file", f.path("signature"), *arguments)


def pin_cases(tap, f, fault):
    with tap.case("pkcs11-tool shows the tries that are left"):
        fault.script("slot 0 token=corp tries=3")
        for shown in ("user PIN count low", "final user PIN try", "user PIN locked"):
            assert tool(f, fault, "--login", "--pin", "0000", "-O").returncode != 0
            assert shown in tool(f, fault, "-L").stdout
        refused = tool(f, fault, "--login", "--pin", PIN, "-O")
        assert "CKR_PIN_LOCKED" in refused.stderr, refused.stderr
        assert fault.count("C_Login", rv="CKR_PIN_INCORRECT") == 3
        serial = [line.split()[-1] for line in tool(f, fault, "-L").stdout.splitlines()
                  if "serial num" in line][0]
        assert fault.wrong_pins(serial) == 3
    with tap.case("the test forgives"):
        fault.forgive()
        assert fault.wrong_pins(serial) == 0
        tool(f, fault, "--login", "--pin", PIN, "-O", check=True)


def key_cases(tap, f, fault):
    with tap.case("pkcs11-tool gives the PIN again for a key that asks for it"):
        fault.clear()
        fault.script("slot 0 token=corp always-authenticate=alice lax")
        signed = sign(f, fault, "--pin", PIN)
        assert signed.returncode == 0, signed.stderr
        assert fault.count("C_Login", user="CONTEXT_SPECIFIC", rv="CKR_OK") == 1
        assert "always authenticate" in tool(f, fault, "--login", "--pin", PIN, "-O").stdout
    with tap.case("pkcs11-tool leaves the PIN to the keypad"):
        fault.clear()
        fault.script("slot 0 token=corp keypad keypad-delay=20")
        fault.type(0, PIN)
        # It would ask for the PIN itself, from a terminal it has not, if the flag were not there.
        signed = sign(f, fault)
        assert signed.returncode == 0, signed.stderr
        assert fault.count("C_Login", pin="null", rv="CKR_OK") == 1
        fault.cancel(0)
        assert "CKR_FUNCTION_CANCELED" in sign(f, fault).stderr


def other_cases(tap, f, fault):
    with tap.case("slots, readable or not"):
        fault.script("slot 0 token=corp label=caf%C3%A9%3A", "slot 1 uninitialised", "slot 2 absent",
                     "slot 3 bad")
        shown = tool(f, fault, "-L").stdout
        assert "café:" in shown and "uninitialized" in shown and "(empty)" in shown, shown
    with tap.case("a module that crashes takes the program with it, once"):
        fault.clear()
        fault.script("slot 0 token=corp", "abort C_GetTokenInfo once")
        assert tool(f, fault, "-L").returncode == -6
        fault.wait("@crash", function="C_GetTokenInfo")
        tool(f, fault, "-L", check=True)
    with tap.case("a wrong script is an error that check() sees"):
        fault.check()
        fault.script("slot 0 tokn=corp")
        assert tool(f, fault, "-L").returncode != 0
        assert [line.what for line in fault.errors()] == ["!script"]
        try:
            fault.check()
        except AssertionError as why:
            assert "line 1:" in str(why)
        else:
            raise RuntimeError("check() was content")
    with tap.case("no PIN is in the log"):
        assert PIN not in (fault.folder / "log").read_text()


def main():
    missing = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool")
    if missing:
        skip_all(f"{missing} is not there")
    tap = Tap()
    with Fixture() as f:
        f.token("corp", PIN).generate("p256", "alice")
        fault = Fault(f.path("control"))
        tap.diagnose = fault.tail
        pin_cases(tap, f, fault)
        key_cases(tap, f, fault)
        other_cases(tap, f, fault)
    tap.done()


main()
