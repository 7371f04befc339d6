"""TCP connections out of recorded segments: late, repeated, lost or refused ones, and on ports that were used before.

How it works: a `Streams` keeps, for each two ends, the connection between them and, after a later SYN, the connection
that the SYN asks for. A SYN alone does not replace the old connection: it may be refused (RST), be an old one that the
receiver answers with an acknowledgement of the old connection (RFC 9293 3.10.7.4), or be sent again, with the same
first number or another. So the new connection replaces the old one with the first segment that fits its numbers. As
long as a connection has carried no data, a SYN with another number begins it anew.

Each direction of a connection puts its segments in order: repeated bytes are dropped, and early segments are kept until
the bytes before them have come. If these never come, the early segments are given at the end, after a `Problem` that
says how many bytes are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple


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


class Segment(NamedTuple):
    """A TCP segment (RFC 9293 3.1): its ends, and of its header what matters here."""

    sender: Endpoint
    receiver: Endpoint
    flags: int
    sequence: int
    acknowledged: int
    payload: bytes

    @property
    def first(self) -> int:
        """The number of its first byte of data: a SYN takes one before it."""
        return (self.sequence + bool(self.flags & _SYN)) % _WRAP

    @property
    def answer(self) -> int | None:
        """What it acknowledges; None for 0, too, which some tools write that make packets by hand."""
        return self.acknowledged or None if self.flags & _ACK else None


_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_HALF, _WRAP = 1 << 31, 1 << 32
_WINDOW = 1 << 30
"""The farthest that a sender may be ahead of what was acknowledged (RFC 7323 2.3); a segment beyond it is stale."""
_NEAR = 1 << 20
"""How far the numbers of a connection that begins may be from its SYN, where segments are missing in between."""


class Streams:
    """All connections of a capture."""

    def __init__(self) -> None:
        self._pairs: dict[frozenset[Endpoint], _Pair] = {}
        self._opened = 0

    def take(self, segment: Segment) -> Iterator[Chunk | Problem]:
        """Take one segment; gives the bytes that a stream can go on with, and the rest of an earlier connection."""
        ends = frozenset((segment.sender, segment.receiver))
        pair = self._pairs.get(ends)
        if pair is None:
            pair = self._pairs[ends] = _Pair(self._number())
        if pair.coming is not None and pair.coming.fits(segment) and not pair.now.goes_on_with(segment):
            yield from self._open(pair, pair.coming)
        if pair.asked_by(segment):
            yield from self._close(pair)
            pair.ask(segment)
        else:
            yield from pair.take(segment)

    def end(self) -> Iterator[Chunk | Problem]:
        """The capture is over: give the segments that were kept because bytes before them are missing."""
        for pair in self._pairs.values():
            yield from self._close(pair)
            yield from pair.now.leftovers()

    def _open(self, pair: _Pair, coming: _Connection) -> Iterator[Chunk | Problem]:
        """Replace the old connection with the one that a SYN asked for."""
        yield from pair.now.leftovers()
        pair.now, pair.coming = coming, None
        coming.number = self._number()
        for syn in coming.held:
            yield from coming.take(syn)

    def _close(self, pair: _Pair) -> Iterator[Chunk | Problem]:
        """A SYN was not answered; the data that it carried (RFC 7413) is given all the same."""
        coming, pair.coming = pair.coming, None
        if coming is not None and any(syn.payload for syn in coming.held):
            yield from self._open(pair, coming)

    def _number(self) -> int:
        self._opened += 1
        return self._opened


class _Pair:
    """The connection between two ends, and the one that a SYN has asked for since."""

    def __init__(self, number: int) -> None:
        self.now = _Connection(number)
        self.coming: _Connection | None = None

    def asked_by(self, segment: Segment) -> bool:
        """Whether the segment is a SYN that asks for another connection than this one."""
        if not segment.flags & _SYN or segment.flags & _RST:
            return False
        return self.now.begun and not self.now.repeats(segment) and not self.now.may_begin_with(segment)

    def ask(self, syn: Segment) -> None:
        """Keep the connection that the SYN asks for until a segment shows that there is one."""
        self.coming = _Connection(0, held=[syn])
        self.coming.begin(syn)

    def take(self, segment: Segment) -> Iterator[Chunk]:
        if segment.flags & _RST:  # what it carries is a text for people, not data (RFC 9293 3.5.2)
            self.now.over = True
            return
        if segment.flags & _SYN and not self.now.repeats(segment):
            if not self.now.may_begin_with(segment):
                return
            self.now.begin(segment)
        yield from self.now.take(segment)


@dataclass(slots=True)
class _Connection:
    """Two streams between the same ends."""

    number: int
    held: list[Segment] = field(default_factory=list)
    """The SYN that asks for it, whose data counts once there is a connection."""
    streams: dict[Endpoint, _Stream] = field(default_factory=dict)
    over: bool = False
    """Whether it was reset."""

    @property
    def begun(self) -> bool:
        """Whether it has carried data."""
        return any(stream.begun for stream in self.streams.values())

    def stream(self, sender: Endpoint) -> _Stream:
        return self.streams.setdefault(sender, _Stream())

    def repeats(self, syn: Segment) -> bool:
        """Whether the SYN is one that was seen before, and not that of another connection with the same number."""
        sent, received = self.stream(syn.sender), self.stream(syn.receiver)
        over = self.over or (sent.finished and received.finished) or (sent.begun and received.begun)
        return sent.syn == syn.first and not over

    def may_begin_with(self, syn: Segment) -> bool:
        """Whether the SYN is a new attempt at this connection, or the answer to the one that it began with."""
        if not syn.flags & _ACK:
            return not self.begun
        asked = self.stream(syn.receiver)
        return not self.stream(syn.sender).begun and (asked.syn is None or syn.answer in (None, asked.syn))

    def begin(self, syn: Segment) -> None:
        """Let the sender's stream begin at this SYN, and the receiver's where the SYN says."""
        if not syn.flags & _ACK:
            self.streams.clear()
        elif self.stream(syn.receiver).expected is None and syn.answer is not None:
            self.streams[syn.receiver] = _Stream(syn.answer, syn.answer)
        self.streams[syn.sender] = _Stream(syn.first, syn.first)
        self.over = False

    def goes_on_with(self, segment: Segment) -> bool:
        """Whether the segment is exactly the next one of its sender."""
        return not segment.flags & _SYN and self.stream(segment.sender).expected == segment.sequence

    def fits(self, segment: Segment) -> bool:
        """Whether the segment belongs to this connection, of which nothing but a SYN is known."""
        sent, received = self.stream(segment.sender).syn, self.stream(segment.receiver).syn
        if segment.flags & _RST or (segment.flags & _SYN and not segment.flags & _ACK):
            return False
        if sent is not None:
            return (segment.first - sent) % _WRAP < _NEAR
        assert received is not None
        if segment.answer is None:
            return bool(segment.flags & _SYN)
        return (segment.answer - received) % _WRAP < _NEAR

    def take(self, segment: Segment) -> Iterator[Chunk]:
        """Take one segment; gives the bytes that the sender's stream can go on with."""
        stream, other = self.stream(segment.sender), self.stream(segment.receiver)
        if stream.syn is None and not stream.begun and not other.may_have_sent(segment.answer):
            return  # it belongs to an older connection: it acknowledges what was not sent in this one
        stream.finished |= bool(segment.flags & _FIN)
        for piece in stream.take(segment.first, segment.payload):
            yield Chunk(self.number, segment.sender, segment.receiver, piece)

    def leftovers(self) -> Iterator[Chunk | Problem]:
        """The segments that were kept because bytes before them are missing, each after a `Problem`."""
        for sender, stream in self.streams.items():
            for missing, piece in stream.leftovers():
                receiver = next((end for end in self.streams if end != sender), sender)
                yield Problem(f"{missing} bytes are missing from the capture", self.number, sender)
                yield Chunk(self.number, sender, receiver, piece)


@dataclass(slots=True)
class _Stream:
    """One direction. Sequence numbers, which wrap at 2^32, are unrolled as they come."""

    expected: int | None = None
    syn: int | None = None
    """The number of the first byte, if a SYN told it."""
    begun: bool = False
    """Whether data was seen."""
    finished: bool = False
    """Whether a FIN was seen."""
    early: list[tuple[int, bytes]] = field(default_factory=list)
    """A heap of the segments that begin beyond the expected byte."""

    def may_have_sent(self, number: int | None) -> bool:
        """Whether the sender can have sent up to this number, as far as its SYN and its data tell."""
        if number is None or self.syn is None or self.expected is None:
            return True
        return (number - self.syn) % _WRAP <= self.expected - self.syn + _NEAR

    def take(self, sequence: int, payload: bytes) -> Iterator[bytes]:
        """Take a segment; gives the bytes that the stream can go on with."""
        if self.expected is None:
            self.expected = sequence
        if payload:
            at = self.expected + (sequence - self.expected + _HALF) % _WRAP - _HALF
            if at - self.expected > _WINDOW:
                return
            self.begun = True
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
        """For each gap, how many bytes are missing, and the bytes that follow it."""
        while self.early:
            assert self.expected is not None
            missing = self.early[0][0] - self.expected
            self.expected += missing
            yield missing, b"".join(self._ready())
