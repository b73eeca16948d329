#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""psql, and with it every program on libpq, against a PostgreSQL that demands a certificate."""
import glob
import os
import shutil
import socket
import time

import programs
from stage import Stage
from table import Cannot
from tap import skip_all

PATIENCE = 60  # seconds for anything that should take none
WHO = "select version, client_dn from pg_stat_ssl where pid = pg_backend_pid()"
SETTINGS = """
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
ssl_ca_file = '{folder}/people.pem'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
"""


def newest():
    """The folder of the newest PostgreSQL's programs, or None."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    return os.path.dirname(max(found, key=lambda path: float(path.split("/")[4]))) if found else None


class Postgres:
    """A PostgreSQL of the test's own. It refuses to run as root, so then it is somebody else's."""

    def __init__(self, stage, folder):
        self.stage, self.bin = stage, folder
        self.user = "nobody" if os.geteuid() == 0 else None
        self.data = stage.path("postgres")
        self.data.mkdir()
        if self.user:
            stage.folder.chmod(0o711)
            shutil.chown(self.data, self.user)
        stage.run([f"{folder}/initdb", "-D", self.data / "db", "-U", "alice", "-A", "trust", "-N"],
                  check=True, **self._as())
        self._configure()
        self._start()

    def _as(self):
        return {"user": self.user, "environment": {"HOME": str(self.data), "TMPDIR": str(self.data)}}

    def _configure(self):
        certificate, key = self.stage.office.issue_server("postgres")
        people = "".join(ca.certificate.read_text() for ca in self.stage.authorities.values())
        for name, text in (("server.pem", certificate.read_text()), ("server.key", key.read_text()),
                           ("people.pem", people)):
            path = self.data / name
            path.touch(mode=0o600)
            path.write_text(text)
            if self.user:
                shutil.chown(path, self.user)
        self.stage.key_files.add(self.data / "server.key")
        with open(self.data / "db/postgresql.conf", "a") as conf:
            conf.write(SETTINGS.format(folder=self.data))
        (self.data / "db/pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n")

    def _start(self):
        """PostgreSQL takes no socket from us, so a port may be gone by the time it wants it."""
        for _ in range(5):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
            process = self.stage.start([f"{self.bin}/postgres", "-D", self.data / "db", "-p", str(self.port)],
                                       self.data / "log", **self._as())
            if self._answers(process):
                return
        raise RuntimeError(self.log())

    def _answers(self, process):
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            ready = self.stage.run([f"{self.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)])
            if ready.returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def log(self):
        return (self.data / "log").read_text()


def conninfo(stage, postgres, cert, key):
    given = f"sslcert='{cert}' sslkey='{key}'" if cert else ""
    return (f"host=localhost hostaddr=127.0.0.1 port={postgres.port} user=alice dbname=postgres "
            f"sslmode=verify-full sslrootcert='{stage.office.certificate}' {given}")


def judge(row, seen):
    row.ended(seen)
    version, _, dn = seen.stdout.strip().partition("|")
    row.saw(",".join(reversed(dn.strip("/").split("/"))), version)


def rows(stage, postgres, key):
    def argv(cert, private):
        return ["psql", "-X", "-A", "-t", "-d", conninfo(stage, postgres, cert, private), "-c", WHO]
    reference = stage.reference_of(key)
    with stage.table.row("psql and libpq", "PEM", key) as row:
        judge(row, stage.told(argv(reference, reference)))
    with stage.table.row("psql and libpq", "URI", key) as row:
        seen = stage.told(argv(reference, key.uri))
        if seen.returncode:
            raise Cannot("takes what has a colon for an engine's")
        judge(row, seen)
    with stage.table.row("psql and libpq", "run", key) as row:
        judge(row, stage.told_nothing(argv(None, None), identity=key.label))


def main():
    folder = newest()
    if folder is None or programs.find("psql") is None:
        skip_all("PostgreSQL is not installed")
    with Stage("psql") as stage:
        postgres = Postgres(stage, folder)
        stage.table.tap.diagnose = lambda: stage.diagnose() + postgres.log()
        with stage.table.tap.case("a key reference that others may read is refused by libpq, not by us"):
            key = stage.keys[0]
            loose = stage.path("loose.pem")
            loose.write_text(stage.reference_of(key).read_text())
            loose.chmod(0o644)
            seen = stage.told(["psql", "-d", conninfo(stage, postgres, loose, loose), "-c", WHO])
            assert seen.returncode == 2 and "permissions" in seen.stderr, seen
        for key in stage.keys:
            rows(stage, postgres, key)
    stage.table.done()


main()
