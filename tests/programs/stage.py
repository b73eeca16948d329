# SPDX-License-Identifier: Apache-2.0
"""What every test of programs needs: an EC and an RSA identity, unlocked, each from an authority of
its own, and for each a server that lets its authority's people in and nobody else.

    with Stage("perl") as stage:
        for key in stage.keys:
            with stage.table.row("perl LWP", "PEM", key) as row:
                row.sees(stage.told(argv))
    stage.table.done()
"""
import programs
from fixture import Fixture
from peer import Peer
from table import Cannot, Table
from tap import Skip, skip_all

KINDS = ("p256", "rsa2048")


class Stage(Fixture):
    def __init__(self, name):
        lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx")
        if lacking:
            skip_all(f"{lacking} is not installed")
        super().__init__()
        self.table = Table(name)
        self.table.tap.diagnose = self.diagnose
        self.office = self.authority("Office")
        self.corp = self.token("corp")
        self.authorities, self.keys, self._servers, self._references = {}, [], {}, {}
        for kind in KINDS:
            self.authorities[kind] = self.authority(f"{kind}-people")
            self.keys.append(self.corp.identity(self.authorities[kind], kind, kind))
        self.keeper = self.agent()
        self.keeper.unlock(self.corp)

    def server_for(self, key):
        """An nginx that lets in whom this key's authority knows; it presents the Office's."""
        if key.kind not in self._servers:
            self._servers[key.kind] = self.server(self.office, client_ca=self.authorities[key.kind])
        return self._servers[key.kind]

    def peer_for(self, key, talk, before=None):
        """A server of another protocol than HTTP; see peer.py."""
        peer = Peer(self, self.office, self.authorities[key.kind], talk, before)
        self.servers.append(peer)
        return peer

    def reference_of(self, key):
        if key.kind not in self._references:
            path = self.reference(self.keeper, key)
            path.chmod(0o600)
            self._references[key.kind] = path
        return self._references[key.kind]

    def told(self, argv, **options):
        """Runs a program that was told of the key, with OpenSSL's configuration naming our provider."""
        return self.run(argv, provider=True, **options)

    def told_nothing(self, argv, identity=None, **options):
        """Runs a program by `countersign run`."""
        words = ["--identity", identity] if identity else []
        return self.run([programs.CLI, "run", *words, "--", *argv], **options)


def need(program):
    """For a case: skips it when the program is not installed."""
    if programs.find(program) is None:
        raise Skip(f"{program} is not installed")


def refused(row, seen, why):
    """For a route that a program may not have: passes if it has it after all, else says why."""
    try:
        row.sees(seen)
    except AssertionError:
        raise Cannot(why) from None
