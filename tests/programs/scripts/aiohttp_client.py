"""aiohttp's client: requests at the same time, an upload, the peer's certificate, and its error classes."""

import asyncio
import ssl
import sys

import aiohttp

port, ca, chain, key = sys.argv[1:]
url = f"https://localhost:{port}"


async def main() -> None:
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(chain, key)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(20)) as session:

        async def fetch(number: int) -> int:
            async with session.get(f"{url}/large?{number}") as answer:
                return len(await answer.read())

        assert await asyncio.gather(*map(fetch, range(8))) == [1 << 20] * 8
        async with session.put(f"{url}/upload/aiohttp", data=b"a" * 200_000) as answer:
            assert answer.status in (201, 204)
        async with session.get(f"{url}/who") as answer:
            assert (await answer.text()).endswith("CN=client one\n")
        async with session.get(f"{url}/large") as answer:
            transport = answer.connection.transport
            assert ("DNS", "localhost") in transport.get_extra_info("peercert")["subjectAltName"]
    async with aiohttp.ClientSession() as session:
        try:
            await session.get(url)
        except aiohttp.ClientConnectorCertificateError as error:
            assert isinstance(error.certificate_error, ssl.SSLCertVerificationError)
        else:
            raise AssertionError("a server under an unknown root was accepted")


asyncio.run(main())
