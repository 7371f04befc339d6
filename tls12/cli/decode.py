"""`tls12 decode`: prints the records and messages in a file, as a tree of names, offsets and values.

How it works: the input is a file, standard input, or hexadecimal digits on the command line. Its first bytes tell what
it is: a capture (pcap, pcapng), hexadecimal text, records, or handshake messages without records. `lab/capture` makes
streams of packets, and `lab/dissect.py` makes items of streams, which are printed here, one line for each field. An
offset counts from the beginning of its message or record, whose own offset in the stream is in its first line. A
malformed field is named where it stands, and reading goes on.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tls12.cli.output import CommandError, Exit, Output, add_output_options, choose
from tls12.errors import DecodeError, UsageError
from tls12.lab.capture import Chunk, Endpoint, Problem, read_streams
from tls12.lab.capture.frames import MAGICS
from tls12.lab.dissect import Dissector, Item, looks_like_records
from tls12.registry import CodePoint
from tls12.wire.context import Context, KeyExchangeAlgorithm
from tls12.wire.extensions import ExtensionRemnant, MalformedExtension
from tls12.wire.messages import MESSAGES
from tls12.wire.trace import Field

_NOT_HEX = re.compile(r"0x|\\x|[\s:,]")
_HEX_TEXT = re.compile(r"([0-9a-fA-F]{2})+\Z")
_GZIP = b"\x1f\x8b\x08"
_SHOWN = 32
"""How many bytes of a value are shown to people; programs get all."""


def add_parser(subparsers: Any) -> None:
    """The command's own options."""
    parser = subparsers.add_parser(
        "decode", help="show records and messages, field by field, from hex, bytes or a capture", description=__doc__
    )
    parser.set_defaults(run=run)
    what = "a file (pcap, pcapng, hex or raw bytes; also gzipped), hexadecimal digits, or - for standard input"
    parser.add_argument("input", help=what)
    parser.add_argument(
        "--key-exchange",
        choices=[algorithm.value for algorithm in KeyExchangeAlgorithm],
        help="what ServerKeyExchange and ClientKeyExchange mean, where no ServerHello before them tells",
    )
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Decode the input; the exit code is 0 also if parts of it are malformed, but not if no packet could be read."""
    output = choose(arguments)
    algorithm = arguments.key_exchange
    context = Context(KeyExchangeAlgorithm(algorithm)) if algorithm else None
    data = _read(arguments.input)
    found, problems = False, list[Problem]()
    for connection, sender, item in _items(data, context, output, problems):
        found = True
        _show(output, item, connection, sender, tree=not arguments.json)
    if not found:
        output.warning("nothing was found in this input")
    return Exit.OK if found or not problems else Exit.USAGE


def _read(source: str) -> bytes:
    """The bytes of the input; hexadecimal text is converted to bytes."""
    if source == "-":
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(source).read_bytes()
        except (OSError, ValueError) as error:
            if _from_hex(source) is None:
                reason = error.strerror if isinstance(error, OSError) else error
                remedy = "give a file, hexadecimal digits, or - for standard input"
                raise CommandError(f"{source[:80]!r} is neither a file ({reason}) nor hexadecimal", remedy) from None
            data = source.encode()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise CommandError(f"{source[:80]!r} begins like gzip, but cannot be unpacked: {error}") from None
    return _from_hex(data.decode("ascii", "replace")) or data


def _from_hex(text: str) -> bytes | None:
    digits = _NOT_HEX.sub("", text)
    return bytes.fromhex(digits) if _HEX_TEXT.match(digits) else None


def _items(
    data: bytes, context: Context | None, output: Output, problems: list[Problem]
) -> Iterator[tuple[int | None, str, Item]]:
    """The items in the input: number of the connection, sender, and item. What cannot be read goes to `problems`."""
    if data.startswith(MAGICS):
        yield from _captured(data, context, output, problems)
        return
    dissector = Dissector(context)
    if data[:1] and data[0] in MESSAGES and not looks_like_records(data):
        yield from ((None, "", item) for item in dissector.messages(data))
    else:
        yield from ((None, "", item) for item in dissector.feed(None, data))
    yield from ((None, "", item) for item in dissector.end(None))


def _streams(data: bytes) -> Iterator[Chunk | Problem]:
    """The streams of a capture. Raises `CommandError` where the capture cannot be read."""
    try:
        yield from read_streams(data)
    except (DecodeError, UsageError) as error:
        raise CommandError(str(error)) from error


def _captured(
    data: bytes, context: Context | None, output: Output, problems: list[Problem]
) -> Iterator[tuple[int, str, Item]]:
    dissectors: dict[int, Dissector] = {}
    ends: dict[int, tuple[Endpoint, Endpoint]] = {}
    gaps: set[tuple[int, Endpoint | None]] = set()

    def placed(number: int, sender: Endpoint, items: Iterator[Item]) -> Iterator[tuple[int, str, Item]]:
        for item in items:
            yield number, dissectors[number].role_of(sender) or str(sender), item

    for event in _streams(data):
        if isinstance(event, Chunk):
            if event.connection not in dissectors:
                dissectors[event.connection] = Dissector(context)
                ends[event.connection] = event.sender, event.receiver
                output.title(f"connection {event.connection}: {event.sender} and {event.receiver}")
            items = dissectors[event.connection].feed(event.sender, event.data)
            yield from placed(event.connection, event.sender, items)
        elif event.connection is None or event.sender is None:
            problems.append(event)
            output.warning(event.text)
        elif (event.connection, event.sender) not in gaps:
            gaps.add((event.connection, event.sender))  # nothing is read after the first gap of a direction
            output.warning(f"connection {event.connection}: {event.text}")
            if event.connection in dissectors:
                yield from placed(event.connection, event.sender, dissectors[event.connection].gap(event.sender))
    for number, dissector in dissectors.items():
        for sender in ends[number]:
            yield from placed(number, sender, dissector.end(sender))


def _show(output: Output, item: Item, connection: int | None, sender: str, *, tree: bool) -> None:
    who = f"{connection}  {sender}  " if connection is not None else ""
    line = f"{item.offset:08x}  {who}{item.name}, {item.length} bytes"
    if not tree:
        facts = {"kind": item.kind, "offset": item.offset, "length": item.length, "error": item.error}
        place = {"connection": connection, "sender": sender} if connection is not None else {}
        output.note(item.name, **facts, **place, fields=[_plain(each) for each in item.fields])
        return
    output.note(line)
    for each in item.fields:
        _draw(output, each, 1)
    if item.error:
        output.note(f"{'':8}  ! {item.error}")


def _draw(output: Output, each: Field, depth: int) -> None:
    value = _words(each.value)
    output.note(f"{'  ' * depth}{each.start:06x}  {each.name}{f': {value}' if value else ''}")
    for inner in each.fields:
        _draw(output, inner, depth + 1)


def _words(value: object) -> str:
    """A value for people."""
    match value:
        case CodePoint():
            return f"{value} (0x{value:0{2 * value.size}x})" if value.is_known else str(value)
        case int():
            return str(value)
        case bytes():
            return _bytes(value)
        case MalformedExtension() | ExtensionRemnant():
            return f"! {value.error}: {_bytes(value.body)}"
        case _:
            body = getattr(value, "body", None)
            return _bytes(body) if body else ""


def _bytes(value: bytes) -> str:
    if not value:
        return "(empty)"
    text = f' "{value.decode("ascii")}"' if value.isascii() and value.decode("ascii").isprintable() else ""
    shown = value[:_SHOWN].hex()
    return f"{shown}{text}" if len(value) <= _SHOWN else f"{shown}... ({len(value)} bytes)"


def _plain(each: Field) -> dict[str, object]:
    """A field for programs: bytes in hexadecimal, a code point as its name and its number."""
    fact: dict[str, object] = {"name": each.name, "offset": each.start, "length": each.end - each.start}
    match each.value:
        case CodePoint() as code:
            fact |= {"value": str(code), "code": int(code)}
        case int() as number:
            fact["value"] = number
        case bytes() as data:
            fact["value"] = data.hex()
        case MalformedExtension(error=error) | ExtensionRemnant(error=error):
            fact["error"] = str(error)
    body = getattr(each.value, "body", None)
    if isinstance(body, bytes):
        fact["value"] = body.hex()
    if each.fields:
        fact["fields"] = [_plain(inner) for inner in each.fields]
    return fact
