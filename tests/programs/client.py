# SPDX-License-Identifier: Apache-2.0
"""A client that shakes hands in one process, in many, in threads and across exec; for processes.py.

    client.py WHAT PORT CA [PEM]

It runs with the system's python3, by `countersign run` or with a PEM reference, and says on its
output what it did. A handshake counts once the server's page has come: with TLS 1.3 the client is
done before the server has looked at its certificate.
"""
import os
import socket
import ssl
import sys
import threading

PAGE = b"GET / HTTP/1.0\r\n\r\n"


class Client:
    def __init__(self, port, ca, pem):
        self.made_of = port, ca, pem
        self.port = int(port)
        self.context = ssl.create_default_context(cafile=ca)
        if pem:
            self.context.load_cert_chain(pem)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def page(self, tls):
        with tls:
            tls.sendall(PAGE)
            with tls.makefile("rb") as stream:
                text = stream.read()
        assert b'"dn": "CN=' in text, text
        return text

    def fetch(self):
        return self.page(self.context.wrap_socket(self.connect(), server_hostname="localhost"))

    def half(self):
        """A handshake whose first message is sent."""
        plain = self.connect()
        tls = self.context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
        tls.setblocking(False)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        tls.setblocking(True)
        return tls

    def rest(self, tls):
        tls.do_handshake()
        return self.page(tls)


def child_of(function):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return child


def all_well(children):
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert not any(ended), ended
    return len(ended)


def forks(client):
    """Before the first handshake, in the middle of one (either goes on with it), and after."""
    all_well([child_of(client.fetch) for _ in range(2)])
    tls = client.half()
    all_well([child_of(lambda: client.rest(tls))])
    tls.close()
    tls = client.half()
    all_well([child_of(client.fetch)])
    client.rest(tls)
    all_well([child_of(client.fetch) for _ in range(2)])
    client.fetch()


def prefork(client):
    """Workers that share what the parent made, all at once."""
    def work():
        for _ in range(10):
            client.fetch()
    client.fetch()
    all_well([child_of(work) for _ in range(4)])


def in_threads(n, function):
    failures = []

    def run():
        try:
            function()
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)
    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    return threads, failures


def threads(client):
    """8 x 200."""
    def work():
        for _ in range(200):
            client.fetch()
    running, failures = in_threads(8, work)
    for thread in running:
        thread.join()
    assert not failures, failures


def forks_under_threads(client):
    """40 children of a process whose threads are all in a handshake."""
    enough = threading.Event()
    # Newer Pythons have a lock of their own in each context; a child would find it locked.
    threads_client = Client(*client.made_of) if sys.version_info >= (3, 13) else client

    def work():
        while not enough.is_set():
            threads_client.fetch()
    client.fetch()
    running, failures = in_threads(4, work)
    for _ in range(40):
        all_well([child_of(client.fetch)])
    enough.set()
    for thread in running:
        thread.join()
    assert not failures, failures


def leaves(client):
    """Ends while its threads are in the middle of handshakes."""
    started = threading.Semaphore(0)

    def work():
        while True:
            client.fetch()
            started.release()
    in_threads(8, work)
    for _ in range(8):
        started.acquire()
    os._exit(0)


def goes_on(client):
    """A handshake for each line of its input."""
    print("ready", flush=True)
    for _ in sys.stdin:
        try:
            client.fetch()
            print("well", flush=True)
        except (AssertionError, OSError) as failure:
            print(f"failed: {failure}", flush=True)


def descriptors():
    return sorted(os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                  if os.path.exists(f"/proc/self/fd/{fd}"))


def executes(client):
    """One handshake, and one in the program it becomes, which has inherited nothing of ours."""
    client.fetch()
    os.execv(sys.executable, [sys.executable, sys.argv[0], "executed", *sys.argv[2:]])


def executed(client):
    sockets = [name for name in descriptors() if name.startswith("socket:")]
    assert not sockets, sockets
    client.fetch()


def main():
    what, port, ca, *pem = sys.argv[1:]
    globals()[what](Client(port, ca, pem[0] if pem else None))
    print("done", flush=True)


main()
