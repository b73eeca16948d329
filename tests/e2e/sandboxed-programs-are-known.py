#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program in a sandbox like a Flatpak's signs once it sees the socket, and is told from those outside.

The sandbox is bubblewrap's, as Flatpak makes it: its own users, processes and mounts, a runtime of its own in
/usr, and of ours only what it is let see below /run/host.
"""
import os
import shutil

import programs
from fixture import Fixture
from tap import Tap, skip_all
from wait import wait

APP = "org.example.App"
KNOWN = f"flatpak:{APP} (/usr/bin/openssl)"
RUNTIME = f"/run/user/{os.getuid()}"
RULE = """
[rule "{name}"]
program = {program}
sign = tls, csr
"""


class Sandbox:
    def __init__(self, f):
        self.f = f
        self.token = f.token("corp")
        self.alice = self.token.identity(f.authority("Office"), "p256", "alice")
        self.pinentry = f.pinentry("cancel")
        self.agent = f.agent(pinentry=self.pinentry, environment={"DISPLAY": ":99"})
        self.agent.unlock(self.token)
        self.work = f.path("work")
        self.work.mkdir()
        f.reference(self.agent, self.alice, "work/alice.pem")
        conf = f.openssl_conf().read_text().replace(str(programs.PROVIDER), "/run/host/countersign.so")
        (self.work / "openssl.cnf").write_text(conf)
        self.info = f.scratch(f"[Application]\nname={APP}\n")
        # The same file as outside would be the same program.
        self.openssl = shutil.copy2(programs.find("openssl"), f.path("runtime-openssl"))

    def words(self, flatpak=True, socket=True):
        words = ["bwrap", "--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
                 "--die-with-parent", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
                 "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", RUNTIME,
                 "--ro-bind", self.openssl, "/usr/bin/openssl",
                 "--ro-bind", programs.PROVIDER, "/run/host/countersign.so",
                 "--ro-bind", programs.PKCS11, "/run/host/countersign-pkcs11.so",
                 "--ro-bind", self.work, "/run/work", "--chdir", "/run/work"]
        for name in ("bin", "sbin", "lib", "lib64"):
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        words += ["--ro-bind", self.info, "/.flatpak-info", "--setenv", "FLATPAK_ID", APP] if flatpak else []
        words += ["--bind", self.agent.socket.parent, f"{RUNTIME}/countersign"] if socket else []
        return words

    def run(self, *argv, **options):
        return self.f.run([*self.words(**options), *argv], environment={
            "OPENSSL_CONF": "/run/work/openssl.cnf", "XDG_RUNTIME_DIR": RUNTIME, "HOME": "/tmp"})

    def request(self, **options):
        return self.run("openssl", "req", "-new", "-key", "alice.pem", "-subj", "/CN=alice", **options)


def cases(tap, s):
    with tap.case("no rule is for it: a person is asked, and told which Flatpak it is"):
        result = s.request()
        assert result.returncode != 0 and KNOWN in result.stderr, result
        assert f"%0AProgram: {KNOWN}%0A" in s.pinentry.asked(), s.pinentry.asked()
    with tap.case("a rule for the program that has its path outside is not for it"):
        s.agent.write_rules(RULE.format(name="outside", program="/usr/bin/openssl"))
        assert s.request().returncode != 0
    with tap.case("one for the Flatpak is: it signs, by a provider below /run/host"):
        s.agent.write_rules(RULE.format(name="app", program="flatpak:org.example.*"))
        result = s.request()
        assert "BEGIN CERTIFICATE REQUEST" in result.stdout, result
        wait(lambda: f"{KNOWN} (pid" in s.agent.log(), "its line, which comes behind the signature")
    with tap.case("another sandbox is a container, whatever its program is called"):
        result = s.request(flatpak=False)
        assert result.returncode != 0 and "a container's program (/usr/bin/openssl)" in result.stderr, result
    with tap.case("one that has removed its executable is called so, too"):
        s.run("sh", "-c", "cp /usr/bin/openssl /tmp/firefox && exec 3</tmp/firefox && rm /tmp/firefox && "
                          "exec /proc/self/fd/3 req -new -key alice.pem -subj /CN=alice")
        wait(lambda: f"flatpak:{APP} (/tmp/firefox (deleted)) (pid" in s.agent.log(), "its line")
    with tap.case("the module shows the certificates there"):
        shown = s.run("pkcs11-tool", "--module", "/run/host/countersign-pkcs11.so", "--list-objects")
        assert "alice" in shown.stdout, shown
    with tap.case("a Flatpak that does not see the socket is told how to let it"):
        result = s.request(socket=False)
        assert f"flatpak override --user --filesystem=xdg-run/countersign {APP}" in result.stderr, result
    with tap.case("another agent in the place of the first is seen, too"):
        s.agent.restart()
        s.agent.unlock(s.token)
        assert "BEGIN CERTIFICATE REQUEST" in s.request().stdout


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "bwrap")
    if absent:
        skip_all(f"{absent} is not installed")
    if programs.SANITIZE:
        skip_all("AddressSanitizer's library cannot be loaded into a program below bwrap")
    tap = Tap()
    with Fixture() as f:
        probe = f.run(["bwrap", "--unshare-user-try", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"])
        if probe.returncode != 0:
            skip_all(f"bubblewrap makes no sandbox here: {probe.stderr.strip()}")
        tap.diagnose = f.diagnose
        cases(tap, Sandbox(f))
    tap.done()


main()
