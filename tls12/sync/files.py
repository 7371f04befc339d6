"""The files that `TLSSocket.makefile` gives: of bytes and of text, for reading, writing or both.

How it works: a file has no read buffer of its own. A read waits until what it asks for is in the socket's queue of
plaintext, and only then takes it, so that a time-out or an exception out of a signal handler in the middle of a line
leaves the line where it was; `io.BufferedReader` would have dropped it. A write is kept until `flush`, or until the
next write would make it more than the buffer holds; each piece leaves the buffer in the step that seals it.

If the stream fails before a read has all that it asked for, the read raises the failure. The bytes or the text that had
arrived are in `partial` of its `__cause__`, an `asyncio.IncompleteReadError` as `readexactly` of a stream raises it. So
nothing is lost, and half an answer is not taken for a whole one.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from tls12.driver import incomplete
from tls12.sync.stream import Stream, portions

T = TypeVar("T")

_NEWLINE = (b"\n",)
_LINE_ENDS = {None: (b"\n", b"\r"), "": (b"\n", b"\r"), "\r": (b"\r",)}
"""The bytes at which a line of text can end, by the `newline` of `open`; otherwise a line feed."""


def open_file(
    stream: Stream, mode: str, buffering: int | None, encoding: str | None, errors: str | None, newline: str | None
) -> io.BufferedIOBase | io.TextIOBase:
    """What `TLSSocket.makefile` gives back."""
    if not set(mode) <= set("rwb"):
        raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
    if buffering == 0 and "b" not in mode:
        raise ValueError("unbuffered streams must be binary")
    size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
    kind = TLSFile if "b" in mode else _TextSource
    file = kind(stream, reads="r" in mode or "w" not in mode, writes="w" in mode, size=size)
    return TLSTextFile(file, encoding, errors, newline) if isinstance(file, _TextSource) else file


class TLSFile(io.BufferedIOBase):
    """A file of bytes over a TLSSocket, which keeps the socket open as long as it is open itself.

    With `size` 0 it is unbuffered: `read(n)` gives what comes first, at most `n` bytes, and `write` sends at once.
    """

    def __init__(self, stream: Stream, *, reads: bool, writes: bool, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._reads = reads
        self._writes = writes
        self._size = size
        self._unsent: list[bytes | memoryview] = []
        stream.hold()

    def readable(self) -> bool:
        """Whether it was opened for reading."""
        return self._reads

    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._writes

    def fileno(self) -> int:
        """The file descriptor of the socket underneath."""
        return self._stream.sock.fileno()

    # -- reading

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, or everything to the end of the stream. Fewer than `size` mean that it ended with close_notify.

        On a non-blocking socket the bytes that have arrived, or None if there are none yet.
        """
        return self._read(None if size is None or size < 0 else size, bytes)

    def read1(self, size: int = -1) -> bytes:
        """At least one byte, if the stream has not ended, and at most `size`, without waiting for more."""
        return self._some(size if size >= 0 else self._size or 65536, bytes)

    def readinto(self, buffer: Any) -> int:
        """As `read`, into `buffer`; how many bytes were written."""
        view = memoryview(buffer).cast("B")
        return self._read(len(view), partial(copied, view))

    def readinto1(self, buffer: Any) -> int:
        """As `read1`, into `buffer`; how many bytes were written."""
        view = memoryview(buffer).cast("B")
        return self._some(len(view), partial(copied, view))

    def peek(self, size: int = 0) -> bytes:
        """The bytes that have arrived, at least one if the stream has not ended. They stay and are read again."""
        self._check(self._reads, "reading")
        return self._stream.take(self._anything, bytes, keep=True)

    def readline(self, size: int | None = -1) -> bytes:
        """A line with its line feed; without one if `size` bytes or a close_notify come first."""
        self._check(self._reads, "reading")
        at_most = None if size is None or size < 0 else size
        if at_most is None and (line := self._stream.plaintext.take_line()):
            return line
        return self._take(self._search(_NEWLINE), at_most, bytes, short=lambda line: line[-1:] != b"\n")

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """All lines, or, with a `hint`, lines until they have that many bytes."""
        self._check(self._reads, "reading")
        enough = (lambda: -1) if hint is None or hint <= 0 else self._search(_NEWLINE, hint - 1)
        return self._take(enough, None, lambda data: io.BytesIO(data).readlines())

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration

    def _search(self, ends: tuple[bytes, ...], start: int = 0) -> Callable[[], int]:
        """A function that counts the bytes up to the first line end behind byte `start`; -1 until it has arrived."""
        searched = start

        def count() -> int:
            nonlocal searched
            found = self._stream.plaintext.find(ends, searched)
            searched = max(self._stream.plaintext.size, searched)
            return found

        return count

    def _anything(self) -> int:
        return self._stream.plaintext.size or -1

    def _take(
        self,
        enough: Callable[[], int],
        at_most: int | None,
        give: Callable[[bytes], T],
        short: Callable[[bytes], bool] = bool,
    ) -> T:
        """Wait for as many bytes as `enough` counts, but no more than `at_most`, and return what `give` makes of them.

        If the stream fails first, `short(data)` says whether the bytes that have arrived are fewer than is needed.
        """

        def count() -> int:
            found = enough()
            if at_most is not None and (found > at_most or (found < 0 and self._stream.plaintext.size >= at_most)):
                return at_most
            return found

        def cut_off(failure: BaseException, data: bytes) -> BaseException | None:
            if at_most is not None and len(data) >= at_most:
                return None
            if data and short(data):
                return incomplete(failure, data, at_most)
            return None if data else failure

        self._check(self._reads, "reading")
        return self._stream.take(count, give, cut_off)

    def _read(self, at_most: int | None, give: Callable[[bytes], T]) -> T:
        try:
            if self._size == 0 and at_most is not None:
                return self._some(at_most, give)
            return self._take(lambda: -1, at_most, give)
        except BlockingIOError:
            there = self._stream.plaintext
            if not there.size:
                return None  # type: ignore[return-value]  # as io.BufferedReader: nothing yet
            return self._stream.take(lambda: there.size if at_most is None else min(there.size, at_most), give)

    def _some(self, at_most: int, give: Callable[[bytes], T]) -> T:
        self._check(self._reads, "reading")
        there = self._stream.plaintext
        return self._stream.take(lambda: there.portion(at_most) if at_most else 0, give)

    # -- writing

    def write(self, data: Any) -> int:
        """Keep `data` for the next flush. If this raises, `data` was not taken; what was kept before may be sent."""
        self._check(self._writes, "writing")
        piece = bytes(data)
        size = len(piece)
        kept = sum(map(len, self._unsent))
        if kept and kept + size > self._size:
            self.flush()
        if self._size == 0:
            try:
                self._stream.send(piece)
            except BlockingIOError:
                return None  # type: ignore[return-value]  # as io.RawIOBase
            return size
        if piece:
            self._unsent.append(piece)
        return size

    def flush(self) -> None:
        """Seal and send what was kept. After an exception, call it again: it continues where it stopped."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._writes:
            self._unsent[:] = portions(b"".join(self._unsent)) if self._unsent else ()
            self._stream.send_from(self._unsent)

    def close(self) -> None:
        """Flush, and release the socket, which closes then if `TLSSocket.close` was called before."""
        if not self.closed:
            try:
                super().close()
            finally:
                self._stream.release()

    def _check(self, allowed: bool, purpose: str) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not allowed:
            raise io.UnsupportedOperation(f"not open for {purpose}")


def copied(into: memoryview, data: bytes) -> int:
    """Copy `data` to the beginning of `into`; how many bytes it has."""
    count = len(data)
    into[:count] = data
    return count


class _TextSource(TLSFile):
    """The file of bytes under a TextIOWrapper. It gives whole lines when lines are asked for.

    A TextIOWrapper drops the text that it has decoded when the file under it raises. So this one reports a failure of
    the connection as the end of the stream, and `TLSTextFile` raises the `hidden` failure when that text is given out.
    """

    line_ends: tuple[bytes, ...] = ()
    """The bytes that end a line. Empty if no line is asked for."""
    at_most: int | None = None
    """How many bytes are enough without a line end."""
    has_given = False
    """Whether anything was given since this was reset."""
    hidden: BaseException | None = None
    """The failure that was reported as the end of the stream."""

    def read1(self, size: int = -1) -> bytes:
        search = self._search(self.line_ends) if self.line_ends else self._anything

        def count() -> int:
            found, there = search(), self._stream.plaintext.size
            if found < 0 and there >= (size if self.at_most is None else min(self.at_most, size)):
                found = there
            return min(found, size)

        def hide(failure: BaseException, data: bytes) -> None:
            self.hidden = None if data else failure

        def give(data: bytes) -> bytes:
            self.has_given = bool(data)
            return data

        self._check(self._reads, "reading")
        return self._stream.take(count, give, hide)


class TLSTextFile(io.TextIOWrapper):
    """A file of text over a TLSSocket."""

    def __init__(self, source: _TextSource, encoding: str | None, errors: str | None, newline: str | None) -> None:
        super().__init__(source, encoding, errors, newline)  # type: ignore[arg-type]  # `name` is not needed
        self._source = source
        is_like_ascii = "\n".encode(self.encoding) == b"\n"
        self._line_ends = _LINE_ENDS.get(newline, _NEWLINE) if is_like_ascii else ()
        self._may_hold = not is_like_ascii
        self._has_lost = False

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """As `TLSFile.readline`, in characters."""
        self._source.line_ends, self._source.at_most = self._line_ends, size if size > 0 else None
        line = self._read(super().readline, size)
        if not line.endswith(("\n", "\r")) and len(line) != size:
            self._raise_what_was_hidden(line, None)
        self._may_hold = self._may_hold or len(line) == size
        return line

    def read(self, size: int | None = -1, /) -> str:
        """As `TLSFile.read`, in characters."""
        self._source.line_ends = ()
        wanted = -1 if size is None else size
        if wanted < 0:
            # TextIOWrapper asks for the bytes before it takes the text that it holds, so an exception loses none of it.
            return self._read(super().read, wanted, may_lose=False)
        self._may_hold = True
        text = self._read(super().read, wanted)
        if len(text) < wanted:
            self._raise_what_was_hidden(text, wanted)
        return text

    def readlines(self, hint: int = -1, /) -> list[str]:  # type: ignore[override]
        """All lines, or, with a `hint`, lines until they have that many characters."""
        lines: list[str] = []
        have = 0
        while (hint <= 0 or have < hint) and (line := self._line_behind(lines)):
            lines.append(line)
            have += len(line)
        return lines

    def _line_behind(self, lines: list[str]) -> str:
        try:
            return self.readline()
        except OSError as failure:
            if isinstance(taken := getattr(failure.__cause__, "partial", ""), str):
                incomplete(failure, "".join(lines) + taken, None)
            raise

    def _read(self, read: Callable[[int], str], size: int, *, may_lose: bool = True) -> str:
        if self._has_lost:
            raise OSError("an earlier read of this file was interrupted, and text that it had taken is lost")
        self._source.has_given, self._source.hidden = False, None
        try:
            return read(size)
        except BaseException:
            self._has_lost = self._source.has_given or (may_lose and self._may_hold)
            raise

    def _raise_what_was_hidden(self, text: str, expected: int | None) -> None:
        failure, self._source.hidden = self._source.hidden, None
        if failure is not None:
            try:
                raise incomplete(failure, text, expected) if text else failure
            finally:
                del failure  # else this frame and the failure's traceback would refer to each other
