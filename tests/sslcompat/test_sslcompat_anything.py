"""Whatever bytes arrive, and in whatever pieces: an SSLObject raises errors of `ssl` and nothing else."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sslcompat.contexts import client, server
from tests.sslcompat.test_sslcompat_objects import Pair, pair

CLIENT, SERVER = client("tls12"), server("tls12")
ENDS = st.sampled_from(("client", "server"))


def go_on(end: Any) -> bytes | None:
    """Handshake and read as far as it goes; None where more must arrive."""
    try:
        end.do_handshake()
        return bytes(end.read(100_000))
    except ssl.SSLWantReadError:
        return None


@settings(max_examples=60, deadline=None)
@given(ENDS, st.lists(st.binary(max_size=200), max_size=5), st.booleans())
def test_any_bytes_raise_errors_of_ssl_only(role: str, pieces: list[bytes], ends: bool) -> None:
    both = Pair(CLIENT, SERVER)
    end, incoming = (both.client, both.to_client) if role == "client" else (both.server, both.to_server)
    with contextlib.suppress(ssl.SSLError):
        for piece in pieces:
            incoming.write(piece)
            go_on(end)
        if ends:
            incoming.write_eof()
        go_on(end)


@settings(max_examples=60, deadline=None)
@given(ENDS, st.integers(0, 3), st.integers(0, 5_000), st.integers(1, 255))
def test_an_altered_byte_of_a_handshake_raises_errors_of_ssl_only(
    role: str, turn: int, place: int, change: int
) -> None:
    both = Pair(CLIENT, SERVER)
    with contextlib.suppress(ssl.SSLError):
        for number in range(6):
            for name, end, out in (("client", both.client, both.to_server), ("server", both.server, both.to_client)):
                go_on(end)
                if (name, number) == (role, turn) and out.pending:
                    flight = bytearray(out.read())
                    flight[place % len(flight)] ^= change
                    out.write(flight)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=4), st.lists(st.integers(1, 3_000), min_size=1, max_size=10))
def test_pieces_of_any_size_give_the_same_stream(writes: list[int], pieces: list[int]) -> None:
    both = pair("tls12").handshake()
    data = [bytes((number,)) * size for number, size in enumerate(writes)]
    for each in data:
        both.client.write(each)
    stream, got = both.to_server.read(), bytearray()
    turn = 0
    while stream:
        size = pieces[turn % len(pieces)]
        both.to_server.write(stream[:size])
        stream = stream[size:]
        turn += 1
        try:
            while True:
                got += both.server.read(size)
        except ssl.SSLWantReadError:
            pass
    assert bytes(got) == b"".join(data)
