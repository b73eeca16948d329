#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `countersign setup` wrote does its work: programs that were set up present the certificate."""
import os
import re
import shlex

import place
import programs
import server as server_module
from fixture import Fixture
from tap import Skip, Tap, skip_all

DN = "CN=alice,O=Countersign Test"
GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
NODE = """
const https = require('https'), fs = require('fs');
const pem = fs.readFileSync(process.argv[1]);
https.get(process.argv[2], {cert: pem, key: pem, ca: fs.readFileSync(process.argv[3])},
    (response) => response.pipe(process.stdout));
"""
PYTHON = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[3])
context.load_cert_chain(sys.argv[1])
print(urllib.request.urlopen(sys.argv[2], context=context).read().decode())
"""
# With a choice of providers of its own, which is nobody's business.
OWN_CONF = """
openssl_conf = own
[own]
providers = chosen
ssl_conf = tls
[chosen]
base = base_section
default = default_section
legacy = legacy_section
[base_section]
activate = 1
[legacy_section]
activate = 1
[default_section]
activate = 1
[tls]
system_default = strict
[strict]
MinProtocol = TLSv1.3
"""


class Session:
    """The environment that a login gives after `setup session`."""

    def __init__(self, f):
        self.f = f

    def environment(self):
        written = self.f.home / ".config/environment.d/60-countersign.conf"
        if os.access(GENERATOR, os.X_OK):
            lines = self.f.run([GENERATOR], check=True).stdout.splitlines()
        else:
            lines = [line for line in written.read_text().splitlines() if not line.startswith("#")]
        found = dict(shlex.split(line)[0].split("=", 1) for line in lines if "=" in line)
        if programs.SANITIZE:
            found["LD_PRELOAD"] = programs.sanitizer_library()
        return {name: value for name, value in found.items() if name in ("OPENSSL_CONF", "LD_PRELOAD")}

    def answer(self, *argv):
        seen = self.f.run(argv, environment=self.environment())
        seen.answer = server_module.answer(seen.stdout)
        assert seen.answer and seen.answer["dn"] == DN, seen
        return seen


def openssl(tap, f, here):
    def providers(conf):
        environment = {"OPENSSL_CONF": str(conf)}
        if programs.SANITIZE:
            environment["LD_PRELOAD"] = programs.sanitizer_library()
        shown = f.run(["openssl", "list", "-providers"], environment=environment, check=True).stdout
        return sorted(re.findall(r"^  (\w+)$", shown, re.M))

    conf = f.home / ".config/countersign/openssl.cnf"
    with tap.case("openssl: the system's configuration and ours"):
        here.run("setup", "openssl", "--yes", check=True)
        assert providers(conf) == ["countersign", "default"]
    with tap.case("openssl: the user's choice of providers stays, in a folder with a blank and a dollar"):
        own = f.path("own $conf dir/own.cnf")
        own.parent.mkdir()
        own.write_text(OWN_CONF)
        here.run("setup", "openssl", "--yes", environment={"OPENSSL_CONF": str(own)}, check=True)
        assert providers(conf) == ["base", "countersign", "default", "legacy"], conf.read_text()
    with tap.case("openssl: a choice without the default is kept, too"):
        own.write_text(OWN_CONF.replace("default = default_section", ""))
        here.run("setup", "openssl", "--yes", environment={"OPENSSL_CONF": str(own)}, check=True)
        assert providers(conf) == ["base", "countersign", "legacy"], conf.read_text()
    with tap.case("openssl: when Countersign has gone, the rest works on"):
        provider = here.part("provider/countersign.so")
        here.run("setup", "openssl", "--yes", check=True)
        provider.rename(provider.with_suffix(".away"))
        assert providers(conf) == ["default"]
        provider.with_suffix(".away").rename(provider)
    here.run("setup", "openssl", "--undo", "--yes", check=True)


def programs_present_it(tap, f, here, server):
    session = Session(f)
    certificate = server.ca.certificate
    own = f.home / ".config/countersign"
    here.run("setup", "curl", "node", "python", "nginx", "--yes", check=True)
    for version in ("1.2", "1.3"):
        with tap.case(f"curl, by ~/.curlrc, TLS {version}"):
            if not programs.curl_can_load_provider():
                raise Skip("curl cannot run here")
            session.answer("curl", "--silent", "--show-error", "--cacert", certificate, "--tls-max", version,
                           server.url)
    with tap.case("node, by the file"):
        if not programs.find("node"):
            raise Skip("node is not installed")
        if programs.SANITIZE:
            raise Skip("node does not run with AddressSanitizer loaded first")
        session.answer("node", "-e", NODE, own / "node.pem", server.url, certificate)
    with tap.case("python, by the file"):
        session.answer("/usr/bin/python3", "-c", PYTHON, own / "python.pem", server.url, certificate)
    with tap.case("nginx takes the lines"):
        conf = f.scratch(f"events {{}} pid {f.path('t.pid')}; error_log stderr;\n"
                         f"http {{ access_log off; server {{ listen 127.0.0.1:1; location / {{\n"
                         f"include {own / 'nginx.inc'}; proxy_pass https://127.0.0.1:2; }} }} }}\n")
        f.run([programs.find("nginx"), "-t", "-c", conf, "-p", f.folder, "-e", "stderr"],
              environment=session.environment(), check=True)
    with tap.case("curl after --undo is as ever"):
        here.run("setup", "curl", "--undo", "--yes", check=True)
        seen = f.run(["curl", "--silent", "--cacert", certificate, server.url])
        assert "400 No required SSL certificate" in seen.stdout, seen


def module_is_taken(tap, f, here, silent, asking):
    home, module = f.home, here.part("pkcs11.so")
    old = home / ".pki/nssdb"

    def tool(name, *words, **options):
        if not programs.find(name):
            raise Skip(f"{name} is not installed")
        if programs.SANITIZE:
            raise Skip(f"{name} does not load our module with AddressSanitizer in it")
        return f.run([programs.find(name), *words], check=True, **options).stdout

    with tap.case("chromium, never started before: it makes its database around the list"):
        here.run("setup", "chromium", "--yes", check=True)
        database = home / ".local/share/pki/nssdb"
        tool("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
             f"--user-data-dir={f.path('chromium')}", "--dump-dom", silent.url, timeout=120)
        assert (database / "cert9.db").exists()
        assert "corp:alice" in tool("certutil", "-L", "-h", "all", "-d", f"sql:{database}")
        here.run("setup", "chromium", "--undo", "--yes", check=True)
        assert (database / "cert9.db").exists(), "the database is the user's"
        assert "Countersign" not in tool("modutil", "-list", "-dbdir", f"sql:{database}")
    with tap.case("chromium, with a database of former times"):
        old.mkdir(parents=True)
        tool("certutil", "-N", "--empty-password", "-d", f"sql:{old}")
        before = (old / "pkcs11.txt").read_bytes()
        here.run("setup", "chromium", "--yes", check=True)
        assert "token: corp" in tool("modutil", "-list", "-dbdir", f"sql:{old}")
        tool("modutil", "-force", "-add", "Trust", "-libfile", programs.library("pkcs11/p11-kit-trust.so"),
             "-dbdir", f"sql:{old}")
        here.run("setup", "chromium", "--undo", "--yes", check=True)
        tool("modutil", "-force", "-delete", "Trust", "-dbdir", f"sql:{old}")
        assert (old / "pkcs11.txt").read_bytes() == before
    with tap.case("firefox, a profile that was never started"):
        profile = home / ".mozilla/firefox/one.default"
        profile.mkdir(parents=True)
        (profile.parent / "profiles.ini").write_text("[Profile0]\nName=default\nIsRelative=1\nPath=one.default\n")
        (profile / "user.js").write_text('user_pref("security.default_personal_cert", "Select Automatically");\n')
        here.run("setup", "firefox", "--yes", check=True)
        tool("certutil", "-A", "-n", "server", "-t", "C,,", "-i", asking.ca.certificate, "-d", f"sql:{profile}")
        tool("firefox-esr", "--headless", "--profile", profile, "--screenshot", f.path("firefox.png"), asking.url,
             timeout=120)
        signed = [line for line in f.agents[0].log().splitlines() if "firefox" in line and "signs with" in line]
        assert signed and all("tls13-client: allowed" in line for line in signed), f.agents[0].log()
        here.run("setup", "firefox", "--undo", "--yes", check=True)
        assert "Countersign" not in tool("modutil", "-list", "-dbdir", f"sql:{profile}")
    with tap.case("java, as one of its security providers"):
        here.run("setup", "java", "--yes", check=True)
        properties = home / ".config/countersign/java.security"
        shown = tool("keytool", f"-J-Djava.security.properties={properties}", "-list", "-storetype", "PKCS11",
                     "-keystore", "NONE", "-storepass", "")
        assert "SunPKCS11-Countersign" in shown and "alice, PrivateKeyEntry" in shown, shown
    with tap.case("ssh reads its configuration"):
        here.run("setup", "ssh", "--yes", check=True)
        assert f"pkcs11provider {module}\n" in tool("ssh", "-F", home / ".ssh/config", "-G", "host")


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if lacking:
        skip_all(f"{lacking} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        token.identity(ca, "p256", "alice")
        agent = f.agent()
        agent.unlock(token)
        here = place.Place(f)
        openssl(tap, f, here)
        asking = f.server(ca)
        programs_present_it(tap, f, here, asking)
        module_is_taken(tap, f, here, f.server(ca, verify="off"), asking)
    tap.done()


main()
