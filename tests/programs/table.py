# SPDX-License-Identifier: Apache-2.0
"""The table of programs: one row for a program, a route, a key and a version of TLS.

    table = Table("openssl")
    with table.row("curl", "PEM", alice, "TLSv1.3") as row:
        row.sees(f.curl(server, reference, reference, "--tlsv1.3"))
    table.done()

A row passes when the server saw the key's certificate: `sees` takes what a Server's page was fetched
with, `saw` what any other server saw. A case that raises makes `fail: why`. Where a
program has no way to take a key by a route, `raise Cannot("why")`, once the case has seen that it is
so. Each row is a TAP line too; at the end the table is printed, and written to the build folder as
JSON, from which readme.py makes the table of the README.

Routes: "PEM" (the file of `countersign pem`), "URI" (a store or pkcs11: URI given to OpenSSL),
"run" (`countersign run`, the program told nothing), "module" (our PKCS#11 module).
"""
import contextlib
import json

import programs
import server
from tap import Skip, Tap

ROUTES = ("PEM", "URI", "run", "module")
FOLDER = programs.BUILD / "tests/programs"
_COLUMNS = ("program", "route", "key", "tls", "result", "dn")
_WORDS_OF_A_FAILURE = 160


class Cannot(Exception):
    """The program cannot be served by this route; the text says why, for the README's readers."""


class Row:
    """dn: the subject that the server saw, as nginx writes it."""

    def __init__(self, program, route, key, tls):
        assert route in ROUTES, route
        self.program, self.route, self.tls = program, route, tls
        self.key = key.kind
        self.expected = f"CN={key.label},O=Countersign Test"
        self.result, self.dn = None, ""
        self._seen = None

    def sees(self, seen):
        """A run of a program that printed the page of a Server, and ended well."""
        self.ended(seen)
        answer = server.answer(seen.stdout)
        assert answer, f"no answer: {_last_line(seen)}"
        self.saw(answer["dn"], answer["protocol"])

    def ended(self, seen, status=0):
        """What a program was run with and printed; it must have ended with this status."""
        self._seen = seen
        assert seen.returncode == status, f"exit status {seen.returncode}: {_last_line(seen)}"

    def saw(self, dn, tls):
        """What the server says of the client."""
        self.dn = dn or ""
        assert self.tls in ("any", tls), f"the server saw {tls}"
        self.tls = tls

    def check(self):
        assert self.dn == self.expected, f"the server saw {self.dn or 'nobody'}"

    def words(self):
        return [getattr(self, column) for column in _COLUMNS]


class Table:
    def __init__(self, name):
        self.tap = Tap()
        self.rows = []
        self._name = name

    @contextlib.contextmanager
    def row(self, program, route, key, tls="any"):
        row = Row(program, route, key, tls)
        self.rows.append(row)
        with self.tap.case(f"{program}, {route}, {row.key}, {tls}"):
            try:
                yield row
                row.check()
                row.result = "pass"
            except Cannot as why:
                row.result = f"cannot: {why}"
                self.tap.comment(row.result)
            except Skip as why:
                row.result = f"skip: {why}"
                raise
            except Exception as why:  # pylint: disable=broad-except
                row.result = f"fail: {_one_line(why)}"
                if row._seen:  # pylint: disable=protected-access
                    self.tap.comment(f"{row._seen}")  # pylint: disable=protected-access
                raise

    def done(self):
        """Prints the table and keeps it, then ends the script as Tap.done does."""
        lines = [[word.upper() for word in _COLUMNS], *(row.words() for row in self.rows)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(_COLUMNS))]
        for line in lines:
            shown = (word.ljust(width) for word, width in zip(line, widths))
            self.tap.comment("  ".join(shown).rstrip())
        FOLDER.mkdir(parents=True, exist_ok=True)
        table = [dict(zip(_COLUMNS, row.words())) for row in self.rows]
        (FOLDER / f"{self._name}.json").write_text(json.dumps(table, indent=1) + "\n")
        self.tap.done()


def _one_line(why):
    text = " ".join(str(why).split()) or type(why).__name__
    return text if len(text) <= _WORDS_OF_A_FAILURE else text[:_WORDS_OF_A_FAILURE] + " …"


def _last_line(seen):
    lines = (seen.stderr.strip() or seen.stdout.strip() or "it printed nothing").splitlines()
    return lines[-1]
