#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`countersign doctor`: what is wrong is found, with the command that mends it; programs are not run."""
import json
import os
import shlex
import shutil

import place
import programs
from fixture import Fixture
from tap import Skip, Tap, skip_all


class Doctor:
    """The doctor on a machine of the test's own: its provider is where OPENSSL_MODULES says."""

    def __init__(self, f, here):
        self.f, self.here = f, here
        self.modules = here.part("provider/countersign.so").parent
        self.environment = {"OPENSSL_MODULES": str(self.modules)}

    def __call__(self, *words, status=None, **more):
        environment = {**self.environment, **more}
        seen = self.here.run("doctor", *words, "--json", environment=environment)
        told = json.loads(seen.stdout) if seen.stdout else {"findings": [], "worst": None}
        assert status is None or seen.returncode == status, seen
        for finding in told["findings"]:
            assert set(finding) == {"severity", "area", "text", "mend"}, finding
        people = self.here.run("doctor", *words, environment={**environment, "COLUMNS": "500"})
        assert people.returncode == seen.returncode
        # Of an identity it is told in how many days it expires, which may be one less by then.
        assert all(finding["text"] in people.stdout for finding in told["findings"]
                   if finding["area"] != "identity"), people
        return Findings(told["findings"], told["worst"], seen)


class Findings:
    def __init__(self, findings, worst, seen):
        self.findings, self.worst, self.seen = findings, worst, seen

    def that_say(self, words, severity=None):
        return [finding for finding in self.findings
                if words in finding["text"] and severity in (None, finding["severity"])]

    def one(self, words, severity, mend):
        found = self.that_say(words, severity)
        assert len(found) == 1 and mend in (found[0]["mend"] or ""), (words, self.findings)
        return found[0]

    def errors(self):
        return [finding for finding in self.findings if finding["severity"] == "error"]


def healthy(tap, f, here, doctor):
    with tap.case("a machine that is well: no error, and exit status 0"):
        here.run("setup", "session", "--yes", check=True)
        conf = f.home / ".config/countersign/openssl.cnf"
        found = doctor(OPENSSL_CONF=str(conf), status=0)
        assert not found.errors() and found.worst in ("ok", "warning"), found.findings
        for words in ("yours alone", "The agent runs", "'corp' is unlocked", "activates the provider",
                      "loads the provider", "configuration is sound"):
            found.one(words, "ok", "")
        here.run("setup", "session", "openssl", "--undo", "--yes", check=True)


def three_faults(tap, f, doctor, agent, ca, alice):
    away, token = f.path("no-modules"), alice.token
    away.mkdir()
    socket_file = agent.socket
    key = token.generate("p256", "old'; x")
    key.certificate = ca.issue(key.public, "/CN=old", days=-1)
    token.write_certificate(key.certificate, "old'; x", key.id)
    agent.cli("refresh", check=True)
    with tap.case("one certificate of two has expired: no error, but told"):
        doctor(status=0).one("of 'old'; x' (CN=old) expired", "warning", "countersign pem")
    token.delete("cert", alice.id)
    agent.cli("refresh", check=True)
    with tap.case("a wrong mode, a provider that is missing, a certificate that has expired: each with its mend"):
        socket_file.chmod(0o666)
        found = doctor(OPENSSL_MODULES=str(away), status=1)
        assert len(found.errors()) == 3, found.findings
        mode = found.one("has mode 0666", "error", f"chmod 0600 {socket_file}")
        found.one(f"{away}/countersign.so, and it is not there", "error", "unset OPENSSL_MODULES")
        old = found.one("of 'old'; x' (CN=old) expired", "error", "ask for a new one: countersign pem")
        f.run(["sh", "-c", mode["mend"]], check=True)
        assert not doctor(OPENSSL_MODULES=str(away)).that_say("has mode")
    with tap.case("the request for a new certificate is for the subject of the old one"):
        command = old["mend"].split(": ", 1)[1].replace("countersign ", f"{programs.CLI} ", 1)
        f.run(["sh", "-c", command], check=True, provider=True)
        said = f.run(["openssl", "req", "-in", "new.csr", "-noout", "-subject", "-verify"], check=True)
        shown = (said.stdout + said.stderr).replace(" ", "")  # as of OpenSSL 3.2 there are fewer blanks
        assert "CN=old" in shown and "verifyOK" in shown, said
    with tap.case("a key without a certificate: a request for one"):
        token.delete("cert", key.id)
        agent.cli("refresh", check=True)
        request = doctor().one("'old'; x' has no certificate", "note", "openssl req -new -key 'pkcs11:")
        assert shlex.split(request["mend"])[-3] == "/CN=old'; x", request
        assert "name its file as 'certificates' in the agent's configuration, and restart" in request["text"], request
        token.write_certificate(key.certificate, "old'; x", key.id)
        agent.cli("refresh", check=True)
    with tap.case("a folder that others can enter"):
        socket_file.parent.chmod(0o755)
        found = doctor(status=1).one("has mode 0755", "error", "chmod 0700")
        f.run(["sh", "-c", found["mend"]], check=True)
        assert not doctor().that_say("has mode")
    token.delete("cert", key.id)
    token.delete("privkey", key.id)
    token.write_certificate(alice.certificate, "alice", alice.id)
    agent.cli("refresh", check=True)


def more_faults(tap, f, here, doctor, agent, token):
    with tap.case("a locked token is no error; which command unlocks it"):
        agent.cli("lock", check=True)
        doctor(status=0).one("'corp' is locked", "note", "countersign unlock corp")
        agent.unlock(token)
    with tap.case("the agent's configuration: file and line"):
        wrong = f.home / ".config/countersign/wrong.conf"
        wrong.parent.mkdir(parents=True, exist_ok=True)
        wrong.write_text("[agent]\nprompt = perhaps\n")
        doctor(status=1).one(f"{wrong}:2", "error", "countersign.conf(5)")
        wrong.unlink()
    with tap.case("rules that the agent did not take: file and line, and that others are in force"):
        agent.write_rules('[rule "r"]\nsign = nonsense', wrong=True)
        doctor(status=1).one(f"from before this mistake: {agent.conf}:", "error", "countersign.conf(5)")
        agent.write_rules("")
        assert not doctor(status=0).that_say("mistake")
    with tap.case("OpenSSL's configuration: file and line, and what it says"):
        conf = f.path("broken.cnf")
        conf.write_text("openssl_conf = x\n[x\n")
        doctor(OPENSSL_CONF=str(conf), status=1).one(f"{conf}:2", "error", "config(5)")
        doctor(OPENSSL_CONF=str(f.path("none")), status=1).one("is not there", "error", "unset OPENSSL_CONF")
        alone = "openssl_conf = x\n[x]\nproviders = y\n[y]\ncountersign = z\n[z]\nactivate = 1\n"
        conf.write_text(alone)
        doctor(OPENSSL_CONF=str(conf), status=1).one("not OpenSSL's own", "error", "default")
        conf.write_text(alone.replace("[y]", "[y]\ndefault = d\n[d]\nactivate = 1\n[y]"))
        doctor(OPENSSL_CONF=str(conf), status=0).one("nothing to node", "warning", "nodejs_conf")
        conf.write_text(alone.replace("activate", "module = /nowhere.so\nactivate"))
        doctor(OPENSSL_CONF=str(conf), status=1).one("/nowhere.so, which is not there", "error", "")
    with tap.case("a provider that cannot be loaded"):
        provider = here.part("provider/countersign.so")
        good = provider.read_bytes()
        provider.write_bytes(good[:5000])
        doctor(status=1).one("cannot load", "error", "install Countersign anew")
        provider.write_bytes(good)
    with tap.case("no agent"):
        agent.stop()
        doctor(status=1).one("No agent answers", "error", "systemctl --user enable --now")
        doctor(COUNTERSIGN_SOCKET="relative", status=1).one("no absolute path", "error", "unset COUNTERSIGN_SOCKET")
        agent.start()
        agent.unlock(token)


def make_executable(path, content, mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def libraries(tap, doctor):
    for name, library in {"curl": "libssl.so.", "openssl": "libssl.so.", "git": "libgnutls.so",
                          "gnutls-cli": "libgnutls.so", "nginx": "libssl.so."}.items():
        with tap.case(f"{name} uses {library}"):
            if not programs.find(name):
                raise Skip(f"{name} is not installed")
            found = doctor(name).that_say(" uses ")
            assert len(found) == 1 and library in found[0]["text"], found
    for name in ("ldapsearch", "mutt", "lftp"):
        with tap.case(f"{name} with GnuTLS takes no URI"):
            if not programs.find(name) or not doctor(name).that_say("libgnutls"):
                raise Skip(f"there is no {name} with GnuTLS")
            doctor(name, status=1).one("as files itself", "error", "")
    for path, words in {"/usr/bin/python3": "_ssl", "/usr/bin/perl": "SSLeay", "/usr/bin/node": "OpenSSL 3",
                        "/usr/bin/chromium": "libnss3", "/usr/bin/firefox-esr": "libnss3",
                        "/usr/bin/thunderbird": "libnss3",
                        "/usr/bin/java": "Java"}.items():
        with tap.case(f"{path}: {words}"):
            if not os.path.exists(path):
                raise Skip(f"{path} is not there")
            found = doctor(path).that_say(" uses ")
            assert len(found) == 1 and words in found[0]["text"], found
    with tap.case("the route is told"):
        assert doctor("curl").that_say("countersign run -- curl", "ok")
    with tap.case("what a browser lacks, and that it lacks it no more"):
        if not programs.find("chromium"):
            raise Skip("chromium is not installed")
        doctor("chromium").one("it is not there", "error", "countersign setup chromium")
        doctor.here.run("setup", "chromium", "--yes", check=True)
        doctor("chromium").one("is in its database", "ok", "")
        doctor.here.run("setup", "chromium", "--undo", "--yes", check=True)
    with tap.case("what GnuTLS lacks"):
        found = doctor("git").that_say("t takes a pkcs11: URI")
        assert len(found) == 1 and "countersign setup git" in found[0]["mend"], found


def odd_programs(tap, f, doctor):
    curl = programs.find("curl")
    with tap.case("a program is not run, nor is its interpreter"):
        ran = f.path("ran")
        script = make_executable(f.path("bin/script"), f"#!/bin/sh\ntouch {ran}\n")
        doctor(str(script)).one("is a shell script", "note", "countersign doctor PROGRAM")
        made = make_executable(f.path("bin/interpreter"), f"#!/bin/sh\ntouch {ran}\n")
        doctor(str(make_executable(f.path("bin/of-it"), f"#!{made}\n")))
        assert not ran.exists()
    with tap.case("a script's interpreter counts, by env as well"):
        for line in ("#!/usr/bin/python3 -I", "#!/usr/bin/env -S perl -w"):
            script = make_executable(f.path("bin/script"), line + "\n")
            assert doctor(str(script)).that_say("OpenSSL 3", "ok"), line
    with tap.case("an interpreter of itself ends"):
        itself = f.path("bin/itself")
        doctor(str(make_executable(itself, f"#!{itself}\n")))
    with tap.case("set-uid"):
        doctor(str(make_executable(f.path("bin/suid"), open(curl, "rb").read(), 0o4755)), status=1).one(
            "more rights than its user", "error", "")
    with tap.case("a snap and a Flatpak"):
        snap = make_executable(f.path("bin/snap"), "#!/bin/sh\n")
        f.path("bin/app").symlink_to(snap)
        doctor(str(f.path("bin/app")), status=1).one("is a snap", "error", "Flatpak")
        wrapper = make_executable(f.path("bin/wrapper"), '#!/bin/sh\nexec /snap/bin/firefox "$@"\n')
        doctor(str(wrapper), status=1).one("is a snap", "error", "Flatpak")
        flatpak = make_executable(f.path("flatpak/exports/bin/org.app"), "#!/bin/sh\nexec flatpak run x\n")
        doctor(str(flatpak)).one("is a Flatpak", "warning", "flatpak override")
    with tap.case("Go, rustls, another kind of machine, no program"):
        base = open(programs.find("true"), "rb").read()
        for mark, words in {b"\xff Go buildinf:": "Go's TLS", b"rustls-0.21": "rustls takes"}.items():
            path = make_executable(f.path("bin/static"), base + mark)
            doctor(str(path), status=1).one(words, "error", "a relay that logs in for it")
        other = make_executable(f.path("bin/other"), base[:4] + b"\x01" + base[5:])
        doctor(str(other), status=1).one("another kind of machine", "error", "")
        seen = doctor.here.run("doctor", "no-such-program")
        assert seen.returncode == 4 and "no program 'no-such-program'" in seen.stderr, seen
    with tap.case("damaged programs: an answer, and no crash"):
        whole = bytearray(base)
        for at in range(0, 1200, 7):
            changed = bytes(whole[:at]) + b"\xff\xff\xff\x7f" + bytes(whole[at + 4:])
            path = make_executable(f.path("bin/damaged"), changed)
            assert doctor.here.run("doctor", path).returncode in (0, 1), at
        for size in (0, 3, 4, 16, 63, 64, 100, 1000, len(whole) // 2):
            path = make_executable(f.path("bin/damaged"), bytes(whole[:size]))
            assert doctor.here.run("doctor", path).returncode in (0, 1), size
    shutil.rmtree(f.path("bin"))


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "curl", "git")
    if lacking:
        skip_all(f"{lacking} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        agent = f.agent()
        agent.unlock(token)
        here = place.Place(f)
        doctor = Doctor(f, here)
        healthy(tap, f, here, doctor)
        three_faults(tap, f, doctor, agent, ca, alice)
        more_faults(tap, f, here, doctor, agent, token)
        libraries(tap, doctor)
        odd_programs(tap, f, doctor)
    tap.done()


main()
