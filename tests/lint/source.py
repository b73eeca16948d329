# SPDX-License-Identifier: Apache-2.0
"""The habits of the house that a program can check, each a test of its own."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import tap

SOURCE = pathlib.Path(os.environ["CS_SOURCE"])
BUILD = pathlib.Path(os.environ["CS_BUILD"])
CC = shlex.split(os.environ["CS_CC"])
CLANG_FORMAT = "14"  # other releases set some lines in another way
LINES_MAX = 800


def source_files():
    """What belongs to the project: what git knows, else all but build directories."""
    listed = subprocess.run(["git", "-c", f"safe.directory={SOURCE}", "-C", SOURCE, "ls-files", "-z",
                             "--cached", "--others", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")[:-1]
    else:
        names = [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*")]
    names = [name for name in names if not re.match(r"build|\.git/", name)]
    return sorted(path for path in map(pathlib.Path, names) if (SOURCE / path).is_file())


FILES = source_files()
C_FILES = [path for path in FILES if path.suffix == ".c"]
HEADERS = [path for path in FILES if path.suffix == ".h"]
MAN_PAGES = [path for path in FILES if re.fullmatch(r"\.[1-8]", path.suffix)]


def content(path):
    return (SOURCE / path).read_bytes()


def text(path):
    return content(path).decode("utf-8", errors="replace")


SCRIPTS = [path for path in FILES if content(path).startswith(b"#!")]
SHELL = [path for path in SCRIPTS if re.match(r"#!.*\b(ba)?sh\b", text(path)[:40])] + [
    path for path in FILES if path.suffix == ".sh" and path not in SCRIPTS]
SEEDS = pathlib.Path("tests/fuzz/seeds")


def run(*command, stdin=None):
    """Fails with what the command said."""
    done = subprocess.run(list(map(str, command)), cwd=SOURCE, input=stdin, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


def need(program):
    if not shutil.which(program):
        raise tap.Skip(f"{program} is not installed")


def nothing(bad):
    bad = list(map(str, bad))
    assert not bad, "\n".join(bad)


def formatted():
    need("clang-format")
    version = run("clang-format", "--version")
    if not re.search(rf"version {CLANG_FORMAT}\.", version):
        raise tap.Skip(f"the format is that of clang-format {CLANG_FORMAT}, here is {version.strip()}")
    run("clang-format", "--dry-run", "--Werror", *C_FILES, *HEADERS)


def shell_scripts_pass_shellcheck():
    need("shellcheck")
    run("shellcheck", "-x", *SHELL)


def python_compiles():
    for path in FILES:
        if path.suffix == ".py":
            compile(text(path), str(path), "exec")


def headers_compile_alone():
    packages = [name for name in ("p11-kit-1", "libcrypto", "libp11", "libuv", "json-c", "libassuan", "dbus-1")
                if subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0]
    flags = run("pkg-config", "--cflags", *packages).split()
    generated = {f"-I{path.parent}" for path in BUILD.rglob("*.h") if "meson-private" not in path.parts}
    bad = []
    for header in HEADERS:
        try:
            run(*CC, "-std=gnu11", "-D_GNU_SOURCE", '-DCS_VERSION=""', "-Wall", "-Wextra", "-Werror", *flags,
                "-Iinclude", "-Iclient", "-Iagent", *generated, "-fsyntax-only", "-x", "c", "-",
                stdin=f'#include "{SOURCE / header}"\nint only_so_that_there_is_something;\n')
        except AssertionError as error:
            bad.append(f"{header}: {error}")
    nothing(bad)


def own_header_comes_first():
    bad = []
    for path in C_FILES:
        header = path.with_suffix(".h")
        first = re.search(r'^\s*#\s*include\s+["<]([^">]+)', text(path), re.M)
        if header in HEADERS and first and not str(header).endswith(first[1]):
            bad.append(f"{path}: {first[1]} comes before {header.name}")
    nothing(bad)


def clients_include_nothing_of_the_agent():
    bad = []
    for path in C_FILES + HEADERS:
        if path.parts[0] == "client":
            for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text(path), re.M):
                if not any((SOURCE / top / name).exists() for top in ("client", path.parent)):
                    bad.append(f"{path}: {name}")
    nothing(bad)


def clients_raise_no_signal_and_leave_no_socket_open():
    """They live in other people's programs. A send to who has gone is SIGPIPE; what is not closed at exec
    is with every program that they start."""
    wanted = {r"\bsend(?:to|msg)?\(": "MSG_NOSIGNAL", r"\bsocket\(AF_": "SOCK_CLOEXEC", r"\bF_DUPFD\b": "F_DUPFD_CLOEXEC"}
    calls = 0
    bad = []
    for path in (path for path in C_FILES if path.parts[0] == "client"):
        for call, flag in wanted.items():
            for found in re.finditer(call, text(path)):
                statement = text(path)[found.start():].split(";")[0]
                calls += 1
                bad += [] if flag in statement else [f"{path}: {' '.join(statement.split())}"]
    assert calls > 3, "no call was found"
    nothing(bad)


def libraries_of_clients_use_secure_getenv():
    """A program that is set-uid believes nothing that its user has put into the environment."""
    libraries = [path for path in C_FILES if path.parts[0] == "client" and path.parts[1] != "cli"]
    assert any("secure_getenv(" in text(path) for path in libraries), "nobody asks"
    nothing(path for path in libraries if re.search(r"\bgetenv\(", text(path)))


def licence_is_named_at_the_top():
    code = C_FILES + HEADERS + SCRIPTS + [path for path in FILES if path.suffix in (".py", ".sh")]
    nothing(path for path in code
            if b"SPDX-License-Identifier: Apache-2.0" not in b"".join(content(path).splitlines()[:3]))


def tests_build_with_cmocka_2():
    """1.1 says nothing of what 2 deprecates and of the name that it takes."""
    words = re.compile(r"\bassert_(?:not_)?in_(?:range|set)\b|^static .*\bstop\(", re.M)
    nothing(f"{path}: {found}" for path in C_FILES if path.parts[0] == "tests"
            for found in words.findall(text(path)))


def files_are_short():
    nothing(f"{path}: {n} lines" for path, n in ((path, text(path).count("\n")) for path in C_FILES)
            if n > LINES_MAX)


def lines_end_cleanly():
    bad = []
    for path in FILES:
        data = content(path)
        if SEEDS in path.parents or b"\0" in data:
            continue
        bad += [f"{path}:{n}: white space at the end" for n, line in enumerate(data.split(b"\n"), 1)
                if line != line.rstrip() and path.suffix != ".md"]
        if data and not data.endswith(b"\n"):
            bad.append(f"{path}: the last line has no end")
    nothing(bad)


def man_pages_are_clean():
    need("mandoc")
    if not MAN_PAGES:
        raise tap.Skip("there are none")
    for page in MAN_PAGES:
        run("mandoc", "-T", "lint", "-W", "warning", page)


def no_path_of_this_machine():
    """Neither this checkout's, nor that of a directory only this machine has, nor of a home."""
    ordinary = {"bin", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "nix", "opt", "proc", "root",
                "run", "sbin", "srv", "sys", "tmp", "usr", "var"}
    patterns = [re.escape(str(SOURCE)) + r"\b", r"/home/(?!USER|you|alice)[a-z]\w*/", r"/root/\w"]
    if SOURCE.parts[1] not in ordinary:
        patterns.append(rf"(?<![\w.}}$])/{re.escape(SOURCE.parts[1])}/")
    pattern = re.compile("|".join(patterns).encode())
    bad = []
    for path in FILES:
        bad += [f"{path}: {match[0].decode()}" for match in pattern.finditer(content(path))
                if path != pathlib.Path("tests/lint/source.py")]
    nothing(bad)


def scripts_can_be_run():
    nothing(path for path in SCRIPTS if path.parts[0] != "tests" and not os.access(SOURCE / path, os.X_OK))


def protocol_numbers_stand_in_its_description():
    header = text(pathlib.Path("include/countersign/protocol.h"))
    words = text(pathlib.Path("include/countersign/PROTOCOL.md"))
    messages = re.findall(r"CS_MSG_(\w+) = (0x[0-9a-f]+)", header)
    assert messages
    nothing(f"{name} {number}" for name, number in messages
            if name != "REPLY" and not re.search(rf"\b{name} {number}\b", words))
    errors = re.findall(r"CS_ERR_(\w+) =\s*-(\d+)", text(pathlib.Path("include/countersign/error.h")))
    assert errors
    nothing(f"{number} {name}" for name, number in errors
            if not re.search(rf"\| {number} \| {name} \|", words))


def every_promise_of_the_threat_model_has_its_test():
    known = {test["name"] for test in json.loads((BUILD / "meson-info/intro-tests.json").read_text())}
    rows = re.findall(r"^\| [^|]+ \| ([^|]*`[^|]*) \|$", text(pathlib.Path("contrib/threat-model.md")), re.M)
    named = {name for row in rows for name in re.findall(r"`([a-z][a-z0-9-]+)`", row)}
    assert len(named) > 20, "the table was not understood"
    nothing(sorted(named - known))


def main():
    checks = tap.Tap()
    for check in (formatted, shell_scripts_pass_shellcheck, python_compiles, headers_compile_alone,
                  own_header_comes_first, clients_include_nothing_of_the_agent,
                  clients_raise_no_signal_and_leave_no_socket_open, libraries_of_clients_use_secure_getenv,
                  licence_is_named_at_the_top, tests_build_with_cmocka_2, files_are_short, lines_end_cleanly, man_pages_are_clean,
                  no_path_of_this_machine, scripts_can_be_run, protocol_numbers_stand_in_its_description,
                  every_promise_of_the_threat_model_has_its_test):
        with checks.case(check.__name__.replace("_", " ")):
            check()
    checks.done()


main()
