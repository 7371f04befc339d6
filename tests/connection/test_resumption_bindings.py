"""A session is resumed only by a server that still is who it was: the same certificate, names and protocols."""

from __future__ import annotations

from typing import Any

import pki
import pytest
from harness import Ours, credential, credential_of, our_client, pump, verifier

from tls12 import (
    Alert,
    ClientHelloReceived,
    ConnectionState,
    Credential,
    MemorySessionStore,
    Policy,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    TicketKeys,
)
from tls12.errors import NameMismatch

by_both = pytest.mark.parametrize("by", ["ticket", "id"])


def keeping(by: str) -> dict[str, Any]:
    """What two servers share when one can resume the sessions of the other."""
    return {"ticket_keys": TicketKeys.generate()} if by == "ticket" else {"sessions": MemorySessionStore()}


def visit(kept: MemorySessionStore, server: ServerConfig, **client: Any) -> Ours:
    ours = our_client(**{"sessions": kept, "verifier": verifier(), **client})
    pump(ours, Ours(ServerConnection(server)))
    return ours


def config(certificate: Credential | None = None, **more: Any) -> ServerConfig:
    return ServerConfig(credentials=(certificate or credential(),), **more)


@by_both
def test_the_same_server_resumes(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    assert [visit(kept, config(**shared)).negotiated.resumed for _ in range(3)] == [False, True, True]


@by_both
def test_a_host_that_shares_keys_but_has_no_certificate_for_the_name_cannot_resume(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    assert visit(kept, config(**shared)).completed
    impostor = config(credential_of(pki.intermediate().issue("other.test")), **shared)
    assert isinstance(visit(kept, impostor).error, NameMismatch)


@by_both
def test_after_a_renewal_of_the_certificate_a_full_handshake_shows_it(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    visit(kept, config(**shared))
    renewed = credential_of(pki.intermediate().issue(*pki.NAMES))
    client = visit(kept, config(renewed, **shared))
    assert not client.negotiated.resumed
    assert client.negotiated.peer_certificates == renewed.certificate_list
    assert visit(kept, config(renewed, **shared)).negotiated.resumed


@by_both
def test_with_several_certificates_only_the_one_that_was_shown_resumes(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    both = (credential("ecdsa-p256"), credential("ecdsa-p384"))
    visit(kept, ServerConfig(credentials=both, **shared))
    assert visit(kept, ServerConfig(credentials=both, **shared)).negotiated.resumed
    assert not visit(kept, ServerConfig(credentials=both[::-1], **shared)).negotiated.resumed


@by_both
def test_a_server_for_other_protocols_cannot_resume(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    alpn = {"alpn_protocols": ("h2", "imap")}
    assert visit(kept, config(alpn_protocols=("h2",), **shared), **alpn).negotiated.alpn_protocol == "h2"
    client = visit(kept, config(alpn_protocols=("imap",), **shared), **alpn)
    assert (client.negotiated.resumed, client.negotiated.alpn_protocol) == (False, "imap")


@by_both
def test_both_sides_compute_the_same_binding_to_the_servers_certificate_when_resumed(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    for resumed in (False, True):
        client, server = our_client(sessions=kept), Ours(ServerConnection(config(**shared)))
        pump(client, server)
        assert client.negotiated.resumed is resumed
        binding = client.connection.channel_binding("tls-server-end-point")
        assert binding == server.connection.channel_binding("tls-server-end-point")


def answered(first: ServerConfig, second: ServerConfig, **client: Any) -> tuple[Ours, Ours]:
    """A handshake with a server whose application answers the ClientHello with another configuration."""
    ours = our_client(**client)
    theirs = Ours(ServerConnection(first, pause_on=frozenset({ClientHelloReceived})))
    ours.start()
    theirs.receive(ours.take())
    assert theirs.connection.state is ConnectionState.PAUSED
    theirs.connection.answer(second)
    theirs.events += theirs.connection.events()
    pump(ours, theirs)
    assert theirs.completed, theirs.error
    return ours, theirs


def test_a_fatal_alert_forgets_the_session_in_the_store_of_the_configuration_that_was_answered() -> None:
    store = MemorySessionStore()
    client, server = answered(config(), config(sessions=store))
    assert len(store) == 1
    client.connection.abort(Alert.INTERNAL_ERROR)
    server.receive(client.take())
    assert len(store) == 0


def test_the_policy_of_the_configuration_that_was_answered_holds_for_the_rest_of_the_connection() -> None:
    allows = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    client, server = answered(config(policy=allows), config(), policy=allows)
    client.connection.renegotiate()
    pump(client, server)
    assert len([event for event in server.events if type(event).__name__ == "HandshakeCompleted"]) == 1
    assert server.connection.config.policy == Policy.default()
