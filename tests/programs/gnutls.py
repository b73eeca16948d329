#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GnuTLS and two that stand on it in Debian, wget and git, with the module that p11-kit knows."""
import namespace
import p11kit
import programs
from fixture import Fixture
from station import VERSIONS, Station, Visit
from table import Cannot, Table
from tap import Skip, skip_all

_REQUEST = "GET / HTTP/1.0\r\n\r\n"


def gnutls_cli(f, before, station, key, version):
    server = station.server(key, version)
    return f.run([*before, "--x509cafile", station.office.certificate, "--x509certfile",
                  p11kit.uri(key, "cert"), "--x509keyfile", p11kit.uri(key, "private"), "--priority",
                  "NORMAL:-VERS-ALL:+VERS-" + version.replace("v", ""),
                  "-p", server.port, "localhost"], input=_REQUEST)


def wget(f, before, station, key, version):
    return f.run([*before, "wget", "-qO-", "--ca-certificate", station.office.certificate,
                  "--certificate", p11kit.uri(key, "cert"), "--private-key",
                  p11kit.uri(key, "private"), station.server(key, version).url])


def publish(f, server):
    """A repository of one commit where anybody can clone it who gets in."""
    work, bare = f.path(f"work-{server.port}"), server.files / "repository.git"
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost"]
    for words in (["init", "-q", work],
                  ["-C", work, "commit", "-q", "--allow-empty", "-m", "one"],
                  ["clone", "-q", "--bare", work, bare],
                  ["-C", bare, "update-server-info"]):
        f.run([*git, *words], check=True)


def git_clones(row, f, before, station, key, version):
    server = station.server(key, version)
    publish(f, server)
    clone = f.path(f"clone-{key.label}-{version}")
    visit = Visit(server)
    f.run([*before, "git", "-c", f"http.sslCAInfo={station.office.certificate}", "-c",
           f"http.sslCert={p11kit.uri(key, 'cert')}", "-c",
           f"http.sslKey={p11kit.uri(key, 'private')}", "clone", "-q",
           server.url + "files/repository.git", clone], check=True)
    visit.fill(row)
    assert f.run(["git", "-C", clone, "log", "--format=%s"], check=True).stdout == "one\n"


def ldapsearch(row, f, before, station, key, version):
    """It opens what it is given as a key as a file, whatever its TLS library could do."""
    if programs.find("ldapsearch") is None:
        raise Skip("ldapsearch is not installed")
    p11kit.needs_gnutls(f, "ldapsearch")
    server = station.server(key, version)
    seen = f.run([*before, "ldapsearch", "-d", "1", "-x", "-H", f"ldaps://localhost:{server.port}"],
                 environment={"LDAPTLS_CACERT": str(station.office.certificate),
                              "LDAPTLS_CERT": p11kit.uri(key, "cert"),
                              "LDAPTLS_KEY": p11kit.uri(key, "private")})
    assert "No such file or directory" in seen.stderr and p11kit.uri(key, "private") in seen.stderr, seen
    row.ended(seen, status=255)
    raise Cannot("opens certificate and key as files itself")


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx",
                               "gnutls-cli", "wget", "git") or namespace.lacking()
    if lacking:
        skip_all(f"there is no {lacking}")
    table = Table("gnutls")
    with Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        before = p11kit.words(f, station.module)
        for version in VERSIONS:
            for key in (station.alice, station.bob):
                with table.row("gnutls-cli --provider", "module", key, version) as row:
                    row.sees(gnutls_cli(f, ["gnutls-cli", "--provider", station.module], station, key,
                                        version))
                with table.row("gnutls-cli", "module", key, version) as row:
                    row.sees(gnutls_cli(f, [*before, "gnutls-cli"], station, key, version))
                with table.row("wget", "module", key, version) as row:
                    p11kit.needs_gnutls(f, "wget")
                    row.sees(wget(f, before, station, key, version))
                with table.row("git", "module", key, version) as row:
                    git_clones(row, f, before, station, key, version)
                with table.row("ldapsearch", "module", key, version) as row:
                    ldapsearch(row, f, before, station, key, version)
    table.done()


main()
