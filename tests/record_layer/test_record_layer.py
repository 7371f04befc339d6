"""The record layer: framing, chunking, limits, and what is not TLS at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ends import record
from tests.record_protections import PROTECTIONS, Protection
from tls12.errors import (
    BadRecordMac,
    KeysExhausted,
    LimitExceeded,
    NotTLS,
    PeerMisbehaved,
    RecordOverflow,
    TLSError,
    UnexpectedMessage,
)
from tls12.record_layer import RecordReader, RecordWriter
from tls12.registry import Alert, ContentType

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
GCM = next(one for one in PROTECTIONS if one.suite.cipher.name == "AES_128_GCM")

Records = list[tuple[int, bytes]]
Buffer = bytes | bytearray | memoryview

every = pytest.mark.parametrize("protection", PROTECTIONS, ids=str)


def protected_reader(protection: Protection = GCM) -> RecordReader:
    reader = RecordReader()
    reader.install(protection.opener())
    return reader


def protected_writer(protection: Protection = GCM) -> RecordWriter:
    writer = RecordWriter()
    writer.install(protection.sealer())
    return writer


def read(reader: RecordReader, *chunks: Buffer) -> Records:
    return [one for chunk in chunks for one in reader.records(chunk)]


def refused(reader: RecordReader, *chunks: Buffer) -> TLSError:
    with pytest.raises(PeerMisbehaved) as caught:
        read(reader, *chunks)
    return caught.value


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


# -- framing and chunking -------------------------------------------------------------------------------------

fragments = st.lists(
    st.tuples(st.sampled_from([CCS, ALERT, HANDSHAKE, DATA]), st.binary(min_size=1, max_size=700)), max_size=8
)


@given(written=fragments, cuts=st.lists(st.integers(0, 10_000), max_size=12), switch=st.integers(1, 8))
def test_any_chunking_gives_the_same_fragments_across_a_change_of_keys(
    written: Records, cuts: list[int], switch: int
) -> None:
    writer, reader = RecordWriter(), RecordReader()
    wire = b""
    for index, (kind, fragment) in enumerate(written):
        if index == switch:
            writer.install(GCM.sealer())
        wire += writer.write(kind, fragment)
    seen: Records = []
    for chunk in pieces(wire, cuts):
        for one in reader.records(chunk):
            seen.append(one)
            if len(seen) == switch:
                reader.install(GCM.opener())
    assert seen == written
    assert all(type(fragment) is bytes for _, fragment in seen)
    assert reader.buffered == 0


@every
@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 3000), max_size=5), cuts=st.lists(st.integers(0, 20_000), max_size=12))
def test_any_chunking_gives_the_same_fragments_under_every_protection(
    protection: Protection, sizes: list[int], cuts: list[int]
) -> None:
    writer = protected_writer(protection)
    written = [(DATA, os.urandom(size)) for size in sizes]
    wire = b"".join(writer.write(*one) for one in written)
    assert read(protected_reader(protection), *pieces(wire, cuts)) == written


@every
@settings(max_examples=25)
@given(
    written=st.lists(st.tuples(st.sampled_from([ALERT, HANDSHAKE] + 4 * [DATA]), st.binary(max_size=700)), max_size=8),
    cuts=st.lists(st.integers(0, 6_000), max_size=8),
)
def test_data_that_flows_goes_into_the_list_and_the_rest_into_the_pairs_in_any_chunking(
    protection: Protection, written: Records, cuts: list[int]
) -> None:
    written = [(kind, data or b"." * (kind != DATA)) for kind, data in written]
    writer, reader = protected_writer(protection), protected_reader(protection)
    wire = b"".join(writer.write(*one) for one in written)
    reader.flowing = True
    told: list[tuple[int, bytes]] = []
    for chunk in pieces(wire, cuts):
        for one in reader.records(chunk, told, lambda data: (DATA, data)):
            told.append(one)
    assert told == [(kind, data) for kind, data in written if data]
    assert all(type(data) is bytes for _, data in told)
    assert reader.empty_records == written.count((DATA, b""))


def test_data_flows_only_while_it_is_said_to() -> None:
    writer, reader = protected_writer(), protected_reader()
    written = [(DATA, b"1"), (ALERT, b"2"), (DATA, b"3"), (ALERT, b"4"), (DATA, b"5")]
    wire = b"".join(writer.write(*one) for one in written)
    told: list[bytes] = []
    pairs = []
    for one in reader.records(wire, told, bytes):
        pairs.append(one)
        reader.flowing = one == (ALERT, b"2")
    assert (pairs, told) == ([(DATA, b"1"), (ALERT, b"2"), (ALERT, b"4"), (DATA, b"5")], [b"3"])


@pytest.mark.parametrize("chunk", [1, 7, 1000, 1 << 20])
def test_data_that_flows_leaves_no_view_of_the_chunk_and_comes_before_the_error(chunk: int) -> None:
    writer, reader = protected_writer(), protected_reader()
    wire = b"".join(writer.write(DATA, bytes(900)) for _ in range(3)) + record(DATA, bytes(900))
    buffers = [bytearray(wire[start : start + chunk]) for start in range(0, len(wire), chunk)]
    reader.flowing = True
    told: list[bytes] = []
    with pytest.raises(BadRecordMac) as caught:
        list(chain.from_iterable(reader.records(buffer, told, bytes) for buffer in buffers))
    assert told == [bytes(900)] * 3
    assert caught.value.__traceback__ is not None  # it keeps the frames
    for buffer in buffers:
        buffer.append(0)  # a BufferError if a view were still held


def test_a_byte_at_a_time_gives_the_same_fragments() -> None:
    written = [(HANDSHAKE, b"hello"), (CCS, b"\1"), (DATA, bytes(1000)), (ALERT, b"\1\0")]
    wire = b"".join(RecordWriter().write(*one) for one in written)
    assert read(RecordReader(), *(wire[i : i + 1] for i in range(len(wire)))) == written


def test_the_reader_says_what_it_holds() -> None:
    reader = protected_reader()
    wire = protected_writer().write(DATA, b"x" * 100)
    assert read(reader, wire[:3]) == []
    assert (reader.buffered, reader.unread) == (3, wire[:3])
    assert read(reader, wire[3:50]) == []
    assert (reader.buffered, reader.unread) == (50, wire[:50])
    assert read(reader, wire[50:] + b"\x17") == [(DATA, b"x" * 100)]
    assert (reader.buffered, reader.unread) == (1, b"\x17")


@given(stop=st.integers(1, 6), cut=st.integers(0, 400))
def test_a_reader_stopped_early_goes_on_with_the_rest(stop: int, cut: int) -> None:
    writer, reader = protected_writer(), protected_reader()
    written = [(DATA, bytes([i]) * 40) for i in range(6)]
    wire = b"".join(writer.write(*one) for one in written)
    seen: Records = []
    for chunk in (wire[:cut], wire[cut:]):
        for one in reader.records(chunk):
            seen.append(one)
            if len(seen) == stop:
                break
    while len(seen) < len(written):  # one at a time from here on
        for one in reader.records(b""):
            seen.append(one)
            break
    assert seen == written
    assert reader.buffered == 0


def test_keys_installed_between_two_records_of_one_chunk_open_the_second() -> None:
    writer = RecordWriter()
    wire = writer.write(CCS, b"\1")
    writer.install(GCM.sealer())
    wire += writer.write(HANDSHAKE, b"finished")
    reader = RecordReader()
    seen = []
    for kind, fragment in reader.records(wire):
        seen.append((kind, fragment))
        if kind == CCS:
            assert not reader.protected
            reader.install(GCM.opener())
    assert seen == [(CCS, b"\1"), (HANDSHAKE, b"finished")]
    assert reader.protected


@pytest.mark.parametrize("size", [64, 5000])
@pytest.mark.parametrize("whole", [True, False])
def test_buffers_of_every_kind_are_read_alike_and_let_go(size: int, whole: bool) -> None:
    writer = protected_writer()
    wire = bytes(writer.write(DATA, bytes(size))) + bytes(writer.write(DATA, bytes(size)))
    expected = [(DATA, bytes(size))] * (2 if whole else 1)
    wire = wire if whole else wire[:-3]
    strided = memoryview(b"".join(bytes([byte, 0]) for byte in wire))[::2]
    words = memoryview(wire + bytes(-len(wire) % 4))
    buffer = bytearray(wire)
    assert read(protected_reader(), wire) == expected
    assert read(protected_reader(), buffer) == expected
    buffer.clear()  # BufferError if a view were left
    assert read(protected_reader(), strided) == expected
    if len(wire) % 4 == 0:
        assert read(protected_reader(), words.cast("I")) == expected


@pytest.mark.parametrize("size", [64, 5000])
@pytest.mark.parametrize("held", [0, 3, 30])
@every
def test_no_view_of_the_callers_buffer_survives_an_error(protection: Protection, size: int, held: int) -> None:
    damaged = bytearray(protected_writer(protection).write(DATA, bytes(size)))
    damaged[-1] ^= 1
    reader = protected_reader(protection)
    read(reader, bytes(damaged[:held]))
    rest = damaged[held:]
    with pytest.raises(BadRecordMac) as caught:
        read(reader, rest)
    rest.clear()
    assert caught.value.__traceback__ is not None


def test_a_stopped_reader_lets_the_callers_buffer_go() -> None:
    writer = protected_writer()
    wire = bytearray(b"".join(writer.write(DATA, bytes(2000)) for _ in range(3)))
    reader = protected_reader()
    for _ in reader.records(wire):
        break
    wire.clear()
    assert len(read(reader, b"")) == 2


class CountingBuffer(bytearray):
    """A receive buffer that counts the bytes moved into it and out of it."""

    moved = 0

    def __iadd__(self, data: Buffer) -> CountingBuffer:  # type: ignore[override, misc]
        self.moved += len(data)
        self.extend(data)
        return self

    def __getitem__(self, index: int | slice) -> int | bytearray:  # type: ignore[override]
        got = super().__getitem__(index)
        self.moved += len(got) if isinstance(got, bytearray) else 0
        return got


@pytest.mark.parametrize("step", [1, 7, 1000, 20_000])
def test_bytes_are_moved_at_most_twice_however_they_arrive(step: int) -> None:
    writer, reader = protected_writer(), protected_reader()
    data = bytes(50_000)
    wire = bytes(writer.write(DATA, data))
    held = reader.held = CountingBuffer()
    seen = read(reader, *(wire[i : i + step] for i in range(0, len(wire), step)))
    assert b"".join(fragment for _, fragment in seen) == data
    assert held.moved < 2.2 * len(wire)  # and a few headers


def test_whole_records_are_not_moved_at_all() -> None:
    writer, reader = protected_writer(), protected_reader()
    held = reader.held = CountingBuffer()
    read(reader, *(writer.write(DATA, bytes(size)) for size in (0, 1, 600, 2**14, 2**16)))
    assert held.moved == 0


def test_stopping_at_every_record_of_a_long_chunk_moves_each_byte_a_fixed_number_of_times() -> None:
    writer, reader = protected_writer(), protected_reader()
    wire = b"".join(writer.write(DATA, bytes(10)) for _ in range(500))
    held = reader.held = CountingBuffer()
    chunk: bytes = wire
    for _ in range(500):
        for _ in reader.records(chunk):
            break
        chunk = b""
    assert reader.buffered == 0
    assert held.moved < 2.2 * len(wire) + 500 * 64


# -- headers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4, 0x7F, 0xFF])
def test_before_the_version_is_fixed_any_3_x_will_do(minor: int) -> None:
    wire = bytes([HANDSHAKE, 3, minor, 0, 1, 0])
    assert read(RecordReader(), wire) == [(HANDSHAKE, b"\0")]
    fixed = RecordReader()
    fixed.version_fixed = True
    if minor == 3:
        assert read(fixed, wire) == [(HANDSHAKE, b"\0")]
    else:
        assert refused(fixed, wire).alert is Alert.PROTOCOL_VERSION


@pytest.mark.parametrize("kind", [CCS, ALERT, HANDSHAKE, DATA])
@pytest.mark.parametrize("major", [0, 2, 4, 0xFE, 0xFF])
def test_another_major_version_is_refused(kind: int, major: int) -> None:
    assert refused(RecordReader(), bytes([kind, major, 3, 0, 1, 0])).alert is Alert.PROTOCOL_VERSION


def test_under_protection_only_0x0303_will_do() -> None:
    sealed = bytearray(protected_writer().write(DATA, b"data"))
    sealed[2] = 1
    assert refused(protected_reader(), sealed).alert is Alert.PROTOCOL_VERSION


@pytest.mark.parametrize("kind", [kind for kind in range(256) if kind not in (CCS, ALERT, HANDSHAKE, DATA)])
def test_an_unknown_content_type_is_refused_at_its_first_byte_at_any_time(kind: int) -> None:
    assert refused(RecordReader(), bytes([kind])).alert is Alert.UNEXPECTED_MESSAGE
    begun = RecordReader()
    read(begun, record(HANDSHAKE, b"\0"))
    for reader in (begun, protected_reader()):
        error = refused(reader, bytes([kind]))
        assert error.alert is Alert.UNEXPECTED_MESSAGE
    assert isinstance(refused(begun, record(kind, b"\0")), UnexpectedMessage)
    assert str(kind) in str(refused(begun, record(kind, b"")))  # the type before the emptiness


@pytest.mark.parametrize("kind", [CCS, ALERT, HANDSHAKE])
def test_an_empty_record_that_may_not_be_empty_is_refused(kind: int) -> None:
    for reader, writer in ((RecordReader(), RecordWriter()), (protected_reader(), protected_writer())):
        error = refused(reader, writer.write(kind, b""))
        assert isinstance(error, UnexpectedMessage)
        assert str(ContentType(kind)) in str(error)


@every
def test_empty_application_data_is_legal_but_a_long_run_is_not(protection: Protection) -> None:
    writer, reader = protected_writer(protection), protected_reader(protection)
    for _ in range(3):
        assert read(reader, *(writer.write(DATA, b"") for _ in range(32))) == [(DATA, b"")] * 32
        assert read(reader, writer.write(DATA, b"x")) == [(DATA, b"x")]
    error = refused(reader, *(writer.write(DATA, b"") for _ in range(33)))
    assert isinstance(error, LimitExceeded)
    assert error.alert is Alert.UNEXPECTED_MESSAGE


def test_the_run_of_empty_records_that_is_put_up_with_can_be_set() -> None:
    writer, reader = protected_writer(), RecordReader(empty_record_limit=1)
    reader.install(GCM.opener())
    assert refused(reader, writer.write(DATA, b""), writer.write(DATA, b"")).alert is Alert.UNEXPECTED_MESSAGE


# -- lengths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 2**15])
def test_the_longest_plaintext_record_is_read_and_a_longer_one_refused_at_its_header(chunk: int) -> None:
    wire = record(HANDSHAKE, bytes(2**14))
    assert read(RecordReader(), *(wire[i : i + chunk] for i in range(0, len(wire), chunk)))[0][1] == bytes(2**14)
    for length in (2**14 + 1, 65535):
        header = bytes([HANDSHAKE, 3, 3]) + length.to_bytes(2, "big")
        for reader_chunks in ([header], [header[:4], header[4:]]):
            assert isinstance(refused(RecordReader(), *reader_chunks), RecordOverflow)


@every
def test_the_longest_protected_plaintext_is_read_and_a_longer_one_refused(protection: Protection) -> None:
    writer, reader = protected_writer(protection), protected_reader(protection)
    assert read(reader, writer.write(DATA, bytes(2**14))) == [(DATA, bytes(2**14))]
    writer.fragment_size = 2**14 + 1
    assert isinstance(refused(reader, writer.write(DATA, bytes(2**14 + 1))), RecordOverflow)


def test_a_ciphertext_beyond_the_limit_is_refused_at_its_header() -> None:
    for length in (2**14 + 2049, 65535):
        assert isinstance(refused(protected_reader(), b"\x17\x03\x03" + length.to_bytes(2, "big")), RecordOverflow)
    assert isinstance(refused(protected_reader(), record(DATA, bytes(2**14 + 2048))), BadRecordMac)
    assert isinstance(refused(protected_reader(), record(DATA, bytes(2**14 + 2049))), RecordOverflow)


@pytest.mark.parametrize("held", [False, True])
def test_an_agreed_plaintext_limit_holds_for_what_is_read(held: bool) -> None:
    writer, reader = protected_writer(), protected_reader()
    reader.plaintext_limit = 512
    assert read(reader, writer.write(DATA, bytes(512))) == [(DATA, bytes(512))]
    wire = writer.write(DATA, bytes(513))
    error = refused(reader, *([wire[:9], wire[9:]] if held else [wire]))
    assert error.alert is Alert.RECORD_OVERFLOW
    assert "512" in str(error)


def test_a_header_that_promises_more_than_there_is_waits() -> None:
    reader = RecordReader()
    assert read(reader, b"\x16\x03\x01\x40\x00" + bytes(100)) == []
    assert reader.buffered == 105


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 200, 250])
def test_writes_are_cut_at_the_fragment_size(protected: bool, length: int) -> None:
    writer = protected_writer() if protected else RecordWriter()
    writer.fragment_size = 100
    data = os.urandom(length)
    wire = writer.write(DATA, data)
    assert type(wire) in (bytes, bytearray)
    seen = read(protected_reader() if protected else RecordReader(), wire)
    whole, rest = divmod(length, 100)
    assert [len(fragment) for _, fragment in seen] == [100] * whole + [rest] * (rest > 0 or not whole)
    assert b"".join(fragment for _, fragment in seen) == data
    assert writer.write(DATA, bytearray(data))
    assert writer.write(DATA, memoryview(data))


def test_records_in_the_clear_carry_the_version_that_was_set() -> None:
    writer = RecordWriter()
    assert writer.write(HANDSHAKE, b"\0") == b"\x16\x03\x03\x00\x01\x00"
    writer.version = 0x0301
    assert writer.write(HANDSHAKE, b"\0") == b"\x16\x03\x01\x00\x01\x00"
    assert writer.seal(ALERT, b"\1\0") == b"\x15\x03\x01\x00\x02\x01\x00"
    writer.install(GCM.sealer())
    assert writer.write(HANDSHAKE, b"\0")[:3] == b"\x16\x03\x03"


# -- keys -----------------------------------------------------------------------------------------------------


def test_a_plaintext_record_under_protection_is_a_bad_record_mac() -> None:
    assert isinstance(refused(protected_reader(), record(ALERT, b"\2\0")), BadRecordMac)


def test_keys_protect_no_more_records_than_is_said_when_they_are_installed() -> None:
    writer, reader = RecordWriter(), RecordReader()
    assert not writer.protected
    assert writer.install(GCM.sealer(), 8) is writer.state
    assert reader.install(GCM.opener(), 9) is reader.state
    assert writer.protected
    for _ in range(8):
        read(reader, writer.write(DATA, b"x"))
    with pytest.raises(KeysExhausted):
        writer.write(DATA, b"x")
    assert read(reader, writer.write(ALERT, b"\1\0")) == [(ALERT, b"\1\0")]
    with pytest.raises(KeysExhausted):
        read(reader, GCM.sealer().seal(9, DATA, b"x"))


def test_new_keys_begin_a_new_sequence() -> None:
    writer, reader = protected_writer(), protected_reader()
    for _ in range(2):
        for number in range(3):
            assert (writer.state.sequence, reader.state.sequence) == (number, number)  # type: ignore[union-attr]
            assert read(reader, writer.write(DATA, b"x")) == [(DATA, b"x")]
        writer.install(GCM.sealer())
        reader.install(GCM.opener())


# -- anything at all ------------------------------------------------------------------------------------------


@given(data=st.binary(max_size=200), protected=st.booleans(), cuts=st.lists(st.integers(0, 200), max_size=3))
def test_no_input_raises_anything_but_that_the_peer_misbehaved(data: bytes, protected: bool, cuts: list[int]) -> None:
    with suppress(PeerMisbehaved):
        read(protected_reader() if protected else RecordReader(), *pieces(data, cuts))


@given(
    header=st.tuples(st.integers(18, 26), st.integers(2, 4), st.integers(0, 4), st.integers(0, 40)),
    body=st.binary(max_size=60),
    protection=st.sampled_from(PROTECTIONS),
)
def test_no_record_raises_anything_but_that_the_peer_misbehaved(
    header: tuple[int, int, int, int], body: bytes, protection: Protection
) -> None:
    kind, major, minor, length = header
    wire = bytes([kind, major, minor, 0, length]) + body
    for reader in (RecordReader(), protected_reader(protection)):
        with suppress(PeerMisbehaved):
            read(reader, wire)


def test_another_protocol_is_named_whole_or_in_pieces() -> None:
    error = refused(RecordReader(), b"GET / HTTP/1.1\r\n\r\n")
    assert isinstance(error, NotTLS)
    assert error.alert is Alert.UNEXPECTED_MESSAGE
    assert "HTTP request" in str(error)
    assert isinstance(refused(RecordReader(), b"G", b"ET /"), NotTLS)
    unknown = refused(RecordReader(), b"\x7f\x00\x01")
    assert "7f 00 01" in str(unknown)


def test_in_the_middle_of_a_conversation_other_protocols_are_not_suspected() -> None:
    reader = RecordReader()
    read(reader, record(HANDSHAKE, b"\0"))
    error = refused(reader, b"GET / HTTP/1.1\r\n\r\n")
    assert isinstance(error, UnexpectedMessage)
