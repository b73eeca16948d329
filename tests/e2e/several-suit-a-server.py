#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several certificates suit a server: a person says which, once, and all programs keep to it."""
import json
import subprocess
import time

import programs
import protocol_client as protocol
import server as server_module
from fixture import Fixture
from tap import Tap, skip_all

DISPLAY = {"DISPLAY": ":99"}


class Scene:
    """An agent of its own, and a person who answers as told."""

    def __init__(self, f, token, server, *answers, display=DISPLAY, **options):
        self.f, self.token, self.server = f, token, server
        self.pinentry = f.pinentry(*answers)
        self.agent = f.agent(pinentry=self.pinentry, environment=display, **options)

    def __enter__(self):
        self.agent.unlock(self.token)
        return self

    def __exit__(self, *_):
        self.agent.stop()

    def argv(self, host="localhost", server=None):
        url = (server or self.server).url.replace("127.0.0.1", host)
        return [programs.CLI, "run", "--", "curl", "--silent", "--show-error", "--ipv4", "--cacert",
                self.server.ca.certificate, url]

    def environment(self):
        preload = {"LD_PRELOAD": programs.sanitizer_library()} if programs.SANITIZE else {}
        return {**self.f.environment, **preload}

    def curl(self, *where):
        """Whom the server saw."""
        seen = self.f.run(self.argv(*where), check=True, environment=self.environment())
        answer = server_module.answer(seen.stdout)
        return answer["dn"].split(",")[0] if answer else seen.stdout

    def asked(self):
        return self.pinentry.questions("CONFIRM")

    def find(self, host="localhost"):
        return json.loads(self.agent.cli("find", "--host", host, "--issuer", "CN=Office,O=Countersign Test",
                                         "--json", check=True).stdout)

    def consents(self):
        return json.loads(self.agent.cli("consent", "--json", check=True).stdout)["consents"]


def asks(tap, f, token, server):
    with tap.case("the second of two: asked once, remembered for every program, listed, revoked"), \
            Scene(f, token, server, "cancel", "ok", "ok") as s:
        best = s.find()
        assert "expires last" in best["why"] and s.asked() == 0, "find asks nobody"
        chosen = s.curl()
        assert chosen != f"CN={best['identity']['label']}", chosen
        assert s.asked() == 2, s.pinentry.asked()
        said = s.pinentry.told("SETDESC")
        assert "suit the server localhost. Show it this one?" in said[0] and "curl" in said[0], said
        assert "CN=" in said[0] and "until 20" in said[0], said
        assert s.curl() == chosen and s.asked() == 2
        found = s.find()
        assert f"CN={found['identity']['label']}" == chosen and "you chose it" in found["why"], found
        assert s.find("elsewhere.example")["identity"]["id"] == best["identity"]["id"], "for that server alone"
        assert s.agent.log().count("server 'localhost' is to see ") == 2, s.agent.log()
        consent, = s.consents()
        assert consent["what"] == "show" and consent["server"] == "localhost", consent
        s.agent.cli("consent", "revoke", str(consent["id"]), check=True)
        assert s.curl().startswith("CN=") and s.asked() == 3
    with tap.case("servers that have only an address are told apart by their certificates"), \
            Scene(f, token, server, "ok", "ok") as s:
        other = f.server(server.ca)
        s.curl("127.0.0.1")
        s.curl("127.0.0.1")
        assert s.asked() == 1, s.pinentry.told("SETDESC")
        consent, = s.consents()
        assert f"a server without a name, with the certificate sha256:{server.fingerprint[:32]}. Show" in s.pinentry.told("SETDESC")[0]
        assert consent["server"] == f"sha256:{server.fingerprint[:32]}", consent
        s.curl("127.0.0.1", other)
        assert s.asked() == 2, s.pinentry.told("SETDESC")
        assert "expires last" in s.find("")["why"], "no answer is for all of them"
    with tap.case("no answer is kept for a server that nothing is known of"), \
            Scene(f, token, server, "ok", "ok") as s:
        client = protocol.Client(s.agent.socket, environment=list(DISPLAY.items()))
        for i in (1, 2):
            client.choose()
            assert s.asked() == i and not s.consents(), s.consents()
    with tap.case("eight at once: one question"), Scene(f, token, server, "after:1.0:ok", "cancel") as s:
        processes = [subprocess.Popen(s.argv(), env=s.environment(), stdout=subprocess.PIPE, text=True)
                     for _ in range(8)]
        seen = {server_module.answer(process.communicate(timeout=60)[0])["dn"] for process in processes}
        assert len(seen) == 1 and s.asked() == 1, (seen, s.asked())
    with tap.case("none of them: the handshake goes on without"), Scene(f, token, server, "cancel") as s:
        assert "400 No required SSL certificate" in s.curl() and s.asked() == 2
    with tap.case("who does not wait for the answer leaves no dialog behind"), Scene(f, token, server, "hang") as s:
        process = subprocess.Popen(s.argv(), env=s.environment())
        s.pinentry.wait(1, "CONFIRM")
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while subprocess.run(["kill", "-0", str(s.pinentry.pid())], capture_output=True, check=False).returncode == 0:
            assert time.monotonic() < deadline, "it is still there"
            time.sleep(0.02)


def asks_nobody(tap, f, token, server):
    with tap.case("nobody can be asked: the one that expires last"), \
            Scene(f, token, server, "ok", display={}) as s:
        assert s.curl() == f"CN={s.find()['identity']['label']}" and s.asked() == 0
    with tap.case("nor in the session: one prompt looks for it there, and not again at once"), \
            Scene(f, token, server, "ok", display={}) as s:
        (f.runtime / "systemd").mkdir()
        for _ in range(2):
            assert s.curl() == f"CN={s.find()['identity']['label']}" and s.asked() == 0
        assert s.agent.log().count("no terminal or display to ask at") == 1, s.agent.log()
        (f.runtime / "systemd").rmdir()
    with tap.case("choose = latest: the same, though there is a display"), \
            Scene(f, token, server, "ok", settings="choose = latest") as s:
        assert s.curl() == f"CN={s.find()['identity']['label']}" and s.asked() == 0
    with tap.case("nobody answers: the same"), \
            Scene(f, token, server, "hang", settings="prompt-timeout = 1") as s:
        for _ in range(2):
            assert s.curl() == f"CN={s.find()['identity']['label']}" and s.asked() == 1
    with tap.case("a [host] section decides"), \
            Scene(f, token, server, "ok", rules='[host "localhost"]\nidentity = alice') as s:
        assert s.curl() == "CN=alice" and s.asked() == 0


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if lacking:
        skip_all(f"{lacking} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        token.identity(ca, "p256", "alice")
        server = f.server(ca)
        if not programs.curl_can_load_provider():
            skip_all("curl cannot run here")
        with tap.case("one renewed is no choice"), Scene(f, token, server, "cancel") as s:
            second = token.identity(ca, "p256", "alice")
            s.agent.cli("refresh", check=True)
            assert s.curl() == "CN=alice" and s.asked() == 0
            token.delete("privkey", second.id)
            token.delete("cert", second.id)
        token.identity(ca, "p256", "bob")
        asks(tap, f, token, server)
        asks_nobody(tap, f, token, server)
    tap.done()


main()
