"""sanic with a worker in another process, as it runs by default."""

import sys

from sanic import Sanic, raw, text

port, chain, key = sys.argv[1:]
application = Sanic("application")


@application.get("/")
async def hello(request):
    assert request.scheme == "https"
    return text("hello\n")


@application.get("/large")
async def large(request):
    return raw(b"l" * (1 << 20))


@application.post("/")
async def count(request):
    return text(f"{len(request.body)}\n")


if __name__ == "__main__":
    application.run(host="127.0.0.1", port=int(port), ssl={"cert": chain, "key": key}, access_log=False, motd=False)
