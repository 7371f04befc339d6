"""websockets: messages of several sizes and back, blocking and under asyncio."""

import asyncio
import ssl
import sys

import websockets
import websockets.sync.client

port, ca = sys.argv[1:]
url = f"wss://localhost:{port}"
context = ssl.create_default_context(cafile=ca)
with websockets.sync.client.connect(url, ssl=context) as connection:
    for size in (1, 1_000, 300_000):
        connection.send(b"w" * size)
        assert connection.recv() == b"w" * size


async def main() -> None:
    async with websockets.connect(url, ssl=context) as connection:
        for size in (1, 1_000, 300_000):
            await connection.send("w" * size)
            assert await connection.recv() == "w" * size


asyncio.run(main())
