"""Streams out of captures: packets out of order, twice, lost, broken, in every frame that people record."""

from __future__ import annotations

import builtins
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import ACK, SYN, A, B, capture, carrier, cooked, ethernet, fragment, parts, tcp, vlan, vxlan
from tests.ends import our_client, our_server
from tls12 import KeyLog, UsageError
from tls12.errors import DecodeError
from tls12.lab import Observer, read_capture
from tls12.lab.capture import Chunk, Endpoint, Problem, read_streams
from tls12.lab.capture.frames import MAGICS
from tls12.lab.observer import ApplicationDataSeen


def streams(data: bytes) -> dict[tuple[int, Endpoint], bytes]:
    found: dict[tuple[int, Endpoint], bytes] = {}
    for event in read_streams(data):
        assert isinstance(event, Chunk), event
        key = event.connection, event.sender
        found[key] = found.get(key, b"") + event.data
    return found


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (1, ethernet),
        (1, vlan),
        (0, lambda packet: b"\x02\x00\x00\x00" + bytes(packet)),
        (108, lambda packet: b"\x00\x00\x00\x02" + bytes(packet)),
        (101, bytes),
        (228, bytes),
        (12, bytes),
        (9, lambda packet: b"\xff\x03\x00\x21" + bytes(packet)),
        (9, lambda packet: b"\x21" + bytes(packet)),
        (50, lambda packet: b"\x00\x21" + bytes(packet)),
        (113, cooked),
        (276, lambda packet: b"\x08\x00" + bytes(18) + bytes(packet)),
        (1, lambda packet: ethernet(carrier(4, bytes(packet)))),
        (1, lambda packet: ethernet(carrier(47, b"\x00\x00\x08\x00" + bytes(packet)))),
        (1, lambda packet: vxlan(ethernet(packet))),
    ],
    ids=[
        "Ethernet",
        "VLAN",
        "loopback",
        "OpenBSD",
        "raw",
        "IPv4",
        "raw by another number",
        "PPP",
        "PPP shortened",
        "PPP serial",
        "cooked",
        "cooked v2",
        "IP in IP",
        "GRE",
        "VXLAN",
    ],
)
def test_streams_are_found_in_every_usual_frame(link: int, frame: Callable[[Any], bytes]) -> None:
    packets = [frame(tcp(A, B, 99, flags=SYN)), frame(tcp(A, B, 100, b"hello ")), frame(tcp(A, B, 106, b"world"))]
    assert streams(capture(packets, link)) == {(1, A): b"hello world"}


@pytest.mark.parametrize("family", [10, 23, 24, 28, 30])
@pytest.mark.parametrize("order", ["<I", ">I"])
def test_a_loopback_that_calls_ipv6_by_the_number_of_any_system_is_read(family: int, order: str) -> None:
    a, b = Endpoint("::1", 4000), Endpoint("::1", 443)
    assert streams(capture([struct.pack(order, family) + bytes(tcp(a, b, 7, b"ask"))], 0)) == {(1, a): b"ask"}


@pytest.mark.parametrize("ends", [(A, B), (Endpoint("::1", 4000), Endpoint("2001:db8::2", 443))], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "backwards"])
def test_ip_packets_in_fragments_are_put_together(ends: tuple[Endpoint, Endpoint], turn: int) -> None:
    text = bytes(range(200))
    pieces = [ethernet(part) for part in parts(tcp(*ends, 7, text), 64)][::turn]
    assert len(pieces) == 4
    for packets in (pieces, [*pieces[:2], *pieces]):
        assert streams(capture(packets)) == {(1, ends[0]): text}


def test_a_fragment_that_is_missing_is_said_and_overlapping_ones_are_dropped() -> None:
    pieces = parts(tcp(A, B, 7, bytes(200)), 64)
    missing = capture([ethernet(part) for part in (*pieces[:2], pieces[3])] + [ethernet(tcp(A, B, 207, b"after"))])
    assert list(read_streams(missing)) == [Chunk(1, A, B, b"after"), Problem("1 fragmented packets are not whole")]
    overlapping = [pieces[0], fragment(pieces[0], 56, bytes(72), True), *pieces[2:]]
    assert list(read_streams(capture([ethernet(part) for part in overlapping]))) == []


def test_a_packet_that_is_quoted_in_an_error_message_is_not_taken_for_one() -> None:
    quoted = ethernet(carrier(1, b"\x03\x01\x00\x00\x00\x00\x00\x00" + bytes(tcp(B, A, 1, b"never sent"))))
    assert streams(capture([quoted, ethernet(tcp(A, B, 1, b"x"))])) == {(1, A): b"x"}


def test_ipv6_and_pcapng_are_read() -> None:
    a, b = Endpoint("::1", 4000), Endpoint("2001:db8::2", 443)
    packets = [ethernet(tcp(a, b, 7, b"ask")), ethernet(tcp(b, a, 9, b"answer"))]
    data = capture(packets, writer=dpkt.pcapng.Writer)
    assert data.startswith(MAGICS)
    assert streams(data) == {(1, a): b"ask", (1, b): b"answer"}
    assert str(b) == "[2001:db8::2]:443"
    assert str(A) == "10.0.0.1:4000"


@given(
    data=st.binary(min_size=1, max_size=300),
    first=st.sampled_from([5, 2**32 - 1, 2**32 - 100, 2**31]),
    seed=st.integers(0, 1000),
)
def test_segments_in_any_order_cut_anyhow_and_repeated_give_the_stream(data: bytes, first: int, seed: int) -> None:
    shuffle = random.Random(seed)
    spans = [(0, len(data))] if len(data) == 1 else []
    pos = 0
    while pos < len(data):
        size = shuffle.randint(1, 60)
        spans.append((max(0, pos - shuffle.randint(0, 5)), min(len(data), pos + size)))
        pos += size
    spans += shuffle.choices(spans, k=3)
    shuffle.shuffle(spans)
    packets = [ethernet(tcp(A, B, first, flags=SYN))]
    packets += [ethernet(tcp(A, B, first + 1 + start, data[start:end])) for start, end in spans]
    assert streams(capture(packets)) == {(1, A): data}


def test_what_is_missing_is_said_and_what_follows_is_passed_on() -> None:
    packets = [tcp(A, B, 100, b"one"), tcp(A, B, 110, b"three"), tcp(A, B, 120, b"four"), tcp(B, A, 1, b"other")]
    assert list(read_streams(capture([ethernet(packet) for packet in packets]))) == [
        Chunk(1, A, B, b"one"),
        Chunk(1, B, A, b"other"),
        Problem("7 bytes are missing from the capture", 1, A),
        Chunk(1, A, B, b"three"),
        Problem("5 bytes are missing from the capture", 1, A),
        Chunk(1, A, B, b"four"),
    ]


def test_a_new_syn_between_the_same_ends_is_a_new_connection() -> None:
    packets = [
        tcp(A, B, 0, flags=SYN),
        tcp(A, B, 0, flags=SYN),
        tcp(A, B, 1, b"first"),
        tcp(A, B, 9, b"late"),
        tcp(A, B, 5000, flags=SYN),
        tcp(B, A, 7000, flags=SYN | ACK),
        tcp(A, B, 5001, b"second"),
        tcp(B, A, 7001, b"answer"),
    ]
    assert list(read_streams(capture([ethernet(packet) for packet in packets]))) == [
        Chunk(1, A, B, b"first"),
        Problem("3 bytes are missing from the capture", 1, A),
        Chunk(1, A, B, b"late"),
        Chunk(2, A, B, b"second"),
        Chunk(2, B, A, b"answer"),
    ]


def test_packets_that_are_not_tcp_are_passed_over() -> None:
    udp = dpkt.ip.IP(src=b"\1" * 4, dst=b"\2" * 4, p=17, data=dpkt.udp.UDP(sport=1, dport=2))
    arp = dpkt.ethernet.Ethernet(type=dpkt.ethernet.ETH_TYPE_ARP, data=dpkt.arp.ARP())
    odd = dpkt.ethernet.Ethernet(type=0x1234, data=b"whatever")
    packets = [ethernet(udp), bytes(arp), bytes(odd), ethernet(tcp(A, B, 1, b"x"))]
    assert streams(capture(packets)) == {(1, A): b"x"}


def test_one_broken_packet_does_not_stop_the_others() -> None:
    good = ethernet(tcp(A, B, 1, b"x"))
    *problems, chunk = read_streams(capture([good[:5], good[:20], good[:40], good]))
    assert chunk == Chunk(1, A, B, b"x")
    assert [problem.text.partition(":")[0] for problem in problems if isinstance(problem, Problem)] == [
        "packet 1 cannot be read",
        "packet 3 cannot be read",
    ]


def test_a_link_type_that_is_not_read_is_named_once() -> None:
    radio = capture([b"\0\0\x08\0\0\0\0\0" + bytes(tcp(A, B, 1, b"x"))] * 1000, link=127)
    assert [problem.text for problem in read_streams(radio) if isinstance(problem, Problem)] == [
        "packet 1 is of link type 127 (IEEE802_11_RADIOTAP), which is not read here: all packets of it are left out; "
        "record Ethernet or IP, as tcpdump -i any does"
    ]
    (nameless,) = read_streams(capture([b"x"] * 2, link=4711))
    assert isinstance(nameless, Problem)
    assert nameless.text.startswith("packet 1 is of link type 4711, which is not read here")


def test_many_packets_that_are_broken_in_the_same_way_are_named_a_few_times_and_counted() -> None:
    good = ethernet(tcp(A, B, 1, b"x"))
    odd = good[:46] + b"\x30" + good[47:]  # a TCP header of 12 bytes
    events = list(read_streams(capture([good[:40]] * 5000 + [odd] * 4 + [good])))
    texts = [event.text for event in events if isinstance(event, Problem)]
    assert [text.split(":")[0] for text in texts[:-1]] == [
        f"packet {number} cannot be read" for number in (1, 2, 3, 5001, 5002, 5003)
    ]
    assert texts[-1] == "4998 more packets cannot be read"
    assert Chunk(1, A, B, b"x") in events


def test_packets_that_were_cut_short_when_they_were_recorded_are_counted() -> None:
    frames = [ethernet(tcp(A, B, 100 + 500 * n, bytes(500))) for n in range(3)]
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 1)
    data += b"".join(struct.pack("<IIII", 1, 0, 96, len(frame)) + frame[:96] for frame in frames)
    events = list(read_streams(data))
    assert Problem("3 packets were cut short when they were recorded (tcpdump -s 0 keeps them whole)") in events
    assert Problem("458 bytes are missing from the capture", 1, A) in events
    whole = capture([*frames])
    assert not any(isinstance(event, Problem) for event in read_streams(whole))


@pytest.mark.parametrize("ipv6", [False, True])
def test_a_packet_that_the_network_card_was_to_cut_says_no_length_and_is_whole(ipv6: bool) -> None:
    ends = (Endpoint("::1", 4000), Endpoint("::2", 443)) if ipv6 else (A, B)
    packet = tcp(*ends, 1, b"hello")
    if ipv6:
        packet.plen = 0
    else:
        packet.len = 0
    assert streams(capture([ethernet(packet)])) == {(1, ends[0]): b"hello"}


def test_the_padding_of_a_short_frame_is_no_data() -> None:
    frame = ethernet(tcp(A, B, 1, b"hi")) + bytes(4)
    assert streams(capture([frame])) == {(1, A): b"hi"}


def test_a_capture_file_that_breaks_off_gives_what_was_there() -> None:
    good = capture([ethernet(tcp(A, B, 1, b"x"))] * 2)
    chunk, *rest = read_streams(good[:-3] if len(good) else b"")
    assert chunk == Chunk(1, A, B, b"x")
    assert all(isinstance(event, Problem | Chunk) for event in rest)


@pytest.mark.parametrize("data", [MAGICS[0], MAGICS[4] + bytes(8), b"nothing of the kind"])
def test_what_is_no_capture_file_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(DecodeError, match="this capture file cannot be read"):
        list(read_streams(data))


@settings(max_examples=150)
@given(st.data())
def test_a_mangled_capture_never_raises_anything_else(data: st.DataObject) -> None:
    packets = [ethernet(tcp(A, B, 1, b"hello")), vlan(tcp(B, A, 1, b"there"))]
    whole = bytearray(capture(packets, writer=data.draw(st.sampled_from([dpkt.pcap.Writer, dpkt.pcapng.Writer]))))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        events = list(read_streams(bytes(whole)))
    except DecodeError:
        events = []
    assert all(isinstance(event, Chunk | Problem) for event in events)


def test_without_dpkt_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_dpkt(name: str, *rest: Any) -> Any:
        if name == "dpkt":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_dpkt)
    with pytest.raises(UsageError, match=r"needs dpkt: pip install tls12\[cli\]"):
        next(read_streams(b""))


# --- flows ------------------------------------------------------------------------------------------------


def conversation() -> tuple[list[tuple[str, bytes]], KeyLog]:
    """A handshake and some data, as they went over the wire."""
    flow: list[tuple[str, bytes]] = []
    keylog = KeyLog()
    client, server = our_client(keylog=keylog), our_server()
    client.start()
    for words in (b"", b"", b"a question", b"an answer"):
        if words:
            (client if words == b"a question" else server).send(words)
        for name, sender, receiver in (("client", client, server), ("server", server, client)) * 3:
            if data := sender.take():
                flow.append((name, data))
                receiver.receive(data)
    return flow, keylog


def recorded(flow: list[tuple[str, bytes]], *, first: str = "client") -> bytes:
    """The conversation as a capture; `first` is the end at A."""
    sent = {"client": 1, "server": 1}
    packets = []
    for sender, data in flow:
        ends = (A, B) if sender == first else (B, A)
        packets.append(ethernet(tcp(*ends, sent[sender], data)))
        sent[sender] += len(data)
    return capture(packets)


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_flow_goes_into_the_observer_as_it_is(first: str) -> None:
    sent, keylog = conversation()
    (flow,) = read_capture(recorded(sent, first=first))
    assert (flow.client, flow.server) == ((A, B) if first == "client" else (B, A))
    assert list(flow) == sent
    observer = Observer(keylog)
    for sender, data in flow:
        observer.feed(sender, data)
    seen = [event.data for event in observer.events() if isinstance(event, ApplicationDataSeen)]
    assert seen == [b"a question", b"an answer"]


def test_a_capture_is_read_from_its_path_too(tmp_path: Path) -> None:
    path = tmp_path / "flow.pcap"
    path.write_bytes(recorded(conversation()[0]))
    assert len(read_capture(path)) == len(read_capture(str(path))) == 1


def test_without_a_hello_the_end_that_comes_first_is_the_client() -> None:
    (flow,) = read_capture(capture([ethernet(tcp(B, A, 1, b"220 hello")), ethernet(tcp(A, B, 1, b"EHLO"))]))
    assert (flow.client, flow.server) == (B, A)


def test_what_is_missing_stands_beside_the_flow_or_beside_all_of_them() -> None:
    gap = [ethernet(tcp(A, B, 1, b"one")), ethernet(tcp(A, B, 100, b"two"))]
    flows = read_capture(capture([*gap, b"broken"]))
    assert [problem.text for problem in flows[0].problems] == ["96 bytes are missing from the capture"]
    assert len(flows.problems) == 1


def test_neither_a_path_nor_bytes_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="source is"):
        read_capture(None)  # type: ignore[arg-type]
