"""Objects of the application that raise: their exception reaches the caller, and the peer hears internal_error."""

from __future__ import annotations

from typing import Any

import pytest

from tests import pki
from tests.ends import (
    AUTHENTICATED,
    BOOM,
    PSK,
    PSK_POLICY,
    ROLES,
    Boom,
    Ours,
    boom,
    connected,
    last_alert,
    pair,
    talk,
)
from tls12 import (
    Alert,
    CertificateError,
    ClientAuth,
    ConnectionFailed,
    ConnectionState,
    Credential,
    EncodeError,
    KeyLog,
    MemorySessionStore,
    PeerAlert,
    Session,
    TicketKeys,
    UsageError,
)
from tls12.errors import InternalError
from tls12.lab.pki import generate_key
from tls12.registry import HandshakeType
from tls12.wire.messages import RawMessage


class FailingVerifier:
    """A verifier that breaks."""

    fingerprint = b"breaks"

    def verify(self, peer: object) -> tuple[bytes, ...]:
        raise BOOM


class VerifierThatGives(FailingVerifier):
    """A verifier of the application's own that gives something else than a chain."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def verify(self, peer: object) -> Any:
        return self.answer


class RefusingVerifier(FailingVerifier):
    """A verifier of the application's own that refuses as the library's do."""

    def verify(self, peer: object) -> tuple[bytes, ...]:
        raise CertificateError("I do not like it", alert=Alert.CERTIFICATE_UNKNOWN)


class FailingSigner:
    """A key in a token that has been pulled out."""

    def __init__(self) -> None:
        self._key = generate_key("ecdsa-p256")
        self.public_key = self._key.public_key()

    def sign(self, scheme: object, data: bytes) -> bytes:
        raise BOOM


class FailingKeyLog(KeyLog):
    """A log on a full disk."""

    def log(self, label: str, client_random: bytes, secret: bytes) -> None:
        raise BOOM


class FailingStore(MemorySessionStore):
    """A store whose database is gone."""

    def get(self, key: bytes) -> Session | None:
        raise BOOM

    def put(self, key: bytes, session: Session) -> None:
        raise BOOM

    def remove(self, key: bytes) -> None:
        raise BOOM


def failing_credential() -> Credential:
    """A certificate whose key is out of reach."""
    signer = FailingSigner()
    issued = pki.intermediate().issue(*pki.NAMES, key=signer._key)
    return Credential.from_objects(issued.certificates, signer)


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "the client's verifier": ("client", {"client": {"verifier": FailingVerifier()}}),
    "the server's verifier": (
        "server",
        {**AUTHENTICATED, "server": {"client_auth": ClientAuth.REQUIRED, "verifier": FailingVerifier()}},
    ),
    "the server's key": ("server", {"server": {"credentials": (failing_credential(),)}}),
    "the client's psk": ("client", {"policy": PSK_POLICY, "client": {"psk": boom}, "server": {"psk": {}}}),
    "the server's psk": ("server", {"policy": PSK_POLICY, "client": {"psk": PSK}, "server": {"psk": boom}}),
    "the client's key log": ("client", {"client": {"keylog": FailingKeyLog()}}),
    "the server's key log": ("server", {"server": {"keylog": FailingKeyLog()}}),
    "the server's randomness": ("server", {"server": {"random": boom}}),
    "the client's hook": ("client", {"mine": {"rewrite": boom}}),
    "the server's hook": ("server", {"mine": {"rewrite": boom}}),
    "the client's watcher": ("client", {"mine": {"on_message": boom}}),
    "the server's watcher": ("server", {"mine": {"on_message": boom}}),
    "the client's clock": ("client", {"client": {"clock": boom}}),
}


def until_it_raises(ours: Ours, theirs: Ours) -> None:
    """Talk; the exception of the application's object has to come out."""
    with pytest.raises(Boom) as raised:
        talk(ours, theirs)
    assert raised.value is BOOM


@pytest.mark.parametrize("fault", FAULTS)
def test_what_an_application_object_raises_reaches_the_caller(fault: str) -> None:
    role, options = FAULTS[fault]
    ours, theirs = pair(role, **options)
    until_it_raises(ours, theirs)
    assert ours.connection.state is ConnectionState.FAILED
    (*_, failed) = ours.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, InternalError)
    assert failed.error.__cause__ is BOOM
    assert "Boom" in str(failed.error)
    assert failed.error.alert is Alert.INTERNAL_ERROR


@pytest.mark.parametrize("fault", FAULTS)
def test_the_peer_of_a_broken_object_hears_internal_error(fault: str) -> None:
    role, options = FAULTS[fault]
    ours, theirs = pair(role, **options)
    until_it_raises(ours, theirs)
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.INTERNAL_ERROR


@pytest.mark.parametrize("fault", FAULTS)
def test_after_it_the_connection_is_over_and_says_nothing_more(fault: str) -> None:
    role, options = FAULTS[fault]
    ours, theirs = pair(role, **options)
    until_it_raises(ours, theirs)
    ours.take()
    ours.receive(b"more")
    ours.receive(b"")
    ours.send(b"dropped")
    assert ours.take() == b""


def test_what_a_verifier_refuses_as_ours_do_is_the_peers_fault() -> None:
    ours, theirs = pair("client", client={"verifier": RefusingVerifier()})
    talk(ours, theirs)
    assert isinstance(ours.error, CertificateError)
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.CERTIFICATE_UNKNOWN


class ForgetfulStore(MemorySessionStore):
    """A store that gives what its database holds."""

    def get(self, key: bytes) -> Any:
        return b"the bytes of a session"


class Signer:
    """A token whose driver gives hexadecimal text."""

    def __init__(self) -> None:
        self._key = generate_key("ecdsa-p256")
        self.public_key = self._key.public_key()

    def sign(self, scheme: object, data: bytes) -> Any:
        return "3045"


def signing_in_text() -> Credential:
    signer = Signer()
    return Credential.from_objects(pki.intermediate().issue(*pki.NAMES, key=signer._key).certificates, signer)


_A_LIST = "it gives a list of messages: [message] to send it as it is, [] to send nothing"
_A_SESSION = "it gives a Session (see Session.from_bytes), or None"
_EXTENSIONS = "give a list of extensions, such as RawExtension(type, body)"
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a hook that forgets its answer": (
        "client",
        {"mine": {"rewrite": lambda _: None}},
        f"rewrite gave None for ClientHello; {_A_LIST}",
    ),
    "a hook that gives the message alone": (
        "server",
        {"mine": {"rewrite": lambda message: message}},
        f"rewrite gave a ServerHello for ServerHello; {_A_LIST}",
    ),
    "a hook that gives bytes": (
        "client",
        {"mine": {"rewrite": lambda _: b"hello"}},
        f"rewrite gave bytes for ClientHello; {_A_LIST}",
    ),
    "a hook that gives a list of bytes": (
        "client",
        {"mine": {"rewrite": lambda _: [b"hello"]}},
        f"rewrite gave a list with bytes for ClientHello; {_A_LIST}",
    ),
    "randomness that is too short": (
        "client",
        {"client": {"random": lambda count: bytes(count // 2)}},
        "random(32) gave 16 bytes; it gives as many as are asked for",
    ),
    "randomness that is text": (
        "server",
        {"server": {"random": lambda count: "4" * count}},
        "random(32) gave a str; it gives bytes, as os.urandom does",
    ),
    "a clock that gives nothing": (
        "client",
        {"client": {"clock": lambda: None}},
        "clock() gave None; it gives seconds since 1970, as time.time does",
    ),
    "a clock that gives no number": (
        "client",
        {"client": {"clock": lambda: float("nan")}},
        "clock() gave nan; it gives seconds since 1970, as time.time does",
    ),
    "the client's psk": (
        "client",
        {"policy": PSK_POLICY, "client": {"psk": lambda hint: b"key"}, "server": {"psk": {}}},
        "psk(hint) gave bytes; it gives a Psk(identity, key), or None",
    ),
    "the server's psk": (
        "server",
        {"policy": PSK_POLICY, "client": {"psk": PSK}, "server": {"psk": lambda identity: "key"}},
        "psk(identity) gave a str; it gives the key as bytes, or None",
    ),
    "the client's store": (
        "client",
        {"client": {"sessions": ForgetfulStore()}},
        f"sessions.get(key) gave bytes; {_A_SESSION}",
    ),
    "extensions that are none": (
        "server",
        {"server": {"extensions": lambda hello: None}},
        f"extensions(hello) gave None; {_EXTENSIONS}",
    ),
    "extensions that are bytes": (
        "server",
        {"server": {"extensions": lambda hello: [b"1"]}},
        "extensions(hello) holds bytes; give extensions, such as RawExtension(type, body)",
    ),
    "a key that signs in text": (
        "server",
        {"server": {"credentials": (signing_in_text(),)}},
        "the sign() of a credential's key gave a str; it gives the signature as bytes",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_an_object_gives_of_the_wrong_type_is_named_and_the_peer_hears_internal_error(mistake: str) -> None:
    role, options, sentence = WRONG[mistake]
    ours, theirs = pair(role, **options)
    with pytest.raises(UsageError) as raised:
        talk(ours, theirs)
    assert str(raised.value) == sentence
    assert isinstance(ours.connection.error, InternalError)
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.INTERNAL_ERROR


def test_a_servers_store_that_gives_something_else_than_sessions_is_named() -> None:
    client, _ = connected("client", server={"sessions": MemorySessionStore()})
    session = client.connection.session
    ours, theirs = pair("server", client={}, server={"sessions": ForgetfulStore()})
    del theirs
    again, _ = pair("client", mine={"session": session})
    again.start()
    with pytest.raises(UsageError, match=r"sessions.get\(key\) gave bytes"):
        ours.receive(again.take())


def test_a_value_that_does_not_fit_the_wire_is_the_callers_fault() -> None:
    ours, _ = pair("client", mine={"rewrite": lambda _: [RawMessage(HandshakeType.CLIENT_HELLO, bytes(1 << 24))]})
    with pytest.raises(EncodeError):
        ours.start()
    assert isinstance(ours.connection.error, InternalError)


# --- stores: their errors are misses ----------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_store_that_fails_is_a_store_that_knows_nothing(role: str) -> None:
    ours, theirs = connected(role, **{role: {"sessions": FailingStore()}})
    assert not ours.negotiated.resumed
    ours.send(b"all is well")
    talk(ours, theirs)
    assert theirs.data == b"all is well"


@pytest.mark.parametrize("role", ROLES)
def test_a_store_that_fails_to_forget_does_not_hide_the_failure(role: str) -> None:
    ours, theirs = connected(role, **{role: {"sessions": FailingStore()}})
    ours.connection.abort(Alert.INTERNAL_ERROR)
    assert last_alert(ours, theirs) == bytes([2, Alert.INTERNAL_ERROR])


def test_a_servers_store_that_fails_at_a_lookup_means_a_full_handshake() -> None:
    store = MemorySessionStore()
    client, _ = connected("client", server={"sessions": store})
    assert client.connection.session is not None
    again, server = pair("client", server={"sessions": FailingStore()}, mine={"session": client.connection.session})
    talk(again, server)
    assert again.completed
    assert not again.negotiated.resumed


def test_a_clients_store_that_fails_still_leaves_the_session_on_the_connection() -> None:
    client, _ = connected("client", client={"sessions": FailingStore()}, server={"ticket_keys": TicketKeys.generate()})
    assert client.connection.session is not None


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [(record.name, record.levelname, record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize(("role", "lookups"), [("client", 1), ("server", 0)])
def test_every_failure_of_a_store_is_a_warning_that_names_no_more_than_its_class(
    role: str, lookups: int, caplog: pytest.LogCaptureFixture
) -> None:
    ours, _ = connected(role, **{"server": {"sessions": MemorySessionStore()}, role: {"sessions": FailingStore()}})
    ours.connection.abort(Alert.INTERNAL_ERROR)
    acts = [*["get"] * lookups, "put", "remove"]
    assert warnings_of(caplog) == [
        (
            "tls12.resumption",
            "WARNING",
            f"FailingStore.{act}() raised {type(BOOM).__name__}; sessions are not resumed",
        )
        for act in acts
    ]


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (None, "None"),
        (True, "a bool"),
        (False, "a bool"),
        ([], "a list"),
        (b"", "bytes"),
        (("x",), "a tuple with a str"),
    ],
)
def test_a_verifier_that_gives_no_chain_is_the_applications_bug_and_is_named(
    side: str, answer: Any, named: str
) -> None:
    verifier = VerifierThatGives(answer)
    options: dict[str, Any] = {"client": {"verifier": verifier}}
    if side == "server":
        options = {**AUTHENTICATED, "server": {"client_auth": ClientAuth.REQUIRED, "verifier": verifier}}
    ours, theirs = pair(side, **options)
    with pytest.raises(UsageError, match=rf"the verify\(\) of VerifierThatGives gave {named}; .*tuple of bytes"):
        talk(ours, theirs)
    assert not ours.completed
    assert isinstance(ours.connection.error, InternalError)
    assert ours.connection.error.alert is Alert.INTERNAL_ERROR
