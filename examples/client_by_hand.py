"""The sans-IO core over a socket, by hand: this loop is the whole contract.

python examples/client_by_hand.py HOST PORT [CA.pem]
"""

import socket
import sys

from tls12 import (
    ClientConfig,
    ClientConnection,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    HandshakeCompleted,
    TrustStore,
    X509Verifier,
)

host, port = sys.argv[1], int(sys.argv[2])
verifier = X509Verifier(TrustStore.from_pem_file(sys.argv[3])) if sys.argv[3:] else X509Verifier.from_system()

conn = ClientConnection(ClientConfig(verifier=verifier), server_name=host)
conn.initiate_handshake()
with socket.create_connection((host, port)) as sock:
    sock.sendall(conn.data_to_send())
    while not conn.closed:
        conn.receive_data(sock.recv(65536))
        for event in conn.events():
            match event:
                case HandshakeCompleted(negotiated=agreed):
                    print(agreed.version, agreed.cipher_suite)
                    conn.send_data(b"GET / HTTP/1.0\r\n\r\n")
                case DataReceived(data=data):
                    print(data.decode("utf-8", "replace"), end="")
                case ConnectionClosed():
                    conn.close()
                case ConnectionFailed(error=error):
                    print(error, error.alert)
        sock.sendall(conn.data_to_send())
