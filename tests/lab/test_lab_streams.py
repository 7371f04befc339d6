"""TCP connections out of segments: SYNs that are refused, stale or repeated, and ports that are used again."""

from __future__ import annotations

import pytest

from tls12.lab.capture.streams import Chunk, Endpoint, Problem, Segment, Streams

C, S = Endpoint("10.0.0.1", 5000), Endpoint("10.0.0.2", 443)
FIN, SYN, RST, ACK = 1, 2, 4, 16


def client(flags: int, sequence: int, answer: int = 0, payload: bytes = b"") -> Segment:
    return Segment(C, S, flags, sequence % 2**32, answer % 2**32, payload)


def server(flags: int, sequence: int, answer: int = 0, payload: bytes = b"") -> Segment:
    return Segment(S, C, flags, sequence % 2**32, answer % 2**32, payload)


def connection(ours: int, theirs: int, question: bytes = b"question", answer: bytes = b"answer") -> list[Segment]:
    """A whole connection between the same ends, from its SYN on, with these initial sequence numbers."""
    return [
        client(SYN, ours),
        server(SYN | ACK, theirs, ours + 1),
        client(ACK, ours + 1, theirs + 1),
        client(ACK, ours + 1, theirs + 1, question),
        server(ACK, theirs + 1, ours + 1 + len(question), answer),
    ]


def ending(ours: int, theirs: int) -> list[Segment]:
    """How that connection ends."""
    return [client(FIN | ACK, ours + 9, theirs + 7), server(FIN | ACK, theirs + 7, ours + 10)]


def events(segments: list[Segment]) -> list[Chunk | Problem]:
    streams = Streams()
    return [event for segment in segments for event in streams.take(segment)] + list(streams.end())


def spoken(number: int, question: bytes = b"question", answer: bytes = b"answer") -> list[Chunk]:
    return [Chunk(number, C, S, question), Chunk(number, S, C, answer)]


@pytest.mark.parametrize(
    "before",
    [
        [client(SYN, 1000), server(RST | ACK, 0, 1001)],
        [client(SYN, 1000), server(RST | ACK, 0, 1001)] * 3,
        [client(SYN, 1000), server(ACK, 3_000_000_000, 77_777), client(RST, 77_777)],
        [client(SYN, 1000), client(SYN, 2**31 + 1000), client(SYN, 1000)],
        [server(ACK, 3_000_000_000, 77_777)],
        [client(ACK, 4_000_000_000, 1), server(RST, 1)],
        [client(SYN, 899_000), server(SYN | ACK, 70_000, 899_001)],
        [client(SYN, 900_000)],
        [client(SYN, 900_000), server(RST | ACK, 0, 900_001)],
        [client(SYN, 900_000), server(ACK, 4_000, 77, b"stale data of an older connection")],
        [client(SYN, 900_000), server(SYN | ACK, 4_000, 77)],
        [client(RST, 5, 0, b"go away")],
    ],
    ids=[
        "refused",
        "refused three times",
        "a stale ACK, and RST",
        "sent again with another number",
        "a stale ACK before",
        "a reset of something older",
        "an attempt that went nowhere",
        "sent again",
        "refused, with the same number",
        "stale data",
        "a stale answer",
        "a text in a reset",
    ],
)
def test_what_came_to_nothing_before_a_connection_does_not_hide_it(before: list[Segment]) -> None:
    assert events([*before, *connection(900_000, 500)]) == spoken(1)


def test_everything_may_be_recorded_twice() -> None:
    assert events([segment for segment in connection(900, 2**32 - 3) for _ in range(2)]) == spoken(1)


@pytest.mark.parametrize("again", [900, 65_000, 2**31 + 5, 2**32 - 2], ids=["the same number", "near", "far", "wraps"])
@pytest.mark.parametrize(
    "between",
    [ending(900, 70), [server(RST, 77)], [client(RST | ACK, 909, 77)], []],
    ids=["FIN", "RST", "RST ACK", "-"],
)
def test_a_connection_on_ports_that_were_used_before_is_another_one(again: int, between: list[Segment]) -> None:
    segments = [*connection(900, 70), *between, *connection(again, 70, b"another question", b"another answer")]
    assert events(segments) == [*spoken(1), *spoken(2, b"another question", b"another answer")]


def test_the_end_of_one_that_failed_before_an_answer_makes_room_for_one_with_the_same_number() -> None:
    first = connection(900, 70)[:4]
    assert events([*first, server(RST, 71), *connection(900, 70)]) == [Chunk(1, C, S, b"question"), *spoken(2)]


@pytest.mark.parametrize("stale", [200_000, 905, 2**31 + 909], ids=["ahead", "inside", "far"])
def test_a_stale_syn_does_not_cut_the_connection_that_goes_on(stale: int) -> None:
    more = [server(ACK, 77, 909, b" and more"), client(ACK, 909, 86, b"!")]
    for answer in ([server(ACK, 77, 909)], [server(ACK, 77, 909), client(RST, 909)], []):
        segments = [*connection(900, 70), client(SYN, stale), *answer, *more]
        assert events(segments) == [*spoken(1), Chunk(1, S, C, b" and more"), Chunk(1, C, S, b"!")]


def test_an_answer_that_comes_late_does_not_begin_another_connection() -> None:
    syn, answer, *rest = connection(900, 70)
    assert events([syn, rest[1], answer, *rest]) == spoken(1)
    assert events([answer, *rest]) == spoken(1)
    assert events([rest[1], answer, syn, rest[2]]) == spoken(1)


def test_both_sides_may_begin_at_once() -> None:
    segments = [client(SYN, 900), server(SYN, 70), client(SYN | ACK, 900, 71), server(SYN | ACK, 70, 901)]
    assert events([*segments, *connection(900, 70)[3:]]) == spoken(1)


def test_data_that_comes_with_the_first_segment_counts_once() -> None:
    fast = client(SYN, 900, 0, b"ques")
    assert events([fast, *connection(900, 70)[1:]]) == [
        Chunk(1, C, S, b"ques"), Chunk(1, C, S, b"tion"), Chunk(1, S, C, b"answer")
    ]  # fmt: skip
    old = connection(10, 20)
    assert events([*old, fast, *connection(900, 70)[1:]])[2:] == [
        Chunk(2, C, S, b"ques"), Chunk(2, C, S, b"tion"), Chunk(2, S, C, b"answer")
    ]  # fmt: skip
    assert events([*old, fast]) == [*spoken(1), Chunk(2, C, S, b"ques")]


def test_segments_that_acknowledge_nothing_are_taken_as_they_are() -> None:
    made = [segment._replace(acknowledged=0) for segment in connection(900, 70)]
    again = [segment._replace(acknowledged=0) for segment in connection(70_000, 4)]
    assert events([*made, *again]) == [*spoken(1), *spoken(2)]


def test_a_segment_farther_ahead_than_any_window_is_stale() -> None:
    stale = client(ACK, 909 + 2**30 + 1, 77, b"stale")
    assert events([*connection(900, 70), stale, client(ACK, 909, 77, b"!")]) == [*spoken(1), Chunk(1, C, S, b"!")]


def test_a_host_may_speak_with_itself_on_one_port() -> None:
    segments = [Segment(C, C, ACK, at, 0, b"ab") for at in (1, 5)]
    assert events(segments) == [
        Chunk(1, C, C, b"ab"), Problem("2 bytes are missing from the capture", 1, C), Chunk(1, C, C, b"ab")
    ]  # fmt: skip


def test_a_record_of_the_server_alone_needs_no_syn() -> None:
    assert events([server(ACK, 5, 77, b"answer"), server(ACK, 11, 77, b"s")]) == [
        Chunk(1, S, C, b"answer"), Chunk(1, S, C, b"s")
    ]  # fmt: skip
