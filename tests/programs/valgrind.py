#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our libraries inside programs that valgrind watches from start to exit: no error and no leak that has
a function of ours in it. What the programs do of their own is theirs."""
import contextlib
import re
import signal

import p11kit
import programs
import proxy
from fixture import ANYTHING
from stage import Stage
from tap import skip_all
from wait import wait
from watched import Watched

SLOW = 90  # seconds, for a page of a program that is watched
# By the source where there is debugging information, else by the library.
_OURS = re.compile(r"\(.*/client/(base|lib|provider|preload|pkcs11)/")


@contextlib.contextmanager
def watched(stage, name, processes=1):
    """A case; so many processes must have come to their end in it."""
    with stage.table.tap.case(name):
        it = Watched(stage.path(re.sub(r"\W+", "-", name)))
        yield it
        assert it.ended() >= processes, f"{it.ended()} processes came to their end"
        found = it.findings(_OURS)
        assert not found, "\n\n".join(found)


def curl(stage, key, words, *arguments):
    server = stage.server_for(key)
    return [*words, programs.find("curl"), "--silent", "--show-error", "--tlsv1.3", "--cacert",
            server.ca.certificate, *arguments, server.url]


def provider_in_curl(stage, key):
    reference = stage.reference_of(key)
    with watched(stage, f"the provider in curl, {key.kind}") as it:
        seen = stage.told(curl(stage, key, it.words, "--cert", reference, "--key", reference))
        assert f"CN={key.label}," in seen.stdout, seen
    stage.keeper.cli("lock", check=True)
    with watched(stage, f"the provider in curl, {key.kind}, locked") as it:
        seen = stage.told(curl(stage, key, it.words, "--cert", reference, "--key", reference))
        assert seen.returncode != 0 and "is locked" in seen.stderr, seen
    stage.keeper.unlock(stage.corp)


def preload_in_curl(stage, key):
    with watched(stage, f"the preload library in curl, {key.kind}") as it:
        seen = stage.told_nothing(curl(stage, key, it.words))
        assert f"CN={key.label}," in seen.stdout, seen


def module_in_gnutls(stage, key):
    stage.keeper.write_rules(ANYTHING)  # GnuTLS hands over a digest
    with watched(stage, f"the PKCS#11 module in gnutls-cli, {key.kind}") as it:
        server = stage.server_for(key)
        seen = stage.run([*it.words, programs.find("gnutls-cli"), "--provider", programs.PKCS11,
                          "--x509cafile", server.ca.certificate, "--x509certfile", p11kit.uri(key, "cert"),
                          "--x509keyfile", p11kit.uri(key, "private"), "-p", server.port, "localhost"],
                         input="GET / HTTP/1.0\r\n\r\n")
        assert f"CN={key.label}," in seen.stdout, seen


def provider_in_nginx(stage, key):
    """Master and workers, before and after a reload, to a clean end."""
    reference = stage.reference_of(key)
    given = f"proxy_ssl_certificate {reference}; proxy_ssl_certificate_key {reference};"
    with watched(stage, f"the provider in nginx, {key.kind}", processes=5) as it:
        nginx = proxy.start_nginx(stage, key, given, True, words=it.words)
        assert f"CN={key.label}," in nginx.page(SLOW), nginx.log()
        nginx.process.send_signal(signal.SIGHUP)
        wait(lambda: it.ended() == 2, "the end of the first workers")
        assert f"CN={key.label}," in nginx.page(SLOW), nginx.log()
        nginx.process.send_signal(signal.SIGQUIT)
        assert nginx.process.wait(60) == 0, nginx.log()


def main():
    lacking = programs.missing("valgrind", "curl", "gnutls-cli")
    if lacking:
        skip_all(f"{lacking} is not installed")
    with Stage("valgrind") as stage:
        ec, rsa = stage.keys
        provider_in_curl(stage, ec)
        preload_in_curl(stage, rsa)
        module_in_gnutls(stage, ec)
        provider_in_nginx(stage, rsa)
    stage.table.tap.done()


main()
