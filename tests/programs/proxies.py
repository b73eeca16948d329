#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nginx and haproxy as clients of a server behind them, which fork, and may change their user."""
import os

import programs
from proxy import Proxy, start_nginx
from stage import Stage, need
from table import Cannot
from tap import Skip

HAPROXY = """
global
    log stderr format raw daemon
defaults
    mode http
    timeout connect 20s
    timeout client 20s
    timeout server 20s
    retries 0
frontend in
    bind fd@{fd}
    default_backend out
backend out
    server it 127.0.0.1:{upstream} ssl verify required ca-file {ca} sni str(localhost) {given}
"""


def start_haproxy(stage, key, given, told, options=("-db",), words=()):
    server = stage.server_for(key)
    return Proxy(
        stage, f"proxy-{len(os.listdir(stage.folder))}",
        lambda proxy, conf: [programs.find("haproxy"), *options, "-f", conf],
        lambda proxy, fd: HAPROXY.format(fd=fd, upstream=server.port, ca=server.ca.certificate,
                                         given=given),
        {"OPENSSL_CONF": str(stage.openssl_conf())} if told else {}, words)


def nginx_rows(stage, key):
    reference = stage.reference_of(key)
    version = stage.run([programs.find("nginx"), "-v"]).stderr.split("/")[1].split(".")
    name = f"nginx {'before' if [int(part) for part in version[:2]] < [1, 29] else 'from'} 1.29 to its upstream"
    with stage.table.row(name, "PEM", key) as row:
        given = f"proxy_ssl_certificate {reference}; proxy_ssl_certificate_key {reference};"
        start_nginx(stage, key, given, True).judge(row)
    with stage.table.row(name, "URI", key) as row:
        given = f"proxy_ssl_certificate {reference}; proxy_ssl_certificate_key 'store:{key.uri}';"
        proxy = start_nginx(stage, key, given, True)
        try:
            proxy.judge(row)
        except (AssertionError, OSError):
            log = proxy.log()
            assert "store:" in log, log
            raise Cannot("knows no store:") from None
    with stage.table.row(name, "run", key) as row:
        start_nginx(stage, key, "", False, words=[programs.CLI, "run", "--"]).judge(row)


def haproxy_rows(stage, key):
    reference = stage.reference_of(key)
    for name, options in (("haproxy to its servers", ["-db"]), ("haproxy -W", ["-W"])):
        with stage.table.row(name, "PEM", key) as row:
            need("haproxy")
            start_haproxy(stage, key, f"crt {reference}", True, options).judge(row)
        with stage.table.row(name, "run", key) as row:
            need("haproxy")
            start_haproxy(stage, key, "", False, options, [programs.CLI, "run", "--"]).judge(row)


def workers_of_another_user(stage, key):
    with stage.table.tap.case("nginx workers as another user: the log says whose the socket is"):
        if os.geteuid() != 0:
            raise Skip("only root can start workers of another user")
        reference = stage.reference_of(key)
        given = f"proxy_ssl_certificate {reference}; proxy_ssl_certificate_key {reference};"
        proxy = start_nginx(stage, key, given, True, user="nobody nogroup")
        try:
            page = proxy.page()
        finally:
            stage.stop(proxy.process)
        assert "502 Bad Gateway" in page, page
        assert f"{stage.keeper.socket} belongs to uid 0, you are uid 65534" in proxy.log(), proxy.log()


def main():
    with Stage("proxies") as stage:
        for key in stage.keys:
            nginx_rows(stage, key)
            haproxy_rows(stage, key)
        workers_of_another_user(stage, stage.keys[0])
    stage.table.done()


main()
