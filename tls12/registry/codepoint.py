"""The open enum that every code point of TLS is made of.

How it works: a registry of IANA is a list of names that grows, and a peer may send any number. So a `CodePoint` is an
`IntEnum` that accepts every non-negative integer: a number without a name becomes an unlisted member of the class. It
compares, hashes and is written like any other, and its text says that it is unknown, or GREASE.

Decoding uses `X.of(n)`, the bound `__getitem__` of a dict, which is several times as fast as `X(n)`
(docs/performance.md). An unlisted member is made by `int.__new__` alone, and its name and value are computed when they
are asked for. It is never kept, so a peer cannot fill the memory by sending many different numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import EnumMeta, IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

T = TypeVar("T")

GREASE_16 = frozenset(0x0A0A + 0x1010 * i for i in range(16))
"""The sixteen two-byte values of RFC 8701 2, which peers send so that others keep ignoring what they do not know."""

GREASE_8 = frozenset(0x0B + 0x1F * i for i in range(8))
"""The eight one-byte values of RFC 8701 2, for PskKeyExchangeModes."""

DECODERS: dict[type, tuple[int, Callable[[int], Any]]] = {}
"""For each subclass of `CodePoint` its `size` and its `of`: what decoding in bulk needs.

A look-up here is faster than an attribute of an enum class (before Python 3.12).
"""


class _Named(EnumMeta):
    """Finds a member by either of its names: Python's or IANA's."""

    def __getitem__(cls: type[T], name: str) -> T:
        try:
            return super().__getitem__(name)  # type: ignore[misc, no-any-return]
        except KeyError:
            for member in cls:  # type: ignore[attr-defined]
                if str(member) == name:
                    return member  # type: ignore[no-any-return]
            raise


class CodePoint(IntEnum, metaclass=_Named):
    """A number of an IANA registry, with its name if it has one.

    Subclasses say how many bytes the field has on the wire, which of its numbers RFC 8701 reserves, and which range is
    set aside for members to come: `class ExtensionType(CodePoint, size=2, grease=GREASE_16)`. A member is
    `NAME = number` or, where IANA's spelling is not the lower-case name, `NAME = number, "spelling"`. Either finds it:
    `ExtensionType["SERVER_NAME"]`, `ExtensionType["server_name"]`.
    """

    # Set for each subclass by __init_subclass__.
    size: ClassVar[int]
    _grease: ClassVar[frozenset[int]]
    _members: ClassVar[dict[int, Any]]
    has_meaning: ClassVar[Callable[[int], bool]]
    """Whether a number means something: it is listed, or of a range that is set aside for one purpose."""

    def __new__(cls, value: int, spelling: str = "") -> Self:
        """One listed member; called by the enum machinery only."""
        member = int.__new__(cls, value)
        member._value_ = value
        if spelling:
            member.__dict__["_spelling"] = spelling
        return member

    def __init_subclass__(cls, *, size: int, grease: frozenset[int] = frozenset(), set_aside: range = range(0)) -> None:
        cls.size = size
        cls._grease = grease
        # A number that is not there gets a member that is not kept, made without a function of Python's: of those a
        # peer can send thousands.
        make_unlisted = staticmethod(partial(int.__new__, cls))
        members: dict[int, Any] = type("_Members", (dict,), {"__missing__": make_unlisted})()
        members.update({int(member): member for member in cls})
        cls._members = members
        cls.has_meaning = frozenset((*members, *set_aside)).__contains__
        cls.of = members.__getitem__  # type: ignore[assignment, method-assign]
        DECODERS[cls] = size, members.__getitem__

    if TYPE_CHECKING:

        @classmethod
        def of(cls, value: int) -> Self:
            """The member for a number from the wire: the listed one, or an unlisted one made on the spot."""
            raise NotImplementedError

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if isinstance(value, int) and value >= 0:
            return int.__new__(cls, value)
        return None

    def __getattr__(self, attribute: str) -> Any:
        # Only an unlisted member lacks these two: see the top of this file.
        if attribute == "_value_":
            return int(self)
        if attribute == "_name_":
            return f"{'GREASE' if self.is_grease else 'UNKNOWN'}_0X{int(self):0{2 * self.size}X}"
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")

    @property
    def is_known(self) -> bool:
        """Whether the registry lists this number."""
        return int(self) in type(self)._members

    @property
    def is_grease(self) -> bool:
        """Whether this is a value that RFC 8701 reserves so that it can be sent and must be ignored."""
        return int(self) in self._grease

    def __str__(self) -> str:
        if not self.is_known:
            return f"{'GREASE' if self.is_grease else 'unknown'} (0x{int(self):0{2 * self.size}x})"
        spelling: str = self.__dict__.get("_spelling") or self._default_spelling()
        return spelling

    def _default_spelling(self) -> str:
        return self._name_.lower()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self._name_}: 0x{int(self):0{2 * self.size}x}>"

    def __format__(self, spec: str) -> str:
        return int.__format__(self, spec) if spec[-1:] in {*"bcdoxX"} else format(str(self), spec)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (int(self),)

    __hash__ = int.__hash__
