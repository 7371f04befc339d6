"""The other end of pip and twine: an upload is kept in a folder and listed under /simple/NAME/."""

import email.parser
import email.policy
import http.server
import pathlib
import ssl
import sys

port, chain, key, folder = sys.argv[1:]
uploads = pathlib.Path(folder) / "uploads"
uploads.mkdir(exist_ok=True)


class Index(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        for part in message.iter_parts():
            if name := part.get_filename():
                (uploads / pathlib.Path(name).name).write_bytes(part.get_payload(decode=True))
        self.reply(b"", "text/plain")

    def do_GET(self):
        if self.path.startswith("/files/"):
            self.reply((uploads / pathlib.Path(self.path).name).read_bytes(), "application/octet-stream")
        else:
            links = "".join(f'<a href="/files/{file.name}">{file.name}</a>' for file in uploads.iterdir())
            self.reply(f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html")

    def reply(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Index)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
