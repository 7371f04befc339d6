"""pg8000: SCRAM-SHA-256-PLUS with tls-server-end-point, large values."""

import ssl
import sys

import pg8000.native

port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
connection = pg8000.native.Connection(
    "user", host="localhost", port=int(port), database="postgres", password="password", ssl_context=context, timeout=20
)
assert connection.auth.mechanism_name == "SCRAM-SHA-256-PLUS"
assert str(connection.auth.gs2_header.cb_name) == "tls-server-end-point"
((ssl_used, version),) = connection.run("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
assert ssl_used
assert connection.run("SELECT repeat('x', 1000000)") == [["x" * 1_000_000]]
assert connection.run("SELECT length(:value)", value="y" * 1_000_000) == [[1_000_000]]
connection.close()
