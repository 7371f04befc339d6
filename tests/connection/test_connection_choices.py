"""Turns of a handshake that ordinary peers rarely take: sessions that no longer fit, answers that do not suit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests import pki
from tests.ends import (
    AUTHENTICATED,
    PSK,
    PSK_POLICY,
    ROLES,
    Ours,
    connected,
    credential_of,
    other,
    pair,
    record,
    renegotiable,
    stapled_credential,
    talk,
)
from tests.sessions import altered
from tls12 import (
    Accept,
    Alert,
    CipherSuite,
    ClientHelloReceived,
    ConnectionState,
    HandshakeCompleted,
    MemorySessionStore,
    PeerAlert,
    PeerCertificateReceived,
    PeerIncompatible,
    Policy,
    PskLookupRequested,
    ServerConfig,
    Session,
    SessionLookupRequested,
    SignatureRequested,
    TicketKeys,
    UsageError,
)
from tls12.errors import WrongPurpose
from tls12.handshake.engine import Unit
from tls12.lab.pki import CLIENT, key_usage
from tls12.registry import ContentType, NameType, ProtocolVersion
from tls12.wire.certificates import Certificate
from tls12.wire.extensions import ExtendedMasterSecret, RecordSizeLimit, ServerName, ServerNameList, SupportedVersions
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.records import split_records

WITH_PSK: dict[str, Any] = {
    "policy": PSK_POLICY,
    "client": {"psk": PSK},
    "server": {"psk": {PSK.identity: PSK.key}, "credentials": ()},
}


def session_of(**options: Any) -> Session:
    """What a client keeps of a handshake."""
    client, _ = connected("client", **options)
    assert client.connection.session is not None
    return client.connection.session


def offering(session: Session, **options: Any) -> tuple[Ours, Ours]:
    """A client that has this session, and its server, after they have talked."""
    client, server = pair("client", mine={"session": session}, **options)
    talk(client, server)
    assert client.completed, (client.error, server.error)
    return client, server


def hook(message_class: type, change: Callable[[Any], Unit]) -> Callable[[Unit], Iterable[Unit]]:
    """A hook that changes messages of one class."""
    return lambda message: [change(message) if isinstance(message, message_class) else message]


# --- sessions ---------------------------------------------------------------------------------------------


def test_a_session_made_with_a_psk_is_not_offered_without_one() -> None:
    keys = TicketKeys.generate()
    policy = Policy.default().replace(cipher_suites=(*PSK_POLICY.cipher_suites, *Policy.default().cipher_suites))
    server = {"psk": {PSK.identity: PSK.key}, "ticket_keys": keys}
    session = session_of(policy=policy, client={"psk": PSK}, server=server)
    assert "PSK" in session.cipher_suite.name
    again, _ = offering(session, policy=policy, client={"psk": PSK}, server=server)
    assert again.negotiated.resumed
    without, _ = offering(session, policy=policy, server=server)
    assert not without.negotiated.resumed


@pytest.mark.parametrize("psk", [None, {b"somebody else": b"a key"}])
def test_a_session_whose_psk_identity_is_gone_is_not_resumed(psk: dict[bytes, bytes] | None) -> None:
    keys = TicketKeys.generate()
    policy = Policy.default().replace(cipher_suites=(*PSK_POLICY.cipher_suites, *Policy.default().cipher_suites))
    common: dict[str, Any] = {"policy": policy, "client": {"psk": PSK}}
    session = session_of(server={"psk": {PSK.identity: PSK.key}, "ticket_keys": keys}, **common)
    client, server = pair("client", mine={"session": session}, server={"psk": psk, "ticket_keys": keys}, **common)
    talk(client, server)
    if psk is None:
        assert client.completed
        assert not client.negotiated.resumed
    else:
        assert isinstance(client.error, PeerAlert)
        assert client.error.received is Alert.UNKNOWN_PSK_IDENTITY


def test_a_ticket_that_a_server_without_keys_cannot_open_means_a_full_handshake() -> None:
    session = session_of(server={"ticket_keys": TicketKeys.generate()})
    client, _ = offering(session)
    assert not client.negotiated.resumed


def test_a_ticket_of_another_release_means_a_full_handshake() -> None:
    keys = TicketKeys.generate()
    session = session_of(server={"ticket_keys": keys})
    client, _ = offering(replace(session, ticket=keys.seal(b"in a format of the future")), server={"ticket_keys": keys})
    assert not client.negotiated.resumed


def test_a_session_with_another_certificate_of_the_server_is_not_offered_in_a_renegotiation() -> None:
    other = session_of(
        server={"sessions": MemorySessionStore(), "credentials": (stapled_credential("rsa-2048"),)},
        policy=renegotiable(),
    )

    class SecondTime(MemorySessionStore):
        """A client's store that finds the other session when it is asked again."""

        asked = 0

        def get(self, key: bytes) -> Session | None:
            self.asked += 1
            return other if self.asked > 1 else None

    offered: list[bytes] = []

    def watch(sender: str, message: Unit, size: int) -> None:
        if isinstance(message, ClientHello):
            offered.append(message.session_id)

    client, server = connected(
        "client", policy=renegotiable(), client={"sessions": SecondTime()}, mine={"on_message": watch}
    )
    client.connection.renegotiate()
    talk(client, server)
    assert sum(isinstance(event, HandshakeCompleted) for event in client.events) == 2
    assert offered == [b"", b""]


def test_a_session_for_another_name_is_not_offered() -> None:
    session = session_of(server={"ticket_keys": TicketKeys.generate()})
    client, _ = offering(altered(session, server_name="other.test"))
    assert not client.negotiated.resumed


# --- answers that do not suit -----------------------------------------------------------------------------


def without_ems(hello: Any) -> Any:
    """The hello without extended_master_secret."""
    return replace(hello, extensions=tuple(e for e in hello.extensions if not isinstance(e, ExtendedMasterSecret)))


@pytest.mark.parametrize("policy", [Policy.default(), Policy.compatible(), Policy.legacy_device()], ids=str)
def test_a_peer_without_rfc_7627_is_accepted(policy: Policy) -> None:
    for end in connected("client", mine={"rewrite": hook(ClientHello, without_ems)}, policy=policy):
        assert not end.negotiated.extended_master_secret


@pytest.mark.parametrize("policy", [Policy.default(), Policy.compatible(), Policy.legacy_device()], ids=str)
def test_a_session_without_rfc_7627_is_kept_and_offered_only_by_a_policy_that_reuses_it(policy: Policy) -> None:
    stores = {role: {"sessions": MemorySessionStore()} for role in ROLES}
    stores["server"]["ticket_keys"] = TicketKeys.generate()
    for again in (False, True):
        ends = connected("client", mine={"rewrite": hook(ClientHello, without_ems)}, policy=policy, **stores)
        for end in ends:
            assert end.negotiated.resumed is (again and policy.reuse_legacy_sessions)
            assert (end.connection.session is not None) is policy.reuse_legacy_sessions
    assert bool(len(stores["client"]["sessions"])) is policy.reuse_legacy_sessions


def test_a_session_without_rfc_7627_that_was_kept_elsewhere_is_not_offered() -> None:
    session = altered(session_of(server={"ticket_keys": TicketKeys.generate()}), extended_master_secret=False)
    client, _ = offering(session)
    assert not client.negotiated.resumed


@pytest.mark.parametrize("role", ROLES)
def test_the_strict_policy_insists_on_rfc_7627(role: str) -> None:
    lying = {"rewrite": hook(ServerHello if role == "client" else ClientHello, without_ems)}
    theirs, ours = pair(other(role), mine=lying, **{role: {"policy": Policy.strict()}})
    talk(theirs, ours)
    assert isinstance(ours.error, PeerIncompatible)
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE
    assert "Policy.strict().replace(require_extended_master_secret=False)" in ours.error.remedy


@pytest.mark.parametrize("role", ROLES)
def test_record_size_limit_is_neither_sent_nor_answered_where_the_policy_leaves_it_out(role: str) -> None:
    seen: list[Unit] = []
    plain = Policy.default().replace(record_size_limit=False)
    ours, _ = connected(role, **{role: {"policy": plain}}, mine={"on_message": lambda *told: seen.append(told[1])})
    sent = {
        type(message)
        for message in seen
        if isinstance(message, ClientHello | ServerHello) and message.find(RecordSizeLimit) is not None
    }
    assert sent == (set() if role == "client" else {ClientHello})
    assert ours.negotiated.record_size_limit == 16_384


def test_a_client_certificate_that_may_not_sign_is_refused() -> None:
    issued = pki.intermediate().issue(purposes=CLIENT, usage=key_usage("key_encipherment"), key=pki.key())
    show = hook(Certificate, lambda _: Certificate(issued.chain_der))
    client, server = pair("client", mine={"rewrite": show}, **AUTHENTICATED)
    talk(client, server)
    assert isinstance(server.error, WrongPurpose)
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is Alert.UNSUPPORTED_CERTIFICATE


def test_a_certificate_on_a_curve_that_the_client_did_not_offer_is_not_chosen() -> None:
    groups = Policy.default().groups[:1]
    client, server = pair(
        "client",
        client={"policy": Policy.default().replace(groups=groups)},
        server={"credentials": (stapled_credential("ecdsa-p256"), stapled_credential("rsa-2048"))},
    )
    talk(client, server)
    assert client.completed, server.error
    assert client.negotiated.peer_certificates[0] == stapled_credential("rsa-2048").certificate_list[0]


def test_rsa_transport_needs_a_key_that_may_decrypt() -> None:
    signing_only = pki.intermediate().issue(*pki.NAMES, key=pki.key("rsa-2048"), usage=key_usage("digital_signature"))
    policy = Policy.compatible().replace(cipher_suites=(CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256,))
    server, client = pair("server", policy=policy, server={"credentials": (credential_of(signing_only),)})
    talk(server, client)
    assert isinstance(server.error, PeerIncompatible)
    assert "keyEncipherment" in str(server.error)
    both = (credential_of(signing_only), stapled_credential("rsa-2048"))
    server, _ = connected("server", policy=policy, server={"credentials": both})
    assert server.negotiated.cipher_suite is CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256


def test_a_server_certificate_that_may_not_sign_is_refused() -> None:
    usage = key_usage("key_encipherment")
    issued = pki.intermediate().issue(*pki.NAMES, key=pki.key(), usage=usage)
    show = hook(Certificate, lambda _: Certificate(issued.chain_der))
    server, client = pair("server", mine={"rewrite": show})
    talk(server, client)
    assert isinstance(client.error, WrongPurpose)
    assert "digitalSignature" in str(client.error)


def test_supported_versions_decides_where_a_client_sends_it() -> None:
    both = SupportedVersions((ProtocolVersion.TLS_1_3, ProtocolVersion.TLS_1_2))
    older = hook(ClientHello, lambda hello: replace(hello, client_version=0x0301, extensions=(*hello.extensions, both)))
    client, server = pair("client", mine={"rewrite": older})
    talk(client, server)
    assert server.completed, server.error


def test_an_unknown_psk_identity_can_be_concealed_behind_a_wrong_key() -> None:
    policy = PSK_POLICY.replace(conceal_psk_identities=True)
    alerts = []
    for psk in ({b"somebody else": b"a key"}, {PSK.identity: b"another key"}):
        client, server = pair("client", policy=policy, client={"psk": PSK}, server={"psk": psk, "credentials": ()})
        talk(client, server)
        assert server.error is not None
        alerts.append((server.error.alert, str(server.error)))
    assert alerts[0] == alerts[1]


def test_a_client_with_nothing_to_offer_is_refused_when_the_connection_is_made() -> None:
    with pytest.raises(UsageError, match="no cipher suite to offer"):
        pair("client", client={"verifier": None})


def test_names_of_types_that_nobody_knows_are_no_host_names() -> None:
    def rename(hello: ClientHello) -> Unit:
        strange = ServerNameList((ServerName(NameType.of(7), b"\x00anything"),))
        rest = tuple(e for e in hello.extensions or () if not isinstance(e, ServerNameList))
        return replace(hello, extensions=(strange, *rest))

    client, server = pair("client", mine={"rewrite": hook(ClientHello, rename)})
    talk(client, server)
    assert server.completed, server.error
    assert server.negotiated.server_name is None


# --- several questions in a row ---------------------------------------------------------------------------


def test_one_handshake_can_pause_several_times_without_new_input() -> None:
    asked = frozenset({ClientHelloReceived, SessionLookupRequested, SignatureRequested})
    stored = session_of(server={"sessions": MemorySessionStore()})
    client, _ = pair("client", mine={"session": stored})
    server, _ = pair("server", mine={"pause_on": asked})
    talk(client, server)
    questions = []
    while server.connection.state is ConnectionState.PAUSED:
        event = server.events[-1]
        questions.append(type(event))
        answer = event.credential.sign(event.scheme, event.data) if isinstance(event, SignatureRequested) else None
        server.connection.answer(answer)
        server.events += server.connection.events()
    assert questions == [ClientHelloReceived, SessionLookupRequested, SignatureRequested]
    talk(client, server)
    assert server.completed


def test_the_end_of_the_stream_waits_for_the_last_answer() -> None:
    server, client = pair("server", mine={"pause_on": {ClientHelloReceived, SignatureRequested}})
    client.start()
    server.receive(client.take())
    server.receive(b"")
    server.connection.answer(None)
    assert server.connection.state is ConnectionState.PAUSED
    assert server.connection.error is None
    server.connection.answer(b"a signature")
    assert server.connection.error is not None


def test_a_configuration_that_looks_up_psks_is_not_shown_as_the_owners() -> None:
    server, client = pair("server", policy=PSK_POLICY, mine={"pause_on": {PskLookupRequested}}, client={"psk": PSK})
    talk(server, client)
    server.connection.answer(PSK.key)
    talk(server, client)
    assert server.connection.config.psk is None


def test_a_question_inside_a_record_leaves_the_rest_of_the_record_waiting() -> None:
    policy = renegotiable()
    client, server = pair("client", mine={"pause_on": {PeerCertificateReceived}}, policy=policy)
    client.start()
    server.receive(client.take())
    flight = b"".join(message.fragment for message in split_records(server.take()))
    client.receive(record(ContentType.HANDSHAKE, flight))
    assert client.connection.state is ConnectionState.PAUSED
    assert client.connection._core.incoming.reassembler.pending > 0
    client.connection.answer(Accept())
    talk(client, server)
    assert client.completed
    server.send(b"through")
    client.receive(server.take())
    assert client.data == b"through"
    assert isinstance(server.connection.config, ServerConfig)
