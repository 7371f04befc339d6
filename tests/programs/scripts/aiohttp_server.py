"""aiohttp's server: a large answer, an upload, and whether it knows that it is asked over https."""

import ssl
import sys

from aiohttp import web

port, chain, key = sys.argv[1:]


async def hello(request):
    assert request.secure
    assert request.scheme == "https"
    return web.Response(text="hello\n")


async def large(request):
    return web.Response(body=b"l" * (1 << 20))


async def count(request):
    return web.Response(text=f"{len(await request.read())}\n")


application = web.Application(client_max_size=1 << 22)
application.add_routes([web.get("/", hello), web.get("/large", large), web.post("/", count)])
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
web.run_app(application, host="127.0.0.1", port=int(port), ssl_context=context, print=None)
