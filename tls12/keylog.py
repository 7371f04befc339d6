"""The NSS key log: the secrets of connections, for programs that decrypt their traffic.

How it works: one line of text for each secret, "LABEL client_random secret" in hexadecimal; TLS 1.2 has the
label CLIENT_RANDOM and its secret is the master secret. Wireshark, tshark, OpenSSL, browsers and this
library's observer read and write the same format
(https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-02.html).

`KeyLog()` keeps the secrets in memory, `KeyLog.to_file(path)` appends them to a file as they come and keeps
none, `KeyLog.load(path)` reads a file. A line goes out in a single write to a descriptor opened for
appending, so that threads and processes can share one file. Lines that do not parse, such as one that another process
is just writing, are counted in `skipped` and ignored.

WITH THE LOG ALL ITS CONNECTIONS CAN BE DECRYPTED. A file is created readable by its owner only; one that exists and is
readable by others gets a warning in the logger `tls12.keylog`.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple, NoReturn
from weakref import finalize

from tls12.given import require

CLIENT_RANDOM = "CLIENT_RANDOM"
"""The label of a TLS 1.2 master secret."""

_log = logging.getLogger(__name__)

_FOR_OTHERS = stat.S_IRGRP | stat.S_IROTH

_LINE = re.compile(rb"([A-Z][A-Z0-9_]*) ((?:[0-9a-fA-F]{2})+) ((?:[0-9a-fA-F]{2})+)")


class Entry(NamedTuple):
    """One line of a key log."""

    label: str
    client_random: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"<Entry {self.label} {self.client_random.hex()}>"

    def to_line(self) -> bytes:
        """The line, with its end."""
        return f"{self.label} {self.client_random.hex()} {self.secret.hex()}\n".encode()


class KeyLog:
    """Secrets by label and client random: in memory, or on their way into a file. Threads may share it."""

    def __init__(self) -> None:
        self.path: Path | None = None
        """Where the lines go, None for a log in memory."""
        self.skipped = 0
        """Lines of a loaded file that were not understood; comments and empty lines do not count."""
        self._descriptor: int | None = None
        self._finalizer: finalize[[int], KeyLog] | None = None
        self._secrets: dict[tuple[str, bytes], bytes] = {}
        self._lock = Lock()

    @classmethod
    def to_file(cls, path: str | os.PathLike[str]) -> KeyLog:
        """A log that appends to a file, made if need be with mode 0600. Raises OSError as `open` does.

        The mode of a file that exists stays as it is; if others than its owner may read it, the logger `tls12.keylog`
        says so, as a warning.
        """
        require("path", path, str | os.PathLike, "the path of a file")
        log = cls()
        log.path = Path(path)
        log._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        log._finalizer = finalize(log, os.close, log._descriptor)
        mode = os.fstat(log._descriptor).st_mode
        if os.name == "posix" and stat.S_ISREG(mode) and mode & _FOR_OTHERS:
            _log.warning(
                "the key log %s has mode %04o: others than its owner may read every connection; chmod it to 0600",
                log.path,
                stat.S_IMODE(mode),
            )
        return log

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KeyLog:
        """The secrets of a file, in memory. Raises OSError as `open` does."""
        require("path", path, str | os.PathLike, "the path of a file")
        return cls.parse(Path(path).read_bytes())

    @classmethod
    def parse(cls, data: bytes) -> KeyLog:
        """The secrets of a key log's text, in memory."""
        log = cls()
        for line in map(bytes.strip, data.splitlines()):
            match = _LINE.fullmatch(line)
            if match is not None:
                label, client_random, secret = match.groups()
                log.log(label.decode(), bytes.fromhex(client_random.decode()), bytes.fromhex(secret.decode()))
            elif line and not line.startswith(b"#"):
                log.skipped += 1
        return log

    def log(self, label: str, client_random: bytes, secret: bytes) -> None:
        """Take one secret. Raises OSError when the file cannot be written."""
        with self._lock:
            if self._descriptor is not None:
                os.write(self._descriptor, Entry(label, client_random, secret).to_line())
            else:
                self._secrets[label, client_random] = secret

    def find(self, client_random: bytes, label: str = CLIENT_RANDOM) -> bytes | None:
        """The secret of a connection; None if it is not in memory."""
        return self._secrets.get((label, client_random))

    def close(self) -> None:
        """Close the file, if there is one; what comes afterwards is kept in memory. May be called twice.

        A log closes its file when the last reference to it goes.
        """
        with self._lock:
            self._descriptor = None
            if self._finalizer is not None:
                self._finalizer()

    def to_bytes(self) -> bytes:
        """All secrets in memory, as the text of a key log."""
        return b"".join(entry.to_line() for entry in self)

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            entries = list(self._secrets.items())
        return (Entry(label, client_random, secret) for (label, client_random), secret in entries)

    def __len__(self) -> int:
        return len(self._secrets)

    def __repr__(self) -> str:
        return f"<KeyLog to {self.path}>" if self.path else f"<KeyLog with {len(self)} secrets>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyLog holds secrets and cannot be pickled")
