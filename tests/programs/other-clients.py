#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of other protocols than HTTP, each with a server that knows just enough of it."""
import struct

import programs
from peer import PATIENCE, imap_answer, lines, smtp_answer
from stage import Stage, need
from table import Cannot


def mqtt(tls):
    """CONNACK for a CONNECT; then whatever comes, till the client goes."""
    tls.recv(4096)
    tls.sendall(b"\x20\x02\x00\x00")
    while tls.recv(4096):
        pass


def _mysql_packet(number, body):
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


_MYSQL_OK = b"\0\0\0\x02\0\0\0"
# Version 10, and capabilities: TLS, the protocol of 4.1, secure passwords, authentication plug-ins.
_MYSQL_GREETING = (b"\x0a5.7.0\0" + b"\1\0\0\0" + b"12345678\0" + b"\x00\x8a" + b"\x2d" + b"\2\0" +
                   b"\x08\x00" + b"\x15" + bytes(10) + b"123456789012\0" + b"mysql_native_password\0")


def mysql_before(plain):
    plain.sendall(_mysql_packet(0, _MYSQL_GREETING))
    head = plain.recv(4)
    plain.recv(head[0])


def mysql(tls):
    login = tls.recv(4096)
    tls.sendall(_mysql_packet(login[3] + 1, _MYSQL_OK))
    while tls.recv(4096)[4:5] not in (b"\1", b""):  # COM_QUIT, or gone
        tls.sendall(_mysql_packet(1, _MYSQL_OK))


def pop3_answer(line):
    word = line.split(" ")[0].upper()
    return {"STAT": "+OK 0 0\r\n", "CAPA": "-ERR no\r\n"}.get(word, "+OK\r\n")


def redis_answer(line):
    return "+PONG\r\n" if line == "PING" else ""


def mosquitto_pub(peer, pem):
    given = ["--cert", pem, "--key", pem] if pem else []
    return ["mosquitto_pub", "-h", "localhost", "-p", str(peer.port), "--cafile", peer.ca.certificate,
            *given, "-t", "news", "-m", "hello"]


def mariadb(peer, pem):
    given = [f"--ssl-cert={pem}", f"--ssl-key={pem}"] if pem else []
    return ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", str(peer.port), "-u", "alice",
            f"--ssl-ca={peer.ca.certificate}", *given, "-e", "do 1"]


def redis_cli(peer, pem):
    given = ["--cert", pem, "--key", pem] if pem else []
    return ["redis-cli", "-h", "localhost", "-p", str(peer.port), "--tls", "--cacert",
            peer.ca.certificate, *given, "PING"]


def swaks(peer, pem):
    given = ["--tls-cert", pem, "--tls-key", pem] if pem else []
    return ["swaks", "--server", "localhost", "--port", str(peer.port), "--tls-on-connect", *given,
            "--tls-ca-path", peer.ca.certificate, "--tls-verify", "--to", "bob@localhost", "--from",
            "alice@localhost"]


def mbsync(peer, pem):
    mail = peer.folder / "mail"
    mail.mkdir(exist_ok=True)
    given = f"ClientCertificate {pem}\nClientKey {pem}\n" if pem else ""
    conf = peer.folder / "mbsyncrc"
    conf.write_text(
        f"IMAPAccount corp\nHost localhost\nPort {peer.port}\nUser alice\nPass none\nSSLType IMAPS\n"
        f"SystemCertificates no\nCertificateFile {peer.ca.certificate}\nAuthMechs LOGIN\n{given}\n"
        f"IMAPStore far\nAccount corp\n\nMaildirStore near\nPath {mail}/\nInbox {mail}/inbox\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns *\n")
    return ["mbsync", "--config", conf, "--list", "all"]


def fetchmail(peer, pem):
    given = f'sslcert "{pem}" sslkey "{pem}"' if pem else ""
    rc = peer.folder / "fetchmailrc"
    rc.touch(mode=0o600)
    rc.write_text(f'poll localhost service {peer.port} proto pop3 user "alice" password "none" ssl '
                  f'sslcertck sslcertfile "{peer.ca.certificate}" {given}\n')
    return ["fetchmail", "-f", rc, "--pidfile", peer.folder / "fetchmail.pid", "--check"]


# name: (command, how the server speaks, how before TLS, exit status)
CLIENTS = {
    "mosquitto_pub": (mosquitto_pub, mqtt, None, 0),
    "mariadb": (mariadb, mysql, mysql_before, 0),
    "redis-cli": (redis_cli, lines("", redis_answer, "QUIT"), None, 0),
    "swaks": (swaks, lines("220 localhost\r\n", smtp_answer, "QUIT"), None, 0),
    "mbsync": (mbsync, lines("* OK ready\r\n", imap_answer, "LOGOUT"), None, 0),
    "fetchmail": (fetchmail, lines("+OK ready\r\n", pop3_answer, "QUIT"), None, 1),  # 1: no mail
}


def ended(row, peer, seen, status):
    row.ended(seen, status)
    peer.ended.wait(PATIENCE)
    row.saw(peer.dn, peer.protocol)


def rows(stage, key, name):
    command, talk, before, status = CLIENTS[name]
    with stage.table.row(name, "PEM", key) as row:
        need(name)
        peer = stage.peer_for(key, talk, before)
        ended(row, peer, stage.told(command(peer, stage.reference_of(key))), status)
    with stage.table.row(name, "URI", key) as row:
        need(name)
        peer = stage.peer_for(key, talk, before)
        seen = stage.told(command(peer, key.uri))
        if not peer.dn:
            raise Cannot("takes files alone")
        ended(row, peer, seen, status)
    with stage.table.row(name, "run", key) as row:
        need(name)
        peer = stage.peer_for(key, talk, before)
        ended(row, peer, stage.told_nothing(command(peer, None), identity=key.label), status)


RSYSLOG = """
global(workDirectory="{folder}" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
       {given})
module(load="imfile")
input(type="imfile" file="{news}" tag="news")
action(type="omfwd" target="localhost" port="{port}" protocol="tcp" streamDriver="ossl"
       streamDriverMode="1" streamDriverAuthMode="x509/certvalid" action.resumeRetryCount="5")
"""


def rsyslog(stage, row, key, pem, environment, words=()):
    """A daemon: it sends a line of a file, and is ended once the line has come."""
    need("rsyslogd")
    lines_read = []

    def talk(tls):
        lines_read.append(tls.recv(4096).decode())
    peer = stage.peer_for(key, talk)
    news, conf = peer.folder / f"news-{peer.port}", peer.folder / f"rsyslog-{peer.port}.conf"
    news.write_text("hello\n")
    given = (f'defaultNetstreamDriverCertFile="{pem}" defaultNetstreamDriverKeyFile="{pem}"'
             if pem else "")
    conf.write_text(RSYSLOG.format(folder=peer.folder, ca=peer.ca.certificate, given=given, news=news,
                                   port=peer.port))
    log = peer.folder / f"rsyslog-{peer.port}.log"
    process = stage.start([*words, programs.find("rsyslogd"), "-n", "-f", conf, "-i",
                           peer.folder / "rsyslog.pid"], log, environment=environment)
    peer.ended.wait(PATIENCE)
    assert stage.stop(process) == 0, log.read_text()
    assert lines_read and "hello" in lines_read[0], log.read_text() + peer.error
    row.saw(peer.dn, peer.protocol)


def rsyslog_rows(stage, key):
    with stage.table.row("rsyslog (ossl)", "PEM", key) as row:
        conf = {"OPENSSL_CONF": str(stage.openssl_conf())}
        rsyslog(stage, row, key, stage.reference_of(key), conf)
    with stage.table.row("rsyslog (ossl)", "run", key) as row:
        rsyslog(stage, row, key, None, None, [programs.CLI, "run", "--identity", key.label, "--"])


def main():
    with Stage("other-clients") as stage:
        for key in stage.keys:
            for name in CLIENTS:
                rows(stage, key, name)
            rsyslog_rows(stage, key)
    stage.table.done()


main()
