# SPDX-License-Identifier: Apache-2.0
"""The test's side of countersign-fault.so: its script, its keypad, its log.

    fault = Fault(f.path("control"))
    fault.script("slot 0 token=corp tries=3", "crash C_Sign at=5 once")
    agent = f.agent(modules={"fault": fault.module}, environment=fault.environment)
    ...
    fault.wait("@crash")
    assert fault.count("C_Login", user="USER") == 1
    fault.check()

module/script.c has the grammar of the script, module/log.c that of the log.
"""
import os
import pathlib
import shutil
import struct
import time

import programs

MODULE = programs.BUILD / "tests/fault/module/countersign-fault.so"

_PATIENCE = 30  # seconds
_POLL = 0.005
# struct fault_counters of module/counter.h: magic, version and salt, then the tokens.
_TOKENS_AT = 8 + 4 * 8 + 16
_N_TOKENS = 32
_TOKEN = struct.Struct("=16sII")


class Line:
    """One line of the log: `what`, and the words behind it as `words`."""

    def __init__(self, text):
        seconds, process, thread, self.what, *rest = text.split(" ")
        self.text, self.time = text, float(seconds)
        self.process, self.thread = int(process), int(thread)
        self.words = dict(word.split("=", 1) for word in rest if "=" in word)

    def matches(self, what, words):
        return self.what == what and all(self.words.get(name) == str(value)
                                         for name, value in words.items())

    def __repr__(self):
        return self.text


class Fault:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # A copy, for an agent takes a module once, whatever it is called.
        self.module = self.folder / MODULE.name
        shutil.copy2(MODULE, self.module)
        self.environment = {"COUNTERSIGN_FAULT_DIR": str(self.folder),
                            "COUNTERSIGN_FAULT_MODULE": str(programs.SOFTHSM)}
        self.init_args = f"dir={self.folder}"  # for a second module beside the first

    def script(self, *lines):
        """Replaces the script. What its rules have counted starts afresh, PIN tries do not."""
        self._replace("script", "".join(line + "\n" for line in lines))

    def type(self, slot, *pins):
        """Types a PIN on the slot's keypad; two to change it."""
        self._replace(f"keypad-{slot}", "pin " + " ".join(pins))

    def cancel(self, slot):
        """Presses the keypad's cancel key."""
        self._replace(f"keypad-{slot}", "cancel")

    def lines(self, what=None, **words):
        """The log, or its lines of that function or @event with these words: slot=0, rv="CKR_OK"."""
        path = self.folder / "log"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        # The last line may still be under way.
        lines = [Line(line) for line in text.split("\n")[:-1]]
        return [line for line in lines if what is None or line.matches(what, words)]

    def count(self, what, **words):
        return len(self.lines(what, **words))

    def wait(self, what, n=1, **words):
        """Waits until there are n such lines."""
        deadline = time.monotonic() + _PATIENCE
        while self.count(what, **words) < n:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not {n} times in the log: {what} {words}\n{self.tail()}")
            time.sleep(_POLL)

    def errors(self):
        """What should fail a test: a wrong script, calls that overlap, rubbish on the keypad."""
        return [line for line in self.lines() if line.what.startswith("!")]

    def check(self):
        assert not self.errors(), "\n".join(map(str, self.errors()))

    def clear(self):
        """An empty log."""
        if (self.folder / "log").exists():
            os.truncate(self.folder / "log", 0)

    def forgive(self):
        """All PINs have all their tries again."""
        for at, serial, _user, _so in self._tokens():
            self._write_counters(at, _TOKEN.pack(serial, 0, 0))

    def wrong_pins(self, serial):
        """How many wrong user PINs are counted for the token."""
        for _at, name, user, _so in self._tokens():
            if name.rstrip(b" ") == serial.encode():
                return user
        return 0

    def tail(self, n=40):
        """The end of the log, for a failed case."""
        return "\n".join(map(str, self.lines()[-n:]))

    def _replace(self, name, text):
        fresh = self.folder / "fresh"
        fresh.write_text(text, encoding="utf-8")
        fresh.rename(self.folder / name)

    def _tokens(self):
        path = self.folder / "counters"
        data = path.read_bytes() if path.exists() else b""
        for i in range(_N_TOKENS if data else 0):
            at = _TOKENS_AT + i * _TOKEN.size
            serial, user, so = _TOKEN.unpack_from(data, at)
            if serial.strip(b"\0"):
                yield at, serial, user, so

    def _write_counters(self, at, data):
        with open(self.folder / "counters", "r+b", buffering=0) as file:
            file.seek(at)
            file.write(data)
