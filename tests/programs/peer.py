# SPDX-License-Identifier: Apache-2.0
"""A TLS server that demands a certificate and then speaks what a test makes it speak: just enough of
SMTP, IMAP or MySQL for a program to be content."""
import socket
import ssl
import threading

PATIENCE = 30  # seconds for anything that should take none
_SHORT = {"commonName": "CN", "organizationName": "O"}


class Peer:
    """talk(tls) speaks once the handshake is done; before(plain) speaks before it, as STARTTLS does.

    With `ended` the last connection is over; `dn` and `protocol` are what the handshake showed.
    """

    def __init__(self, fixture, ca, client_ca, talk, before=None):
        self.ca, self.folder = ca, fixture.folder
        self.dn, self.protocol, self.error = "", "", ""
        self.ended = threading.Event()
        self._talk, self._before = talk, before
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        certificate, key = ca.issue_server(f"server-{self.port}")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.load_verify_locations(client_ca.certificate)
        self._context.verify_mode = ssl.CERT_REQUIRED
        threading.Thread(target=self._serve, daemon=True).start()

    def log(self):
        return self.error

    def stop(self):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(PATIENCE)
            try:
                self._meet(plain)
            except OSError as error:  # ssl.SSLError is one
                self.error += f"{error}\n"
            finally:
                plain.close()
                self.ended.set()

    def _meet(self, plain):
        if self._before:
            self._before(plain)
        with self._context.wrap_socket(plain, server_side=True) as tls:
            tls.do_handshake()
            subject = [pair for part in tls.getpeercert()["subject"] for pair in part]
            self.dn = ",".join(f"{_SHORT[name]}={value}" for name, value in reversed(subject))
            self.protocol = tls.version()
            self._talk(tls)


def lines(greeting, answer, last):
    """A talk of lines: answer(line) gives what to say, till the client goes or has said its last."""
    def talk(tls):
        tls.sendall(greeting.encode())
        for line in tls.makefile("rb"):
            said = line.decode().strip()
            tls.sendall(answer(said).encode())
            if said.upper().endswith(last):
                return
    return talk


def smtp_answer(line):
    word = line.split(" ")[0].upper()
    return {"EHLO": "250 localhost\r\n", "DATA": "354 go on\r\n", "QUIT": "221 bye\r\n"}.get(
        word, "250 ok\r\n" if word in ("HELO", "MAIL", "RCPT", ".") else "")


def imap_answer(line):
    tag, word = (line.split(" ") + [""])[:2]
    more = {"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n", "LOGOUT": "* BYE bye\r\n",
            "LIST": '* LIST () "/" INBOX\r\n', "AUTHENTICATE": "",
            "SELECT": "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] fresh\r\n"}.get(word.upper(), "")
    return f"{more}{tag} OK done\r\n"
