"""Tracing: the tree of fields covers the message, names what parsing names, and ends where parsing ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.operations import operations
from tls12.lab import strategies
from tls12.registry import CodePoint
from tls12.wire import messages, trace
from tls12.wire.context import Context
from tls12.wire.messages import MalformedMessage, Message
from tls12.wire.mode import LENIENT
from tls12.wire.trace import Field

wires = strategies.messages().map(lambda pair: messages.serialize(pair[0]))


def leaves(fields: list[Field]) -> Iterator[Field]:
    for each in fields:
        yield from leaves(each.fields) if each.fields else [each]


@given(strategies.messages())
def test_the_fields_of_a_message_lie_one_behind_the_other_and_cover_it(pair: tuple[Message, Context | None]) -> None:
    message, context = pair
    data = messages.serialize(message)
    read, fields = trace.read(data, context)
    assert read == message
    assert [each.start for each in fields] == [0, *(each.end for each in fields[:-1])]
    assert fields[-1].end == len(data)
    for each in leaves(fields):
        value = each.value
        if isinstance(value, bytes):
            assert data[each.start : each.end].endswith(value)
        elif isinstance(value, int):
            assert int.from_bytes(data[each.start : each.end], "big") == value


@given(strategies.mangled(wires) | st.binary(), st.none() | strategies.contexts)
def test_tracing_reads_what_lenient_reading_reads_and_fields_stay_inside(data: bytes, context: Context | None) -> None:
    message, fields = trace.read(data, context)
    assert message == messages.parse(data, context, LENIENT)
    check(fields, 0, len(data))


def check(fields: list[Field], start: int, end: int) -> None:
    for each in fields:
        assert start <= each.start <= each.end <= end
        check(each.fields, each.start, each.end)
        start = each.start


def tree(fields: list[Field]) -> list[Any]:
    return [
        (each.name, each.start, str(each.value) if isinstance(each.value, CodePoint) else each.value)
        if not each.fields
        else (each.name, each.start, tree(each.fields))
        for each in fields
    ]


def test_lists_and_structures_are_taken_apart() -> None:
    body = "0303" + "00" * 32 + "00" + "0002c02f" + "0100"
    block = "0000 0008 0006 00 0003 612e62" + "0010 0005 0003 02 6832" + "0017 0000"
    raw = bytes.fromhex(body) + len(bytes.fromhex(block)).to_bytes(2, "big") + bytes.fromhex(block)
    message, fields = trace.read(b"\x01" + len(raw).to_bytes(3, "big") + raw)
    assert tree(fields[5:]) == [
        ("cipher_suites", 0x27, [("[0]", 0x29, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]),
        ("compression_methods", 0x2B, [("[0]", 0x2C, "null")]),
        (
            "extensions",
            0x2D,
            [
                (
                    "[0] server_name",
                    0x2F,
                    [
                        (
                            "server_name_list",
                            0x33,
                            [("[0]", 0x35, [("name_type", 0x35, "host_name"), ("host_name", 0x36, b"a.b")])],
                        )
                    ],
                ),
                (
                    "[1] application_layer_protocol_negotiation",
                    0x3B,
                    [("protocol_name_list", 0x3F, [("[0]", 0x41, b"h2")])],
                ),
                ("[2] extended_master_secret", 0x44, getattr(message, "extensions", ())[2]),
            ],
        ),
    ]


def test_the_tree_of_a_malformed_message_ends_at_the_field_that_is_wrong() -> None:
    message, fields = trace.read(bytes.fromhex("0d00000a 0201 40 0004 0401 00"))
    assert isinstance(message, MalformedMessage)
    assert message.error.path == "CertificateRequest.supported_signature_algorithms"
    assert tree(fields) == [
        ("msg_type", 0, "certificate_request"),
        ("length", 1, 10),
        ("certificate_types", 4, [("[0]", 5, "rsa_sign"), ("[1]", 6, "ecdsa_sign")]),
    ]


def test_many_extensions_are_gathered_in_linear_work() -> None:
    def cost(count: int) -> int:
        block = b"".join((0x8000 + i).to_bytes(2, "big") + b"\0\0" for i in range(count))
        raw = bytes.fromhex("0303" + "00" * 32 + "00" + "0002c02f" + "0100") + len(block).to_bytes(2, "big") + block
        data = b"\x01" + len(raw).to_bytes(3, "big") + raw
        return operations(lambda: trace.read(data))

    assert cost(3_000) < 2 * 10 * cost(300)
