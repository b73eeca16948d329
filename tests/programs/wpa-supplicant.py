#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""802.1X with EAP-TLS: wpa_supplicant's eapol_test, which is the program without a network card, against
hostapd as the RADIUS server. libp11's engine finds our module by p11-kit."""
import re
import socket

import namespace
import p11kit
import programs
from agent import ANYTHING
from stage import Stage
from station import VERSIONS
from table import Cannot
from tap import Skip, skip_all
from wait import wait

_HOSTAPD = """
driver=none
interface=lo
radius_server_clients={clients}
radius_server_auth_port={port}
eap_server=1
eap_user_file={users}
ca_cert={people}
server_cert={certificate}
private_key={key}
tls_flags=[{flag}-TLSv1.3]
logger_stdout=-1
logger_stdout_level=0
"""
_SUPPLICANT = """
network={{
    key_mgmt=IEEE8021X
    eap=TLS
    eapol_flags=0
    identity="alice"
    ca_cert="{ca}"
    {given}
    phase1="tls_disable_tlsv1_3={old}"
}}
"""


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Radius:
    """One that lets in whom the key's authority knows."""

    def __init__(self, stage, key, version):
        self.version, self.port = version, free_udp_port()
        self._log = stage.path(f"hostapd-{self.port}.log")
        certificate, private = stage.office.issue_server(f"radius-{self.port}")
        clients, users, conf = (stage.path(f"hostapd-{self.port}.{name}") for name in ("clients", "users", "conf"))
        clients.write_text("127.0.0.1 secret\n")
        users.write_text("* TLS\n")
        conf.write_text(_HOSTAPD.format(
            clients=clients, port=self.port, users=users, people=stage.authorities[key.kind].certificate,
            certificate=certificate, key=private, flag="ENABLE" if version == "TLSv1.3" else "DISABLE"))
        stage.start(["hostapd", "-dd", conf], self._log)
        wait(lambda: "AP-ENABLED" in self.log(), "hostapd is ready")

    def log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def saw(self, since):
        """The client's name as nginx would write it, and the version; nothing before `since` counts."""
        log = self.log()[since:]
        names = re.findall(r"peer certificate: depth=0 .* subject=/(\S.*)", log)
        versions = re.findall(r"SSL: Using TLS version (\S+)", log)
        return ",".join(reversed(names[-1].split("/"))) if names else "", versions[-1] if versions else ""


def eapol_test(stage, radius, given, patience=20):
    conf = stage.path(f"supplicant-{radius.port}.conf")
    conf.write_text(_SUPPLICANT.format(ca=stage.office.certificate, given=given,
                                       old=0 if radius.version == "TLSv1.3" else 1))
    return ["eapol_test", "-c", conf, "-a", "127.0.0.1", "-p", radius.port, "-s", "secret", "-t", patience]


def of(pem, key):
    return f'client_cert="{pem}"\nprivate_key="{key}"'


def logs_in(stage, radius, key):
    pem = stage.reference_of(key)
    with stage.table.row("wpa_supplicant", "PEM", key, radius.version) as row:
        since = len(radius.log())
        row.ended(stage.told(eapol_test(stage, radius, of(pem, pem))))
        row.saw(*radius.saw(since))
    # As nmcli has it.
    with stage.table.row("wpa_supplicant by an engine", "module", key, radius.version) as row:
        since = len(radius.log())
        seen = stage.run([*p11kit.words(stage, programs.PKCS11),
                          *eapol_test(stage, radius, of(pem, p11kit.uri(key, "private")))])
        if "Initializing TLS engine" not in seen.stdout:
            raise Skip("this wpa_supplicant knows no engines")
        row.ended(seen)
        row.saw(*radius.saw(since))


def cannot(stage, radius, key):
    """A supplicant without a key waits for somebody to bring it."""
    since = len(radius.log())
    with stage.table.row("wpa_supplicant", "URI", key):
        given = of(stage.reference_of(key), key.uri)
        seen = stage.told(eapol_test(stage, radius, given, patience=3))
        assert seen.returncode != 0 and radius.saw(since)[0] == "", seen
        raise Cannot("takes pkcs11: for an engine")
    with stage.table.row("wpa_supplicant", "run", key):
        seen = stage.told_nothing(eapol_test(stage, radius, "", patience=3), identity=key.label)
        assert seen.returncode != 0 and "Private key not configured" in seen.stdout, seen
        raise Cannot("does EAP-TLS with a key that it was told of, or not at all")


def main():
    lacking = programs.missing("eapol_test", "hostapd") or namespace.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    with Stage("wpa-supplicant") as stage:
        stage.keeper.write_rules(ANYTHING)  # the engine hands over digests
        for version in VERSIONS:
            for key in stage.keys:
                logs_in(stage, Radius(stage, key, version), key)
        cannot(stage, Radius(stage, stage.keys[0], VERSIONS[0]), stage.keys[0])
    stage.table.done()


main()
