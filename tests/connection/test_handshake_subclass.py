"""A subclass of a handshake that overrides one step, given to a connection."""

from __future__ import annotations

from dataclasses import replace

from tests import pki
from tests.ends import pair, talk
from tls12 import Alert
from tls12.agreement import Agreed
from tls12.handshake.client import ClientHandshake
from tls12.handshake.negotiation import Offer
from tls12.handshake.server import ServerHandshake
from tls12.wire.extensions import RenegotiationInfo
from tls12.wire.hello import ClientHello, ServerHello


class WithoutRenegotiationInfo(ServerHandshake):
    """Answers as a server that has not heard of RFC 5746."""

    def build_server_hello(self, offer: Offer, agreed: Agreed, *, resumed: bool = False) -> ServerHello:
        hello = super().build_server_hello(offer, agreed, resumed=resumed)
        kept = tuple(e for e in hello.extensions or () if not isinstance(e, RenegotiationInfo))
        return replace(hello, extensions=kept)


class Careless(ClientHandshake):
    """Does not look for RFC 5746."""

    def check_renegotiation_info(self, answer: ServerHello) -> bool:
        return True


class Older(ClientHandshake):
    """Says that it speaks TLS 1.1."""

    def build_client_hello(self) -> ClientHello:
        return replace(super().build_client_hello(), client_version=0x0302)


def test_a_server_that_leaves_one_step_out_meets_the_clients_check_of_it() -> None:
    client, server = pair("client", theirs={"handshake": WithoutRenegotiationInfo})
    talk(client, server)
    assert client.error is not None
    assert client.error.alert is Alert.HANDSHAKE_FAILURE
    assert "secure renegotiation" in str(client.error)


def test_a_client_that_leaves_its_check_out_goes_on() -> None:
    client, server = pair("client", mine={"handshake": Careless}, theirs={"handshake": WithoutRenegotiationInfo})
    talk(client, server)
    assert client.completed
    assert server.completed
    assert client.connection.negotiated is not None
    assert client.connection.negotiated.server_name == pki.NAME


def test_a_client_that_builds_another_hello_is_answered_as_one_that_sent_it() -> None:
    server, client = pair("server", theirs={"handshake": Older})
    talk(server, client)
    assert server.error is not None
    assert server.error.alert is Alert.PROTOCOL_VERSION
