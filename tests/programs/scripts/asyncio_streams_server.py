"""asyncio.start_server(ssl=): echoes lines until the client ends."""

import asyncio
import ssl
import sys

port, chain, key = sys.argv[1:]


async def echo(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
    except OSError:
        pass


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    server = await asyncio.start_server(echo, "127.0.0.1", int(port), ssl=context, limit=1 << 21)
    async with server:
        await server.serve_forever()


asyncio.run(main())
