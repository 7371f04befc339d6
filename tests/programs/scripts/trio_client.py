"""trio: its own loop over wrap_bio, a large answer, a refused name."""

import ssl
import sys

import trio

port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)


async def main() -> None:
    stream = await trio.open_ssl_over_tcp_stream("localhost", int(port), ssl_context=context, https_compatible=True)
    async with stream:
        await stream.send_all(b"GET /large HTTP/1.0\r\n\r\n")
        answer = b"".join([part async for part in stream])
    assert answer.endswith(b"l" * (1 << 20))
    async with await trio.open_tcp_stream("localhost", int(port)) as plain:
        other = trio.SSLStream(plain, context, server_hostname="other.test")
        try:
            await other.do_handshake()
        except trio.BrokenResourceError as error:
            assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
        else:
            raise AssertionError("a certificate of another name was accepted")


trio.run(main)
