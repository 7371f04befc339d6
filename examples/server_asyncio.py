"""An echo server under asyncio: python examples/server_asyncio.py CHAIN.pem KEY.pem [PORT]."""

import asyncio
import sys

import tls12.asyncio
from tls12 import Credential, ServerConfig, TicketKeys


async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    negotiated = writer.get_extra_info("negotiated")
    print("connected:", negotiated.cipher_suite, "resumed" if negotiated.resumed else "new", flush=True)
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(chain: str, key: str, port: str = "8443") -> None:
    config = ServerConfig(
        credentials=(Credential.from_pem_files(chain, key),),
        alpn_protocols=("echo/1",),
        ticket_keys=TicketKeys.generate(),
    )
    async with await tls12.asyncio.start_server(handler, "127.0.0.1", int(port), config=config) as server:
        print("listening on port", server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
