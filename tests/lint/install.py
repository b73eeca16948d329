# SPDX-License-Identifier: Apache-2.0
"""`meson install` below a DESTDIR: every file where a distribution wants it, every binary hardened."""
import argparse
import os
import pathlib
import re
import subprocess
import tempfile

import tap

BUILD = os.environ["CS_BUILD"]


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("prefix", "bindir", "libdir", "includedir", "mandir", "datadir", "libexecdir", "modulesdir",
                 "openssl-modulesdir", "sysconfdir", "userunitdir", "optimization"):
        parser.add_argument("--" + name, required=True)
    return parser.parse_args()


WHERE = arguments()
# What must be there; a * stands for the rest of a name.
EXPECTED = [
    f"{WHERE.bindir}/countersign",
    f"{WHERE.bindir}/countersign-agent",
    f"{WHERE.libexecdir}/countersign-token-host",
    f"{WHERE.libexecdir}/countersign-prompt",
    f"{WHERE.modulesdir}/countersign.so",
    f"{WHERE.libdir}/countersign/libcountersign-preload.so",
    f"{WHERE.libdir}/pkcs11/countersign-pkcs11.so",
    f"{WHERE.libdir}/libcountersign.so",
    f"{WHERE.libdir}/libcountersign.so.*",
    f"{WHERE.libdir}/pkgconfig/libcountersign.pc",
    f"{WHERE.includedir}/countersign/countersign.h",
    f"{WHERE.includedir}/countersign/error.h",
    f"{WHERE.datadir}/countersign/openssl.cnf",
    f"{WHERE.datadir}/countersign/examples/countersign.conf",
    f"{WHERE.datadir}/countersign/examples/60-countersign.conf",
    f"{WHERE.datadir}/countersign/examples/chromium-policy.json",
    f"{WHERE.datadir}/countersign/examples/firefox-policies.json",
    f"{WHERE.datadir}/p11-kit/modules/countersign.module",
    f"{WHERE.datadir}/bash-completion/completions/countersign",
    f"{WHERE.datadir}/dbus-1/services/org.countersign.Agent1.service",
    f"{WHERE.userunitdir}/countersign-agent.socket",
    f"{WHERE.userunitdir}/countersign-agent.service",
    f"{WHERE.sysconfdir}/xdg/autostart/countersign-agent.desktop",
    f"{WHERE.mandir}/man1/countersign.1",
    f"{WHERE.mandir}/man1/countersign-agent.1",
    f"{WHERE.mandir}/man5/countersign.conf.5",
]


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}"
    return done.stdout


class Installation:
    def __init__(self, destdir):
        self.destdir = pathlib.Path(destdir)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", destdir)
        self.files = sorted("/" + str(path.relative_to(destdir)) for path in self.destdir.rglob("*")
                            if not path.is_dir())
        self.binaries = [name for name in self.files if not self.path(name).is_symlink() and
                         self.path(name).read_bytes()[:4] == b"\x7fELF"]

    def path(self, name):
        return self.destdir / name.lstrip("/")

    def readelf(self, name, *options):
        return run("readelf", "--wide", *options, self.path(name))

    # What is promised.

    def all_there(self):
        missing = [name for name in EXPECTED
                   if not any(re.fullmatch(re.escape(name).replace(r"\*", ".*"), file) for file in self.files)]
        assert not missing, "missing:\n" + "\n".join(missing) + "\nthere are:\n" + "\n".join(self.files)

    def nothing_strays(self):
        allowed = (WHERE.bindir, WHERE.libdir, WHERE.includedir + "/countersign", WHERE.mandir, WHERE.datadir,
                   WHERE.libexecdir, WHERE.modulesdir, WHERE.userunitdir, WHERE.sysconfdir + "/xdg/autostart")
        stray = [name for name in self.files if not name.startswith(tuple(top + "/" for top in allowed))]
        assert not stray, "\n".join(stray)

    def below_the_prefix(self):
        """Who has a prefix of their own may write nowhere else."""
        outside = [name for name in self.files if not name.startswith((WHERE.prefix + "/", WHERE.sysconfdir + "/"))]
        assert not outside, "\n".join(outside)

    def configuration_names_the_provider(self):
        """Where OpenSSL would not find it by name."""
        named = re.findall(r"^module = (.*)$", self.path(f"{WHERE.datadir}/countersign/openssl.cnf").read_text(), re.M)
        by_name = WHERE.modulesdir == WHERE.openssl_modulesdir
        assert named == ([] if by_name else [f"{WHERE.modulesdir}/countersign.so"]), named

    def modes_are_plain(self):
        for name in self.files:
            path = self.path(name)
            mode = path.lstat().st_mode & 0o7777
            program = name.startswith((WHERE.bindir, WHERE.libexecdir)) or ".so" in path.name
            if not path.is_symlink():
                assert mode == 0o644 or (program and mode == 0o755), f"{name}: {mode:o}"

    def position_independent(self):
        for name in self.binaries:
            assert re.search(r"Type:\s+DYN", self.readelf(name, "-h")), name

    def relocations_read_only(self):
        for name in self.binaries:
            assert "GNU_RELRO" in self.readelf(name, "-l"), f"{name}: no RELRO"
            assert re.search(r"\(FLAGS(_1)?\).*\bNOW\b|BIND_NOW", self.readelf(name, "-d")), f"{name}: bound lazily"

    def stack_cannot_run(self):
        for name in self.binaries:
            stack = re.search(r"GNU_STACK.*", self.readelf(name, "-l"))
            assert stack and " RWE " not in stack[0], name

    def no_search_path_in_it(self):
        for name in self.binaries:
            assert not re.search(r"RPATH|RUNPATH", self.readelf(name, "-d")), name

    def stack_protector(self):
        for name in self.binaries:
            assert "__stack_chk_fail" in self.readelf(name, "--dyn-syms"), name

    def fortified(self):
        if WHERE.optimization == "0":
            raise tap.Skip("FORTIFY needs an optimised build")
        for name in self.binaries:
            assert re.search(r"__\w+_chk\b", self.readelf(name, "--dyn-syms").replace("__stack_chk", "")), name

    def provider_needs_no_settings(self):
        """OpenSSL finds it by name and loads it with no configuration and no agent."""
        shown = run("openssl", "list", "-providers", "-provider", "countersign", env={
            "PATH": os.environ["PATH"],
            "OPENSSL_CONF": "/dev/null",
            "OPENSSL_MODULES": str(self.path(WHERE.modulesdir)),
            "COUNTERSIGN_SOCKET": str(self.destdir / "none.sock"),
        })
        assert re.search(r"status:\s*active", shown), shown

    def programs_tell_their_version(self):
        for name in ("countersign", "countersign-agent"):
            shown = run(self.path(f"{WHERE.bindir}/{name}"), "--version")
            assert re.search(r"\d+\.\d+\.\d+", shown), f"{name}: {shown}"


def main():
    checks = tap.Tap()
    with tempfile.TemporaryDirectory(prefix="cs-install-") as destdir:
        installed = Installation(destdir)
        for check in (installed.all_there, installed.nothing_strays, installed.below_the_prefix,
                      installed.configuration_names_the_provider, installed.modes_are_plain,
                      installed.position_independent, installed.relocations_read_only,
                      installed.stack_cannot_run, installed.no_search_path_in_it, installed.stack_protector,
                      installed.fortified, installed.provider_needs_no_settings,
                      installed.programs_tell_their_version):
            with checks.case(check.__name__.replace("_", " ")):
                check()
    checks.done()


main()
