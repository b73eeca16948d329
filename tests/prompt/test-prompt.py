#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""countersign-prompt against a scripted pinentry and the real ones. Usage: test-prompt.py PROGRAM"""
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = sys.argv[1]
with open(os.path.join(os.path.dirname(__file__), "../../agent/talk.h"), encoding="utf-8") as header:
    TALK = re.search(r'CS_TALK_VERSION "(.*)"', header.read())[1]
FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake-pinentry")
OK, CANCELLED, FAILED, TIMED_OUT, IMPOSSIBLE, FOR_SESSION = range(6)
COUNT_LOW, FINAL_TRY, FOR_SIGNATURE, FOR_CHANGE = 1, 2, 4, 8
PIN, KEYPAD, NEW_PIN, CONSENT = 1, 2, 3, 4
SIGN_TLS, SIGN_CSR, SIGN_DIGEST, SIGN_DATA, EACH_TIME = 16, 32, 64, 128, 256
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}


class Skip(Exception):
    pass


def field(data):
    data = data if isinstance(data, bytes) else data.encode()
    return struct.pack(">I", len(data)) + data


def request(pinentry=FAKE, token="corp", program="", command="", certificate="", key="", host="", error="",
            flags=0, timeout=20, env=None, kind=PIN, lengths=(0, 0)):
    env = {"DISPLAY": ":0"} if env is None else env
    body = struct.pack(">BIIII", kind, flags, timeout, *lengths)
    body += b"".join(field(x) for x in (pinentry, token, program, command, certificate, key, host, error))
    body += struct.pack(">I", len(env))
    return body + b"".join(field(k) + field(v) for k, v in env.items())


class Fake:
    """A scripted pinentry and its log."""

    def __init__(self, answers="pin=1234", greeting=""):
        self.dir = tempfile.mkdtemp(prefix="countersign-prompt-")
        self.log = os.path.join(self.dir, "log")
        self.env = {"DISPLAY": ":0", "PINENTRY_USER_DATA": "|".join((self.log, greeting, answers))}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def lines(self):
        with open(self.log, encoding="utf-8", errors="surrogateescape") as log:
            return log.read().splitlines()

    def told(self, command):
        return [l[len(command) + 1:] for l in self.lines() if l.startswith(command + " ")]

    def wait_for(self, start):
        """Until it was told something that begins so; returns its pid."""
        def seen():
            return os.path.exists(self.log) and any(l.startswith(start) for l in self.lines())
        wait_until(seen, "pinentry was told " + start)
        return int(self.told("PID")[0])


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not in time: " + what)
        time.sleep(0.01)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start(body, env=None):
    process = subprocess.Popen([PROGRAM, "--talk", TALK], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=env or CLEAN)
    process.stdin.write(body)
    process.stdin.close()
    return process


def finish(process):
    """(verdict, the rest)"""
    answer = process.stdout.read()
    status = process.wait()
    errors = process.stderr.read().decode()
    process.stdout.close()
    process.stderr.close()
    assert status == 0 and answer, (status, answer, errors)
    return answer[0], answer[1:]


def ask(body, env=None):
    return finish(start(body, env))


def ask_fake(answers, greeting="", **fields):
    with Fake(answers, greeting) as fake:
        verdict, rest = ask(request(env=fake.env, **fields))
        return verdict, rest, fake.lines()


def test_a_pin_comes_back():
    verdict, pin, lines = ask_fake("pin=123456", program="curl", key="alice", timeout=77)
    assert (verdict, pin) == (OK, b"123456"), (verdict, pin)
    assert "SETDESC Enter the PIN of token 'corp'.%0A%0AKey: alice%0AAsked by: curl" in lines, lines
    assert "SETTIMEOUT 77" in lines and "SETPROMPT PIN:" in lines and "BYE" in lines, lines
    assert not any(l.startswith("SETERROR") for l in lines), lines


def test_a_pinentry_is_never_asked_to_keep_the_pin():
    _, _, lines = ask_fake("pin=123456")
    assert not any("cache" in l or l.startswith("SETKEYINFO") for l in lines), lines


def test_a_pinentry_has_its_conversation_and_nothing_else():
    with Fake("grumble=1234,pin=1234") as fake:
        with start(request(env=fake.env)) as process:
            answer, errors = process.stdout.read(), process.stderr.read()
        assert (answer, errors) == (bytes([OK]) + b"1234", b""), (answer, errors)
        assert fake.told("SOCKET") == ["0", "1"], fake.lines()


def test_escapes_and_utf8_in_the_pin():
    verdict, pin, _ = ask_fake("pin=a%25b%0Ac%20é")
    assert (verdict, pin) == (OK, "a%b\nc é".encode()), (verdict, pin)


def test_a_pin_in_several_lines_of_data():
    verdict, pin, _ = ask_fake("pin=12,pin=34,pin=56")
    assert (verdict, pin) == (OK, b"123456"), (verdict, pin)


def test_the_longest_pin():
    verdict, pin, _ = ask_fake("pin=" + "9" * 255)
    assert (verdict, pin) == (OK, b"9" * 255), (verdict, len(pin))


def test_a_pin_that_is_too_long():
    verdict, text, _ = ask_fake("pin=" + "9" * 256)
    assert verdict == FAILED and b"255" in text and b"999" not in text, (verdict, text)


def test_nothing_entered_asks_again():
    verdict, pin, lines = ask_fake("empty&pin=1234")
    assert (verdict, pin) == (OK, b"1234"), (verdict, pin)
    assert "SETERROR No PIN was entered." in lines, lines


def test_nothing_entered_three_times_is_a_no():
    verdict, rest, lines = ask_fake("empty&empty&empty&pin=1234")
    assert (verdict, rest) == (CANCELLED, b""), (verdict, rest)
    assert lines.count("GETPIN") == 3, lines


def test_cancel():
    assert ask_fake("cancel")[:2] == (CANCELLED, b"")
    assert ask_fake("closed")[:2] == (CANCELLED, b"")


def test_timeout_by_the_pinentry():
    assert ask_fake("timeout")[:2] == (TIMED_OUT, b"")


def test_a_pinentry_that_does_not_keep_the_time_is_ended():
    with Fake("hang") as silent, Fake("flood") as talker:
        running = [(f, start(request(env=f.env, timeout=1))) for f in (silent, talker)]
        for fake, process in running:
            pid = fake.wait_for("GETPIN")
            assert finish(process) == (TIMED_OUT, b"")
            assert not alive(pid)


def test_rubbish_names_the_pinentry():
    for greeting in ("raw=hello world\\n", "raw=" + "x" * 3000, "raw=\\x00\\xff\\n", "raw=D 1234\\n"):
        verdict, text, _ = ask_fake("pin=1234", greeting)
        assert verdict == FAILED and FAKE.encode() in text, (greeting[:20], verdict, text)


def test_rubbish_instead_of_a_pin():
    for answer in ("raw=what?\\n", "raw=D 12345\\nwhat?\\n", "raw=ERR\\n", "raw=INQUIRE PIN\\n", "unknown",
                   "raw=ERR no number\\n", "raw=OK\\nOK\\nOK\\n", "raw=D 12345\\nOK\\nD 6\\n"):
        verdict, text, _ = ask_fake(answer)
        assert verdict == FAILED and FAKE.encode() in text, (answer, verdict, text)
        assert b"12345" not in text, text


def test_a_crash_names_the_pinentry_and_how_it_ended():
    for where in ({"answers": "segv"}, {"answers": "", "greeting": "segv"}):
        verdict, text, _ = ask_fake(**where)
        assert verdict == FAILED and FAKE.encode() in text and b"signal 11" in text, (where, text)
    verdict, text, _ = ask_fake("exit=3")
    assert verdict == FAILED and b"exit status 3" in text, text


def test_half_a_pin_is_no_pin():
    verdict, text, _ = ask_fake("pin=1234,exit=0")
    assert verdict == FAILED and b"1234" not in text, (verdict, text)


def test_a_missing_pinentry():
    for name in ("/nonexistent/pinentry", "countersign-no-such-pinentry", "/etc/passwd"):
        verdict, text = ask(request(pinentry=name))
        assert verdict == FAILED and name.encode() in text and b"[agent]" in text, (verdict, text)


def test_a_pinentry_that_cannot_be_executed():
    with Fake() as fake:
        path = os.path.join(fake.dir, "broken")
        with open(path, "w", encoding="ascii") as broken:
            broken.write("#!/nonexistent/interpreter\n")
        os.chmod(path, 0o755)
        verdict, text = ask(request(pinentry=path, env=fake.env))
        assert verdict == FAILED and path.encode() in text, (verdict, text)


def test_nowhere_to_ask():
    with Fake() as fake:
        nowhere = [{}, {"TERM": "xterm", "LANG": "C"}, {"DISPLAY": ""}, {"GPG_TTY": "/dev/no-such-tty"},
                   {"GPG_TTY": "relative"}, {"GPG_TTY": fake.dir}, {"GPG_TTY": "/dev/null"}]
        for env in nowhere:
            env["PINENTRY_USER_DATA"] = fake.env["PINENTRY_USER_DATA"]
            assert ask(request(env=env)) == (IMPOSSIBLE, b""), env
        assert not os.path.exists(fake.log), "a pinentry was started"


def test_a_terminal_by_another_name_is_not_opened():
    with Fake() as fake:
        ours, its = pty.openpty()
        path = os.path.join(fake.dir, "terminal")
        os.symlink(os.ttyname(its), path)
        env = {"PINENTRY_USER_DATA": fake.env["PINENTRY_USER_DATA"]}
        assert ask(request(env={**env, "GPG_TTY": path}))[0] == IMPOSSIBLE
        assert ask(request(env={**env, "GPG_TTY": os.ttyname(its)}))[0] != IMPOSSIBLE
        os.close(ours)
        os.close(its)


def test_a_file_is_no_terminal_and_stays_whole():
    with Fake() as fake:
        path = os.path.join(fake.dir, "diary")
        with open(path, "w", encoding="ascii") as diary:
            diary.write("dear diary")
        assert ask(request(env={"GPG_TTY": path}))[0] == IMPOSSIBLE
        with open(path, encoding="ascii") as diary:
            assert diary.read() == "dear diary"


def test_a_pinentry_that_cannot_use_the_terminal():
    verdict, text, _ = ask_fake("enotty")
    assert verdict == IMPOSSIBLE and FAKE.encode() in text, (verdict, text)


def test_warnings():
    _, _, lines = ask_fake("pin=1", flags=COUNT_LOW, error="The PIN was wrong.")
    assert "SETERROR The PIN was wrong." in lines, lines
    assert any("SETDESC" in l and "wrong PIN was entered before" in l for l in lines), lines
    _, _, lines = ask_fake("pin=1", flags=COUNT_LOW | FINAL_TRY)
    assert any("SETDESC" in l and "last try" in l for l in lines), lines


def test_what_it_is_for_is_said():
    _, _, lines = ask_fake("pin=1", flags=FOR_SIGNATURE)
    assert any("SETDESC" in l and "to sign once" in l for l in lines), lines
    _, _, lines = ask_fake("pin=1", flags=FOR_CHANGE)
    assert any("SETDESC" in l and "to change it" in l for l in lines), lines


def test_a_new_pin_twice_in_one_dialog():
    verdict, pin, lines = ask_fake("repeated,pin=4321", kind=NEW_PIN, lengths=(4, 8))
    assert (verdict, pin) == (OK, b"4321"), (verdict, pin)
    assert "SETREPEAT Repeat it:" in lines and "SETPROMPT New PIN:" in lines, lines
    assert any("4 to 8 characters" in l for l in lines) and lines.count("GETPIN") == 1, lines


def test_a_new_pin_twice_in_two_dialogs():
    verdict, pin, lines = ask_fake("pin=4321&pin=4321", kind=NEW_PIN)
    assert (verdict, pin) == (OK, b"4321") and lines.count("GETPIN") == 2, (verdict, pin, lines)
    verdict, pin, lines = ask_fake("pin=4321&pin=43210&pin=77&pin=77", kind=NEW_PIN)
    assert (verdict, pin) == (OK, b"77"), (verdict, pin)
    assert "SETERROR The two are not the same." in lines, lines
    verdict, pin, _ = ask_fake("pin=1&pin=2&pin=1&pin=2&pin=1&pin=2", kind=NEW_PIN)
    assert (verdict, pin) == (CANCELLED, b""), (verdict, pin)
    assert ask_fake("pin=1&cancel", kind=NEW_PIN)[:2] == (CANCELLED, b"")


def consent(answers, flags=SIGN_DIGEST, greeting="flavor=qt", **fields):
    return ask_fake(answers, greeting, kind=CONSENT, program="/usr/bin/gnutls-cli", key="alice", flags=flags, **fields)


def test_a_consent_says_who_with_what_for_what():
    verdict, rest, lines = consent("empty", timeout=33)
    assert (verdict, rest) == (OK, b""), (verdict, rest)
    assert ("SETDESC May this program sign with your key 'alice' on token 'corp'?%0A%0A"
            "Program: /usr/bin/gnutls-cli%0AFor: not known (it hands over a hash alone)") in lines, lines
    assert "SETTIMEOUT 33" in lines and "GETPIN" not in lines, lines
    lines = consent("empty", command="python3 backup.py\n")[2]
    assert any("%0AStarted as: python3 backup.py?%0AFor: " in l for l in lines), lines
    assert [l for l in lines if l.startswith(("SETOK", "SETNOTOK", "SETCANCEL", "CONFIRM"))] == [
        "SETOK _Once", "SETNOTOK This _session", "SETCANCEL _No", "CONFIRM"], lines
    for flags, host, what in ((SIGN_TLS, "www.example.org", "a login to the server www.example.org"),
                              (SIGN_TLS, "", "a login to a server whose name is not known"),
                              (SIGN_CSR, "", "a certificate request for this key"),
                              (SIGN_DATA, "", "data that is no login to a server, such as a mail or a document")):
        lines = consent("empty", flags=flags, host=host)[2]
        assert any(l.startswith("SETDESC") and l.endswith("%0AFor: " + what) for l in lines), lines


def test_a_consent_for_the_session_and_none():
    assert consent("notok")[:2] == (FOR_SESSION, b"")
    assert consent("cancel")[:2] == (CANCELLED, b"")
    assert consent("closed")[:2] == (CANCELLED, b"")
    assert consent("timeout")[:2] == (TIMED_OUT, b"")
    assert consent("exit=0")[0] == FAILED


def test_a_consent_each_time_is_for_once():
    verdict, _, lines = consent("empty", flags=SIGN_TLS | EACH_TIME)
    assert verdict == OK and "SETOK _Yes" in lines and "SETCANCEL _No" in lines, (verdict, lines)
    assert not any(l.startswith("SETNOTOK") for l in lines), lines
    assert consent("notok", flags=SIGN_TLS | EACH_TIME)[0] == CANCELLED


def test_an_error_without_a_number_is_no_consent():
    for fields in ({}, {"flags": SIGN_DIGEST | EACH_TIME}):
        for answer in ("raw=ERR no number\\n", "raw=ERR 0\\n", "raw=ERR\\n", "raw=OK\\nERR 83886179 no\\n"):
            verdict, text, _ = consent(answer, **fields)
            assert verdict == FAILED and FAKE.encode() in text, (answer, verdict, text)


def test_with_two_buttons_a_second_dialog_asks_for_how_long():
    # Of one that is not known a no may be what others answer when the third button is pressed.
    for greeting in ("flavor=gnome3", "flavor=tqt", "flavor=own-script", "flavor=qt:own", ""):
        def two(answers):
            verdict, _, lines = consent(answers, greeting=greeting)
            assert not any(l.startswith("SETNOTOK") for l in lines), lines
            return verdict, lines.count("CONFIRM")
        assert two("empty&empty") == (FOR_SESSION, 2), greeting
        assert two("empty&cancel") == (OK, 2), greeting
        assert two("empty&notok") == (OK, 2), greeting
        assert two("empty&timeout") == (TIMED_OUT, 2), greeting
        assert two("cancel") == (CANCELLED, 1), greeting
        assert two("notok") == (CANCELLED, 1), greeting
    for flavor in ("curses", "tty", "gtk2", "gtk2:curses", "tqt:curses", "gnome3:curses"):
        assert consent("notok", greeting=f"flavor={flavor}")[0] == FOR_SESSION, flavor


def test_a_prompt_that_is_a_heading_says_who_asks():
    for flavor, prompt in (("gnome3", "Countersign"), ("gnome3:curses", "PIN:"), ("qt", "PIN:")):
        verdict, pin, lines = ask_fake("pin=123456", greeting=f"flavor={flavor}")
        assert (verdict, pin) == (OK, b"123456"), (verdict, pin)
        assert [line for line in lines if line.startswith("SETPROMPT")][-1] == f"SETPROMPT {prompt}", lines


def test_a_consent_shows_nothing_that_deceives():
    _, _, lines = ask_fake("empty", kind=CONSENT, program="/tmp/\u202egpj\n\nProgram: /usr/bin/good" + "x" * 900,
                           command="c" * 900, key="a\x1b[2J", token="t\x00", host="www\u2066.example", flags=SIGN_TLS)
    shown = [l for l in lines if l.startswith("SETDESC")][0]
    assert shown.count("%0A") == 4 and "\u202e" not in shown and "\u2066" not in shown and "\x1b" not in shown, shown
    assert "a?[2J" in shown and "www?.example" in shown and "x..." in shown and len(shown) < 950, shown


def test_a_name_of_percent_signs_leaves_room_for_the_rest():
    sign = "%" * 900
    _, _, lines = ask_fake("empty", kind=CONSENT, flags=SIGN_DATA, program=sign, command=sign, key=sign)
    shown = [l for l in lines if l.startswith("SETDESC")][0]
    assert "%25..." in shown and "Started as: " in shown and shown.endswith("such as a mail or a document"), shown


def test_a_notice_has_one_button_that_says_no():
    verdict, rest, lines = ask_fake("empty", kind=KEYPAD, program="curl")
    assert (verdict, rest) == (CANCELLED, b""), (verdict, rest)
    assert "CONFIRM --one-button" in lines and "SETOK Cancel" in lines, lines
    assert any("keypad of its reader" in l and "curl" in l for l in lines), lines
    assert "GETPIN" not in lines, lines


def test_a_notice_is_taken_away():
    with Fake("hang") as fake:
        process = start(request(kind=KEYPAD, env=fake.env))
        pid = fake.wait_for("CONFIRM")
        process.terminate()
        assert finish(process) == (CANCELLED, b"")
        assert not alive(pid)


def test_an_address_that_starts_a_program_is_no_bus():
    with Fake("empty") as fake:
        evil = os.path.join(fake.dir, "evil")
        program = "unixexec:path=/usr/bin/touch,argv1=" + evil
        for address in (program, "unix:path=/nonexistent;" + program, "unix:path=/nonexistent"):
            env = dict(fake.env, DBUS_SESSION_BUS_ADDRESS=address)
            assert ask(request(kind=KEYPAD, env=env))[0] == CANCELLED
            assert any(l.startswith("CONFIRM") for l in fake.lines()), fake.lines()
        assert not os.path.exists(evil)


def test_a_bus_that_does_not_greet_keeps_nobody():
    with Fake("empty") as fake, socket.socket(socket.AF_UNIX) as mute:
        path = os.path.join(fake.dir, "bus")
        mute.bind(path)
        mute.listen()
        process = start(request(kind=KEYPAD, env=dict(fake.env, DBUS_SESSION_BUS_ADDRESS="unix:path=" + path)))
        try:
            fake.wait_for("CONFIRM")
            assert finish(process)[0] == CANCELLED
        finally:
            process.kill()


def test_a_long_notice_is_cut_between_characters():
    daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE)
    try:
        address = daemon.stdout.readline().decode().split(",")[0]
        for shift in range(2):
            with Fake("empty") as fake:  # as nobody shows notices there
                env = dict(fake.env, DBUS_SESSION_BUS_ADDRESS=address)
                asked = request(kind=KEYPAD, env=env, token="x" * shift + "&" * 70, key="&" * 90,
                                program="&" * 60 + "\u00e9" * 33)
                assert ask(asked)[0] == CANCELLED
                assert any(l.startswith("CONFIRM") for l in fake.lines()), fake.lines()
    finally:
        daemon.terminate()  # it removes its socket
        daemon.wait()
        daemon.stdout.close()


def test_labels_cannot_speak_for_us():
    token = b"evil'.\nAsked by: nobody\r\x1b[2J %0A \xff\xfe \xe2\x80\xae \xc3\xa9"
    _, _, lines = ask_fake("pin=1", token=token, program="a\nGETPIN", key="k\x85" + "z" * 5000)
    desc = [l for l in lines if l.startswith("SETDESC")]
    expected = "token 'evil'.?Asked by: nobody??[2J %250A ?? ? é'."
    assert len(desc) == 1 and expected in desc[0], desc
    assert lines.count("GETPIN") == 1 and "a?GETPIN" in desc[0] and "zzz..." in desc[0], lines
    assert desc[0].count("%0A") == 3, desc


def test_only_what_is_for_prompts_reaches_the_pinentry():
    with Fake() as fake:
        env = dict(fake.env, LD_PRELOAD="/tmp/evil.so", GTK_MODULES="evil", LANG="C.UTF-8",
                   WAYLAND_DISPLAY="wayland-1", PATH="/evil", TERM="xterm\nOPTION x")
        own = dict(CLEAN, SECRET="s", DISPLAY=":9", ASSUAN_DEBUG="255", LD_BIND_NOW="1")
        assert ask(request(env=env), own)[0] == OK
        got = fake.told("ENV")
        assert "DISPLAY=:0" in got and "WAYLAND_DISPLAY=wayland-1" in got, got
        assert "LANG=C.UTF-8" in got and "PATH=" + CLEAN["PATH"] in got, got
        names = {l.split("=")[0] for l in got}
        for name in ("LD_PRELOAD", "GTK_MODULES", "SECRET", "TERM", "ASSUAN_DEBUG", "LD_BIND_NOW"):
            assert name not in names, got
        assert "display=:0" in fake.told("OPTION") and "lc-ctype=C.UTF-8" in fake.told("OPTION")


def places(more):
    """What a pinentry is told of where its person is, who has a terminal, a bus and these."""
    host, terminal = pty.openpty()
    try:
        with Fake() as fake:
            env = {**fake.env, "GPG_TTY": os.ttyname(terminal), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/bus", **more}
            assert ask(request(env=env))[0] == OK
            return {line.split("=")[0] for line in fake.told("ENV")} & {
                "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"}
    finally:
        os.close(host)
        os.close(terminal)


def test_a_display_that_is_gone_gives_way_to_the_terminal():
    for gone in ({"DISPLAY": ":4711"}, {"DISPLAY": ":x"}, {"DISPLAY": ""},
                 {"DISPLAY": "", "WAYLAND_DISPLAY": "/nowhere/wayland-0"}):
        # Without the bus: GNOME's pinentry would show a dialog on somebody's display.
        assert places(gone) == {"GPG_TTY"}, gone


def test_a_display_that_is_there_is_kept():
    with tempfile.TemporaryDirectory() as folder:
        for path, there in ((f"{folder}/wayland-0", {"DISPLAY": "", "WAYLAND_DISPLAY": f"{folder}/wayland-0"}),
                            ("\0/tmp/.X11-unix/X4712", {"DISPLAY": ":4712.0"})):
            with socket.socket(socket.AF_UNIX) as display:
                display.bind(path)
                display.listen()
                kept = {name for name, value in there.items() if value}
                assert places(there) == {"GPG_TTY", "DBUS_SESSION_BUS_ADDRESS", *kept}, there
    assert "DISPLAY" in places({"DISPLAY": "far.example:0"}), "one that cannot be looked at"


def test_it_goes_when_nobody_waits_for_the_answer():
    with Fake("hang") as fake:
        process = start(request(env=fake.env))
        pid = fake.wait_for("GETPIN")
        process.stdout.close()
        process.wait(timeout=20)
        process.stderr.close()
        assert not alive(pid)


def test_sigterm_gives_up_and_ends_the_pinentry():
    with Fake("hang") as fake:
        process = start(request(env=fake.env))
        pid = fake.wait_for("GETPIN")
        process.terminate()
        assert finish(process) == (CANCELLED, b"")
        assert not alive(pid)


def test_a_killed_prompt_takes_its_pinentry_along():
    with Fake("hang") as fake:
        process = start(request(env=fake.env))
        pid = fake.wait_for("GETPIN")
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        wait_until(lambda: not alive(pid), "the end of the pinentry")


def test_a_dialog_behind_a_wrapper_is_ended_too():
    with Fake("hang") as fake:
        wrapper = os.path.join(fake.dir, "wrapper")
        with open(wrapper, "w", encoding="ascii") as script:
            script.write("#!/bin/sh\n'%s'\nexit 0\n" % FAKE)
        os.chmod(wrapper, 0o755)
        process = start(request(pinentry=wrapper, env=fake.env))
        pid = fake.wait_for("GETPIN")
        process.terminate()
        assert finish(process)[0] == CANCELLED
        wait_until(lambda: not alive(pid), "the end of the pinentry")


def test_a_broken_request_gets_no_answer():
    whole = request()
    for body in (b"", whole[:-1], whole + b"\0", b"\x07" + whole[1:], b"\xff" * 200, whole + b"x" * 70000):
        process = subprocess.run([PROGRAM, "--talk", TALK], input=body, capture_output=True, env=CLEAN, check=False)
        assert process.returncode == 1 and process.stdout == b"", (body[:20], process)


def test_another_version_is_refused_unread():
    for words in (["--talk", "0"], ["--talk"], []):
        process = subprocess.run([PROGRAM, *words], input=request(), capture_output=True, env=CLEAN, check=False)
        assert process.returncode == 2 and process.stdout == b"", process
        assert (b"restart" in process.stderr) == (len(words) == 2), process


def smaps(pid):
    """[(start, end, flags)] of the readable mappings of a process, but a sanitizer's huge ones."""
    found, now = [], None
    with open("/proc/%d/smaps" % pid, encoding="utf-8", errors="replace") as file:
        for line in file:
            word = line.split()[0]
            if "-" in word and not word.endswith(":"):
                first, last = (int(x, 16) for x in word.split("-"))
                now = (first, last) if line.split()[1].startswith("r") else None
            elif word == "VmFlags:" and now and now[1] - now[0] < 1 << 30:
                found.append((*now, line.split()[1:]))
    return found


def sanitized():
    """AddressSanitizer makes mlock do nothing."""
    with open(PROGRAM, "rb") as program:
        return b"__asan_init" in program.read()


def test_the_pin_lies_in_locked_memory_alone():
    if os.geteuid() != 0:
        raise Skip("needs root to look into a process that is not dumpable")
    secret = "Zeisig-7731-Zaunkoenig"
    with Fake("reversed=%s,hang" % secret[::-1]) as fake:
        process = start(request(env=fake.env))
        fake.wait_for("GETPIN")
        hits = []

        def found():
            hits.clear()
            with open("/proc/%d/mem" % process.pid, "rb", buffering=0) as memory:
                for first, last, flags in smaps(process.pid):
                    try:
                        memory.seek(first)
                        data = memory.read(last - first)
                    except (OSError, OverflowError, ValueError):
                        continue
                    if secret.encode() in data:
                        hits.append((hex(first), flags))
            return hits

        wait_until(found, "the PIN in the prompt")
        wanted = {"dd"} if sanitized() else {"dd", "lo"}
        assert all(wanted <= set(flags) for _, flags in hits), hits
        process.terminate()
        assert finish(process) == (CANCELLED, b"")


def test_hygiene():
    with Fake("hang") as fake:
        process = start(request(env=fake.env))
        fake.wait_for("GETPIN")
        with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
            status = file.read()
        with open("/proc/%d/limits" % process.pid, encoding="ascii") as file:
            core = [l for l in file if l.startswith("Max core file size")][0].split()
        assert "NoNewPrivs:\t1" in status, status
        assert core[4:6] == ["0", "0"], core
        assert os.getpgid(process.pid) == process.pid, "it ends its group, which must not be ours"
        process.terminate()
        finish(process)


class Terminal:
    """A pseudo-terminal with somebody before it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.name = os.ttyname(self.slave)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.master)
        os.close(self.slave)

    def wait_for(self, text):
        end = time.monotonic() + 20
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("the terminal never showed %r: %r" % (text, self.seen))
            self.seen += os.read(self.master, 4096)

    def type(self, text):
        os.write(self.master, text)


def real(name, keys, timeout=20, kind=PIN, until=b"PIN:"):
    path = "/usr/bin/pinentry-" + name
    if not os.access(path, os.X_OK):
        raise Skip("no " + path)
    with Terminal() as terminal:
        env = {"GPG_TTY": terminal.name, "TERM": "xterm", "LANG": "C.UTF-8"}
        process = start(request(pinentry=path, token="corp-é", program="curl", timeout=timeout, env=env,
                                kind=kind))
        terminal.wait_for("corp-é".encode())
        terminal.wait_for(until)
        if keys:
            terminal.type(keys)
        result = finish(process)
        assert b"2468" not in terminal.seen, "the PIN was shown"
        return result


def test_pinentry_curses():
    assert real("curses", b"2468\r") == (OK, b"2468")
    assert real("curses", b"\t\t\r") == (CANCELLED, b"")
    assert real("curses", b"", timeout=1) == (TIMED_OUT, b"")
    for keys, verdict in ((b"\r", OK), (b"\t\r", FOR_SESSION), (b"\t\t\r", CANCELLED)):
        assert real("curses", keys, kind=CONSENT, until=b"<No>") == (verdict, b""), keys
    assert real("curses", b"", timeout=1, kind=CONSENT, until=b"<No>") == (TIMED_OUT, b"")


def test_pinentry_tty():
    assert real("tty", b"2468\n") == (OK, b"2468")
    assert real("tty", b"\x04") == (CANCELLED, b"")
    assert real("tty", b"", timeout=1) == (TIMED_OUT, b"")
    for keys, verdict in ((b"o", OK), (b"s", FOR_SESSION), (b"n", CANCELLED)):
        assert real("tty", keys, kind=CONSENT, until=b"[ons]?") == (verdict, b""), keys


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    tests = [(n, f) for n, f in sorted(globals().items()) if n.startswith("test_")]
    print("1..%d" % len(tests))
    for i, (name, function) in enumerate(tests, 1):
        try:
            function()
            print("ok %d - %s" % (i, name))
        except Skip as skip:
            print("ok %d - %s # SKIP %s" % (i, name, skip))
        except Exception:  # a test that fails must not hide the others
            print("not ok %d - %s" % (i, name))
            print("# " + traceback.format_exc().strip().replace("\n", "\n# "))
        sys.stdout.flush()


main()
