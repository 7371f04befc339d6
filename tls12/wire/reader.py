"""The presentation language of RFC 5246 4, from bytes to values; `writer.py` is the other direction.

How it works: a `Reader` walks over one buffer with a position and an end. `vector16("ticket")` reads `opaque
ticket<0..2^16-1>`; `with r.scope16("extensions"):` opens a length prefix whose inside is read field by field. A scope
moves the end inwards, so nothing can be read past it. Bytes that are left over where a scope, an extension or a message
ends are one error, `left_over`. The same names and bounds stand in a message's `read` and in its `write`, so that a
Reader accepts exactly what a Writer can write.

Every error says where in the message it is (`location.py`). Bounds are in bytes, as in the RFC: `<2..2^16-2>` is
`at_least=2`. Each method is flat and repeats a few lines instead of calling another, because a ClientHello takes many
calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Self, TypeVar

from tls12.errors import DecodeError, LimitExceeded, UsageError
from tls12.given import name_value
from tls12.registry import DECODERS, Alert, CodePoint
from tls12.wire.location import LARGEST, count_bytes, path_of
from tls12.wire.mode import STRICT, Mode

C = TypeVar("C", bound=CodePoint)
T = TypeVar("T")

# Compiled for the lists that are usual; a longer one (up to 32,767 entries) is compiled when it is read.
_U16S = tuple(Struct(f">{count}H") for count in range(64))
_MOST_UNKNOWN = 64
"""Unknown numbers in one list, at most, of which an endpoint makes objects. No real peer sends as many."""


class Reader:
    """Reads one buffer from front to back; every method names the field that it reads.

    It takes bytes, and copies a bytearray or a memoryview; anything else raises `UsageError`. All methods raise
    DecodeError, which carries the path and the offset from the start of `data`. A list with more entries than `mode`
    allows raises LimitExceeded.
    """

    __slots__ = ("_ends", "data", "end", "mode", "names", "pos", "structures")

    def __init__(self, data: bytes, name: str = "", mode: Mode = STRICT) -> None:
        if type(data) is not bytes:
            data = _as_bytes(data)
        self.data = data
        self.pos = 0
        self.end = len(data)
        self.names: list[object] = [name]
        self.mode = mode
        self.structures = mode.structures
        """How many more structures this extension may have, or this message."""
        self._ends: list[int] = []

    @property
    def remaining(self) -> int:
        """How many bytes are left in the open scope."""
        return self.end - self.pos

    def u8(self, name: str) -> int:
        """A uint8."""
        pos = self.pos
        if pos >= self.end:
            raise self._too_short(name, 1)
        self.pos = pos + 1
        return self.data[pos]

    def u16(self, name: str) -> int:
        """A uint16."""
        pos = self.pos
        if pos + 2 > self.end:
            raise self._too_short(name, 2)
        self.pos = pos + 2
        return self.data[pos] << 8 | self.data[pos + 1]

    def u24(self, name: str) -> int:
        """A uint24."""
        return int.from_bytes(self.fixed(3, name), "big")

    def u32(self, name: str) -> int:
        """A uint32."""
        return int.from_bytes(self.fixed(4, name), "big")

    def fixed(self, count: int, name: str) -> bytes:
        """Exactly `count` bytes: `opaque name[count]`."""
        pos = self.pos
        new = pos + count
        if new > self.end:
            raise self._too_short(name, count)
        self.pos = new
        return self.data[pos:new]

    def rest(self, name: str) -> bytes:
        """All bytes that are left in the open scope."""
        pos = self.pos
        self.pos = self.end
        return self.data[pos : self.end]

    def vector8(self, name: str, at_least: int = 0, at_most: int = 0xFF) -> bytes:
        """`opaque name<at_least..at_most>` with a one-byte length."""
        start = self.pos
        if start >= self.end:
            raise self._too_short(name, 1)
        pos = start + 1
        length = self.data[start]
        new = pos + length
        if new > self.end or not at_least <= length <= at_most:
            raise self._bad_length(name, length, self.end - pos, at_least, at_most)
        self.pos = new
        return self.data[pos:new]

    def vector16(self, name: str, at_least: int = 0) -> bytes:
        """`opaque name<at_least..2^16-1>`."""
        start = self.pos
        pos = start + 2
        if pos > self.end:
            raise self._too_short(name, 2)
        length = self.data[start] << 8 | self.data[start + 1]
        new = pos + length
        if new > self.end or length < at_least:
            raise self._bad_length(name, length, self.end - pos, at_least, 0xFFFF)
        self.pos = new
        return self.data[pos:new]

    def vector24(self, name: str, at_least: int = 0) -> bytes:
        """`opaque name<at_least..2^24-1>`."""
        start = self.pos
        pos = start + 3
        if pos > self.end:
            raise self._too_short(name, 3)
        length = int.from_bytes(self.data[start:pos], "big")
        new = pos + length
        if new > self.end or length < at_least:
            raise self._bad_length(name, length, self.end - pos, at_least, 0xFFFFFF)
        self.pos = new
        return self.data[pos:new]

    def code8(self, name: str, kind: type[C]) -> C:
        """A code point of one byte."""
        pos = self.pos
        if pos >= self.end:
            raise self._too_short(name, 1)
        self.pos = pos + 1
        code: C = DECODERS[kind][1](self.data[pos])
        return code

    def code16(self, name: str, kind: type[C]) -> C:
        """A code point of two bytes."""
        pos = self.pos
        if pos + 2 > self.end:
            raise self._too_short(name, 2)
        self.pos = pos + 2
        code: C = DECODERS[kind][1](self.data[pos] << 8 | self.data[pos + 1])
        return code

    def list8(self, name: str, kind: type[C], at_least: int = 0) -> tuple[C, ...]:
        """A vector of code points with a one-byte length; the bound is in bytes."""
        return self._codes(name, kind, self.vector8(name, at_least))

    def list16(self, name: str, kind: type[C], at_least: int = 0) -> tuple[C, ...]:
        """A vector of code points with a two-byte length; the bound is in bytes."""
        return self._codes(name, kind, self.vector16(name, at_least))

    def _codes(self, name: str, kind: type[C], body: bytes) -> tuple[C, ...]:
        size, of = DECODERS[kind]
        values: Sequence[int] = body
        count = len(body) // size
        if count * size != len(body):
            self.pos -= len(body)
            raise self.error(name, f"an odd length, {len(body)} bytes, for two-byte values")
        if count > self.mode.entries:
            raise self.too_many(name, count)
        if size == 2:
            values = (_U16S[count] if count < 64 else Struct(f">{count}H")).unpack(body)
        if count > _MOST_UNKNOWN and self.mode.tls12_only:
            values = _without_many_unknown(kind, values)
        return tuple(map(of, values))

    def opaques(
        self, name: str, size: int, item: int, at_least: int = 0, item_at_least: int = 1, few: bool = False
    ) -> tuple[bytes, ...]:
        """A list of opaque vectors: a length of `size` bytes around the list, one of `item` bytes on each.

        `opaque Name<1..2^8-1>; Name names<2..2^16-1>` is `opaques("names", 2, 1, at_least=2)`. With `few` the
        entries count as structures, of which fewer are allowed.
        """
        data, start, end = self.data, self.pos, self.end
        pos = start + size
        if pos > end:
            raise self._too_short(name, size)
        length = int.from_bytes(data[start:pos], "big")
        stop = pos + length
        if stop > end or length < at_least:
            raise self._bad_length(name, length, end - pos, at_least, LARGEST[size])
        found: list[bytes] = []
        for _ in range(self.structures if few else self.mode.entries):
            if pos >= stop:
                break
            body = pos + item
            # The commonest case takes no call, because a hostile list has hundreds of short entries.
            length = data[pos] if item == 1 else int.from_bytes(data[pos:body], "big")
            new = body + length
            if new > stop or length < item_at_least:
                self.pos, self.end = pos, stop
                self.names += (name, found)
                if body > stop:
                    raise self._too_short("", item)
                raise self._bad_length("", length, stop - body, item_at_least, LARGEST[item])
            found.append(data[body:new])
            pos = new
        if pos < stop:
            raise self.too_many_structures(name) if few else self.too_many(name)
        if few:
            self.structures -= len(found)
        self.pos = stop
        return tuple(found)

    def expect_u8(self, value: int, name: str, alert: Alert = Alert.ILLEGAL_PARAMETER) -> None:
        """A uint8 that can only be `value`; anything else is an error with `alert`."""
        found = self.u8(name)
        if found != value:
            self.pos -= 1
            raise self.error(name, f"{found} instead of {value:d}", alert)

    def scope8(self, name: str, at_least: int = 0) -> Self:
        """Open a vector with a one-byte length, to be read field by field: `with r.scope8("..."):`."""
        return self._open(name, 1, at_least)

    def scope16(self, name: str, at_least: int = 0) -> Self:
        """Open a vector with a two-byte length, to be read field by field."""
        return self._open(name, 2, at_least)

    def scope24(self, name: str, at_least: int = 0) -> Self:
        """Open a vector with a three-byte length, to be read field by field."""
        return self._open(name, 3, at_least)

    def _open(self, name: str, size: int, at_least: int) -> Self:
        start, end = self.pos, self.end
        pos = start + size
        if pos > end:
            raise self._too_short(name, size)
        length = int.from_bytes(self.data[start:pos], "big")
        new = pos + length
        if new > end or length < at_least:
            raise self._bad_length(name, length, end - pos, at_least, LARGEST[size])
        self.pos = pos
        self.end = new
        self._ends.append(end)
        self.names.append(name)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if self.pos != self.end:
                raise self.left_over()
            self.end = self._ends.pop()
            self.names.pop()

    def structs(self, name: str, size: int, read: Callable[[Self], T], at_least: int = 0) -> tuple[T, ...]:
        """A list of structures after a length of `size` bytes: `read` is called until the list ends."""
        start, end, names = self.pos, self.end, self.names
        pos = start + size
        if pos > end:
            raise self._too_short(name, size)
        length = int.from_bytes(self.data[start:pos], "big")
        stop = pos + length
        if stop > end or length < at_least:
            raise self._bad_length(name, length, end - pos, at_least, LARGEST[size])
        found: list[T] = []
        names += (name, found)
        self.pos, self.end = pos, stop
        while self.pos < stop:
            if not self.structures:
                raise self.too_many_structures("")
            self.structures -= 1
            found.append(read(self))
        self.end = end
        del names[-2:]
        return tuple(found)

    def mark(self) -> tuple[int, int]:
        """How many names and scopes are open now; for `unwind`."""
        return len(self.names), len(self._ends)

    def unwind(self, mark: tuple[int, int]) -> None:
        """Forget the names and scopes that an error left open. The caller sets position and end."""
        del self.names[mark[0] :]
        del self._ends[mark[1] :]

    def error(self, name: str, message: str, alert: Alert | None = None) -> DecodeError:
        """A DecodeError for the field `name` at the current position, to be raised by the caller.

        `alert` is decode_error unless said otherwise.
        """
        return DecodeError(message, path=path_of(self.names, name), offset=self.pos, alert=alert)

    def too_many(self, name: str, count: int | None = None) -> LimitExceeded:
        """The error of a list with more entries than the mode allows, to be raised by the caller.

        `count` is how many there are, if known.
        """
        most = self.mode.entries
        found = f"{count} entries" if count is not None else f"more than {most} entries"
        return self._exceeded(name, found, "list_entries", most)

    def too_many_structures(self, name: str) -> LimitExceeded:
        """The error of lists of structures that have more entries than the mode allows, to be raised by the caller."""
        most = self.mode.structures
        return self._exceeded(name, f"more than {most} structures in one extension or message", "structures", most)

    def _exceeded(self, name: str, found: str, limit: str, most: int) -> LimitExceeded:
        return LimitExceeded(
            f"{path_of(self.names, name)}: the peer sent {found}; Limits.{limit} allows {most}",
            remedy=f"raise Limits.{limit} if that is normal for this peer",
        )

    def _too_short(self, name: str, count: int) -> DecodeError:
        left = self.end - self.pos
        return self.error(name, f"needs {count_bytes(count)}, {left} left")

    def _bad_length(self, name: str, length: int, left: int, at_least: int, at_most: int) -> DecodeError:
        if length > left:
            return self.error(name, f"length {length} exceeds the {count_bytes(left)} left")
        return self.error(name, f"length {length} is not within {at_least}..{at_most}")

    def note_extension(self, start: int, end: int, extension: Any) -> None:
        """Called after each extension that is read leniently; `tls12.wire.trace` overrides it."""

    def left_over(self) -> DecodeError:
        """The error of bytes that are left where the message or the scope ends, to be raised by the caller."""
        left = self.end - self.pos
        return self.error("", f"{count_bytes(left)} left over")


def _as_bytes(data: object) -> bytes:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise UsageError(f"the wire format is read from bytes, not {name_value(data)}")
    return bytes(data)


def _without_many_unknown(kind: type[CodePoint], values: Sequence[int]) -> Sequence[int]:
    """The numbers of a list; if very many of them mean nothing to the registry, without those.

    To make an object of each unknown number takes far longer than to read the rest of the list.
    """
    meaningful = kind.has_meaning
    if sum(map(meaningful, values)) >= len(values) - _MOST_UNKNOWN:
        return values
    return tuple(filter(meaningful, values))
