"""Records and the SSL 2.0 hello as plain values."""

from __future__ import annotations

import pytest

from tls12.errors import DecodeError, EncodeError
from tls12.registry import ContentType, ProtocolVersion
from tls12.wire.hello import Sslv2ClientHello
from tls12.wire.reader import Reader
from tls12.wire.records import HEADER, MAX_CIPHERTEXT, MAX_PLAINTEXT, Record, RecordHeader, split_records
from tls12.wire.writer import Writer


def test_the_sizes_are_those_of_rfc_5246() -> None:
    assert (HEADER, MAX_PLAINTEXT, MAX_CIPHERTEXT) == (5, 16384, 18432)


def test_a_record_whose_end_is_missing_is_an_error_behind_the_whole_ones() -> None:
    records = split_records(bytes.fromhex("160303000101 15030300020100 1703030005aa"))
    assert next(records) == Record(ContentType.HANDSHAKE, ProtocolVersion.TLS_1_2, b"\x01")
    assert next(records) == Record(ContentType.ALERT, ProtocolVersion.TLS_1_2, b"\x01\x00")
    with pytest.raises(DecodeError, match=r"^Record.fragment: needs 5 bytes, 1 left, offset 0x12"):
        next(records)


def test_unknown_types_and_versions_of_records_survive() -> None:
    header = RecordHeader.read(Reader(bytes.fromhex("2a7f1cffff")))
    assert (str(header.type), str(header.version), header.length) == ("unknown (0x2a)", "unknown (0x7f1c)", 65535)
    w = Writer()
    header.write(w)
    assert w.buffer == bytes.fromhex("2a7f1cffff")


def test_a_fragment_that_no_header_can_announce_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"length: 65536 does not fit 2 bytes"):
        Record(ContentType.HANDSHAKE, ProtocolVersion.TLS_1_2, bytes(65536)).write(Writer())


SSLV2 = bytes.fromhex("802b 01 0303 0009 0000 0010 010080 00c02f 0000ff" + "00" * 15 + "07")
SSLV2 = bytes([0x80, len(SSLV2) - 2]) + SSLV2[2:]


def test_a_client_hello_in_the_frame_of_ssl_2_is_recognised_and_read() -> None:
    assert Sslv2ClientHello.recognise(SSLV2)
    hello = Sslv2ClientHello.read(Reader(SSLV2, "Sslv2ClientHello"))
    assert hello == Sslv2ClientHello(ProtocolVersion.TLS_1_2, (0x010080, 0xC02F, 0xFF), b"", bytes(15) + b"\x07")


@pytest.mark.parametrize("data", ["", "8001", "1603010005 01", "00008001", "80010203"])
def test_other_beginnings_are_not_taken_for_ssl_2(data: str) -> None:
    assert not Sslv2ClientHello.recognise(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (SSLV2[:-1], "msg_length: length 34, but 33 bytes follow"),
        (b"\x80\x01\x02", "msg_type: 2 instead of 1"),
        (SSLV2[:6] + b"\x08" + SSLV2[7:], "cipher_spec_length: not a multiple of 3"),
        (SSLV2[:10] + b"\x12" + SSLV2[11:], "challenge: needs 18 bytes, 16 left"),
    ],
)
def test_an_ssl_2_hello_that_does_not_add_up_is_a_decode_error(data: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=f"^Sslv2ClientHello.{text}"):
        Sslv2ClientHello.read(Reader(data, "Sslv2ClientHello"))
