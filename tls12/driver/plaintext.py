"""The plaintext that has arrived and was not given out yet, and how it is given out without a byte being lost.

How it works: a queue of what the records held, and one number, `given`: the place in the stream up to which the
application has its bytes. A reader waits until what it wants is there, makes a copy of it with `copy`, and, as the last
thing it does, stores the new `given` and returns. An exception out of a signal handler can only come before that store:
then the bytes are still here. What lies before `given` is dropped by the next call that looks for more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class Plaintext:
    """Bytes of the stream from `given` on. Changed by one thread at a time, the one that reads."""

    __slots__ = ("_start", "end", "given", "pieces")

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self._start = 0
        """The place in the stream where the first piece begins."""
        self.given = 0
        """The place up to which the application has its bytes."""
        self.end = 0
        """The place up to which bytes have arrived."""

    def append(self, piece: bytes) -> None:
        """Add what a record held."""
        self.pieces.append(piece)
        self.end += len(piece)

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return self.end - self.given

    def clear(self) -> None:
        """Drop what is there: it is not given out."""
        pieces: deque[bytes] = deque()
        self.pieces = pieces
        self._start = self.given = self.end

    def pop(self) -> bytes:
        """Give out what is left of the first record. There must be one in `pieces`; b"" if it was given out already."""
        piece = self.pieces[0]
        passed, after = self.given - self._start, self._start + len(piece)
        self._start = self.given = after
        del self.pieces[0]
        return piece[passed:] if passed else piece

    def first(self, at_most: int) -> bytes:
        """The next bytes of one record, `at_most` of them; they stay. b"" if there are none."""
        while self.pieces:
            piece = self.pieces[0]
            size, passed = len(piece), self.given - self._start
            if passed < size:
                return piece if size <= at_most and not passed else piece[passed : passed + at_most]
            self._start += size
            del self.pieces[0]
        return b""

    def sweep(self) -> None:
        """Drop the pieces that were given out."""
        while self.pieces:
            after = self._start + len(self.pieces[0])
            if after > self.given:
                return
            self._start = after
            del self.pieces[0]

    def take_line(self) -> bytes:
        """The next line, if it lies in one record, and else nothing: the everyday case, without waiting."""
        self.sweep()
        if not self.pieces:
            return b""
        first, place = self.pieces[0], self.given
        passed = place - self._start
        after = first.find(b"\n", passed) + 1
        if not after:
            return b""
        line = first[passed:after]
        if self.given == place:
            self.given = self._start + after
            return line
        return b""

    def portion(self, at_most: int) -> int:
        """How many bytes are left of one record, `at_most` of them; -1 if there are none."""
        self.sweep()
        if not self.pieces:
            return -1
        return min(self._start + len(self.pieces[0]) - self.given, at_most)

    def copy(self, count: int) -> bytes:
        """The next `count` bytes; they stay. At most `size`."""
        if not count:
            return b""
        self.sweep()
        first, passed = self.pieces[0], self.given - self._start
        if passed + count <= len(first):
            return first if count == len(first) else first[passed : passed + count]
        whole = b"".join(self.pieces)[passed:]
        data = whole[:count]
        # What is given out shares its memory with the queue until the next sweep. The two attributes are stored without
        # a call in between, where a signal handler could raise and leave them at odds.
        pieces = deque((data, whole[count:]) if len(whole) > count else (data,))
        self._start = self.given
        self.pieces = pieces
        return data

    def find(self, ends: tuple[bytes, ...], start: int = 0) -> int:
        """How many bytes it takes to have one of `ends` (one byte each), looked for after the first `start`; or -1."""
        place, pieces = self._behind(start) if start else (self._start, self.pieces)
        for piece in pieces:
            begin = max(self.given + start - place, 0)
            found = [at for end in ends if (at := piece.find(end, begin)) >= 0]
            if found:
                return place + min(found) + 1 - self.given
            place += len(piece)
        return -1

    def _behind(self, start: int) -> tuple[int, Iterable[bytes]]:
        """The pieces from the one on that holds byte `start`, and the place where it begins; found from the end."""
        place = self.end
        behind: deque[bytes] = deque()
        for piece in reversed(self.pieces):
            if place <= self.given + start:
                break
            place -= len(piece)
            behind.appendleft(piece)
        return place, behind
