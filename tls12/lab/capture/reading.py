"""TCP streams out of a capture file, by way of `dpkt`.

How it works: `read_streams` reads the frames (`frames.py`) once and yields the next bytes of each sender's stream, in
the order of the capture. It takes the innermost IP packet of each frame (`links.py`), puts fragmented packets together,
and gives the TCP segments to `streams.py`, which makes connections of them. A packet that cannot be read becomes a
`Problem`, and reading goes on with the next one. Of many packets that cannot be read for the same reason a few are
named, and the others counted.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tls12.errors import DecodeError, UsageError
from tls12.lab.capture.frames import read_frames
from tls12.lab.capture.links import LINKS, innermost, name_link
from tls12.lab.capture.streams import Chunk, Endpoint, Problem, Segment, Streams


def read_streams(data: bytes) -> Iterator[Chunk | Problem]:
    """The next bytes of each TCP stream of a capture file, in the order of the capture, and what cannot be read.

    Raises DecodeError if `data` is no pcap or pcapng file, and UsageError if dpkt is not installed.
    """
    try:
        import dpkt
    except ImportError as error:
        raise UsageError("reading captures needs dpkt: pip install tls12[cli]") from error
    try:
        frames = read_frames(data)
    except ValueError as error:
        raise DecodeError(f"this capture file cannot be read: {error}") from error
    streams, fragments, unread = Streams(), _Fragments(), _Unread()
    unknown: set[int] = set()
    cut = 0
    for number, frame in enumerate(frames, 1):
        if isinstance(frame, str):
            yield from unread.say(number, frame)
            continue
        if frame.link not in LINKS:
            if frame.link not in unknown:
                unknown.add(frame.link)
                yield Problem(f"packet {number} is of link type {name_link(frame.link)}, which {_NOT_READ}")
            continue
        try:
            segment = _segment(dpkt, innermost(dpkt, frame.link, frame.data), fragments)
        except Exception as error:  # dpkt documents no closed list of what a broken packet raises
            yield from unread.say(number, f"{type(error).__name__}: {error}")
            continue
        if segment is not None:
            cut += frame.cut
            yield from streams.take(segment)
    yield from unread.rest()
    if cut:
        yield Problem(f"{cut} packets were cut short when they were recorded (tcpdump -s 0 keeps them whole)")
    if fragments.waiting:
        yield Problem(f"{len(fragments.waiting)} fragmented packets are not whole")
    yield from streams.end()


_NOT_READ = "is not read here: all packets of it are left out; record Ethernet or IP, as tcpdump -i any does"


class _Unread:
    """Packets that cannot be read: the first few of each reason are named, the others counted."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def say(self, number: int, reason: str) -> Iterator[Problem]:
        kind = re.sub(r"\d+", "", reason)
        self._seen[kind] += 1
        if self._seen[kind] <= _NAMED and len(self._seen) <= _MOST_REASONS:
            yield Problem(f"packet {number} cannot be read: {reason}")

    def rest(self) -> Iterator[Problem]:
        named = (min(count, _NAMED) for count in list(self._seen.values())[:_MOST_REASONS])
        if (more := self._seen.total() - sum(named)) > 0:
            yield Problem(f"{more} more packets cannot be read")


_NAMED, _MOST_REASONS = 3, 16


_TCP, _IPV6_FRAGMENT = 6, 44


@dataclass(slots=True)
class _Parts:
    """The fragments of an IP packet that have been read: by offset, their bytes together, and those of the whole."""

    parts: dict[int, bytes] = field(default_factory=dict)
    received: int = 0
    whole: int | None = None


class _Fragments:
    """Puts fragmented IP packets together; the fragments may come in any order (RFC 791 3.2, RFC 8200 4.5)."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[object, ...], _Parts] = {}

    def take(self, key: tuple[object, ...], offset: int, data: bytes, more: bool) -> bytes | None:
        """Take one fragment; returns the packet once it is whole, but not if fragments overlap (RFC 5722)."""
        known = self.waiting.setdefault(key, _Parts())
        if offset in known.parts:
            return None
        known.parts[offset] = data
        known.received += len(data)
        if not more:
            known.whole = offset + len(data)
        if known.whole is None or known.received < known.whole:
            return None
        del self.waiting[key]
        whole = b""
        for offset, part in sorted(known.parts.items()):
            if offset != len(whole):
                return None
            whole += part
        return whole


def _segment(dpkt: Any, packet: Any, fragments: _Fragments) -> Segment | None:
    """The TCP segment in an IP packet, if it is one; None also while parts of it are missing."""
    if packet is None or packet.p != _TCP:
        return None
    data = packet.data
    if isinstance(packet, dpkt.ip.IP):
        part = (packet.id, packet.offset * 8, packet.mf) if packet.offset or packet.mf else None
    else:
        header = packet.extension_hdrs.get(_IPV6_FRAGMENT)
        part = (header.id, header.frag_off * 8, header.m_flag) if header is not None else None
    if part is not None:
        identification, offset, more = part
        data = fragments.take((packet.src, packet.dst, identification), offset, bytes(data), bool(more))
        if data is None:
            return None
    tcp = data if isinstance(data, dpkt.tcp.TCP) else dpkt.tcp.TCP(data)  # bytes are what dpkt could not read before
    source, target = (str(ipaddress.ip_address(address)) for address in (packet.src, packet.dst))
    ends = Endpoint(source, tcp.sport), Endpoint(target, tcp.dport)
    return Segment(*ends, tcp.flags, tcp.seq, tcp.ack, bytes(tcp.data))
