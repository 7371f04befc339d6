"""Extensions that come again are read once, and those that are sent again are encoded once; nobody can tell."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from tls12.errors import DecodeError, EncodeError
from tls12.registry import CipherSuite, CompressionMethod, ExtensionType, NamedGroup, ProtocolVersion
from tls12.wire import lenient, messages
from tls12.wire.codec import Reader, Writer
from tls12.wire.extensions import (
    IN_CLIENT_HELLO,
    ApplicationLayerProtocolNegotiation,
    Extension,
    KeyShareClientHello,
    RawExtension,
    SessionTicket,
    SupportedGroups,
    encoded_once,
    read_extensions,
    write_extensions,
)
from tls12.wire.hello import ClientHello


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    IN_CLIENT_HELLO.forget()


def written(*extensions: Extension) -> bytes:
    w = Writer()
    write_extensions(w, extensions)
    return bytes(w.buffer)


def read(block: bytes) -> tuple[Extension, ...]:
    extensions = read_extensions(Reader(block), IN_CLIENT_HELLO)
    assert extensions is not None
    return extensions


def test_an_extension_that_comes_again_is_the_same_object() -> None:
    block = written(SupportedGroups((NamedGroup.X25519, NamedGroup.X448)))
    (first,), (second,) = read(block), read(block)
    assert first is second
    assert first == SupportedGroups((NamedGroup.X25519, NamedGroup.X448))


def test_what_is_new_in_every_hello_is_not_remembered() -> None:
    short_share = bytes.fromhex("0033 0007 0005 001d 0001 aa")
    long_ticket = written(SessionTicket(bytes(65)))
    for block in (len(short_share).to_bytes(2) + short_share, long_ticket):
        (first,), (second,) = read(block), read(block)
        assert isinstance(first, KeyShareClientHello | SessionTicket)
        assert first == second
        assert first is not second


def test_a_body_that_does_not_decode_is_refused_each_time() -> None:
    block = bytes.fromhex("0009 000a 0005 0003 001d 1e")
    for _ in range(2):
        with pytest.raises(DecodeError, match="odd length"):
            read(block)


def test_no_more_than_a_few_extensions_and_blocks_are_remembered() -> None:
    blocks = [written(ApplicationLayerProtocolNegotiation((b"%d" % number,))) for number in range(1000)]
    once = [read(block)[0] for block in blocks]
    assert once == [read(block)[0] for block in blocks]
    assert 0 < len(IN_CLIENT_HELLO.extensions) <= 512
    assert 0 < len(IN_CLIENT_HELLO.blocks) <= 64


def test_a_long_block_is_not_remembered_as_a_whole() -> None:
    block = written(*(RawExtension(ExtensionType.of(0x8000 + number), bytes(60)) for number in range(16)))
    assert read(block) == read(block)
    assert read(block)[0] is read(block)[0]
    assert not IN_CLIENT_HELLO.blocks


def test_a_block_that_comes_again_is_the_same_object() -> None:
    block = written(SupportedGroups((NamedGroup.X25519,)), SessionTicket(b""))
    assert read(block) is read(block)
    assert read(block)[0] is read(written(SupportedGroups((NamedGroup.X25519,))))[0]


def test_what_stands_behind_a_block_is_left_over_each_time() -> None:
    hello = messages.serialize(
        ClientHello(
            ProtocolVersion.TLS_1_2, bytes(32), b"", (CipherSuite.of(0xC02F),), (CompressionMethod.NULL,), extensions=()
        )
    )
    with_more = b"\x01" + (len(hello) - 1).to_bytes(3) + hello[4:] + b"\xff\x01\0"
    for _ in range(2):
        with pytest.raises(DecodeError, match="3 bytes left over"):
            messages.parse(with_more)


def test_what_was_read_before_is_written_as_it_was_read() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    (extension,) = read(written(groups))
    assert extension == groups
    assert written(extension) == written(groups)
    assert written(replace(groups, named_group_list=(NamedGroup.X448,))) != written(groups)


def test_lenient_reading_remembers_nothing() -> None:
    hello = (
        bytes.fromhex("01 000035 0303") + bytes(32) + bytes.fromhex("00 0002 c02f 01 00 000a 000a 0006 0004 001d 001e")
    )
    first, second = (lenient.parse(hello) for _ in range(2))
    assert isinstance(first, ClientHello)
    assert isinstance(second, ClientHello)
    assert first == second == messages.parse(hello)
    assert first.extensions is not None
    assert second.extensions is not None
    assert first.extensions[0] is not second.extensions[0]


def test_an_extension_that_is_encoded_once_is_written_like_any_other() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    before = written(groups, groups)
    assert encoded_once(groups) is groups
    assert groups.encoded == before[2:10]
    assert written(groups, groups) == before
    assert written(SessionTicket(b"t"), groups)[7:] == groups.encoded


def test_a_changed_copy_of_it_is_encoded_anew() -> None:
    groups = encoded_once(SupportedGroups((NamedGroup.X25519,)))
    other = replace(groups, named_group_list=(NamedGroup.X448,))
    assert written(other) == written(SupportedGroups((NamedGroup.X448,)))


def test_what_does_not_fit_is_not_encoded_once() -> None:
    with pytest.raises(EncodeError, match="named_group_list"):
        encoded_once(SupportedGroups(()))


def test_an_extension_does_not_change() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    with pytest.raises(FrozenInstanceError):
        groups.named_group_list = ()  # type: ignore[misc]
