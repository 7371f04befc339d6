"""The bounds of a blocking server: which accepted connection gets a thread, which one waits, and which one is closed.

How it works: each connection that was accepted is a `Visit`. `Crowd.consider` decides what becomes of it, by the same
three bounds as `tls12.asyncio` (`asyncio/admission.py` says what each protects):

- `max_connections`: above it a handshake that has taken longer than `PATIENCE` ends to make room; without one, the new
  connection is closed at once.
- `max_handshakes`: above it new connections wait, unread and without a thread, and the newest one begins first. While
  any wait, a handshake has `PATIENCE` seconds.
- `max_per_address`: one client's share. Off by default.

A connection is ended from outside by `shutdown` of its TCP connection, which wakes the thread that waits for it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from tls12.driver.bounded_log import BoundedLog
from tls12.driver.bounds import MAX_HANDSHAKES, PATIENCE, Shares, check_bounds, default_connections

MAX_CONNECTIONS = 1000
"""Connections, and so threads, that a server has at the same time, unless the caller says otherwise, or seven eighths
of the files that the process may have open, if that is less."""


class Visit:
    """A connection from its accept to its end."""

    def __init__(self, sock: socket.socket, peer: Any) -> None:
        self.sock = sock
        self.peer = peer
        self.address: str | None = None
        """Whose share it counts to."""
        self.since = time.monotonic()
        """When it came, and later, when its handshake began."""
        self.ended_because: str | None = None
        """Why this side ended it."""

    def end(self, because: str) -> None:
        """Wake the thread that waits for this connection, whose next read or write fails."""
        self.ended_because = because
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class Crowd:
    """The connections of one server. Every method may be called by any thread."""

    def __init__(
        self,
        serve: Callable[[Visit], None],
        log: BoundedLog,
        *,
        max_connections: int | None = None,
        max_handshakes: int = MAX_HANDSHAKES,
        max_per_address: int | None = None,
    ) -> None:
        """`serve` runs in a thread of its own for each visit, and calls `established` and, at the end, `leave`."""
        check_bounds(max_connections=max_connections, max_handshakes=max_handshakes, max_per_address=max_per_address)
        self._serve = serve
        self._log = log
        self._max_connections = default_connections(MAX_CONNECTIONS) if max_connections is None else max_connections
        self._max_handshakes = max_handshakes
        self._shares = Shares(max_per_address)
        # In the order in which they began, and came: dicts keep it, and forget any one of them at once.
        self._handshakes: dict[Visit, None] = {}
        self._waiting: dict[Visit, None] = {}
        self._established: dict[Visit, None] = {}
        self._changed = threading.Condition()

    def consider(self, visit: Visit) -> None:
        """A new connection: it gets a thread, waits, or is closed."""
        with self._changed:
            visit.address = self._shares.address_of(visit.peer)
            if (why := self._shares.objection(visit.address)) is not None:
                self._refuse(visit, "max_per_address", why)
                return
            count = len(self._handshakes) + len(self._waiting) + len(self._established)
            if count >= self._max_connections and not self._make_room():
                self._refuse(visit, "max_connections", f"{self._max_connections} connections are open")
                return
            self._shares.take(visit.address)
            self._waiting[visit] = None
            if len(self._handshakes) >= self._max_handshakes:
                self._warn("max_handshakes", f"{self._max_handshakes} handshakes are open; new connections wait")
            self._admit()

    def established(self, visit: Visit) -> None:
        """The handshake of a visit is complete."""
        with self._changed:
            del self._handshakes[visit]
            self._established[visit] = None
            self._admit()

    def leave(self, visit: Visit) -> None:
        """A visit is over, with or without a handshake."""
        with self._changed:
            self._forget(visit)
            self._admit()
            self._changed.notify_all()

    def end_late(self, handshake_timeout: float | None) -> float | None:
        """While visits wait, end the handshakes that are over their time, and waits that are longer than
        `handshake_timeout`. In how many seconds to look again, or None if none waits.
        """
        with self._changed:
            now = time.monotonic()
            late = [v for v in self._handshakes if v.ended_because is None and now - v.since >= PATIENCE]
            for visit in late[: len(self._waiting)]:
                self._end(visit)
            if handshake_timeout is not None:
                for visit in [visit for visit in self._waiting if now - visit.since > handshake_timeout]:
                    self._drop(visit)
            if not self._waiting:
                return None
            oldest = min((visit.since for visit in self._handshakes if visit.ended_because is None), default=now)
            return max(0.01, oldest + PATIENCE - now)

    def close(self, seconds: float) -> None:
        """End what waits and what has not completed its handshake; the others after so many seconds."""
        end = time.monotonic() + seconds
        with self._changed:
            for visit in list(self._waiting):
                self._drop(visit)
            for visit in self._handshakes:
                visit.end("the server was closed")
            self._changed.wait_for(lambda: not (self._established or self._handshakes), max(0.0, seconds))
            for visit in (*self._established, *self._handshakes):
                visit.end("the server was closed")
            self._changed.wait_for(
                lambda: not (self._established or self._handshakes), max(0.1, end - time.monotonic())
            )

    # -- decisions, with the lock held

    def _admit(self) -> None:
        while self._waiting and len(self._handshakes) < self._max_handshakes:
            visit, _ = self._waiting.popitem()
            visit.since = time.monotonic()
            self._handshakes[visit] = None
            try:
                threading.Thread(target=self._serve, args=(visit,), name="tls12.sync", daemon=True).start()
            except RuntimeError as error:  # the system has no more threads
                self._drop(visit)
                self._log.warn("threads", 1, "a connection was closed: %s", error)

    def _make_room(self) -> bool:
        """End the longest handshake, or the longest wait for one, if it took more than `PATIENCE`; whether one did."""
        now = time.monotonic()
        for visit in self._handshakes:
            if visit.ended_because is None:
                if now - visit.since > PATIENCE:
                    self._end(visit)
                    return True
                break
        waiting = next(iter(self._waiting), None)
        if waiting is not None and now - waiting.since > PATIENCE:
            self._drop(waiting)
            return True
        return False

    def _end(self, visit: Visit) -> None:
        visit.end(f"the TLS handshake was not complete within {PATIENCE:g} s, and other connections waited")

    def _drop(self, visit: Visit) -> None:
        """Close a connection that has no thread."""
        visit.sock.close()
        self._forget(visit)

    def _forget(self, visit: Visit) -> None:
        for place in (self._handshakes, self._waiting, self._established):
            place.pop(visit, None)
        self._shares.give_back(visit.address)
        visit.address = None

    def _refuse(self, visit: Visit, bound: str, why: str) -> None:
        self._warn(bound, f"{why}; a new connection was closed")
        visit.sock.close()

    def _warn(self, bound: str, what: str) -> None:
        self._log.warn(bound, 1, "%s is reached: %s", bound, what)
