"""Fetch a page over a blocking socket: python examples/client_socket.py HOST PORT [CA.pem]."""

import sys

from tls12 import ClientConfig, TrustStore, X509Verifier, sync

host, port = sys.argv[1], int(sys.argv[2])
verifier = X509Verifier(TrustStore.from_pem_file(sys.argv[3])) if sys.argv[3:] else X509Verifier.from_system()

with sync.connect(host, port, ClientConfig(verifier=verifier), timeout=10) as tls:
    print(tls.negotiated.version, tls.negotiated.cipher_suite)
    tls.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    while data := tls.recv():
        print(data.decode("utf-8", "replace"), end="")
