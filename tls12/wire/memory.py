"""What connections have read and made before, in one bounded object that belongs to a configuration.

How it works: the same clients and servers come back, and most of what they send is the same as last time: the block of
extensions of a hello, single extensions, the server's certificate. A client's own extensions are the same in every
hello. What was read or made once is kept here, by the bytes or the value that it comes from, and is taken from here the
next time. Everything that is kept is immutable, so any number of connections and threads may share one memory.

A `ClientConfig` or `ServerConfig` has a memory of its own. `memory=other.memory` shares one, and `memory=None` goes
without: then the same input takes the same path through the code each time, which is what a fuzzer or a researcher
needs. `messages.parse` has no memory unless its `Mode` names one.

A memory is bounded in entries and in bytes. When one more entry would exceed a bound, the memory is emptied and begins
anew. So a hostile peer that fills it makes others pay what they would pay without a memory, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from tls12.errors import UsageError
from tls12.given import name_value

A = TypeVar("A", bound=Hashable)
T = TypeVar("T")


class Memory:
    """Up to `most_entries` entries, which were read or made from up to `most_bytes` bytes in all.

    An entry that is read takes several times the bytes that it was read from. Raises `UsageError` for bounds that are
    not whole numbers of at least 1.
    """

    __slots__ = ("_entries", "_lock", "bytes_kept", "get", "most_bytes", "most_entries")

    get: Callable[[Hashable], Any]
    """The value of a key, or None."""

    def __init__(self, most_entries: int = 512, most_bytes: int = 131_072) -> None:
        for bound in (most_entries, most_bytes):
            if type(bound) is not int or bound < 1:
                raise UsageError(
                    f"a memory is bounded by {name_value(bound)}; give 1 or more, or memory=None to a configuration"
                )
        self.most_entries = most_entries
        self.most_bytes = most_bytes
        self.bytes_kept = 0
        """The bytes from which the present entries were read or made."""
        self._entries: dict[Hashable, Any] = {}
        self._lock = Lock()
        self.get = self._entries.get

    def keep(self, key: Hashable, value: object, size: int) -> None:
        """Keep a value that was read or made from `size` bytes; one that exceeds the bound alone is not kept."""
        if size > self.most_bytes:
            return
        with self._lock:
            if len(self._entries) >= self.most_entries or self.bytes_kept + size > self.most_bytes:
                self._empty()
            self._entries[key] = value
            self.bytes_kept += size

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._empty()

    def _empty(self) -> None:
        self._entries.clear()
        self.bytes_kept = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __reduce__(self) -> tuple[type[Memory], tuple[int, int]]:
        """A copy, or what another process unpickles, has the same bounds and begins empty."""
        return type(self), (self.most_entries, self.most_bytes)


def remembered(memory: Memory | None, make: Callable[[A], T], argument: A, size: int) -> T:
    """What `make` makes of an argument: taken from the memory if it was made before, else made and kept there.

    `size` is how many bytes the argument or the result has.
    """
    if memory is None:
        return make(argument)
    key = (make, argument)
    value: T | None = memory.get(key)
    if value is None:
        value = make(argument)
        memory.keep(key, value, size)
    return value
