"""Extensions that come again are read once, and those that are written again are encoded once; nobody can tell."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from tls12.errors import DecodeError, EncodeError
from tls12.handshake.common_extensions import session_ticket
from tls12.registry import CipherSuite, CompressionMethod, ExtensionType, NamedGroup, ProtocolVersion
from tls12.wire import lenient, messages
from tls12.wire.extensions import (
    IN_CLIENT_HELLO,
    ApplicationLayerProtocolNegotiation,
    ExtendedMasterSecret,
    Extension,
    KeyShareClientHello,
    RawExtension,
    SessionTicket,
    SupportedGroups,
    read_extensions,
    write_extensions,
)
from tls12.wire.hello import ClientHello
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


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


def test_lists_of_a_hostile_peer_do_not_keep_others_from_being_remembered() -> None:
    blocks = [b"\0\2" + number.to_bytes(2) for number in range(1000)]
    for block in blocks:
        assert Reader(block).list16("groups", NamedGroup) == (NamedGroup.of(int.from_bytes(block[2:])),)
    first, second = (Reader(blocks[-1]).list16("groups", NamedGroup) for _ in range(2))
    assert first is second


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


def test_an_extension_is_encoded_when_it_is_first_written() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    assert not hasattr(groups, "encoded")
    before = written(groups, groups)
    assert groups.encoded == before[2:10]
    assert written(groups, groups) == before
    assert written(SessionTicket(b"t"), groups)[7:] == groups.encoded


def test_a_hello_of_which_one_thing_changed_is_written_like_a_new_one() -> None:
    shown = [SupportedGroups((NamedGroup.X25519,)), SessionTicket(b"one"), RawExtension(ExtensionType.of(0x8000), b"x")]
    written(*shown)
    shown[1] = SessionTicket(b"another")
    assert written(*shown) == written(*map(copy.copy, shown))


def test_what_an_extension_remembers_of_itself_is_seen_nowhere() -> None:
    for extension in (SupportedGroups((NamedGroup.X25519,)), ExtendedMasterSecret(), SessionTicket(b"t")):
        twin = copy.copy(extension)
        before = repr(extension), hash(extension), pickle.dumps(extension)
        written(extension)
        assert extension.encoded
        assert extension == twin
        assert (repr(extension), hash(extension), pickle.dumps(extension)) == before
        for other in (copy.copy(extension), copy.deepcopy(extension), pickle.loads(before[2]), replace(extension)):
            assert other == extension
            assert not hasattr(other, "encoded")


def test_a_changed_copy_is_encoded_anew() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    written(groups)
    other = replace(groups, named_group_list=(NamedGroup.X448,))
    assert written(other) == written(SupportedGroups((NamedGroup.X448,)))


@pytest.mark.parametrize("body", [bytearray(b"one"), memoryview(bytearray(b"one"))], ids=["bytearray", "memoryview"])
def test_what_can_change_inside_is_encoded_each_time(body: Any) -> None:
    ticket = SessionTicket(body)
    assert written(ticket).endswith(b"one")
    body[:] = b"two"
    assert written(ticket).endswith(b"two")


def test_a_list_in_the_place_of_a_tuple_is_encoded_each_time() -> None:
    names = [b"h2"]
    alpn = ApplicationLayerProtocolNegotiation(names)  # type: ignore[arg-type]
    assert written(alpn).endswith(b"\x02h2")
    names.append(b"http/1.1")
    assert written(alpn).endswith(b"\x08http/1.1")


def test_an_extension_of_another_make_is_encoded_each_time() -> None:
    class Counter:
        extension_type = ExtensionType.of(0x8000)
        count = 0

        def write(self, w: Writer) -> None:
            self.count += 1
            w.u8(self.count, "count")

    counter = Counter()
    assert [written(counter)[-1] for _ in range(3)] == [1, 2, 3]


def test_a_long_body_is_not_kept_twice() -> None:
    ticket = SessionTicket(bytes(513))
    assert written(ticket) == written(ticket)
    assert not hasattr(ticket, "encoded")


def test_what_does_not_fit_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(EncodeError, match=r"extensions\[0\].supported_groups.named_group_list"):
            written(SupportedGroups(()))


def test_an_extension_does_not_change() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    with pytest.raises(FrozenInstanceError):
        groups.named_group_list = ()  # type: ignore[misc]


def test_the_ticket_of_a_session_is_one_extension_unless_it_is_long() -> None:
    ordinary, long = bytes(512), bytes(513)
    assert session_ticket(ordinary) is session_ticket(bytes(512))
    assert session_ticket(long) is not session_ticket(bytes(513))
    assert session_ticket(long) == SessionTicket(long)
    written(session_ticket(ordinary))
    assert len(session_ticket(ordinary).encoded) == 4 + 512
