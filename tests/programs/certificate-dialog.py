#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Firefox offers a person the certificates of our module, and goes with the one that is chosen.

The pictures of the dialog and of the page behind it stay in the build folder.
"""
import display as display_module
import firefox
import programs
from display import Display
from firefox import Firefox
from fixture import Fixture
from server import N_PARTS
from station import Station, Visit
from table import FOLDER, Table
from tap import skip_all
from wait import wait

# The texts of the certificate dialog in Firefox's own window, once it can be answered.
_SHOWN = """
const window = Services.wm.getMostRecentWindow("navigator:browser");
for (const frame of window.document.querySelectorAll("browser.dialogFrame")) {
    const dialog = frame.contentDocument;
    if (dialog?.documentElement && dialog.documentURI.includes("clientauth"))
        return dialog.documentElement.textContent;
}
return "";
"""


def dialog(browser):
    """What the dialog says, once it is whole."""
    def shown():
        browser.call("Marionette:SetContext", {"value": "chrome"})
        try:
            said = browser.script(_SHOWN)
            return said if "Stored on: corp" in said else None  # the last it fills in
        finally:
            browser.call("Marionette:SetContext", {"value": "content"})
    return wait(shown, "the certificate dialog")


def choose(row, browser, screen, server):
    visit = Visit(server)
    browser.call("WebDriver:Navigate", {"url": server.url + "page"})  # does not wait for the page
    said = dialog(browser)
    screen.picture(FOLDER / "firefox-dialog.png")
    assert "Issued to: CN=alice,O=Countersign Test" in said, said
    screen.press(screen.windows()[-1])
    visit.fill(row)
    wait(lambda: f"{N_PARTS} parts for {row.dn}" in browser.text(), "the page")
    screen.picture(FOLDER / "firefox-window.png")


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx",
                               *display_module.PROGRAMS) or firefox.lacking()
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("certificate-dialog")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Fixture() as f:
        station, screen = Station(f), Display(f, size="1024x768x24")
        table.tap.diagnose = station.diagnose
        asks = {"security.default_personal_cert": "Ask Every Time"}
        with Firefox(f, station.module, station.office, preferences=asks, display=screen,
                     strategy="none") as browser:
            with table.row("firefox, by its dialog", "module", station.alice) as row:
                choose(row, browser, screen, station.server(station.alice))
    table.done()


main()
