# SPDX-License-Identifier: Apache-2.0
"""curl, from its start to its end, and what our shims add to it."""
import socket
import ssl
import subprocess
import threading
import time

import programs
from fixture import Fixture
from stage import Stage, middle, private_kib, turns

ENGINE = programs.library("engines-3/pkcs11.so")
SHIMS = {"provider": programs.PROVIDER, "preload library": programs.PRELOAD,
         "PKCS#11 module": programs.BUILD / "client/pkcs11/countersign-pkcs11.so"}


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
