"""What every extension is, and the bodies that stay bytes.

How it works: an extension is a value with a type and a `write`; its class has a `read`. The table in `table.py` says
which class belongs to which type in which hello. An extension that the table does not have, or not for that hello,
becomes a `RawExtension` and is written back byte for byte.

Extensions do not change once they are made, so one object may stand in any number of hellos. A block or an extension
that comes again may be taken from a `Memory` (`table.read_extensions`), and one that is sent again may be encoded once
(`table.encode_once`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

from tls12.errors import DecodeError
from tls12.registry import ExtensionType
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


class Extension(Protocol):
    """A hello extension (RFC 5246 7.4.1.4): a type and a body."""

    @property
    def extension_type(self) -> ExtensionType:
        """The type that stands before the body."""
        ...

    def write(self, w: Writer) -> None:
        """Write the body, without type and length."""
        ...


class ExtensionBody:
    """The base of all extensions here. They are frozen, so one object may stand in any number of hellos."""

    __slots__ = ("encoded",)

    encoded: bytes
    """Type, length and body. Set only by `table.encode_once`, for extensions that tls12 itself makes and sends again
    and again; it is no field, so copies begin without it, and comparison, hash and print do not use it."""


@dataclass(frozen=True, slots=True)
class RawExtension(ExtensionBody):
    """An extension whose body is not interpreted: unknown, GREASE, or put there on purpose."""

    extension_type: ExtensionType
    body: bytes

    def write(self, w: Writer) -> None:
        w.rest(self.body)


@dataclass(frozen=True, slots=True)
class MalformedExtension(ExtensionBody):
    """An extension whose body does not decode; only lenient reading makes one."""

    extension_type: ExtensionType
    body: bytes
    error: DecodeError = field(compare=False)

    def write(self, w: Writer) -> None:
        w.rest(self.body)


@dataclass(frozen=True, slots=True)
class ExtensionRemnant:
    """The end of an extension block that is not an extension any more; only lenient reading makes one.

    It is written as it was, without a type and a length before it.
    """

    body: bytes
    error: DecodeError = field(compare=False)

    @property
    def extension_type(self) -> ExtensionType:
        """What its first two bytes would mean, for printing only."""
        return ExtensionType.of(int.from_bytes(self.body[:2], "big"))

    def write(self, w: Writer) -> None:
        w.rest(self.body)


@dataclass(frozen=True, slots=True)
class EmptyExtension(ExtensionBody):
    """The common form of all extensions that have no body: their presence is the message."""

    extension_type: ClassVar[ExtensionType]

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read nothing; that nothing is left is checked where the extension ends."""
        return cls()

    def write(self, w: Writer) -> None:
        """Write nothing."""
