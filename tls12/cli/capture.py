"""TCP streams out of a capture file (pcap or pcapng), by way of `dpkt`.

How it works: `read_capture` walks over the packets once and yields, in the order of the capture, what each sender's
stream gained: segments are put in order, repetitions cut away, early ones kept until the gap before them closes. What
never closes is passed on at the end, behind a `Problem` that says how much is missing. A packet that cannot be read
becomes a `Problem` too, and the next one is taken: one odd packet never stops it.
"""

from __future__ import annotations

import io
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from tls12.cli.output import CommandError

MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a")
"""How capture files begin: pcap in both byte orders, with microseconds or nanoseconds, and pcapng."""


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
        packets = dpkt.pcap.UniversalReader(io.BytesIO(data))
        link = packets.datalink()
    except (ValueError, dpkt.Error) as error:
        raise CommandError(f"this capture file cannot be read: {error}") from error
    connections: dict[frozenset[Endpoint], _Connection] = {}
    number = opened = 0
    try:
        for number, (_, packet) in enumerate(packets, 1):
            try:
                segment = _segment(_unwrap(dpkt, link, packet))
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
    except (ValueError, dpkt.Error) as error:
        yield Problem(f"the capture file breaks off after packet {number} ({type(error).__name__}: {error})")
    for connection in connections.values():
        yield from connection.leftovers()


def _unwrap(dpkt: Any, link: int, packet: bytes) -> Any:
    """The IP packet inside the frame of the link, or None."""
    links: dict[int, Callable[[bytes], Any]] = {
        0: dpkt.loopback.Loopback,
        1: dpkt.ethernet.Ethernet,
        108: dpkt.loopback.Loopback,
        113: dpkt.sll.SLL,
        276: dpkt.sll2.SLL2,
    }
    bare = dpkt.ip6.IP6 if packet[:1] >= b"\x60" else dpkt.ip.IP
    inner = links[link](packet).data if link in links else bare(packet)
    while not isinstance(inner, dpkt.ip.IP | dpkt.ip6.IP6):
        if isinstance(inner, bytes):
            return None
        inner = inner.data
    return inner


class _Segment(NamedTuple):
    sender: Endpoint
    receiver: Endpoint
    flags: int
    sequence: int
    payload: bytes


def _segment(packet: Any) -> _Segment | None:
    """The TCP segment in an IP packet, if it is one."""
    if packet is None or type(packet.data).__name__ != "TCP":
        return None
    tcp = packet.data
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
