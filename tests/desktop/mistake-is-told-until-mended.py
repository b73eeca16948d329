#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that somebody waits for tells of a mistake in its configuration, allows nothing, and serves as
soon as that is mended; without a restart."""
import json
import os
import subprocess

import programs
from desktop import Bus, missing
from fixture import Fixture
from starters import Place, wait
from tap import Tap, skip_all

WRONG = "colour = blue\n"
WHY = "colour = blue: no such setting in [agent]"
PROBE = programs.BUILD / "tests/pkcs11/probe"
NAME, ROOT = "org.countersign.Agent1", "/org/countersign/Agent1"


class Scene(Place):
    """A place with a token, and a configuration that can be broken and mended."""

    def __init__(self, f):
        super().__init__(f)
        self.ca = f.authority("Office")
        self.token = f.token("corp")
        self.alice = self.token.identity(self.ca, "p256", "alice")
        self.right = (f"[agent]\nprompt = never\n[module \"softhsm\"]\npath = {programs.SOFTHSM}\n"
                      f"[token \"corp\"]\npin-command = /usr/bin/printf {self.token.pin}\n")
        self.system = f.path("etc")
        self.words += ["--system-config", str(self.system)]
        self.why = f"{self.conf}:2: {WHY}"
        self.mend()

    def spoil(self, wrong=WRONG):
        self._put(self.right.replace("[agent]\n", "[agent]\n" + wrong))

    def mend(self):
        self._put(self.right)

    def _put(self, text):
        """At once: on a busy machine an empty file might stay so for long enough to be right."""
        new = self.f.path("new.conf")
        new.write_text(text)
        new.rename(self.conf)

    def cli(self, *words, **options):
        return self.f.run([programs.CLI, *words], **options)

    def refuses(self, why):
        said = self.cli("list")
        return said.returncode == 1 and why in said.stderr and not said.stdout

    def serves(self):
        return "alice" in self.cli("list").stdout

    def logged(self, text):
        return self.log.read_text().count(text)


def flat(text):
    return " ".join(text.split())


def tells(tap, s):
    server = s.f.server(s.ca)
    starter = s.by_socket()
    assert wait(s.serves, "the agent")
    reference = s.f.path("alice.pem")
    s.cli("pem", "alice", "--output", str(reference), check=True)
    s.end(starter)

    s.spoil()
    starter = s.by_socket()
    with tap.case("started by a socket it refuses with file, line and what to do; and does so again"):
        assert s.refuses(s.why) and s.refuses("countersign.conf(5) names them all")
        assert s.agents() == [starter.pid] and not s.hosts()
    with tap.case("so are told: who unlocks, locks, refreshes, asks what would be allowed"):
        for words in (("unlock", "corp"), ("lock",), ("refresh",), ("find", "--host", "example.com"), ("show", "alice"),
                      ("policy", "check", "--identity", "alice", "--proof", "tls")):
            said = s.cli(*words)
            assert said.returncode == 1 and s.why in said.stderr, said
    with tap.case("status tells it among what the agent knows, and nothing of modules that are missing"):
        said = s.cli("status", check=True).stdout
        assert f"out of reach until this mistake is mended: {s.why}" in flat(said), said
        assert "Modules" not in said and "Tokens" not in said, said
        status = json.loads(s.cli("status", "--json", check=True).stdout)
        assert status["pid"] == starter.pid and status["policy_error"].startswith(s.why), status
        assert status["modules"] == status["tokens"] == []
    with tap.case("policy shows that nothing is allowed"):
        said = s.cli("policy", check=True).stdout
        assert "nothing is allowed until it is mended" in said and s.why in said, said
        policy = json.loads(s.cli("policy", "--json", check=True).stdout)
        assert policy["loaded"] is None and {rule["sign"] for rule in policy["rules"]} == {"none"}, policy
    with tap.case("doctor names it, and looks for no other reason in the tokens"):
        said = flat(s.cli("doctor").stdout)
        assert f"The agent serves no key because of this mistake: {s.why}" in said, said
        assert "no PKCS#11 module" not in said and "No token" not in said, said
    with tap.case("curl with a reference prints it"):
        said = s.f.curl(server, reference, reference)
        assert said.returncode != 0 and s.why in said.stderr, said
    program = s.f.start([PROBE, programs.PKCS11], log=s.f.path("probe.log"), stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True)

    def ask(line):
        program.stdin.write(line + "\n")
        program.stdin.flush()
        return program.stdout.readline().split()

    with tap.case("a program with the PKCS#11 module sees no token"):
        assert ask("init")[0] == "0" and ask("slots") == []
    with tap.case("the log has it once"):
        assert s.logged(s.why) == 1, s.log.read_text()
    with tap.case("another mistake is another reason, and is told as soon"):
        s.spoil("prompt = perhaps\n")
        other = "prompt = perhaps: write auto or never"
        wait(lambda: s.logged(other), "that it noticed")
        assert s.refuses(f"{s.conf}:2: {other}")
    with tap.case("mended, it serves at once: the program that waits for a token has it"):
        s.mend()
        assert ask("wait")[0] == "0" and ask("slots") == ["0:corp"]
        assert s.agents() == [starter.pid]
    with tap.case("and those that ask now: curl gets in, and nothing is wrong any more"):
        assert s.f.curl(server, reference, reference).answer["dn"].startswith("CN=alice")
        assert s.status()["policy_error"] is None
        assert "default for tls" in s.cli("policy").stdout and s.logged("the configuration is mended") == 1
    with tap.case("a mistake that comes now leaves it as it is"):
        s.spoil()
        wait(lambda: s.status()["policy_error"], "that it noticed")
        assert s.serves() and s.f.curl(server, reference, reference).answer
    program.stdin.close()
    s.end(starter)


def whatever_is_wrong(tap, s):
    def loads_unasked(act):
        before = s.logged("is loaded: ")
        act()
        wait(lambda: s.logged("is loaded: ") > before, "the module, without being asked")

    with tap.case("the administrator's mistake keeps all from being served, however right the user's files are"):
        s.system.mkdir()
        (s.system / "a.conf").write_text('[rule "mine"]\nsign = everything\n')
        s.mend()
        starter = s.by_socket()
        assert s.refuses(f"{s.system}/a.conf:2: sign = everything")
        (s.system / "a.conf").write_text('[rule "mine"]\nsign = none\nfinal = yes\n')
        wait(s.serves, "the keys")
        assert [rule["name"] for rule in json.loads(s.cli("policy", "--json").stdout)["rules"]][0] == "mine"
        s.end(starter)
        (s.system / "a.conf").unlink()
    with tap.case("a file that is not there, but was named, may come"):
        s.conf.unlink()
        starter = s.by_socket()
        assert s.refuses(f"cannot read {s.conf}: No such file")
        loads_unasked(s.mend)
        assert s.serves()
        s.end(starter)
    with tap.case("what is no file may become one"):
        s.conf.unlink()
        s.conf.mkdir()
        (s.conf / "a.conf").mkdir()
        starter = s.by_socket()
        assert s.refuses(f"{s.conf}/a.conf is no file")
        (s.conf / "a.conf").rmdir()
        (s.conf / "a.conf").write_text(s.right)
        wait(s.serves, "the keys")
        s.end(starter)
        (s.conf / "a.conf").unlink()
        s.conf.rmdir()
    with tap.case("behind a symbolic link no change is told of: the next program that asks finds it mended"):
        behind = s.f.path("elsewhere")
        behind.mkdir()
        (behind / "a.conf").write_text(WRONG)
        s.conf.symlink_to(behind / "a.conf")
        starter = s.by_socket()
        assert s.refuses(f"{s.conf}:1: ")
        (behind / "a.conf").write_text(s.right)
        wait(s.serves, "the keys")
        s.end(starter)
        s.conf.unlink()
    with tap.case("after SIGHUP as well"):
        s.conf.symlink_to(behind / "a.conf")
        (behind / "a.conf").write_text(WRONG)
        starter = s.by_socket()
        assert s.refuses(f"{s.conf}:1: ")
        (behind / "a.conf").write_text(s.right)
        loads_unasked(lambda: starter.send_signal(1))
        s.end(starter)
        s.conf.unlink()


def however_started(tap, s):
    s.spoil()
    with tap.case("by hand it ends with the sentence, for who started it sees it"):
        said = s.f.run(s.words)
        assert said.returncode == 1 and s.why in said.stderr and not s.socket.exists(), said
    with tap.case("--check says it, and ends, whatever waits"):
        for more in ([], ["--unless-running"]):
            said = s.f.run([*s.words, *more, "--check"])
            assert said.returncode == 1 and s.why in said.stderr, said
    with tap.case("by the desktop, at login, it serves when it is mended"):
        agent = s.by_hand("--unless-running")
        wait(s.connects, "the agent")
        assert s.refuses(s.why)
        s.conf.write_text(s.right.replace("[agent]\n", "[agent]\naudit = off\n"))
        wait(s.serves, "the keys")
    with tap.case("with all that the mended file says, not its rules alone"):
        assert not s.status()["record"]["on"]
        s.end(agent)
    s.bus()
    s.spoil()

    def call(path, method, *arguments):
        return s.f.run(["gdbus", "call", "--session", "--dest", NAME, "--object-path", path, "--method", method,
                        *arguments])

    with tap.case("by the bus: a call is answered by the error and the sentence"):
        for path, method, *arguments in (
                (ROOT, f"{NAME}.Resolve", "alice"), (ROOT, f"{NAME}.Find", "{}"), (ROOT, f"{NAME}.Lock"),
                (ROOT, f"{NAME}.Refresh"), (ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects"),
                (f"{ROOT}/identity/{64 * '0'}", "org.countersign.Identity1.Sign", "ed25519", "[byte 1]")):
            said = call(path, method, *arguments)
            assert said.returncode and "org.countersign.Error.Config: " + s.why in said.stderr, said
    with tap.case("and what the agent is can be read"):
        said = call(ROOT, "org.freedesktop.DBus.Properties.GetAll", NAME)
        assert str(s.socket) in said.stdout and "'Modules': <@a(ssss) []>" in said.stdout, said
    with tap.case("it serves when it is mended, at the socket as well"):
        [pid] = s.agents()
        s.mend()
        wait(lambda: "/identity/" in call(ROOT, f"{NAME}.Resolve", "alice").stdout, "the answer")
        assert s.serves() and s.agents() == [pid]
    s.end()


def on_the_desktop(tap, s):
    session, system = Bus(s.f, "session"), Bus(s.f, "system")
    daemon, logind = session.mock("notification_daemon"), system.mock("logind")
    s.spoil()
    agent = s.by_hand("--unless-running", environment={**session.environment, **system.environment})
    with tap.case("a notice shows it as long as it is so"):
        [shown] = wait(lambda: daemon.calls("Notify"), "the notice")
        assert "until this is mended" in shown[3] and s.why in shown[4], shown
        assert not daemon.calls("CloseNotification")
    with tap.case("another mistake, another notice"):
        s.spoil("prompt = perhaps\n")
        s.why = f"{s.conf}:2: prompt = perhaps"
        wait(lambda: s.why in daemon.calls("Notify")[-1][4], "the notice")
        wait(lambda: len(daemon.calls("CloseNotification")) == 1, "the other's end")
    with tap.case("nothing keeps the machine awake before there is anything to lock; then it does"):
        wait(lambda: daemon.connection.name_has_owner(NAME), "the agent on the bus")
        assert s.refuses(s.why) and not logind.calls("Inhibit")
        s.mend()
        wait(lambda: logind.calls("Inhibit"), "the inhibitor")
    with tap.case("then it is taken away"):
        wait(lambda: len(daemon.calls("CloseNotification")) == 2, "that")
    s.end(agent)


def main():
    absent = missing() or programs.missing("systemd-socket-activate", "dbus-send", "curl")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    for part in (tells, whatever_is_wrong, however_started, on_the_desktop):
        with Fixture() as f:
            scene = Scene(f)
            tap.diagnose = lambda s=scene: s.log.read_text()[-6000:] if s.log.exists() else ""
            part(tap, scene)
    tap.done()


main()
