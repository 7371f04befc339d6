"""The stream reader and writer over TLS: asyncio's own, but a failure takes no bytes away, and there is `renegotiate`.

How it works: `StreamReader` forgets what it holds when it is told of an exception. Under TLS the bytes before a failure
(TruncatedError, BadRecordMac) are authentic and must be read. So the reader keeps the failure aside, lets the base
class see an end of the stream, and raises the failure where the base class would report that end. A read waits until
what it asks for is in the buffer, and only then takes it, so that a cancelled read loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tls12.driver import incomplete
from tls12.errors import to_raise
from tls12.events import Negotiated

STREAM_LIMIT = 2**16
"""Bytes that a stream reader holds before it stops the peer, as in asyncio."""


class TLSStreamReader(asyncio.StreamReader):
    """A `StreamReader` that gives out every byte that arrived before it raises what went wrong.

    A call that has fewer bytes than it asks for when the connection fails raises the failure; the bytes are in
    `partial` of its `__cause__`, an IncompleteReadError. `read(n)` returns them, and the next call raises. A close or
    an abort by this side ends the stream without an error, as everywhere in asyncio.
    """

    _failure: BaseException | None = None
    _cut_off = False
    """Whether the failure came before the end of the stream."""
    _was_raised = False
    """Whether a read has raised the failure."""

    def exception(self) -> BaseException | None:  # type: ignore[override]
        """What the connection failed with, or None."""
        return None if self._failure is None else to_raise(self._failure)

    def set_exception(self, exc: BaseException) -> None:
        """The connection failed: nothing more can be read. If close_notify came before, no read raises the failure."""
        self._failure = exc
        self._cut_off = not self._eof  # type: ignore[attr-defined]
        self.feed_eof()

    def at_eof(self) -> bool:
        """Whether the stream has ended. If a failure ended it: only after a read has raised that failure."""
        return super().at_eof() and (self._was_raised or not self._cut_off)

    async def read(self, n: int = -1) -> bytes:
        """As `StreamReader.read`, but at the end of a stream that a failure ended it raises the failure.

        With a negative `n` it returns everything up to the end of the stream, however much that is.
        """
        if n < 0:
            return await self._read_to_end()
        data = await super().read(n)
        if not data and n and self._cut_off:
            raise self._failure_to_raise()
        return data

    async def _read_to_end(self) -> bytes:
        while not self._eof:  # type: ignore[attr-defined]
            await self._wait_for_data("read")  # type: ignore[attr-defined]  # as readexactly does, past the limit
        data = bytes(self._buffer)  # type: ignore[attr-defined]
        self._buffer.clear()  # type: ignore[attr-defined]
        if self._cut_off:
            failure = self._failure_to_raise()
            raise incomplete(failure, data, None) if data else failure
        return data

    async def readexactly(self, n: int) -> bytes:
        """As `StreamReader.readexactly`; the IncompleteReadError of a failed connection is the cause."""
        try:
            return await super().readexactly(n)
        except asyncio.IncompleteReadError as incomplete:
            if not self._cut_off:
                raise
            raise self._failure_to_raise() from incomplete

    async def readuntil(self, separator: Any = b"\n") -> bytes:
        """As `StreamReader.readuntil`; the IncompleteReadError of a failed connection is the cause."""
        try:
            return await super().readuntil(separator)
        except asyncio.IncompleteReadError as incomplete:
            if not self._cut_off:
                raise
            raise self._failure_to_raise() from incomplete

    def _failure_to_raise(self) -> BaseException:
        assert self._failure is not None
        self._was_raised = True
        return to_raise(self._failure)


class TLSStreamProtocol(asyncio.StreamReaderProtocol):
    """The protocol between the transport and a `TLSStreamReader`: the end of what the peer sends ends only that.

    The base class ends both directions where the transport has an `sslcontext`, because asyncio's own TLS has no
    half-close. Ours has it, if the configuration says so; if not, the transport closes by itself.
    """

    def eof_received(self) -> bool:
        """The peer will send no more."""
        super().eof_received()
        return True


class TLSStreamWriter(asyncio.StreamWriter):
    """A `StreamWriter` that can renegotiate."""

    async def renegotiate(self) -> Negotiated:
        """Begin another handshake on this connection (RFC 5246 7.4.1.1), and wait for its end: what was agreed on.

        Raises UsageError where that cannot be begun, PeerIncompatible if the peer refuses (the connection goes on),
        and the error of the connection if it ends first. A client may ignore a server's HelloRequest (RFC 5246
        7.4.1.1): bound the wait with `asyncio.timeout`. Data that arrives meanwhile goes to the reader. While that
        holds more than its limit nothing is read from the network, not even the handshake, so read meanwhile. Safe to
        cancel: the handshake goes on.
        """
        negotiated: Negotiated = await self.transport.renegotiate()  # type: ignore[attr-defined]
        return negotiated

    async def wait_closed(self) -> None:
        """As `StreamWriter.wait_closed`. A wait that is cancelled does not cancel later ones."""
        await asyncio.shield(self._protocol._get_close_waiter(self))  # type: ignore[attr-defined]
