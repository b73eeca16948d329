#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Countersign beside what a user would take instead, in one run: contrib/bench calls this.

usage: tests/bench/figures.py [--quick] [--output FILE.json]     CS_BUILD=FOLDER if it is not ./build

Whatever is compared takes turns; a figure is the median. Peers that are not installed are left out,
and said to be.
"""
import argparse
import os
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("fixture", "e2e")]

import programs  # noqa: E402
import protocol_client as protocol  # noqa: E402
from fixture import ANYTHING, Fixture  # noqa: E402
from report import Report  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BENCH = programs.BUILD / "tests/bench"
P11_KIT_CLIENT = programs.library("pkcs11/p11-kit-client.so")
ENGINE = programs.library("engines-3/pkcs11.so")
SHIMS = {"provider": programs.PROVIDER, "preload library": programs.PRELOAD,
         "PKCS#11 module": programs.BUILD / "client/pkcs11/countersign-pkcs11.so"}
PLAIN_CONF = """
openssl_conf = openssl_init
[openssl_init]
providers = providers
[providers]
default = default_section
[default_section]
activate = 1
"""


def middle(values):
    return statistics.median(values)


class Stage:
    """A token with identities, an agent that has it unlocked, keys in files, a server."""

    def __init__(self, fixture, identities):
        self.f = fixture
        self.ca = fixture.authority("Office")
        self.token = fixture.token("corp")
        self.ids = self.fill(self.token, identities)
        self.agent = fixture.agent(rules=ANYTHING)
        self.agent.unlock(self.token)
        self.plain = fixture.scratch(PLAIN_CONF)
        self.ours = fixture.openssl_conf()
        self.file = {kind: self.pem(kind, kind) for kind in ("p256", "rsa2048")}
        self.server_pem = self.pem("server", "p256", server=True)

    def fill(self, token, count):
        done = self.f.run([BENCH / "fill-token", programs.SOFTHSM, token.label, token.pin,
                           self.ca.certificate, self.ca.key, str(count)], check=True, timeout=600)
        return done.stdout.split()

    def pem(self, name, kind, server=False):
        """A key in a file, its certificate behind it."""
        certificate, key = self.ca.issue_server(name) if server else self.ca.issue_file(name, f"/CN={name}", kind)
        both = self.f.path(name + "-both.pem")
        both.write_text(key.read_text() + certificate.read_text())
        self.f.key_files.add(both)
        return both

    def reference(self, id_hex, name):
        path = self.f.path(name)
        self.agent.cli("pem", self.uri(id_hex), "--output", str(path), check=True)
        return path

    def uri(self, id_hex):
        escaped = "".join(f"%{id_hex[at:at + 2]}" for at in range(0, len(id_hex), 2))
        return f"pkcs11:token={self.token.label};id={escaped}"

    def bench(self, program, *arguments, environment=None):
        done = self.f.run([BENCH / program, *map(str, arguments)], check=True, timeout=900, environment=environment)
        return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]


def turns(rounds, *works):
    """Calls each of the works once a round, each beginning in turn; their results by work."""
    results = [[] for _ in works]
    for number in range(rounds):
        for step in range(len(works)):
            at = (number + step) % len(works)
            results[at].append(works[at]())
    return results


# One signature.
def signature(report, stage, rounds):
    report.heading(f"One warm signature, EC P-256, {rounds} times each")
    uri = "pkcs11:token=corp;id=%00%00%00%01"
    done = stage.f.run([BENCH / "bench-signature", programs.SOFTHSM, stage.token.label, stage.token.pin, stage.ids[0],
                        stage.ours, uri, str(rounds)], check=True, timeout=900)
    took = {words[0]: float(words[1]) / 1000 for words in map(str.split, done.stdout.splitlines())}
    added = took["provider"] - took["sign"]
    report.add("a Unix-socket round trip between two processes", took["trip"], "µs")
    report.add("SoftHSM's own C_Sign, in process", took["sign"], "µs")
    report.add("through provider, agent and token host", took["provider"], "µs")
    report.add("added to C_Sign", added, "µs", aim=round(2.2 * took["trip"] + 10, 1),
               note="2.2 round trips + 10 µs")
    peer = p11_kit_adds(stage, rounds)
    if peer is None:
        print("  p11-kit is not installed: not compared")
        return
    report.add("added by p11-kit's server and client", peer, "µs")
    report.add("ours / p11-kit's", added / peer, aim=0.5)


class P11KitServer:
    """p11-kit's server with SoftHSM behind it, in an environment of its own."""

    def __init__(self, stage):
        self.address = stage.f.path("p11-kit.sock")
        self.process = stage.f.start(
            ["p11-kit", "server", "--foreground", "--name", self.address, "--provider", programs.SOFTHSM,
             f"pkcs11:token={stage.token.label}"], log=stage.f.path("p11-kit.log"))
        self.environment = {"P11_KIT_SERVER_ADDRESS": f"unix:path={self.address}"}
        while not self.address.exists():
            if self.process.poll() is not None:
                raise RuntimeError(stage.f.path("p11-kit.log").read_text())
            time.sleep(0.01)


def p11_kit_adds(stage, rounds):
    if not (P11_KIT_CLIENT and programs.find("p11-kit")):
        return None
    server = P11KitServer(stage)
    part = max(rounds // 5, 100)

    def run(module, environment):
        return stage.bench("bench-module", module, stage.token.label, stage.token.pin, stage.ids[0], part, 1,
                           environment=environment)[0][0] / 1000
    direct, remote = turns(5, lambda: run(programs.SOFTHSM, None), lambda: run(P11_KIT_CLIENT, server.environment))
    stage.f.stop(server.process)
    return middle(remote) - middle(direct)


def throughput(report, stage, rounds):
    report.heading("Signatures per second, EC P-256, eight at once")
    reference = stage.reference(stage.ids[0], "load.pem")

    def direct():
        return stage.bench("bench-module", programs.SOFTHSM, stage.token.label, stage.token.pin, stage.ids[0],
                           rounds, 8)[0][2]
    own, ours = turns(5, direct, lambda: stage.bench("bench-key", "load", rounds, 8, stage.ours, reference)[0][0])
    report.add("SoftHSM's own, 8 threads in one process", middle(own), "1/s")
    report.add("8 programs through provider and agent", middle(ours), "1/s")
    report.add("ours / SoftHSM's own", middle(ours) / middle(own), aim=0.9, at_least=True)


def handshakes(report, stage, rounds):
    report.heading(f"Full TLS 1.3 handshakes with a client certificate, EC, one process, {rounds} times each")
    reference = stage.reference(stage.ids[0], "handshake.pem")
    (file, _), (ours, _) = stage.bench("bench-key", "handshake", rounds, stage.server_pem, stage.plain,
                                       stage.file["p256"], stage.ours, reference)
    report.add("key in a file", 1e9 / file, "1/s")
    report.add("key on the token", 1e9 / ours, "1/s")
    report.add("ours / a key in a file", file / ours, aim=0.9, at_least=True)


# curl, from start to end.
def curl_command(stage, server, certificate, key, *more):
    return [programs.find("curl"), "-sSf", "--cacert", str(stage.ca.certificate), "--cert", str(certificate),
            "--key", str(key), *more, server.url]


def told_nothing(stage, server):
    return [programs.find("curl"), "-sSf", "--cacert", str(stage.ca.certificate), server.url]


def curl_time(stage, command, conf, **more):
    environment = {**stage.f.environment, "OPENSSL_CONF": str(conf), **more}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=stage.f.folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    took = (time.perf_counter() - start) * 1000
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    return took


def has_engine(stage):
    shown = stage.f.run(["curl", "--engine", "list"])
    return ENGINE and "pkcs11" in shown.stdout + shown.stderr


def cold_curl(report, stage, rounds):
    server = stage.f.server(stage.ca)
    rsa = stage.token.identity(stage.ca, "rsa2048", "rsa")
    stage.agent.cli("refresh", check=True)
    keys = {"EC": (stage.file["p256"], stage.ids[0]), "RSA": (stage.file["rsa2048"], rsa.id.hex())}
    for name, (file, id_hex) in keys.items():
        report.heading(f"A cold curl, {name}, {rounds} times each")
        reference = stage.reference(id_hex, f"curl-{name}.pem")
        works = [lambda: curl_time(stage, curl_command(stage, server, file, file), stage.plain),
                 lambda: curl_time(stage, curl_command(stage, server, file, file), stage.ours),
                 lambda: curl_time(stage, curl_command(stage, server, reference, reference), stage.ours),
                 lambda: curl_time(stage, told_nothing(stage, server), stage.ours,
                                   LD_PRELOAD=str(programs.PRELOAD), COUNTERSIGN_IDENTITY=stage.uri(id_hex))]
        if has_engine(stage):
            uri = f"{stage.uri(id_hex)};type=private;pin-value=1234"
            works.append(lambda: curl_time(
                stage, curl_command(stage, server, reference, uri, "--key-type", "ENG", "--engine", "pkcs11"), stage.plain))
        turns(3, *works)
        plain, active, ours, preloaded, *engine = map(middle, turns(rounds, *works))
        report.add("key in a file", plain, "ms")
        report.add("key in a file, our provider active: adds", active - plain, "ms", aim=1)
        report.add(f"{name}: PEM reference / key in a file", ours / plain, aim=1.05)
        report.add(f"{name}: preload library, told nothing / key in a file", preloaded / plain, aim=1.25)
        if engine:
            report.add("libp11's engine / key in a file", engine[0] / plain)


def no_tls(report, stage, rounds):
    report.heading(f"A program without TLS, {rounds} times each")
    plain, preloaded = map(middle, turns(
        rounds, lambda: curl_time(stage, ["/bin/true"], stage.plain),
        lambda: curl_time(stage, ["/bin/true"], stage.plain, LD_PRELOAD=str(programs.PRELOAD))))
    report.add("preload library: adds", preloaded - plain, "ms", aim=1)


def curl_with_many(report, rounds):
    """One stage for each size, all alive at once, so that they take turns."""
    sizes = (1, 100, 1000)
    report.heading(f"A cold curl, EC, with more and more identities on the token, {rounds} times each")
    with Fixture() as one, Fixture() as hundred, Fixture() as thousand:
        works = []
        for fixture, size in zip((one, hundred, thousand), sizes):
            stage = Stage(fixture, size)
            server = fixture.server(stage.ca)
            reference = stage.reference(stage.ids[-1], "curl.pem")
            command = curl_command(stage, server, reference, reference)
            works.append(lambda stage=stage, command=command: curl_time(stage, command, stage.ours))
        turns(3, *works)
        results = list(map(middle, turns(rounds, *works)))
    for size, took in zip(sizes, results):
        report.add(f"{size} identities", took, "ms")
    report.add("1,000 identities / 1", results[2] / results[0], aim=1.05)


# The agent itself.
def start_up(report, stage, rounds):
    report.heading(f"From the agent's start to its first answer, {len(stage.ids)} identities")
    stage.agent.stop()

    def enumerate_alone():
        return stage.bench("bench-enumerate", programs.SOFTHSM, stage.token.label)[0][0] / 1e6

    def ours():
        start = time.perf_counter()
        stage.agent.start()
        seen = len(protocol.Client(stage.agent.socket).identities())
        took = (time.perf_counter() - start) * 1000
        stage.agent.stop()
        if seen < len(stage.ids):
            raise RuntimeError(f"{seen} identities")
        return took
    alone, whole = turns(rounds, enumerate_alone, ours)
    stage.agent.start()
    report.add("the module's own enumeration", middle(alone), "ms")
    report.add("agent's start to its list of identities", middle(whole), "ms")
    report.add("over the module's own", middle(whole) - middle(alone), "ms", aim=100)


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))


def memory(report, stage, aim):
    status = protocol.Client(stage.agent.socket).status()
    try:
        used = [private_kib(pid) for pid in [status.pid, *(module.pid for module in status.modules)]]
    except PermissionError:
        print("  our daemons cannot be looked into: run as root for their memory")
        return
    report.add(f"private memory of agent and token host, {len(stage.ids)} identities", sum(used) * 1024 / 1e6, "MB",
               aim=aim)


class Silent:
    """A server that finishes the handshake and then says nothing, so that a client can be looked at."""

    def __init__(self, stage):
        certificate, key = stage.ca.issue_server("silent")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(stage.ca.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        self._context, self._listener = context, socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.connected = threading.Semaphore(0)
        self._kept = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            plain, _ = self._listener.accept()
            secure = self._context.wrap_socket(plain, server_side=True)
            secure.recv(1)  # the request: the client's handshake is over
            self._kept.append(secure)
            self.connected.release()


def curl_memory(stage, server, certificate, conf):
    process = stage.f.start(curl_command(stage, server, certificate, certificate), log=stage.f.path("curl.log"),
                            environment={"OPENSSL_CONF": str(conf)})
    if not server.connected.acquire(timeout=20):
        raise RuntimeError(stage.f.path("curl.log").read_text())
    used = private_kib(process.pid)
    process.kill()
    process.wait()
    return used * 1.024


def shims(report, stage, rounds):
    report.heading("The shims")
    for name, path in SHIMS.items():
        if path.exists():
            stripped = stage.f.path("stripped.so")
            stage.f.run(["strip", "-o", stripped, path], check=True)
            report.add(f"size of the {name}", stripped.stat().st_size / 1000, "kB", aim=150)
    server = Silent(stage)
    reference = stage.reference(stage.ids[0], "memory.pem")
    file, ours = turns(rounds, lambda: curl_memory(stage, server, stage.file["p256"], stage.plain),
                       lambda: curl_memory(stage, server, reference, stage.ours))
    report.add("what the provider adds to curl's private memory", middle(ours) - middle(file), "kB", aim=500)


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.split()
    return {"processors": os.cpu_count(), "model": model[1] if model else "", "openssl": version[1],
            "load": os.getloadavg()[0]}


def measure(report, quick):
    scale = 10 if quick else 1
    with Fixture() as fixture:
        stage = Stage(fixture, 10)
        signature(report, stage, 3000 // scale)
        throughput(report, stage, 2000 // scale)
        handshakes(report, stage, 1000 // scale)
        report.heading("Memory")
        memory(report, stage, 12)
        cold_curl(report, stage, 100 // scale)
        no_tls(report, stage, 100 // scale)
        shims(report, stage, 5)
    curl_with_many(report, 60 // scale)
    with Fixture() as fixture:
        stage = Stage(fixture, 1000)
        start_up(report, stage, 5)
        memory(report, stage, 20)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="a tenth of the rounds: to see that it works")
    options.add_argument("--output", type=pathlib.Path, default=HERE / "results.json")
    options = options.parse_args()
    absent = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "curl")
    if absent:
        sys.exit(f"{absent} is not installed")
    report = Report(machine())
    print(", ".join(f"{name} {value}" for name, value in report.machine.items()))
    measure(report, options.quick)
    report.write(options.output)
    missed = [row["figure"] for row in report.rows if row["met"] is False]
    print(f"\n{options.output} and {options.output.with_suffix('.svg').name} are written; "
          + (f"missed: {'; '.join(missed)}" if missed else "every aim is met"))


main()
