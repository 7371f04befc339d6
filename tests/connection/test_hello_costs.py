"""A hello costs what is understood of it: the rest is neither made into objects nor kept."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.ends import our_server, record
from tls12 import Alert, CipherSuite, ClientHelloReceived, Limits, NamedGroup, ServerConnection
from tls12 import SignatureScheme as Scheme
from tls12.errors import LimitExceeded
from tls12.handshake.negotiation import Offer
from tls12.lab.hellos import with_extensions
from tls12.lab.script import Script
from tls12.registry import ContentType, ExtensionType
from tls12.wire import messages
from tls12.wire.extensions import (
    IN_CLIENT_HELLO,
    ApplicationLayerProtocolNegotiation,
    Extension,
    RawExtension,
    SessionTicket,
    SignatureAlgorithms,
    SupportedGroups,
    read_extensions,
)
from tls12.wire.hello import ClientHello
from tls12.wire.reader import Reader

KIB = 1024


def flight(hello: ClientHello) -> bytes:
    data = messages.serialize(hello)
    return b"".join(record(ContentType.HANDSHAKE, data[at : at + 16_384]) for at in range(0, len(data), 16_384))


def hello(*extensions: Extension, suites: int = 0) -> ClientHello:
    plain = with_extensions(Script("client").hello(), *extensions)
    return replace(plain, cipher_suites=(*plain.cipher_suites, *map(CipherSuite.of, range(0x2000, 0x2000 + suites))))


def raw(kind: int, body: bytes) -> RawExtension:
    return RawExtension(ExtensionType.of(kind), body)


def share_list(number: int) -> bytes:
    return (number * 5).to_bytes(2) + bytes.fromhex("0a0a000100") * number


ACCEPTED = {
    "an ordinary one": hello(),
    "as many suites as are allowed": hello(suites=245),
    "as many extensions as are allowed": hello(*(raw(0x4000 + number, b"") for number in range(50))),
    "a ticket that fills it": hello(SessionTicket(bytes(15_000))),
    "an unknown extension that fills it": hello(raw(0x4000, bytes(15_000))),
    "key shares that fill it": hello(raw(ExtensionType.KEY_SHARE, share_list(3_000))),
    "authorities of TLS 1.3 that fill it": hello(
        raw(ExtensionType.CERTIFICATE_AUTHORITIES, (15_000).to_bytes(2) + b"\0\1x" * 5_000)
    ),
    "as many protocols as are allowed": hello(ApplicationLayerProtocolNegotiation((b"x",) * 32)),
    "as many schemes as are allowed": hello(
        SignatureAlgorithms((Scheme.ECDSA_SECP256R1_SHA256, *map(Scheme.of, range(0x7000, 0x7000 + 399))))
    ),
    "as many groups as are allowed": hello(
        SupportedGroups((NamedGroup.SECP256R1, NamedGroup.X25519, *map(NamedGroup.of, range(0x7000, 0x7000 + 254))))
    ),
}

REFUSED = {
    "suites": hello(suites=401),
    "as many suites as a message has room for": hello(suites=8_000),
    "extensions": hello(*(raw(0x4000 + number, b"") for number in range(65))),
    "as many extensions as a message has room for": hello(*(raw(0x4000 + number, b"") for number in range(4_000))),
    "protocols": hello(ApplicationLayerProtocolNegotiation((b"x",) * 8_000)),
    "groups": hello(SupportedGroups(tuple(map(NamedGroup.of, range(8_000))))),
    "schemes": hello(SignatureAlgorithms(tuple(map(Scheme.of, range(8_000))))),
}


def served(data: bytes, limits: Limits | None = None) -> ServerConnection:
    config = our_server(limits=limits or Limits()).connection.config
    connection = ServerConnection(config)
    connection.receive_data(data)
    return connection


def measured(run: Callable[[], object]) -> tuple[int, int]:
    """Bytes that are still held when `run` has returned, and the most that were held in between."""
    gc.collect()
    tracemalloc.start()
    try:
        begin, _ = tracemalloc.get_traced_memory()
        result = run()
        gc.collect()
        end, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return end - begin, peak - begin


@pytest.mark.parametrize("kind", ACCEPTED)
def test_a_connection_that_has_answered_keeps_nothing_of_the_hello(kind: str) -> None:
    data = flight(ACCEPTED[kind])
    config = our_server().connection.config

    def connect() -> list[ServerConnection]:
        connections = [ServerConnection(config) for _ in range(10)]
        for connection in connections:
            connection.receive_data(data)
            connection.events()
            connection.data_to_send()
        return connections

    before = offers()
    connections = connect()
    assert offers() == before
    held, _ = measured(connect)
    assert held < len(connections) * 8 * KIB


def offers() -> int:
    gc.collect()
    return sum(isinstance(item, Offer) for item in gc.get_objects())


@pytest.mark.parametrize("kind", ACCEPTED)
def test_a_hello_within_the_limits_is_read_with_little_memory(kind: str) -> None:
    data = flight(ACCEPTED[kind])
    served(data)
    _, peak = measured(lambda: served(data).events())
    assert peak < 160 * KIB


@pytest.mark.parametrize("kind", REFUSED)
def test_a_hello_over_the_limits_is_refused_before_objects_are_made_of_it(kind: str) -> None:
    data = flight(REFUSED[kind])
    connection = served(data)
    (*_, failed) = connection.events()
    assert isinstance(connection.error, LimitExceeded)
    assert connection.error.alert is Alert.HANDSHAKE_FAILURE
    assert "; Limits." in str(connection.error)
    assert failed.error is connection.error  # type: ignore[attr-defined]
    held, peak = measured(lambda: served(data))
    assert held < 8 * KIB
    assert peak < 100 * KIB


@pytest.mark.parametrize("size", [16_385, 131_396, 0xFFFFFF])
def test_a_hello_longer_than_its_bound_is_refused_by_its_header(size: int) -> None:
    connection = served(record(ContentType.HANDSHAKE, b"\1" + size.to_bytes(3) + b"\3\3"))
    assert connection.error is not None
    assert connection.error.alert is Alert.DECODE_ERROR
    assert "Limits.message_sizes" in str(connection.error)


@pytest.mark.parametrize("kind", REFUSED)
def test_the_limits_of_the_format_let_all_of_them_through(kind: str) -> None:
    connection = served(flight(REFUSED[kind]), Limits.of_the_format())
    assert ClientHelloReceived in map(type, connection.events())


def test_what_a_configuration_remembers_of_hellos_is_bounded_in_bytes() -> None:
    """Hostile peers send lists and extensions that are as long, and as new, as those that are remembered."""

    def block(*extensions: tuple[int, bytes]) -> bytes:
        inside = b"".join(kind.to_bytes(2) + len(body).to_bytes(2) + body for kind, body in extensions)
        return len(inside).to_bytes(2) + inside

    def flood() -> None:
        mode = our_server().connection.config.mode
        for turn in range(600):
            codes = b"".join((0x6000 + turn * 7 + number).to_bytes(2) for number in range(64))
            some = b"\0\x3a" + codes[:58]
            lists = [(kind, some) for kind in (ExtensionType.SUPPORTED_GROUPS, ExtensionType.SIGNATURE_ALGORITHMS)]
            lists.append((ExtensionType.SIGNATURE_ALGORITHMS_CERT, some))
            lists.append((16, b"\0\x3a" + b"\1x" * 27 + b"\3" + turn.to_bytes(3)))
            for count, size in ((60, 0), (28, 28), (11, 60)):
                unknown = ((0x5000 + (turn * 300 + number) % 0x2000, bytes(size)) for number in range(count))
                read_extensions(Reader(block(*unknown, *(lists if count == 11 else ())), mode=mode), IN_CLIENT_HELLO)

    _, peak = measured(flood)
    assert peak < 1_500 * KIB
