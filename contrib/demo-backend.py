#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page behind the demo's nginx: says whom nginx saw.

usage: demo-backend.py PORT-FILE
Listens on a free port of 127.0.0.1 and writes its number to PORT-FILE.
"""

import http.server
import os
import sys


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen = {name: self.headers.get("X-Client-" + name, "nobody") for name in ("DN", "TLS")}
        body = "Hello {DN}\nYou came over {TLS}.\n".format(**seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_address[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
