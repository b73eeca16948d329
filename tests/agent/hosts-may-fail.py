#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token host may die, lie or hang: it is started anew, and others go on."""
from stage import ECDSA_SHA256, Later, Stage, Tap, error_of, is_alive, wait_for

GOOD = """
host.ready()
host.token(spki=SPKI, label="good", serial="2")
host.scanned()
host.sign_all()
"""

FAILS_TWICE = """
host.ready()
host.begin(1, "corp", LOGIN_REQUIRED | INITIALIZED | UNLOCKED)
for kind, name in (PUBLIC_KEY, "spki"), (PRIVATE_KEY, "spki"), (CERTIFICATE, "certificate"):
    value = open(SPKI.replace("spki", name), "rb").read()
    host.object(1, kind, "key", b"\\x01", value, 0 if kind == CERTIFICATE else EC)
host.end(1)
host.scanned()
if host.starts < 3:
    host.serve(lambda request: os.abort())
host.sign_all()
"""

DIES_OF_REFRESH = """
host.ready()
host.token(spki=SPKI)
host.scanned()
if host.starts == 1:
    host.serve(lambda request: {first})
host.sign_all()
"""

COUNTS_SOCKETS = """
links = [os.path.realpath("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd")]
host.note(f"sockets: {sum('/socket:' in link for link in links)}")
""" + DIES_OF_REFRESH.format(first="os.abort()")

ENDS_FOR_GOOD = """
if host.starts > 1:
    sys.exit(1)
host.ready()
host.token(spki=SPKI)
host.scanned()
host.serve(lambda request: os.abort())
"""

# What the first life of a host does wrong after it was ready; the second is well.
BREACHES = {
    "an unknown message": "host.send(0x01ff, 0)",
    "a request of the agent's": "host.send(SIGN, 0)",
    "an answer to nothing": "host.send(SIGNED, 4711, blob(b''))",
    "a report with an id": "host.send(TOKEN_END, 7, u32(1))",
    "a token that ends before it begins": "host.end(9)",
    "a token that begins twice": "host.begin(9, 'x', 0); host.begin(9, 'x', 0)",
    "an object of no token": "host.object(9, CERTIFICATE, 'x', b'', b'')",
    "an object of no class": "host.begin(9, 'x', 0); host.object(9, 77, 'x', b'', b'')",
    "the state of no token": "host.state(9, 0)",
    "the end of no token": "host.send(TOKEN_GONE, 0, u32(9))",
    "a body that is too short": "host.send(TOKEN_BEGIN, 0, b'\\0\\0')",
    "a body with a byte left over": "host.send(READY, 0, blob('') + blob('') + b'x')",
    "a second end of the first scan": "host.scanned()",
    "a second READY": "host.ready()",
    "a frame over the limit": "host.raw(b'\\xff\\xff\\xff\\xff' + bytes(8))",
    "flags in a frame": "host.raw(bytes(4) + b'\\1\\x93\\0\\1' + bytes(4))",
    "a token of 257": "[host.begin(100 + i, 'x', 0) for i in range(257)]",
    "a label of a megabyte": "host.begin(9, 'x' * 1000000, 0)",
}


def breach(what):
    return f"""
host.ready()
host.token(spki=SPKI)
host.scanned()
if host.starts == 1:
    {what}
host.sign_all()
"""


def sign(client, identity):
    return client.sign(identity.id, ECDSA_SHA256, b"message")


def main():
    tap = Tap()
    with Stage() as stage:
        tap.diagnose = stage.diagnose

        with tap.case("one that ends at once is started anew; another module's token is served"):
            stage.play(bad="sys.exit(3)", good=GOOD)
            client = stage.client()
            only, = client.identities()
            assert sign(client, only) == b"signature"
            wait_for(lambda: stage.module("bad").restarts >= 2, "two restarts")
            assert "status 3" in stage.module("bad").error
            assert stage.module("good").restarts == 0

        with tap.case("one that ends otherwise the next time: that is shown"):
            stage.play(bad="sys.exit(3 if host.starts == 1 else 4)")
            wait_for(lambda: "status 4" in stage.module("bad").error, "the reason of the second end")

        with tap.case("a module that ends its process with the status of another version is none"):
            stage.play(bad="host.ready(); sys.exit(2)")
            wait_for(lambda: stage.module("bad").error, "the reason")
            assert stage.module("bad").error == "it ended with status 2", stage.module("bad").error

        with tap.case("who asks for a token of a module that does not run is told of the module"):
            client = stage.client()
            for ask in (lambda: client.unlock("corp"), lambda: client.resolve("alice", 1), client.unlock):
                name, text = error_of(ask)
                assert name == "NOT_FOUND" and "module 'bad' does not run" in text and "insert" not in text, text

        with tap.case("what was begun of a token and given up is void; the token may begin again"):
            stage.play(fake="""
host.ready()
host.begin(1, "corp", LOGIN_REQUIRED | INITIALIZED, serial="1")
host.object(1, PUBLIC_KEY, "half", b"\\x01", open(SPKI, "rb").read(), EC)
host.send(TOKEN_GONE, 0, u32(1))
host.scanned()
host.token(spki=SPKI)
host.sign_all()
""")
            client = stage.client()
            only, = wait_for(client.identities, "the token")
            assert only.label == b"key"
            assert sign(client, only) == b"signature"
            assert stage.module("fake").restarts == 0

        with tap.case("why it gives up is shown"):
            stage.play(bad="host.send(FAILED, 0, struct.pack('>HI', 22, 0) + blob('no such card'))\n"
                           "sys.exit(1)")
            wait_for(lambda: stage.module("bad").error == "no such card", "the reason")

        with tap.case("one that dies of a signature: MODULE_FAILED, then back again"):
            stage.play(bad="""
host.ready()
host.token(spki=SPKI)
host.scanned()
if host.starts == 1:
    host.serve(lambda request: os.abort())
host.sign_all()
""", good=GOOD.replace("spki=SPKI, ", ""))
            client = stage.client()
            first, = client.identities()
            name, text = error_of(sign, client, first)
            assert name == "MODULE_FAILED" and "countersign status" in text, (name, text)
            assert sign(client, first) == b"signature"
            assert len(client.tokens()) == 2

        asks = {
            "sign": lambda key: sign(stage.client(), key),
            "look for a key": lambda key: stage.client().resolve("key", 1),
            "unlock": lambda key: stage.client().unlock("corp"),
            "lock": lambda key: stage.client().lock() == ["corp"],
            "look for what suits a server": lambda key: stage.client().choose("www.example"),
        }
        stage.run(["openssl", "req", "-x509", "-new", "-key", stage.path("key.pem"), "-subj", "/CN=alice", "-outform",
                   "DER", "-out", stage.path("certificate.der")], check=True)
        for what, ask in asks.items():
            with tap.case(f"who wants to {what} waits for a host that failed twice"):
                stage.play(bad=FAILS_TWICE)
                key, = stage.client().identities()
                for _ in range(2):
                    assert error_of(sign, stage.client(), key)[0] == "MODULE_FAILED"
                assert ask(key)
                assert stage.record("bad").count("start") == 3

        with tap.case("who wants to lock waits, too, and the others are locked at once"):
            noting = "host.serve(lambda request: (host.note('logout'), host.done(request)))"
            stage.play(bad=FAILS_TWICE, good=GOOD.replace("spki=SPKI, ", "").replace("host.sign_all()", noting))
            key, = stage.client().identities()
            for _ in range(2):
                assert error_of(sign, stage.client(), key)[0] == "MODULE_FAILED"
            assert sorted(stage.client().lock()) == ["corp", "good"]
            assert stage.record("good").count("logout") == 2, "at once, and when all have said what they have"

        with tap.case("who waits for one that does not come back is told which, and nobody else waits"):
            stage.play(bad=ENDS_FOR_GOOD, good=GOOD.replace("spki=SPKI, ", ""))
            key, = stage.client().identities()
            assert error_of(sign, stage.client(), key)[0] == "MODULE_FAILED"
            waiting = Later(error_of, sign, stage.client(), key)
            wait_for(lambda: stage.record("bad").count("start") > 2, "a later delay")
            assert [token.label for token in stage.client().tokens()] == [b"good"]
            name, text = waiting.result()
            assert name == "MODULE_FAILED" and "token 'corp'" in text and "module 'bad'" in text, (name, text)
            assert "countersign status" in text, text
            assert error_of(sign, stage.client(), key) == (name, text), "at once, now"

        for what, first in (("ends", "os.abort()"), ("closes its socket", "[host.socket.close(), sys.exit(1)]")):
            with tap.case(f"one that {what} at a refresh: it is done by the next one, which looks at everything"):
                stage.play(bad=DIES_OF_REFRESH.format(first=first), good=GOOD.replace("spki=SPKI, ", ""))
                assert stage.cli("refresh").returncode == 0
                assert stage.record("bad").count("start") == 2
                assert {token.label for token in stage.client().tokens()} == {b"corp", b"good"}

        with tap.case("the next one inherits nothing of the clients that are there, but its own socket"):
            stage.play(bad=COUNTS_SOCKETS)
            clients = [stage.client() for _ in range(3)]
            assert stage.cli("refresh").returncode == 0
            assert stage.record("bad").count("sockets: 1") == 2, stage.record("bad")
            del clients

        with tap.case("one that ends at a refresh and does not come back: MODULE_FAILED, and which"):
            stage.play(bad=ENDS_FOR_GOOD)
            seen = stage.cli("refresh")
            assert seen.returncode != 0 and "module 'bad' failed" in seen.stderr, seen
            assert "countersign status" in seen.stderr, seen

        with tap.case("one that ends at a lock: that locks, too"):
            stage.play(bad=DIES_OF_REFRESH.format(first="os.abort()"), good=GOOD.replace("spki=SPKI, ", ""))
            assert sorted(stage.client().lock()) == ["corp", "good"]
            assert sorted(stage.client().lock()) == ["corp", "good"], "the next one's"

        for what, action in BREACHES.items():
            with tap.case(f"broken rules: {what}"):
                stage.play(bad=breach(action))
                wait_for(lambda: stage.record("bad").count("start") == 2, "a new start")
                client = stage.client()
                assert sign(client, client.identities()[0]) == b"signature"
                assert "its host broke" in stage.log()

        with tap.case("one that shows more than is taken, on any number of tokens: the rest is left out, and said"):
            stage.play(big="""
host.ready()
value = open(SPKI, "rb").read()
def show(slot):
    host.begin(slot, f"token {slot}", INITIALIZED, str(slot))
    for i in range(4000):
        host.object(slot, PUBLIC_KEY, f"key {i}", b"%d" % i, value, EC)
    host.object(slot, PRIVATE_KEY, "last", b"0", value, EC)
    host.end(slot)
for slot in range(5):
    show(slot)
show(4)
show(0)
host.scanned()
host.note("shown")
host.serve(lambda request: [host.send(TOKEN_GONE, 0, u32(1)), show(4), host.done(request)])
""")
            client = stage.client()
            assert len(client.tokens()) == 5 and len(client.identities()) == 4
            module = stage.module("big")
            assert module.state == "running" and module.restarts == 0, module
            assert module.error.startswith("3621 objects of its tokens are left out"), module.error
            assert "take off its tokens" in module.error and module.error in stage.log()
            seen = stage.cli("list")
            assert "module 'big': 3621 objects" in seen.stderr and seen.returncode == 0, seen
            assert "3621 objects" in " ".join(stage.cli("doctor").stdout.split())
            assert stage.cli("refresh").returncode == 0
            assert len(client.identities()) == 4 and stage.module("big").error == "", "room for the last"

        with tap.case("one that shows more octets than are taken: the same"):
            stage.play(big="""
host.ready()
for slot in range(34):
    host.begin(slot, f"token {slot}", INITIALIZED, str(slot))
    host.object(slot, CERTIFICATE, "x", b"", bytes(1000000))
    host.end(slot)
host.scanned()
host.sign_all()
""")
            client = stage.client()
            assert len(client.tokens()) == 34
            assert stage.module("big").error.startswith("1 object of its tokens is left out"), stage.module("big").error

        with tap.case("a token that two modules show has its key once"):
            stage.play(bad="""
host.ready()
host.token(slot=1, spki=SPKI, label="good", serial="2")
host.token(slot=2, spki=SPKI, label="good", serial="3")
host.scanned()
host.sign_all()
""", good=GOOD)
            client = stage.client()
            assert len(client.tokens()) == 3 and len(client.identities()) == 2

        with tap.case("two pictures on their way at once count in place of those that they replace"):
            stage.play(big="""
host.ready()
def begin():
    for slot in range(2):
        host.begin(slot, f"token {slot}", INITIALIZED, str(slot))
        for _ in range(12):
            host.object(slot, CERTIFICATE, "x", b"", bytes(1000000))
for _ in range(2):
    begin()
    host.end(0)
    host.end(1)
host.scanned()
host.sign_all()
""")
            assert len(stage.client().tokens()) == 2
            assert stage.module("big").error == "", stage.module("big").error

        with tap.case("one that closes its socket and lives on is killed"):
            stage.play(bad="""
host.ready()
host.token(spki=SPKI)
host.scanned()
if host.starts == 1:
    host.note(f"pid {os.getpid()}")
    host.socket.close()
    host.hang()
host.sign_all()
""")
            wait_for(lambda: stage.record("bad").count("start") == 2, "a new start")
            pid = int(next(line for line in stage.record("bad") if line.startswith("pid")).split()[1])
            wait_for(lambda: not is_alive(pid), "its end")

        with tap.case("who asks between its last word and its end hears why it ended"):
            stage.play(bad="""
host.ready()
host.token(spki=SPKI)
host.scanned()
if host.starts == 1:
    host.socket.close()
    time.sleep(0.5)
    sys.exit(7)
host.sign_all()
""")
            client = stage.client()
            key = client.identities()[0]
            name, text = error_of(sign, client, key)
            assert name == "MODULE_FAILED" and "'bad'" in text and "status 7" in text, (name, text)

        with tap.case("what it started dies with it"):
            stage.play(bad="""
host.ready()
host.scanned()
if host.starts == 1:
    child = os.fork()
    if child == 0:
        host.socket.close()
        host.hang()
    host.note(f"pid {child}")
    os._exit(1)
host.sign_all()
""")
            wait_for(lambda: stage.record("bad").count("start") == 2, "a new start")
            pid = int(next(line for line in stage.record("bad") if line.startswith("pid")).split()[1])
            wait_for(lambda: not is_alive(pid), "the child's end")

        with tap.case("a host program that is not there"):
            stage.stop_agent()
            stage.write({"any": ""})
            argv = stage.argv()
            argv[argv.index("--token-host") + 1] = "/nonexistent/host"
            stage.process = stage.start(argv, log=stage.log_path)
            wait_for(stage.answers, "the agent listens")
            assert stage.client().identities() == []
            assert "/nonexistent/host" in stage.module("any").error
            assert stage.stop_agent() == 0
    tap.done()


main()
