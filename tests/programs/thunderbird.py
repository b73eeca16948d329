#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Thunderbird, with our module in its profile, gets mail from a server that knows it by its certificate.

The server names no authorities, so there is one key at a time to choose.
"""
import json

import nss
import programs
from fixture import Fixture
from peer import Peer, imap_answer, lines
from stage import KINDS
from table import Table
from tap import skip_all
from wait import wait

_TLS, _BY_CERTIFICATE = 3, 7  # socketType and authMethod
_PREFERENCES = {
    "security.default_personal_cert": "Select Automatically",
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.account.account1.server": "server1",
    "mail.account.account1.identities": "id1",
    "mail.identity.id1.useremail": "alice@localhost",
    "mail.identity.id1.valid": True,
    "mail.server.server1.type": "imap",
    "mail.server.server1.name": "corp",
    "mail.server.server1.hostname": "localhost",
    "mail.server.server1.userName": "alice",
    "mail.server.server1.socketType": _TLS,
    "mail.server.server1.authMethod": _BY_CERTIFICATE,
    "mail.server.server1.login_at_startup": True,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mailnews.start_page.enabled": False,
    "toolkit.telemetry.enabled": False,
}


def get_mail(row, f, office, people):
    said = []

    def answer(line):
        said.append(line)
        return imap_answer(line).replace("IMAP4rev1", "IMAP4rev1 SASL-IR AUTH=EXTERNAL")
    peer = Peer(f, office, people, lines("* OK ready\r\n", answer, "LOGOUT"))
    f.servers.append(peer)
    profile = nss.database(f, f.path("thunderbird"), office, programs.PKCS11)
    preferences = {**_PREFERENCES, "mail.server.server1.port": peer.port}
    (profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                                             for name, value in preferences.items()))
    mail = f.start(["thunderbird", "--headless", "--no-remote", "--profile", profile],
                   log=f.path("thunderbird.log"))
    wait(lambda: any("authenticate external" in line.lower() for line in said), "Thunderbird's login")
    row.saw(peer.dn, peer.protocol)
    f.stop(mail)


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "thunderbird", "certutil",
                               "modutil")
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("thunderbird")
    for kind in KINDS:
        with Fixture() as f:
            table.tap.diagnose = f.diagnose
            office, people, token = f.authority("Office"), f.authority("People"), f.token("corp")
            key = token.identity(people, kind, kind)
            f.agent().unlock(token)
            with table.row("thunderbird", "module", key) as row:
                get_mail(row, f, office, people)
    table.done()


main()
