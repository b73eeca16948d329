#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program of somebody else builds against what is installed, and lists identities."""
import shlex

import programs
from fixture import Fixture
from tap import Tap, skip_all

PROGRAM = """
#include <countersign/countersign.h>
#include <stdio.h>

int main(void)
{
    struct countersign_client *client;
    struct countersign_list *list;
    struct countersign_fault fault = {0};

    if (countersign_client_new(&client, "lister") < 0)
        return 2;
    if (countersign_list_identities(client, &list, &fault) < 0) {
        fprintf(stderr, "%d: %s\\n", fault.code, fault.text);
        countersign_client_free(client);
        return 1;
    }
    for (size_t i = 0; i < countersign_list_n(list); i++) {
        size_t len;
        puts(countersign_identity_label(countersign_list_identity(list, i), &len));
    }
    countersign_list_free(list);
    countersign_client_free(client);
    return 0;
}
"""


class Installation:
    """`meson install` below a folder of the test."""

    def __init__(self, f):
        self.f, self.root = f, f.path("installed")
        f.run(["meson", "install", "-C", programs.BUILD, "--no-rebuild", "--destdir", self.root],
              check=True, timeout=120)

    def only(self, pattern):
        found = sorted(self.root.rglob(pattern))
        assert len(found) == 1, (pattern, found)
        return found[0]

    def flags(self, *what):
        pc = self.only("libcountersign.pc")
        shown = self.f.run(["pkg-config", *what, pc.stem], check=True, environment={
            "PKG_CONFIG_LIBDIR": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(self.root)})
        return shlex.split(shown.stdout)


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "meson", "cc",
                              "pkg-config")
    if absent:
        skip_all(f"{absent} is not installed")
    if programs.SANITIZE:
        skip_all("a foreign program cannot link a sanitised library")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        source, program = f.path("lister.c"), f.path("lister")
        source.write_text(PROGRAM)
        installation = Installation(f)
        library = str(installation.only("libcountersign.so").parent)
        for language, more in (("c", ["-std=c99", "-Wextra", "-pedantic-errors"]), ("c++", [])):
            with tap.case(f"it compiles as {language} without a warning"):
                f.run(["cc", "-x", language, *more, "-Wall", "-Werror", "-c", "-o",
                       f.path("lister.o"), source, *installation.flags("--cflags")], check=True)
        with tap.case("it links with what pkg-config says"):
            f.run(["cc", "-o", program, source, *installation.flags("--cflags", "--libs")],
                  check=True)
        token = f.token("corp")
        ca = f.authority("Office")
        for name in ("alice", "bob"):
            token.identity(ca, "p256", name)
        agent = f.agent()
        found = {"LD_LIBRARY_PATH": library}
        with tap.case("it lists the identities"):
            seen = f.run([program], environment=found, check=True)
            assert sorted(seen.stdout.split()) == ["alice", "bob"], seen
        with tap.case("it says what to do without an agent"):
            agent.stop()
            seen = f.run([program], environment=found)
            assert seen.returncode == 1 and "-9: " in seen.stderr, seen
            assert "countersign-agent" in seen.stderr, seen
    tap.done()


main()
