"""Session stores: where sessions wait for the next connection.

How it works: a `SessionStore` maps bytes to sessions. A server's keys are session ids, of at most 32 bytes. A client's
are longer: the name of the server, and a digest of all that its sessions are bound to (`handshake.bindings`). A store
may forget whatever and whenever it likes; an exception out of one counts as a miss. One that has to be asked across a
network should not block an event loop: pause on `SessionLookupRequested` instead.

Values of a store of your own are best kept as `session.to_bytes()`, which contains the master secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn, Protocol

from tls12.bounded import BoundedMap
from tls12.resumption.sessions import Session


class SessionStore(Protocol):
    """Three methods; called from every thread that has a connection."""

    def get(self, key: bytes) -> Session | None:
        """The session, or None."""

    def put(self, key: bytes, session: Session) -> None:
        """Keep a session, in place of an older one with this key."""

    def remove(self, key: bytes) -> None:
        """Forget a session, if it is there: a fatal alert ended its connection (RFC 5246 7.2.2)."""


class MemorySessionStore:
    """At most `capacity` sessions in memory, the least recently used go first; expired ones go when found."""

    def __init__(self, capacity: int = 1_024, clock: Callable[[], float] = time.time) -> None:
        self._sessions: BoundedMap[bytes, Session] = BoundedMap(capacity)
        self._clock = clock

    def get(self, key: bytes) -> Session | None:
        """The session, unless it has expired."""
        session = self._sessions.get(key)
        if session is not None and not session.is_fresh(self._clock()):
            self._sessions.remove(key)
            return None
        return session

    def put(self, key: bytes, session: Session) -> None:
        """Keep a session."""
        self._sessions.put(key, session)

    def remove(self, key: bytes) -> None:
        """Forget a session."""
        self._sessions.remove(key)

    def __len__(self) -> int:
        return len(self._sessions)

    def __repr__(self) -> str:
        return f"<MemorySessionStore: {len(self)} of {self._sessions.capacity} sessions>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a MemorySessionStore holds secrets and cannot be pickled; keep Session.to_bytes()")
