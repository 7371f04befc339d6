"""Closes established connections of an asyncio server that are idle or slow, if the caller has given bounds for that.

How it works: a `PacedTransport` counts the bytes that arrive and those that the peer has taken. `Watch`, one for each
server, looks at all counts a few times in every period. A connection that moves no byte in `idle_timeout` seconds is
idle; one that moves some bytes in `RATE_PERIOD` seconds, but too few, is slow. Both are closed with close_notify, and
`connection_lost` gives the application's protocol a TimeoutError. While the application has paused reading, its
connection is neither.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tls12.asyncio.transport import TLSTransport
from tls12.errors import UsageError

RATE_PERIOD = 10.0
"""Seconds over which `minimum_rate` is judged."""


class _Metered:
    """A TCP transport that counts what is written to it."""

    __slots__ = ("_raw", "written")

    def __init__(self, raw: asyncio.Transport) -> None:
        self._raw = raw
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self._raw.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class PacedTransport(TLSTransport):
    """A transport that knows how many bytes have moved."""

    _received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands: begin the handshake."""
        super().connection_made(cast(asyncio.BaseTransport, _Metered(cast(asyncio.Transport, transport))))

    def data_received(self, data: bytes) -> None:
        """Bytes from the network."""
        self._received += len(data)
        super().data_received(data)

    @property
    def moved(self) -> int:
        """Bytes on the wire that we have read, and that the network has taken from us."""
        written: int = cast(Any, self._raw).written
        return self._received + written - self._raw.get_write_buffer_size()

    def end(self, reason: TimeoutError) -> None:
        """Close the connection and give the application the reason."""
        self.close()
        self._driver.lose(reason)


class _Progress:
    """When one connection last moved a byte, and how many it had moved when the period began."""

    __slots__ = ("began", "last", "last_moved", "moved")

    def __init__(self, now: float, moved: int) -> None:
        self.began = self.last_moved = now
        self.moved = self.last = moved


class Watch:
    """Closes the connections of one server that are idle or slow."""

    def __init__(self, idle_timeout: float | None, minimum_rate: float | None) -> None:
        for name, value in (("idle_timeout", idle_timeout), ("minimum_rate", minimum_rate)):
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise UsageError(f"{name} is {value!r}; give a number above 0, or None for no bound")
        self._idle_timeout = idle_timeout
        self._minimum_rate = minimum_rate
        self._interval = min(RATE_PERIOD, (idle_timeout or 4 * RATE_PERIOD) / 4)
        self._loop = asyncio.get_running_loop()
        self._watched: dict[PacedTransport, _Progress] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, transport: PacedTransport) -> None:
        """Watch this connection, whose handshake is complete."""
        self._watched[transport] = _Progress(self._loop.time(), transport.moved)
        transport.gone.add_done_callback(lambda _: self._watched.pop(transport, None))
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._judge_all)

    def _judge_all(self) -> None:
        now = self._loop.time()
        for transport, progress in [*self._watched.items()]:
            if (reason := self._judge(transport, progress, now)) is not None:
                del self._watched[transport]
                transport.end(TimeoutError(reason))
        self._timer = self._loop.call_later(self._interval, self._judge_all) if self._watched else None

    def _judge(self, transport: PacedTransport, progress: _Progress, now: float) -> str | None:
        moved = transport.moved
        if moved != progress.last or not transport.is_reading():
            progress.last, progress.last_moved = moved, now
        if self._idle_timeout is not None and now - progress.last_moved >= self._idle_timeout:
            return f"the connection was idle for {self._idle_timeout:g} s"
        period = now - progress.began
        if self._minimum_rate is not None and period >= RATE_PERIOD:
            some = moved - progress.moved
            progress.began, progress.moved = now, moved
            if 0 < some < self._minimum_rate * period and transport.is_reading():
                return (
                    f"the connection moved {some} bytes in {period:.0f} s, and {self._minimum_rate:g} a second are due"
                )
        return None
