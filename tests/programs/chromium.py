# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that is driven over its debugging pipe (the DevTools protocol).

    with Chromium(f, module, ca) as browser:
        page = browser.go(server.url + "page")
        assert page.error is None and "You are CN=alice" in page.text

Its managed policy, which chooses the certificate where a person would, lies in /etc: it is put there
in a mount namespace of the browser's own, which needs root or user namespaces.
"""
import base64
import fcntl
import json
import os
import pathlib
import select
import subprocess
import time

import namespace
import nss
import programs
from page import PATIENCE, Page

_POLICY = {"AutoSelectCertificateForUrls": ['{"pattern":"https://127.0.0.1","filter":{}}'],
           "SafeBrowsingProtectionLevel": 0, "BackgroundModeEnabled": False}
# $1 and $2 are the pipe, which Chromium expects here.
_WITH_PIPE = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
_OPTIONS = ["--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu",
            "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
            "--window-size=900,500"]


def _pipe():
    """A pipe whose ends are out of the way of the descriptors 3 and 4."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Chromium:
    """module: the PKCS#11 module in its database; ca: the authority whose servers it trusts."""

    name = "chromium"

    def __init__(self, fixture, module, ca, environment=None):
        self.fixture = fixture
        nss.database(fixture, fixture.home / ".pki/nssdb", ca, module)
        settings = fixture.path("etc-chromium")
        (settings / "policies/managed").mkdir(parents=True, exist_ok=True)
        (settings / "policies/managed/test.json").write_text(json.dumps(_POLICY))
        theirs, self._requests = _pipe()
        self._replies, theirs_too = _pipe()
        self.log = fixture.path("chromium.log")
        self.process = fixture.start(
            [*namespace.words({"/etc/chromium": settings}), "bash", "-c", _WITH_PIPE, "bash", theirs,
             theirs_too, "chromium", *_OPTIONS, f"--user-data-dir={fixture.path('chromium')}", "about:blank"],
            log=self.log, pass_fds=[theirs, theirs_too], environment=environment)
        os.close(theirs)
        os.close(theirs_too)
        self._buffer, self._number, self._events, self._session = b"", 0, [], None
        self._attach()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def _attach(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for target in self.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "page":
                    self._session = self.call("Target.attachToTarget", targetId=target["targetId"],
                                              flatten=True)["sessionId"]
                    self.call("Page.enable")
                    return
        raise TimeoutError("Chromium shows no page")

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            reply = self._message(deadline, method)
            if reply.get("id") == self._number:
                assert "error" not in reply, f"{method}: {reply}"
                return reply["result"]
            self._events.append(reply)

    def _message(self, deadline, what):
        while b"\0" not in self._buffer:
            if not select.select([self._replies], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium hangs in {what}")
            data = os.read(self._replies, 1 << 16)
            if not data:
                raise RuntimeError("Chromium ended:\n" + self.log.read_text(errors="replace")[-3000:])
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def go(self, url):
        """Opens a page and waits until it is whole, or an error page."""
        self._events.clear()
        reply = self.call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._message(deadline, "the load of the page"))
        return Page(self.text(), reply.get("errorText"))

    def text(self):
        shown = self.call("Runtime.evaluate", expression="document.documentElement.innerText")
        return shown["result"].get("value") or ""

    def picture(self, path):
        data = self.call("Page.captureScreenshot")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        try:
            self._session = None
            self.call("Browser.close")
            self.process.wait(PATIENCE)
        except (OSError, RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            self.fixture.stop(self.process)
        for end in (self._requests, self._replies):
            os.close(end)


def lacking():
    """What stands in the way of running it here, or None."""
    return programs.missing("chromium", "certutil", "modutil") or namespace.lacking()
