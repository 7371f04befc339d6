"""The bytes that the network has not taken yet, and how they are handed over without one being lost or sent twice.

How it works: `socket.send` returns how many bytes the kernel took. A signal handler (Ctrl-C, SIGALRM) may raise between
two steps of Python code. If it raised after `send` returned and before the number was stored, the same bytes would be
sent twice. So both are one step: `list.extend(map(send, (piece,)))` calls `send` and stores its result without a
step of Python code in between. Every other change of the outbox is made of statements that call nothing, because no
handler runs between those.

A socket whose `send` is written in Python (`ssl.SSLSocket`) has steps of its own inside. If an exception comes out of
it, it is unknown how many bytes were sent: the outbox is `torn` then, and sends nothing more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import BuiltinMethodType

Piece = bytes | bytearray | memoryview


class Outbox:
    """A driver's `output` on its way into a socket. Any thread may add to it; only one at a time may `drain`."""

    def __init__(self, pieces: deque[Piece]) -> None:
        self.pieces = pieces
        """The records that wait, in order; no piece is empty."""
        self._taken: list[int] = []
        """How many bytes of the first piece each call took."""
        self.torn = False
        """Whether an exception left unknown what was sent."""

    def drain(self, send: Callable[[Piece], int], until: float | None = None) -> None:
        """Hand everything to `send`, in order. Pass on what it raises, and keep the bytes that it did not take.

        Raises TimeoutError when the monotonic clock has passed `until`.
        """
        pieces = self.pieces
        while pieces and not self.torn:
            piece = pieces[0]
            gone = sum(self._taken)
            if gone < len(piece):
                if until is not None and time.monotonic() > until:
                    raise TimeoutError("the peer takes what is sent too slowly")
                self._send_rest(send, memoryview(piece)[gone:] if gone else piece)
            else:
                # Remove the piece and its counts: two statements that call nothing, so no signal handler runs between.
                del pieces[0]
                self._taken = []

    def _send_rest(self, send: Callable[[Piece], int], rest: Piece) -> None:
        try:
            self._taken.extend(map(send, (rest,)))
        except OSError:
            raise
        except BaseException:
            self.torn = not isinstance(send, BuiltinMethodType)
            raise
