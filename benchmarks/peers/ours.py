"""tls12 itself, by its public names."""

from __future__ import annotations

from itertools import cycle

from benchmarks.peers import NAME, OTHER_NAME, Scenario, Transfer, material
from tls12 import (
    AcceptAnyPeer,
    ClientConfig,
    ClientConnection,
    Credential,
    DataReceived,
    HandshakeCompleted,
    Policy,
    ServerConfig,
    ServerConnection,
    Session,
    TicketKeys,
    TrustStore,
    X509Verifier,
)
from tls12.registry import CipherSuite, NamedGroup
from tls12.resumption.stores import MemorySessionStore


class OurPair:
    """A ClientConnection and a ServerConnection."""

    def __init__(self, client: ClientConnection, server: ServerConnection) -> None:
        self.client = client
        self.server = server

    def seal(self) -> Transfer:
        """`send_data` and `data_to_send`."""
        send, take = self.client.send_data, self.client.data_to_send

        def one_way(data: bytes) -> int:
            send(data)
            return len(take())

        return one_way

    def transfer(self) -> Transfer:
        """The ordinary loop: there is only one way to read."""
        send, take = self.client.send_data, self.client.data_to_send
        give, events = self.server.receive_data, self.server.events

        def one_way(data: bytes) -> int:
            send(data)
            give(take())
            got = 0
            for event in events():
                if type(event) is DataReceived:
                    got += len(event.data)
            return got

        return one_way

    def transfer_often(self, writes: int) -> Transfer:
        """`send_data` as often as there are writes."""
        send, take = self.client.send_data, self.client.data_to_send
        give, events = self.server.receive_data, self.server.events

        def one_way(data: bytes) -> int:
            for _ in range(writes):
                send(data)
            give(take())
            got = 0
            for event in events():
                if type(event) is DataReceived:
                    got += len(event.data)
            return got

        return one_way

    def transfer_until_empty(self) -> Transfer:
        """The same: `events()` gives all that there is."""
        return self.transfer()


class OurEndpoints:
    """A ClientConfig and a ServerConfig."""

    def __init__(self, scenario: Scenario) -> None:
        files = material(scenario.key, scenario.intermediates)
        policy = Policy.compatible().replace(
            cipher_suites=(CipherSuite.from_openssl(scenario.suite),),
            groups=(NamedGroup.X25519, NamedGroup.SECP256R1),
            encrypt_then_mac=scenario.encrypt_then_mac,
        )
        # The verifier remembers verified chains by name. It has room for one, so with two names in turn it never
        # remembers the one that is asked for.
        self._names = cycle((NAME, OTHER_NAME) if scenario.cold else (NAME,))
        x509 = X509Verifier(TrustStore.from_pem(files.root_pem), cache_size=1)
        self.credential = Credential.from_pem(files.issued.chain_pem, files.issued.key_pem)
        self._client = ClientConfig(
            verifier=x509 if scenario.verify else AcceptAnyPeer(),
            policy=policy,
            pack_small_writes=scenario.pack_small_writes,
        )
        by_ticket = scenario.resume_by == "ticket"
        self._server = ServerConfig(
            credentials=(self.credential,),
            policy=policy,
            ticket_keys=TicketKeys.generate() if by_ticket else None,
            sessions=None if by_ticket else MemorySessionStore(),
        )
        self._session: Session | None = None

    def full(self) -> OurPair:
        """Four flights."""
        return self._connect(None)

    def resumed(self) -> None:
        """Three flights."""
        if self._session is None:
            self._session = self._connect(None).client.session
        pair = self._connect(self._session)
        agreed = pair.client.negotiated
        assert agreed is not None
        assert agreed.resumed

    @staticmethod
    def hello(name: str) -> bytes:
        """The ClientHello of a client by default, as a message."""
        client = ClientConnection(ClientConfig(verifier=AcceptAnyPeer()), name)
        client.initiate_handshake()
        return bytes(client.data_to_send()[5:])

    def _connect(self, session: Session | None) -> OurPair:
        client = ClientConnection(self._client, next(self._names), session=session)
        server = ServerConnection(self._server)
        client.initiate_handshake()
        server.receive_data(client.data_to_send())
        client.receive_data(server.data_to_send())
        server.receive_data(client.data_to_send())
        if session is None:
            client.receive_data(server.data_to_send())
        for end in (client, server):
            assert type(end.events()[-1]) is HandshakeCompleted
        return OurPair(client, server)


class Ours:
    """tls12."""

    name = "tls12"

    def prepare(self, scenario: Scenario) -> OurEndpoints:
        """Two configs."""
        return OurEndpoints(scenario)
