"""CPython's ssl over MemoryBIO, fixed to TLS 1.2; X25519 is the group that it prefers by itself."""

from __future__ import annotations

import ssl

from benchmarks.peers import MAX_PLAINTEXT, NAME, OP_NO_ENCRYPT_THEN_MAC, Scenario, Transfer, material


class StdlibPair:
    """Two SSLObjects and the four BIOs between them."""

    def __init__(
        self,
        client: ssl.SSLObject,
        server: ssl.SSLObject,
        client_in: ssl.MemoryBIO,
        client_out: ssl.MemoryBIO,
        server_in: ssl.MemoryBIO,
        server_out: ssl.MemoryBIO,
    ) -> None:
        self.client = client
        self.server = (server, server_in, server_out)
        self._bios = client_out, server_in

    def seal(self) -> Transfer:
        """`write` and the BIO's `read`."""
        write, take = self.client.write, self._bios[0].read

        def one_way(data: bytes) -> int:
            write(data)
            return len(take())

        return one_way

    def transfer(self) -> Transfer:
        """`read(n)` as often as there are records: no exception, no look at `pending()`."""
        client_out, server_in = self._bios
        write, take, give, read = self.client.write, client_out.read, server_in.write, self.server[0].read

        def one_way(data: bytes) -> int:
            write(data)
            give(take())
            wanted = len(data)
            size = min(wanted, MAX_PLAINTEXT)
            got = len(read(size))
            while got < wanted:
                got += len(read(size))
            return got

        return one_way

    def transfer_often(self, writes: int) -> Transfer:
        """`read(n)` for each write: a read gives one record at most."""
        client_out, server_in = self._bios
        write, take, give, read = self.client.write, client_out.read, server_in.write, self.server[0].read

        def one_way(data: bytes) -> int:
            for _ in range(writes):
                write(data)
            give(take())
            size, got = len(data), 0
            for _ in range(writes):
                got += len(read(size))
            return got

        return one_way

    def transfer_until_empty(self) -> Transfer:
        """`read(16384)` until SSLWantReadError, as a program does that cannot know how much there is."""
        client_out, server_in = self._bios
        write, take, give, read = self.client.write, client_out.read, server_in.write, self.server[0].read
        want_read = ssl.SSLWantReadError

        def one_way(data: bytes) -> int:
            write(data)
            give(take())
            got = 0
            try:
                while True:
                    got += len(read(MAX_PLAINTEXT))
            except want_read:
                return got

        return one_way


class StdlibEndpoints:
    """Two SSLContexts."""

    def __init__(self, scenario: Scenario) -> None:
        files = material(scenario.key, scenario.intermediates)
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(files.chain_file, files.key_file)
        self._client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if scenario.verify:
            self._client.load_verify_locations(files.root_file)
        else:
            self._client.check_hostname = False
            self._client.verify_mode = ssl.CERT_NONE
        for context in (self._client, self._server):
            context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{scenario.suite}:@SECLEVEL=0")  # CCM_8 is below level 1
            if not scenario.encrypt_then_mac:
                context.options |= OP_NO_ENCRYPT_THEN_MAC
        self._by_id = scenario.resume_by == "id"
        if self._by_id:
            self._server.options |= ssl.OP_NO_TICKET
        self._session: ssl.SSLSession | None = None

    def full(self) -> StdlibPair:
        """Four flights."""
        return self._connect(None)

    def resumed(self) -> None:
        """Three flights."""
        if self._session is None:
            pair = self._connect(None)
            self._session = pair.client.session
            self._part(pair)
        pair = self._connect(self._session)
        assert pair.client.session_reused
        self._part(pair)

    def _part(self, pair: StdlibPair) -> None:
        # OpenSSL forgets the session of a connection that is freed without a close_notify. A server that resumes by id
        # therefore sends one, which is a small part of a resumption's time, in this peer's figures only.
        if self._by_id:
            try:
                pair.server[0].unwrap()
            except ssl.SSLWantReadError:
                pass

    def _connect(self, session: ssl.SSLSession | None) -> StdlibPair:
        client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
        client = self._client.wrap_bio(client_in, client_out, server_hostname=NAME, session=session)
        server = self._server.wrap_bio(server_in, server_out, server_side=True)
        for end, give, take in (
            (client, server_in, client_out),
            (server, client_in, server_out),
            (client, server_in, client_out),
        ):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            give.write(take.read())
        server.do_handshake()
        if session is None:
            client_in.write(server_out.read())
            client.do_handshake()
        return StdlibPair(client, server, client_in, client_out, server_in, server_out)


class StdlibSSL:
    """CPython's ssl."""

    name = "ssl"

    def prepare(self, scenario: Scenario) -> StdlibEndpoints:
        """Two contexts."""
        return StdlibEndpoints(scenario)
