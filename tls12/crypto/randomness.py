"""Random bytes, and what each draw is for.

How it works: a connection draws all of its random bytes through one function, `draw(purpose, count)`, which the
configuration makes (`provider.draw_of`). The list of purposes is closed. So a source that records what is drawn, or
replays it, knows every draw by name, and a new kind of draw in a later version is a new name and shifts no others.

Code below the handshake, which draws for one purpose only, takes a plain `random(count)`; `for_purpose` makes it. If
the configuration replaces nothing, that is `os.urandom` itself, and key shares then let the backend draw by itself.

A source of the application's own is checked, because too few bytes would make a weak secret without any error.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TypeAlias

from tls12.errors import UsageError
from tls12.given import expect


class Purpose(Enum):
    """What random bytes are drawn for. Each member says how many bytes one draw asks for."""

    CLIENT_RANDOM = "client_random"
    """The random of a ClientHello: 32 (RFC 5246 7.4.1.2)."""
    SERVER_RANDOM = "server_random"
    """The random of a ServerHello: 32 (RFC 5246 7.4.1.3)."""
    SESSION_ID = "session_id"
    """A session id, the server's or that of a client with a ticket (RFC 5077 3.4): 32."""
    GREASE = "grease"
    """Which reserved values a ClientHello names (RFC 8701): 4."""
    KEY_SHARE = "key_share"
    """An ephemeral private key: as many as the group's private keys have, and 8 more if they are out of range."""
    PREMASTER_SECRET = "premaster_secret"
    """What a client encrypts to the server's RSA key after the version: 46 (RFC 5246 7.4.7.1)."""
    SUBSTITUTE_SECRET = "substitute_secret"
    """What a server uses instead if that does not decrypt to 48 bytes: 46 (RFC 5246 7.4.7.1)."""
    UNKNOWN_PSK = "unknown_psk"
    """A key for an unknown PSK identity, where the server conceals that it does not know it: 32 (RFC 4279 2)."""
    RECORD_IV = "record_iv"
    """The IV of a CBC record: one block, 8 or 16 (RFC 5246 6.2.3.2)."""
    TICKET_KEY = "ticket_key"
    """A key that seals tickets: 32 (RFC 5077 4)."""
    TICKET_KEY_NAME = "ticket_key_name"
    """The name of such a key, which travels in every ticket: 16 (RFC 5077 4)."""
    TICKET_NONCE = "ticket_nonce"
    """The nonce of one ticket: 12."""

    __hash__ = object.__hash__  # Enum's own is a Python function


Random: TypeAlias = Callable[[int], bytes]
"""Gives that many random bytes: os.urandom, or something reproducible."""

Draw: TypeAlias = Callable[[Purpose, int], bytes]
"""Gives that many random bytes for this purpose."""


def system_random(purpose: Purpose, count: int) -> bytes:
    """Random bytes from the operating system, whatever they are for."""
    return os.urandom(count)


@dataclass(frozen=True, slots=True)
class CheckedRandom:
    """A source that gives as many bytes as are asked for, whatever they are for, or raises `UsageError`."""

    source: Random

    def __call__(self, purpose: Purpose, count: int) -> bytes:
        """So many bytes of the source."""
        return _checked(self.source(count), count, f"random({count})")


@dataclass(frozen=True, slots=True)
class CheckedDraw:
    """A source by purpose that gives as many bytes as are asked for, or raises `UsageError`."""

    source: Draw

    def __call__(self, purpose: Purpose, count: int) -> bytes:
        """So many bytes of the source."""
        return _checked(self.source(purpose, count), count, f"crypto.random({purpose}, {count})")


def _checked(data: object, count: int, call: str) -> bytes:
    given: bytes = expect(data, bytes, call, "it gives bytes, as os.urandom does")
    if len(given) != count:
        raise UsageError(f"{call} gave {len(given)} bytes; it gives as many as are asked for")
    return given


def for_purpose(draw: Draw, purpose: Purpose) -> Random:
    """A plain source that draws for this purpose; `os.urandom` where the operating system is the source."""
    return os.urandom if draw is system_random else partial(draw, purpose)
