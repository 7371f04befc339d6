"""Where every field of a message stands: for printing, and for changing one byte on purpose.

How it works: a `TracingReader` is a lenient Reader that records what it reads: a tree of `Field`s, each with its name,
its first and last offset and its value. The classes of the messages do the reading, so nothing about their layout is
repeated here. What does not decode ends the tree at the field that is wrong, and the error says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self, TypeVar

from tls12.registry import DECODERS, CodePoint
from tls12.wire import messages
from tls12.wire.context import Context
from tls12.wire.extensions import Extension
from tls12.wire.messages import Message
from tls12.wire.mode import LENIENT
from tls12.wire.reader import Reader

C = TypeVar("C", bound=CodePoint)
T = TypeVar("T")


@dataclass(slots=True)
class Field:
    """One field: `data[start:end]` are its bytes, a length before it included.

    `value` is a number, a code point, bytes or an extension; None where the fields inside have all the values.
    """

    name: str
    start: int
    end: int = 0
    value: object = None
    fields: list[Field] = field(default_factory=list)


def read(data: bytes, context: Context | None = None) -> tuple[Message, list[Field]]:
    """A handshake message with its header, read leniently, and the fields that were found in it."""
    r = TracingReader(data)
    return messages.read_leniently(r, context), r.fields


class TracingReader(Reader):
    """A lenient Reader that remembers in `fields` what it has read."""

    __slots__ = ("_inside", "_levels", "fields")

    def __init__(self, data: bytes, name: str = "") -> None:
        super().__init__(data, name, LENIENT)
        self.fields: list[Field] = []
        self._levels = [self.fields]
        self._inside = False

    def _leaf(self, name: str, read: Callable[..., T], *arguments: object) -> T:
        # Some methods of Reader call others; only the outermost is a field.
        if self._inside:
            return read(*arguments)
        start, self._inside = self.pos, True
        try:
            value = read(*arguments)
        finally:
            self._inside = False
        self._levels[-1].append(Field(name, start, self.pos, value))
        return value

    @contextmanager
    def _group(self, name: str) -> Iterator[Field]:
        group = Field(name, self.pos)
        self._levels[-1].append(group)
        self._levels.append(group.fields)
        depth = len(self._levels)
        try:
            yield group
        finally:
            del self._levels[depth - 1 :]
            group.end = max(self.pos, group.fields[-1].end if group.fields else 0)

    def u8(self, name: str) -> int:
        return self._leaf(name, super().u8, name)

    def u16(self, name: str) -> int:
        return self._leaf(name, super().u16, name)

    def u24(self, name: str) -> int:
        return self._leaf(name, super().u24, name)

    def u32(self, name: str) -> int:
        return self._leaf(name, super().u32, name)

    def fixed(self, count: int, name: str) -> bytes:
        return self._leaf(name, super().fixed, count, name)

    def rest(self, name: str) -> bytes:
        return self._leaf(name, super().rest, name)

    def vector8(self, name: str, at_least: int = 0, at_most: int = 0xFF) -> bytes:
        return self._leaf(name, super().vector8, name, at_least, at_most)

    def vector16(self, name: str, at_least: int = 0) -> bytes:
        return self._leaf(name, super().vector16, name, at_least)

    def vector24(self, name: str, at_least: int = 0) -> bytes:
        return self._leaf(name, super().vector24, name, at_least)

    def code8(self, name: str, kind: type[C]) -> C:
        code: C = self._leaf(name, super().code8, name, kind)
        return code

    def code16(self, name: str, kind: type[C]) -> C:
        code: C = self._leaf(name, super().code16, name, kind)
        return code

    def list8(self, name: str, kind: type[C], at_least: int = 0) -> tuple[C, ...]:
        return self._list(name, 1, kind, self._leaf(name, super().list8, name, kind, at_least))

    def list16(self, name: str, kind: type[C], at_least: int = 0) -> tuple[C, ...]:
        return self._list(name, 2, kind, self._leaf(name, super().list16, name, kind, at_least))

    def _list(self, name: str, prefix: int, kind: type[C], values: tuple[C, ...]) -> tuple[C, ...]:
        item = DECODERS[kind][0]
        self._itemise(prefix, [(item, value) for value in values])
        return values

    def opaques(
        self, name: str, size: int, item: int, at_least: int = 0, item_at_least: int = 1, few: bool = False
    ) -> tuple[bytes, ...]:
        values = self._leaf(name, super().opaques, name, size, item, at_least, item_at_least, few)
        self._itemise(size, [(item + len(value), value) for value in values])
        return values

    def _itemise(self, prefix: int, items: list[tuple[int, object]]) -> None:
        """Split the field that was just read into its items, given with their sizes."""
        whole = self._levels[-1][-1]
        whole.value = None
        pos = whole.start + prefix
        for index, (size, value) in enumerate(items):
            whole.fields.append(Field(f"[{index}]", pos, pos + size, value))
            pos += size

    def structs(self, name: str, size: int, read: Callable[[Self], T], at_least: int = 0) -> tuple[T, ...]:
        with self._group(name) as group:

            def one(r: Self) -> T:
                with self._group(f"[{len(group.fields)}]"):
                    return read(r)

            return super().structs(name, size, one, at_least)

    def _open(self, name: str, size: int, at_least: int) -> Self:
        group = Field(name, self.pos)
        super()._open(name, size, at_least)
        group.end = self.end
        self._levels[-1].append(group)
        self._levels.append(group.fields)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._levels.pop()
        super().__exit__(kind, *rest)

    def note_extension(self, start: int, end: int, extension: Extension) -> None:
        """Gather the fields that were read since the last extension under this one."""
        level = self._levels[-1]
        first = len(level)
        while first and level[first - 1].start >= start:
            first -= 1
        inside = level[first:]
        level[first:] = [Field(f"[{first}] {extension.extension_type}", start, end, extension, inside)]
