"""Reader and Writer by themselves: the numbers, the scopes, the paths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls12.errors import DecodeError, EncodeError, LimitExceeded
from tls12.registry import AlertLevel, NamedGroup
from tls12.wire.closing import Payload
from tls12.wire.extensions import NextProtocolNegotiation
from tls12.wire.mode import Mode
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

SIZES = [("u8", 1), ("u16", 2), ("u24", 3), ("u32", 4)]


@pytest.mark.parametrize(("method", "size"), SIZES)
@given(data=st.data())
def test_numbers_are_big_endian_and_of_their_size(method: str, size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 256**size - 1))
    w = Writer()
    getattr(w, method)(number, "n")
    assert w.buffer == number.to_bytes(size, "big")
    assert getattr(Reader(bytes(w.buffer)), method)("n") == number


@pytest.mark.parametrize(("method", "size"), SIZES)
def test_numbers_that_do_not_fit_are_refused(method: str, size: int) -> None:
    for number in (-1, 256**size):
        with pytest.raises(EncodeError, match=rf"^M\.n: {number} does not fit {size} byte"):
            getattr(Writer("M"), method)(number, "n")
    with pytest.raises(DecodeError, match=rf"^M\.n: needs {size} byte.*, {size - 1} left, offset 0x0"):
        getattr(Reader(bytes(size - 1), "M"), method)("n")


@pytest.mark.parametrize("size", [8, 16, 24])
def test_vectors_and_scopes_of_one_size_are_the_same_bytes(size: int) -> None:
    vector, scope = Writer(), Writer()
    getattr(vector, f"vector{size}")(b"abc", "v")
    with getattr(scope, f"scope{size}")("v"):
        scope.rest(b"abc")
    assert vector.buffer == scope.buffer == bytes(size // 8 - 1) + b"\x03abc"
    data = bytes(vector.buffer)
    assert getattr(Reader(data), f"vector{size}")("v") == b"abc"
    r = Reader(data)
    with getattr(r, f"scope{size}")("v"):
        assert r.remaining == 3
        assert r.rest("v") == b"abc"
    assert r.remaining == 0


@pytest.mark.parametrize("size", [8, 16, 24])
@pytest.mark.parametrize("kind", ["vector", "scope"])
def test_the_bounds_of_a_vector_hold_in_both_directions(kind: str, size: int) -> None:
    short = bytes(size // 8 - 1) + b"\x01a"
    with pytest.raises(DecodeError, match=r"M\.v: length 1 is not within 2\.\.\d+, offset 0x0"):
        getattr(Reader(short, "M"), f"{kind}{size}")("v", at_least=2)
    with pytest.raises(DecodeError, match=r"M\.v: length 1 exceeds the 0 bytes left, offset 0x0"):
        getattr(Reader(short[:-1], "M"), f"{kind}{size}")("v")
    with pytest.raises(DecodeError, match=rf"M\.v: needs {size // 8} byte"):
        getattr(Reader(short[: size // 8 - 1], "M"), f"{kind}{size}")("v")
    with pytest.raises(EncodeError, match=r"M\.v: 1 byte where 2\.\.\d+ are allowed"):
        getattr(Writer("M"), f"vector{size}")(b"a", "v", at_least=2)


def _close_too_small() -> None:
    w = Writer("M")
    with w.scope16("v", at_least=2):
        w.rest(b"a")


def _close_too_large() -> None:
    w = Writer("M")
    with w.scope8("v"):
        w.rest(bytes(256))


@pytest.mark.parametrize(
    ("call", "text"), [(_close_too_small, "1 byte where 2..65535"), (_close_too_large, "256 bytes where 0..255")]
)
def test_a_scope_that_is_left_with_a_length_it_cannot_have_is_an_error(call: object, text: str) -> None:
    with pytest.raises(EncodeError, match=f"M.v: {text} are allowed"):
        call()  # type: ignore[operator]


def _leave_unread() -> None:
    r = Reader(b"\0\2ab", "M")
    with r.scope16("v"):
        r.u8("a")


def test_leaving_a_scope_with_bytes_left_over_is_an_error() -> None:
    with pytest.raises(DecodeError, match=r"^M\.v: 1 byte left over, offset 0x3"):
        _leave_unread()


def test_nothing_is_read_past_the_end_of_a_scope() -> None:
    r = Reader(b"\1abcd")
    with r.scope8("v"):
        for read in (lambda: r.u16("n"), lambda: r.fixed(2, "n"), lambda: r.code16("n", NamedGroup)):
            with pytest.raises(DecodeError, match="needs 2 bytes, 1 left"):
                read()
        r.u8("n")
        with pytest.raises(DecodeError, match="needs 1 byte, 0 left"):
            r.code8("n", AlertLevel)
        with pytest.raises(DecodeError, match="needs 2 bytes, 0 left"):
            r.opaques("n", 2, 1)
    assert r.rest("v") == b"bcd"


def test_any_kind_of_buffer_is_read_as_bytes() -> None:
    for kind in (bytes, bytearray, memoryview):
        r = Reader(kind(b"\0\2\0\x1d"))
        assert r.list16("v", NamedGroup) == (NamedGroup.X25519,)


def test_an_error_inside_a_scope_passes_through_it() -> None:
    w = Writer()
    with pytest.raises(EncodeError, match=r"v\.n"), w.scope8("v"):
        w.u8(256, "n")


def test_an_expected_number_is_taken_and_another_one_refused_where_it_stands() -> None:
    r = Reader(b"\x03\x04", "M")
    r.expect_u8(3, "n")
    with pytest.raises(DecodeError, match=r"^M\.n: 4 instead of 3, offset 0x1"):
        r.expect_u8(3, "n")


@given(st.lists(st.binary(min_size=1, max_size=255), max_size=10).map(tuple))
def test_lists_of_opaque_values_round_trip(values: tuple[bytes, ...]) -> None:
    for size, item in ((2, 1), (3, 3), (2, 2)):
        w = Writer()
        w.opaques(values, "v", size, item)
        r = Reader(bytes(w.buffer))
        assert r.opaques("v", size, item) == values
        assert r.remaining == 0


def test_a_list_that_is_too_long_for_its_length_field_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"M\.v: 65536 bytes where 0\.\.65535 are allowed"):
        Writer("M").opaques((bytes(255),) * 256, "v", 2, 1)
    with pytest.raises(EncodeError, match=r"M\.v\[1\]: 256 bytes where 1\.\.255 are allowed"):
        Writer("M").opaques((b"a", bytes(256)), "v", 2, 1)


def test_a_payload_without_fields_of_its_own_cannot_be_read_or_written() -> None:
    with pytest.raises(NotImplementedError):
        Payload.parse(b"")
    with pytest.raises(NotImplementedError):
        Payload().to_bytes()


@pytest.mark.parametrize(
    ("read", "body", "path"),
    [
        (lambda r: r.list16("codes", NamedGroup), b"\2\x02" + b"\0\x1d" * 257, "M.codes"),
        (lambda r: r.opaques("names", 2, 1), b"\2\x02" + b"\1x" * 257, "M.names"),
        (lambda r: r.structs("parts", 2, lambda r: r.u16("part")), b"\2\x02" + b"\0\1" * 257, r"M.parts\[256\]"),
        (NextProtocolNegotiation.read, b"\1x" * 257, "M.protocol_name"),
    ],
    ids=["codes", "opaques", "structures", "names without a length around them"],
)
def test_a_reader_takes_no_longer_list_than_it_is_told(read: Any, body: bytes, path: str) -> None:
    limit = "structures" if "parts" in path else "list_entries"
    with pytest.raises(LimitExceeded, match=rf"^{path}: the peer sent .*; Limits.{limit} allows 256"):
        read(Reader(body, "M", Mode(entries=256, structures=256)))
    read(Reader(body, "M", Mode(entries=257, structures=257)))
