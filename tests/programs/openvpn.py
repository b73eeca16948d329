#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenVPN with --pkcs11-id, against an OpenVPN that asks for a certificate. Neither makes a device."""
import re

import programs
from fixture import Fixture
from station import VERSIONS, Station, free_port
from table import Table
from tap import skip_all
from wait import wait

_COMMON = ["--dev", "null", "--ifconfig-noexec", "--verb", "3"]


def wait_for(path, text):
    wait(lambda: path.exists() and text in path.read_text(errors="replace"), f"'{text}' in {path.name}")


def serialized_ids(f, module):
    """Common name -> what --pkcs11-id wants."""
    shown = f.run(["openvpn", "--show-pkcs11-ids", module], check=True).stdout
    return dict(re.findall(r"DN: +[^\n]*CN=(\w+)\n.*?Serialized id: +(\S+)", shown, re.S))


def connect(row, f, station, key, version):
    number, words = free_port(), ["--tls-version-min", version[-3:], "--tls-version-max", version[-3:]]
    name = f"{key.label}-{version}"
    certificate, private = station.office.issue_server(f"vpn-{name}")
    theirs, ours = f.path(f"server-{name}.log"), f.path(f"client-{name}.log")
    server = f.start(
        ["openvpn", *_COMMON, *words, "--proto", "tcp-server", "--local", "127.0.0.1", "--lport",
         number, "--tls-server", "--ca", station.authority(key).certificate, "--cert", certificate,
         "--key", private, "--dh", "none"], log=theirs)
    wait_for(theirs, "Listening for incoming TCP connection")
    client = f.start(
        ["openvpn", *_COMMON, *words, "--proto", "tcp-client", "--remote", "127.0.0.1", number,
         "--nobind", "--tls-client", "--ca", station.office.certificate, "--pkcs11-providers",
         station.module, "--pkcs11-id", serialized_ids(f, station.module)[key.label]], log=ours)
    try:
        wait_for(ours, "Initialization Sequence Completed")
        wait_for(theirs, "Peer Connection Initiated")
    finally:
        f.stop(client)
        f.stop(server)
    log = theirs.read_text()
    # As nginx would write it.
    name = re.search(r"VERIFY OK: depth=0, (.*)", log).group(1)
    row.dn = ",".join(reversed(name.split(", ")))
    assert f"Control Channel: {version}" in log, log


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "openvpn")
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("openvpn")
    with Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        for version in VERSIONS:
            for key in (station.alice, station.bob):
                with table.row("openvpn", "module", key, version) as row:
                    connect(row, f, station, key, version)
    table.done()


main()
