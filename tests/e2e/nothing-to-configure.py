#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`countersign run`: a program that was told nothing presents the right certificate, or is as ever."""
import contextlib
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
from types import SimpleNamespace

import programs
import secrecy
import server as server_module
from fixture import Fixture
from tap import Skip, Tap, skip_all

VERSIONS = {"TLSv1.2": ["--tls-max", "1.2"], "TLSv1.3": ["--tlsv1.3"]}
PYTHON = "/usr/bin/python3"  # the one that has the system's OpenSSL
DN = "CN={},O=Countersign Test"
FETCH = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
def fetch():
    return urllib.request.urlopen(sys.argv[1], context=context).read().decode()
"""
VISITS = """
import urllib.error
for line in sys.stdin:
    try:
        print(fetch().strip())
    except urllib.error.HTTPError as refused:
        print(refused.code)
"""


class Runs:
    """`countersign run` in a fixture's environment."""

    def __init__(self, f):
        self.f = f
        self.environment = {"LD_PRELOAD": programs.sanitizer_library()} if programs.SANITIZE else {}

    def __call__(self, *command, options=(), environment=None, **more):
        argv = [programs.CLI, "run", *options, "--", *command]
        seen = self.f.run(argv, environment={**self.environment, **(environment or {})}, **more)
        seen.answer = server_module.answer(seen.stdout)
        return seen

    def curl(self, server, *arguments, **more):
        if not programs.curl_can_load_provider():
            raise Skip("curl cannot run here")
        return self("curl", "--silent", "--show-error", "--cacert", server.ca.certificate, *arguments,
                    server.url, **more)

    def python(self, server, code, **more):
        return self(PYTHON, "-c", FETCH + code, server.url, server.ca.certificate, **more)

    @contextlib.contextmanager
    def visitor(self, server, *options):
        """A program that runs on, with one context: a function that makes a visit and gives whom the server
        saw, or its refusal."""
        process = subprocess.Popen(
            [programs.CLI, "run", *options, "--", PYTHON, "-uc", FETCH + VISITS, server.url, server.ca.certificate],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**self.f.environment, **self.environment})

        def visit():
            process.stdin.write("\n")
            process.stdin.flush()
            seen = process.stdout.readline().strip()
            return (server_module.answer(seen) or {"dn": seen})["dn"]
        try:
            yield visit
        finally:
            process.kill()
            process.communicate()


def signatures(agent):
    return json.loads(agent.cli("status", "--json", check=True).stdout)["signatures"]


def presents(tap, f, run, ca, ecdsa, rsa):
    server = f.server(ca)
    for version, words in VERSIONS.items():
        with tap.case(f"curl with no option: the right certificate, {version}"):
            seen = run.curl(server, *words)
            assert seen.returncode == 0 and seen.answer, seen
            assert seen.answer == {**seen.answer, "dn": DN.format(ecdsa.label), "protocol": version}, seen
            assert seen.stderr == "", seen
    with tap.case("a COUNTERSIGN_IDENTITY that is empty names none"):
        seen = run.curl(server, environment={"COUNTERSIGN_IDENTITY": ""})
        assert seen.answer and seen.answer["dn"] == DN.format(ecdsa.label), seen
    other = f.server(ca, client_ca=rsa.authority)
    for version, words in VERSIONS.items():
        with tap.case(f"a server with another authority sees the RSA key, {version}"):
            seen = run.curl(other, *words)
            assert seen.answer == {**seen.answer, "dn": DN.format(rsa.key.label), "protocol": version}, seen
    with tap.case("a context that meets both shows each its own"):
        seen = run.python(server, f"""
for url in (sys.argv[1], {other.url!r}, sys.argv[1]):
    print(urllib.request.urlopen(url, context=context).read().decode())
""")
        assert re.findall(r"CN=(\w+)", seen.stdout) == [ecdsa.label, rsa.key.label, ecdsa.label], seen
    with tap.case("s_client"):
        seen = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername",
                   "localhost", "-CAfile", ca.certificate, "-ign_eof",
                   input="GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert seen.answer and seen.answer["dn"] == DN.format(ecdsa.label), seen
    with tap.case("python's urllib"):
        seen = run.python(server, "print(fetch())")
        assert seen.answer and seen.answer["dn"] == DN.format(ecdsa.label), seen
    with tap.case("python: threads, and children before, between and after handshakes"):
        seen = run.python(server, """
import os, threading
def child():
    return os.fork() or (fetch(), os._exit(0))
def well(children):
    return all(os.waitpid(one, 0)[1] == 0 for one in children)
pages = []
def many():
    for _ in range(5):
        pages.append(fetch())
assert well([child(), child()])
pages.append(fetch())
assert well([child(), child()])
threads = [threading.Thread(target=many) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(pages) == 21 and all("CN=" in page for page in pages), pages
last = os.fork() or (os.write(1, fetch().encode()), os._exit(0))
assert well([last])
""")
        assert seen.returncode == 0 and seen.answer, seen
        assert seen.answer["dn"] == DN.format(ecdsa.label), seen
    return server, other


def chain(tap, f, run, agent, token):
    """The server knows the root alone, the token has leaf and intermediate."""
    root = f.authority("Root")
    middle = f.authority("Branch", parent=root)
    below = token.identity(middle, "p256", "below")
    agent.cli("refresh", check=True)
    server = f.server(root)
    with run.visitor(server, "--identity", "below") as visit:
        with tap.case("without the intermediate the server knows nobody"):
            assert visit() == "400"
        token.write_certificate(middle.certificate.read_text(), "branch", b"\xca")
        agent.cli("refresh", check=True)
        for version, words in VERSIONS.items():
            with tap.case(f"the intermediate is sent too, {version}"):
                seen = run.curl(server, *words)
                assert seen.answer == {**seen.answer, "dn": DN.format("below"), "protocol": version}, seen
        with tap.case("also by a program that has been there without it"):
            assert visit() == DN.format("below")
        with tap.case("a certificate that is renewed is shown at once"), run.visitor(server) as other:
            assert other() == DN.format("below")
            token.write_certificate(middle.issue(below.public, "/CN=renewed", days=60), "below", below.id)
            agent.cli("refresh", check=True)
            assert visit() == other() == "CN=renewed"


def demands(tap, f, run, agent, token):
    """Of two that the server's authority knows the EC one expires last."""
    guild, elsewhere = f.authority("Guild"), f.authority("Elsewhere")
    token.identity(guild, "rsa2048", "dave")
    carol = token.generate("p256", "carol")
    token.write_certificate(guild.issue(carol.public, "/O=Countersign Test/CN=carol", days=60), "carol", carol.id)
    agent.cli("refresh", check=True)
    both = SimpleNamespace(certificate=f.scratch(elsewhere.chain + guild.chain))
    for schemes, label in ((None, "carol"), ("RSA-PSS+SHA256:RSA+SHA256", "dave")):
        server = f.server(guild, client_ca=both, schemes=schemes)
        for version, words in VERSIONS.items():
            with tap.case(f"a server with two authorities and {schemes or 'any scheme'} sees {label}, {version}"):
                seen = run.curl(server, *words)
                assert seen.answer == {**seen.answer, "dn": DN.format(label), "protocol": version}, seen


def identity(tap, f, run, agent, ca, rsa):
    server = f.server(ca, verify="optional_no_ca")
    with tap.case("--identity presents that one, whatever the server names"):
        # In TLS 1.3 a newer OpenSSL sends it compressed.
        seen = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", "-trace",
                   options=["--identity", rsa.key.label])
        sent = seen.stdout.rpartition("Certificate, Length=")[2]
        assert re.search(f"CN ?= ?{rsa.key.label}", sent), seen
    with tap.case("--identity signs in a real handshake"):
        seen = run.curl(f.server(ca, client_ca=rsa.authority), options=["--identity", rsa.key.uri])
        assert seen.answer and seen.answer["dn"] == DN.format(rsa.key.label), seen
    with tap.case("--identity is not given up for one that would suit"):
        seen = run.curl(f.server(ca), options=["--identity", rsa.key.label])
        assert "400 The SSL certificate error" in seen.stdout, seen
    with tap.case("--identity with a name that nothing has: exit status 4, and nothing runs"):
        seen = run("touch", f.path("ran"), options=["--identity", "nobody"])
        assert seen.returncode == 4 and "nobody" in seen.stderr, seen
        assert not f.path("ran").exists()
    with tap.case("find explains what run does"):
        seen = agent.cli("find", "--host", "localhost", "--issuer", ca.certificate)
        assert seen.returncode == 0 and "Why" in seen.stdout and "only one that suits" in seen.stdout, seen
        shown = json.loads(agent.cli("find", "--issuer", "CN=Partner,O=Countersign Test", "--json",
                                     check=True).stdout)
        assert shown["identity"]["label"] == rsa.key.label and shown["why"], shown
        assert shown["identity"]["chain"], shown
    with tap.case("find says why nothing suits"):
        seen = agent.cli("find", "--issuer", "O=Nobody,CN=Comma\\, Inc")
        assert seen.returncode == 4 and "is not issued by" in seen.stderr, seen
        seen = agent.cli("find", "--issuer", "no such file")
        assert seen.returncode == 2 and "neither a file nor" in seen.stderr, seen


def steps_back(tap, f, run, agent, ca, server):
    silent = f.server(ca, verify="off")
    with tap.case("a server that does not ask gets no signature"):
        before = signatures(agent)
        seen = run("openssl", "s_client", "-connect", f"127.0.0.1:{silent.port}", "-CAfile",
                   ca.certificate, "-verify_return_error")
        assert seen.returncode == 0 and signatures(agent) == before, seen
    with tap.case("a certificate that the program was given wins"):
        cert, key = ca.issue_file("own", "/CN=own")
        before = signatures(agent)
        seen = run.curl(server, "--cert", cert, "--key", key)
        assert seen.answer and seen.answer["dn"] == "CN=own" and signatures(agent) == before, seen
    with tap.case("a server with an authority of nobody's is answered without a certificate"):
        seen = run.curl(f.server(ca, client_ca=f.authority("Elsewhere")))
        assert seen.returncode == 0 and "400 No required SSL certificate was sent" in seen.stdout, seen


def changes_nothing(tap, f, run):
    with tap.case("programs without TLS, and static ones, run as ever"):
        for command in (["/bin/true"], ["/sbin/ldconfig", "--version"]):
            seen = run(*command)
            assert seen.returncode == 0 and seen.stderr == "", seen
    with tap.case("the exit status is the program's"):
        assert run("sh", "-c", "exit 42").returncode == 42
        assert run("sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
        seen = run("no-such-program")
        assert seen.returncode == 127 and "no program 'no-such-program'" in seen.stderr, seen
        assert run("/etc/passwd").returncode == 126
    with tap.case("arguments are the program's, options among them"):
        assert run("printf", "%s|", "--identity", "-h", "--").stdout == "--identity|-h|--|"
        seen = f.run([programs.CLI, "run", "echo", "--json"], environment=run.environment)
        assert seen.stdout == "--json\n", seen
    with tap.case("signals reach the program"):
        process = subprocess.Popen(
            [programs.CLI, "run", "--", "sh", "-c", "trap 'exit 7' USR1; echo up; while :; do sleep 0.05; done"],
            stdout=subprocess.PIPE, env={**f.environment, **run.environment}, text=True)
        try:
            assert process.stdout.readline() == "up\n"
            process.send_signal(signal.SIGUSR1)
            assert process.wait(20) == 7
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    with tap.case("what the user preloads is kept, before ours, and ours is there once"):
        theirs = run.environment.get("LD_PRELOAD", "")
        theirs += (":" if theirs else "") + str(programs.library("libSegFault.so", "libm.so.6"))
        seen = run(programs.CLI, "run", "printenv", "LD_PRELOAD", environment={"LD_PRELOAD": theirs})
        assert seen.stdout.strip() == f"{theirs}:{programs.PRELOAD}", seen


def configuration(tap, f, run, ca):
    def providers(**environment):
        seen = run("openssl", "list", "-providers", environment=environment)
        assert seen.returncode == 0 and seen.stderr == "", seen
        return re.findall(r"^  (\S+)$", seen.stdout, re.M)

    def conf(**environment):
        return run("printenv", "OPENSSL_CONF", environment=environment).stdout.strip()
    with tap.case("the provider is active beside OpenSSL's own"):
        assert providers() == ["countersign", "default"]
    with tap.case("what OPENSSL_CONF named is included, with the providers that are active in it"):
        theirs = f.path("theirs.cnf")
        theirs.write_text("openssl_conf = start\n[start]\nproviders = all\n[all]\ndefault = on\nbase = on\n"
                          "[on]\nactivate = 1\n")
        assert providers(OPENSSL_CONF=str(theirs)) == ["base", "countersign", "default"]
    with tap.case("also by a relative path, for what the program starts elsewhere"):
        seen = run("sh", "-c", "cd / && exec openssl list -providers",
                   environment={"OPENSSL_CONF": theirs.name, "OPENSSL_CONF_INCLUDE": "/etc"})
        assert re.findall(r"^  (\S+)$", seen.stdout, re.M) == ["base", "countersign", "default"], seen
    with tap.case("an OPENSSL_CONF that is empty includes nothing"):
        assert "/dev/null" in pathlib.Path(conf(OPENSSL_CONF="")).read_text()
    with tap.case("what it adds is not taken for a certificate's extensions"):
        cert, key = ca.issue_file("renewed", "/CN=renewed")
        for command in ["openssl"], [programs.CLI, "run", "openssl"]:
            seen = f.run([*command, "x509", "-in", cert, "-signkey", key, "-noout"],
                         environment={**run.environment, "OPENSSL_CONF": ""})
            assert (seen.returncode, seen.stderr) == (0, ""), seen
    with tap.case("a configuration that has the provider stays as it is"):
        assert conf(OPENSSL_CONF=str(f.openssl_conf())) == str(f.openssl_conf())
        assert run(programs.CLI, "run", "printenv", "OPENSSL_CONF").stdout.strip() == conf()
    with tap.case("run again and again makes one file, for its user alone"):
        folder = pathlib.Path(conf()).parent
        assert folder == f.runtime / "countersign"
        before = sorted(folder.iterdir())
        conf()
        assert sorted(folder.iterdir()) == before
        assert stat.S_IMODE(pathlib.Path(conf()).stat().st_mode) == 0o600
    with tap.case("a configuration that OpenSSL does not understand is named, and the program runs"):
        broken = f.path("broken.cnf")
        broken.write_text("[start\n")
        seen = run("printenv", "OPENSSL_CONF", environment={"OPENSSL_CONF": str(broken)})
        assert seen.returncode == 0 and seen.stdout.strip() == str(broken), seen
        assert f"{broken}:1: " in seen.stderr and "runs with OpenSSL as it is" in seen.stderr, seen
    with tap.case("without a runtime directory the program runs all the same"):
        seen = run("true", environment={"XDG_RUNTIME_DIR": "/nonexistent"})
        assert seen.returncode == 0 and "set XDG_RUNTIME_DIR" in seen.stderr, seen


def absent(tap, f, run, agent, token, ca, servers):
    lenient = f.server(ca, verify="optional")
    for locked, server in servers.items():
        with tap.case(f"{locked.label} is locked: the handshake goes on without a certificate"):
            agent.cli("lock", locked.label, check=True)
            for version, words in VERSIONS.items():
                seen = run.curl(server, *words)
                assert seen.returncode == 0 and "400 No required SSL certificate" in seen.stdout, (version, seen)
        with tap.case("unlocked again: as before"):
            agent.unlock(locked)
            assert run.curl(server).answer
    agent.stop()
    with tap.case("no agent: as without us"):
        seen = run.curl(lenient)
        assert seen.returncode == 0 and "403 Forbidden" in seen.stdout and seen.stderr == "", seen
    with tap.case("no agent, but an identity: exit status 3, and nothing runs"):
        seen = run("touch", f.path("ran"), options=["--identity", "alice"])
        assert seen.returncode == 3 and not f.path("ran").exists(), seen
    with tap.case("an agent that comes between two handshakes serves the second"):
        with run.visitor(lenient) as visit:
            assert visit() == "403"
            agent.start()
            agent.unlock(token)
            assert visit() == DN.format("alice")


def unlocks(tap, f, run, ca, token):
    server = f.server(ca)
    for version, words in VERSIONS.items():
        pinentry = f.pinentry(f"pin:{token.pin}")
        agent = f.agent(pinentry=pinentry)
        with tap.case(f"locked, and there is somebody to ask: it is unlocked first, {version}"):
            seen = run.curl(server, *words, environment={"DISPLAY": ":0"})
            assert seen.answer and seen.answer["dn"] == DN.format("alice"), (seen, pinentry.asked())
            assert pinentry.questions() == 1, pinentry.asked()
        agent.stop()


class Other:
    """An identity of another authority."""

    def __init__(self, authority, token):
        self.authority = authority
        self.key = token.identity(authority, "rsa2048", "bob")


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if lacking:
        skip_all(f"{lacking} is not installed")
    if not os.path.exists(PYTHON):
        skip_all(f"{PYTHON} is not there")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        partner = f.token("partner")
        bob = Other(f.authority("Partner"), partner)
        agent = f.agent()
        agent.unlock(token)
        agent.unlock(partner)
        run = Runs(f)
        server, other = presents(tap, f, run, ca, alice, bob)
        chain(tap, f, run, agent, token)
        demands(tap, f, run, agent, token)
        identity(tap, f, run, agent, ca, bob)
        steps_back(tap, f, run, agent, ca, server)
        changes_nothing(tap, f, run)
        configuration(tap, f, run, ca)
        absent(tap, f, run, agent, token, ca, {token: server, partner: other})
        agent.stop()
        unlocks(tap, f, run, ca, token)
        with tap.case("no private key is in any file"):
            assert secrecy.private_keys(f) == [] and secrecy.left_token(token) == []
    tap.done()


main()
