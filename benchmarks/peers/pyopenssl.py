"""pyOpenSSL over its memory BIOs. It uses the OpenSSL that `cryptography` brings, which does our encryption as well.

It has no public call that checks a host name: its "verified" handshakes check the chain only.
"""

from __future__ import annotations

from OpenSSL import SSL

from benchmarks.peers import MAX_PLAINTEXT, NAME, OP_NO_ENCRYPT_THEN_MAC, Scenario, Transfer, material


class PyOpenSSLPair:
    """Two Connections without sockets."""

    def __init__(self, client: SSL.Connection, server: SSL.Connection) -> None:
        self.client = client
        self.server = server

    def seal(self) -> Transfer:
        """`sendall` and `bio_read`."""
        send, take = self.client.sendall, self.client.bio_read

        def one_way(data: bytes) -> int:
            send(data)
            return len(take(len(data) + 65536))

        return one_way

    def transfer(self) -> Transfer:
        """`recv(n)` as often as there are records."""
        send, take = self.client.sendall, self.client.bio_read  # send() takes one record at most
        give, recv = self.server.bio_write, self.server.recv

        def one_way(data: bytes) -> int:
            wanted = len(data)
            send(data)
            give(take(wanted + 65536))
            size = min(wanted, MAX_PLAINTEXT)
            got = len(recv(size))
            while got < wanted:
                got += len(recv(size))
            return got

        return one_way

    def transfer_often(self, writes: int) -> Transfer:
        """`recv(n)` for each write: a read gives one record at most."""
        send, take = self.client.send, self.client.bio_read
        give, recv = self.server.bio_write, self.server.recv

        def one_way(data: bytes) -> int:
            for _ in range(writes):
                send(data)
            size, got = len(data), 0
            give(take(writes * (size + 256)))
            for _ in range(writes):
                got += len(recv(size))
            return got

        return one_way

    def transfer_until_empty(self) -> Transfer:
        """`recv(16384)` until WantReadError."""
        send, take = self.client.sendall, self.client.bio_read  # send() takes one record at most
        give, recv = self.server.bio_write, self.server.recv
        want_read = SSL.WantReadError

        def one_way(data: bytes) -> int:
            send(data)
            give(take(len(data) + 65536))
            got = 0
            try:
                while True:
                    got += len(recv(MAX_PLAINTEXT))
            except want_read:
                return got

        return one_way


class PyOpenSSLEndpoints:
    """Two Contexts."""

    def __init__(self, scenario: Scenario) -> None:
        files = material(scenario.key, scenario.intermediates)
        self._server = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._server.use_certificate_chain_file(str(files.chain_file))
        self._server.use_privatekey_file(str(files.key_file))
        self._server.set_session_id(b"benchmark")
        self._client = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if scenario.verify:
            self._client.load_verify_locations(str(files.root_file))
            self._client.set_verify(SSL.VERIFY_PEER)
        for context in (self._client, self._server):
            context.set_min_proto_version(SSL.TLS1_2_VERSION)
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
            context.set_cipher_list(f"{scenario.suite}:@SECLEVEL=0".encode())  # CCM_8 is below level 1
            if not scenario.encrypt_then_mac:
                context.set_options(OP_NO_ENCRYPT_THEN_MAC)
        if scenario.resume_by == "id":
            self._server.set_options(SSL.OP_NO_TICKET)
            self._server.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
        self._session: SSL.Session | None = None

    def full(self) -> PyOpenSSLPair:
        """Four flights."""
        return self._connect(None)

    def resumed(self) -> None:
        """Three flights; if it were a full handshake the client would lack the last one, and fail to send."""
        if self._session is None:
            pair = self._connect(None)
            self._session = pair.client.get_session()
            self._part(pair)
        pair = self._connect(self._session)
        pair.client.send(b"resumed")
        self._part(pair)

    def _part(self, pair: PyOpenSSLPair) -> None:
        # OpenSSL forgets the session, at both ends, of a connection that is freed without a close_notify:
        # pretend that there was one.
        pair.client.set_shutdown(SSL.SENT_SHUTDOWN)
        pair.server.set_shutdown(SSL.SENT_SHUTDOWN)

    def _connect(self, session: SSL.Session | None) -> PyOpenSSLPair:
        client, server = SSL.Connection(self._client), SSL.Connection(self._server)
        client.set_connect_state()
        server.set_accept_state()
        client.set_tlsext_host_name(NAME.encode())
        if session is not None:
            client.set_session(session)
        for end, other in ((client, server), (server, client), (client, server)):
            try:
                end.do_handshake()
            except SSL.WantReadError:
                pass
            other.bio_write(end.bio_read(65536))
        server.do_handshake()
        if session is None:
            client.bio_write(server.bio_read(65536))
            client.do_handshake()
        return PyOpenSSLPair(client, server)


class PyOpenSSL:
    """pyOpenSSL."""

    name = "pyOpenSSL"

    def prepare(self, scenario: Scenario) -> PyOpenSSLEndpoints:
        """Two contexts."""
        return PyOpenSSLEndpoints(scenario)
