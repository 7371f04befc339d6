"""Who waits for the end of a renegotiation."""

from __future__ import annotations

import asyncio

from tls12.errors import PeerIncompatible
from tls12.events import AlertReceived, Event, HandshakeCompleted, Negotiated
from tls12.registry import Alert


class Renewals:
    """The futures of `TLSTransport.renegotiate`."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[Negotiated]] = []

    def add(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Negotiated]:
        """A future for the next renegotiation that ends."""
        waiting: asyncio.Future[Negotiated] = loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def note(self, event: Event) -> None:
        """Tell those who wait, if this is what they wait for."""
        match event:
            case HandshakeCompleted(negotiated=negotiated):
                for waiting in self._taken():
                    waiting.set_result(negotiated)
            case AlertReceived(description=Alert.NO_RENEGOTIATION):
                self.fail(
                    PeerIncompatible("the peer refused to renegotiate; the connection goes on", rule="RFC 5246 7.2.2")
                )

    def fail(self, error: BaseException) -> None:
        """There will be none."""
        for waiting in self._taken():
            waiting.set_exception(error)
            waiting.exception()  # seen, even if its owner does not wait any more

    def _taken(self) -> list[asyncio.Future[Negotiated]]:
        waiting, self._waiting = self._waiting, []
        return [future for future in waiting if not future.done()]
