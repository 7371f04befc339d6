"""httpx: HTTP/1.1 and HTTP/2 (by ALPN), blocking and under asyncio, and the ConnectError."""

import asyncio
import ssl
import sys

import httpx

port, ca, chain, key = sys.argv[1:]
url = f"https://localhost:{port}"
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(chain, key)
with httpx.Client(verify=context, timeout=20) as client:
    answer = client.get(f"{url}/large")
    assert (answer.http_version, len(answer.content)) == ("HTTP/1.1", 1 << 20)
    assert client.get(f"{url}/who").text.endswith("CN=client one\n")


async def many() -> None:
    async with httpx.AsyncClient(verify=context, http2=True, timeout=20) as client:
        answers = await asyncio.gather(*(client.get(f"{url}/large?{number}") for number in range(8)))
        assert {(answer.http_version, len(answer.content)) for answer in answers} == {("HTTP/2", 1 << 20)}
        answer = await client.put(f"{url}/upload/httpx", content=b"h" * 200_000)
        assert answer.status_code in (201, 204)


asyncio.run(many())
try:
    httpx.get(url, timeout=20)
except httpx.ConnectError as error:
    assert "CERTIFICATE_VERIFY_FAILED" in str(error), error
else:
    raise AssertionError("a server under an unknown root was accepted")
