"""Lenient reading: what is wrong is kept and named, its neighbours are read, and every byte comes back."""

from __future__ import annotations

import pytest

from tls12.errors import DecodeError
from tls12.registry import CipherSuite, CompressionMethod, ExtensionType, HandshakeType, ProtocolVersion
from tls12.wire import extensions, messages
from tls12.wire.extensions import ExtensionRemnant, MalformedExtension, RawExtension
from tls12.wire.hello import ClientHello
from tls12.wire.messages import MalformedMessage
from tls12.wire.mode import LENIENT
from tls12.wire.writer import Writer

E = ExtensionType
HEAD = bytes.fromhex("0303" + "00" * 32 + "000002c02f0100")


def hello(block: str, trailing: str = "") -> bytes:
    body = HEAD + len(bytes.fromhex(block)).to_bytes(2, "big") + bytes.fromhex(block + trailing)
    return b"\x01" + len(body).to_bytes(3, "big") + body


def read(data: bytes) -> ClientHello:
    message = messages.parse(data, mode=LENIENT)
    assert isinstance(message, ClientHello)
    assert messages.serialize(message) == data
    return message


def test_an_extension_that_does_not_decode_keeps_its_bytes_and_its_neighbours_are_read() -> None:
    found = read(hello("0017 0000  000a 0003 000201  0023 0002 aabb")).extensions
    assert found is not None
    assert found[0] == extensions.ExtendedMasterSecret()
    assert found[2] == extensions.SessionTicket(b"\xaa\xbb")
    malformed = found[1]
    assert isinstance(malformed, MalformedExtension)
    assert malformed == MalformedExtension(E.SUPPORTED_GROUPS, b"\0\2\1", DecodeError("compared by nothing"))
    assert malformed.error.path == "ClientHello.extensions[1].supported_groups.named_group_list"
    assert malformed.error.offset == 0x37


def test_an_error_that_is_kept_keeps_nothing_else_alive() -> None:
    try:
        raise ValueError("what the caller is dealing with")
    except ValueError:
        extension = (read(hello("000a 0003 000201")).extensions or ())[0]
        message = messages.parse(b"\x0b\0\0\1\0", mode=LENIENT)
    assert isinstance(extension, MalformedExtension)
    assert isinstance(message, MalformedMessage)
    for error in (extension.error, message.error):
        assert error.__traceback__ is error.__context__ is None


def test_bytes_left_over_in_an_extension_make_it_malformed() -> None:
    found = read(hello("0017 0001 00  0016 0000")).extensions
    assert found is not None
    assert isinstance(found[0], MalformedExtension)
    assert str(found[0].error).startswith("ClientHello.extensions[0].extended_master_secret: 1 byte left over")
    assert found[1] == extensions.EncryptThenMac()


def test_an_error_deep_inside_leaves_no_scope_open() -> None:
    found = read(hello("0000 0007 0005 00 0001 6100  0000 0009 0007 00 0004 61626364  0017 0000")).extensions
    assert found is not None
    assert [type(extension) for extension in found] == [
        MalformedExtension,
        extensions.ServerNameList,
        extensions.ExtendedMasterSecret,
    ]


def test_two_extensions_of_one_type_both_stay() -> None:
    ticket = extensions.SessionTicket(b"")
    assert read(hello("0023 0000 0023 0000")).extensions == (ticket, ticket)
    with pytest.raises(DecodeError, match="session_ticket twice"):
        messages.parse(hello("0023 0000 0023 0000"))


@pytest.mark.parametrize("end", ["00", "0017", "001700", "0017 0005 01", "ffff ffff"])
def test_the_end_of_a_block_that_is_no_extension_is_a_remnant(end: str) -> None:
    found = read(hello("0017 0000" + end)).extensions
    assert found is not None
    assert found[0] == extensions.ExtendedMasterSecret()
    assert found[1] == ExtensionRemnant(bytes.fromhex(end), DecodeError("compared by nothing"))
    assert found[1].extension_type == int.from_bytes(bytes.fromhex(end)[:2], "big")


def test_bytes_behind_a_message_that_was_understood_are_kept_with_it() -> None:
    data = hello("0017 0000", trailing="cafe")
    message = messages.parse(data, mode=LENIENT)
    assert isinstance(message, MalformedMessage)
    assert message.understood == messages.parse(hello("0017 0000"))
    assert str(message.error).startswith("ClientHello: 2 bytes left over, offset 0x33")
    assert message.msg_type is HandshakeType.CLIENT_HELLO
    assert message.body == data[4:]
    assert messages.serialize(message) == data


def test_a_header_that_declares_another_length_is_kept() -> None:
    data = b"\x14\x00\x00\x0d" + bytes(12)
    message = messages.parse(data, messages.Context(), mode=LENIENT)
    assert isinstance(message, MalformedMessage)
    assert message.understood == messages.parse(b"\x14\x00\x00\x0c" + bytes(12), messages.Context())
    assert str(message.error) == "Finished: length 13, but 12 bytes follow, offset 0x1 (RFC 5246 7.2.2)"
    assert messages.serialize(message) == data


def test_a_message_that_does_not_decode_keeps_its_bytes() -> None:
    data = hello("")[:30]
    message = messages.parse(data, mode=LENIENT)
    assert isinstance(message, MalformedMessage)
    assert message.understood is None
    assert message.error.path == "ClientHello.random"
    assert messages.serialize(message) == data


@pytest.mark.parametrize("data", ["", "01", "0b0000"])
def test_less_than_a_header_is_malformed_too(data: str) -> None:
    message = messages.parse(bytes.fromhex(data), mode=LENIENT)
    assert isinstance(message, MalformedMessage)
    assert message.msg_type == (bytes.fromhex(data) or b"\0")[0]
    assert messages.serialize(message) == bytes.fromhex(data)


def test_a_malformed_body_can_be_put_under_a_correct_header() -> None:
    message = messages.parse(hello("", trailing="cafe"), mode=LENIENT)
    again = messages.RawMessage(message.msg_type, getattr(message, "body", b""))
    assert messages.serialize(again) == hello("", trailing="cafe")


def test_the_body_of_a_malformed_message_can_be_written_elsewhere() -> None:
    message = messages.parse(hello("", trailing="cafe"), mode=LENIENT)
    w = Writer()
    message.write(w)
    assert w.buffer == hello("", trailing="cafe")[4:]


def test_malformed_parts_can_be_moved_into_a_message_of_ones_own() -> None:
    found = read(hello("0017 0001 00  ffff")).extensions
    built = ClientHello(
        ProtocolVersion.TLS_1_2,
        bytes(32),
        b"",
        (CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,),
        (CompressionMethod.NULL,),
        (RawExtension(E.SERVER_NAME, b"x"), *(found or ())),
    )
    assert messages.serialize(built) == hello("0000 0001 78  0017 0001 00  ffff")
