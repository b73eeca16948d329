# SPDX-License-Identifier: Apache-2.0
"""Programs that prove who they are by TLS, with the server in the same process.

As a program: CERTIFICATE KEY AUTHORITY REFERENCE. For every line on its input it tries a handshake and
prints "in NAME", or "out: " and what its user reads; for the line "anew" it loads its key again first.
"""
import pathlib
import ssl
import subprocess
import sys


class Program:
    """One that uses a reference, in a process of its own."""

    def __init__(self, f, ca, reference, **options):
        certificate, key = _server(ca)
        self.process = f.start(
            ["python3", pathlib.Path(__file__), certificate, key, ca.certificate, reference],
            log=f.path("programs.log"), provider=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, **options)

    def go(self, how=""):
        self.process.stdin.write(how + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().rstrip("\n")

    def next(self, how=""):
        """What comes of the next try."""
        self.go(how)
        return self.hear()

    def end(self, patience=60):
        """Its exit status."""
        self.process.stdin.close()
        return self.process.wait(patience)


def _server(ca):
    if not hasattr(ca, "server_in_memory"):
        ca.server_in_memory = ca.issue_server(f"in-memory-{ca.name}")
    return ca.server_in_memory


class Pair:
    """A server in memory, and whoever wants in."""

    def __init__(self, certificate, key, authority):
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(certificate, key)
        self.server.load_verify_locations(authority)
        self.server.verify_mode = ssl.CERT_REQUIRED
        self.authority = authority

    def client(self, reference):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.authority)
        context.load_cert_chain(reference)
        return context

    def handshake(self, client):
        """The name that the server was shown; ssl.SSLError."""
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = self.server.wrap_bio(to_server, to_client, server_side=True)
        ends = [client.wrap_bio(to_client, to_server), server]
        while ends:
            for end in list(ends):
                try:
                    end.do_handshake()
                    ends.remove(end)
                except ssl.SSLWantReadError:
                    pass
        return dict(pair[0] for pair in server.getpeercert()["subject"])["commonName"]


def main():
    certificate, key, authority, reference = sys.argv[1:]
    pair, client = Pair(certificate, key, authority), None
    for line in sys.stdin:
        try:
            if not client or line == "anew\n":
                client = pair.client(reference)
            print("in", pair.handshake(client), flush=True)
        except (ssl.SSLError, OSError) as why:
            print("out:", str(why).replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
