# SPDX-License-Identifier: Apache-2.0
"""The agent does not show itself its own tokens, whatever its own module is called."""
import json
import shutil

import fixture
import programs
import tap


def tokens(agent):
    return [entry["label"] for entry in json.loads(agent.cli("status", "--json", check=True).stdout)["tokens"]]


def register(f):
    """For programs that go by p11-kit; which does not read this when root runs it."""
    folder = f.home / ".config/pkcs11/modules"
    folder.mkdir(parents=True)
    for name, path in (("countersign", programs.PKCS11), ("softhsm2", programs.SOFTHSM)):
        (folder / f"{name}.module").write_text(f"module: {path}\n")


def main():
    missing = programs.missing("softhsm", "softhsm2-util")
    if missing:
        tap.skip_all(f"{missing} is missing")
    checks = tap.Tap()
    with fixture.Fixture() as f:
        checks.diagnose = f.diagnose
        f.token("corp")
        agent = f.agent(modules={"ours": programs.PKCS11, "softhsm": programs.SOFTHSM})
        with checks.case("a configured module of our own is left out"):
            assert tokens(agent) == ["corp"], tokens(agent)
            assert "'ours' is left out" in agent.log(), agent.log()
        agent.stop()
        other = f.path("other.so")
        shutil.copy(programs.PKCS11, other)
        agent = f.agent(modules={"other": other, "softhsm": programs.SOFTHSM})
        with checks.case("under another name it has nothing to show"):
            agent.cli("refresh", check=True)
            agent.cli("refresh", check=True)
            assert tokens(agent) == ["corp"], tokens(agent)
            assert "module 'other' is loaded: Keys of the Countersign agent" in agent.log(), agent.log()
        agent.stop()
        with checks.case("through p11-kit's proxy it has not either, and the others have"):
            if programs.PROXY is None:
                raise tap.Skip("p11-kit-proxy.so is missing")
            register(f)
            agent = f.agent(modules={"proxy": programs.PROXY})
            agent.cli("refresh", check=True)
            assert tokens(agent) == ["corp"], tokens(agent)
            agent.cli("refresh", check=True)
            assert tokens(agent) == ["corp"], tokens(agent)
    checks.done()


main()
