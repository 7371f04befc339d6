"""A bounded map that forgets what was used least recently; safe to share between threads.

How it works: an OrderedDict keeps its entries in a linked list. An entry that is used moves to the end; when the map is
full, the first entry is dropped. A plain dict would find its first entry slowly, because it walks over the gaps that
dropped entries left. One lock makes each operation atomic, and no operation calls code of others.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

from tls12.errors import UsageError

K = TypeVar("K")
V = TypeVar("V")


class BoundedMap(Generic[K, V]):
    """At most `capacity` entries; `get` and `put` count as use."""

    __slots__ = ("_entries", "_lock", "capacity")

    def __init__(self, capacity: int) -> None:
        if not isinstance(capacity, int) or capacity < 1:
            raise UsageError(f"a capacity of {capacity!r:.40} entries keeps nothing; give 1 or more")
        self.capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The entry, which now is the most recently used; None if there is none."""
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """Keep an entry, in place of the one with this key or, when full, of the least recently used one."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            elif len(self._entries) >= self.capacity:
                self._entries.popitem(last=False)
            self._entries[key] = value

    def remove(self, key: K) -> None:
        """Forget an entry, if it is there."""
        with self._lock:
            self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)
