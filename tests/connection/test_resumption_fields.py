"""What may change between the making of a session and its use: every field of both configurations, decided.

How it works: a row per field says whether a session goes on when that field has changed, with two values to try. A
client and a server make a session with the one, come back with the other, and the table must be right. A field without
a row fails, and so does a row that docs/security.md does not have.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import pki
from tests.ends import Ours, credential, credential_of, talk, verifier
from tests.sessions import altered
from tls12 import (
    Accept,
    AcceptAnyPeer,
    Alert,
    CertificateRequested,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    ClientHelloReceived,
    ConnectionState,
    KeyLog,
    Limits,
    MemorySessionStore,
    PeerAlert,
    PeerCertificateReceived,
    Policy,
    Psk,
    PskLookupRequested,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    Session,
    SessionLookupRequested,
    SignatureRequested,
    TicketKeys,
)
from tls12.crypto.provider import StandardCrypto
from tls12.events import PAUSABLE
from tls12.registry import ExtensionType, HandshakeType, SignatureScheme
from tls12.wire.extensions import RawExtension
from tls12.wire.memory import Memory

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256


class Row(NamedTuple):
    """One field, and two values of it."""

    resumes: bool
    """Whether a session that was made with `before` goes on with `after`."""
    before: Any
    after: Any
    also: dict[str, Any]
    """Other fields, the same both times."""
    peer: dict[str, Any]
    """Fields of the other side, the same both times."""


class OtherCrypto(StandardCrypto):
    """It computes the same, and says that it is another one."""

    name = "other"


class Together(dict[str, Any]):
    """Fields that can only change together: a server that never asks takes no verifier."""


def bound(before: Any, after: Any, also: dict[str, Any] | None = None, **peer: Any) -> Row:
    return Row(False, before, after, also or {}, peer)


def free(before: Any, after: Any, also: dict[str, Any] | None = None, **peer: Any) -> Row:
    return Row(True, before, after, also or {}, peer)


ALICE, BOB = (credential_of(pki.client(common_name=name)) for name in ("alice", "bob"))
ASKS = {"client_auth": ClientAuth.OPTIONAL, "verifier": verifier()}
PSKS: Any = {"psk": {b"one": b"a key of sixteen", b"two": b"another sixteen!"}, "policy": Policy.psk()}
ONE, TWO = Psk(b"one", b"a key of sixteen"), Psk(b"two", b"another sixteen!")
BY_PSK: Any = {"policy": Policy.psk(), "verifier": None}
NOW = time.time()

CLIENT: dict[str, Row] = {
    "verifier": bound(AcceptAnyPeer(), verifier()),
    "policy": bound(Policy.default(), Policy.default().replace(minimum_rsa_bits=3072)),
    "alpn_protocols": bound(("h2",), ("h2", "http/1.1"), alpn_protocols=("h2",)),
    "credentials": bound((ALICE,), (BOB,), **ASKS),
    "require_credential": bound(False, True, {"credentials": (ALICE,)}, **ASKS),
    "psk": bound(ONE, TWO, BY_PSK, **PSKS),
    "request_ocsp": bound(False, True),
    "request_scts": bound(False, True),
    "max_fragment_length": bound(None, 512),
    "request_ticket": free(False, True),
    "fallback_scsv": free(False, True),
    "sessions": free(None, MemorySessionStore()),
    "keylog": free(None, KeyLog()),
    "memory": free(Memory(), None),
    "limits": free(Limits(), Limits(certificates=1, warnings=1, records_per_key=5_000)),
    "half_close": free(False, True),
    "pack_small_writes": free(False, True),
    "extensions": free((), (RawExtension(ExtensionType.of(0xFE01), b"of our own"),)),
    "record_size_limit": free(16_384, 512),
    "max_send_fragment": free(16_384, 512),
    "crypto": bound(StandardCrypto(), OtherCrypto()),
    "random": free(lambda n: bytes([7]) * n, lambda n: bytes([8]) * n),
    "clock": free(lambda: NOW, lambda: NOW + 60),
}
SERVER: dict[str, Row] = {
    "credentials": bound(
        (credential(),), (credential_of(pki.intermediate().issue(*pki.NAMES, key=pki.key(number=5))),)
    ),
    "policy": bound(Policy.default(), Policy.default().replace(minimum_rsa_bits=3072)),
    "alpn_protocols": bound(("h2",), ("h2", "http/1.1"), alpn_protocols=("h2",)),
    "client_auth": bound(Together({"client_auth": ClientAuth.NONE}), Together(ASKS), credentials=(ALICE,)),
    "verifier": bound(AcceptAnyPeer(), verifier(), {"client_auth": ClientAuth.OPTIONAL}, credentials=(ALICE,)),
    "psk": free({b"one": ONE.key}, {b"one": ONE.key, b"two": TWO.key}, {"policy": Policy.psk()}, psk=ONE, **BY_PSK),
    "psk_identity_hint": bound(b"north", b"south", PSKS, psk=ONE, **BY_PSK),
    "certificate_authorities": bound((), (pki.root().certificate.subject.public_bytes(),), ASKS, credentials=(ALICE,)),
    "server_names": free((), (pki.NAME,)),
    "resume_across_keys": free(False, True),
    "session_lifetime": free(7_200.0, 600.0),
    "sessions": free(None, MemorySessionStore()),
    "ticket_keys": free(None, TicketKeys.generate()),
    "keylog": free(None, KeyLog()),
    "memory": free(Memory(), None),
    "limits": free(Limits(), Limits(certificates=1, warnings=1, records_per_key=5_000)),
    "half_close": free(False, True),
    "pack_small_writes": free(False, True),
    "extensions": free(None, lambda hello: ()),
    "record_size_limit": free(16_384, 512),
    "max_send_fragment": free(16_384, 512),
    "crypto": bound(StandardCrypto(), OtherCrypto()),
    "random": free(lambda n: bytes([7]) * n, lambda n: bytes([8]) * n),
    "clock": free(lambda: NOW, lambda: NOW + 60),
}


KEPT_IN = {"ticket": "ticket_keys", "id": "sessions"}
"""What a server needs for the one and for the other kind of resumption."""
NEEDED = {("server", field, by) for by, field in KEPT_IN.items()} | {("client", "request_ticket", "ticket")}
"""The fields without which there is no resumption of that kind, so that they cannot change between two of them."""


class Place:
    """Two ends that meet twice, with one session between them."""

    def __init__(self, by: str) -> None:
        self.kept = {KEPT_IN[by]: TicketKeys.generate() if by == "ticket" else MemorySessionStore()}

    def meet(self, session: Session | None, client: dict[str, Any], server: dict[str, Any]) -> tuple[Ours, Ours]:
        ours = ClientConnection(ClientConfig(**{"verifier": AcceptAnyPeer(), **client}), pki.NAME, session=session)
        mine, theirs = Ours(ours), Ours(ServerConnection(ServerConfig(**{"credentials": (credential(),), **server})))
        talk(mine, theirs)
        return mine, theirs

    def resumes(self, role: str, field: str, row: Row) -> bool:
        session: Session | None = None
        for value in (row.before, row.after):
            fields = value if isinstance(value, Together) else {field: value}
            ours, theirs = {**row.also, **fields}, dict(row.peer)
            client, server = (ours, theirs) if role == "client" else (theirs, ours)
            one, other = self.meet(session, client, {**server, **self.kept})
            assert one.completed, one.error
            assert other.completed, other.error
            session = one.connection.session or session
        assert one.negotiated.resumed is other.negotiated.resumed
        return one.negotiated.resumed


def settable(cls: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(cls) if field.init}


@pytest.mark.parametrize(("cls", "rows"), [(ClientConfig, CLIENT), (ServerConfig, SERVER)])
def test_every_field_of_a_configuration_is_decided(cls: type[Any], rows: dict[str, Row]) -> None:
    assert set(rows) == settable(cls), "say in this file and in docs/security.md what a change of it does"


CASES = [
    (role, field, by)
    for role, rows in (("client", CLIENT), ("server", SERVER))
    for field, by in itertools.product(rows, KEPT_IN)
    if (role, field, by) not in NEEDED
]


@pytest.mark.parametrize(("role", "field", "by"), CASES)
def test_a_session_goes_on_or_not_as_the_table_says(role: str, field: str, by: str) -> None:
    row = (CLIENT if role == "client" else SERVER)[field]
    place = Place(by)
    assert place.resumes(role, field, row) is row.resumes
    # The control: it is this change, and nothing else, that keeps the session from going on.
    assert Place(by).resumes(role, field, row._replace(after=row.before)) is True


# -- policies and limits ------------------------------------------------------------------------------------------

POLICY_CHANGES: dict[str, Any] = {
    "cipher_suites": [GCM],
    "groups": Policy.default().groups[:1],
    "signature_schemes": Policy.default().signature_schemes[:-1],
    "certificate_schemes": [SignatureScheme.ECDSA_SECP256R1_SHA256],
    "equal_preference": [Policy.default().cipher_suites[:2]],
    "renegotiation": Renegotiation.ALLOW,
    "minimum_rsa_bits": 4096,
    "minimum_dh_bits": 4096,
}


def changed(policy: Policy, name: str) -> Policy:
    value = getattr(policy, name)
    if isinstance(value, bool):
        return policy.replace(**{name: not value})
    return policy.replace(**{name: POLICY_CHANGES[name] if name in POLICY_CHANGES else value * 2})


def test_every_field_of_a_policy_but_its_name_is_part_of_what_binds_a_session() -> None:
    default = Policy.default()
    names = settable(Policy) - {"name"}
    prints = {changed(default, name).fingerprint for name in names}
    assert len(prints | {default.fingerprint}) == len(names) + 1
    assert dataclasses.replace(default, name="another").fingerprint == default.fingerprint


LIMITS: dict[str, Any] = {
    "message_sizes": {**Limits().message_sizes, HandshakeType.CERTIFICATE: 50_000},
    "handshake_seconds": 60.0,
    "records_per_key": 1_000_000,
}


@pytest.mark.parametrize("role", ["client", "server"])
def test_limits_bound_what_a_peer_costs_and_no_session(role: str) -> None:
    for name in settable(Limits):
        value = getattr(Limits(), name)
        after = Limits(**{name: LIMITS[name] if value is None or name in LIMITS else value * 2})
        assert Place("ticket").resumes(role, "limits", free(Limits(), after)), name


# -- what the application decides while a handshake is paused -----------------------------------------------------


Answers = dict[type, Callable[[Any], object]]


def talk_answering(client: Ours, server: Ours, answers: Answers) -> None:
    """`talk`, and an answer to each question in between."""
    for _ in range(6):
        talk(client, server)
        for end in (client, server):
            question = next((event for event in reversed(end.events) if type(event) in answers), None)
            if end.connection.state is ConnectionState.PAUSED and question is not None:
                end.connection.answer(answers[type(question)](question))
                end.events += end.connection.events()


def paused(
    session: Session | None,
    kept: dict[str, Any],
    *,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    clients: Answers | None = None,
    servers: Answers | None = None,
) -> tuple[Ours, Ours]:
    """A meeting at which applications answer."""
    config = ClientConfig(**{"verifier": AcceptAnyPeer(), **(client or {})})
    ours = Ours(ClientConnection(config, pki.NAME, session=session, pause_on=frozenset(clients or ())))
    other = ServerConfig(**{"credentials": (credential(),), **kept, **(server or {})})
    theirs = Ours(ServerConnection(other, pause_on=frozenset(servers or ())))
    talk_answering(ours, theirs, {**(clients or {}), **(servers or {})})
    assert ours.completed, ours.error
    assert theirs.completed, theirs.error
    return ours, theirs


def test_a_session_in_which_the_application_chose_our_certificate_is_not_kept() -> None:
    store, kept = MemorySessionStore(), {"ticket_keys": TicketKeys.generate()}
    for chosen in (ALICE, BOB, None):
        choose: Answers = {CertificateRequested: lambda _, chosen=chosen: chosen}
        ours, theirs = paused(None, kept, client={"sessions": store}, server=ASKS, clients=choose)
        assert theirs.negotiated.peer_certificates == (chosen.certificate_list if chosen else ())
        assert ours.connection.session is None
    assert len(store) == 0


def test_a_client_whose_application_would_choose_is_not_content_with_a_session_of_another() -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    session = paused(None, kept, server=ASKS)[0].connection.session
    answers: Answers = {CertificateRequested: lambda _: ALICE}
    _, theirs = paused(session, kept, server=ASKS, clients=answers)
    assert theirs.negotiated.peer_certificates == ALICE.certificate_list


def test_where_no_certificate_was_asked_for_an_application_that_would_choose_resumes() -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    answers: Answers = {CertificateRequested: lambda _: ALICE}
    session = paused(None, kept, clients=answers)[0].connection.session
    assert paused(session, kept, clients=answers)[0].negotiated.resumed


@pytest.mark.parametrize("role", ["client", "server"])
def test_an_application_that_judges_the_peer_is_asked_about_sessions_that_were_made_without_it(role: str) -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    judges: dict[str, Answers] = {f"{role}s": {PeerCertificateReceived: lambda _: Accept()}}
    options: dict[str, Any] = {"client": {"credentials": (ALICE,)}, "server": ASKS}
    session = paused(None, kept, **options)[0].connection.session
    first, _ = paused(session, kept, **options, **judges)
    assert not first.negotiated.resumed
    assert paused(first.connection.session, kept, **options, **judges)[0].negotiated.resumed


@pytest.mark.parametrize("event", [SignatureRequested, SessionLookupRequested, ClientHelloReceived])
def test_other_questions_bind_nothing(event: type) -> None:
    store = MemorySessionStore()
    answers: dict[type, Answers] = {
        SignatureRequested: {event: lambda asked: asked.credential.sign(asked.scheme, asked.data)},
        SessionLookupRequested: {event: lambda asked: store.get(asked.session_id)},
        ClientHelloReceived: {event: lambda asked: None},
    }
    session = paused(None, {"sessions": store})[0].connection.session
    assert paused(session, {"sessions": store}, servers=answers[event])[0].negotiated.resumed


def by_psk(psk: Any) -> dict[str, Any]:
    return {**BY_PSK, "psk": psk}


@pytest.mark.parametrize(("key", "goes_on"), [(ONE.key, True), (TWO.key, False), (None, False)])
def test_a_server_whose_application_looks_keys_up_asks_it_again_before_it_resumes(
    key: bytes | None, goes_on: bool
) -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    server = {"policy": Policy.psk(), "credentials": ()}
    answers = iter([ONE.key, key, TWO.key])
    lookup: Answers = {PskLookupRequested: lambda asked: next(answers)}
    turns = iter([ONE, ONE, Psk(b"one", TWO.key)])  # when the session is made, when it is offered, and given anew
    client = by_psk(lambda hint: next(turns))
    session = paused(None, kept, client=client, server=server, servers=lookup)[0].connection.session
    assert session is not None
    ours, theirs = paused(session, kept, client=client, server=server, servers=lookup)
    asked = [event for event in theirs.events if isinstance(event, PskLookupRequested)]
    assert [event.identity for event in asked] == [b"one"] * (1 if goes_on else 2)
    assert ours.negotiated.resumed is goes_on


def test_a_client_whose_application_looks_keys_up_keeps_no_session() -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    server = {"policy": Policy.psk(), "credentials": (), "psk": PSKS["psk"]}
    answers: Answers = {PskLookupRequested: lambda asked: ONE}
    ours, _ = paused(None, kept, client=BY_PSK, server=server, clients=answers)
    assert ours.connection.session is None
    session = paused(None, kept, client=by_psk(ONE), server=server)[0].connection.session
    assert not paused(session, kept, client=BY_PSK, server=server, clients=answers)[0].negotiated.resumed


def test_a_function_from_hints_to_keys_resumes_as_long_as_it_gives_the_same_key_for_the_hint() -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    server = {"policy": Policy.psk(), "credentials": (), "psk": PSKS["psk"], "psk_identity_hint": b"north"}
    hints: list[bytes] = []

    def give(psk: Psk | None) -> Callable[[bytes], Psk | None]:
        return lambda hint: (hints.append(hint), psk)[1]

    session = paused(None, kept, client=by_psk(give(ONE)), server=server)[0].connection.session
    ours, _ = paused(session, kept, client=by_psk(give(ONE)), server=server)
    assert ours.negotiated.resumed
    assert hints == [b"north"] * 2
    ours, theirs = paused(session, kept, client=by_psk(give(TWO)), server=server)
    assert not ours.negotiated.resumed
    assert theirs.negotiated.psk_identity == b"two"


def test_a_function_that_has_no_key_any_more_offers_no_session() -> None:
    kept = {"ticket_keys": TicketKeys.generate()}
    server = {"policy": Policy.psk(), "credentials": (), "psk": PSKS["psk"]}
    turns = iter([ONE, None, TWO])  # when the session is made, when it is offered, and in the full handshake
    client = by_psk(lambda hint: next(turns))
    session = paused(None, kept, client=client, server=server)[0].connection.session
    assert session is not None
    ours, theirs = paused(session, kept, client=client, server=server)
    assert not ours.negotiated.resumed
    assert theirs.negotiated.psk_identity == b"two"


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_server_whose_psk_is_gone_resumes_nothing_that_was_made_with_one(by: str) -> None:
    place = Place(by)
    client: dict[str, Any] = {"policy": Policy.psk().replace(cipher_suites=SUITES_OF_BOTH_KINDS), "psk": ONE}
    server = {"policy": client["policy"], "psk": PSKS["psk"], "credentials": (credential("rsa-2048"),)}
    one, _ = place.meet(None, client, {**server, **place.kept})
    assert one.negotiated.psk_identity == b"one"
    two, other = place.meet(one.connection.session, client, {**server, **place.kept, "psk": None})
    assert other.negotiated.psk_identity is None
    assert not two.negotiated.resumed


SUITES_OF_BOTH_KINDS = (
    CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
)


def test_a_session_whose_suite_is_not_offered_any_more_is_not_offered_either() -> None:
    place = Place("ticket")
    session = place.meet(None, {}, place.kept)[0].connection.session
    assert session is not None
    absent = altered(session, cipher_suite=CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256)
    assert not place.meet(absent, {}, place.kept)[0].negotiated.resumed


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_name_that_is_not_served_any_more_is_refused_and_not_resumed(by: str) -> None:
    place = Place(by)
    session = place.meet(None, {}, {**place.kept, "server_names": (pki.NAME,)})[0].connection.session
    assert session is not None
    ours, _ = place.meet(session, {}, {**place.kept, "server_names": ("other.test",)})
    assert isinstance(ours.error, PeerAlert)
    assert ours.error.received is Alert.UNRECOGNIZED_NAME


# -- the page ------------------------------------------------------------------------------------------------------


def documented(heading: str) -> set[str]:
    """The names in backticks of a section of the page."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"`(?:\w+\.)?(\w+)`", section))


def test_the_page_names_every_field_and_every_pause() -> None:
    named = documented("What a session is bound to")
    wanted = settable(ClientConfig) | settable(ServerConfig) | {event.__name__ for event in PAUSABLE}
    assert wanted <= named, sorted(wanted - named)
