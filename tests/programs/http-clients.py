#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that fetch a page: told of a PEM reference, told of a URI, told nothing."""
import programs
import server as server_module
from stage import Stage, need, refused
from table import Cannot

PYTHON = "/usr/bin/python3"  # the one that has the system's OpenSSL
VERSIONS = {
    "TLSv1.2": (["--tlsv1.2", "--tls-max", "1.2"], ["-tls1_2"]),
    "TLSv1.3": (["--tlsv1.3"], ["-tls1_3"]),
}
GET = "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"

# argv of the script: URL, authority's file, the key's file or nothing.
URLLIB = """
import ssl, sys, urllib.request
url, ca, *pem = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if pem: context.load_cert_chain(*pem)
print(urllib.request.urlopen(url, context=context).read().decode())
"""
HTTP_CLIENT = """
import http.client, ssl, sys, urllib.parse
url, ca, *pem = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if pem: context.load_cert_chain(*pem)
connection = http.client.HTTPSConnection(urllib.parse.urlsplit(url).netloc, context=context)
connection.request("GET", "/")
print(connection.getresponse().read().decode())
"""
REQUESTS = """
import requests, sys
url, ca, *pem = sys.argv[1:]
print(requests.get(url, verify=ca, cert=pem[0] if pem else None).text)
"""
PYOPENSSL = """
import socket, sys, urllib.parse
from OpenSSL import SSL
url, ca, *pem = sys.argv[1:]
context = SSL.Context(SSL.TLS_CLIENT_METHOD)
context.load_verify_locations(ca)
if pem: context.use_certificate_chain_file(pem[0]); context.use_privatekey_file(pem[0])
place = urllib.parse.urlsplit(url)
connection = SSL.Connection(context, socket.create_connection((place.hostname, place.port)))
connection.set_connect_state()
connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
try:
    while True: print(connection.recv(4096).decode())
except (SSL.ZeroReturnError, SSL.SysCallError): pass
"""
NODE = """
const [url, ca, pem] = process.argv.slice(1), fs = require('fs');
const given = pem ? {cert: fs.readFileSync(pem), key: fs.readFileSync(pem)} : {};
require('https').get(url, {ca: fs.readFileSync(ca), ...given}, reply => reply.pipe(process.stdout));
"""
LWP = """
my ($url, $ca, $pem) = @ARGV;
my %given = $pem ? (SSL_cert_file => $pem, SSL_key_file => $pem) : ();
my $reply = LWP::UserAgent->new(ssl_opts => {SSL_ca_file => $ca, %given})->get($url);
print $reply->decoded_content;
exit($reply->is_success ? 0 : 1);
"""
IO_SOCKET_SSL = r"""
my ($url, $ca, $pem) = @ARGV;
my %given = $pem ? (SSL_cert_file => $pem, SSL_key_file => $pem) : ();
my ($place) = $url =~ m{//(.*)/};
my $tls = IO::Socket::SSL->new(PeerAddr => $place, SSL_ca_file => $ca, %given) or die $SSL_ERROR;
print $tls "GET / HTTP/1.0\r\n\r\n";
print while <$tls>;
"""
PHP_STREAMS = """
[, $url, $ca, $pem] = $argv + [3 => ''];
$given = $pem ? ['local_cert' => $pem] : [];
$page = file_get_contents($url, false, stream_context_create(['ssl' => ['cafile' => $ca] + $given]));
echo $page;
exit($page === false ? 1 : 0);
"""
PHP_CURL = """
[, $url, $ca, $pem] = $argv + [3 => ''];
$curl = curl_init($url);
$given = $pem ? [CURLOPT_SSLCERT => $pem, CURLOPT_SSLKEY => $pem] : [];
curl_setopt_array($curl, [CURLOPT_CAINFO => $ca] + $given);
exit(curl_exec($curl) ? 0 : 1);
"""
RUBY = """
url, ca, pem = ARGV
uri = URI(url)
http = Net::HTTP.new(uri.host, uri.port)
http.use_ssl = true
http.ca_file = ca
if pem
  http.cert = OpenSSL::X509::Certificate.new(File.read(pem))
  http.key = OpenSSL::PKey.read(File.read(pem))
end
puts http.get('/').body
"""
TCL = r"""
lassign $argv url ca pem
regexp {//(.*):(.*)/} $url - host port
set given [expr {$pem eq "" ? {} : [list -certfile $pem -keyfile $pem]}]
set page [tls::socket {*}$given -cafile $ca -require 1 $host $port]
fconfigure $page -translation binary
puts -nonewline $page "GET / HTTP/1.0\r\n\r\n"
flush $page
puts [read $page]
"""


def script(*argv):
    """The command of a program whose script takes URL, authority, key."""
    return lambda server, pem: [*argv, server.url, server.ca.certificate, *([pem] if pem else [])]


def links(server, pem):
    given = ["-ssl.client-cert-key", pem, "-ssl.client-cert-crt", pem] if pem else []
    return ["links", *given, "-ssl.certificates", "0", "-source", server.url]


def w3m(server, pem):
    given = ["-o", f"ssl_cert_file={pem}", "-o", f"ssl_key_file={pem}"] if pem else []
    return ["w3m", *given, "-o", f"ssl_ca_file={server.ca.certificate}", "-dump_source",
            f"https://localhost:{server.port}/"]


def ab(server, pem):
    return ["ab", "-n", "1", "-v", "4", *(["-E", pem] if pem else []), server.url]


def siege(server, pem):
    rc = server.folder / "siegerc"
    given = f"ssl-cert = {pem}\nssl-key = {pem}\n" if pem else ""
    rc.write_text(f"verbose = false\nquiet = false\n{given}")
    return ["siege", "-R", rc, "--get", "--print", server.url]


def socat(server, pem):
    given = f",cert={pem}" if pem else ""
    return ["socat", "-", f"OPENSSL:127.0.0.1:{server.port},cafile={server.ca.certificate}{given}"]


def ncat(server, pem):
    given = ["--ssl-cert", pem, "--ssl-key", pem] if pem else []
    return ["ncat", "--no-shutdown", "--ssl-verify", "--ssl-trustfile", server.ca.certificate, *given,
            "localhost", str(server.port)]


def stunnel(server, pem):
    """Without a service it lends its own input and output a TLS connection."""
    conf = server.folder / "stunnel.conf"
    given = f"cert = {pem}\n" if pem else ""
    conf.write_text(f"client = yes\nconnect = 127.0.0.1:{server.port}\nverifyChain = yes\n"
                    f"CAfile = {server.ca.certificate}\n{given}")
    return ["stunnel4", conf]


# name: (the command for a server and a key's file, what goes to its input)
CLIENTS = {
    "python3 urllib": (script(PYTHON, "-c", URLLIB), None),
    "python3 http.client": (script(PYTHON, "-c", HTTP_CLIENT), None),
    "python3 requests": (script(PYTHON, "-c", REQUESTS), None),
    "python3 pyOpenSSL": (script(PYTHON, "-c", PYOPENSSL), None),
    "perl LWP": (script("perl", "-MLWP::UserAgent", "-e", LWP), None),
    "perl IO::Socket::SSL": (script("perl", "-MIO::Socket::SSL", "-e", IO_SOCKET_SSL), None),
    "php streams": (script("php", "-r", PHP_STREAMS, "--"), None),
    "php curl": (script("php", "-r", PHP_CURL, "--"), None),
    "tcl": (script("tclsh", "{tcl}"), None),
    "links": (links, None),
    "w3m": (w3m, None),
    "ab": (ab, None),
    "siege": (siege, None),
    "socat": (socat, GET),
    "ncat": (ncat, GET),
    "stunnel": (stunnel, GET),
}


def given(text):
    return {} if text is None else {"input": text}


def key_file_cases(stage, key):
    """A key in a file works for every program as ever, with our provider active and preloaded."""
    server = stage.server_for(key)
    certificate, private = stage.authorities[key.kind].issue_file(f"own-{key.kind}", "/CN=own", key.kind)
    both = stage.path(f"own-{key.kind}-both.pem")
    both.write_text(certificate.read_text() + private.read_text())
    stage.key_files.add(both)
    for name, (command, text) in {**CLIENTS, "ruby": (script("ruby", "-rnet/http", "-e", RUBY), None),
                                  "node": (script("node", "-e", NODE), None)}.items():
        with stage.table.tap.case(f"{name} with a key in a file, by countersign run: {key.kind}"):
            need(command(server, None)[0])
            seen = stage.told_nothing(command(server, both), **given(text))
            answer = server_module.answer(seen.stdout)
            assert seen.returncode == 0 and answer and answer["dn"] == "CN=own", seen


def curl_name(stage):
    version = stage.run(["curl", "--version"], check=True).stdout.split()[1].split(".")
    return f"curl {'before' if [int(part) for part in version[:2]] < [8, 12] else 'from'} 8.12"


def curl_rows(stage, server, key, reference):
    name = curl_name(stage)
    base = ["curl", "-sS", "--cacert", server.ca.certificate]
    for version, (words, _) in VERSIONS.items():
        with stage.table.row(name, "PEM", key, version) as row:
            row.sees(stage.told([*base, *words, "--cert", reference, server.url]))
        with stage.table.row(name, "run", key, version) as row:
            row.sees(stage.told_nothing([*base, *words, server.url]))
    with stage.table.row(name, "URI", key) as row:
        words = [*base, "--cert", key.uri, "--key", key.uri]
        if "before" not in name:  # it loads the provider into a context of its own, by this name
            words += ["--engine", "countersign", "--cert-type", "PROV", "--key-type", "PROV"]
        where = {"OPENSSL_MODULES": str(programs.PROVIDER.parent)}
        refused(row, stage.told([*words, server.url], environment=where), "takes pkcs11: for an engine")


def s_client_rows(stage, server, key, reference):
    base = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost",
            "-CAfile", server.ca.certificate, "-verify_return_error", "-ign_eof"]
    for version, (_, words) in VERSIONS.items():
        for route, name in (("PEM", reference), ("URI", key.uri)):
            with stage.table.row("openssl s_client", route, key, version) as row:
                row.sees(stage.told([*base, *words, "-cert", name, "-key", name], input=GET))
        with stage.table.row("openssl s_client", "run", key, version) as row:
            row.sees(stage.told_nothing([*base, *words], input=GET))


def client_rows(stage, server, key, reference):
    for name, (command, text) in CLIENTS.items():
        program = command(server, None)[0]
        with stage.table.row(name, "PEM", key) as row:
            need(program)
            row.sees(stage.told(command(server, reference), **given(text)))
        with stage.table.row(name, "URI", key) as row:
            need(program)
            seen = stage.told(command(server, key.uri), **given(text))
            refused(row, seen, "takes files alone")
        with stage.table.row(name, "run", key) as row:
            need(program)
            row.sees(stage.told_nothing(command(server, None), **given(text)))


def ruby_rows(stage, server, key, reference):
    command = script("ruby", "-rnet/http", "-e", RUBY)
    with stage.table.row("ruby", "PEM", key) as row:
        need("ruby")
        seen = stage.told(command(server, reference))
        if "private key is needed" in seen.stderr:
            raise Cannot("wants to see the private half of a key before it uses one")
        row.sees(seen)
    with stage.table.row("ruby", "run", key) as row:
        need("ruby")
        row.sees(stage.told_nothing(command(server, None)))


def node_rows(stage, server, key, reference):
    shared = stage.run(["node", "-p", "process.config.variables.node_shared_openssl"])
    name = "node of Debian" if shared.stdout.strip() == "true" else "node of its makers"
    command = script("node", "-e", NODE)
    with stage.table.row(name, "PEM", key) as row:
        need("node")
        row.sees(stage.told(command(server, reference)))
    with stage.table.row(name, "run", key) as row:
        need("node")
        seen = stage.told_nothing(command(server, None))
        if shared.stdout.strip() != "true":
            raise Cannot("has its own OpenSSL inside")
        row.sees(seen)


def main():
    with Stage("http-clients") as stage:
        tcl = stage.path("page.tcl")
        tcl.write_text("package require tls\n" + TCL)
        CLIENTS["tcl"] = (script("tclsh", tcl), None)
        for key in stage.keys:
            server, reference = stage.server_for(key), stage.reference_of(key)
            curl_rows(stage, server, key, reference)
            s_client_rows(stage, server, key, reference)
            client_rows(stage, server, key, reference)
            ruby_rows(stage, server, key, reference)
            node_rows(stage, server, key, reference)
            key_file_cases(stage, key)
    stage.table.done()


main()
