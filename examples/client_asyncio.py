"""Fetch a page under asyncio: python examples/client_asyncio.py HOST PORT [CA.pem]."""

import asyncio
import sys

import tls12.asyncio
from tls12 import ClientConfig, TrustStore, X509Verifier


async def fetch(host: str, port: int, config: ClientConfig) -> bytes:
    reader, writer = await tls12.asyncio.open_connection(host, port, config=config)
    writer.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    await writer.drain()
    page = await reader.read()  # a connection that is cut short raises here
    writer.close()
    await writer.wait_closed()
    return page


host, port = sys.argv[1], int(sys.argv[2])
verifier = X509Verifier(TrustStore.from_pem_file(sys.argv[3])) if sys.argv[3:] else X509Verifier.from_system()
print(asyncio.run(fetch(host, port, ClientConfig(verifier=verifier))).decode("utf-8", "replace"))
