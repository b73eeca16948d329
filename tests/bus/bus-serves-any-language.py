#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The D-Bus interface does what its definition says, seen from Python over a real bus."""
import hashlib
import os
import pathlib
import re
import xml.etree.ElementTree as ET

import bus
import programs
from fixture import ANYTHING, Fixture
from tap import Tap, skip_all

AGENT, TOKEN, IDENTITY = (f"org.countersign.{n}1" for n in ("Agent", "Token", "Identity"))
FAKE_HOST = pathlib.Path(__file__).parents[1] / "agent/fake-token-host"
DEFINITION = pathlib.Path(__file__).parents[2] / "dbus/org.countersign.Agent1.xml"


def shape(interface):
    """An <interface> as a set of tuples that can be compared."""
    def arguments(element, default):
        return tuple((a.get("type"), a.get("direction", default)) for a in element.findall("arg"))
    return ({("method", m.get("name"), arguments(m, "in")) for m in interface.findall("method")} |
            {("signal", s.get("name"), arguments(s, "out")) for s in interface.findall("signal")} |
            {("property", p.get("name"), p.get("type"), p.get("access"))
             for p in interface.findall("property")})


def annotated(interface, how):
    """The properties that are to tell of their changes so."""
    root = ET.fromstring(DEFINITION.read_text())
    names = {}
    for one in root.findall(f"interface[@name='{interface}']/property"):
        annotation = one.find("annotation[@name='org.freedesktop.DBus.Property.EmitsChangedSignal']")
        names.setdefault("true" if annotation is None else annotation.get("value"), set()).add(one.get("name"))
    return names[how]


def shapes(xml):
    return {i.get("name"): shape(i) for i in ET.fromstring(xml).findall("interface")}


def pin_descriptor(pin):
    reader, writer = os.pipe()
    os.write(writer, pin.encode())
    os.close(writer)
    return reader


def verifies(f, key, message, signature):
    result = f.run(["openssl", "dgst", "-sha256", "-verify", f.scratch(key.public), "-signature",
                    f.scratch(bytes(signature)), f.scratch(message)])
    return result.returncode == 0


def main():
    absent = bus.missing()
    if absent:
        skip_all(f"{absent} is not installed")
    import dbus  # pylint: disable=import-outside-toplevel
    import client as bus_client  # pylint: disable=import-outside-toplevel
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, other = f.authority("Office"), f.authority("Elsewhere")
        token = f.token("corp")
        alice = token.identity(ca, "p256", "alice")
        session = bus.Bus(f)
        agent = f.agent(rules=ANYTHING)
        client = bus_client.Client(session.address)
        client.wait_for_name()
        token_path, = client.paths(TOKEN)
        identity_path, = client.paths(IDENTITY)
        monitor = bus_client.Monitor(f)

        with tap.case("all that the agent does on the bus goes over one connection"):
            assert client.connections_of(agent.process.pid) == 1
        with tap.case("introspection is what the definition says"):
            defined = shapes(DEFINITION.read_text())
            for path, interface in ((bus_client.ROOT, AGENT), (token_path, TOKEN),
                                    (identity_path, IDENTITY)):
                seen = shapes(client.call(path, "org.freedesktop.DBus.Introspectable", "Introspect"))
                assert seen[interface] == defined[interface], (path, seen[interface])
        with tap.case("every path leads down to the objects"):
            path, wanted = "/", identity_path
            while path != wanted:
                node = ET.fromstring(client.call(
                    path, "org.freedesktop.DBus.Introspectable", "Introspect"))
                steps = [f"{path.rstrip('/')}/{child.get('name')}" for child in node.findall("node")]
                step, = [s for s in steps if wanted == s or wanted.startswith(s + "/")]
                path = step
        with tap.case("properties have the types of the definition"):
            properties = client.objects()[identity_path][IDENTITY]
            assert properties["Label"] == "alice" and properties["KeyType"] == "EC"
            assert re.fullmatch("[0-9a-f]{64}", properties["Id"])
            assert properties["Token"] == token_path
            assert "CN=alice" in properties["Subject"] and "Office" in properties["Issuer"]
            assert properties["NotAfter"] > properties["NotBefore"] > 0
            assert len(properties["Chain"]) >= 1 and len(properties["Certificate"]) > 100
            assert client.get(token_path, TOKEN, "Locked") == 1
        with tap.case("locked and nobody to ask: an error that says how to unlock"):
            name, text = client.error(identity_path, IDENTITY, "Sign", "ecdsa_secp256r1_sha256",
                                      dbus.ByteArray(b"x"))
            assert name == "org.countersign.Error.Locked" and "countersign unlock" in text, text
        with tap.case("why a token is locked changes, and the signal that tells of it"):
            client.call(token_path, TOKEN, "Lock")
            line = monitor.until("PropertiesChanged", "'Locked': <true>")
            assert set(re.findall(r"'(\w+)':", line)) | {"Present"} == annotated(TOKEN, "true"), line
            assert client.get(token_path, TOKEN, "LockedReason") in line, line
        with tap.case("unlocking by a descriptor, and the signal that tells of it"):
            reader = pin_descriptor(token.pin)
            client.call(token_path, TOKEN, "UnlockWithPin", dbus.types.UnixFd(reader))
            os.close(reader)
            monitor.until("PropertiesChanged", "'Locked': <false>")
            assert client.get(token_path, TOKEN, "Locked") == 0
        with tap.case("a signature over a message, one over a digest, and the signal of use"):
            message = b"what a server wants to have signed"
            signature = client.call(identity_path, IDENTITY, "Sign", "ecdsa_secp256r1_sha256",
                                    dbus.ByteArray(message))
            assert verifies(f, alice, message, signature)
            line = monitor.until(".Used")
            assert "python3" in line and "ecdsa_secp256r1_sha256" in line, line
            signature = client.call(identity_path, IDENTITY, "SignDigest", "ecdsa_secp256r1_sha256",
                                    dbus.ByteArray(hashlib.sha256(message).digest()))
            assert verifies(f, alice, message, signature)
        with tap.case("a rule about this program holds on the bus, too"):
            program = os.path.realpath("/proc/self/exe")
            agent.write_rules(f'[rule "here"]\nprogram = {program}\nsign = digest\n')
            name, text = client.error(identity_path, IDENTITY, "Sign", "ecdsa_secp256r1_sha256",
                                      dbus.ByteArray(message))
            assert name == "org.countersign.Error.Denied" and "rule 'here'" in text, text
            assert client.call(identity_path, IDENTITY, "SignDigest", "ecdsa_secp256r1_sha256",
                               dbus.ByteArray(bytes(32)))
        with tap.case("resolving a label, a URI, an id; and names that stand for nothing"):
            for name in ("alice", alice.uri, str(client.get(identity_path, IDENTITY, "Id"))):
                assert client.agent("Resolve", name) == identity_path
            assert client.error(bus_client.ROOT, AGENT, "Resolve", "bob")[0].endswith(".NotFound")
        with tap.case("finding by issuer, scheme and URI"):
            issuer = dbus.Array([dbus.ByteArray(ca.name_der())], "ay")
            foreign = dbus.Array([dbus.ByteArray(other.name_der())], "ay")
            found = client.agent("Find", dbus.Dictionary({"issuers": issuer}, "sv"))
            assert found == [identity_path], found
            assert client.agent("Find", dbus.Dictionary({"issuers": foreign}, "sv")) == []
            assert client.agent("Find", dbus.Dictionary(
                {"schemes": dbus.Array(["ed25519"], "s")}, "sv")) == []
            assert client.agent("Find", dbus.Dictionary({"uri": alice.uri}, "sv")) == [identity_path]
            assert client.error(bus_client.ROOT, AGENT, "Find", dbus.Dictionary(
                {"isuers": issuer}, "sv"))[0].endswith(".Invalid")
        with tap.case("an identity whose URI changes is announced"):
            for kind in ("privkey", "pubkey", "cert"):
                token.tool("--type", kind, "--id", alice.id.hex(), "--set-id", "77")
            client.agent("Refresh")
            line = monitor.until("PropertiesChanged", IDENTITY, "'URI'")
            assert set(re.findall(r"'(\w+)'", line)) == annotated(IDENTITY, "invalidates"), line
            assert "id=%77" in client.get(identity_path, IDENTITY, "URI")
        with tap.case("an identity that comes is announced"):
            token.identity(ca, "p256", "bob")
            client.agent("Refresh")
            monitor.until("InterfacesAdded", "'bob'")
            assert len(client.paths(IDENTITY)) == 2
        with tap.case("locking tells which tokens were unlocked, and why each is locked"):
            assert client.agent("Lock") == [token_path]
            assert client.get(token_path, TOKEN, "Locked") == 1
            assert "lock" in client.get(token_path, TOKEN, "LockedReason")
            assert client.agent("Lock") == []
        with tap.case("a program on the bus that names no display is asked about on the agent's"):
            agent.stop()
            pinentry = f.pinentry(f"pin:{token.pin}")
            agent = f.agent(rules=ANYTHING, pinentry=pinentry, environment={"DISPLAY": ":99"})
            client.wait_for_name()
            # At once: as the call that starts an agent, it waits until that knows its tokens.
            assert client.call(identity_path, IDENTITY, "Sign", "ecdsa_secp256r1_sha256", dbus.ByteArray(b"x"))
            assert pinentry.questions() == 1 and "ENV DISPLAY=:99" in pinentry.asked(), pinentry.asked()
        with tap.case("the agent ends in order"):
            assert agent.stop() == 0
        with tap.case("a token that needs no PIN was not unlocked, and is not named as locked now"):
            play = f.path("free.play")
            play.write_text("host.ready()\nhost.token(label='free', flags=INITIALIZED | UNLOCKED)\n"
                            "host.scanned()\nhost.sign_all()\n")
            conf = f.path("free.conf")
            conf.write_text(f'[module "free"]\npath = {play}\n')
            f.start([programs.AGENT, "--config", conf, "--token-host", FAKE_HOST], log=f.path("free.log"))
            client.wait_for_name()
            assert len(client.paths(TOKEN)) == 1
            assert client.agent("Lock") == []
    tap.done()


main()
