#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""While a token looks at a PIN, the token host has it in memory that is never swapped out, and nowhere
afterwards. What the module copies is its own affair, so this one never sees it."""
import os
import pathlib
import re
import threading

import process
import programs
import protocol_client as protocol
from fault import Fault
from fixture import Fixture
from tap import Tap, skip_all

PIN = "Wasserralle-4711"


def flags_of(pid):
    """The first address of each mapping: its flags."""
    found, first = {}, None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
        head = re.match(r"([0-9a-f]+)-[0-9a-f]+ ", line)
        if head:
            first = head.group(1)
        elif line.startswith("VmFlags:"):
            found[first] = line.split()[1:]
    return found


class Way:
    """One way for a PIN to come; unlock() is in the background, for its C_Login hangs."""

    def __init__(self, f, fault, **options):
        fault.forgive()
        fault.clear()
        fault.script("slot 0 token=corp", "hang C_Login once then=CKR_FUNCTION_FAILED")
        self.fault = fault
        self.agent = f.agent(modules={"fault": fault.module}, environment=fault.environment, **options)
        self.client = protocol.Client(self.agent.socket, environment=[("DISPLAY", ":99")])
        self.host = self.client.status().modules[0].pid

    def unlock(self, pin=None):
        try:
            if pin:
                self.client.unlock_with("corp", pin)
            else:
                self.client.unlock("corp")
        except protocol.AgentError as error:
            assert error.name == "TOKEN_FAILED", error


def check(tap, name, way, *pin):
    thread = threading.Thread(target=way.unlock, args=pin, daemon=True)
    thread.start()
    with tap.case(f"{name}: while the token looks at it, it is in locked memory alone"):
        way.fault.wait("@hang")
        flags = flags_of(way.host)
        found = process.mappings_with(way.host, PIN.encode())
        assert found, "it is not there, so the search finds nothing"
        for line in found:
            words = flags[line.split("-")[0]]
            assert "lo" in words and "dd" in words, (line, words)
    with tap.case(f"{name}: afterwards it is nowhere"):
        way.fault.script("slot 0 token=corp")
        thread.join(60)
        assert not thread.is_alive()
        assert not process.mappings_with(way.host, PIN.encode())
        assert process.mappings_with(way.host, b"corp"), "the search finds nothing"
    way.agent.stop()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl")
    if absent:
        skip_all(f"{absent} is not installed")
    if os.geteuid() != 0:
        skip_all("only root can read the memory of a process that is not dumpable")
    if programs.SANITIZE:
        skip_all("AddressSanitizer makes mlock do nothing")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        f.token("corp", PIN)
        fault = Fault(f.path("control"))
        check(tap, "by a descriptor", Way(f, fault), PIN)
        check(tap, "by a prompt", Way(f, fault, pinentry=f.pinentry(f"pin:{PIN}")))
        seen = f.path("seen")
        command = f.scratch(f"#!/bin/sh\nls -l /proc/$$/fd >{seen}\necho {PIN}\n")
        command.chmod(0o700)
        check(tap, "by a command", Way(f, fault, tokens={"corp": f"pin-command = {command}"}))
        with tap.case("by a command: it has inherited nothing that the module opened"):
            assert command.name in seen.read_text() and str(fault.folder) not in seen.read_text(), seen.read_text()
    tap.done()


main()
