"""pymemcache: large values, and a pool of connections over several threads."""

import concurrent.futures
import ssl
import sys

from pymemcache.client.base import PooledClient

port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
client = PooledClient(("localhost", int(port)), tls_context=context, max_pool_size=4, timeout=20)


def keep(number: int) -> bool:
    value = bytes([number]) * (1 + number * 100_000)
    client.set(f"key{number}", value, noreply=False)
    return client.get(f"key{number}") == value


with concurrent.futures.ThreadPoolExecutor(4) as threads:
    assert all(threads.map(keep, range(10)))
client.close()
