#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs with GnuTLS that people have for VPN, mail and GNOME, with the module that p11-kit knows.

Where a program takes a certificate and a key, the certificate is the file of `countersign pem`: by a
URI GnuTLS would leave out the authorities between it and what the server knows.
"""
import os

import namespace
import p11kit
import programs
from fixture import Fixture
from peer import PATIENCE, Peer, imap_answer, lines, smtp_answer
from station import Station
from table import Cannot, Table
from tap import Skip, skip_all

_DEBIANS_PYTHON = "/usr/bin/python3"  # the one that python3-gi is for
_GIO = os.path.join(os.path.dirname(__file__), "gio.py")
_LOGGED_IN = b'<config-auth client="vpn" type="complete"><auth id="success"></auth></config-auth>'


def until(end, answer):
    """A talk of one question, that ends so."""
    def talk(tls):
        asked = b""
        for piece in iter(lambda: tls.recv(4096), b""):
            asked += piece
            if asked.endswith(end):
                tls.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: webvpn=cookie\r\nContent-Length: %d\r\n\r\n%s" %
                            (len(answer), answer))
                return
    return talk


HTTP = until(b"\r\n\r\n", b"hello")
ANYCONNECT = until(b"</config-auth>\n", _LOGGED_IN)
SMTP = lines("220 localhost\r\n", smtp_answer, "QUIT")
IMAP = lines("* OK ready\r\n", imap_answer, "LOGOUT")


def openconnect(peer, pem, key):
    return ["openconnect", "--authenticate", "--non-inter", "--no-system-trust", "--cafile",
            peer.ca.certificate, "--certificate", pem, "--sslkey", p11kit.uri(key, "private"),
            f"https://localhost:{peer.port}"]


def msmtp(peer, pem, key):
    return ["msmtp", "--host=localhost", f"--port={peer.port}", "--auth=off", "--tls=on",
            "--tls-starttls=off", f"--tls-trust-file={peer.ca.certificate}", f"--tls-cert-file={pem}",
            f"--tls-key-file={p11kit.uri(key, 'private')}", "--from=alice@localhost", "bob@localhost"]


def aria2c(peer, pem, key):
    return ["aria2c", "--quiet", "--max-tries=1", f"--dir={peer.folder}", f"--out=aria-{peer.port}",
            f"--ca-certificate={peer.ca.certificate}", f"--certificate={pem}",
            f"--private-key={p11kit.uri(key, 'private')}", f"https://localhost:{peer.port}/"]


def gio(peer, _pem, key):
    return [_DEBIANS_PYTHON, _GIO, f"localhost:{peer.port}", peer.ca.certificate, p11kit.uri(key, "cert"),
            p11kit.uri(key, "private")]


def a_mutt(name):
    """It takes one word for certificate and key, and wants a terminal."""
    def command(peer, _pem, key):
        rc = peer.folder / f"{name}-{peer.port}rc"
        rc.write_text(f'set ssl_client_cert="pkcs11:token={key.token.label};object={key.label}"\n'
                      f'set certificate_file="{peer.ca.certificate}"\n'
                      f'set ssl_ca_certificates_file="{peer.ca.certificate}"\n'
                      f"set folder={peer.folder}\nset imap_pass=none\nset imap_authenticators=login\npush q\n")
        mutt = f"{name} -n -R -F {rc} -f imaps://alice@localhost:{peer.port}/INBOX"
        return ["script", "-qec", f"stty rows 24 cols 80; {mutt}", "/dev/null"]
    return command


def lftp(peer, pem, key):
    return ["lftp", "-c", f"set ssl:ca-file '{peer.ca.certificate}'; set ssl:cert-file '{pem}'; "
            f"set ssl:key-file '{p11kit.uri(key, 'private')}'; cat https://localhost:{peer.port}/x"]


# name: (command, how the server speaks, whether the chain comes along)
CLIENTS = {
    "openconnect": (openconnect, ANYCONNECT, True),
    "msmtp": (msmtp, SMTP, True),
    "aria2c": (aria2c, HTTP, True),
    "neomutt": (a_mutt("neomutt"), IMAP, False),
    "GIO (glib-networking)": (gio, HTTP, False),
}
THAT_CANNOT = {"mutt": (a_mutt("mutt"), IMAP), "lftp": (lftp, HTTP)}


class Meeting:
    """A program that was told of a key, and its server."""

    def __init__(self, station, before, key, command, talk):
        f = station.fixture
        self.peer = Peer(f, station.office, station.authority(key), talk)
        f.servers.append(self.peer)
        pem = f.path(f"{key.label}-reference.pem")
        if not pem.exists():
            f.reference(station.agent, key)
        self.seen = f.run([*before, *command(self.peer, pem, key)], input="hello\n",
                          environment={"TERM": "xterm"})
        assert self.peer.ended.wait(PATIENCE), self.seen


def need(f, name):
    if name.startswith("GIO"):
        if f.run([_DEBIANS_PYTHON, _GIO]).returncode != 0:
            raise Skip("GIO for python3 or glib-networking is not installed")
    else:
        p11kit.needs_gnutls(f, name)


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl") or namespace.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    table = Table("gnutls-clients")
    with Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        before = p11kit.words(f, station.module)
        for name, (command, talk, chain) in CLIENTS.items():
            for key in (station.alice, station.bob, *([station.carol] if chain else [])):
                with table.row(name, "module", key) as row:
                    need(f, name)
                    met = Meeting(station, before, key, command, talk)
                    row.ended(met.seen)
                    row.saw(met.peer.dn, met.peer.protocol)
        for name, (command, talk) in THAT_CANNOT.items():
            with table.row(name, "module", station.alice) as row:
                need(f, name)
                met = Meeting(station, before, station.alice, command, talk)
                assert "did not return a certificate" in met.peer.error, met.peer.error
                raise Cannot("opens certificate and key as files itself")
    table.done()


main()
