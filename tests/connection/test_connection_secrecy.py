"""What a reporter of exceptions prints, and what stays in memory: no secret, whatever raises and wherever it does."""

from __future__ import annotations

import gc
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests import pki
from tests.connection.test_connection_callbacks import Meddler, scene
from tests.connection.test_connection_interrupts import PACKAGE, Interrupt
from tests.ends import AUTHENTICATED, PSK, ROLES, Boom, Ours, connected, pair, renegotiable, talk
from tests.providers import Telling
from tls12 import (
    ClientAuth,
    ClientConfig,
    ClientConnection,
    Credential,
    KeyLog,
    PeerCertificateReceived,
    Psk,
    ServerConfig,
    ServerConnection,
    Session,
    TicketKeys,
    TrustStore,
    UsageError,
    X509Verifier,
)
from tls12.crypto.key_schedule import KeyBlock
from tls12.handshake.engine import Handshake
from tls12.handshake.proofs import Established
from tls12.handshake.steps import Secrets
from tls12.secrecy import Secret, forget_locals, keeps_secrets


@pytest.fixture
def telling() -> Telling:
    """Cryptography that keeps every secret that it computes with, and the PSK."""
    return Telling([PSK.key])


def reported(error: BaseException) -> str:
    """The error as a reporter prints it that takes the variables of every frame, without those of the tests."""
    frames = []
    for one in (error, error.__cause__, error.__context__):
        if one is not None:
            told = traceback.TracebackException.from_exception(one, capture_locals=True)
            frames += [frame for frame in told.stack if frame.filename.startswith(PACKAGE)]
    return str(error) + repr([(frame.name, frame.locals) for frame in frames])


def shown(text: str, secrets: list[bytes]) -> list[bytes]:
    """Which of the secrets are in the text, in one way of writing them or another."""
    return [
        s
        for s in secrets
        if repr(s)[2:-1].replace("\\", "\\\\")[:24] in text or repr(s)[2:24] in text or s.hex() in text
    ]


class Raiser(Meddler):
    """Raises at one of the places where the connection calls out; looks at the stack at all of them."""

    stacks: list[str]

    def called(self, where: str) -> None:
        self.places.append(where)
        frames = traceback.StackSummary.extract(traceback.walk_stack(sys._getframe()), capture_locals=True)
        self.stacks.append(repr([(f.name, f.locals) for f in frames if f.filename.startswith(PACKAGE)]))
        if where == self.place:
            raise Boom(where)


def converse(name: str, role: str, raiser: Raiser, crypto: Telling) -> tuple[Ours, Ours]:
    """A handshake, data and a renegotiation, and the end."""
    raiser.stacks = []
    ours, theirs = scene(name, role, raiser, crypto=crypto)
    talk(ours, theirs)
    ours.send(b"data")
    theirs.connection.renegotiate()
    talk(ours, theirs)
    ours.connection.abort()
    return ours, theirs


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["certificates", "psk"])
def test_whatever_a_callback_raises_no_report_of_it_shows_a_secret(name: str, role: str, telling: Telling) -> None:
    raiser = Raiser()
    converse(name, role, raiser, telling)
    places = dict.fromkeys(raiser.places)
    raised = 0
    for place in places:
        raiser = Raiser(place)
        try:
            converse(name, role, raiser, telling)
        except Boom as error:
            raised += 1
            text = reported(error)
            assert "receive_data" in text or "initiate_handshake" in text or "send_data" in text or "abort" in text
            assert shown(text, telling.known) == [], place
    assert raised > 10
    assert len(telling.known) > 20


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["certificates", "psk"])
def test_what_a_callback_sees_of_the_stack_shows_no_secret(name: str, role: str, telling: Telling) -> None:
    """Some reporters take the stack of a message, too, not only that of an exception."""
    raiser = Raiser()
    converse(name, role, raiser, telling)
    for place, stack in zip(raiser.places, raiser.stacks, strict=True):
        if not place.startswith("random"):  # it is asked for in the middle of the computation
            assert shown(stack, telling.known) == [], place


@pytest.mark.parametrize("role", ROLES)
def test_an_interrupt_at_any_moment_shows_no_secret(role: str, telling: Telling) -> None:
    at = 40
    texts: list[str] = []
    while True:
        client, server = pair("client", **AUTHENTICATED, crypto=telling)
        ours, theirs = (client, server) if role == "client" else (server, client)
        interrupt = Interrupt(at)
        try:
            for end in (client, server):
                end.start()
            for _ in range(6):
                theirs.receive(ours.take())
                data = theirs.take()
                with interrupt.armed():
                    ours.connection.receive_data(data)
        except KeyboardInterrupt as error:
            texts.append(reported(error))
        if not interrupt.function:
            break
        at += 127
    assert len(texts) > 20
    assert shown("".join(texts), telling.known) == []


def test_a_misuse_of_an_exporter_does_not_show_the_master_secret(telling: Telling) -> None:
    ours, _ = connected("client", crypto=telling)
    for label, context in (("master secret", b""), ("EXPERIMENTAL", bytes(1 << 16))):
        with pytest.raises(UsageError) as refused:
            ours.connection.export_keying_material(label, context, 32)
        assert "export_keying_material" in reported(refused.value)
        assert shown(reported(refused.value), telling.known) == []


def test_a_mistake_in_a_configuration_or_credential_does_not_show_its_keys() -> None:
    issued, other = pki.server(), pki.client()
    key, pem = b"a key of the pre-shared kind", other.key_pem
    mistakes: list[Callable[[], object]] = [
        lambda: ServerConfig(psk={b"me": key}, client_auth=ClientAuth.REQUIRED),
        lambda: ServerConfig(psk={b"me": key, b"you": b""}),
        lambda: Psk(bytes(70_000), key),
        lambda: Credential.from_pem(issued.chain_pem, pem),
        lambda: Credential.from_pem(issued.chain_pem, pem[:-60]),
        lambda: Session.from_bytes(key * 10),
    ]
    for mistake in mistakes:
        with pytest.raises(Exception) as raised:
            mistake()
        text = reported(raised.value)
        assert shown(text, [key, pem, pem[100:130]]) == [], text


# --- the means --------------------------------------------------------------------------------------------


def test_a_secret_shows_and_gives_away_nothing() -> None:
    assert repr(Secret(b"key")) == "<Secret>"
    assert Secret(b"key").value == b"key"
    with pytest.raises(TypeError, match="neither pickled nor copied"):
        pickle.dumps(Secret(b"key"))


def test_frames_of_the_application_keep_their_variables() -> None:
    def of_the_application() -> None:
        order = 4711
        assert not order

    with pytest.raises(AssertionError) as raised:
        of_the_application()
    forget_locals(raised.value)
    *_, (frame, _) = traceback.walk_tb(raised.value.__traceback__)
    assert frame.f_locals["order"] == 4711


def test_what_keeps_secrets_returns_what_the_function_returns() -> None:
    @keeps_secrets
    def double(number: int) -> int:
        """Twice."""
        return 2 * number

    assert double(21) == 42
    assert double.__doc__ == "Twice."


# --- memory -----------------------------------------------------------------------------------------------


KEPT = (Established, Secrets, Handshake, Session, KeyBlock, ClientConnection, ServerConnection)


@contextmanager
def without_collector() -> Iterator[Callable[[], list[object]]]:
    """Gives what there is of ours that there was not before, while the collector does not help."""
    gc.collect()
    before = {id(thing) for thing in gc.get_objects() if isinstance(thing, KEPT)}
    gc.disable()
    try:
        yield lambda: [t for t in gc.get_objects() if isinstance(t, KEPT) and id(t) not in before]
    finally:
        gc.enable()


def completed() -> None:
    ours, theirs = connected("client", **AUTHENTICATED)
    ours.close()
    talk(ours, theirs)


def renegotiated() -> None:
    ours, theirs = connected("client", policy=renegotiable())
    ours.connection.renegotiate()
    talk(ours, theirs)


def resumed() -> None:
    for _ in range(2):
        connected("client", server={"ticket_keys": TicketKeys.generate()})


def abandoned() -> None:
    client, server = pair("client")
    client.start()
    server.receive(client.take())
    client.receive(server.take())


def refused() -> None:
    config = ClientConfig(verifier=X509Verifier(TrustStore.from_pem(pki.trusted_pem())))
    client, server = Ours(ClientConnection(config, "other.test")), pair("server")[0]
    client.start()
    talk(client, server)
    assert client.error is not None


def broken() -> None:
    ours, _ = connected("server")
    ours.receive(b"\x17\x03\x03\0\x20" + bytes(32))
    assert ours.error is not None


def asked_and_never_answered() -> None:
    client, server = pair("client", mine={"pause_on": frozenset({PeerCertificateReceived})})
    talk(client, server)


def asking_for_a_renegotiation() -> None:
    _, server = connected("client", policy=renegotiable())
    server.connection.renegotiate()


ENDINGS = (
    completed, renegotiated, resumed, abandoned, refused, broken, asked_and_never_answered, asking_for_a_renegotiation,
)  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda function: function.__name__)
def test_a_connection_that_is_dropped_leaves_nothing_for_the_collector(ending: Callable[[], None]) -> None:
    ending()  # what is made once is made now
    with without_collector() as left:
        ending()
        assert left() == []


@pytest.mark.parametrize("role", ROLES)
def test_a_connection_that_a_callback_failed_lets_its_secrets_go_though_its_error_is_kept(role: str) -> None:
    """The exception refers to our frames, and they to the connection: the secrets must not hang on it."""

    class Log(KeyLog):
        def log(self, label: str, client_random: bytes, secret: bytes) -> None:
            raise Boom

    with without_collector() as left:
        ours, theirs = pair(role, **{role: {"keylog": Log()}})
        with pytest.raises(Boom) as raised:
            talk(ours, theirs)
        theirs.connection.abort()
        del theirs
        assert [type(t) for t in left() if not isinstance(t, ClientConnection | ServerConnection)] == []
        assert raised.value.__traceback__ is not None


@pytest.mark.parametrize("role", ROLES)
def test_a_connection_that_failed_keeps_neither_keys_nor_master_secret(role: str) -> None:
    ours, theirs = connected(role)
    theirs.connection.abort()
    ours.receive(theirs.take())
    assert ours.error is not None
    established = ours.connection._core.handshakes.established
    assert established is not None
    assert established.master_secret == b""
    assert ours.connection.negotiated is not None
    assert ours.connection.session is None
    with pytest.raises(UsageError, match="after a failure"):
        ours.connection.export_keying_material("EXPERIMENTAL", None, 32)
