#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forbidden by a rule, PIN cancelled, token pulled, agent gone: an error page at once, and no restart of the browser.

With an agent that is stopped it comes when the module's patience is at its end.
"""
import signal
import time

import chromium
import firefox
import programs
from chromium import Chromium
from firefox import Firefox
from fixture import Fixture
from station import ALLOWED, Station
from tap import Tap, skip_all

# What nginx writes for who comes without a certificate.
_WITHOUT = "No required SSL certificate was sent"


# As often as a person may press reload: NSS looks for a token that is back once a second, and a
# browser keeps connections in store that are past the handshake.
_RELOADS = 20


def reload_until(browser, server, good):
    """The page that is good, and after how long."""
    begun = time.monotonic()
    for reloads in range(_RELOADS):
        page = browser.go(server.url + "part/1")
        if good(page):
            return page, f"after {time.monotonic() - begun:.1f} s and {reloads} reloads"
        time.sleep(0.2)
    raise AssertionError(f"{page}")


def gets_in(tap, browser, server):
    _, when = reload_until(browser, server, lambda page: page.error is None and
                           "CN=alice,O=Countersign Test" in page.text)
    tap.comment(f"{browser.name} is in {when}")


def is_refused(tap, browser, server):
    page, when = reload_until(browser, server, lambda page: page.error or _WITHOUT in page.text)
    tap.comment(f"{browser.name} shows {when}: {(page.error or _WITHOUT)[:200]}")


def troubles(station, pinentry):
    """What happens to the person's machine, and how it ends: name -> (begin, end)."""
    def cancel():
        station.agent.cli("lock", check=True)
        pinentry.answer("cancel")

    return {
        "a rule forbids it": (lambda: station.rule("none"), lambda: station.rule(ALLOWED)),
        "the PIN is cancelled": (cancel, lambda: pinentry.answer("pin:1234")),
        "the token is pulled": (station.pull, station.put_back),
        "the agent has ended": (station.agent.stop, station.agent.start),
        "the agent has crashed": (station.agent.kill, station.agent.start),
        "the agent is stopped": (lambda: station.agent.process.send_signal(signal.SIGSTOP),
                                 lambda: station.agent.process.send_signal(signal.SIGCONT)),
    }


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx") or \
        chromium.lacking() or firefox.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    tap = Tap()
    with Fixture() as f:
        pinentry = f.pinentry("pin:1234")
        station = Station(f, pinentry, settings="hot-plug = 100ms")
        tap.diagnose = station.diagnose
        for kind in (Chromium, Firefox):
            with kind(f, station.module, station.office) as browser:
                for name, (begin, end) in troubles(station, pinentry).items():
                    server = station.strict_server(station.alice)
                    with tap.case(f"{browser.name}, {name}: refused"):
                        gets_in(tap, browser, server)
                        begin()
                        is_refused(tap, browser, server)
                    with tap.case(f"{browser.name}, {name} no more: gets in"):
                        end()
                        gets_in(tap, browser, server)
    tap.done()


main()
