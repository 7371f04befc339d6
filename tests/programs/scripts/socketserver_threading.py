"""socketserver.ThreadingTCPServer: a thread for each connection, which echoes lines."""

import socketserver
import ssl
import sys

port, chain, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def finish_request(self, request, client_address):
        with context.wrap_socket(request, server_side=True) as stream:
            super().finish_request(stream, client_address)


with Server(("127.0.0.1", int(port)), Echo) as server:
    server.serve_forever()
