#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One agent serves a socket, in a place that is safe, and goes without a trace."""
import os
import signal
import socket
import stat
import subprocess

import programs
from stage import ECDSA_SHA256, Stage, Tap, children_of, is_alive, wait_for

PLAY = """
host.ready()
host.token(spki=SPKI)
host.scanned()
host.sign_all()
"""
DEAF = """
import threading
host.ready()
host.scanned()
host.hang()
"""


def run_agent(stage, *more, **options):
    """An agent that is expected to end by itself."""
    return stage.run(stage.argv(*more), timeout=20, **options)


def activated(stage, listener, pid=None):
    """As a service manager starts it: the socket is descriptor 3."""
    def prepare():
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
    code = ("import os, sys\nos.environ.update(LISTEN_FDS='1', LISTEN_PID=%s)\n"
            "os.execv(sys.argv[1], sys.argv[1:])" % (pid or "str(os.getpid())"))
    return stage.start(["python3", "-c", code, *stage.argv()], log=stage.log_path,
                       preexec_fn=prepare, close_fds=False)


def has_ended(process):
    """Soon; who sends signals without a pause keeps it from doing anything else."""
    try:
        process.wait(0.001)
    except subprocess.TimeoutExpired:
        return False
    return True


def main():
    tap = Tap()
    with Stage() as stage:
        tap.diagnose = stage.diagnose
        folder = stage.socket.parent

        with tap.case("the directory and the socket are for the owner alone"):
            stage.play(one=PLAY)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE(stage.socket.stat().st_mode) == 0o600

        with tap.case("a second agent is refused, and the first goes on"):
            second = run_agent(stage)
            assert second.returncode == 1 and "another agent" in second.stderr, second
            assert str(stage.socket) in second.stderr
            client = stage.client()
            assert client.sign(client.identities()[0].id, ECDSA_SHA256, b"x") == b"signature"

        with tap.case("SIGTERM: status 0, no child, no socket, no directory"):
            children = children_of(stage.process.pid)
            assert len(children) == 1
            assert stage.stop_agent() == 0
            assert not any(map(is_alive, children))
            assert not folder.exists()
            assert "end of the socket" in stage.record("one")

        with tap.case("SIGINT does the same"):
            stage.play(one=PLAY)
            assert len(stage.client().identities()) == 1
            children = children_of(stage.process.pid)
            stage.process.send_signal(signal.SIGINT)
            assert stage.process.wait(20) == 0
            assert not any(map(is_alive, children)) and not folder.exists()

        with tap.case("signals that come while it ends change nothing"):
            for number in (signal.SIGTERM, signal.SIGHUP) * 5:
                stage.play(one=PLAY)
                stage.process.terminate()
                while not has_ended(stage.process):
                    stage.process.send_signal(number)
                assert stage.process.returncode == 0 and not folder.exists(), stage.process.returncode

        with tap.case("a host that does not end is killed"):
            stage.play(one=DEAF)
            wait_for(lambda: stage.module("one").state == "running", "the host")
            children = children_of(stage.process.pid)
            assert stage.stop_agent() == 0
            assert not any(map(is_alive, children))

        with tap.case("a killed agent leaves no host, and its socket is replaced"):
            stage.play(one=PLAY)
            assert len(stage.client().identities()) == 1
            stage.process.kill()
            stage.process.wait()
            assert stage.socket.exists()
            wait_for(lambda: "end of the socket" in stage.record("one"), "the host's end")
            stage.play(one=PLAY)
            assert len(stage.client().identities()) == 1
            assert "left behind" in stage.log()

        with tap.case("what was in the directory before stays there"):
            stage.stop_agent()
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / "other").touch()
            stage.play(one=PLAY)
            assert stage.stop_agent() == 0
            assert os.listdir(folder) == ["other"]
            (folder / "other").unlink()

        with tap.case("a directory that is open to others is refused"):
            folder.chmod(0o750)
            refused = run_agent(stage)
            assert refused.returncode == 1 and f"chmod 700 {folder}" in refused.stderr, refused
            folder.chmod(0o700)

        with tap.case("a directory that is a symbolic link is refused"):
            folder.rename(stage.path("elsewhere"))
            folder.symlink_to(stage.path("elsewhere"))
            refused = run_agent(stage)
            assert refused.returncode == 1 and "symbolic link" in refused.stderr, refused
            folder.unlink()

        with tap.case("a file in the socket's place is refused, not removed"):
            folder.mkdir(mode=0o700)
            stage.socket.write_text("mine")
            refused = run_agent(stage)
            assert refused.returncode == 1 and "no socket" in refused.stderr, refused
            assert stage.socket.read_text() == "mine"
            stage.socket.unlink()

        with tap.case("no place for the socket: says what to do"):
            refused = run_agent(stage, "--socket", "/nonexistent/dir/agent.sock")
            assert refused.returncode == 1 and "XDG_RUNTIME_DIR" in refused.stderr, refused
            refused = run_agent(stage, "--socket", "/" + "x" * 200)
            assert refused.returncode == 1 and "absolute path" in refused.stderr, refused
            refused = run_agent(stage, environment={"COUNTERSIGN_SOCKET": "here"})
            assert refused.returncode == 1 and "absolute path" in refused.stderr, refused

        with tap.case("socket activation: the socket is taken, and left in its place"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(stage.socket))
            listener.listen()
            stage.write({"one": PLAY})
            stage.process = activated(stage, listener)
            assert len(stage.client().identities()) == 1
            assert stage.client().status().socket == str(stage.socket)
            host = children_of(stage.process.pid)[0]
            environment = open(f"/proc/{host}/environ", "rb").read()
            assert b"LISTEN_" not in environment
            assert stage.stop_agent() == 0
            assert stage.socket.exists()

        with tap.case("with the socket waiting for activation an agent by hand is refused"):
            refused = run_agent(stage)
            assert refused.returncode == 1 and "listens" in refused.stderr, refused
            listener.close()

        with tap.case("LISTEN_FDS for another process is not for us"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(stage.path("other.sock")))
            listener.listen()
            stage.process = activated(stage, listener, pid="'1'")
            wait_for(stage.answers, "the agent listens at its own socket")
            assert stage.stop_agent() == 0

        with tap.case("LISTEN_FDS that is no socket, or another one than ours: an error"):
            with open("/dev/null", "rb") as null, socket.create_server(("127.0.0.1", 0)) as network, \
                    socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
                packets.bind(str(stage.path("packets.sock")))
                packets.listen()
                for n, wrong in enumerate((null, network, deaf, packets), 1):
                    process = activated(stage, wrong)
                    assert process.wait(20) == 1
                    assert stage.log().count("one listening Unix stream socket") == n, (wrong, stage.log())

        with tap.case("a mistake in the configuration: file, line, and what to write"):
            conf = stage.path("agent.conf")
            conf.write_text("[agent]\nprompt = perhaps\n")
            refused = run_agent(stage)
            assert refused.returncode == 1, refused
            assert f"{conf}:2:" in refused.stderr and "auto or never" in refused.stderr, refused

        with tap.case("the command line"):
            assert stage.run([programs.AGENT, "--version"]).stdout.startswith("countersign-agent ")
            assert "usage:" in stage.run([programs.AGENT, "--help"]).stdout
            assert stage.run([programs.AGENT, "--nonsense"]).returncode == 2
            assert stage.run([programs.AGENT, "extra"]).returncode == 2

        with tap.case("the process gives away nothing"):
            stage.play(one=PLAY)
            status = open(f"/proc/{stage.process.pid}/status", encoding="utf-8").read()
            assert "NoNewPrivs:\t1" in status
            limits = open(f"/proc/{stage.process.pid}/limits", encoding="utf-8").read()
            assert subprocess.run(["grep", "-q", r"^Max core file size *0 *0 "], input=limits,
                                  text=True, check=False).returncode == 0
            assert os.stat(f"/proc/{stage.process.pid}/environ").st_uid == 0
    tap.done()


main()
