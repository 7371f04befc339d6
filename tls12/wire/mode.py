"""How messages are read: how strictly, within which bounds, and with which memory.

How it works: one `Mode` goes with a `Reader` through a whole message. `STRICT` refuses what does not decode and is what
`messages.parse` uses unless told otherwise. `LENIENT` is for research: what does not decode is kept, named and written
back byte for byte. An extension that does not decode becomes a `MalformedExtension` and its neighbours are read on; the
end of a block that is no extension becomes an `ExtensionRemnant`; a second extension of one type stays; a message that
does not decode as a whole becomes a `MalformedMessage`. A connection never reads leniently: each configuration makes a
mode of its own, with `tls12_only` and the bounds of its `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tls12.wire.memory import Memory

ANY_NUMBER = 1 << 24
"""No bound, because no message has room for as many entries."""


ALWAYS_READ = 255
"""Entries that every bound must allow, since a shorter list may come out of a memory, where entries are not counted."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How messages are read."""

    lenient: bool = False
    """Keep what does not decode instead of refusing it."""
    tls12_only: bool = False
    """Read as an endpoint that speaks TLS 1.2. The body of an extension that TLS 1.2 gives no meaning stays bytes, so
    the connection neither spends time on it nor refuses a hello for it, as OpenSSL and GnuTLS do. A list with more
    than 64 numbers that mean nothing to the registry is read without them."""
    entries: int = ANY_NUMBER
    """Entries in any one list."""
    structures: int = ANY_NUMBER
    """Entries of all lists of structures and of names in one extension, or of structures in one message. They take far
    longer to read than numbers, and no real peer sends many."""
    extensions: int = ANY_NUMBER
    """Extensions in a hello. A bound is compared with the peer's bytes before more objects are made of them."""
    memory: Memory | None = None
    """Where extensions that were read before are kept."""


STRICT = Mode()
"""What does not decode is refused, nothing but the format bounds a message, and nothing is remembered."""

LENIENT = Mode(lenient=True)
"""What does not decode is kept; a message read so is never refused."""
