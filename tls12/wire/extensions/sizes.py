"""Extensions about the sizes of records and of the ClientHello.

How it works: RFC 6066 4, 8449 and 7685.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import Alert, ExtensionType
from tls12.wire.extensions.base import ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(frozen=True, slots=True)
class MaxFragmentLength(ExtensionBody):
    """max_fragment_length (RFC 6066 4): 1, 2, 3 or 4 for fragments of 512, 1024, 2048 or 4096 bytes."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.MAX_FRAGMENT_LENGTH
    max_fragment_length: int

    @property
    def fragment_size(self) -> int:
        """The limit in bytes of plaintext."""
        return 1 << 8 + self.max_fragment_length

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the number; another one than the four is illegal_parameter (RFC 6066 4)."""
        limit = cls(r.u8("max_fragment_length"))
        limit.check(r)
        return limit

    def write(self, w: Writer) -> None:
        self.check(w)
        w.u8(self.max_fragment_length, "max_fragment_length")

    def check(self, codec: Reader | Writer) -> None:
        """Raises the codec's error, illegal_parameter, for a value that RFC 6066 4 does not define."""
        if not 1 <= self.max_fragment_length <= 4:
            raise codec.error("max_fragment_length", "a value other than 1, 2, 3, 4", Alert.ILLEGAL_PARAMETER)


@dataclass(frozen=True, slots=True)
class RecordSizeLimit(ExtensionBody):
    """record_size_limit (RFC 8449 4): the largest plaintext, in bytes, that the sender wants to receive."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.RECORD_SIZE_LIMIT
    record_size_limit: int

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the limit; under 64 it is illegal_parameter (RFC 8449 4)."""
        limit = cls(r.u16("record_size_limit"))
        limit.check(r)
        return limit

    def write(self, w: Writer) -> None:
        self.check(w)
        w.u16(self.record_size_limit, "record_size_limit")

    def check(self, codec: Reader | Writer) -> None:
        """Raises the codec's error, illegal_parameter, for a limit below 64 (RFC 8449 4)."""
        if self.record_size_limit < 64:
            raise codec.error("record_size_limit", "a limit below 64", Alert.ILLEGAL_PARAMETER)


@dataclass(frozen=True, slots=True)
class Padding(ExtensionBody):
    """padding (RFC 7685): bytes that make a ClientHello longer; a server refuses any that are not zero."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.PADDING
    padding: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.rest("padding"))

    def write(self, w: Writer) -> None:
        w.rest(self.padding)
