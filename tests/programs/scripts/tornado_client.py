"""tornado's client: requests at the same time, an upload, a certificate of the client."""

import asyncio
import ssl
import sys

from tornado.httpclient import AsyncHTTPClient

port, ca, chain, key = sys.argv[1:]
url = f"https://localhost:{port}"
options = {"ca_certs": ca, "client_cert": chain, "client_key": key}


async def main():
    client = AsyncHTTPClient()
    answers = await asyncio.gather(*(client.fetch(f"{url}/large?{number}", **options) for number in range(4)))
    assert [len(answer.body) for answer in answers] == [1 << 20] * 4
    answer = await client.fetch(f"{url}/upload/tornado", method="PUT", body=b"t" * 200_000, **options)
    assert answer.code in (201, 204)
    answer = await client.fetch(f"{url}/who", **options)
    assert answer.body.endswith(b"CN=client one\n")
    try:
        await client.fetch(url)
    except ssl.SSLCertVerificationError:
        pass
    else:
        raise AssertionError("a server under an unknown root was accepted")


asyncio.run(main())
