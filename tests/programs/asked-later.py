#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Apache asks for a certificate for some pages alone, when it knows which: by a renegotiation in TLS 1.2, after the
handshake in TLS 1.3."""
import contextlib
import json
import socket

import programs
from fixture import Fixture
from station import free_port
from tap import Tap, skip_all
from wait import wait

MODULES = "/usr/lib/apache2/modules"
CONF = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
DocumentRoot {folder}/pages
SSLEngine on
SSLCertificateFile {certificate}
SSLCertificateKeyFile {key}
SSLCACertificateFile {ca}
SSLSessionCache none
<Location /inside>
SSLVerifyClient require
Header set X-Seen "%{{SSL_CLIENT_S_DN}}s"
</Location>
"""
SEEN = "CN=alice,O=Countersign Test"
VERSIONS = {"1.2": ["--tls-max", "1.2"], "1.3": ["--tlsv1.3"]}
REQUESTS = "import requests, sys\n" \
           "print(requests.get(sys.argv[1], verify=sys.argv[2], cert=''.join(sys.argv[3:])).headers.get('X-Seen'))"
# It does not offer to be asked after the handshake by itself.
LWP = "use LWP::UserAgent; my $r = LWP::UserAgent->new(ssl_opts => {SSL_ca_file => $ARGV[1]})->get($ARGV[0]);" \
      "print $r->header('X-Seen') // $r->status_line"


class Apache:
    def __init__(self, f, ca):
        self.ca = ca
        self.folder = f.path("apache")
        for page in ("", "inside"):
            (self.folder / "pages" / page).mkdir(parents=True)
            (self.folder / "pages" / page / "page").write_text("a page\n")
        self.port = free_port()
        certificate, key = ca.issue_server("apache")
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
                          for name in ("mpm_event", "authz_core", "headers", "ssl"))
        conf = self.folder / "conf"
        conf.write_text(modules + CONF.format(folder=self.folder, port=self.port, certificate=certificate, key=key,
                                              ca=ca.certificate))
        f.start([programs.find("apache2"), "-d", self.folder, "-f", conf, "-DFOREGROUND"],
                log=self.folder / "out", environment={"TMPDIR": str(self.folder)})
        wait(self._listens, "Apache")

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def url(self, page="inside/page"):
        return f"https://localhost:{self.port}/{page}"


def seen_by_curl(result):
    lines = [line for line in result.stdout.splitlines() if line.startswith("X-Seen:")]
    return lines[0].split(":", 1)[1].strip() if lines else result


def signatures(agent):
    return json.loads(agent.cli("status", "--json", check=True).stdout)["signatures"]


def cases(tap, f, apache, agent, reference):
    run = [programs.CLI, "run", "--"]
    curl = ["curl", "--silent", "--show-error", "--include", "--cacert", apache.ca.certificate]
    for version, words in VERSIONS.items():
        with tap.case(f"curl with a PEM reference, TLS {version}"):
            seen = f.run([*curl, *words, "--cert", reference, "--key", reference, apache.url()], provider=True)
            assert seen_by_curl(seen) == SEEN, seen
        with tap.case(f"curl that is told nothing, TLS {version}"):
            seen = f.run([*run, *curl, *words, apache.url()])
            assert seen_by_curl(seen) == SEEN, seen
        with tap.case(f"both pages in one connection, TLS {version}"):
            seen = f.run([*run, *curl, *words, apache.url("page"), apache.url()])
            assert seen_by_curl(seen) == SEEN and seen.stdout.count("a page") == 2, seen
    with tap.case("requests"):
        python = ["/usr/bin/python3", "-c", REQUESTS]
        seen = f.run([*python, apache.url(), apache.ca.certificate, reference], provider=True)
        assert seen.stdout.strip() == SEEN, seen
        seen = f.run([*run, *python, apache.url(), apache.ca.certificate])
        assert seen.stdout.strip() == SEEN, seen
    with tap.case("a program that does not offer to be asked after the handshake"):
        seen = f.run([*run, "perl", "-e", LWP, apache.url(), apache.ca.certificate])
        assert seen.stdout.strip() == SEEN, seen
    with tap.case("the agent knows which server a renegotiation is for"):
        assert "tls12-client to localhost: allowed" in agent.log()
    with tap.case("a page for everybody is had without a signature"):
        before = signatures(agent)
        f.run([*run, *curl, apache.url("page")], check=True)
        assert signatures(agent) == before


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "curl", "apache2", "perl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        agent = f.agent()
        agent.unlock(token)
        cases(tap, f, Apache(f, ca), agent, f.reference(agent, alice))
    tap.done()


main()
