"""An honest state machine, a dishonest wire: what does a server say to a ClientHello that lies?

python examples/malform.py HOST PORT
"""

import socket
import sys
from collections.abc import Iterable
from dataclasses import replace

from tls12 import AcceptAnyPeer, ClientConfig, ClientConnection, ConnectionFailed
from tls12.connection import Unit
from tls12.registry import ExtensionType
from tls12.wire.extensions import RawExtension
from tls12.wire.hello import ClientHello


def malform(message: Unit) -> Iterable[Unit]:
    """The same extension twice, and nonsense in it."""
    if isinstance(message, ClientHello):
        lie = RawExtension(ExtensionType.SERVER_NAME, b"\x00\xff")
        return [replace(message, extensions=(*(message.extensions or ()), lie, lie))]
    return [message]


host, port = sys.argv[1], int(sys.argv[2])
conn = ClientConnection(ClientConfig(verifier=AcceptAnyPeer()), server_name=None, rewrite=malform)
conn.initiate_handshake()
with socket.create_connection((host, port), timeout=10) as sock:
    sock.sendall(conn.data_to_send())
    while not conn.closed:
        conn.receive_data(sock.recv(65536))
        sock.sendall(conn.data_to_send())
for event in conn.events():
    print(event.error if isinstance(event, ConnectionFailed) else event)
