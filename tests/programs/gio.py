# SPDX-License-Identifier: Apache-2.0
"""A page by GIO's TLS, as programs of GNOME have it.

    gio.py HOST:PORT CA CERTIFICATE-URI KEY-URI
    gio.py                                      ends well where there is GIO with TLS
"""
import sys

try:
    from gi.repository import Gio, GObject
except ImportError as why:
    sys.exit(str(why))


def main():
    where, ca, certificate, key = sys.argv[1:]
    authorities = Gio.TlsFileDatabase.new(ca)
    identity = Gio.TlsCertificate.new_from_pkcs11_uris(certificate, key)

    def prepare(_client, event, _where, connection):
        if event == Gio.SocketClientEvent.TLS_HANDSHAKING:
            connection.set_database(authorities)
            connection.set_certificate(identity)
    client = Gio.SocketClient(tls=True)
    GObject.Object.connect(client, "event", prepare)
    connection = client.connect_to_host(where, 443, None)
    connection.get_output_stream().write_all(b"GET / HTTP/1.0\r\n\r\n", None)
    print(connection.get_input_stream().read_bytes(4096, None).get_data().decode())


if len(sys.argv) > 1:
    main()
else:
    sys.exit(0 if Gio.TlsBackend.get_default().supports_tls() else "GIO has no TLS here")
