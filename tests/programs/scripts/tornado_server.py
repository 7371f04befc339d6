"""tornado's server, whose I/O loop wraps sockets itself instead of leaving that to asyncio."""

import asyncio
import ssl
import sys

import tornado.web

port, chain, key = sys.argv[1:]


class Hello(tornado.web.RequestHandler):
    def get(self, path):
        assert self.request.protocol == "https"
        self.write(b"l" * (1 << 20) if path == "large" else b"hello\n")

    def post(self, path):
        self.write(b"%d\n" % len(self.request.body))


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    tornado.web.Application([(r"/(.*)", Hello)]).listen(int(port), "127.0.0.1", ssl_options=context)
    await asyncio.Event().wait()


asyncio.run(main())
