"""redis-py: a certificate of the client, a large value, a pipeline, publish and subscribe, asyncio."""

import asyncio
import sys

import redis
import redis.asyncio

port, ca, chain, key = sys.argv[1:]
options = {
    "host": "localhost", "port": int(port), "socket_timeout": 20, "ssl": True,
    "ssl_ca_certs": ca, "ssl_certfile": chain, "ssl_keyfile": key,
}  # fmt: skip
with redis.Redis(**options) as client:
    client.set("large", b"r" * (1 << 20))
    assert client.get("large") == b"r" * (1 << 20)
    with client.pipeline() as pipeline:
        for _ in range(1_000):
            pipeline.incr("counter")
        answers = pipeline.execute()
    assert answers == list(range(answers[0], answers[0] + 1_000))
    with client.pubsub() as subscriber:
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=5)["type"] == "subscribe"
        client.publish("news", "hello")
        assert subscriber.get_message(timeout=5)["data"] == b"hello"


async def main() -> None:
    async with redis.asyncio.Redis(**options) as client:
        await client.set("other", b"a" * 100_000)
        assert await client.get("other") == b"a" * 100_000


asyncio.run(main())
