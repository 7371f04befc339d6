"""The presentation language of RFC 5246 4, from values to bytes; `reader.py` is the other direction.

How it works: a `Writer` appends to one buffer, with the names and bounds of the `Reader`. A scope leaves room for a
length and fills it in when it ends. Every error names the field that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from typing import Self, TypeVar

from tls12.errors import EncodeError
from tls12.registry import DECODERS, Alert, CodePoint
from tls12.wire.location import LARGEST, Progress, count_bytes, path_of

C = TypeVar("C", bound=CodePoint)
T = TypeVar("T")

_U16 = Struct(">H")
# Compiled for the lists that are usual; a longer one (up to 32,767 entries) is compiled when it is written.
_U16S = tuple(Struct(f">{count}H") for count in range(64))
# Room to leave for a length of so many bytes.
_ROOM = (b"", b"\0", b"\0\0", b"\0\0\0")


class Writer:
    """Writes what a Reader reads, with the same names and bounds; `bytes(w.buffer)` is the result.

    All methods raise EncodeError, which names the field, for what does not fit.
    """

    __slots__ = ("_scopes", "buffer", "names")

    def __init__(self, name: str = "") -> None:
        self.buffer = bytearray()
        self.names: list[object] = [name]
        self._scopes: list[tuple[int, int, int]] = []

    def u8(self, value: int, name: str) -> None:
        """A uint8."""
        try:
            self.buffer.append(value)
        except ValueError:
            raise self._too_big(name, value, 1) from None

    def u16(self, value: int, name: str) -> None:
        """A uint16."""
        try:
            self.buffer += _U16.pack(value)
        except StructError:
            raise self._too_big(name, value, 2) from None

    def u24(self, value: int, name: str) -> None:
        """A uint24."""
        if not 0 <= value <= 0xFFFFFF:
            raise self._too_big(name, value, 3)
        self.buffer += value.to_bytes(3, "big")

    def u32(self, value: int, name: str) -> None:
        """A uint32."""
        if not 0 <= value <= 0xFFFFFFFF:
            raise self._too_big(name, value, 4)
        self.buffer += value.to_bytes(4, "big")

    def fixed(self, value: bytes, count: int, name: str) -> None:
        """Exactly `count` bytes."""
        if len(value) != count:
            raise self.error(name, f"{len(value)} bytes instead of {count}")
        self.buffer += value

    def rest(self, value: bytes) -> None:
        """Bytes up to the end of the open scope."""
        self.buffer += value

    def vector8(self, value: bytes, name: str, at_least: int = 0, at_most: int = 0xFF) -> None:
        """Bytes after a one-byte length."""
        length = len(value)
        if not at_least <= length <= at_most:
            raise self._bad_length(name, length, at_least, at_most)
        self.buffer.append(length)
        self.buffer += value

    def vector16(self, value: bytes, name: str, at_least: int = 0) -> None:
        """Bytes after a two-byte length."""
        length = len(value)
        if not at_least <= length <= 0xFFFF:
            raise self._bad_length(name, length, at_least, 0xFFFF)
        self.buffer += _U16.pack(length)
        self.buffer += value

    def vector24(self, value: bytes, name: str, at_least: int = 0) -> None:
        """Bytes after a three-byte length."""
        length = len(value)
        if not at_least <= length <= 0xFFFFFF:
            raise self._bad_length(name, length, at_least, 0xFFFFFF)
        self.buffer += length.to_bytes(3, "big")
        self.buffer += value

    def list8(self, values: tuple[C, ...], name: str, kind: type[C], at_least: int = 0) -> None:
        """Code points after a one-byte length; the bound is in bytes."""
        self.vector8(self._codes(values, name, DECODERS[kind][0]), name, at_least)

    def list16(self, values: tuple[C, ...], name: str, kind: type[C], at_least: int = 0) -> None:
        """Code points after a two-byte length; the bound is in bytes."""
        self.vector16(self._codes(values, name, DECODERS[kind][0]), name, at_least)

    def _codes(self, values: tuple[C, ...], name: str, size: int) -> bytes:
        try:
            if size == 1:
                return bytes(values)
            count = len(values)
            return (_U16S[count] if count < 64 else Struct(f">{count}H")).pack(*values)
        except (ValueError, StructError):
            raise self.error(name, f"a value that does not fit {count_bytes(size)}") from None

    def opaques(
        self,
        values: tuple[bytes, ...],
        name: str,
        size: int,
        item: int,
        at_least: int = 0,
        item_at_least: int = 1,
    ) -> None:
        """A list of opaque vectors: a length of `size` bytes around the list, one of `item` bytes on each."""
        # Joined at the end, since a growing buffer is copied each time that it moves.
        parts: list[bytes] = []
        most = LARGEST[item]
        for value in values:
            length = len(value)
            if not item_at_least <= length <= most:
                index = len(parts) // 2
                raise self._bad_length(f"{name}[{index}]", length, item_at_least, most)
            parts += (length.to_bytes(item, "big"), value)
        body = b"".join(parts)
        length = len(body)
        if not at_least <= length <= LARGEST[size]:
            raise self._bad_length(name, length, at_least, LARGEST[size])
        self.buffer += length.to_bytes(size, "big")
        self.buffer += body

    def scope8(self, name: str, at_least: int = 0) -> Self:
        """Open a one-byte length, filled in when the scope is left: `with w.scope8("..."):`."""
        return self._open(name, 1, at_least)

    def scope16(self, name: str, at_least: int = 0) -> Self:
        """Open a two-byte length, filled in when the scope is left."""
        return self._open(name, 2, at_least)

    def scope24(self, name: str, at_least: int = 0) -> Self:
        """Open a three-byte length, filled in when the scope is left."""
        return self._open(name, 3, at_least)

    def _open(self, name: str, size: int, at_least: int) -> Self:
        self.names.append(name)
        self._scopes.append((len(self.buffer), size, at_least))
        self.buffer += _ROOM[size]
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            start, size, at_least = self._scopes.pop()
            body = start + size
            length = len(self.buffer) - body
            if not at_least <= length <= LARGEST[size]:
                raise self._bad_length("", length, at_least, LARGEST[size])
            self.buffer[start:body] = length.to_bytes(size, "big")
            self.names.pop()

    def structs(
        self, values: tuple[T, ...], name: str, size: int, write: Callable[[T, Self], None], at_least: int = 0
    ) -> None:
        """A list of structures after a length of `size` bytes: `write(value, writer)` writes each value."""
        buffer, names, progress = self.buffer, self.names, Progress(values)
        start = len(buffer)
        buffer += _ROOM[size]
        names += (name, progress)
        for value in progress.iterator:
            write(value, self)
        del names[-2:]
        length = len(buffer) - start - size
        if not at_least <= length <= LARGEST[size]:
            raise self._bad_length(name, length, at_least, LARGEST[size])
        buffer[start : start + size] = length.to_bytes(size, "big")

    def error(self, name: str, message: str, alert: Alert | None = None) -> EncodeError:
        """An EncodeError for the field `name`, to be raised by the caller.

        `alert` is not used; `Reader.error` has it, and one `check` calls either.
        """
        return EncodeError(f"{path_of(self.names, name)}: {message}")

    def _too_big(self, name: str, value: int, size: int) -> EncodeError:
        return self.error(name, f"{value:d} does not fit {count_bytes(size)}")

    def _bad_length(self, name: str, length: int, at_least: int, at_most: int) -> EncodeError:
        return self.error(name, f"{count_bytes(length)} where {at_least}..{at_most} are allowed")
