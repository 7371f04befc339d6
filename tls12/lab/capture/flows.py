"""The TCP connections of a capture, each as one conversation between a client and a server.

How it works: `read_capture` sorts what `read_streams` gives by connection. The TLS handshake tells which end is the
client: the one that sent a ClientHello, or the peer of the one that sent a ServerHello. Without either, the end that
was recorded first is taken for the client.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tls12.errors import UsageError
from tls12.given import name_value
from tls12.lab.capture.reading import read_streams
from tls12.lab.capture.streams import Chunk, Endpoint, Problem
from tls12.registry import ConnectionEnd

_HELLO = re.compile(rb"\x16\x03[\x00-\x04]..([\x01\x02])\x00", re.DOTALL)
_CLIENT_HELLO = b"\x01"


@dataclass(slots=True)
class Flow:
    """One TCP connection. Iterate over it for pairs of the sender and the next bytes, as `Observer.feed` takes them."""

    client: Endpoint
    server: Endpoint
    pieces: list[tuple[ConnectionEnd, bytes]] = field(default_factory=list, repr=False)
    """What each end sent, in the order of the capture."""
    problems: list[Problem] = field(default_factory=list)
    """What is missing from the capture or could not be read."""

    def __iter__(self) -> Iterator[tuple[ConnectionEnd, bytes]]:
        return iter(self.pieces)


class Flows(list[Flow]):
    """The connections of a capture in the order in which they appear."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        """What could not be read and belongs to no connection."""


def read_capture(source: str | os.PathLike[str] | bytes) -> Flows:
    """Read a pcap or pcapng file, given as a path or as its bytes; the whole of it is kept in memory.

    Raises OSError for a file that cannot be opened, DecodeError for one that is no capture, and UsageError if dpkt is
    not installed (`pip install tls12[cli]`). Packets that cannot be read are `problems`.
    """
    if not isinstance(source, str | bytes | os.PathLike):
        raise UsageError(f"source is {name_value(source)}; give a path, or the bytes of a capture file")
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    flows = Flows()
    chunks: dict[int, list[Chunk]] = {}
    problems: dict[int, list[Problem]] = {}
    for found in read_streams(data):
        if isinstance(found, Chunk):
            chunks.setdefault(found.connection, []).append(found)
        elif found.connection is None:
            flows.problems.append(found)
        else:
            problems.setdefault(found.connection, []).append(found)
    for number, sent in chunks.items():
        client = _client(sent)
        server = next(end for end in (sent[0].sender, sent[0].receiver) if end != client)
        pieces: list[tuple[ConnectionEnd, bytes]] = [
            (ConnectionEnd.CLIENT if chunk.sender == client else ConnectionEnd.SERVER, chunk.data) for chunk in sent
        ]
        flows.append(Flow(client, server, pieces, problems.get(number, [])))
    return flows


def _client(sent: list[Chunk]) -> Endpoint:
    first = sent[0]
    for end, other in ((first.sender, first.receiver), (first.receiver, first.sender)):
        hello = _HELLO.search(b"".join(chunk.data for chunk in sent if chunk.sender == end))
        if hello is not None:
            return end if hello[1] == _CLIENT_HELLO else other
    return first.sender
