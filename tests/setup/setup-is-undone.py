#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`countersign setup`: each target twice, undone to the byte, and nothing of the user's is touched."""
import json
import os
import pty
import re
import subprocess

import namespace
import place
import programs
from fixture import Fixture
from tap import Skip, Tap, skip_all

TARGETS = ["openssl", "session", "curl", "git", "wget", "python", "node", "nginx", "psql", "chromium",
           "firefox", "thunderbird", "openconnect", "p11-kit", "java", "openvpn", "ssh"]
BOM = b"\xef\xbb\xbf"
GROUND = ["session", "openssl", "p11-kit"]  # what other targets stand on
NSS = """library=
name=NSS Internal PKCS #11 Module
parameters=configdir='sql:/somewhere' certPrefix='' keyPrefix='' secmod='secmod.db'
NSS=Flags=internal,critical trustOrder=75 cipherOrder=100

library=/usr/lib/other.so
name=Other

"""
# path: content, of a user who has lived here for years.
FOREIGN = {
    ".curlrc": "# mine\nsilent\nuser-agent = \"me\"",  # without an end of the last line
    "dotfiles/gitconfig": "\ufeff[user]\n\tname = Alice\n[http]\n\tproxy = http://proxy\n",
    ".wgetrc": "\n\ntimeout = 10\n",
    ".ssh/config": "Host *\n  User alice\n",
    ".pki/nssdb/pkcs11.txt": NSS,
    ".mozilla/firefox/abc.default/pkcs11.txt": NSS,
    ".mozilla/firefox/new.profile/prefs.js": "",
    ".mozilla/firefox/profiles.ini": "[Install4F96]\nDefault=abc.default\n\n"
                                     "[Profile0]\nName=default\nIsRelative=1\nPath=abc.default\n\n"
                                     "[Profile1]\nName=gone\nIsRelative=1\nPath=gone\n\n"
                                     "[Profile2]\nName=new\nPath=new.profile\n",
    ".thunderbird/profiles.ini": "[Profile0]\nName=default\nIsRelative=1\nPath=abc.default\n",
    ".thunderbird/abc.default/pkcs11.txt": NSS,
    ".config/countersign/agent.conf": "[agent]\nprompt = never\n",
    "my-openssl.cnf": "openssl_conf = mine\n[mine]\nssl_conf = tls\n[tls]\nsystem_default = mild\n"
                      "[mild]\nMinProtocol = TLSv1.2\n",
}


def move_in(f):
    for name, content in FOREIGN.items():
        path = f.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (f.home / ".gitconfig").symlink_to("dotfiles/gitconfig")
    (f.home / "dotfiles/gitconfig").chmod(0o640)
    (f.home / ".curlrc").chmod(0o604)


def each_target(tap, f, here):
    for target in TARGETS:
        before = place.snapshot(f.home)
        with tap.case(f"{target}: --dry-run shows and changes nothing"):
            seen = here.run("setup", target, "--dry-run", check=True)
            assert re.search(r"^    \+ ", seen.stdout, re.M) and "--dry-run" in seen.stdout, seen
            assert place.snapshot(f.home) == before
        with tap.case(f"{target}: with no terminal it asks for --yes, and changes nothing"):
            seen = here.run("setup", target)
            assert seen.returncode == 1 and "--yes" in seen.stderr and "no terminal" in seen.stderr, seen
            assert place.snapshot(f.home) == before
        with tap.case(f"{target}: what was there stays, with its mode"):
            here.run("setup", target, "--yes", check=True)
            after = place.snapshot(f.home)
            assert after != before
            for name, (kind, mode, content) in before.items():
                assert after[name][:2] == (kind, mode), name
                kept = content == after[name][2]
                if isinstance(content, bytes):
                    kept = content.removeprefix(BOM) in after[name][2]
                assert kept, name
        with tap.case(f"{target}: the agent understands what is among its settings"):
            f.run([here.part("countersign-agent"), "--check"], check=True)
        with tap.case(f"{target}: again changes nothing"):
            seen = here.run("setup", target, "--yes", check=True)
            assert "Nothing is to be changed" in seen.stdout, seen
            assert place.snapshot(f.home) == after
        with tap.case(f"{target}: --undo takes back what was written, to the byte"):
            words = list(dict.fromkeys([target, *GROUND]))
            here.run("setup", *words, "--undo", "--dry-run", check=True)
            assert place.snapshot(f.home) == after
            here.run("setup", *words, "--undo", "--yes", check=True)
            assert place.snapshot(f.home) == before, difference(before, place.snapshot(f.home))
            seen = here.run("setup", *words, "--undo", "--yes", check=True)
            assert "Nothing is to be undone" in seen.stdout, seen


def difference(before, after):
    return {name: (before.get(name), after.get(name)) for name in {*before, *after}
            if before.get(name) != after.get(name)}


def all_at_once(tap, f, here):
    before = place.snapshot(f.home)
    with tap.case("all targets at once, and back without an agent"):
        here.run("setup", *TARGETS, "--yes", check=True)
        here.run("setup", *TARGETS, "--undo", "--yes", check=True,
                 environment={"COUNTERSIGN_SOCKET": str(f.path("none"))})
        assert place.snapshot(f.home) == before, difference(before, place.snapshot(f.home))
    with tap.case("what other targets stand on is not taken from under them"):
        here.run("setup", "curl", "--yes", check=True)
        seen = here.run("setup", "openssl", "--undo", "--yes")
        assert seen.returncode == 1 and "stands on openssl" in seen.stderr, seen
        here.run("setup", "curl", "session", "openssl", "--undo", "--yes", check=True)
        assert place.snapshot(f.home) == before


def empty_home(tap, f, here):
    fresh = f.path("fresh")
    (fresh / ".config").mkdir(parents=True)
    (fresh / ".local/share").mkdir(parents=True)
    where = {"HOME": str(fresh), "XDG_CONFIG_HOME": str(fresh / ".config")}
    before = place.snapshot(fresh)
    targets = [target for target in TARGETS if target not in ("firefox", "thunderbird")]  # no profile yet
    with tap.case("in a home where nothing is: all of it comes, and goes"):
        here.run("setup", *targets, "--yes", environment=where, check=True)
        assert (fresh / ".local/share/pki/nssdb/pkcs11.txt").exists()
        assert (fresh / ".curlrc").stat().st_mode & 0o777 == 0o600
        here.run("setup", *targets, "--undo", "--yes", environment=where, check=True)
        after = place.snapshot(fresh)
        assert after == before, difference(before, after)
    with tap.case("Firefox without a profile is told to be started"):
        seen = here.run("setup", "firefox", "--dry-run", environment=where, check=True)
        assert "start it once" in " ".join(seen.stdout.split()), seen
    with tap.case("a Flatpak and a snap are told what they can do"):
        for name in (".var/app/org.chromium.Chromium", "snap/chromium"):
            (fresh / name).mkdir(parents=True)
        said = " ".join(here.run("setup", "chromium", "--dry-run", environment=where, check=True).stdout.split())
        assert "flatpak override --user --filesystem=host-os" in said and "snap" in said, said
    with tap.case("somebody else's home is left alone"):
        if os.geteuid() == 0:
            os.chown(fresh, 65534, 65534)
        others = fresh if os.geteuid() == 0 else "/"
        seen = here.run("setup", "openssl", "--yes", environment={**where, "HOME": str(others)})
        assert seen.returncode == 1 and "another user" in seen.stderr, seen


def refuses(tap, f, here):
    curlrc = f.home / ".curlrc"
    original = curlrc.read_text()

    def refused(target, words, *more):
        before = place.snapshot(f.home)
        seen = here.run("setup", target, "--yes", *more)
        assert seen.returncode == 1 and place.snapshot(f.home) == before, seen
        assert seen.stderr.count("\n") == 1 and all(word in seen.stderr for word in words), seen

    with tap.case("a read-only file: one sentence, and nothing else is written either"):
        mode = curlrc.stat().st_mode
        curlrc.chmod(0o444)
        refused("curl", [str(curlrc), "read-only", "chmod u+w"])
        curlrc.chmod(mode)
    with tap.case("a setting of the user's own is named, with its line"):
        curlrc.write_text("# mine\n--cert = other.pem\n")
        refused("curl", [f"{curlrc}:2", "'cert'"])
        curlrc.write_text(original)
    with tap.case("a symbolic link that leads nowhere"):
        curlrc.unlink()
        curlrc.symlink_to("nowhere")
        refused("curl", ["symbolic link"])
        curlrc.unlink()
        curlrc.write_text(original)
    with tap.case("a file of somebody else's where ours belongs"):
        foreign = f.home / ".config/countersign/openssl.cnf"
        foreign.write_text("# theirs\n")
        refused("openssl", [str(foreign), "did not write it"])
        here.run("setup", "openssl", "--undo", "--yes", check=True)
        assert foreign.read_text() == "# theirs\n"
        foreign.unlink()
    here.run("setup", "curl", "--yes", check=True)
    for what, change in {
        "a change in our lines is told, and not lost": lambda text: text.replace(".pem", ".changed"),
        "lines of ours that never end": lambda text: text.replace("# <<<", "# <"),
    }.items():
        with tap.case(what):
            written = curlrc.read_text()
            curlrc.write_text(change(written))
            refused("curl", [f"{curlrc}:1"])
            refused("curl", [f"{curlrc}:1"], "--undo")
            curlrc.write_text(written)
    with tap.case("a change in a file of ours, too"):
        conf = f.home / ".config/countersign/openssl.cnf"
        written = conf.read_text()
        conf.write_text(written + "# and mine\n")
        refused("openssl", [str(conf), "changed"])
        conf.write_text(written)
    with tap.case("what the user adds around our lines stays when they go"):
        curlrc.write_text("verbose\n" + curlrc.read_text() + "\nlocation\n")
        here.run("setup", "curl", "session", "openssl", "--undo", "--yes", check=True)
        assert curlrc.read_text() == "verbose\n" + original + "\nlocation\n"
        curlrc.write_text(original)
    with tap.case("a module of the same name that is not ours"):
        listed = f.home / ".pki/nssdb/pkcs11.txt"
        listed.write_text(NSS.replace("Other", "Countersign"))
        refused("chromium", [str(listed), "not ours"])
        listed.write_text(NSS)
    with tap.case("bad words"):
        for words in (["nonsense"], [], ["git", "--host", "a/b"], ["firefox", "--policies", "relative"]):
            assert here.run("setup", *words).returncode == 2, words
    with tap.case("an option that the target does not know is not passed over"):
        for words in (["curl", "--host", "a"], ["firefox", "curl", "--system"], ["p11-kit", "--policies", "/x"]):
            seen = here.run("setup", *words, "--yes")
            assert seen.returncode == 2 and words[-1 if words[-1] == "--system" else -2] in seen.stderr, seen
        seen = here.run("setup", "p11-kit", "--preload", "--yes")
        assert seen.returncode == 1 and "--preload is for session" in seen.stderr, seen
    with tap.case("a key that is not there"):
        seen = here.run("setup", "curl", "--identity", "nobody", "--yes")
        assert seen.returncode == 4 and "nobody" in seen.stderr, seen


def moves(tap, f, here):
    """Files that programs read, when there are several, and when another is read later."""
    before = place.snapshot(f.home)
    folder = f.home / "elsewhere"
    for target, name, variable, value in (("curl", "home/.config/.curlrc", None, None),
                                          ("curl", "home/.config/curlrc", None, None),
                                          ("curl", ".curlrc", "CURL_HOME", folder),
                                          ("git", "gitconfig", "GIT_CONFIG_GLOBAL", folder / "gitconfig"),
                                          ("wget", "wgetrc", "WGETRC", folder / "wgetrc")):
        with tap.case(f"{target}: what was written is taken back, though {variable or name} came since"):
            here.run("setup", target, "--yes", check=True)
            path = folder / name if variable else f.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
            seen = here.run("setup", target, "--undo", "--yes", check=True,
                            environment={variable: str(value)} if variable else {})
            assert "Still set up, for other programs: " in seen.stdout, seen
            path.unlink()
            here.run("setup", *GROUND, "--undo", "--yes", check=True)
            folder.exists() and folder.rmdir()
            assert place.snapshot(f.home) == before
    with tap.case("the file that curl reads is the one that is written"):
        if programs.find("curl") is None:
            raise Skip("curl is not installed")
        for without in ([], ["-u", "XDG_CONFIG_HOME"]):
            for path in (f.home / ".config/.curlrc", f.home / ".config/curlrc"):
                path.write_text(f'write-out = "{path}"\n')
                reads = f.run(["env", *without, "curl", "-s", "file:///dev/null"]).stdout
                seen = f.run(["env", *without, here.cli, "setup", "curl", "--dry-run"], check=True)
                shown = [f"{f.home}{name}" for name in re.findall(r"^  ~(/\S*curlrc)", seen.stdout, re.M)]
                # The user's ~/.curlrc says nothing.
                assert (reads or f"{f.home}/.curlrc") in shown, (reads, shown)
                assert len(shown) <= 2, shown
                path.unlink()
    with tap.case("who else may read a file, or may not, stays so"):
        # alice may, its group may not: without the list, the mode alone would let the group in.
        listed = bytes.fromhex("02000000" "01000600ffffffff" "02000400e8030000" "04000000ffffffff"
                               "10000400ffffffff" "20000000ffffffff")
        path = f.home / ".curlrc"
        original, mode = path.read_text(), path.stat().st_mode
        try:
            os.setxattr(path, "system.posix_acl_access", listed)
            os.setxattr(path, "user.mine", b"1")
        except OSError as error:
            raise Skip(f"this file system has no lists: {error}") from None
        here.run("setup", "curl", "--yes", check=True)
        assert os.getxattr(path, "system.posix_acl_access") == listed and os.getxattr(path, "user.mine") == b"1"
        here.run("setup", "curl", *GROUND, "--undo", "--yes", check=True)
        assert os.getxattr(path, "system.posix_acl_access") == listed
        path.unlink()
        path.write_text(original)
        path.chmod(mode)
        assert place.snapshot(f.home) == before


def for_everybody(tap, f, here):
    with tap.case("--system: for every user, also with a umask that keeps to itself; and back"):
        if namespace.lacking():
            raise Skip(f"there is no {namespace.lacking()}")
        etc = f.path("etc")
        etc.mkdir()

        def run(*words):
            return f.run([*namespace.words({"/etc": etc}), "sh", "-c", 'umask 077; exec "$@"', "sh",
                          here.cli, "setup", "firefox", "p11-kit", "--system", *words], check=True)
        assert "2 files changed" in run("--yes").stdout
        there = place.snapshot(etc)
        assert {"firefox/policies/policies.json", "pkcs11/modules/countersign.module"} <= set(there), there
        for path, (_, mode, content) in there.items():
            assert mode == (0o755 if content is None else 0o644), (path, oct(mode))
        assert "Nothing is to be changed" in run("--yes").stdout
        run("--undo", "--yes")
        assert place.snapshot(etc) == {}


def asks(tap, f, here):
    def answer(text):
        """At a terminal."""
        master, slave = pty.openpty()
        os.write(master, text.encode())
        try:
            return subprocess.run([here.cli, "setup", "openssl"], stdin=slave, stderr=slave, env=f.environment,
                                  stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        finally:
            os.close(master)
            os.close(slave)

    before = place.snapshot(f.home)
    for text in ("n\n", "\n", "\x04", "maybe\n"):
        with tap.case(f"at a terminal it asks, and {text!r} is no"):
            seen = answer(text)
            assert seen.returncode == 6 and "Nothing was changed" in seen.stdout, seen
            assert place.snapshot(f.home) == before
    with tap.case("and y is yes"):
        seen = answer("y\n")
        assert seen.returncode == 0 and "1 file changed" in seen.stdout, seen
        here.run("setup", "openssl", "--undo", "--yes", check=True)
        assert place.snapshot(f.home) == before


def all_or_nothing(tap, f, here):
    before = place.snapshot(f.home)
    with tap.case("a write that fails in the middle: what was written is taken back"):
        # A kilobyte a file is enough for two of the files, and not for the third.
        seen = f.run(["bash", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "bash", here.cli, "setup", "curl", "--yes"])
        assert seen.returncode == 1 and "cannot write" in seen.stderr and "File too large" in seen.stderr, seen
        assert place.snapshot(f.home) == before, difference(before, place.snapshot(f.home))
    with tap.case("a file where a folder is to be"):
        (f.home / ".config/environment.d").write_text("")
        seen = here.run("setup", "session", "--yes")
        assert seen.returncode == 1 and "environment.d" in seen.stderr and seen.stderr.count("\n") == 1, seen
        (f.home / ".config/environment.d").unlink()
        assert place.snapshot(f.home) == before, difference(before, place.snapshot(f.home))


def policies(tap, f, here):
    path = f.path("policies/policies.json")
    path.parent.mkdir()
    words = ["setup", "firefox", "--policies", path]
    samples = programs.SOURCE / "contrib/policies"
    with tap.case("the samples of policies are what the browsers read"):
        for entry in json.loads((samples / "chromium-policy.json").read_text())["AutoSelectCertificateForUrls"]:
            assert set(json.loads(entry)) == {"pattern", "filter"}, entry
        sample = json.loads((samples / "firefox-policies.json.in").read_text())
        assert "Countersign" in sample["policies"]["SecurityDevices"]["Add"], sample
    theirs = '{"policies": {\n  "DisableTelemetry":true, "SecurityDevices": {"Add": {"Card": "/usr/lib/card.so"}}}}'
    for what, content in {"none yet": None, "with a module": theirs, "with others alone": '{"policies":{}}\n'}.items():
        with tap.case(f"policies.json, {what}: merged, and as before after --undo"):
            if content is not None:
                path.write_text(content)
            here.run(*words, "--yes", check=True)
            written = json.loads(path.read_text())
            added = written["policies"]["SecurityDevices"]["Add"]
            assert added.pop("Countersign") == str(here.part("pkcs11.so")), written
            assert (content == theirs) == (written == json.loads(theirs)), written
            assert path.stat().st_mode & 0o777 == 0o644
            assert "Nothing is to be changed" in here.run(*words, "--yes", check=True).stdout
            here.run(*words, "--undo", "--yes", check=True)
            left = {entry.name: entry.read_text() for entry in path.parent.iterdir()} if path.parent.exists() else {}
            assert left == ({} if content is None else {"policies.json": content}), left
            path.parent.mkdir(exist_ok=True)
    with tap.case("policies.json that the administrator changed since: only ours goes"):
        path.write_text(theirs)
        here.run(*words, "--yes", check=True)
        path.write_text(path.read_text().replace("DisableTelemetry", "DisablePocket"))
        here.run(*words, "--undo", "--yes", check=True)
        assert json.loads(path.read_text()) == json.loads(theirs.replace("DisableTelemetry", "DisablePocket"))
    with tap.case("policies.json that is no JSON: file and line"):
        path.write_text('{"policies":\n {"a": 1,,}}')
        seen = here.run(*words, "--yes")
        assert seen.returncode == 1 and f"{path}:2:" in seen.stderr, seen


def forms(tap, f, here):
    with tap.case("the user's own OPENSSL_CONF is included, and kept when set up again from within"):
        mine = f.home / "my-openssl.cnf"
        relative = str(mine.relative_to(f.folder))  # where it runs
        here.run("setup", "openssl", "--yes", environment={"OPENSSL_CONF": relative}, check=True)
        conf = f.home / ".config/countersign/openssl.cnf"
        assert f".include {mine}\n" in conf.read_text(), conf.read_text()
        seen = here.run("setup", "openssl", "--yes", environment={"OPENSSL_CONF": str(conf)}, check=True)
        assert "Nothing is to be changed" in seen.stdout, seen
        here.run("setup", "openssl", "--undo", "--yes", check=True)
    with tap.case("--host: git for that server alone, as git itself reads it"):
        here.run("setup", "git", "--host", "git.corp.example", "--yes", check=True)
        for url, there in {"https://git.corp.example/x": True, "https://other.example/": False}.items():
            seen = f.run(["git", "config", "--get-urlmatch", "http.sslCert", url])
            assert bool(seen.stdout.strip()) == there, seen
        assert f.run(["git", "config", "user.name"]).stdout == "Alice\n"
        here.run("setup", "git", *GROUND, "--undo", "--yes", check=True)
    with tap.case("--preload joins what is preloaded already"):
        seen = here.run("setup", "session", "--preload", "--dry-run", check=True)
        assert "+ LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}" + str(here.part("preload.so")) in seen.stdout, seen
    with tap.case("a part that is missing is named"):
        here.part("pkcs11.so").unlink()
        seen = here.run("setup", "chromium", "--dry-run")
        assert seen.returncode == 1 and "countersign-pkcs11.so is not there" in seen.stderr, seen


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "git")
    if lacking:
        skip_all(f"{lacking} is not installed")
    tap = Tap()
    with Fixture() as f:
        tap.diagnose = f.diagnose
        ca, token = f.authority("Office"), f.token("corp")
        token.identity(ca, "p256", "alice")
        agent = f.agent()
        here = place.Place(f)
        move_in(f)
        agent.cli("status", check=True)  # its start is on record, which is in this home
        each_target(tap, f, here)
        all_at_once(tap, f, here)
        refuses(tap, f, here)
        moves(tap, f, here)
        for_everybody(tap, f, here)
        asks(tap, f, here)
        all_or_nothing(tap, f, here)
        policies(tap, f, here)
        with tap.case("several keys: which, must be said"):
            bob = token.identity(ca, "p256", "bob")
            agent.cli("refresh", check=True)
            seen = here.run("setup", "curl", "--dry-run")
            assert seen.returncode == 4 and "'alice', 'bob'" in seen.stderr and "--identity" in seen.stderr, seen
            here.run("setup", "curl", "--identity", "bob", "--dry-run", check=True)
            token.delete("privkey", bob.id)
            token.delete("cert", bob.id)
            agent.cli("refresh", check=True)
        empty_home(tap, f, here)
        forms(tap, f, here)
    tap.done()


main()
