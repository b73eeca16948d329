#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""By a socket, by a bus and by hand, one after another or all at the same moment: one agent serves."""
import os
import signal

import programs
from fixture import Fixture
from starters import Place, wait
from tap import Tap, skip_all

ROUNDS = int(os.environ.get("CS_ROUNDS", "20"))


def settled(place):
    """The pid of the one agent, when there is one and it answers."""
    status = place.status()
    return status and place.agents() == [status["pid"]] and status["pid"]


def by_hand(place, tap):
    with tap.case("by hand, and by hand again: the second is refused, and says why"):
        first = place.by_hand()
        wait(lambda: settled(place), "the agent")
        said = place.f.run(place.words)
        assert said.returncode == 1 and "another agent serves" in said.stderr, said
    with tap.case("with --unless-running it is no failure"):
        said = place.f.run([*place.words, "--unless-running"])
        assert said.returncode == 0 and "listens there already" in said.stderr, said
    with tap.case("the first goes on"):
        assert settled(place) == first.pid
    with tap.case("--unless-running starts one where none is"):
        place.end(first)
        first = place.by_hand("--unless-running")
        wait(lambda: settled(place), "the agent")
        assert settled(place) == first.pid
    with tap.case("nor has it to understand a configuration, for it leaves"):
        said = place.f.run([*place.words, "--unless-running", "--config", "/nonexistent"])
        assert said.returncode == 0 and "listens there already" in said.stderr, said
    with tap.case("but who is to serve is told of a wrong one"):
        said = place.f.run([*place.words, "--config", "/nonexistent"])
        assert said.returncode == 1 and "cannot read /nonexistent" in said.stderr, said
    with tap.case("a socket that a killed agent left behind is no agent"):
        first.kill()
        first.wait()
        wait(lambda: not place.hosts(), "the end of its hosts")
        first = place.by_hand("--unless-running")
        wait(lambda: settled(place), "the agent")
        assert settled(place) == first.pid
    with tap.case("when its socket is taken away, it ends: nobody could lock its tokens any more"):
        place.socket.unlink()
        assert first.wait(20) == 0
        assert not place.hosts() and not os.listdir(place.socket.parent)


def socket_first(place, tap):
    with tap.case("the socket first, then by hand: refused, with the reason; the socket's agent serves"):
        starter = place.by_socket()
        said = place.f.run(place.words)
        assert said.returncode == 1 and "socket unit" in said.stderr, said
        assert wait(lambda: settled(place), "one agent") == starter.pid
    with tap.case("the socket's agent serves, then by hand: refused"):
        said = place.f.run(place.words)
        assert said.returncode == 1 and "another agent serves" in said.stderr, said
        place.end(starter)


def socket_later(place, tap):
    with tap.case("by hand first, then a socket that replaces its own: the first ends, well"):
        first = place.by_hand()
        wait(lambda: settled(place), "the agent")
        starter = place.by_socket()
        assert first.wait(20) == 0
    with tap.case("and leaves the new socket alone: its agent serves"):
        assert wait(lambda: settled(place), "one agent") == starter.pid
        place.end(starter)
    with tap.case("the new agent waits for the old one's end"):
        first = place.by_hand()
        wait(lambda: settled(place), "the agent")
        os.kill(first.pid, signal.SIGSTOP)
        starter = place.by_socket()
        client = place.f.start([programs.CLI, "status"], log=place.log)
        wait(lambda: "waits for the agent before" in place.log.read_text(), "its wait")
        assert not place.hosts() or first.poll() is None
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(20) == 0 and client.wait(30) == 0
        assert wait(lambda: settled(place), "one agent") == starter.pid
        place.end(starter)
    with tap.case("but not for ever: one that hangs keeps nobody waiting"):
        first = place.by_hand()
        wait(lambda: settled(place), "the agent")
        os.kill(first.pid, signal.SIGSTOP)
        starter = place.by_socket()
        said = place.f.run([programs.CLI, "status"])
        assert f"pid {starter.pid}" in said.stdout, said
        assert "does not leave" in place.log.read_text()
        first.kill()
        place.end(starter)


def all_at_once(place, tap):
    winners = []
    for number in range(1, ROUNDS + 1):
        with tap.case(f"all at the same moment, {number} of {ROUNDS}: one agent"):
            place.socket.unlink(missing_ok=True)
            listened = place.listened()
            starters = [place.f.start(["systemd-socket-activate", f"--listen={place.socket}", *passed(place),
                                       *place.words], log=place.log),
                        place.by_bus(), place.by_hand(), place.by_hand("--unless-running")]
            if number % 2:
                starters.reverse()
            socket_starter, bus, hand, polite = starters if not number % 2 else starters[::-1]
            # systemd's may be the last to listen, and replace one that serves already.
            wait(lambda: place.listened() > listened, "the socket")
            assert bus.wait(30) == 0, place.f.path("call.log").read_text()
            pid = wait(lambda: settled(place), "one agent")
            assert polite.pid == pid or polite.wait(20) == 0
            # Refused, or later without its socket.
            assert hand.pid == pid or hand.wait(20) in (0, 1)
            assert pid == settled(place)
            winners.append("socket" if pid == socket_starter.pid else "hand" if pid == hand.pid else
                           "polite" if pid == polite.pid else "bus")
            place.end(*starters)
    tap.comment("who served: " + ", ".join(f"{name} {winners.count(name)}" for name in sorted(set(winners))))


def session_ends(place, tap, bus):
    def is_on_bus():
        return "true" in place.f.run([
            "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner", "string:org.countersign.Agent1"]).stdout

    for who, start in {"the desktop": lambda: place.by_hand("--unless-running"), "the bus": place.by_bus}.items():
        with tap.case(f"started by {who} of a session, it ends when the session's bus does, in order"):
            start()
            wait(is_on_bus, "its name on the bus")
            bus.stop()
            wait(lambda: not place.agents() and not place.hosts(), "the end of the agent")
            assert not place.socket.exists()
            bus.start()
    with tap.case("by hand it stays, and is on the bus that comes"):
        first = place.by_hand()
        wait(is_on_bus, "its name on the bus")
        bus.stop()
        bus.start()
        wait(is_on_bus, "its name on the new bus")
        assert settled(place) == first.pid
        place.end(first)


def passed(place):
    return [word for name in place.f.environment for word in ("-E", name)]


def main():
    absent = programs.missing("softhsm", "systemd-socket-activate", "dbus-daemon", "dbus-send")
    if absent:
        skip_all(f"{absent} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = lambda: f.path("agent.log").read_text()[-6000:]
        place = Place(f)
        by_hand(place, tap)
        place.socket.parent.mkdir(mode=0o700, exist_ok=True)
        socket_first(place, tap)
        socket_later(place, tap)
        bus = place.bus()
        all_at_once(place, tap)
        session_ends(place, tap, bus)
    tap.done()


main()
