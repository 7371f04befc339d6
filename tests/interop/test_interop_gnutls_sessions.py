"""Sessions resumed with GnuTLS at the other end, in both roles."""

from __future__ import annotations

import socket
import threading

import pytest

from tests import peers, pki
from tests.ends import credential_of, directory, verifier
from tests.interop.programs import PATIENCE, Program
from tls12 import (
    ClientConfig,
    MemorySessionStore,
    Negotiated,
    ServerConfig,
    ServerConnection,
    TicketKeys,
    sync,
)

pytestmark = pytest.mark.peers

PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS1.2"


@pytest.mark.parametrize("way", ["ticket", "id"])
def test_gnutls_cli_resumes_with_our_server(way: str) -> None:
    config = ServerConfig(
        credentials=(credential_of(pki.server()),),
        ticket_keys=TicketKeys.generate() if way == "ticket" else None,
        sessions=MemorySessionStore() if way == "id" else None,
    )
    seen: list[Negotiated] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def serve_two() -> None:
            for _ in range(2):
                accepted, _ = listener.accept()
                accepted.settimeout(PATIENCE)
                with sync.wrap(accepted, ServerConnection(config)) as stream:
                    assert stream.negotiated is not None
                    seen.append(stream.negotiated)
                    stream.recv(100)

        thread = threading.Thread(target=serve_two)
        thread.start()
        program = Program(
            peers.program("gnutls-cli"), "--resume", "--insecure", "--priority", PRIORITY,
            "--sni-hostname", pki.NAME, "--port", str(listener.getsockname()[1]), "127.0.0.1",
        )  # fmt: skip
        try:
            program.wait_for(b"This is a resumed session")
            program.end_input()
            thread.join(PATIENCE)
        finally:
            program.stop()
    assert [negotiated.resumed for negotiated in seen] == [False, True]


def test_our_client_resumes_with_gnutls_serv() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    certificate, key = pki.server().write(directory(), "gnutls-sessions")
    program = Program(
        peers.program("gnutls-serv"), "--echo", "--priority", PRIORITY, "--port", str(port),
        "--x509certfile", str(certificate), "--x509keyfile", str(key),
    )  # fmt: skip
    try:
        program.wait_for(rb"IPv4 0\.0\.0\.0 port \d+\.\.\.done")
        config = ClientConfig(verifier=verifier(), sessions=MemorySessionStore())
        resumed = []
        for _ in range(2):
            with sync.connect("127.0.0.1", port, config, server_name=pki.NAME, timeout=PATIENCE) as stream:
                stream.sendall(b"once more\n")
                assert stream.recv(100) == b"once more\n"
                assert stream.negotiated is not None
                resumed.append(stream.negotiated.resumed)
    finally:
        program.stop()
    assert resumed == [False, True]
