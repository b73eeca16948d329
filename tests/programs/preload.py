#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The preload library in programs with habits of their own, and in those it has no business with."""
import json
import pathlib
import re
import shutil

import programs
import server as server_module
from stage import Stage

GUESTS = programs.BUILD / "tests/programs/guest"


class Guest:
    def __init__(self, stage, key):
        self.stage, self.server = stage, stage.server_for(key)

    def run(self, program, *argv, **options):
        seen = self.stage.told_nothing([GUESTS / program, *argv], **options)
        assert seen.returncode == 0, seen
        seen.answer = server_module.answer(seen.stdout)
        return seen

    def __call__(self, way, *more):
        return self.run("guest", way, self.server.port, self.server.ca.certificate, *more)

    def local(self, **options):
        return self.run("local-guest", self.server.port, self.server.ca.certificate, **options)


def signatures(agent):
    return json.loads(agent.cli("status", "--json", check=True).stdout)["signatures"]


def serves(tap, stage, guest, key):
    other = shutil.copy(programs.PRELOAD, stage.path("other-preload.so"))
    for promise, visit in (("made by SSL_CTX_new", lambda: guest("plain")),
                           ("made in a library context of its own", lambda: guest("libctx")),
                           ("made by what dlsym finds in a libssl of local scope", guest.local),
                           ("made between two of our libraries",
                            lambda: guest.local(environment={"LD_PRELOAD": str(other)}))):
        with tap.case(f"an SSL_CTX that is {promise} has our certificate"):
            seen = visit()
            assert seen.answer and seen.answer["dn"] == f"CN={key.label},O=Countersign Test", seen


def finds_the_provider(tap, stage, guest, key):
    """Where no configuration has loaded it; beside: behind another that takes our URIs."""
    bare = {"OPENSSL_CONF": "/dev/null", "OPENSSL_MODULES": str(programs.PROVIDER.parent),
            "LD_PRELOAD": str(programs.PRELOAD)}
    for way, by_default in ("plain", True), ("libctx", False), ("beside", False):
        with tap.case(f"the provider is loaded where an SSL_CTX is, and nowhere else: {way}"):
            server = guest.server
            seen = stage.run([GUESTS / "guest", way, server.port, server.ca.certificate], environment=bare)
            assert f"CN={key.label},O=Countersign Test" in seen.stdout, seen
            assert ("by default" in seen.stdout) == by_default, seen


def leaves_no_trace(tap, stage, guest):
    with tap.case("errno and the error queue are the program's, when something is presented"):
        assert guest.run("guest", "callback", "-", "-").stdout.startswith("presented\n")
    with tap.case("and when nothing is, because the provider is not to be had"):
        bare = {"OPENSSL_CONF": "/dev/null", "OPENSSL_MODULES": str(stage.folder), "LD_PRELOAD": str(programs.PRELOAD)}
        seen = stage.run([GUESTS / "guest", "callback", "-", "-"], environment=bare)
        assert seen.stdout == "nothing\n", seen


def gives_way(tap, stage, guest, key):
    with tap.case("a program's own client_cert_cb stands, and no signature is made"):
        before = signatures(stage.keeper)
        seen = guest("client-cert-cb")
        assert "400 No required SSL certificate" in seen.stdout and "asked" in seen.stdout, seen
        assert signatures(stage.keeper) == before
    with tap.case("a certificate that the program sets when it is asked stands"):
        before = signatures(stage.keeper)
        own = stage.authorities[key.kind].issue_file("own", "/CN=own")
        seen = guest("cert-cb", *own)
        assert seen.answer and seen.answer["dn"] == "CN=own", seen
        assert signatures(stage.keeper) == before


def bundle(stage):
    """libcrypto and libssl by names of their own, as a plug-in brings them along; and the libssl that they are."""
    listed = stage.run(["ldd", GUESTS / "guest"], check=True).stdout
    own = []
    for name in "libcrypto", "libssl":
        path = next(line.split()[2] for line in listed.splitlines() if line.strip().startswith(name + ".so."))
        octets = pathlib.Path(path).read_bytes()
        for library in b"libcrypto", b"libssl":
            octets = re.sub(library + rb"\.so\.[0-9]\0", library + b".so.x\0", octets)
        own.append(pathlib.Path(stage.path(f"{name}.so.x")))
        own[-1].write_bytes(octets)
    return own, path


def stays_out(tap, stage):
    with tap.case("a libssl that a plug-in brought along calls the libcrypto that it calls without us"):
        own, libssl = bundle(stage)
        seen = stage.told_nothing([GUESTS / "bundle-guest", *own])
        assert seen.returncode == 0 and seen.stderr == "", seen
    with tap.case("and is left alone behind another one, which is served"):
        seen = stage.told_nothing([GUESTS / "bundle-guest", *own, libssl])
        assert seen.returncode == 0 and seen.stderr == "", seen
    with tap.case("a libssl of another major version works as ever"):
        seen = stage.told_nothing([GUESTS / "old-guest"])
        assert seen.returncode == 0 and seen.stderr == "", seen
    with tap.case("it needs nothing but libc"):
        seen = stage.run(["readelf", "-d", programs.PRELOAD], check=True).stdout
        needed = [line.split("[")[1].rstrip("]") for line in seen.splitlines() if "(NEEDED)" in line]
        assert needed == ["libc.so.6"], needed


def main():
    with Stage("preload") as stage:
        tap, key = stage.table.tap, stage.keys[0]
        guest = Guest(stage, key)
        serves(tap, stage, guest, key)
        finds_the_provider(tap, stage, guest, key)
        leaves_no_trace(tap, stage, guest)
        gives_way(tap, stage, guest, key)
        stays_out(tap, stage)
    tap.done()


main()
