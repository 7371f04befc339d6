"""The laws of the wire, for every type: round trips both ways, no undocumented exception, linear cost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from benchmarks.operations import operations
from tls12.errors import DecodeError, EncodeError
from tls12.lab import strategies
from tls12.registry import Alert, CipherSuite, CompressionMethod, ExtensionType, HandshakeType, ProtocolVersion
from tls12.wire import closing, messages
from tls12.wire.context import Context
from tls12.wire.extensions import (
    IN_CLIENT_HELLO,
    IN_SERVER_HELLO,
    TABLE,
    Extension,
    RawExtension,
    read_extensions,
)
from tls12.wire.extensions.table import HelloColumn
from tls12.wire.hello import ClientHello
from tls12.wire.messages import MESSAGES, Message
from tls12.wire.mode import LENIENT
from tls12.wire.reader import Reader
from tls12.wire.records import Record, split_records
from tls12.wire.writer import Writer

T = TypeVar("T")

some_context = st.none() | strategies.contexts
wires = strategies.messages().map(lambda pair: messages.serialize(pair[0]))
anything = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda kind, body: bytes([kind]) + len(body).to_bytes(3, "big") + body,
        st.one_of(st.sampled_from(list(MESSAGES)), st.integers(0, 255)),
        st.binary(max_size=200),
    ),
    strategies.mangled(wires),
    wires,
)


def _outcome(call: Callable[[], T]) -> T | DecodeError:
    try:
        return call()
    except DecodeError as error:
        return error


@given(strategies.messages())
def test_parsing_what_was_serialised_gives_the_message(pair: tuple[Message, Context | None]) -> None:
    message, context = pair
    data = messages.serialize(message)
    assert messages.parse(data, context) == message
    assert messages.parse(data, context, LENIENT) == message


@settings(max_examples=400)
@given(anything, some_context)
def test_whatever_parses_is_rebuilt_to_the_byte(data: bytes, context: Context | None) -> None:
    outcome = _outcome(lambda: messages.parse(data, context))
    if isinstance(outcome, DecodeError):
        assert outcome.path
        assert outcome.offset is not None
        assert 0 <= outcome.offset <= len(data)
        assert outcome.alert in (Alert.DECODE_ERROR, Alert.ILLEGAL_PARAMETER, Alert.UNEXPECTED_MESSAGE)
    else:
        assert messages.serialize(outcome) == data
        assert messages.parse(data, context, LENIENT) == outcome


@settings(max_examples=400)
@given(anything, some_context)
def test_lenient_reading_never_fails_and_rebuilds_every_byte(data: bytes, context: Context | None) -> None:
    message = messages.parse(data, context, LENIENT)
    assert messages.serialize(message) == data
    assert repr(message)


@given(strategies.payloads)
def test_alerts_heartbeats_and_change_cipher_spec_round_trip(
    payload: closing.AlertMessage | closing.Heartbeat | closing.ChangeCipherSpec,
) -> None:
    assert type(payload).parse(payload.to_bytes()) == payload


@given(st.sampled_from((closing.AlertMessage, closing.Heartbeat, closing.ChangeCipherSpec)), st.binary(max_size=40))
def test_payloads_that_parse_are_rebuilt_to_the_byte(
    kind: type[closing.AlertMessage | closing.Heartbeat | closing.ChangeCipherSpec], data: bytes
) -> None:
    outcome = _outcome(lambda: kind.parse(data))
    if isinstance(outcome, DecodeError):
        assert outcome.path.startswith(kind.__name__)
    else:
        assert outcome.to_bytes() == data


@given(st.lists(strategies.records, max_size=4))
def test_records_are_cut_where_they_were_joined(records: list[Record]) -> None:
    w = Writer("Record")
    for record in records:
        record.write(w)
    assert list(split_records(bytes(w.buffer))) == records


def test_the_strategies_know_every_extension_of_the_table() -> None:
    assert {kind for kind, row in TABLE.items() if row.client} == strategies.CLIENT_EXTENSIONS.keys()
    assert {kind for kind, row in TABLE.items() if row.server} == strategies.SERVER_EXTENSIONS.keys()


@pytest.mark.parametrize(
    ("column", "strategy"),
    [
        pytest.param(column, strategy, id=f"{side}-{kind}")
        for side, column, typed in (
            ("client", IN_CLIENT_HELLO, strategies.CLIENT_EXTENSIONS),
            ("server", IN_SERVER_HELLO, strategies.SERVER_EXTENSIONS),
        )
        for kind, strategy in typed.items()
    ],
)
def test_every_extension_round_trips_by_itself(column: HelloColumn, strategy: SearchStrategy[Extension]) -> None:
    @settings(max_examples=30)
    @given(strategy)
    def check(extension: Extension) -> None:
        w = Writer()
        extension.write(w)
        kind, read = column.readers[extension.extension_type]
        r = Reader(bytes(w.buffer))
        assert read(r) == extension
        assert r.remaining == 0
        assert kind is extension.extension_type

    check()


@pytest.mark.parametrize(
    ("strategy", "context"),
    [
        *(pytest.param(one, None, id=kind.__name__) for kind, one in strategies.PLAIN_MESSAGES.items()),
        *(
            pytest.param(one, context, id=f"{context.key_exchange}-{context.certificate_type}")
            for context, one in strategies.CONTEXT_MESSAGES.items()
        ),
    ],
)
def test_every_message_round_trips_by_itself(strategy: SearchStrategy[Message], context: Context | None) -> None:
    @settings(max_examples=40)
    @given(strategy)
    def check(message: Message) -> None:
        assert messages.parse(messages.serialize(message), context) == message

    check()


def _client_hello(suites: int, extensions: int) -> bytes:
    raw = tuple(RawExtension(ExtensionType.of(0x8000 + i), b"") for i in range(extensions))
    numbers = tuple(map(CipherSuite.of, range(suites)))
    return messages.serialize(
        ClientHello(ProtocolVersion.TLS_1_2, bytes(32), b"", numbers, (CompressionMethod.NULL,), raw)
    )


def _names(count: int) -> bytes:
    body = b"\x01\x61" * count
    lengths = [(len(body) + extra).to_bytes(2, "big") for extra in (6, 2, 0)]
    return lengths[0] + b"\x00\x10" + lengths[1] + lengths[2] + body


def _cost(call: Callable[[bytes], object], data: bytes) -> int:
    return operations(lambda: call(data))


def _fails(data: bytes) -> None:
    with pytest.raises(DecodeError):
        messages.parse(data)


def _doubled(extensions: int) -> bytes:
    hello = _client_hello(1, extensions)
    return hello[:-4] + hello[-8:-4]  # the last two are of one type


@pytest.mark.parametrize(
    ("make", "call"),
    [
        (lambda size: _client_hello(2 * size, 1), messages.parse),
        (lambda size: _client_hello(1, size), messages.parse),
        (_doubled, _fails),
        (_doubled, lambda data: messages.parse(data, mode=LENIENT)),
        (_names, lambda data: read_extensions(Reader(data), IN_CLIENT_HELLO)),
    ],
    ids=["suites", "extensions", "doubled extension", "doubled extension, lenient", "protocol names"],
)
def test_the_cost_of_parsing_is_linear_in_the_input(
    make: Callable[[int], bytes], call: Callable[[bytes], object]
) -> None:
    small, large = _cost(call, make(300)), _cost(call, make(3000))
    assert large < 2 * 10 * small


@pytest.mark.parametrize(
    "data",
    [
        b"\x0b\x00\x00\x06\xff\xff\xff\xff\xff\xff",
        b"\x01\x00\x00\x2a" + bytes(34) + b"\xff" + bytes(7),
        b"\x16\x00\x00\x05\x02\xff\xff\xff\x00",
        b"\x17\x00\x00\x04\xff\xff\xff\x00",
    ],
)
def test_memory_follows_the_input_and_not_what_its_lengths_claim(data: bytes) -> None:
    _fails(data)
    tracemalloc.start()
    try:
        _fails(data)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


@given(strategies.client_hellos, st.binary(min_size=33, max_size=300))
def test_a_value_that_no_peer_would_accept_is_not_serialised(hello: ClientHello, session_id: bytes) -> None:
    hello.session_id = session_id
    with pytest.raises(EncodeError, match=r"^ClientHello.session_id: \d+ bytes where 0..32 are allowed$"):
        messages.serialize(hello)
    raw = messages.RawMessage(HandshakeType.CLIENT_HELLO, session_id)
    assert messages.serialize(raw)[4:] == session_id
