"""anyio: connect_tcp(tls=True), what the stream tells of the connection, a large answer."""

import ssl
import sys

import anyio
from anyio.streams.tls import TLSAttribute

port, ca = sys.argv[1:]


async def main() -> None:
    context = ssl.create_default_context(cafile=ca)
    stream = await anyio.connect_tcp("localhost", int(port), ssl_context=context, tls_standard_compatible=False)
    async with stream:
        assert stream.extra(TLSAttribute.tls_version) in ("TLSv1.2", "TLSv1.3")
        assert ("DNS", "localhost") in stream.extra(TLSAttribute.peer_certificate)["subjectAltName"]
        await stream.send(b"GET /large HTTP/1.0\r\n\r\n")
        answer = b"".join([part async for part in stream])
    assert answer.endswith(b"l" * (1 << 20))


anyio.run(main)
