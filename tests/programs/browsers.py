#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Browsers with our module: pages of many parts, and no PIN but for who asks for a certificate."""
import chromium
import firefox
import programs
from chromium import Chromium
from firefox import Firefox
from fixture import Fixture
from server import N_PARTS
from station import VERSIONS, Station, Visit
from table import FOLDER, Table
from tap import skip_all


def opens_page(row, browser, server):
    """The page and all its parts, over several connections, are for one name."""
    visit = Visit(server)
    page = browser.go(server.url + "page")
    assert page.error is None, page
    visit.fill(row, 1 + N_PARTS)
    assert f"{N_PARTS} parts for {row.dn}" in page.text, page
    connections = {request["connection"] for request in visit.requests()}
    assert len(connections) > 1, "one connection is no test"


def rows(table, station, browser):
    for version in VERSIONS:
        for key in (station.alice, station.bob):
            with table.row(browser.name, "module", key, version) as row:
                opens_page(row, browser, station.server(key, version))
    FOLDER.mkdir(parents=True, exist_ok=True)
    browser.picture(FOLDER / f"{browser.name}.png")
    with table.row(browser.name, "module", station.carol) as row:
        opens_page(row, browser, station.server(station.carol))


def asks_nobody(station, browser, server):
    signatures = station.signatures()
    page = browser.go(server.url + "page")
    assert page.error is None and f"{N_PARTS} parts for nobody" in page.text, page
    assert station.signatures() == signatures


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx") or \
        chromium.lacking() or firefox.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    table = Table("browsers")
    with Fixture() as f:
        pinentry = f.pinentry("pin:1234")
        station = Station(f, pinentry)
        table.tap.diagnose = station.diagnose
        indifferent = f.server(station.office, verify="off")
        for questions, kind in enumerate((Chromium, Firefox)):
            with kind(f, station.module, station.office) as browser:
                with table.tap.case(f"{browser.name}: a site that asks for nothing: no signature, no PIN"):
                    asks_nobody(station, browser, indifferent)
                    assert pinentry.questions() == questions
                rows(table, station, browser)
                with table.tap.case(f"{browser.name}: one PIN for all of them"):
                    assert pinentry.questions() == questions + 1, pinentry.asked()
            station.agent.cli("lock", check=True)
    table.done()


main()
