"""TCP streams out of a capture file, by way of `dpkt`.

How it works: `read_capture` walks over the frames (`frames.py`) once and yields, in the order of the capture, what each
sender's stream gained. Of a frame the innermost IP packet counts, in whatever tunnel it came; its fragments are put
together first. Then segments are put in order, repetitions cut away, early ones kept until the gap before them closes.
What never closes is passed on at the end, behind a `Problem` that says how much is missing. A packet that cannot be
read becomes a `Problem` too, and the next one is taken: one odd packet never stops it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from tls12.cli.frames import read_frames
from tls12.cli.output import CommandError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a TCP connection."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read, in words; `connection` is its number where it lies in one."""

    text: str
    connection: int | None = None
    sender: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next bytes that `sender` sent in a connection; connections are numbered from 1 as they appear."""

    connection: int
    sender: Endpoint
    receiver: Endpoint
    data: bytes


def read_capture(data: bytes) -> Iterator[Chunk | Problem]:
    """The streams of a capture file. Raises CommandError if it is none, or if dpkt is not installed."""
    try:
        import dpkt
    except ImportError as error:
        raise CommandError("reading captures needs dpkt", "pip install tls12[cli]") from error
    try:
        frames = read_frames(data)
    except ValueError as error:
        raise CommandError(f"this capture file cannot be read: {error}") from error
    connections: dict[frozenset[Endpoint], _Connection] = {}
    fragments = _Fragments()
    opened = 0
    for number, frame in enumerate(frames, 1):
        if isinstance(frame, str):
            yield Problem(f"packet {number} cannot be read: {frame}")
            continue
        try:
            segment = _segment(dpkt, _innermost(dpkt, frame.link, frame.data), fragments)
        except Exception as error:  # dpkt documents no closed list of what a broken packet raises
            yield Problem(f"packet {number} cannot be read ({type(error).__name__}: {error})")
            continue
        if segment is None:
            continue
        ends = frozenset((segment.sender, segment.receiver))
        known = connections.get(ends)
        if known is None or known.ended_by(segment):
            if known is not None:
                yield from known.leftovers()
            opened += 1
            connections[ends] = known = _Connection(opened)
        yield from known.take(segment)
    if fragments.waiting:
        yield Problem(f"{len(fragments.waiting)} fragmented packets are not whole")
    for connection in connections.values():
        yield from connection.leftovers()


def _innermost(dpkt: Any, link: int, frame: bytes) -> Any:
    """The innermost IP packet in a frame of the link layer, or None."""
    layer: Any = _LINKS.get(link, _bare)(dpkt, frame)
    found: Any = None
    while not isinstance(layer, bytes | dpkt.icmp.ICMP | dpkt.icmp6.ICMP6):  # those two quote other packets
        if isinstance(layer, dpkt.ip.IP | dpkt.ip6.IP6):
            found = layer
        inside = layer.data
        layer = dpkt.ip.IP(inside) if layer is found and layer.p == _IP_IN_IP and isinstance(inside, bytes) else inside
    return found


def _bare(dpkt: Any, frame: bytes) -> Any:
    return (dpkt.ip6.IP6 if frame[:1] >= b"\x60" else dpkt.ip.IP)(frame)


_LINKS: dict[int, Callable[[Any, bytes], Any]] = {
    # Of a loopback's four bytes only the system that wrote them knows what they mean and in which order they stand.
    0: lambda dpkt, frame: _bare(dpkt, frame[4:]),
    108: lambda dpkt, frame: _bare(dpkt, frame[4:]),
    1: lambda dpkt, frame: dpkt.ethernet.Ethernet(frame),
    # Linux' "cooked" headers end, or begin, like that of Ethernet: with the type of what is inside.
    113: lambda dpkt, frame: dpkt.ethernet.Ethernet(bytes(12) + frame[14:]),
    276: lambda dpkt, frame: dpkt.ethernet.Ethernet(bytes(12) + frame[:2] + frame[20:]),
}
"""Link types other than bare IP."""

_TCP, _IP_IN_IP, _IPV6_FRAGMENT = 6, 4, 44


@dataclass(slots=True)
class _Parts:
    """What is there of an IP packet that comes in parts: by offset, in bytes together, and of how many in all."""

    parts: dict[int, bytes] = field(default_factory=dict)
    received: int = 0
    whole: int | None = None


class _Fragments:
    """Puts IP packets together that came in parts, in any order (RFC 791 3.2, RFC 8200 4.5)."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[object, ...], _Parts] = {}

    def take(self, key: tuple[object, ...], offset: int, data: bytes, more: bool) -> bytes | None:
        """One part; gives the whole with the last that was missing. Parts that overlap give nothing (RFC 5722)."""
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


class _Segment(NamedTuple):
    sender: Endpoint
    receiver: Endpoint
    flags: int
    sequence: int
    payload: bytes


def _segment(dpkt: Any, packet: Any, fragments: _Fragments) -> _Segment | None:
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
    return _Segment(Endpoint(source, tcp.sport), Endpoint(target, tcp.dport), tcp.flags, tcp.seq, bytes(tcp.data))


_SYN, _ACK = 0x02, 0x10
_HALF, _WRAP = 1 << 31, 1 << 32


@dataclass(slots=True)
class _Connection:
    """Two streams between the same ends, until a new SYN."""

    number: int
    streams: dict[tuple[Endpoint, Endpoint], _Stream] = field(default_factory=dict)

    def ended_by(self, segment: _Segment) -> bool:
        """Whether the segment opens another connection between the same ends."""
        stream = self.streams.get((segment.sender, segment.receiver))
        return segment.flags & (_SYN | _ACK) == _SYN and stream is not None and stream.begun

    def take(self, segment: _Segment) -> Iterator[Chunk]:
        """Give what the sender's stream gains by this segment."""
        sender, receiver, flags, sequence, payload = segment
        stream = self.streams.setdefault((sender, receiver), _Stream())
        for piece in stream.take(sequence + bool(flags & _SYN), payload):
            yield Chunk(self.number, sender, receiver, piece)

    def leftovers(self) -> Iterator[Chunk | Problem]:
        """What waits behind gaps that never closed."""
        for (sender, receiver), stream in self.streams.items():
            for missing, piece in stream.leftovers():
                yield Problem(f"{missing} bytes are missing from the capture", self.number, sender)
                yield Chunk(self.number, sender, receiver, piece)


@dataclass(slots=True)
class _Stream:
    """One direction. Sequence numbers, which wrap at 2^32, are unrolled as they come."""

    expected: int | None = None
    begun: bool = False
    """Whether anything but a SYN was seen."""
    early: list[tuple[int, bytes]] = field(default_factory=list)
    """A heap of the segments that begin behind what is expected."""

    def take(self, sequence: int, payload: bytes) -> Iterator[bytes]:
        """A segment; gives what the stream gains by it."""
        if self.expected is None:
            self.expected = sequence
        if payload:
            self.begun = True
            at = self.expected + (sequence - self.expected + _HALF) % _WRAP - _HALF
            heappush(self.early, (at, payload))
            yield from self._ready()

    def _ready(self) -> Iterator[bytes]:
        assert self.expected is not None
        while self.early and self.early[0][0] <= self.expected:
            at, payload = heappop(self.early)
            fresh = payload[self.expected - at :]
            if fresh:
                self.expected += len(fresh)
                yield fresh

    def leftovers(self) -> Iterator[tuple[int, bytes]]:
        """How many bytes are missing, and what follows them, gap after gap."""
        while self.early:
            assert self.expected is not None
            missing = self.early[0][0] - self.expected
            self.expected += missing
            yield missing, b"".join(self._ready())
