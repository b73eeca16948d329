# SPDX-License-Identifier: Apache-2.0
"""Signatures: one, many at once, within handshakes, and what they ask of the token's module."""
import time

import programs
import protocol_client as protocol
from fixture import Fixture
from stage import BENCH, middle, turns

P11_KIT_CLIENT = programs.library("pkcs11/p11-kit-client.so")
LOGIN = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes(32)  # needs no rule


def signature(report, stage, rounds):
    report.heading(f"One warm signature, EC P-256, {rounds} times each")
    uri = "pkcs11:token=corp;id=%00%00%00%01"
    done = stage.f.run([BENCH / "bench-signature", programs.SOFTHSM, stage.token.label, stage.token.pin, stage.ids[0],
                        stage.ours, uri, str(rounds)], check=True, timeout=900)
    took = {words[0]: float(words[1]) / 1000 for words in map(str.split, done.stdout.splitlines())}
    trip, added, bare = took["trip"], took["provider"] - took["both"], took["relay"] - took["both"]
    for name, what in (("trip", "a Unix-socket round trip, answered at once"),
                       ("sign", "SoftHSM's own C_Sign, in process"), ("both", "C_SignInit and C_Sign, in process"),
                       ("remote", "the same, one bare round trip away"),
                       ("relay", "the same, two bare round trips away (three processes)"),
                       ("provider", "through provider, agent and token host")):
        report.add(what, took[name], "µs")
    report.add("added, in round trips as the three processes make two", 2 * added / bare, aim=3)
    report.add("added, in round trips that are answered at once", added / trip, aim=3)
    report.add("  of which the three processes themselves", bare / trip)
    report.add("added to C_Sign", took["provider"] - took["sign"], "µs", aim=round(2.2 * trip + 10, 1),
               note="2.2 round trips + 10 µs")
    against_p11_kit(report, stage, max(rounds // 5, 100))


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


def against_p11_kit(report, stage, rounds):
    """What either adds to C_SignInit and C_Sign, each in a process that does nothing else."""
    if not (P11_KIT_CLIENT and programs.find("p11-kit")):
        print("  p11-kit is not installed: not compared")
        return
    server = P11KitServer(stage)
    reference = stage.reference(stage.ids[0], "p11-kit.pem")

    def module(path, environment=None):
        return stage.bench("bench-module", path, stage.token.label, stage.token.pin, stage.ids[0], rounds, 1,
                           environment=environment)[0][0] / 1000
    direct, remote, ours = map(middle, turns(
        5, lambda: module(programs.SOFTHSM), lambda: module(P11_KIT_CLIENT, server.environment),
        lambda: stage.bench("bench-key", "sign", rounds, stage.ours, reference)[0][0] / 1000))
    stage.f.stop(server.process)
    report.add("added by p11-kit's server and client, one after the other", remote - direct, "µs")
    report.add("added by provider, agent and token host, one after the other", ours - direct, "µs")
    report.add("ours / p11-kit's", (ours - direct) / (remote - direct), aim=0.5)


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


def calls(report):
    """What the module is asked for, as pkcs11-spy in front of it saw."""
    report.heading("PKCS#11 calls in the token host")
    with Fixture() as f:
        ca, token = f.authority("Office"), f.token("corp")
        one, other = (token.identity(ca, "p256", name) for name in ("one", "other"))
        spy = f.spy()
        agent = f.agent(modules={"spied": spy.module}, environment=spy.environment)
        agent.unlock(token)
        client = protocol.Client(agent.socket)
        identity, _ = client.resolve(one.uri, 1)
        client.sign(identity.id, 0x0403, LOGIN)
        for what, work, aim in (
                ("a hundred warm signatures", lambda: [client.sign(identity.id, 0x0403, LOGIN) for _ in range(100)], 200),
                ("listing identities and tokens", lambda: (client.identities(), client.tokens()), 0),
                ("resolving a URI", lambda: client.resolve(other.uri, 1), 0)):
            before = len(spy.calls())
            work()
            report.add(what, len(spy.calls()) - before, aim=aim)


def judging(report, stage):
    """What it costs to find out what a message is and whether it may be signed."""
    report.heading("Proof and policy, within the agent")
    shown = stage.f.run([BENCH / "bench-policy"], check=True).stdout.splitlines()[1:]
    for *name, median, _ in map(str.split, shown):
        report.add(" ".join(name), float(median) / 1000, "µs", aim=5 if name[0] == "all" else None)
