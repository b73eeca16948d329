#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever a client sends, URI or message: no module is loaded but those of the configuration."""
import pathlib
import shutil

import programs
import protocol_client as protocol
from fixture import Fixture
from protocol_client import blob, frame, string, u8, u16, u32
from tap import Tap, skip_all

FAULT_MODULE = programs.BUILD / "tests/fault/module/countersign-fault.so"
TYPES = [*range(0, 0x60), 0x0101, 0x0191, 0x7fff, 0x8001]


class Scene:
    def __init__(self, f):
        self.f = f
        f.token("corp").identity(f.authority("Office"), "p256", "alice")
        self.module = f.path("intruder.so")
        shutil.copy2(FAULT_MODULE, self.module)
        self.control = f.path("control")
        self.control.mkdir(mode=0o700)
        self.agent = f.agent(environment={"COUNTERSIGN_FAULT_DIR": str(self.control)})
        protocol.Client(self.agent.socket).tokens()  # its token host is what it will be
        self.before = self.processes()

    def processes(self):
        """The children of the agent: number and command line."""
        shown = self.f.run(["ps", "--ppid", str(self.agent.process.pid), "-o", "pid=,args="], check=True).stdout
        return dict(line.split(maxsplit=1) for line in shown.splitlines())

    def is_clean(self):
        seen = self.processes()
        assert seen == self.before, f"{seen} are not {self.before}"
        for pid in (self.agent.process.pid, *self.before):
            assert "intruder" not in pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace"), pid
        assert not list(self.control.iterdir()), "it was called"
        modules = protocol.Client(self.agent.socket).status().modules
        assert [module.name for module in modules] == ["softhsm"] and modules[0].restarts == 0, modules


def bodies(path):
    """A path in all the forms that a body may have."""
    uri = f"pkcs11:token=corp;object=alice?module-path={path}"
    return [path.encode(), string(path), string(path) + string(path), blob(path.encode()) + u8(0), string(uri),
            string(uri) + u8(1), string(uri) + u8(0), u32(1) + string(path), string("corp") + string(path),
            u16(1) + u16(1) + string("x") + u32(1) + string("PKCS11_PROVIDER_MODULE") + string(path)]


def messages(tap, s):
    with tap.case(f"{len(TYPES)} types of messages with its path in the body"):
        for kind in TYPES:
            for body in bodies(str(s.module)):
                client = protocol.Client(s.agent.socket)
                client.send(frame(kind, 99, body))
                try:
                    client.status()
                except (protocol.AgentError, protocol.Closed, ValueError):
                    pass  # it may refuse, hang up, or answer what came first
                client.close()
        s.is_clean()
    with tap.case("in the environment that HELLO tells"):
        protocol.Client(s.agent.socket, environment=[("PKCS11_PROVIDER_MODULE", str(s.module)),
                                                     ("LD_PRELOAD", str(s.module))]).close()
        s.is_clean()


def uris(tap, s):
    for attribute in ("module-path", "module-name", "x-module"):
        uri = f"pkcs11:token=corp;object=alice?{attribute}={s.module}"
        with tap.case(f"a URI with {attribute}: the command line, the provider"):
            for verb in ("pem", "cert", "unlock", "list", "find"):
                seen = s.agent.cli(verb, uri)
                assert 0 <= seen.returncode < 126, seen
            seen = s.f.run(["openssl", "pkey", "-in", uri, "-pubout"], provider=True)
            assert 0 <= seen.returncode < 126, seen
            s.is_clean()
    with tap.case("its path in place of a name"):
        for verb in ("pem", "unlock", "lock"):
            assert s.agent.cli(verb, str(s.module)).returncode != 0
        s.is_clean()


def main():
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "ps")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        s = Scene(f)
        messages(tap, s)
        uris(tap, s)
    tap.done()


main()
