"""How a peer ends a connection, and what a reader must be told of it: one table for the adapters' tests.

Each adapter's test has a table of its reading calls, and a function for each end here that makes a peer end so; every
call meets every end. What arrived before the end is given out in any case, by the calls' results or as `partial` of the
error's cause.
"""

from __future__ import annotations

from typing import NamedTuple

from tls12 import PeerAlert, TruncatedError
from tls12.errors import BadRecordMac

SENT = b"first line\nsecond line\n" + b"x" * 30_000 + b"\nand half a l"
"""What the peer sends before it ends: three lines over several records, and the beginning of another."""

FORGED = b"\x17\x03\x03\x00\x20" + bytes(32)
"""A record that no key has sealed."""

RESET = b"\x01\0\0\0\0\0\0\0"
"""SO_LINGER with which closing a socket resets the connection."""

ENDS: dict[str, type[OSError] | None] = {
    "close_notify": None,
    "close_notify_and_fin": None,
    "fin": TruncatedError,
    "reset": ConnectionResetError,
    "fatal_alert": PeerAlert,
    "forged_record": BadRecordMac,
}
"""What the reader must be told; None for a clean end."""


class Told(NamedTuple):
    """How a call ended: not the error itself, for its frames would keep the connection."""

    kind: type[BaseException] | None
    text: str = ""
    partial: bytes = b""

    @classmethod
    def by(cls, error: BaseException) -> Told:
        """The end that an error tells, with what had arrived of what the call asked for."""
        partial = getattr(error.__cause__, "partial", b"")
        return cls(type(error), str(error), partial.encode() if isinstance(partial, str) else partial)


def check(told: Told, end: str, got: list[bytes]) -> None:
    """The reader was told the end, and of all that was sent no byte is missing."""
    assert told.kind is ENDS[end]
    everything = b"".join(got) + told.partial
    assert everything == SENT or (end == "reset" and SENT.startswith(everything))  # the kernel drops what was not read
