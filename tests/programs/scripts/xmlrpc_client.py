"""xmlrpc.client: calls over one kept connection."""

import ssl
import sys
import xmlrpc.client

port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
with xmlrpc.client.ServerProxy(f"https://localhost:{port}/", context=context) as server:
    for number in range(10):
        assert server.double(number) == 2 * number
    assert server.double("x" * 100_000) == "x" * 200_000
