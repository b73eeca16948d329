#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chromium, Firefox, curl and Java at the same time on one token: one PIN, also when it was pulled."""
import threading

import chromium
import firefox
import java as java_module
import programs
from chromium import Chromium
from firefox import Firefox
from fixture import Fixture
from station import Station
from tap import Tap, skip_all
from wait import wait

_VISITS = 3
_DN = "CN=alice,O=Countersign Test"


class Everybody:
    """name -> a function that goes to the server once and tells whether it got in."""

    def __init__(self, station, browsers, server):
        reference = station.fixture.reference(station.agent, station.alice)
        vm = java_module.Java(station)
        self.all = {browser.name: self._browser(browser, server) for browser in browsers}
        self.all["curl"] = lambda: self._answered(station.fixture.curl(server, reference, reference))
        self.all["java"] = lambda: self._answered(vm.get("last", server.url))

    @staticmethod
    def _answered(seen):
        return bool(seen.answer if hasattr(seen, "answer") else _DN in seen.stdout)

    @staticmethod
    def _browser(browser, server):
        def go():
            page = browser.go(server.url + "part/1")
            return page.error is None and _DN in page.text
        return go

    def go(self, during=lambda: None):
        """All of them, several times, at once: name -> how often it got in."""
        got_in = {name: 0 for name in self.all}
        raised = []

        def visit(name):
            try:
                for _ in range(_VISITS):
                    got_in[name] += self.all[name]()
            except Exception as why:  # pylint: disable=broad-except
                raised.append(f"{name}: {why}")

        threads = [threading.Thread(target=visit, args=[name]) for name in self.all]
        for thread in threads:
            thread.start()
        during()
        for thread in threads:
            thread.join()
        assert not raised, raised
        return got_in


def cases(tap, station, pinentry, everybody):
    always = {name: _VISITS for name in everybody.all}
    with tap.case("all get in every time, with one PIN"):
        assert everybody.go() == always
        assert pinentry.questions() == 1, pinentry.asked()
    with tap.case("the token is pulled meanwhile and put back: nobody hangs"):
        def pull():
            before = station.signatures()
            wait(lambda: station.signatures() > before + 4, "they are at work")
            station.pull()
            station.put_back()
        tap.comment(str(everybody.go(pull)))
    with tap.case("then all get in every time, with one PIN more"):
        assert everybody.go() == always
        assert pinentry.questions() == 2, pinentry.asked()


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl",
                               "java",
                               "javac") or chromium.lacking() or firefox.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    tap = Tap()
    with Fixture() as f:
        pinentry = f.pinentry("pin:1234")
        station = Station(f, pinentry, settings="hot-plug = 100ms")
        tap.diagnose = station.diagnose
        server = station.strict_server(station.alice)
        with Chromium(f, station.module, station.office) as one, \
                Firefox(f, station.module, station.office) as other:
            cases(tap, station, pinentry, Everybody(station, (one, other), server))
    tap.done()


main()
