"""Ticket keys: sealing the server's sessions into tickets that only it can open (RFC 5077).

How it works: a ticket is `key_name(16) | nonce(12) | AES-256-GCM(time(8) | state)`, with the key name
authenticated too. Keys are made at random when first needed and never leave this object. One key seals for
`lifetime` seconds (or `MOST_SEALED` tickets, long before random nonces could repeat), then a new one takes
over, and the old one only opens, for another `lifetime`: by then the last ticket that it sealed has
expired, and the key is forgotten. So there are usually two keys. An attacker who steals the keys of a running
server can read the resumable connections of the last two lifetimes and no older ones (RFC 5077 5.5), which is
why the default lifetime is short.

The lifetime is enforced here, by the time inside the ticket. A ticket that cannot be opened is None, whatever
the reason: a full handshake follows, and the client does not learn why.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar, NoReturn

from tls12.crypto.protection import TicketSealer
from tls12.crypto.provider import STANDARD, CryptoProvider, draw_of
from tls12.crypto.randomness import Purpose
from tls12.errors import UsageError

_NAME, _NONCE, _TIME, _TAG = 16, 12, 8, 16
_OVERHEAD = _NAME + _NONCE + _TIME + _TAG
_MAX_STATE = 0xFFFF - _OVERHEAD


@dataclass(slots=True)
class _Key:
    name: bytes
    sealer: TicketSealer
    born: float
    retired: float | None = None
    sealed: int = 0


class TicketKeys:
    """Rotating keys for tickets; safe to share between configurations, connections and threads.

    Make one with `generate`. It is never written anywhere: a restarted server starts with new keys, and its
    clients make one full handshake each.
    """

    MOST_SEALED: ClassVar[int] = 2**32
    """Tickets sealed under one key at most: random 96-bit nonces allow it (NIST SP 800-38D 8.3)."""

    def __init__(
        self,
        lifetime: float,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        crypto: CryptoProvider = STANDARD,
    ) -> None:
        if not isinstance(lifetime, int | float) or not lifetime > 0:
            raise UsageError(f"a ticket lifetime of {lifetime!r:.40} seconds accepts nothing; give a positive number")
        self.lifetime = lifetime
        """Seconds for which a ticket is accepted, and for which one key seals."""
        self._clock = clock
        self._crypto = crypto
        self._draw = draw_of(random, crypto)
        self._lock = Lock()
        self._keys = [self._new_key(clock())]

    @classmethod
    def generate(
        cls,
        lifetime: float = 7_200.0,
        clock: Callable[[], float] = time.time,
        *,
        random: Callable[[int], bytes] = os.urandom,
        crypto: CryptoProvider = STANDARD,
    ) -> TicketKeys:
        """Fresh keys. `clock` and `random` are for tests, `crypto` seals, all as in the configurations.

        Raises `UsageError` for a lifetime that is not positive, and for a `random` that gives only zeros.
        """
        return cls(lifetime, clock, random, crypto)

    def seal(self, state: bytes) -> bytes:
        """A ticket that holds `state`; an empty one, which means none (RFC 5077 3.3), if it is too long."""
        if len(state) > _MAX_STATE:
            return b""
        now = self._clock()
        with self._lock:
            key = self._current(now)
            key.sealed += 1
        nonce = self._draw(Purpose.TICKET_NONCE, _NONCE)
        return key.name + nonce + key.sealer.seal(nonce, struct.pack(">d", now) + state, key.name)

    def open(self, ticket: bytes) -> bytes | None:
        """The state in a ticket of ours that has not expired; None for every other."""
        now = self._clock()
        name, nonce, sealed = ticket[:_NAME], ticket[_NAME : _NAME + _NONCE], ticket[_NAME + _NONCE :]
        with self._lock:
            self._current(now)
            key = next((key for key in self._keys if key.name == name), None)
        if key is None or len(sealed) < _TIME + _TAG:
            return None
        opened = key.sealer.open(nonce, sealed, name)
        if opened is None:
            return None
        (made,) = struct.unpack_from(">d", opened)
        return opened[_TIME:] if 0 <= now - made < self.lifetime else None

    def should_renew(self, ticket: bytes) -> bool:
        """Whether a resumed client should get a new ticket: this one is under a key that no longer seals."""
        with self._lock:
            return ticket[:_NAME] != self._current(self._clock()).name

    def _current(self, now: float) -> _Key:
        """The key that seals now; retires and forgets what is due. The lock is held."""
        current = self._keys[0]
        if not 0 <= now - current.born < self.lifetime or current.sealed >= self.MOST_SEALED:
            # It stopped sealing at the end of its lifetime, which may be long ago: `now` would keep it too long.
            current.retired = min(now, current.born + self.lifetime)
            current = self._new_key(now)
            self._keys.insert(0, current)
        self._keys = [key for key in self._keys if key.retired is None or 0 <= now - key.retired < self.lifetime]
        return current

    def _new_key(self, now: float) -> _Key:
        secret = self._draw(Purpose.TICKET_KEY, 32)
        if not any(secret):
            raise UsageError("the source of randomness gives only zeros; a ticket key must be secret")
        sealer = self._crypto.make_ticket_sealer(secret)
        del secret  # drawing the name may call the application, which could see this variable in the frame
        return _Key(self._draw(Purpose.TICKET_KEY_NAME, _NAME), sealer, now)

    def __repr__(self) -> str:
        return f"<TicketKeys: lifetime {self.lifetime:g} s>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("TicketKeys hold secrets and cannot be pickled")
