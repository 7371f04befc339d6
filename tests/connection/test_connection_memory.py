"""What one connection keeps stays bounded whatever arrives, and buffering takes linear time."""

from __future__ import annotations

import dataclasses
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import process_time

import pytest

from tests.ends import (
    CLOSE_NOTIFY,
    ROLES,
    USER_CANCELED,
    Ours,
    alert,
    connected,
    handshake,
    pair,
    protected,
    record,
)
from tls12 import Alert, CipherSuite, ClientHelloReceived, Limits, Policy, Renegotiation
from tls12.connection.core import Core
from tls12.registry import CompressionMethod, ContentType, ExtensionType, HandshakeType, ProtocolVersion
from tls12.wire.extensions import RawExtension
from tls12.wire.hello import HelloRequest, ServerHello
from tls12.wire.messages import serialize

LIMITS = Limits()
LARGEST = max(*LIMITS.message_sizes.values(), LIMITS.other_message_size)
RECORD = (1 << 14) + 2048 + 5


def kept(ours: Ours) -> int:
    """The bytes of input that a connection holds."""
    end = ours.connection
    return end._core.incoming.reader.buffered + end._core.incoming.reassembler.pending


def hostile(role: str, stream: str) -> tuple[Ours, Iterator[bytes]]:
    """A connection, and an endless stream of what a peer should not send it."""
    if stream.startswith("before"):
        ours, _ = pair(role)
        ours.start()
        return ours, before(stream)
    ours, theirs = connected(role)
    return ours, after(stream, ours, theirs)


def before(stream: str) -> Iterator[bytes]:
    match stream:
        case "before: a message that never ends":
            kind = HandshakeType.SERVER_HELLO
            yield record(ContentType.HANDSHAKE, bytes([kind, 0, 0xFF, 0xFF]))
            while True:
                yield record(ContentType.HANDSHAKE, bytes(1))
        case "before: the largest hello, again and again":
            while True:
                yield record(ContentType.HANDSHAKE, b"\x01\x02\0\0" + bytes(16_000))
        case "before: a record that never ends":
            yield record(ContentType.HANDSHAKE, bytes(1 << 14))[:5]
            while True:
                yield b"\0"
        case "before: warnings":
            while True:
                yield record(ContentType.ALERT, USER_CANCELED)
        case "before: HelloRequests":
            while True:
                yield record(ContentType.HANDSHAKE, serialize(HelloRequest()))
        case _:
            raise AssertionError(stream)


def after(stream: str, ours: Ours, theirs: Ours) -> Iterator[bytes]:
    match stream:
        case "after: a message that never ends":
            yield handshake(theirs, b"\x01\x01\xff\xff")
            while True:
                yield handshake(theirs, bytes(1))
        case "after: empty records":
            while True:
                yield protected(theirs, ContentType.APPLICATION_DATA, b"")
        case "after: warnings and empty records":
            while True:
                yield alert(theirs, USER_CANCELED) + protected(theirs, ContentType.APPLICATION_DATA, b"")
        case "after: requests to renegotiate":
            while True:
                yield handshake(theirs, serialize(HelloRequest()))
        case "after: data":
            while True:
                yield protected(theirs, ContentType.APPLICATION_DATA, bytes(1 << 14))
        case "after: bytes behind the end":
            yield alert(theirs, CLOSE_NOTIFY)
            while True:
                yield bytes(1 << 14)
        case "after: bytes behind a failure":
            yield record(ContentType.ALERT, bytes(2))
            while True:
                yield bytes(1 << 14)
        case _:
            raise AssertionError(stream)


STREAMS = (
    "before: a message that never ends",
    "before: the largest hello, again and again",
    "before: a record that never ends",
    "before: warnings",
    "before: HelloRequests",
    "after: a message that never ends",
    "after: empty records",
    "after: warnings and empty records",
    "after: requests to renegotiate",
    "after: data",
    "after: bytes behind the end",
    "after: bytes behind a failure",
)


def first(stream: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The start of an endless stream, about this many bytes of it, in at most 2,000 pieces."""
    taken = 0
    for count, piece in enumerate(stream):
        yield piece
        taken += len(piece)
        if taken >= size or count >= 2000:
            return


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_kept_of_a_hostile_stream_is_bounded(role: str, stream: str) -> None:
    ours, pieces = hostile(role, stream)
    bound = max(LARGEST + 4 + RECORD, LIMITS.buffered)
    for piece in first(pieces, 3 * bound):
        ours.connection.receive_data(piece)
        ours.connection.events()
        assert kept(ours) <= bound
        assert sum(map(len, ours.connection._core.outgoing.queue)) < 10_000


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("role", ROLES)
def test_no_hostile_stream_costs_much_memory(role: str, stream: str) -> None:
    ours, pieces = hostile(role, stream)
    ready = list(first(pieces, 4 << 20))
    tracemalloc.start()
    try:
        for piece in ready:
            ours.connection.receive_data(piece)
            ours.connection.events()
            ours.take()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_paused_connection_keeps_no_more_than_it_may() -> None:
    ours, theirs = pair("server", mine={"pause_on": {ClientHelloReceived}})
    theirs.start()
    ours.receive(theirs.take())
    for _ in range(2 * LIMITS.buffered // 1000):
        ours.connection.receive_data(bytes(1000))
        assert kept(ours) <= LIMITS.buffered
    assert ours.connection.error is not None
    assert kept(ours) == 0


@pytest.mark.parametrize("role", ROLES)
def test_a_failed_connection_keeps_nothing(role: str) -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    ours, theirs = connected(role, policy=policy)
    ours.receive(handshake(theirs, b"\x01\x01\xff\xff" + bytes(1000)))
    ours.receive(record(ContentType.APPLICATION_DATA, bytes(9000)) + bytes(9000))
    assert ours.error is not None
    assert kept(ours) == 0


def test_the_error_of_a_failed_connection_does_not_keep_the_message_that_it_is_about() -> None:
    """A ServerHello with very many extensions that were not offered makes megabytes of objects."""
    extensions = tuple(RawExtension(ExtensionType.of(kind), b"") for kind in range(0x4000, 0x4000 + 16_000))
    suite, null = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, CompressionMethod.NULL
    hello = serialize(ServerHello(ProtocolVersion.TLS_1_2, bytes(32), b"", suite, null, extensions))
    ours, _ = pair("client", limits=Limits.of_the_format())
    ours.start()
    tracemalloc.start()
    try:
        for at in range(0, len(hello), 1 << 14):
            ours.receive(record(ContentType.HANDSHAKE, hello[at : at + (1 << 14)]))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ours.error is not None
    assert ours.error.alert is Alert.UNSUPPORTED_EXTENSION
    assert held < 1 << 18 < peak


@pytest.mark.parametrize("role", ROLES)
def test_small_pieces_are_put_together_in_linear_time(role: str) -> None:
    """Sixteen times as much may take sixteen times as long, and not 256 times."""

    def dribble(size: int) -> float:
        ours, _ = pair(role)
        ours.start()
        body = bytes([HandshakeType.CERTIFICATE]) + size.to_bytes(3, "big") + bytes(size - 1)
        parts = [record(ContentType.HANDSHAKE, body[at : at + 1]) for at in range(len(body))]
        begin = process_time()
        for part in parts:
            ours.connection.receive_data(part)
        assert ours.connection._core.incoming.reassembler.pending == len(body)
        return process_time() - begin

    small = min(dribble(1000) for _ in range(3))
    assert min(dribble(16_000) for _ in range(2)) < 8 * 16 * small


# --- the table in docs/security.md ------------------------------------------------------------------------


def table() -> list[list[str]]:
    """The rows of the table of everything that a connection keeps."""
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    lines = text.partition("| what is kept (attribute)")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


PARTS = ("incoming", "outgoing", "handshakes")


def test_the_table_of_what_is_kept_names_every_container_of_a_connection() -> None:
    named = {
        name
        for what, *_ in table()
        for name in re.findall(r"`((?:events|_ahead|incoming|outgoing|handshakes)[\w.]*)`", what)
    }
    ours, _ = connected("client", pack_small_writes=True)
    ours.send(b"packed")
    core = ours.connection._core
    attributes = {slot: getattr(core, slot) for slot in Core.__slots__} | {"_ahead": ours.connection._ahead}
    for part in PARTS:
        whole = attributes.pop(part)
        attributes |= {f"{part}.{slot}": getattr(whole, slot) for slot in type(whole).__slots__}
    containers = {name for name, value in attributes.items() if isinstance(value, list | dict | set | bytearray)}
    kept = {".".join(name.split(".")[:2]) for name in named}
    assert containers | {"incoming.reader", "incoming.reassembler"} <= kept
    assert kept <= attributes.keys()


def test_the_bounds_in_the_table_are_limits() -> None:
    fields = {field.name for field in dataclasses.fields(Limits)}
    bounds = {name for *_, bound in table() for name in re.findall(r"`Limits\.(\w+)`", bound)}
    assert {"buffered", "message_sizes", "hello_requests", "renegotiations", "warnings", "held"} <= bounds <= fields


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("stream", [name for name in STREAMS if name != "after: data"])
def test_an_owner_who_takes_nothing_does_not_make_a_hostile_stream_grow(role: str, stream: str) -> None:
    """Neither output nor events are fetched; only data, and what stands between it, may pile up."""
    ours, pieces = hostile(role, stream)
    for piece in first(pieces, 3 * (LARGEST + RECORD)):
        ours.connection.receive_data(piece)
    assert len(ours.connection._core.outgoing.queue) < 20
    assert sum(map(len, ours.connection._core.outgoing.queue)) < 10_000
    assert len(ours.connection._core.events) < 40
