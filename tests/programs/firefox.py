# SPDX-License-Identifier: Apache-2.0
"""A Firefox that is driven by Marionette, the protocol it speaks to its own tests.

    with Firefox(f, module, ca) as browser:
        page = browser.go(server.url + "page")
        assert page.error is None and "You are CN=alice" in page.text
"""
import base64
import json
import pathlib
import socket
import time

import nss
import programs
from page import PATIENCE, Page

_PREFERENCES = {
    "marionette.port": 0,  # any free one; the profile's MarionetteActivePort names it
    "security.default_personal_cert": "Select Automatically",
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """module and ca as with Chromium; preferences: more of them; display: a Display, or headless.
    strategy: "none" to go on before a page is there."""

    name = "firefox"

    def __init__(self, fixture, module, ca, preferences=None, display=None,
                 strategy="normal", environment=None):
        self.fixture = fixture
        self.profile = nss.database(fixture, fixture.path("firefox"), ca, module)
        self.log = fixture.path("firefox.log")
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                 for name, value in {**_PREFERENCES, **(preferences or {})}.items()]
        (self.profile / "user.js").write_text("".join(lines))
        self._port = self.profile / "MarionetteActivePort"
        self._port.unlink(missing_ok=True)
        where = dict(display.environment) if display else {"MOZ_HEADLESS": "1"}
        self.process = fixture.start(
            ["firefox-esr", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile",
             self.profile], log=self.log,
            environment={**where, **(environment or {})})
        self._number = 0
        self._socket = self._connect()
        self._stream = self._socket.makefile("rb")
        self._message()  # it introduces itself
        self.call("WebDriver:NewSession", {"pageLoadStrategy": strategy,
                                           "timeouts": {"pageLoad": PATIENCE * 1000}})

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def _connect(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
            port = self._port.read_text().strip() if self._port.exists() else ""
            if port:
                return socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
            time.sleep(0.05)
        raise TimeoutError("Firefox does not start")

    def _message(self):
        size = b""
        while not size.endswith(b":"):
            octet = self._stream.read(1)
            if not octet:
                raise RuntimeError("Firefox ended:\n" + self.log.read_text(errors="replace")[-3000:])
            size += octet
        return json.loads(self._stream.read(int(size[:-1])))

    def _ask(self, command, parameters, timeout):
        """(error, result)"""
        self._number += 1
        data = json.dumps([0, self._number, command, parameters or {}]).encode()
        self._socket.settimeout(timeout + 5)
        self._socket.sendall(b"%d:%s" % (len(data), data))
        _, number, error, result = self._message()
        assert number == self._number
        return error, result

    def call(self, command, parameters=None, timeout=PATIENCE):
        error, result = self._ask(command, parameters, timeout)
        assert error is None, f"{command}: {error}"
        return result

    def go(self, url):
        """Opens a page and waits until it is whole, or an error page."""
        error, _ = self._ask("WebDriver:Navigate", {"url": url}, PATIENCE)
        if error and "timeout" in error["error"]:
            raise TimeoutError("Firefox hangs in the load of the page")
        return Page(self.text(), error and error["message"])

    def script(self, text):
        return self.call("WebDriver:ExecuteScript", {"script": text, "args": []})["value"]

    def text(self):
        """What is shown; nothing between two pages."""
        _, result = self._ask("WebDriver:ExecuteScript", {
            "script": "return document.documentElement.innerText", "args": []}, PATIENCE)
        return (result or {}).get("value") or ""

    def picture(self, path):
        shown = self.call("WebDriver:TakeScreenshot", {"full": False})["value"]
        pathlib.Path(path).write_bytes(base64.b64decode(shown))

    def close(self):
        try:
            self.call("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.process.wait(PATIENCE)
        except Exception:  # pylint: disable=broad-except
            self.fixture.stop(self.process)
        self._socket.close()


def lacking():
    """What stands in the way of running it here, or None."""
    return programs.missing("firefox-esr", "certutil", "modutil")
