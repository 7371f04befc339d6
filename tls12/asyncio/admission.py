"""The bounds of an asyncio server, so that a crowd of hostile clients leaves room for the honest ones.

How it works: each TCP connection that the kernel has accepted gets an `Arrival` as its protocol, and `Admission`, one
for each server, decides whether it may begin a handshake, has to wait, or is closed. Three bounds are held, and each
protects something else:

- `max_connections`: sockets and memory. Above it a handshake that has taken longer than `PATIENCE` ends to make room;
  without one, the new connection is closed at once. An honest client then knows within a round trip that it must try
  again or elsewhere. If the server stopped accepting instead, the client would wait in the kernel's queue until its own
  time-out, behind all hostile connections that came before it.
- `max_handshakes`: the memory of unfinished handshakes. Above it new connections wait, unread, which costs
  little, and the one that came last begins first: a client that has waited for long has probably given up, and so a
  queue of silent connections does not delay those that come later. While any wait, a handshake that has taken longer
  than `PATIENCE` ends, whatever `handshake_timeout` is: honest clients need a few round trips.
- `max_per_address`: one client's share. Off by default, because a proxy or a provider's address translation puts many
  honest clients behind one address.

Each bound is named in the log (logger "tls12.asyncio", WARNING) when it takes effect, at most once in ten seconds, with
how often it did since the last line (`driver/bounded_log.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from tls12.asyncio.transport import TLSTransport
from tls12.driver.bounded_log import BoundedLog
from tls12.driver.bounds import MAX_HANDSHAKES, PATIENCE, Shares, check_bounds, default_connections

MAX_CONNECTIONS = 10_000
"""Connections that a server has open at the same time, unless the caller says otherwise, or seven eighths of the files
that the process may have open, if that is less."""


class Arrival(asyncio.Protocol):
    """The protocol of a TCP connection that has begun no handshake yet."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.raw: asyncio.Transport
        self.address: str | None = None
        self.since = 0.0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands."""
        self.raw = cast(asyncio.Transport, transport)
        self.admission.consider(self)

    def data_received(self, data: bytes) -> None:
        """Bytes that were on their way when reading was paused."""
        self.received += data

    def eof_received(self) -> bool:
        """The peer will send no more; the transport that follows reads that for itself."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended before it began a handshake."""
        self.admission.release(self)


class Admission:
    """The bounds of one server, and the connections that count."""

    def __init__(
        self,
        make_transport: Callable[[], TLSTransport],
        log: BoundedLog,
        *,
        max_connections: int | None = None,
        max_handshakes: int = MAX_HANDSHAKES,
        max_per_address: int | None = None,
        handshake_timeout: float | None = None,
    ) -> None:
        check_bounds(max_connections=max_connections, max_handshakes=max_handshakes, max_per_address=max_per_address)
        self._make_transport = make_transport
        self._log = log
        self._max_connections = default_connections(MAX_CONNECTIONS) if max_connections is None else max_connections
        self._max_handshakes = max_handshakes
        self._handshake_timeout = handshake_timeout
        self._loop = asyncio.get_running_loop()
        self._connections = 0
        self._shares = Shares(max_per_address)
        # In the order in which handshakes began and connections came. A dict keeps it, and removes any entry at once.
        self._handshakes: dict[TLSTransport, float] = {}
        self._waiting: dict[Arrival, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def consider(self, arrival: Arrival) -> None:
        """A new TCP connection: it begins a handshake, waits, or is closed."""
        arrival.since = self._loop.time()
        arrival.address = self._shares.address_of(arrival.raw.get_extra_info("peername"))
        if (why := self._shares.objection(arrival.address)) is not None:
            self._refuse(arrival, "max_per_address", why)
            return
        if self._connections >= self._max_connections and not self._make_room():
            self._refuse(arrival, "max_connections", f"{self._max_connections} connections are open")
            return
        self._connections += 1
        self._shares.take(arrival.address)
        if len(self._handshakes) < self._max_handshakes:
            self._begin_handshake(arrival)
            return
        arrival.raw.pause_reading()
        self._waiting[arrival] = None
        self._warn("max_handshakes", f"{self._max_handshakes} handshakes are open; new connections wait")
        self._set_timer()

    def release(self, arrival: Arrival) -> None:
        """A connection has ended, with or without a handshake: its place is free."""
        if arrival.since:
            arrival.since = 0.0
            self._connections -= 1
            self._shares.give_back(arrival.address)
            self._waiting.pop(arrival, None)

    # -- decisions

    def _begin_handshake(self, arrival: Arrival) -> None:
        try:
            transport = self._make_transport()
        except BaseException:  # out of the caller's `make_connection`: the loop reports it
            arrival.raw.abort()
            raise
        self._handshakes[transport] = self._loop.time()
        transport.established.add_done_callback(lambda _: self._handshake_ended(transport))
        transport.gone.add_done_callback(lambda _: self.release(arrival))
        arrival.raw.set_protocol(transport)
        transport.connection_made(arrival.raw)
        if arrival.received:
            transport.data_received(arrival.received)

    def _handshake_ended(self, transport: TLSTransport) -> None:
        self._handshakes.pop(transport, None)
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._waiting and len(self._handshakes) < self._max_handshakes:
            arrival, _ = self._waiting.popitem()
            self._begin_handshake(arrival)
            arrival.raw.resume_reading()

    def _refuse(self, arrival: Arrival, bound: str, why: str) -> None:
        arrival.since = 0.0
        arrival.raw.abort()
        self._warn(bound, f"{why}; a new connection was closed")

    def _make_room(self) -> bool:
        """End the longest handshake, or the longest wait for one, if it took more than `PATIENCE`; whether one did."""
        now = self._loop.time()
        transport, began = next(iter(self._handshakes.items()), (None, now))
        if transport is not None and now - began > PATIENCE:
            self._end(transport)
            return True
        arrival = next(iter(self._waiting), None)
        if arrival is not None and now - arrival.since > PATIENCE:
            self._give_up_waiting(arrival)
            return True
        return False

    def _end(self, transport: TLSTransport) -> None:
        del self._handshakes[transport]
        transport.give_up(
            TimeoutError(f"the TLS handshake was not complete within {PATIENCE:g} s, and other connections waited")
        )

    def _give_up_waiting(self, arrival: Arrival) -> None:
        del self._waiting[arrival]
        arrival.raw.abort()

    # -- while connections wait

    def _set_timer(self) -> None:
        """Look again when the oldest handshake has had its time."""
        if self._timer is None and self._waiting:
            began = next(iter(self._handshakes.values()), self._loop.time())
            self._timer = self._loop.call_at(began + PATIENCE, self._end_late_handshakes)

    def _end_late_handshakes(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = [transport for transport, began in self._handshakes.items() if now - began >= PATIENCE]
        for transport in late[: len(self._waiting)]:
            self._end(transport)
        if self._handshake_timeout is not None:
            for arrival in [arrival for arrival in self._waiting if now - arrival.since > self._handshake_timeout]:
                self._give_up_waiting(arrival)
        self._admit_waiting()
        self._set_timer()

    def _warn(self, bound: str, what: str) -> None:
        self._log.warn(bound, 1, "%s is reached: %s", bound, what)
