"""Session stores: where sessions wait for the next connection.

How it works: a `SessionStore` maps bytes to sessions. A server's keys are session ids, of at most 32 bytes. A client's
are longer: the name of the server, and a digest of all that its sessions are bound to (`handshake.bindings`). A store
may forget any session at any time. An exception that a store raises counts as a miss, so that a store which is down
costs full handshakes and not connections; the logger `tls12.resumption` warns of it. A server whose store is across a
network would block its event loop in `get`: it pauses on `SessionLookupRequested` instead.

A store of your own keeps a session as `session.to_bytes()`, which contains the master secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NoReturn, Protocol, TypeVar

from tls12.lru import BoundedMap
from tls12.resumption.sessions import Session

_log = logging.getLogger("tls12.resumption")

T = TypeVar("T")


class SessionStore(Protocol):
    """Three methods; called from every thread that has a connection."""

    def get(self, key: bytes) -> Session | None:
        """The session, or None."""

    def put(self, key: bytes, session: Session) -> None:
        """Keep a session, in place of an older one with this key."""

    def remove(self, key: bytes) -> None:
        """Forget a session, if it is there: a fatal alert ended its connection (RFC 5246 7.2.2)."""


class MemorySessionStore:
    """Up to `capacity` sessions in memory. A full store drops the least recently used one; `get` drops expired ones."""

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


def get_session(store: SessionStore, key: bytes) -> Session | None:
    """What the store has under this key, whatever it is; None and a warning in the log if it raises."""
    return _call(store, "get", lambda: store.get(key))


def put_session(store: SessionStore, key: bytes, session: Session) -> None:
    """Keep a session; a warning in the log if the store raises."""
    _call(store, "put", lambda: store.put(key, session))


def remove_session(store: SessionStore, key: bytes) -> None:
    """Forget a session; a warning in the log if the store raises."""
    _call(store, "remove", lambda: store.remove(key))


def _call(store: SessionStore, act: str, ask: Callable[[], T]) -> T | None:
    """What the store returns, or None if it raises. The log names the exception's class but not its text, which may
    hold a password or a key."""
    try:
        return ask()
    except Exception as error:
        _log.warning("%s.%s() raised %s; sessions are not resumed", type(store).__name__, act, type(error).__name__)
        return None
