"""The bytes that the network has not taken yet, and how they are handed over without one being lost or sent twice.

How it works: a call into the kernel says how many bytes it took, and that number must not be lost: an exception out of
a signal handler (Ctrl-C, a SIGALRM) comes between two steps of Python code, and if it came between the call and the
noting of its result, the bytes would go out again. So both are one step: `list.extend(map(send, (piece,)))` calls
`send` and keeps what it returns without a step of Python in between, and every other change of the outbox is made
of statements that call nothing, between which no handler runs.

A socket whose `send` is written in Python (`ssl.SSLSocket`) has steps of its own inside. An exception that comes out
of it leaves unknown how much went out, so the outbox is `torn`, and nothing may follow.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import BuiltinMethodType

Piece = bytes | bytearray


class Outbox:
    """A driver's `output` on its way into a socket. Any thread may add to it; only one at a time may `drain`."""

    def __init__(self, pieces: deque[Piece]) -> None:
        self.pieces = pieces
        """The records that wait, in order; no piece is empty."""
        self._taken: list[int] = []
        """How many bytes of the first piece each call took."""
        self.torn = False
        """Whether an exception left unknown what was sent."""

    def drain(self, send: Callable[[Piece | memoryview], int], until: float | None = None) -> None:
        """Hand everything to `send`, in order; what it raises comes through, and what it did not take stays.

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
                # One piece less, and nothing of the next one gone: no call in between, so no signal handler either.
                del pieces[0]
                self._taken = []

    def _send_rest(self, send: Callable[[Piece | memoryview], int], rest: Piece | memoryview) -> None:
        try:
            self._taken.extend(map(send, (rest,)))
        except OSError:
            raise
        except BaseException:
            self.torn = not isinstance(send, BuiltinMethodType)
            raise
