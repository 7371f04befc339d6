"""With a memory, extensions that come again are read once; those that tls12 sends again are encoded once."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from tls12.errors import DecodeError, EncodeError, LimitExceeded, UsageError
from tls12.handshake.common_extensions import session_ticket
from tls12.registry import ExtensionType, NamedGroup
from tls12.wire import messages
from tls12.wire.extensions import (
    IN_CLIENT_HELLO,
    ApplicationLayerProtocolNegotiation,
    ExtendedMasterSecret,
    Extension,
    KeyShareClientHello,
    PostHandshakeAuth,
    RawExtension,
    SessionTicket,
    SupportedGroups,
    read_extensions,
    write_extensions,
)
from tls12.wire.extensions.table import encode_once
from tls12.wire.hello import ClientHello
from tls12.wire.memory import Memory
from tls12.wire.mode import Mode
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

HELLO = bytes.fromhex("01 000035 0303") + bytes(32) + bytes.fromhex("00 0002 c02f 01 00 000a 000a 0006 0004 001d 001e")


def written(*extensions: Extension) -> bytes:
    w = Writer()
    write_extensions(w, extensions)
    return bytes(w.buffer)


def read(block: bytes, memory: Memory | None) -> tuple[Extension, ...]:
    extensions = read_extensions(Reader(block, mode=Mode(memory=memory)), IN_CLIENT_HELLO)
    assert extensions is not None
    return extensions


def test_an_extension_that_comes_again_is_the_same_object() -> None:
    memory = Memory()
    again = SupportedGroups((NamedGroup.X25519, NamedGroup.X448))
    first, second = (read(written(again, SessionTicket(ticket)), memory)[0] for ticket in (b"a", b"b"))
    assert first is second
    assert first == again


def test_what_is_new_in_every_hello_is_not_remembered() -> None:
    memory = Memory()
    short_share = bytes.fromhex("0033 0007 0005 001d 0001 aa")
    long_ticket = written(SessionTicket(bytes(65)))
    for block in (len(short_share).to_bytes(2) + short_share, long_ticket):
        (first,), (second,) = read(block, memory), read(block, memory)
        assert isinstance(first, KeyShareClientHello | SessionTicket)
        assert first == second
        assert first is not second
    assert not len(memory)


def test_without_a_memory_everything_is_read_anew() -> None:
    block = written(SupportedGroups((NamedGroup.X25519,)))
    (first,), (second,) = read(block, None), read(block, None)
    assert first == second
    assert first is not second
    hellos = [messages.parse(HELLO) for _ in range(2)]
    assert hellos[0] == hellos[1]
    assert hellos[0].extensions[0] is not hellos[1].extensions[0]  # type: ignore[union-attr, index]


def test_endpoints_of_tls_1_2_and_others_do_not_get_each_others_extensions() -> None:
    memory = Memory()
    block = written(PostHandshakeAuth())
    for _ in range(2):
        (plain,) = read(block, memory)
        (of_an_endpoint,) = (
            read_extensions(Reader(block, mode=Mode(tls12_only=True, memory=memory)), IN_CLIENT_HELLO) or ()
        )
        assert plain == PostHandshakeAuth()
        assert of_an_endpoint == RawExtension(ExtensionType.POST_HANDSHAKE_AUTH, b"")


def test_a_body_that_does_not_decode_is_refused_each_time() -> None:
    block, memory = bytes.fromhex("0009 000a 0005 0003 001d 1e"), Memory()
    for _ in range(2):
        with pytest.raises(DecodeError, match="odd length"):
            read(block, memory)


def test_a_memory_is_bounded_in_entries() -> None:
    memory = Memory(most_entries=50)
    blocks = [written(ApplicationLayerProtocolNegotiation((b"%d" % number,))) for number in range(1000)]
    once = [read(block, memory)[0] for block in blocks]
    assert once == [read(block, memory)[0] for block in blocks]
    assert 0 < len(memory) <= 50


def test_a_memory_is_bounded_in_bytes() -> None:
    memory = Memory(most_bytes=1000)
    for number in range(100):
        read(written(ApplicationLayerProtocolNegotiation((b"%50d" % number,))), memory)
        assert 0 < memory.bytes_kept <= 1000
    memory.keep("large", "value", 1001)
    assert memory.get("large") is None
    assert len(memory) > 1


def test_a_memory_that_is_cleared_begins_anew() -> None:
    memory = Memory()
    block = written(SupportedGroups((NamedGroup.X25519,)))
    (first,) = read(block, memory)
    memory.clear()
    assert (len(memory), memory.bytes_kept) == (0, 0)
    (second,) = read(block, memory)
    assert first == second
    assert first is not second


def test_a_copy_of_a_memory_has_its_bounds_and_begins_empty() -> None:
    memory = Memory(7, 1000)
    read(written(SupportedGroups((NamedGroup.X25519,))), memory)
    for other in (copy.copy(memory), copy.deepcopy(memory), pickle.loads(pickle.dumps(memory))):
        assert (other.most_entries, other.most_bytes, len(other)) == (7, 1000, 0)


@pytest.mark.parametrize("bound", [0, -1, 1.5, None, True])
def test_a_memory_needs_bounds_that_are_whole_numbers(bound: Any) -> None:
    with pytest.raises(UsageError, match=r"bounded by .*; give 1 or more"):
        Memory(bound)
    with pytest.raises(UsageError, match=r"bounded by .*; give 1 or more"):
        Memory(1, bound)


def test_a_long_block_is_not_remembered_as_a_whole() -> None:
    memory = Memory()
    for block in (
        written(*(RawExtension(ExtensionType.of(0x8000 + number), bytes(64)) for number in range(16))),
        written(*(RawExtension(ExtensionType.of(0x8000 + number), b"") for number in range(33))),
    ):
        assert read(block, memory) == read(block, memory)
        assert not len(memory)


def test_a_block_that_comes_again_is_the_same_object() -> None:
    memory = Memory()
    block = written(SupportedGroups((NamedGroup.X25519,)), SessionTicket(b""))
    assert read(block, memory) is read(block, memory)
    assert read(block, memory)[0] is read(written(SupportedGroups((NamedGroup.X25519,))), memory)[0]


def test_a_block_that_is_remembered_is_still_bounded_in_extensions() -> None:
    memory = Memory()
    block = written(SupportedGroups((NamedGroup.X25519,)), SessionTicket(b""))
    read(block, memory)
    with pytest.raises(LimitExceeded):
        read_extensions(Reader(block, mode=Mode(extensions=1, memory=memory)), IN_CLIENT_HELLO)


def test_what_stands_behind_a_block_is_left_over_each_time() -> None:
    mode = Mode(memory=Memory())
    with_more = b"\x01" + (len(HELLO) - 1).to_bytes(3) + HELLO[4:] + b"\xff\x01\0"
    for _ in range(2):
        with pytest.raises(DecodeError, match="3 bytes left over"):
            messages.parse(with_more, mode=mode)
    assert messages.parse(HELLO, mode=mode) == messages.parse(HELLO)


def test_what_was_read_before_is_written_as_it_was_read() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    (extension,) = read(written(groups), Memory())
    assert extension == groups
    assert written(extension) == written(groups)
    assert written(replace(groups, named_group_list=(NamedGroup.X448,))) != written(groups)


def test_lenient_reading_remembers_nothing() -> None:
    memory = Memory()
    first, second = (messages.parse(HELLO, mode=Mode(lenient=True, memory=memory)) for _ in range(2))
    assert isinstance(first, ClientHello)
    assert isinstance(second, ClientHello)
    assert first == second == messages.parse(HELLO)
    assert not len(memory)
    assert first.extensions is not None
    assert second.extensions is not None
    assert first.extensions[0] is not second.extensions[0]


def test_writing_leaves_no_trace_in_an_extension() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    assert written(groups) == written(groups)
    assert not hasattr(groups, "encoded")


def test_an_extension_that_is_encoded_once_is_written_so() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    before = written(groups, groups)
    assert encode_once(groups) is groups
    assert groups.encoded == before[2:10]
    assert written(groups, groups) == before
    assert written(SessionTicket(b"t"), groups)[7:] == groups.encoded


def test_a_hello_of_which_one_thing_changed_is_written_like_a_new_one() -> None:
    shown = [SupportedGroups((NamedGroup.X25519,)), SessionTicket(b"one"), RawExtension(ExtensionType.of(0x8000), b"x")]
    for extension in shown:
        encode_once(extension)
    shown[1] = SessionTicket(b"another")
    assert written(*shown) == written(*map(copy.copy, shown))


def test_the_encoding_that_an_extension_keeps_is_seen_nowhere() -> None:
    for extension in (SupportedGroups((NamedGroup.X25519,)), ExtendedMasterSecret(), SessionTicket(b"t")):
        twin = copy.copy(extension)
        before = repr(extension), hash(extension), pickle.dumps(extension)
        encode_once(extension)
        assert extension.encoded
        assert extension == twin
        assert (repr(extension), hash(extension), pickle.dumps(extension)) == before
        for other in (copy.copy(extension), copy.deepcopy(extension), pickle.loads(before[2]), replace(extension)):
            assert other == extension
            assert not hasattr(other, "encoded")


def test_a_changed_copy_is_encoded_anew() -> None:
    groups = encode_once(SupportedGroups((NamedGroup.X25519,)))
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


def test_what_does_not_fit_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(EncodeError, match=r"extensions\[0\].supported_groups.named_group_list"):
            written(SupportedGroups(()))


def test_an_extension_does_not_change() -> None:
    groups = SupportedGroups((NamedGroup.X25519,))
    with pytest.raises(FrozenInstanceError):
        groups.named_group_list = ()  # type: ignore[misc]


def test_the_ticket_of_a_session_is_one_extension_unless_it_is_long_or_there_is_no_memory() -> None:
    memory, ordinary, long = Memory(), bytes(512), bytes(513)
    assert session_ticket(ordinary, memory) is session_ticket(bytes(512), memory)
    assert session_ticket(ordinary, None) is not session_ticket(bytes(512), None)
    assert session_ticket(long, memory) is not session_ticket(bytes(513), memory)
    assert session_ticket(long, memory) == SessionTicket(long)
    assert len(session_ticket(ordinary, memory).encoded) == 4 + 512
