"""asyncio.open_connection(ssl=): a large answer, what get_extra_info tells, and the error for another name."""

import asyncio
import ssl
import sys

port, ca = sys.argv[1:]


async def main() -> None:
    context = ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port), ssl=context, server_hostname="localhost")
    writer.write(b"GET /large HTTP/1.0\r\nHost: localhost\r\n\r\n")
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert len(await reader.read()) == 1 << 20
    assert isinstance(writer.get_extra_info("ssl_object"), ssl.SSLObject)
    assert writer.get_extra_info("sslcontext") is context
    assert ("DNS", "localhost") in writer.get_extra_info("peercert")["subjectAltName"]
    assert len(writer.get_extra_info("cipher")) == 3
    writer.close()
    await writer.wait_closed()
    try:
        await asyncio.open_connection("127.0.0.1", int(port), ssl=context, server_hostname="other.test")
    except ssl.SSLCertVerificationError as error:
        assert error.verify_message.startswith("Hostname mismatch"), error
    else:
        raise AssertionError("a certificate of another name was accepted")


asyncio.run(main())
