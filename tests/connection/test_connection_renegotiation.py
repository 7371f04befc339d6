"""Renegotiation (RFC 5746): begun by either side, allowed, refused, bounded, and what it may not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.ends import (
    AUTHENTICATED,
    NO_RENEGOTIATION,
    PSK,
    PSK_POLICY,
    ROLES,
    USER_CANCELED,
    Ours,
    alert,
    client_credential,
    connected,
    handshake,
    pair,
    protected,
    renegotiable,
    stapled_credential,
    talk,
)
from tls12 import (
    AcceptAnyPeer,
    Alert,
    AlertReceived,
    CertificateRequested,
    CipherSuite,
    ClientAuth,
    ClientHelloReceived,
    ConnectionFailed,
    ConnectionState,
    HandshakeCompleted,
    Limits,
    MemorySessionStore,
    PeerAlert,
    PeerIncompatible,
    PeerMisbehaved,
    Policy,
    Psk,
    Renegotiation,
    RenegotiationRequested,
    ServerConfig,
    Session,
    UsageError,
)
from tls12.errors import LimitExceeded, UnexpectedMessage
from tls12.handshake.engine import Unit
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.registry import AlertLevel, CompressionMethod, ContentType, ProtocolVersion
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    RenegotiationInfo,
)
from tls12.wire.hello import ClientHello, HelloRequest, ServerHello
from tls12.wire.messages import serialize

ALLOW: dict[str, Any] = {"policy": renegotiable()}
WARNED = AlertReceived(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
GCM = (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,)
HELLO_REQUEST = serialize(HelloRequest())


def sides(ours: Ours, theirs: Ours, role: str) -> tuple[Ours, Ours]:
    """Client and server."""
    return (ours, theirs) if role == "client" else (theirs, ours)


def handshakes(end: Ours) -> int:
    """How many were completed."""
    return sum(isinstance(event, HandshakeCompleted) for event in end.events)


def renegotiate(client: Ours, server: Ours) -> None:
    """The client begins another handshake, and both go through with it, or fail."""
    client.connection.renegotiate()
    talk(client, server)


# --- allowed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_the_client_begins_another_handshake(role: str) -> None:
    ours, theirs = connected(role, **ALLOW)
    client, server = sides(ours, theirs, role)
    before = ours.connection.negotiated
    assert ours.connection.can_renegotiate
    renegotiate(client, server)
    assert handshakes(ours) == 2
    after = ours.connection.negotiated
    assert after is not None
    assert before is not None
    assert after.client_random != before.client_random
    assert after.secure_renegotiation
    for end, other in ((ours, theirs), (theirs, ours)):
        end.send(b"under new keys")
        talk(client, server)
        assert other.data == b"under new keys"


def test_the_server_asks_and_the_client_decides() -> None:
    client, server = connected("client", **ALLOW)
    server.connection.renegotiate()
    talk(client, server)
    assert client.events[-1] == RenegotiationRequested()
    assert handshakes(client) == 1
    assert client.connection.state is ConnectionState.ESTABLISHED
    renegotiate(client, server)
    assert handshakes(client) == handshakes(server) == 2


def test_both_begin_at_once() -> None:
    client, server = connected("client", **ALLOW)
    server.connection.renegotiate()
    client.connection.renegotiate()
    talk(client, server)
    assert handshakes(client) == handshakes(server) == 2
    assert RenegotiationRequested() not in client.events, "a HelloRequest during a handshake is ignored"


def test_a_renegotiation_can_add_a_client_certificate() -> None:
    plain = ServerConfig(credentials=(stapled_credential(),), **ALLOW)
    asking = replace(plain, client_auth=ClientAuth.REQUIRED, verifier=AcceptAnyPeer())
    server, client = pair(
        "server", mine={"pause_on": {ClientHelloReceived}}, client={"credentials": (client_credential(),)}, **ALLOW
    )
    talk(server, client)
    for answer in (plain, asking):
        server.connection.answer(answer)
        server.events += server.connection.events()
        talk(server, client)
        if answer is plain:
            assert server.negotiated.peer_certificates == ()
            renegotiate(client, server)
    assert handshakes(server) == 2
    assert server.connection.negotiated is not None
    assert server.connection.negotiated.peer_certificates == client_credential().certificate_list


@pytest.mark.parametrize("role", ROLES)
def test_data_that_is_sent_during_it_is_held_and_then_arrives_in_order(role: str) -> None:
    ours, theirs = connected(role, **ALLOW)
    client, server = sides(ours, theirs, role)
    client.connection.renegotiate()
    client.send(b"1")
    server.receive(client.take())
    server.send(b"one")
    client.send(b"")
    client.send(b"2")
    server.send(b"two")
    assert client.data == server.data == b""
    talk(client, server)
    assert server.data == b"12"
    assert client.data == b"onetwo"
    assert handshakes(ours) == 2


def test_data_that_was_under_way_arrives_during_it() -> None:
    client, server = connected("client", **ALLOW)
    server.send(b"under way")
    client.connection.renegotiate()
    client.receive(server.take())
    assert client.data == b"under way"
    talk(client, server)
    assert handshakes(client) == 2


def test_data_under_way_arrives_at_a_server_that_has_resumed_the_session_already() -> None:
    """It is under the old keys, since the client's ChangeCipherSpec comes behind it (RFC 5246 7.1)."""
    client, server = connected(
        "client", client={"sessions": MemorySessionStore()}, server={"sessions": MemorySessionStore()}, **ALLOW
    )
    client.connection.renegotiate()
    server.receive(client.take() + protected(client, ContentType.APPLICATION_DATA, b"under way"))
    assert server.data == b"under way"
    talk(client, server)
    assert handshakes(client) == handshakes(server) == 2
    assert server.connection.negotiated is not None
    assert server.connection.negotiated.resumed


@pytest.mark.parametrize("role", ROLES)
def test_data_inside_a_fragmented_message_is_refused_where_renegotiation_is_allowed(role: str) -> None:
    ours, theirs = connected(role, **ALLOW)
    ours.receive(handshake(theirs, b"\x01\x00") + protected(theirs, ContentType.APPLICATION_DATA, b"between"))
    assert ours.error is not None
    assert ours.error.alert is Alert.UNEXPECTED_MESSAGE
    assert "in the middle of a handshake message" in str(ours.error)


@pytest.mark.parametrize("role", ROLES)
def test_where_it_is_not_allowed_a_half_sent_request_disturbs_nothing(role: str) -> None:
    ours, theirs = connected(role)
    ours.receive(handshake(theirs, b"\x01\x00") + protected(theirs, ContentType.APPLICATION_DATA, b"still usable"))
    assert ours.error is None
    assert ours.data == b"still usable"


# --- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [Renegotiation.WARN, Renegotiation.FATAL])
@pytest.mark.parametrize("role", ROLES)
def test_who_does_not_allow_it_does_not_begin_it(role: str, wish: Renegotiation) -> None:
    ours, _ = connected(role, policy=renegotiable(wish=wish))
    assert not ours.connection.can_renegotiate
    with pytest.raises(UsageError, match=r"renegotiation=Renegotiation\.ALLOW"):
        ours.connection.renegotiate()
    assert ours.take() == b""


def test_a_server_that_does_not_want_it_warns_and_both_go_on() -> None:
    client, server = connected("client", client=ALLOW)
    client.connection.renegotiate()
    client.send(b"held meanwhile")
    talk(client, server)
    assert client.events[-1] == WARNED
    assert client.connection.state is ConnectionState.ESTABLISHED
    assert server.connection.state is ConnectionState.ESTABLISHED
    assert server.data == b"held meanwhile"
    assert handshakes(client) == 1
    for end in (client, server):
        end.connection.export_keying_material("EXPERIMENTAL", None, 8)
    client.connection.renegotiate()
    talk(client, server)
    assert client.events[-1] == WARNED
    server.send(b"still here")
    talk(client, server)
    assert client.data == b"still here"


@pytest.mark.parametrize("role", ROLES)
def test_refusals_of_what_we_asked_for_are_no_flood_of_warnings(role: str) -> None:
    limits = Limits(renegotiations=10, hello_requests=10, warnings=2)
    ours, theirs = connected(role, limits=limits, **{role: ALLOW})
    for _ in range(5):
        ours.connection.renegotiate()
        talk(ours, theirs)
        assert ours.events[-1] == WARNED
    for _ in range(3):
        assert ours.error is None
        ours.receive(alert(theirs, NO_RENEGOTIATION))
    assert isinstance(ours.error, LimitExceeded)


def test_a_server_that_forbids_it_ends_the_connection() -> None:
    client, server = connected("client", client=ALLOW, server={"policy": renegotiable(wish=Renegotiation.FATAL)})
    renegotiate(client, server)
    assert isinstance(server.error, PeerIncompatible)
    assert "policy.replace(renegotiation=Renegotiation.WARN)" in server.error.remedy
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is Alert.HANDSHAKE_FAILURE


def test_a_client_that_does_not_want_it_warns_and_both_go_on() -> None:
    client, server = connected("client", server=ALLOW)
    server.connection.renegotiate()
    talk(client, server)
    assert client.events[-1] == RenegotiationRequested()
    assert server.events[-1] == WARNED
    server.send(b"on we go")
    talk(client, server)
    assert client.data == b"on we go"


def test_a_client_that_forbids_it_ends_the_connection() -> None:
    client, server = connected("client", client={"policy": renegotiable(wish=Renegotiation.FATAL)}, server=ALLOW)
    server.connection.renegotiate()
    talk(client, server)
    assert isinstance(client.error, PeerIncompatible)
    assert "policy.replace(renegotiation=Renegotiation.ALLOW)" in client.error.remedy
    assert isinstance(server.error, PeerAlert)
    assert server.error.received is Alert.HANDSHAKE_FAILURE


@pytest.mark.parametrize("role", ROLES)
def test_it_needs_a_finished_handshake_and_an_open_connection(role: str) -> None:
    fresh, _ = pair(role, **ALLOW)
    with pytest.raises(UsageError, match="established"):
        fresh.connection.renegotiate()
    for end in ("close", "abort"):
        ours, _ = connected(role, **ALLOW)
        getattr(ours.connection, end)()
        with pytest.raises(UsageError, match="established"):
            ours.connection.renegotiate()
    half, theirs = connected(role, half_close=True, **ALLOW)
    theirs.close()
    talk(half, theirs)
    with pytest.raises(UsageError, match="established"):
        half.connection.renegotiate()


def test_it_is_not_begun_twice() -> None:
    client, server = connected("client", **ALLOW)
    client.connection.renegotiate()
    with pytest.raises(UsageError, match="during a handshake"):
        client.connection.renegotiate()
    server.receive(client.take())
    with pytest.raises(UsageError, match="during a handshake"):
        server.connection.renegotiate()


@pytest.mark.parametrize("role", ROLES)
def test_what_was_resumed_without_rfc_7627_is_not_renegotiated(role: str) -> None:
    stores = {name: {"sessions": MemorySessionStore()} for name in ROLES}
    hook = {"rewrite": without(ExtendedMasterSecret)}
    for resumed in (False, True):
        client, server = pair("client", mine=hook, policy=LENIENT, **stores)
        talk(client, server)
        assert client.negotiated.resumed is resumed
        assert not client.negotiated.extended_master_secret
    ours = client if role == "client" else server
    with pytest.raises(UsageError, match="RFC 7627"):
        ours.connection.renegotiate()
    if role == "client":
        client.receive(handshake(server, HELLO_REQUEST))
        server.receive(client.take())
        assert server.events[-1] == WARNED
    else:
        server.receive(handshake(client, serialize(hello())))
        client.receive(server.take())
        assert client.events[-1] == WARNED


@pytest.mark.parametrize("role", ROLES)
def test_without_rfc_5746_it_is_not_begun(role: str) -> None:
    policy = renegotiable(Policy.legacy_device())
    ours, theirs = pair(other(role), mine={"rewrite": without(RenegotiationInfo)}, policy=policy)
    talk(ours, theirs)
    assert theirs.completed, theirs.error
    assert not theirs.negotiated.secure_renegotiation
    with pytest.raises(UsageError, match="RFC 5746"):
        theirs.connection.renegotiate()


def test_without_rfc_5746_a_clients_request_is_refused_with_a_warning() -> None:
    policy = renegotiable(Policy.legacy_device())
    client, server = pair("client", mine={"rewrite": without(RenegotiationInfo)}, policy=policy)
    talk(client, server)
    assert client.completed
    server.receive(handshake(client, serialize(hello())))
    assert server.connection.state is ConnectionState.ESTABLISHED
    client.receive(server.take())
    assert client.events[-1] == WARNED


def other(role: str) -> str:
    return "server" if role == "client" else "client"


def hello() -> ClientHello:
    """A ClientHello, as small as can be."""
    return ClientHello(ProtocolVersion.TLS_1_2, bytes(32), b"", GCM, (CompressionMethod.NULL,), None)


def without(*extensions: type[Extension], second: bool = False) -> Callable[[Unit], Iterable[Unit]]:
    """A hook that takes extensions out of the hellos, or only out of the second ones."""
    return changing(
        lambda hello: replace(
            hello, extensions=tuple(e for e in hello.extensions or () if not isinstance(e, extensions))
        ),
        second=second,
    )


def changing(change: Callable[[Any], Unit], *, second: bool = True) -> Callable[[Unit], Iterable[Unit]]:
    """A hook that changes the hellos; by default only those of the second handshake."""
    seen = 0

    def hook(message: Unit) -> Iterable[Unit]:
        nonlocal seen
        if isinstance(message, ClientHello | ServerHello):
            seen += 1
            if seen > second:
                return [change(message)]
        return [message]

    return hook


# --- a refusal at the wrong time --------------------------------------------------------------------------


def test_a_refusal_is_no_answer_once_the_server_hello_came() -> None:
    client, server = connected("client", **ALLOW)
    client.connection.renegotiate()
    client.take()
    # The server speaks only its ServerHello, and then takes it back.
    first = client.connection.expecting
    assert first == ("ServerHello",)
    client.receive(handshake(server, serialize(answer_to(client))))
    assert client.connection.expecting == ("Certificate",)
    client.receive(alert(server, NO_RENEGOTIATION))
    assert client.events[-1] == WARNED
    assert client.connection.state is ConnectionState.HANDSHAKING
    with pytest.raises(UsageError, match="during a renegotiation"):
        client.connection.export_keying_material("EXPERIMENTAL", None, 8)


def answer_to(client: Ours) -> ServerHello:
    """A ServerHello that this client accepts in its renegotiation."""
    established = client.connection._core.handshakes.established
    assert established is not None
    bound = established.client_verify_data + established.server_verify_data
    return ServerHello(
        ProtocolVersion.TLS_1_2,
        bytes(32),
        b"",
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CompressionMethod.NULL,
        (RenegotiationInfo(bound), ExtendedMasterSecret()),
    )


# --- bounded ----------------------------------------------------------------------------------------------


# --- what a refusal leads to -----------------------------------------------------------------------------


def refused_by_the_client(**client: Any) -> tuple[Ours, Ours]:
    """A server has asked for a renegotiation, and the client has said no."""
    client_end, server = connected("client", client=client, server=ALLOW)
    server.connection.renegotiate()
    talk(client_end, server)
    assert server.events[-1] == WARNED
    return client_end, server


@pytest.mark.parametrize("how", ["handshake_failure", "end of stream"])
def test_a_server_that_gives_up_after_its_hello_request_was_refused_is_explained(how: str) -> None:
    client, server = refused_by_the_client()
    if how == "end of stream":
        client.receive(b"")
    else:
        server.connection.abort(Alert.HANDSHAKE_FAILURE)
        client.receive(server.take())
    assert client.error is not None
    remedy = client.error.remedy
    assert remedy.startswith("it had asked to renegotiate, which was refused: the policy forbids renegotiation")
    assert "Policy.default().replace(renegotiation=Renegotiation.ALLOW)" in remedy
    assert "credentials=(...)" in remedy


def test_a_client_that_has_a_certificate_is_not_told_to_get_one() -> None:
    client, _ = refused_by_the_client(**AUTHENTICATED["client"])
    client.receive(b"")
    assert client.error is not None
    assert "renegotiation=Renegotiation.ALLOW" in client.error.remedy
    assert "credentials" not in client.error.remedy


def test_a_stream_that_ends_after_more_data_did_not_end_for_the_refusal() -> None:
    client, server = refused_by_the_client()
    server.send(b"business as usual")
    client.receive(server.take())
    client.receive(b"")
    assert client.error is not None
    assert "renegotiat" not in client.error.remedy


def test_a_refusal_names_the_limit_that_is_reached() -> None:
    client, server = connected("client", client=ALLOW | {"limits": Limits(renegotiations=1)}, server=ALLOW)
    renegotiate(client, server)
    server.connection.renegotiate()
    talk(client, server)
    server.connection.abort(Alert.HANDSHAKE_FAILURE)
    client.receive(server.take())
    assert client.error is not None
    assert "Limits allows 1 renegotiations" in client.error.remedy


def test_a_client_that_gives_up_after_its_wish_was_refused_is_explained_to_the_server() -> None:
    client, server = connected("client", client=ALLOW)
    renegotiate(client, server)
    client.connection.abort(Alert.HANDSHAKE_FAILURE)
    server.receive(client.take())
    assert server.error is not None
    assert server.error.remedy.startswith("it had asked to renegotiate, which was refused: the policy forbids")
    assert "credentials" not in server.error.remedy


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_how_many_a_server_takes_part_in_is_bounded(limit: int) -> None:
    more = {"limits": Limits(renegotiations=9)}
    client, server = connected("client", client=ALLOW | more, server=ALLOW | {"limits": Limits(renegotiations=limit)})
    for _ in range(limit):
        renegotiate(client, server)
    assert handshakes(server) == 1 + limit
    assert server.error is None
    renegotiate(client, server)
    assert isinstance(server.error, LimitExceeded)
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is Alert.HANDSHAKE_FAILURE


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_how_many_a_client_begins_is_bounded_by_a_usage_error(limit: int) -> None:
    client, server = connected("client", server=ALLOW, client=ALLOW | {"limits": Limits(renegotiations=limit)})
    for _ in range(limit):
        renegotiate(client, server)
    with pytest.raises(UsageError, match=f"{limit} renegotiations"):
        client.connection.renegotiate()
    client.send(b"and on")
    talk(client, server)
    assert server.data == b"and on"


@pytest.mark.parametrize("limit", [0, 1, 8])
def test_hello_requests_are_bounded(limit: int) -> None:
    client, server = connected("client", client={"limits": Limits(hello_requests=limit)})
    for _ in range(limit):
        client.receive(handshake(server, HELLO_REQUEST))
    assert client.error is None
    assert client.events.count(RenegotiationRequested()) == limit
    client.receive(handshake(server, HELLO_REQUEST))
    assert isinstance(client.error, LimitExceeded)


@pytest.mark.parametrize("limit", [0, 1, 8])
def test_hello_requests_during_a_handshake_are_bounded_too(limit: int) -> None:
    client, _ = pair("client", limits=Limits(hello_requests=limit))
    client.start()
    for _ in range(limit):
        client.receive(b"\x16\x03\x03\x00\x04" + HELLO_REQUEST)
    assert client.error is None
    assert client.events == []
    client.receive(b"\x16\x03\x03\x00\x04" + HELLO_REQUEST)
    assert isinstance(client.error, LimitExceeded)


def test_a_hello_request_with_a_body_is_no_hello_request() -> None:
    client, server = connected("client")
    client.receive(handshake(server, b"\0\0\0\1\0"))
    assert client.error is not None
    assert client.error.alert is Alert.DECODE_ERROR


def test_a_hello_request_before_our_hello_is_out_of_place() -> None:
    client, _ = pair("client")
    client.receive(b"\x16\x03\x03\x00\x04" + HELLO_REQUEST)
    assert isinstance(client.error, UnexpectedMessage)


@pytest.mark.parametrize("limit", [0, 1, 8])
def test_requests_of_the_client_that_are_refused_are_bounded(limit: int) -> None:
    client, server = connected("client", client=ALLOW, server={"limits": Limits(hello_requests=limit)})
    request = serialize(hello())
    for _ in range(limit):
        server.receive(handshake(client, request))
    assert server.error is None
    server.receive(handshake(client, request))
    assert isinstance(server.error, LimitExceeded)


# --- what it may not change -------------------------------------------------------------------------------


def second_answers(*configs: ServerConfig, **client: Any) -> tuple[Ours, Ours]:
    """A server that goes by the first configuration and, in the renegotiation, by the second."""
    server, client_end = pair("server", mine={"pause_on": {ClientHelloReceived}}, client=client)
    talk(server, client_end)
    for config in configs:
        if server.completed:
            renegotiate(client_end, server)
        server.connection.answer(config)
        server.events += server.connection.events()
        talk(server, client_end)
    return server, client_end


def test_the_servers_certificate_may_not_change() -> None:
    one = ServerConfig(credentials=(stapled_credential(),), **ALLOW)
    two = ServerConfig(credentials=(stapled_credential("rsa-2048"),), **ALLOW)
    server, client = second_answers(one, two, verifier=AcceptAnyPeer(), **ALLOW)
    assert handshakes(client) == 1
    assert isinstance(client.error, PeerMisbehaved)
    assert "changed its certificate" in str(client.error)
    assert isinstance(server.error, PeerAlert)
    assert server.error.received is Alert.ILLEGAL_PARAMETER


def test_the_server_may_not_drop_its_certificate() -> None:
    both = renegotiable(Policy.default().replace(cipher_suites=(*PSK_POLICY.cipher_suites, *GCM)))
    psk = {PSK.identity: PSK.key}
    one = ServerConfig(
        credentials=(stapled_credential(),), policy=renegotiable(Policy.default().replace(cipher_suites=GCM))
    )
    two = ServerConfig(psk=psk, policy=renegotiable(PSK_POLICY))
    _, client = second_answers(one, two, verifier=AcceptAnyPeer(), psk=PSK, policy=both)
    assert handshakes(client) == 1
    assert isinstance(client.error, PeerMisbehaved)
    assert client.error.alert is Alert.ILLEGAL_PARAMETER
    assert "identity of the server" in str(client.error)


def test_the_clients_certificate_may_not_change() -> None:
    server, client = client_that_shows(client_credential(), client_credential("client two"))
    assert isinstance(server.error, PeerMisbehaved)
    assert "changed its certificate" in str(server.error)
    assert server.error.alert is Alert.ILLEGAL_PARAMETER
    assert handshakes(server) == 1
    assert isinstance(client.error, PeerAlert)


def test_the_client_may_not_drop_its_certificate() -> None:
    server, _ = client_that_shows(client_credential(), None)
    assert isinstance(server.error, PeerMisbehaved)
    assert handshakes(server) == 1


def test_the_client_may_show_a_certificate_later() -> None:
    server, _ = client_that_shows(None, client_credential())
    assert server.error is None
    assert handshakes(server) == 2


def client_that_shows(*credentials: Any) -> tuple[Ours, Ours]:
    """A client that is asked for its certificate in each handshake, and answers these."""
    server = {"client_auth": ClientAuth.OPTIONAL, "verifier": AcceptAnyPeer()}
    client, server_end = pair("client", mine={"pause_on": {CertificateRequested}}, server=server, **ALLOW)
    talk(client, server_end)
    for number, credential in enumerate(credentials):
        if number:
            renegotiate(client, server_end)
        client.connection.answer(credential)
        client.events += client.connection.events()
        talk(client, server_end)
    return server_end, client


def test_the_psk_identity_may_not_change() -> None:
    identities = iter((Psk(b"one", b"a key of sixteen"), Psk(b"two", b"a key of sixteen")))
    server, client = connected(
        "server",
        policy=renegotiable(PSK_POLICY),
        client={"psk": lambda _: next(identities)},
        server={"psk": lambda _: b"a key of sixteen"},
    )
    renegotiate(client, server)
    assert isinstance(server.error, PeerMisbehaved)
    assert handshakes(server) == 1


@pytest.mark.parametrize("role", ROLES)
def test_a_session_of_somebody_else_is_not_resumed_in_a_renegotiation(role: str) -> None:
    """In either role: otherwise the identity would change without a certificate being seen."""
    store = MemorySessionStore()
    server = {**AUTHENTICATED["server"], "sessions": store}
    two, _ = connected("client", client={"credentials": (client_credential("client two"),)}, server=server, **ALLOW)
    stranger = two.connection.session
    assert stranger is not None

    class OneSession(MemorySessionStore):
        """A client's store that gives away only this one session, and only when asked a second time."""

        asked = 0

        def get(self, key: bytes) -> Session | None:
            self.asked += 1
            return stranger if self.asked > 1 else None

    client = {"credentials": (client_credential(),), "sessions": OneSession()}
    ours, theirs = connected(role, client=client, server=server, **ALLOW)
    client_end, server_end = sides(ours, theirs, role)
    renegotiate(client_end, server_end)
    assert handshakes(server_end) == 2
    assert server_end.connection.negotiated is not None
    assert not server_end.connection.negotiated.resumed
    assert server_end.connection.negotiated.peer_certificates == client_credential().certificate_list


def test_a_session_of_the_same_parties_is_resumed_in_a_renegotiation() -> None:
    client, server = connected(
        "client",
        client={"sessions": MemorySessionStore(), **AUTHENTICATED["client"]},
        server={"sessions": MemorySessionStore(), **AUTHENTICATED["server"]},
        **ALLOW,
    )
    renegotiate(client, server)
    assert client.connection.negotiated is not None
    assert client.connection.negotiated.resumed
    assert handshakes(server) == 2


LENIENT = renegotiable(Policy.legacy_device())
CBC = renegotiable(Policy.compatible().replace(cipher_suites=(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,)))


@pytest.mark.parametrize("role", ROLES)
def test_extended_master_secret_may_not_be_dropped(role: str) -> None:
    hook = without(ExtendedMasterSecret, second=True)
    theirs, ours = pair(other(role), mine={"rewrite": hook}, policy=LENIENT)
    talk(theirs, ours)
    client, server = sides(ours, theirs, role)
    assert ours.negotiated.extended_master_secret
    renegotiate(client, server)
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is (Alert.HANDSHAKE_FAILURE if role == "server" else Alert.ILLEGAL_PARAMETER)
    assert handshakes(ours) == 1


def test_extended_master_secret_may_be_gained() -> None:
    def only_first(message: Unit) -> Iterable[Unit]:
        return drop(message) if next(count) == 0 else [message]

    count = iter(range(100))
    drop = without(ExtendedMasterSecret)
    client, server = connected("client", policy=LENIENT, mine={"rewrite": only_first})
    assert not server.negotiated.extended_master_secret
    renegotiate(client, server)
    for end in (client, server):
        assert end.error is None
        assert handshakes(end) == 2
        assert end.connection.negotiated is not None
        assert end.connection.negotiated.extended_master_secret
        assert end.connection.export_keying_material("EXPORTER-test", None, 32)


@pytest.mark.parametrize("begins", ROLES)
def test_a_connection_without_extended_master_secret_is_not_renegotiated(begins: str) -> None:
    client, server = connected("client", mine={"rewrite": without(ExtendedMasterSecret)}, **ALLOW)
    begin = client if begins == "client" else server
    assert not begin.connection.can_renegotiate
    with pytest.raises(UsageError, match=r"policy\.replace\(reuse_legacy_sessions=True\)"):
        begin.connection.renegotiate()
    if begins == "server":
        client.receive(handshake(server, HELLO_REQUEST))
        server.receive(client.take())
        assert server.events[-1] == WARNED
    else:
        server.receive(handshake(client, serialize(hello())))
        client.receive(server.take())
        assert client.events[-1] == WARNED
    for end in (client, server):
        assert end.error is None


def test_the_policy_of_an_answer_decides_whether_to_renegotiate_without_extended_master_secret() -> None:
    server = pair("server", mine={"pause_on": frozenset({ClientHelloReceived})}, policy=LENIENT)[0]
    client = pair("client", mine={"rewrite": without(ExtendedMasterSecret)}, policy=LENIENT)[0]
    stricter = replace(server.connection.config, policy=renegotiable(Policy.default()))
    talk(client, server)
    server.connection.answer(None)
    talk(client, server)
    assert handshakes(server) == 1
    renegotiate(client, server)
    server.connection.answer(stricter)
    talk(client, server)
    server.receive(client.take())
    assert isinstance(server.error, PeerIncompatible)
    assert "renegotiates without extended master secret" in str(server.error)


@pytest.mark.parametrize("role", ROLES)
def test_encrypt_then_mac_may_not_be_dropped(role: str) -> None:
    theirs, ours = pair(other(role), mine={"rewrite": without(EncryptThenMac, second=True)}, policy=CBC)
    talk(theirs, ours)
    assert ours.negotiated.encrypt_then_mac
    renegotiate(*sides(ours, theirs, role))
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE
    assert "encrypt-then-MAC" in str(ours.error)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("bound", [b"", bytes(12), bytes(24)])
def test_renegotiation_info_has_to_belong_to_the_connection(role: str, bound: bytes) -> None:
    def forge(hello: Any) -> Any:
        rest = tuple(e for e in hello.extensions if not isinstance(e, RenegotiationInfo))
        return replace(hello, extensions=(RenegotiationInfo(bound), *rest))

    theirs, ours = pair(other(role), mine={"rewrite": changing(forge)}, policy=LENIENT)
    talk(theirs, ours)
    renegotiate(*sides(ours, theirs, role))
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE
    assert "does not belong to this connection" in str(ours.error)


@pytest.mark.parametrize("role", ROLES)
def test_renegotiation_info_may_not_be_missing(role: str) -> None:
    theirs, ours = pair(other(role), mine={"rewrite": without(RenegotiationInfo, second=True)}, policy=LENIENT)
    talk(theirs, ours)
    renegotiate(*sides(ours, theirs, role))
    assert isinstance(ours.error, PeerMisbehaved | PeerIncompatible)
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE


def test_the_signalling_suite_has_no_place_in_a_renegotiation() -> None:
    def signal(hello: ClientHello) -> Unit:
        return replace(hello, cipher_suites=(*hello.cipher_suites, CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV))

    client, server = pair("client", mine={"rewrite": changing(signal)}, **ALLOW)
    talk(client, server)
    renegotiate(client, server)
    assert isinstance(server.error, PeerMisbehaved)
    assert server.error.rule == "RFC 5746 3.7"


@pytest.mark.parametrize("role", ROLES)
def test_a_first_handshake_binds_to_nothing(role: str) -> None:
    def claim(hello: Any) -> Any:
        rest = tuple(e for e in hello.extensions if not isinstance(e, RenegotiationInfo))
        return replace(hello, extensions=(RenegotiationInfo(bytes(12)), *rest))

    theirs, ours = pair(other(role), mine={"rewrite": changing(claim, second=False)})
    talk(theirs, ours)
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE


@pytest.mark.parametrize("role", ROLES)
def test_a_failed_renegotiation_is_told_once_and_ends_the_connection(role: str) -> None:
    ours, theirs = connected(role, **ALLOW)
    client, _ = sides(ours, theirs, role)
    client.connection.renegotiate()
    theirs.receive(ours.take()) if role == "client" else ours.receive(theirs.take())
    ours.take()
    ours.receive(theirs.take() + alert(theirs, USER_CANCELED) + alert(theirs, b"\x02\x28"))
    assert [type(event) for event in ours.events[-2:]] == [AlertReceived, ConnectionFailed]
    assert sum(isinstance(event, ConnectionFailed) for event in ours.events) == 1


# --- the application protocol ------------------------------------------------------------------------------

SPEAKS: dict[str, Any] = ALLOW | {"alpn_protocols": ("h2", "http/1.1")}


def with_protocol(name: str | None) -> Callable[[Unit], Iterable[Unit]]:
    """A rewrite of every ServerHello but the first, so that it names this application protocol, or none."""
    hellos: list[ServerHello] = []

    def rewrite(message: Unit) -> Iterable[Unit]:
        if isinstance(message, ServerHello):
            hellos.append(message)
        if isinstance(message, ServerHello) and len(hellos) > 1:
            named = [ApplicationLayerProtocolNegotiation((name.encode(),))] if name else []
            message = with_extensions(without_extensions(message, ApplicationLayerProtocolNegotiation), *named)
        return [message]

    return rewrite


def protocols_of(end: Ours) -> list[str | None]:
    """What each finished handshake says."""
    return [event.negotiated.alpn_protocol for event in end.events if isinstance(event, HandshakeCompleted)]


def test_a_client_offers_the_protocol_that_the_connection_speaks_and_no_other() -> None:
    client, server = connected("client", **SPEAKS)
    renegotiate(client, server)
    assert protocols_of(client) == protocols_of(server) == ["h2", "h2"]
    silent, server = connected("client", client=SPEAKS, server=ALLOW)
    renegotiate(silent, server)
    assert protocols_of(silent) == protocols_of(server) == [None, None]


@pytest.mark.parametrize("name", ["http/1.1", "h3"])
def test_a_server_that_changes_the_protocol_is_refused(name: str) -> None:
    server, client = connected("server", mine={"rewrite": with_protocol(name)}, **SPEAKS)
    renegotiate(client, server)
    assert client.error is not None
    assert client.error.alert is Alert.ILLEGAL_PARAMETER
    assert protocols_of(client) == ["h2"]


def test_a_server_that_names_no_protocol_any_more_keeps_it() -> None:
    server, client = connected("server", mine={"rewrite": with_protocol(None)}, **SPEAKS)
    renegotiate(client, server)
    assert protocols_of(client) == ["h2", "h2"]


def test_a_server_whose_application_answers_with_another_protocol_refuses_to_change_it() -> None:
    pausing = {"pause_on": frozenset({ClientHelloReceived})}
    server, client = pair("server", **SPEAKS, mine=pausing)
    one = server.connection.config
    assert isinstance(one, ServerConfig)
    answers = iter((one, replace(one, alpn_protocols=("http/1.1",))))
    client.start()
    for begin in (lambda: None, client.connection.renegotiate):
        begin()
        for _ in range(4):
            talk(client, server)
            if server.connection.state is ConnectionState.PAUSED:
                server.connection.answer(next(answers))
                server.events += server.connection.events()
    assert protocols_of(client) == ["h2"]
    assert server.error is not None
    assert server.error.alert is Alert.NO_APPLICATION_PROTOCOL
    assert "the connection speaks 'h2'" in str(server.error)
    assert "the renegotiation would have changed the application protocol" in str(client.error)
    assert "alpn_protocols" not in str(client.error)
