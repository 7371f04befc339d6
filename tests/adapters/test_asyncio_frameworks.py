"""Frameworks of PyPI on `tls12.asyncio`, unmodified: they know that they are served over TLS, on both event loops.

How it works: the framework's protocol, or its handler of streams, is given to our `create_server` or `start_server`.
A client that speaks TLS by CPython's `ssl` asks it for the scheme of the request.
"""

from __future__ import annotations

import asyncio
import functools
import io
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import tls12.asyncio
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, server_config
from tests.peers import package

pytestmark = pytest.mark.peers

LONG = bytes(range(256)) * 16384
"""4 MiB."""


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine on one of the two event loops."""
    runner = asyncio.run if request.param == "asyncio" else package("uvloop").run

    def run(main: Coroutine[Any, Any, None]) -> None:
        runner(asyncio.wait_for(main, 3 * PATIENCE))

    return run


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def client_context(alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """CPython's client, whose requests go to an address and not to the name in the certificate."""
    context = loopback.openssl_client()
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def test_aiohttp_is_secure_with_large_bodies_and_websockets(run: Any) -> None:
    aiohttp, web = package("aiohttp"), package("aiohttp.web")

    async def page(request: Any) -> Any:
        body = await request.read()
        subject = request.transport.get_extra_info("peercert")
        told = {"scheme": request.scheme, "secure": request.secure, "correct": body == LONG, "client": subject}
        return web.json_response(told)

    async def chat(request: Any) -> Any:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data)
        return socket

    async def main() -> None:
        app = web.Application(client_max_size=2 * len(LONG))
        app.router.add_post("/", page)
        app.router.add_get("/chat", chat)
        runner = web.AppRunner(app)
        await runner.setup()
        server = await tls12.asyncio.create_server(runner.server, "127.0.0.1", 0, config=server_config())
        async with server, aiohttp.ClientSession(f"https://127.0.0.1:{port_of(server)}") as session:
            async with session.post("/", data=io.BytesIO(LONG), ssl=client_context()) as response:
                assert await response.json() == {"scheme": "https", "secure": True, "correct": True, "client": None}
            async with session.ws_connect("/chat", ssl=client_context()) as socket:
                await socket.send_bytes(LONG[:100_000])
                assert await socket.receive_bytes() == LONG[:100_000]
        await runner.cleanup()

    run(main())


def test_uvicorn_tells_the_application_that_the_scheme_is_https(run: Any) -> None:
    uvicorn, state, httpx = package("uvicorn"), package("uvicorn.server").ServerState(), package("httpx")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["scheme"].encode()})

    async def main() -> None:
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        config.load()
        protocol = functools.partial(config.http_protocol_class, config=config, server_state=state, app_state={})
        server = await tls12.asyncio.create_server(protocol, "127.0.0.1", 0, config=server_config())
        async with server, httpx.AsyncClient(verify=client_context()) as client:
            assert (await client.get(f"https://127.0.0.1:{port_of(server)}/")).text == "https"

    run(main())


def test_hypercorn_finds_in_the_ssl_object_that_http_2_was_agreed_on(run: Any) -> None:
    httpx = package("httpx")
    package("h2")  # for httpx
    tcp_server, wrapper = package("hypercorn.asyncio.tcp_server"), package("hypercorn.app_wrappers")
    worker = package("hypercorn.asyncio.worker_context")
    config = package("hypercorn.config").Config()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        said = f"{scope['scheme']} {scope['http_version']}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        application = wrapper.ASGIWrapper(app)
        loop = asyncio.get_running_loop()
        await tcp_server.TCPServer(application, loop, config, worker.WorkerContext(None), {}, reader, writer)

    async def main() -> None:
        ours = server_config(alpn_protocols=("h2", "http/1.1"))
        server = await tls12.asyncio.start_server(handler, "127.0.0.1", 0, config=ours)
        async with server, httpx.AsyncClient(verify=client_context(), http2=True) as client:
            assert (await client.get(f"https://127.0.0.1:{port_of(server)}/")).text == "https 2"

    run(main())
