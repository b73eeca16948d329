#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NSS's own client, which finds the certificate by its nickname or by the server's names."""
import nss
import programs
from fixture import Fixture
from station import VERSIONS, Station
from table import Table
from tap import skip_all

_WORDS = {"TLSv1.2": "tls1.2:tls1.2", "TLSv1.3": "tls1.3:tls1.3", "any": "tls1.2:tls1.3"}


def tstclnt(f, database, server, version, *arguments):
    request = f.scratch("GET / HTTP/1.0\r\n\r\n")
    return f.run(["tstclnt", "-4", "-h", "localhost", "-p", server.port, "-d", f"sql:{database}", "-V",
                  _WORDS[version], "-A", request, *arguments])


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "tstclnt",
                               "certutil", "modutil")
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("tstclnt")
    with Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        database = nss.database(f, f.path("nss"), station.office, station.module)
        for version in VERSIONS:
            for key in (station.alice, station.bob):
                with table.row("tstclnt -n", "module", key, version) as row:
                    row.sees(tstclnt(f, database, station.server(key, version), version, "-n",
                                     f"corp:{key.label}"))
                with table.row("tstclnt", "module", key, version) as row:
                    row.sees(tstclnt(f, database, station.server(key, version), version))
        with table.row("tstclnt", "module", station.carol) as row:
            row.sees(tstclnt(f, database, station.server(station.carol), "any"))
    table.done()


main()
