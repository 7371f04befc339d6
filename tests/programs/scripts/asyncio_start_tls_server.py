"""StreamWriter.start_tls of a server: as much of SMTP as a client needs for STARTTLS."""

import asyncio
import ssl
import sys

port, chain, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)


async def serve(reader, writer):
    writer.write(b"220 server.test\r\n")
    while line := (await reader.readline()).upper():
        if line.startswith(b"EHLO"):
            writer.write(b"250-server.test\r\n250 STARTTLS\r\n")
        elif line.startswith(b"STARTTLS"):
            writer.write(b"220 go ahead\r\n")
            await writer.drain()
            await writer.start_tls(context)
        elif line.startswith(b"DATA"):
            writer.write(b"354 the message, then a point\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 kept\r\n")
        elif line.startswith(b"QUIT"):
            writer.write(b"221 bye\r\n")
            break
        else:
            writer.write(b"250 as you say\r\n")
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(port), limit=1 << 20)
    async with server:
        await server.serve_forever()


asyncio.run(main())
