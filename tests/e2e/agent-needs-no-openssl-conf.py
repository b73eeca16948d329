#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What OpenSSL's configuration tells programs is not for the agent and its token hosts: a session's OPENSSL_CONF
loads nothing into them and takes nothing away."""
import json
import pathlib

import programs
from fixture import Fixture
from tap import Skip, Tap, skip_all

PROVIDERS = "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
CONFIGURATIONS = {
    "ours, as a session has it": PROVIDERS + "default = on\ncountersign = ours\n[on]\nactivate = 1\n"
                                             f"[ours]\nactivate = 1\nmodule = {programs.PROVIDER}\n",
    "ours, and not OpenSSL's own": PROVIDERS + f"countersign = ours\n[ours]\nactivate = 1\nmodule = {programs.PROVIDER}\n",
    "FIPS, which is not installed": "openssl_conf = init\n[init]\nalg_section = how\n[how]\n"
                                    "default_properties = fips=yes\n",
}


def descendants(pid):
    """The process and all that it started."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def has_loaded(pid, path):
    try:
        return str(path) in pathlib.Path(f"/proc/{pid}/maps").read_text()
    except PermissionError:
        raise Skip("only root may look into processes of ours") from None


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca = f.authority("Office")
        token = f.token("corp")
        keys = [token.identity(ca, kind, kind) for kind in ("p256", "rsa2048")]
        server = f.server(ca)
        for name, text in CONFIGURATIONS.items():
            with tap.case(name):
                conf = f.path("session.cnf")
                conf.write_text(text)
                agent = f.agent(environment={"OPENSSL_CONF": conf})
                agent.unlock(token)
                shown = json.loads(agent.cli("list", "--json", check=True).stdout)["identities"]
                assert sorted(entry["label"] for entry in shown) == ["p256", "rsa2048"], shown
                for key in keys:
                    reference = f.reference(agent, key)
                    seen = f.curl(server, reference, reference)
                    assert seen.answer and seen.answer["verify"] == "SUCCESS", seen
            with tap.case(f"{name}: nothing is loaded"):
                loaded = [pid for pid in descendants(agent.process.pid) if has_loaded(pid, programs.PROVIDER)]
                assert not loaded, agent.log()
            agent.stop()
    tap.done()


main()
