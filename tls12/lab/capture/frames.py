"""The frames in a capture file, pcap or pcapng, each with the link type of the interface that it was taken from.

How it works: a pcap file is a header and then packets. A pcapng file is a sequence of blocks: sections and interfaces
tell how to read the packets after them, and blocks of other kinds are skipped. Each interface has its own link type. A
packet whose header is wrong gives a sentence that says so, and the next one is read. Where the file is cut off, a
sentence is the last thing that is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from struct import Struct, unpack_from
from typing import NamedTuple


class Frame(NamedTuple):
    """One packet as it was captured, from the link layer on; for `link` see tcpdump's list of LINKTYPE_ values."""

    link: int
    data: bytes
    cut: bool = False
    """Whether the packet was longer than what was kept of it."""


class _Pcap(NamedTuple):
    order: str
    record: int
    """Bytes of a packet's header; one old dialect has more fields."""


_PCAPS = {
    b"\xa1\xb2\xc3\xd4": _Pcap(">", 16),
    b"\xd4\xc3\xb2\xa1": _Pcap("<", 16),
    b"\xa1\xb2\x3c\x4d": _Pcap(">", 16),
    b"\x4d\x3c\xb2\xa1": _Pcap("<", 16),
    b"\xa1\xb2\xcd\x34": _Pcap(">", 24),
    b"\x34\xcd\xb2\xa1": _Pcap("<", 24),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}

MAGICS = (*_PCAPS, _PCAPNG)
"""How capture files begin: pcap in both byte orders, with microseconds or nanoseconds, and pcapng."""


class _Layout(NamedTuple):
    """A kind of block that carries a packet: the bytes before it, and what they say."""

    header: int
    read: Callable[[str, bytes], tuple[int, int, int]]
    """Gives the interface, how many bytes were kept, and how many there were."""


def _enhanced(order: str, body: bytes) -> tuple[int, int, int]:
    interface, _, _, captured, original = unpack_from(f"{order}IIIII", body)
    return interface, captured, original


def _obsolete(order: str, body: bytes) -> tuple[int, int, int]:
    interface, _, _, _, captured, original = unpack_from(f"{order}HHIIII", body)
    return interface, captured, original


def _simple(order: str, body: bytes) -> tuple[int, int, int]:
    original: int = unpack_from(f"{order}I", body)[0]
    return 0, min(original, len(body) - 4), original


_INTERFACE = 1
_PACKETS: Mapping[int, _Layout] = {
    2: _Layout(20, _obsolete),
    3: _Layout(4, _simple),
    6: _Layout(20, _enhanced),
}
"""The kinds of block with a packet: obsolete, simple (interface 0, cut at the snap length) and enhanced."""


def read_frames(data: bytes) -> Iterator[Frame | str]:
    """The frames in the file, and a sentence for each that cannot be read. Raises ValueError for other files."""
    if data.startswith(_PCAPNG):
        if data[8:12] not in _ORDERS:
            raise ValueError("its first block does not tell its byte order")
        return _read_pcapng(data)
    if data[:4] not in _PCAPS:
        raise ValueError("it begins like neither pcap nor pcapng")
    if len(data) < 24:
        raise ValueError(f"its header has 24 bytes, and {len(data)} are there")
    return _read_pcap(data, *_PCAPS[data[:4]])


def _read_pcap(data: bytes, order: str, record: int) -> Iterator[Frame | str]:
    link = unpack_from(f"{order}I", data, 20)[0] & 0xFFFF  # the upper bits tell of frame check sequences
    lengths = Struct(f"{order}II").unpack_from
    pos = 24
    while pos < len(data):
        start = pos + record
        captured, original = lengths(data, pos + 8) if start <= len(data) else (1, 1)
        end = start + captured
        if end > len(data):
            yield "the capture file breaks off in it"
            return
        yield Frame(link, data[start:end], captured < original)
        pos = end


def _read_pcapng(data: bytes) -> Iterator[Frame | str]:
    order, links, pos = ">", list[int](), 0
    while pos < len(data):
        if data.startswith(_PCAPNG, pos):
            order, links = _ORDERS.get(data[pos + 8 : pos + 12], order), []
        kind, length = unpack_from(f"{order}II", data, pos) if pos + 12 <= len(data) else (0, 0)
        end = pos + length
        if length < 12 or end > len(data):
            yield "the capture file breaks off in a block"
            return
        body = data[pos + 8 : end - 4]
        if kind == _INTERFACE and len(body) >= 2:
            links += unpack_from(f"{order}H", body)
        elif kind in _PACKETS:
            yield _packet(_PACKETS[kind], order, body, links)
        pos = end


def _packet(layout: _Layout, order: str, body: bytes, links: list[int]) -> Frame | str:
    if len(body) < layout.header:
        return f"its block has {len(body)} bytes of {layout.header}"
    interface, captured, original = layout.read(order, body)
    if interface >= len(links):
        return f"it belongs to interface {interface}, which no block describes"
    if captured > len(body) - layout.header:
        return f"{captured} bytes are said to be captured, and {len(body) - layout.header} are there"
    return Frame(links[interface], body[layout.header : layout.header + captured], captured < original)
