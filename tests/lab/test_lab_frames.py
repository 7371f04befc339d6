"""Frames out of capture files: both formats, both byte orders, several interfaces, and files that lie."""

from __future__ import annotations

import struct

import pytest

from tls12.lab.capture.frames import MAGICS, Frame, read_frames

SECTION, INTERFACE, OBSOLETE, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(SECTION, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int, order: str = "<") -> bytes:
    return block(INTERFACE, struct.pack(f"{order}HHI", link, 0, 0), order)


def enhanced(number: int, data: bytes, order: str = "<", captured: int | None = None) -> bytes:
    length = len(data) if captured is None else captured
    return block(ENHANCED, struct.pack(f"{order}5I", number, 0, 0, length, length) + data, order)


@pytest.mark.parametrize("magic", MAGICS[:-1], ids=bytes.hex)
def test_each_dialect_of_pcap_is_read(magic: bytes) -> None:
    order = ">" if magic[0] == 0xA1 else "<"
    more = bytes(8) if b"\xcd" in magic else b""
    data = magic + struct.pack(f"{order}HHiIII", 2, 4, 0, 0, 65535, 0x14000071)
    for packet in (b"one", b"", b"three"):
        data += struct.pack(f"{order}4I", 1, 2, len(packet), 99) + more + packet
    assert list(read_frames(data)) == [Frame(113, packet, cut=True) for packet in (b"one", b"", b"three")]
    *whole, last = read_frames(data[:-1])
    assert whole == [Frame(113, b"one", cut=True), Frame(113, b"", cut=True)]
    assert last == "the capture file breaks off in it"
    assert list(read_frames(data[:-8])) == [*whole, last]
    assert list(read_frames(data[:24])) == []


@pytest.mark.parametrize("order", "<>")
def test_each_packet_of_a_pcapng_has_the_link_type_of_its_interface(order: str) -> None:
    data = section(order) + interface(1, order) + interface(101, order)
    data += enhanced(1, b"tunnel", order) + enhanced(0, b"cable", order)
    data += block(SIMPLE, struct.pack(f"{order}I", 3) + b"cut", order)
    data += block(OBSOLETE, struct.pack(f"{order}HHIIII", 1, 0, 0, 0, 3, 3) + b"old", order)
    assert list(read_frames(data)) == [Frame(101, b"tunnel"), Frame(1, b"cable"), Frame(1, b"cut"), Frame(101, b"old")]


def test_each_section_of_a_pcapng_has_interfaces_and_a_byte_order_of_its_own() -> None:
    data = section("<") + interface(1, "<") + enhanced(0, b"a", "<")
    data += section(">") + interface(113, ">") + enhanced(0, b"b", ">")
    assert list(read_frames(data)) == [Frame(1, b"a"), Frame(113, b"b")]


def test_blocks_that_carry_no_packet_are_passed_over() -> None:
    noise = block(0x0BAD, b"custom") + block(4, bytes(4)) + block(5, bytes(12)) + block(10, b"secrets!")
    data = section() + noise + interface(1) + noise + enhanced(0, b"a") + noise
    assert list(read_frames(data)) == [Frame(1, b"a")]


def test_a_packet_that_lies_about_itself_does_not_stop_the_others() -> None:
    lies = enhanced(7, b"a") + enhanced(0, b"abcd", captured=5) + block(ENHANCED, bytes(8)) + block(SIMPLE, b"")
    *found, last = read_frames(section() + interface(1) + lies + enhanced(0, b"b"))
    assert last == Frame(1, b"b")
    assert found == [
        "it belongs to interface 7, which no block describes",
        "5 bytes are said to be captured, and 4 are there",
        "its block has 8 bytes of 20",
        "its block has 0 bytes of 4",
    ]


@pytest.mark.parametrize("end", [-1, -10, -33], ids=["in the packet", "behind the type", "in the header"])
def test_a_pcapng_that_breaks_off_says_so_in_the_end(end: int) -> None:
    data = section() + interface(1) + enhanced(0, b"a") + enhanced(0, b"abcd")
    assert list(read_frames(data[:end])) == [Frame(1, b"a"), "the capture file breaks off in a block"]


@pytest.mark.parametrize("length", [0, 11, 0xFFFFFFFF])
def test_a_block_with_an_impossible_length_ends_the_reading(length: int) -> None:
    data = section() + interface(1) + struct.pack("<II", ENHANCED, length) + bytes(40)
    assert list(read_frames(data)) == ["the capture file breaks off in a block"]


@pytest.mark.parametrize("data", [b"", b"nothing", MAGICS[0] + bytes(19), MAGICS[-1] + bytes(20)])
def test_what_is_no_capture_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it begins|its header|its first block"):
        read_frames(data)
