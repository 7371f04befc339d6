"""websocket-client: messages of several sizes and back."""

import sys

import websocket

port, ca = sys.argv[1:]
connection = websocket.create_connection(f"wss://localhost:{port}", timeout=20, sslopt={"ca_certs": ca})
for size in (1, 1_000, 300_000):
    connection.send_binary(b"w" * size)
    assert connection.recv() == b"w" * size
connection.close()
