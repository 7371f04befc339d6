"""Server, resumption and renegotiation; both roles, exporters: sections S8, S9 and S10 of the checklists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel, between
from tests.ends import Ours, credential_of
from tls12 import (
    Alert,
    CipherSuite,
    Limits,
    MemorySessionStore,
    NamedGroup,
    Policy,
    Psk,
    Renegotiation,
    Session,
    SignatureScheme,
    TicketKeys,
    UsageError,
)
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.registry import AlertLevel, ContentType, NameType
from tls12.resumption.stores import SessionStore
from tls12.wire import messages
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished, NewSessionTicket
from tls12.wire.extensions import (
    ExtendedMasterSecret,
    Extension,
    RenegotiationInfo,
    ServerName,
    ServerNameList,
    SessionTicket,
    SessionTicketAck,
    SignatureAlgorithms,
    SupportedGroups,
)
from tls12.wire.hello import ServerHello

GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
BIG = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
PSK = CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256
LEGACY = Policy.legacy_device()
LEGACY_RENEGOTIATES = LEGACY.replace(renegotiation=Renegotiation.ALLOW)
RENEGOTIATE = Policy.compatible().replace(renegotiation=Renegotiation.ALLOW)
KEY = b"a pre-shared key of 32 bytes ...."


def name(host: str) -> ServerNameList:
    return ServerNameList((ServerName(NameType.HOST_NAME, host.encode()),))


def answer(duel: AgainstServer) -> ServerHello:
    hello = duel.script.last(ServerHello)
    assert hello is not None, str(duel.subject.error)
    return hello


class Place:
    """A server with a store and ticket keys, where clients come back."""

    def __init__(self, **config: Any) -> None:
        self.store = MemorySessionStore()
        self.keys = TicketKeys.generate()
        self.config: dict[str, Any] = {"sessions": self.store, "ticket_keys": self.keys, **config}

    def visit(
        self,
        *extensions: Extension,
        suites: tuple[CipherSuite, ...] = (GCM,),
        without: tuple[type[Any], ...] = (),
        session_id: bytes = b"",
        **config: Any,
    ) -> AgainstServer:
        """A ClientHello, and the flight of the server."""
        duel = AgainstServer(**{**self.config, **config})
        hello = without_extensions(duel.script.hello(*suites, session_id=session_id), *without)
        return duel.hello(hello=with_extensions(hello, *extensions))

    def session(self, *extensions: Extension, psk: Psk | None = None, **how: Any) -> Session:
        """The session of a finished first visit."""
        duel = self.visit(*extensions, **how).key_exchange(psk).finish()
        assert duel.subject.completed, str(duel.subject.error)
        session = self.store.get(answer(duel).session_id)
        assert session is not None
        return session

    def back(self, session: Session, by: str, *extensions: Extension, **how: Any) -> AgainstServer:
        """A second visit with this session, by id or by ticket."""
        if by == "id":
            return self.visit(*extensions, session_id=session.session_id, **how)
        return self.visit(*extensions, SessionTicket(self.keys.seal(session.to_bytes())), **how)


def finished_by(duel: AgainstServer, session: Session) -> AgainstServer:
    """The abbreviated handshake to its end; the server must have resumed."""
    duel.script.resume(session.master_secret)
    duel.finish()
    assert duel.subject.negotiated.resumed
    return duel


def in_full(duel: AgainstServer, psk: Psk | None = None) -> AgainstServer:
    """A full handshake to its end, under a new id."""
    duel.key_exchange(psk).finish()
    assert not duel.subject.negotiated.resumed
    assert answer(duel).session_id
    assert duel.script.client_hello is not None
    assert answer(duel).session_id != duel.script.client_hello.session_id
    return duel


BOTH = ["id", "ticket"]


# -- S8.1 and S8.2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [b"\x01", b"\x77" * 16, b"\x77" * 32])
@accepts("S8.1")
def test_an_unknown_session_id_means_a_full_handshake_under_a_new_id(unknown: bytes) -> Duel:
    return in_full(Place().visit(session_id=unknown))


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.1")
def test_a_known_session_resumes(by: str) -> Duel:
    place = Place()
    session = place.session()
    return finished_by(place.back(session, by), session)


NO_SCHEME = SignatureAlgorithms((SignatureScheme.RSA_PKCS1_MD5,))
NO_GROUP = SupportedGroups((NamedGroup.of(0x7B7C),))


@pytest.mark.parametrize("by", BOTH)
@pytest.mark.parametrize(
    ("extensions", "without"),
    [
        ((), (SignatureAlgorithms,)),
        ((), (SupportedGroups,)),
        ((), (SignatureAlgorithms, SupportedGroups)),
        ((NO_SCHEME,), (SignatureAlgorithms,)),
        ((NO_GROUP,), (SupportedGroups,)),
    ],
    ids=["no schemes", "no groups", "neither", "MD5 only", "unknown group"],
)
@accepts("S8.1")
def test_what_a_key_exchange_needs_is_ignored_when_a_session_resumes(
    by: str, extensions: tuple[Extension, ...], without: tuple[type[Any], ...]
) -> Duel:
    place = Place()
    session = place.session()
    return finished_by(place.back(session, by, *extensions, without=without), session)


@pytest.mark.parametrize("by", BOTH)
@refuses("S8.1", Alert.HANDSHAKE_FAILURE)
def test_a_session_that_cannot_be_resumed_does_not_replace_what_a_key_exchange_needs(by: str) -> Duel:
    place = Place()
    session = place.session()
    elsewhere = (name(pki.NAME), NO_SCHEME)
    return place.back(session, by, *elsewhere, without=(SignatureAlgorithms,))


@refuses("S8.2", Alert.ILLEGAL_PARAMETER)
def test_a_session_by_id_whose_suite_is_not_offered_is_refused() -> Duel:
    place = Place()
    return place.back(place.session(suites=(GCM,)), "id", suites=(BIG,))


@accepts("S8.2")
def test_a_session_by_ticket_whose_suite_is_not_offered_means_a_full_handshake() -> Duel:
    place = Place()
    return in_full(place.back(place.session(suites=(GCM,)), "ticket", suites=(BIG,)))


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.2")
def test_a_session_whose_suite_the_policy_has_left_means_a_full_handshake(by: str) -> Duel:
    place = Place()
    session = place.session(suites=(GCM,))
    stricter = Policy.compatible().replace(cipher_suites=(BIG,))
    return in_full(place.back(session, by, suites=(GCM, BIG), policy=stricter))


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.2")
def test_a_session_whose_suite_is_no_longer_the_one_chosen_means_a_full_handshake(by: str) -> Duel:
    place = Place(policy=Policy.compatible().replace(cipher_suites=(BIG, GCM)))
    return in_full(place.back(place.session(suites=(GCM,)), by, suites=(GCM, BIG)))


# -- S8.3 and S8.4 ------------------------------------------------------------------------------------------

WITHOUT = (ExtendedMasterSecret,)


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.3")
def test_a_session_with_extended_master_secret_resumes_with_it(by: str) -> Duel:
    place = Place(policy=LEGACY)
    session = place.session()
    assert session.extended_master_secret
    return finished_by(place.back(session, by), session)


@pytest.mark.parametrize("by", BOTH)
@refuses("S8.3", Alert.HANDSHAKE_FAILURE)
def test_a_session_with_extended_master_secret_is_not_resumed_without_it(by: str) -> Duel:
    place = Place(policy=LEGACY)
    return place.back(place.session(), by, without=WITHOUT)


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.3")
def test_a_session_without_extended_master_secret_is_not_resumed_with_it(by: str) -> Duel:
    place = Place(policy=LEGACY)
    return in_full(place.back(place.session(without=WITHOUT), by))


@accepts("S8.3")
def test_nothing_is_kept_of_a_handshake_without_extended_master_secret() -> Duel:
    place = Place()
    duel = place.visit(SessionTicket(b""), without=WITHOUT)
    assert answer(duel).session_id == b""
    assert answer(duel).find(SessionTicketAck) is None
    duel.key_exchange().finish()
    assert duel.subject.connection.session is None
    assert len(place.store) == 0
    return duel


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.3")
def test_a_session_without_extended_master_secret_means_a_full_handshake_by_default(by: str) -> Duel:
    policy = Policy.compatible()
    place = Place(policy=policy)
    before = Place(policy=LEGACY).session(without=WITHOUT)
    session = replace(before, policy=policy.fingerprint)  # kept by a program that still did so
    place.store.put(session.session_id, session)
    duel = place.back(session, by, without=WITHOUT)
    duel.key_exchange().finish()
    assert not duel.subject.negotiated.resumed
    return duel


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.3")
def test_a_session_without_extended_master_secret_resumes_without_it_if_the_policy_allows(by: str) -> Duel:
    place = Place(policy=LEGACY)
    session = place.session(without=WITHOUT)
    assert not session.extended_master_secret
    return finished_by(place.back(session, by, without=WITHOUT), session)


@pytest.mark.parametrize("by", BOTH)
@pytest.mark.parametrize(("first", "second"), [("a.test", "b.test"), ("a.test", None), (None, "b.test")])
@accepts("S8.4")
def test_another_server_name_means_a_full_handshake(first: str | None, second: str | None, by: str) -> Duel:
    place = Place()
    session = place.session(*([name(first)] if first else []))
    return in_full(place.back(session, by, *([name(second)] if second else [])))


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.4")
def test_the_same_server_name_in_other_letters_resumes(by: str) -> Duel:
    place = Place()
    session = place.session(name("a.test"))
    return finished_by(place.back(session, by, name("A.TEST")), session)


# -- S8.5 tickets -------------------------------------------------------------------------------------------


class Counting:
    """A store that counts how often it is asked."""

    def __init__(self, inner: SessionStore) -> None:
        self.inner = inner
        self.asked = 0

    def get(self, key: bytes) -> Session | None:
        self.asked += 1
        return self.inner.get(key)

    def put(self, key: bytes, session: Session) -> None:
        self.inner.put(key, session)

    def remove(self, key: bytes) -> None:
        self.inner.remove(key)


@pytest.mark.parametrize("good", [True, False])
@accepts("S8.5")
def test_beside_a_ticket_the_session_id_is_never_looked_up(good: bool) -> Duel:
    place = Place()
    session = place.session()
    store = Counting(place.store)
    ticket = place.keys.seal(session.to_bytes()) if good else b"not a ticket of ours" * 4
    duel = place.visit(SessionTicket(ticket), session_id=session.session_id, sessions=store)
    assert store.asked == 0
    if not good:
        return in_full(duel)
    assert answer(duel).session_id == session.session_id  # echoed
    return finished_by(duel, session)


@accepts("S8.5")
def test_an_id_of_the_clients_invention_is_echoed_when_its_ticket_resumes() -> Duel:
    place = Place()
    session = place.session()
    ticket = SessionTicket(place.keys.seal(session.to_bytes()))
    duel = place.visit(ticket, session_id=b"\x42" * 32)
    assert answer(duel).session_id == b"\x42" * 32
    return finished_by(duel, session)


@accepts("S8.5")
def test_an_empty_ticket_beside_a_known_id_resumes_by_id_and_may_bring_a_ticket() -> Duel:
    place = Place()
    session = place.session()
    duel = place.visit(SessionTicket(b""), session_id=session.session_id)
    promised = answer(duel).find(SessionTicketAck) is not None
    finished_by(duel, session)
    assert (duel.script.last(NewSessionTicket) is not None) is promised
    return duel


@pytest.mark.parametrize("damage", ["flipped", "truncated", "another key", "garbage inside", "one byte"])
@accepts("S8.5")
def test_a_ticket_that_cannot_be_opened_means_a_full_handshake(damage: str) -> Duel:
    place = Place()
    ticket = place.keys.seal(place.session().to_bytes())
    spoilt = {
        "flipped": ticket[:-1] + bytes([ticket[-1] ^ 1]),
        "truncated": ticket[:-1],
        "another key": TicketKeys.generate().seal(place.session().to_bytes()),
        "garbage inside": place.keys.seal(b"no session"),
        "one byte": b"\x00",
    }[damage]
    return in_full(place.visit(SessionTicket(spoilt)))


@accepts("S8.5")
def test_a_full_handshake_with_a_ticket_may_have_an_empty_id() -> Duel:
    duel = AgainstServer(ticket_keys=TicketKeys.generate())
    duel.hello(hello=with_extensions(duel.script.hello(), SessionTicket(b"")))
    assert answer(duel).session_id == b""
    assert answer(duel).find(SessionTicketAck) is not None
    duel.key_exchange().finish()
    kinds = [type(item) for item in duel.script.received]
    assert kinds[-3:] == [NewSessionTicket, ChangeCipherSpec, Finished]
    return duel


@accepts("S8.5")
def test_a_renewed_ticket_comes_before_the_change_cipher_spec() -> Duel:
    now = [pki.NOW.timestamp()]
    keys = TicketKeys.generate(lifetime=1000, clock=lambda: now[0])
    place = Place(ticket_keys=keys, clock=lambda: now[0])
    session = place.session()
    now[0] += 500
    ticket = keys.seal(session.to_bytes())
    now[0] += 501  # the key has sealed for its 1000 seconds, the ticket is good for 499 more
    duel = place.visit(SessionTicket(ticket))
    assert answer(duel).find(SessionTicketAck) is not None
    finished_by(duel, session)
    kinds = [type(item) for item in duel.script.received]
    assert kinds == [ServerHello, NewSessionTicket, ChangeCipherSpec, Finished]
    return duel


@pytest.mark.parametrize("why", ["not offered", "no keys", "resumed"])
@accepts("S8.5")
def test_session_ticket_is_answered_only_if_a_ticket_follows(why: str) -> Duel:
    place = Place()
    if why == "resumed":
        session = place.session()
        duel = finished_by(place.back(session, "ticket"), session)
    else:
        offered = () if why == "not offered" else (SessionTicket(b""),)
        duel = place.visit(*offered, ticket_keys=place.keys if why == "not offered" else None).key_exchange().finish()
    assert answer(duel).find(SessionTicketAck) is None
    assert duel.script.last(NewSessionTicket) is None
    return duel


# -- S8.6 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.6")
def test_a_session_made_with_a_psk_resumes_while_its_identity_is_known(by: str) -> Duel:
    place = Place(psk={b"me": KEY})
    session = place.session(suites=(PSK,), psk=Psk(b"me", KEY))
    duel = finished_by(place.back(session, by, suites=(PSK,)), session)
    assert duel.subject.negotiated.psk_identity == b"me"
    return duel


@pytest.mark.parametrize("by", BOTH)
@accepts("S8.6")
def test_a_session_made_with_a_psk_that_is_gone_means_a_full_handshake(by: str) -> Duel:
    place = Place(psk={b"me": KEY})
    session = place.session(suites=(PSK,), psk=Psk(b"me", KEY))
    return in_full(place.back(session, by, suites=(PSK,), psk={b"other": KEY}), Psk(b"other", KEY))


# -- S9.1 renegotiation that is off -------------------------------------------------------------------------


def warned(duel: AgainstServer) -> bool:
    return AlertMessage(AlertLevel.WARNING, Alert.NO_RENEGOTIATION) in duel.script.received


@accepts("S9.1")
def test_a_client_hello_after_the_handshake_gets_a_warning_and_the_connection_goes_on() -> Duel:
    duel = AgainstServer().handshake()
    duel.hello()
    assert warned(duel)
    return duel


@accepts("S9.1")
def test_the_connection_goes_on_while_a_request_is_half_sent() -> Duel:
    duel = AgainstServer().handshake()
    request = messages.serialize(duel.script.hello())
    duel.script.send_record(ContentType.HANDSHAKE, request[:50])
    duel.script.send_data(b"in the middle of it")
    duel.script.send_record(ContentType.HANDSHAKE, request[50:])
    duel.carry()
    assert duel.subject.data == b"in the middle of it"
    assert warned(duel)
    return duel


@refuses("S9.1", Alert.HANDSHAKE_FAILURE)
def test_a_client_hello_after_the_handshake_is_fatal_by_policy() -> Duel:
    return AgainstServer(policy=Policy.default().replace(renegotiation=Renegotiation.FATAL)).handshake().hello()


@refuses("S9.1", Alert.HANDSHAKE_FAILURE)
def test_asking_for_renegotiation_again_and_again_is_refused() -> Duel:
    duel = AgainstServer().handshake()
    hello = duel.script.hello()
    for _ in range(9):
        duel.script.send(hello)
    return duel


# -- S9.2 to S9.4 renegotiation that is on ------------------------------------------------------------------


def secure() -> AgainstServer:
    return AgainstServer(policy=RENEGOTIATE).handshake()


@accepts("S9.2")
def test_a_renegotiation_with_the_right_renegotiation_info_completes() -> Duel:
    duel = secure()
    before = duel.script.client_verify_data, duel.script.server_verify_data
    duel.handshake()
    assert answer(duel).find(RenegotiationInfo) == RenegotiationInfo(b"".join(before))
    return duel


@refuses("S9.2", Alert.HANDSHAKE_FAILURE)
def test_a_renegotiation_without_renegotiation_info_is_refused() -> Duel:
    duel = secure()
    return duel.hello(hello=without_extensions(duel.script.hello(), RenegotiationInfo))


@pytest.mark.parametrize("how", ["empty", "flipped", "short", "long", "the server's", "both"])
@refuses("S9.2", Alert.HANDSHAKE_FAILURE)
def test_a_renegotiation_with_wrong_renegotiation_info_is_refused(how: str) -> Duel:
    duel = secure()
    right, servers = duel.script.client_verify_data, duel.script.server_verify_data
    wrong = {
        "empty": b"",
        "flipped": bytes([right[0] ^ 1]) + right[1:],
        "short": right[:-1],
        "long": right + b"\0",
        "the server's": servers,
        "both": right + servers,
    }[how]
    return duel.hello(hello=with_extensions(duel.script.hello(), RenegotiationInfo(wrong)))


@refuses("S9.2", Alert.HANDSHAKE_FAILURE)
def test_a_renegotiation_with_the_signal_is_refused() -> Duel:
    return secure().hello(GCM, CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)


@accepts("S9.2")
def test_a_connection_without_rfc_5746_never_renegotiates() -> Duel:
    duel = AgainstServer(policy=RENEGOTIATE)
    hello = without_extensions(duel.script.hello(), RenegotiationInfo)
    duel.hello(hello=hello).key_exchange().finish()
    assert not duel.subject.negotiated.secure_renegotiation
    duel.hello(hello=with_extensions(duel.script.hello(), RenegotiationInfo(b"")))
    assert warned(duel)
    return duel


@refuses("S9.2", Alert.HANDSHAKE_FAILURE)
def test_the_number_of_renegotiations_is_bounded() -> Duel:
    duel = AgainstServer(policy=RENEGOTIATE, limits=Limits(renegotiations=2)).handshake().handshake().handshake()
    assert duel.subject.error is None
    return duel.hello()


@accepts("S9.3")
def test_application_data_may_come_between_the_messages_of_a_renegotiation() -> Duel:
    duel = secure().hello()
    duel.script.send_data(b"before the key exchange, ")
    duel.key_exchange()
    duel.script.send_data(b"before the ChangeCipherSpec")
    duel.carry()
    assert duel.subject.data == b"before the key exchange, before the ChangeCipherSpec"
    return duel.finish()


@pytest.mark.parametrize("arrived", [1, 4, 10])
@refuses("S9.3", Alert.UNEXPECTED_MESSAGE)
def test_application_data_inside_a_message_of_a_renegotiation_is_refused(arrived: int) -> Duel:
    duel = secure().hello()
    message = messages.serialize(duel.script.respond())
    duel.script.send_record(ContentType.HANDSHAKE, message[:arrived])
    duel.script.send_data(b"data")
    return duel


@refuses("S9.3", Alert.UNEXPECTED_MESSAGE)
def test_application_data_inside_the_client_hello_of_a_renegotiation_is_refused() -> Duel:
    duel = secure()
    duel.script.send_record(ContentType.HANDSHAKE, messages.serialize(duel.script.hello())[:50])
    duel.script.send_data(b"data")
    return duel


@refuses("S9.3", Alert.UNEXPECTED_MESSAGE)
def test_application_data_between_change_cipher_spec_and_finished_is_refused() -> Duel:
    duel = secure().hello().key_exchange()
    duel.script.change_cipher_spec()
    duel.script.send_data(b"data")
    return duel


@pytest.mark.parametrize("policy", [RENEGOTIATE, LEGACY_RENEGOTIATES], ids=lambda policy: policy.name)
@refuses("S9.4", Alert.HANDSHAKE_FAILURE)
def test_extended_master_secret_may_not_be_dropped_in_a_renegotiation(policy: Policy) -> Duel:
    duel = AgainstServer(policy=policy).handshake()
    return duel.hello(hello=without_extensions(duel.script.hello(), *WITHOUT))


def legacy_connection(policy: Policy) -> AgainstServer:
    """A finished handshake without extended master secret."""
    duel = AgainstServer(policy=policy)
    duel.hello(hello=without_extensions(duel.script.hello(), *WITHOUT)).key_exchange().finish()
    assert not duel.subject.negotiated.extended_master_secret
    return duel


@pytest.mark.parametrize("policy", [RENEGOTIATE, LEGACY_RENEGOTIATES], ids=lambda policy: policy.name)
@accepts("S9.4")
def test_extended_master_secret_may_be_gained_in_a_renegotiation(policy: Policy) -> Duel:
    duel = legacy_connection(policy).handshake()
    negotiated = duel.subject.connection.negotiated
    assert negotiated is not None
    assert negotiated.extended_master_secret
    return duel


@accepts("S9.4")
def test_a_connection_without_extended_master_secret_is_not_renegotiated_without_it() -> Duel:
    duel = legacy_connection(RENEGOTIATE)
    duel.hello(hello=without_extensions(duel.script.hello(), *WITHOUT))
    assert warned(duel)
    return duel


@accepts("S9.4")
def test_a_connection_without_extended_master_secret_is_renegotiated_without_it_if_the_policy_allows() -> Duel:
    duel = legacy_connection(LEGACY_RENEGOTIATES)
    again = without_extensions(duel.script.hello(), *WITHOUT)
    return duel.hello(hello=again).key_exchange().finish()


@pytest.mark.parametrize("second", ["other.test", None])
@refuses("S9.4", Alert.HANDSHAKE_FAILURE)
def test_the_server_name_may_not_change_in_a_renegotiation(second: str | None) -> Duel:
    duel = AgainstServer(policy=RENEGOTIATE)
    duel.hello(hello=with_extensions(duel.script.hello(), name(pki.NAME))).key_exchange().finish()
    hello = duel.script.hello()
    return duel.hello(hello=with_extensions(hello, name(second)) if second else hello)


@accepts("S9.4")
def test_other_extensions_may_change_in_a_renegotiation() -> Duel:
    duel = secure()
    hello = with_extensions(duel.script.hello(), name(pki.NAME), SupportedGroups((NamedGroup.SECP256R1,)))
    duel.hello(hello=hello).key_exchange().finish()
    assert duel.subject.connection.negotiated is not None
    assert duel.subject.connection.negotiated.group is NamedGroup.SECP256R1
    assert duel.subject.connection.negotiated.server_name == pki.NAME
    return duel


# -- S10 exporters and channel bindings ---------------------------------------------------------------------


def pair(**options: Any) -> tuple[Ours, Ours]:
    """A finished handshake between two of ours: client, server."""
    duel = between(subject="server", **options)
    duel.carry()
    assert isinstance(duel.peer, Ours)
    assert duel.subject.completed, str(duel.subject.error)
    return duel.peer, duel.subject


@contextmanager
def refusing(words: str) -> Iterator[None]:
    with pytest.raises(UsageError, match=words):
        yield


@shows("S10.1", "UsageError")
def test_exporters_and_bindings_are_refused_before_completion() -> None:
    duel = between(subject="server")
    assert isinstance(duel.peer, Ours)
    duel.peer.start()
    duel.subject.receive(duel.peer.take())
    for end in (duel.peer, duel.subject):
        with refusing("before HandshakeCompleted"):
            end.connection.export_keying_material("EXPORTER-test", b"", 32)
        with refusing("before HandshakeCompleted"):
            end.connection.channel_binding("tls-unique")


@shows("S10.1", "UsageError")
def test_exporters_are_refused_during_a_renegotiation() -> None:
    client, server = pair(client={"policy": RENEGOTIATE}, server={"policy": RENEGOTIATE})
    client.connection.renegotiate()
    server.receive(client.take())
    for end in (client, server):
        with refusing("during a renegotiation"):
            end.connection.export_keying_material("EXPORTER-test", b"", 32)


@pytest.mark.parametrize("policy", [Policy.default(), LEGACY], ids=lambda policy: policy.name)
@shows("S10.1", "UsageError, unless it is said that it does not authenticate")
def test_exporters_for_authentication_need_extended_master_secret(policy: Policy) -> None:
    duel = legacy_connection(policy)
    with refusing("RFC 7627 5.4"):
        duel.subject.connection.export_keying_material("EXPORTER-test", None, 32)
    exported = duel.subject.connection.export_keying_material("EXPORTER-test", None, 32, for_authentication=False)
    assert len(exported) == 32


@shows("S10.1", "different bytes, the same on both sides")
def test_no_context_differs_from_an_empty_one() -> None:
    client, server = pair()
    exported = {
        context: client.connection.export_keying_material("EXPORTER-test", context, 32) for context in (None, b"", b"c")
    }
    assert len(set(exported.values())) == 3
    for context, value in exported.items():
        assert server.connection.export_keying_material("EXPORTER-test", context, 32) == value


@shows("S10.2", "the client's in full, the server's when resumed")
def test_tls_unique_is_the_first_finished_of_the_latest_handshake() -> None:
    place = Place()
    duel = place.visit().key_exchange().finish()
    assert duel.subject.connection.channel_binding("tls-unique") == duel.script.client_verify_data
    session = place.store.get(answer(duel).session_id)
    assert session is not None
    again = finished_by(place.back(session, "id"), session)
    assert again.subject.connection.channel_binding("tls-unique") == again.script.server_verify_data
    renewed = secure().handshake()
    assert renewed.subject.connection.channel_binding("tls-unique") == renewed.script.client_verify_data


@pytest.mark.parametrize("resumed", [False, True])
@shows("S10.2", "UsageError")
def test_tls_unique_is_refused_without_extended_master_secret(resumed: bool) -> None:
    duel = legacy_connection(Policy.default())
    if resumed:
        place = Place(policy=LEGACY)
        session = place.session(without=WITHOUT)
        duel = finished_by(place.back(session, "id", without=WITHOUT), session)
    with refusing("RFC 7627"):
        duel.subject.connection.channel_binding("tls-unique")


@pytest.mark.parametrize(("kind", "expected"), [("ecdsa-p256", "sha256"), ("sha1", "sha256"), ("rsa-2048", "sha256")])
@shows("S10.2", "SHA-256 at least")
def test_tls_server_end_point_is_the_hash_of_the_certificate(kind: str, expected: str) -> None:
    issued = pki.sha1_signature() if kind == "sha1" else pki.server(kind)
    client, server = pair(server={"credentials": (credential_of(issued),)})
    digest = hashlib.new(expected, issued.chain_der[0]).digest()
    for end in (client, server):
        assert end.connection.channel_binding("tls-server-end-point") == digest


@shows("S10.2", "UsageError")
def test_tls_server_end_point_is_undefined_for_eddsa_signatures_and_psk() -> None:
    client, _ = pair(server={"credentials": (credential_of(pki.ed25519_chain()),)})
    with refusing("EdDSA"):
        client.connection.channel_binding("tls-server-end-point")
    psk_only = Policy.psk().replace(cipher_suites=(PSK,))
    client, server = pair(
        client={"policy": psk_only, "psk": Psk(b"me", KEY), "verifier": None},
        server={"policy": psk_only, "psk": {b"me": KEY}},
    )
    for end in (client, server):
        with refusing("certificate"):
            end.connection.channel_binding("tls-server-end-point")


@shows("S10.2", "32 bytes under an empty context that is present")
def test_tls_exporter_has_a_label_of_its_own_and_an_empty_context() -> None:
    client, server = pair()
    value = client.connection.channel_binding("tls-exporter")
    assert value == client.connection.export_keying_material("EXPORTER-Channel-Binding", b"", 32)
    assert value == server.connection.channel_binding("tls-exporter")


@shows("S10.2", "UsageError")
def test_tls_exporter_is_refused_after_a_renegotiation_and_without_extended_master_secret() -> None:
    renewed = secure().handshake()
    with refusing("renegotiation"):
        renewed.subject.connection.channel_binding("tls-exporter")
    duel = legacy_connection(Policy.default())
    with refusing("extended master secret"):
        duel.subject.connection.channel_binding("tls-exporter")
