#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`countersign setup git`, `wget` and `openconnect` where these have GnuTLS: by p11-kit's registry and a rule
for the agent. The server knows the root alone, so the chain must come along.

p11-kit reads no configuration of root's own, so root becomes nobody first.
"""
import os
import shutil
import subprocess
import time

import agent as agent_module
import place
import programs
from fixture import Fixture
from tap import Skip, Tap, skip_all

NOBODY = 65534
READ = "rules were read again"


def become_nobody():
    if os.geteuid() != 0:
        return True
    try:
        subprocess.run([programs.CLI, "version"], user=NOBODY, group=NOBODY, extra_groups=[], check=True,
                       capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    return True


def has_gnutls(here, name):
    return "uses GnuTLS" in " ".join(here.run("doctor", name).stdout.split())


def have_read_rules(agent, before):
    """The agent looks at its folder of its own accord, a moment after a change."""
    deadline = time.monotonic() + agent_module.PATIENCE
    while agent.log().count(READ) == before:
        assert time.monotonic() < deadline, agent.log()
        time.sleep(0.01)


def present_it(tap, f, here, agent, server):
    ca = server.ca.certificate
    commands = {
        "git": ["git", "-c", f"http.sslCAInfo={ca}", "ls-remote", server.url + "repository"],
        "openconnect": ["openconnect", "--config", f.home / ".config/countersign/openconnect.options", "--authenticate",
                        "--non-inter", "--no-xmlpost", "--no-system-trust", "--cafile", ca, server.url],
        "wget": ["wget", "--quiet", "--tries=1", f"--ca-certificate={ca}", "--output-document=-", server.url],
    }
    for name, command in commands.items():
        with tap.case(f"{name}: set up, it presents the certificate"):
            if programs.find(name) is None or not has_gnutls(here, name):
                raise Skip(f"there is no {name} with GnuTLS")
            before = agent.log().count(READ)
            here.run("setup", name, "--yes", check=True)
            have_read_rules(agent, before)
            visits = len(server.visits())
            seen = f.run(command)
            shown = {(visit["dn"], visit["status"]) for visit in server.visits()[visits:]}
            assert shown == {("CN=alice,O=Countersign Test", 200)}, (shown, seen, agent.log())
        with tap.case(f"{name}: undone, it does not"):
            before = agent.log().count(READ)
            here.run("setup", name, "p11-kit", "--undo", "--yes", check=True)
            have_read_rules(agent, before)
            before = agent.log().count("signs with")
            f.run(command)
            assert agent.log().count("signs with") == before, agent.log()


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "git", "wget")
    if lacking:
        skip_all(f"{lacking} is not installed")
    if programs.SANITIZE:
        skip_all("git does not load our module with AddressSanitizer in it")
    if not become_nobody():
        skip_all("another user cannot enter this folder, and p11-kit reads no configuration of root's own")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        office, top, token = f.authority("Office"), f.authority("Top"), f.token("corp")
        below = f.authority("Below", parent=top)
        token.identity(below, "p256", "alice")
        token.write_certificate(below.certificate.read_text(), "Below", b"\xca")
        agent = f.agent()
        # Where the rules are written that setup adds.
        own = f.home / ".config/countersign"
        own.mkdir(parents=True)
        agent.conf = shutil.move(agent.conf, own / "agent.conf").parent
        agent.restart()
        agent.unlock(token)
        present_it(tap, f, place.Place(f), agent, f.server(office, client_ca=top))
    tap.done()


main()
