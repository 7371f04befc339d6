"""A session is resumed only by a server that still is who it was: the same key, names and protocols."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests import pki
from tests.ends import Ours, credential, credential_of, our_client, talk, verifier
from tls12 import (
    AcceptAnyPeer,
    Alert,
    ClientAuth,
    ClientConfig,
    ClientHelloReceived,
    ConnectionState,
    Credential,
    MemorySessionStore,
    Policy,
    Psk,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    TicketKeys,
)
from tls12.errors import NameMismatch
from tls12.handshake.bindings import client_store_key

by_both = pytest.mark.parametrize("by", ["ticket", "id"])


def keeping(by: str) -> dict[str, Any]:
    """What two servers share when one can resume the sessions of the other."""
    return {"ticket_keys": TicketKeys.generate()} if by == "ticket" else {"sessions": MemorySessionStore()}


def visit(kept: MemorySessionStore, server: ServerConfig, **client: Any) -> Ours:
    ours = our_client(**{"sessions": kept, "verifier": verifier(), **client})
    talk(ours, Ours(ServerConnection(server)))
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


def issued(number: int = 1, *names: str, kind: str = "ecdsa-p256") -> Credential:
    """One more certificate; the same number is the same key."""
    return credential_of(pki.intermediate().issue(*names or pki.NAMES, key=pki.key(kind, number)))


@by_both
def test_a_session_outlives_the_renewal_of_the_certificate_by_the_same_key(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    old, renewed = issued(), issued()
    assert old.fingerprint != renewed.fingerprint
    visit(kept, config(old, **shared))
    assert visit(kept, config(renewed, **shared)).negotiated.resumed


@by_both
def test_a_session_outlives_a_renewal_that_changes_other_names_but_the_clients(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    visit(kept, config(issued(1, pki.NAME), **shared))
    assert visit(kept, config(issued(1, pki.NAME, "new.test"), **shared)).negotiated.resumed


@by_both
def test_the_same_key_under_a_certificate_for_another_name_does_not_resume(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    visit(kept, config(issued(1), **shared))
    assert isinstance(visit(kept, config(issued(1, "other.test"), **shared)).error, NameMismatch)


@by_both
def test_where_the_client_sends_no_name_the_names_of_the_certificate_must_be_the_same(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    address = {"name": "127.0.0.1"}
    visit(kept, config(issued(1, "127.0.0.1"), **shared), **address)
    assert visit(kept, config(issued(1, "127.0.0.1"), **shared), **address).negotiated.resumed
    other = visit(kept, config(issued(1, "127.0.0.1", "127.0.0.2"), **shared), **address)
    assert not other.negotiated.resumed


@by_both
@pytest.mark.parametrize("added", [0, 1])
def test_a_certificate_beside_the_old_one_voids_no_session(added: int, by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    old, new = issued(1), issued(0, kind="rsa-2048")
    both = (old, new) if added else (new, old)
    visit(kept, config(old, **shared))
    assert visit(kept, ServerConfig(credentials=both, **shared)).negotiated.resumed
    assert visit(kept, ServerConfig(credentials=(new,), **shared)).negotiated.peer_certificates == new.certificate_list


@by_both
def test_a_certificate_with_a_new_key_is_shown_in_a_full_handshake(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    visit(kept, config(issued(1), **shared))
    renewed = issued(2)
    client = visit(kept, config(renewed, **shared))
    assert not client.negotiated.resumed
    assert client.negotiated.peer_certificates == renewed.certificate_list
    assert visit(kept, config(renewed, **shared)).negotiated.resumed


@by_both
def test_sessions_go_on_across_keys_if_the_server_says_so_but_never_under_another_name(by: str) -> None:
    kept, shared = MemorySessionStore(), {**keeping(by), "resume_across_keys": True}
    visit(kept, config(issued(1), **shared))
    assert visit(kept, config(issued(2), **shared)).negotiated.resumed
    assert isinstance(visit(kept, config(issued(3, "other.test"), **shared)).error, NameMismatch)


@by_both
def test_certificates_without_names_are_told_apart_by_their_subjects(by: str) -> None:
    key = pki.key(number=7)
    one, again, other = (
        Credential.from_objects(pki.bare(subject, key), key) for subject in ("a device", "a device", "another")
    )
    kept, shared = MemorySessionStore(), keeping(by)
    accepting = {"verifier": AcceptAnyPeer()}
    visit(kept, config(one, **shared), **accepting)
    assert visit(kept, config(again, **shared), **accepting).negotiated.resumed
    assert not visit(kept, config(other, **shared), **accepting, name=None).negotiated.resumed
    assert not visit(kept, config(other, **shared), **accepting).negotiated.resumed


@by_both
def test_a_lifetime_that_was_made_shorter_counts_for_sessions_that_are_there(by: str) -> None:
    kept, shared, now = MemorySessionStore(), keeping(by), time.time()
    visit(kept, config(**shared), clock=lambda: now)
    later = {"session_lifetime": 60.0, "clock": lambda: now + 61}
    assert not visit(kept, config(**shared, **later), clock=lambda: now + 61).negotiated.resumed


@by_both
def test_configurations_that_share_a_store_each_find_their_own_session(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    one, other = (credential_of(pki.client(common_name=name)) for name in ("one", "other"))
    server = config(client_auth=ClientAuth.OPTIONAL, verifier=verifier(), **shared)
    users = [{"credentials": (one,)}, {"credentials": (other,)}, {}, {"alpn_protocols": ("h2",)}]
    assert [visit(kept, server, **user).negotiated.resumed for user in users] == [False] * len(users)
    assert [visit(kept, server, **user).negotiated.resumed for user in users] == [True] * len(users)


@pytest.mark.parametrize("whose", ["client", "server"])
def test_a_session_of_a_client_is_none_for_a_server(whose: str) -> None:
    """A program may be both, with one store, and with pre-shared keys nothing else tells the two apart."""
    psk: dict[str, Any] = {"policy": Policy.psk()}
    server = {"credentials": (), "psk": {b"one": b"a key of sixteen"}, **psk}
    mine = {"verifier": None, "psk": Psk(b"one", b"a key of sixteen"), **psk}
    client, first = our_client(**mine), Ours(ServerConnection(ServerConfig(sessions=MemorySessionStore(), **server)))
    talk(client, first)
    session, kept = client.connection.session, (client if whose == "client" else first).connection.session
    assert session is not None
    assert kept is not None
    store = MemorySessionStore()
    store.put(session.session_id, kept)
    again = our_client(session=session, **mine)
    talk(again, Ours(ServerConnection(ServerConfig(sessions=store, **server))))
    assert again.negotiated.resumed is (whose == "server")


def test_no_session_id_is_the_key_of_a_clients_session() -> None:
    for name in (None, "a", pki.NAME):
        assert len(client_store_key(ClientConfig(verifier=AcceptAnyPeer()), name, ())) > 32


@by_both
def test_a_server_for_other_protocols_cannot_resume(by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    alpn = {"alpn_protocols": ("h2", "imap")}
    assert visit(kept, config(alpn_protocols=("h2",), **shared), **alpn).negotiated.alpn_protocol == "h2"
    client = visit(kept, config(alpn_protocols=("imap",), **shared), **alpn)
    assert (client.negotiated.resumed, client.negotiated.alpn_protocol) == (False, "imap")


@by_both
@pytest.mark.parametrize("renewed", [False, True])
def test_both_sides_compute_the_same_binding_to_the_servers_certificate_when_resumed(renewed: bool, by: str) -> None:
    kept, shared = MemorySessionStore(), keeping(by)
    certificates = (issued(), issued()) if renewed else (issued(),) * 2
    for resumed, certificate in zip((False, True), certificates, strict=True):
        client, server = our_client(sessions=kept), Ours(ServerConnection(config(certificate, **shared)))
        talk(client, server)
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
    talk(ours, theirs)
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
    talk(client, server)
    assert len([event for event in server.events if type(event).__name__ == "HandshakeCompleted"]) == 1
    assert server.connection.config.policy == Policy.default()
