"""`tls12 decode`: whatever it is given, it shows what is there, with offsets, and never stops."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import captures, vectors_loader
from tests.cli import command
from tls12.lab import strategies
from tls12.lab.dissect import Dissector, Item, key_exchange_of, looks_like_records
from tls12.registry import CipherSuite
from tls12.wire import messages
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

FLIGHTS = {
    case["name"]: case.hex("message") for case in vectors_loader.load("messages") if case["source"] == "illustrated"
}
CLIENT_HELLO = FLIGHTS["client hello"]


def record(body: bytes, kind: int = 22) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


CLIENT = record(CLIENT_HELLO) + record(FLIGHTS["client key exchange"]) + record(b"\1", 20) + record(bytes(40))
SERVER = (
    record(FLIGHTS["server hello"] + FLIGHTS["certificate"][:100])
    + record(FLIGHTS["certificate"][100:])
    + record(FLIGHTS["server key exchange"] + FLIGHTS["server hello done"])
    + record(b"\1", 20)
    + record(bytes(40))
    + record(bytes(100), 23)
    + record(bytes(26), 21)
)


def decoded(*arguments: str) -> list[dict[str, Any]]:
    outcome = command.inside("decode", "--json", *arguments)
    assert outcome.code == 0, outcome.stderr
    return outcome.events


def shown(*arguments: str) -> str:
    outcome = command.inside("decode", "--plain", *arguments)
    assert outcome.code == 0, outcome.stderr
    return outcome.stdout.decode()


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["text"] for event in events]


def test_hexadecimal_on_the_command_line_becomes_a_tree() -> None:
    assert shown("15 03:03 0x00,02 \\x02\\x2f") == (
        "00000000  alert record, TLS 1.2, 7 bytes\n"
        "  000000  type: alert (0x15)\n"
        "  000001  version: TLS 1.2 (0x0303)\n"
        "  000003  length: 2\n"
        "00000005  AlertMessage, 2 bytes\n"
        "  000000  level: fatal (0x02)\n"
        "  000001  description: illegal_parameter (0x2f)\n"
    )


def test_every_field_of_a_hello_has_its_offset_its_name_and_its_value() -> None:
    text = shown(record(CLIENT_HELLO).hex())
    for line in (
        "00000005  ClientHello, 165 bytes",
        "  000004  client_version: TLS 1.2 (0x0303)",
        "  000026  session_id: (empty)",
        "    000029  [0]: TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 (0xcca8)",
        '          000054  host_name: 6578616d706c652e756c666865696d2e6e6574 "example.ulfheim.net"',
        "    0000a1  [6] signed_certificate_timestamp",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("form", ["file", "hex file", "gzip", "arguments"])
def test_the_same_bytes_are_read_in_every_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes({"hex file": CLIENT.hex(" ", 4).encode(), "gzip": gzip.compress(CLIENT)}.get(form, CLIENT))
    assert decoded(CLIENT.hex() if form == "arguments" else str(path)) == decoded(CLIENT.hex())


def test_standard_input_is_read() -> None:
    outcome = command.tls12("decode", "-", "--json", stdin=record(FLIGHTS["server hello done"]))
    assert names(outcome.events) == ["handshake record, TLS 1.2", "ServerHelloDone"]


def test_json_has_the_same_facts_for_programs() -> None:
    first, second = decoded("150303000202ff")
    assert first["kind"] == "record"
    assert (first["offset"], first["length"], first["error"]) == (0, 7, "")
    assert second["fields"] == [
        {"name": "level", "offset": 0, "length": 1, "value": "fatal", "code": 2},
        {"name": "description", "offset": 1, "length": 1, "value": "unknown (0xff)", "code": 255},
    ]
    hello = decoded(CLIENT_HELLO.hex())[0]
    extension = hello["fields"][-1]["fields"][0]
    assert (extension["name"], extension["offset"], extension["length"]) == ("[0] server_name", 0x4D, 28)
    assert extension["fields"][0]["fields"][0]["fields"][1]["value"] == b"example.ulfheim.net".hex()


def test_a_conversation_settles_what_its_later_messages_mean(tmp_path: Path) -> None:
    a, b = captures.A, captures.B
    packets = [captures.tcp(a, b, 0, CLIENT[: len(record(CLIENT_HELLO))]), captures.tcp(b, a, 0, SERVER)]
    packets += [captures.tcp(a, b, len(record(CLIENT_HELLO)), CLIENT[len(record(CLIENT_HELLO)) :])]
    path = tmp_path / "capture.pcap"
    path.write_bytes(captures.capture([captures.ethernet(packet) for packet in packets]))
    events = decoded(str(path))
    assert events[0] == {"event": "title", "text": "connection 1: 10.0.0.1:4000 and 10.0.0.2:443"}
    assert [event["text"] for event in events if event.get("kind") == "message"] == [
        "ClientHello",
        "ServerHello",
        "Certificate",
        "ServerKeyExchange",
        "ServerHelloDone",
        "ChangeCipherSpec",
        "ClientKeyExchange",
        "ChangeCipherSpec",
    ]
    remarks = [(event["sender"], event["text"]) for event in events if event.get("kind") == "remark"]
    assert remarks == [
        ("server", "40 bytes of ciphertext"),
        ("server", "100 bytes of ciphertext"),
        ("server", "26 bytes of ciphertext"),
        ("client", "40 bytes of ciphertext"),
    ]
    certificate = next(event for event in events if event["text"] == "Certificate")
    assert certificate["offset"] == 5 + len(FLIGHTS["server hello"])
    assert certificate["connection"] == 1


def test_a_capture_that_ends_in_the_middle_of_a_record_shows_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(captures.capture([captures.ethernet(captures.tcp(captures.A, captures.B, 0, CLIENT[:50]))]))
    _, header, hello = decoded(str(path))
    assert (header["error"], header["sender"]) == ("length 165, but 45 bytes follow", "10.0.0.1:4000")
    assert (hello["text"], hello["sender"]) == ("client_hello", "10.0.0.1:4000")


def test_a_gap_gives_the_direction_up_and_not_the_other(tmp_path: Path) -> None:
    a, b = captures.A, captures.B
    packets = [captures.tcp(a, b, 0, CLIENT[:50]), captures.tcp(a, b, 60, CLIENT[60:]), captures.tcp(b, a, 0, SERVER)]
    path = tmp_path / "capture.pcap"
    path.write_bytes(captures.capture([b"broken", *(captures.ethernet(packet) for packet in packets)]))
    events = decoded(str(path))
    assert events[0]["text"].startswith("packet 1 cannot be read")
    assert {"event": "warning", "text": "connection 1: 10 bytes are missing from the capture"} in events
    assert "ServerHelloDone" in names(events)


def test_of_a_direction_with_many_gaps_the_first_is_named(tmp_path: Path) -> None:
    packets = [captures.tcp(captures.A, captures.B, at, CLIENT[at : at + 20]) for at in range(0, 200, 40)]
    path = tmp_path / "capture.pcap"
    path.write_bytes(captures.capture([captures.ethernet(packet) for packet in packets]))
    warnings = [event["text"] for event in decoded(str(path)) if event["event"] == "warning"]
    assert warnings == ["connection 1: 20 bytes are missing from the capture"]


def test_the_exit_code_tells_that_nothing_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(captures.capture([b"a frame of the air"] * 100, link=127))
    outcome = command.inside("decode", "--json", str(path))
    assert outcome.code == 2
    named, nothing = [event["text"] for event in outcome.events]
    assert "link type 127 (IEEE802_11_RADIOTAP)" in named
    assert nothing == "nothing was found in this input"
    path.write_bytes(captures.capture([]))
    assert command.inside("decode", str(path)).code == 0


@pytest.mark.parametrize(
    ("algorithm", "name", "field"), [("ECDHE", "ClientKeyExchange", "point"), (None, "client_key_exchange", "body")]
)
def test_a_message_by_itself_needs_to_be_told_its_key_exchange(algorithm: str | None, name: str, field: str) -> None:
    options = ["--key-exchange", algorithm] if algorithm else []
    event = decoded(FLIGHTS["client key exchange"].hex(), *options)[0]
    assert event["text"] == name
    assert event["fields"][2]["name"] == field


@pytest.mark.parametrize(
    ("data", "texts", "error"),
    [
        (CLIENT_HELLO[:20], ["client_hello"], "ClientHello.random: needs 32 bytes, 14 left, offset 0x6"),
        (record(CLIENT_HELLO)[:60], ["handshake record, TLS 1.2", "client_hello"], "length 165, but 55 bytes follow"),
        (record(CLIENT_HELLO[:9]), ["handshake record, TLS 1.2", "client_hello"], ""),
        (record(b"\1\2", 20), ["change_cipher_spec record, TLS 1.2", "ChangeCipherSpec"], ""),
        (record(b"\1\0\0", 21), ["alert record, TLS 1.2", "AlertMessage"], ""),
        (record(b"", 21), ["alert record, TLS 1.2", "AlertMessage"], ""),
        (record(b"\1\0\0", 24), ["heartbeat record, TLS 1.2", "Heartbeat"], ""),
        (record(FLIGHTS["server hello done"]) + b"nonsense", ["handshake record, TLS 1.2", "ServerHelloDone"], ""),
        (b"\x80\x01\x01", ["this looks like an SSL 2.0 ClientHello (RFC 6176): 80 01 01"], ""),
        (
            b"GET / HTTP/1.1\r\n\r\n",
            ["this looks like an HTTP request: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a ..."],
            "",
        ),
        (b"\x16\x03\x01", ["these are no records of TLS: 16 03 01"], ""),
    ],
)
def test_what_is_incomplete_or_wrong_is_shown_as_far_as_it_goes(data: bytes, texts: list[str], error: str) -> None:
    events = decoded(data.hex())
    assert names(events)[: len(texts)] == texts
    assert error in events[0]["error"]
    if len(texts) > 1 and not error and b"nonsense" not in data:
        assert events[1]["error"]


def test_an_error_stands_below_what_it_is_about() -> None:
    text = shown(record(b"\1\2", 20).hex())
    assert text.endswith("  ! ChangeCipherSpec: 2 bytes instead of one, offset 0x0 (RFC 5246 7.2.2)\n")


def test_malformed_extensions_are_named_where_they_are() -> None:
    body = bytes.fromhex("0303" + "00" * 32 + "000002c02f0100" + "0010" + "001700013f" + "1a1a0002beef" + "0023000500")
    hello = b"\1" + len(body).to_bytes(3, "big") + body
    text = shown(hello.hex())
    assert "[0] extended_master_secret: ! ClientHello.extensions[0].extended_master_secret: 1 byte left over" in text
    assert "[1] GREASE (0x1a1a): beef\n" in text
    assert "[2] session_ticket: ! ClientHello.extensions[2].session_ticket: length 5 exceeds the 1 byte left" in text
    fields = decoded(hello.hex())[0]["fields"][-1]["fields"]
    assert [("error" in each, each.get("value")) for each in fields] == [
        (True, "3f"),
        (False, "beef"),
        (True, "0023000500"),
    ]


def test_long_values_are_cut_for_people_and_whole_for_programs() -> None:
    data = FLIGHTS["server key exchange"]
    assert "... (256 bytes)" in shown(data.hex(), "--key-exchange", "ECDHE")
    assert decoded(data.hex(), "--key-exchange", "ECDHE")[0]["fields"][-1]["value"] == data[-256:].hex()


def test_plain_text_before_the_first_record_is_passed_over() -> None:
    events = decoded((b"EHLO me\r\nSTARTTLS\r\n" + record(CLIENT_HELLO)).hex())
    assert names(events) == [
        "19 bytes (an SMTP client) before the first record",
        "handshake record, TLS 1.2",
        "ClientHello",
    ]
    assert [event["offset"] for event in events] == [0, 19, 24]
    odd = decoded((b"{}" + record(CLIENT_HELLO)).hex())
    assert names(odd)[0] == "2 bytes before the first record"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 1000])
def test_the_first_record_is_found_behind_plain_text_that_comes_in_any_portions(size: int) -> None:
    for first in (record(CLIENT_HELLO), record(b"\x02\x28", 21)):
        data = b"a line of text\r\n" * 20 + first
        dissector = Dissector()
        items = [item for at in range(0, len(data), size) for item in dissector.feed(None, data[at : at + size])]
        assert [(item.kind, item.offset) for item in items] == [("remark", 0), ("record", 320), ("message", 325)]


def test_an_ssl_2_hello_is_shown_and_what_follows_too() -> None:
    hello = bytes.fromhex("801c 01 0303 0003 0000 0010 00c02f" + "07" * 16)
    events = decoded((hello + record(FLIGHTS["server hello done"])).hex())
    assert names(events) == ["Sslv2ClientHello", "handshake record, TLS 1.2", "ServerHelloDone"]
    assert names(decoded(hello[:20].hex()))[0].startswith("this looks like an SSL 2.0 ClientHello (RFC 6176): 80 1c")


def test_tls_1_3_stays_readable_behind_its_change_cipher_spec() -> None:
    answer = bytes.fromhex("0303" + "00" * 32 + "00" + "130100" + "0006" + "002b00020304")
    server = record(b"\2" + len(answer).to_bytes(3, "big") + answer) + record(b"\1", 20) + record(CLIENT_HELLO)
    assert names(decoded(server.hex()))[-1] == "ClientHello"


def test_the_kind_of_certificate_is_what_the_server_hello_says() -> None:
    answer = bytes.fromhex("0303" + "00" * 32 + "00" + "c02f00" + "000a" + "0014000102" + "0013000102")
    server = b"\2" + len(answer).to_bytes(3, "big") + answer + b"\x0b\0\0\4" + b"\0\0\1\x30"
    assert names(decoded(record(server).hex()))[-1] == "RawPublicKeyCertificate"


def test_a_message_that_is_not_in_a_record_may_be_incomplete() -> None:
    outcome = command.inside("decode", "--plain", "14", "--key-exchange", "PSK")
    assert outcome.stdout.decode().splitlines()[0] == "00000000  finished, 1 bytes"


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    outcome = command.tls12("decode", "-", "--plain", stdin=b"")
    assert (outcome.code, outcome.stdout) == (0, b"WARNING: nothing was found in this input\n")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("no such file", "'no such file' is neither a file (No such file or directory) nor hexadecimal"),
        ("nul\0byte", "is neither a file (embedded null byte) nor hexadecimal"),
    ],
)
def test_an_input_that_is_nothing_is_refused_with_a_sentence(source: str, text: str) -> None:
    outcome = command.inside("decode", source)
    assert outcome.code == 2
    assert text in outcome.stderr


def test_a_broken_gzip_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(CLIENT)[:-9])
    outcome = command.inside("decode", str(path))
    assert outcome.code == 2
    assert "begins like gzip, but cannot be unpacked" in outcome.stderr


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("TLS_RSA_WITH_AES_128_CBC_SHA", Kx.RSA),
        ("TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Kx.DHE),
        ("TLS_DH_RSA_WITH_AES_128_CBC_SHA", Kx.DHE),
        ("TLS_DH_anon_WITH_RC4_128_MD5", Kx.DH_ANON),
        ("TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256", Kx.ECDHE),
        ("TLS_ECDH_RSA_WITH_AES_128_CBC_SHA", Kx.ECDHE),
        ("TLS_ECDH_anon_WITH_NULL_SHA", Kx.ECDH_ANON),
        ("TLS_PSK_WITH_AES_128_CCM_8", Kx.PSK),
        ("TLS_PSK_DHE_WITH_AES_128_CCM_8", Kx.DHE_PSK),
        ("TLS_DHE_PSK_WITH_AES_128_CCM", Kx.DHE_PSK),
        ("TLS_ECDHE_PSK_WITH_NULL_SHA", Kx.ECDHE_PSK),
        ("TLS_RSA_PSK_WITH_AES_128_CBC_SHA", Kx.RSA_PSK),
        ("TLS_SRP_SHA_WITH_AES_128_CBC_SHA", Kx.SRP),
        ("TLS_SRP_SHA_DSS_WITH_AES_128_CBC_SHA", Kx.SRP_SIGNED),
        ("TLS_AES_128_GCM_SHA256", None),
        ("TLS_KRB5_WITH_RC4_128_SHA", None),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", None),
    ],
)
def test_the_key_exchange_is_read_from_the_suites_name(name: str, algorithm: Kx | None) -> None:
    assert key_exchange_of(CipherSuite.from_name(name)) == algorithm


def everything(data: bytes, cuts: list[int]) -> list[Item]:
    dissector = Dissector()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    items: list[Item] = []
    for start, end in pairwise(edges):
        items += dissector.feed("somebody", data[start:end])
    return items + list(dissector.end("somebody"))


@given(st.sampled_from([CLIENT, SERVER]), st.lists(st.integers(0, 1500), max_size=8))
def test_the_portions_in_which_a_stream_comes_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert everything(stream, cuts) == everything(stream, [])


@settings(max_examples=300)
@given(strategies.mangled(st.sampled_from([CLIENT, SERVER, CLIENT_HELLO, b"EHLO\r\n" + CLIENT])) | st.binary())
def test_broken_streams_are_read_as_far_as_they_go(data: bytes) -> None:
    assert all(isinstance(item, Item) for item in everything(data, []))


@given(strategies.messages())
def test_every_message_is_shown_with_fields_that_cover_it(pair: tuple[messages.Message, Any]) -> None:
    message, context = pair
    data = messages.serialize(message)
    (item,) = Dissector(context).messages(data)
    assert item.error == ""
    assert item.length == len(data)
    ends = [0]
    for each in item.fields:
        assert each.start == ends[-1]
        ends.append(each.end)
    assert ends[-1] == len(data)


def test_a_long_conversation_without_tls_is_given_up() -> None:
    dissector = Dissector()
    items = list(dissector.feed("a", b"250 mail ready\r\n" + b"." * 70_000))
    assert [item.name[:30] for item in items] == ["this looks like an SMTP server"]
    assert list(dissector.feed("a", CLIENT)) == []
    assert not looks_like_records(b"250 mail")
    assert dissector.role_of("a") == ""
    assert list(dissector.end("nobody")) == []


def test_roles_are_known_from_either_hello() -> None:
    dissector = Dissector()
    list(dissector.feed("left", SERVER))
    list(dissector.feed("right", b""))
    assert (dissector.role_of("left"), dissector.role_of("right")) == ("server", "client")
