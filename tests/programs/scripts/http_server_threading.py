"""http.server.ThreadingHTTPServer over a wrapped listener, with files of a folder."""

import functools
import http.server
import ssl
import sys

port, chain, key, folder = sys.argv[1:]
files = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), files)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
