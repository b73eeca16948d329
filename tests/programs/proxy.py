# SPDX-License-Identifier: Apache-2.0
"""A proxy under test, and nginx as one: a client of the server behind it."""
import os
import socket
import urllib.error
import urllib.request

import programs
import server as server_module

NGINX = """
{user}
daemon off;
master_process on;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
env OPENSSL_CONF;
env XDG_RUNTIME_DIR;
env COUNTERSIGN_SOCKET;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass https://127.0.0.1:{upstream};
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_server_name on;
            proxy_ssl_session_reuse off;
            {given}
        }}
    }}
}}
"""


class Proxy:
    """A proxy that was started; `page` fetches the page of the server behind it."""

    def __init__(self, stage, name, argv_of, conf_of, environment, words=()):
        self.stage = stage
        self.folder = stage.path(name)
        self.folder.mkdir()
        self.log_path = self.folder / "error.log"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.set_inheritable(True)
            listener.setblocking(False)  # nginx leaves that as it is, and one of two workers would hang
            self.port = listener.getsockname()[1]
            conf = self.folder / "conf"
            conf.write_text(conf_of(self, listener.fileno()))
            environment = {**environment, "NGINX": f"{listener.fileno()};"}
            self.process = stage.start([*words, *argv_of(self, conf)], self.folder / "output",
                                       environment=environment, pass_fds=[listener.fileno()])

    def page(self, timeout=30):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=timeout) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def log(self):
        paths = (self.log_path, self.folder / "output")
        return "".join(path.read_text() for path in paths if path.exists())

    def judge(self, row, pages=3):
        """Several pages, so that more than one worker may have a turn; then it must end well."""
        try:
            for _ in range(pages):
                page = self.page()
                answer = server_module.answer(page)
                assert answer, f"{page} {self.log()}"
                row.saw(answer["dn"], answer["protocol"])
        finally:
            status = self.stage.stop(self.process)
        assert status in (0, -15, 143), f"ended with {status}: {self.log()}"


def start_nginx(stage, key, given, told, user=None, words=()):
    server = stage.server_for(key)
    owner = user or ("root" if os.geteuid() == 0 else "")
    return Proxy(
        stage, f"proxy-{len(os.listdir(stage.folder))}",
        lambda proxy, conf: [programs.find("nginx"), "-e", proxy.log_path, "-p", proxy.folder, "-c", conf],
        lambda proxy, fd: NGINX.format(
            user=f"user {owner};" if owner else "", folder=proxy.folder, port=proxy.port,
            upstream=server.port, ca=server.ca.certificate, given=given),
        {"OPENSSL_CONF": str(stage.openssl_conf())} if told else {}, words)
