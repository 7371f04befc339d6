"""http.server over a wrapped listener, as the documentation of ssl shows it: one connection at a time."""

import http.server
import ssl
import sys

port, chain, key = sys.argv[1:]


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(b"l" * (1 << 20) if self.path == "/large" else b"hello\n")

    def do_POST(self):
        self.reply(b"%d\n" % len(self.rfile.read(int(self.headers["Content-Length"]))))

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.HTTPServer(("127.0.0.1", int(port)), Answer)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
