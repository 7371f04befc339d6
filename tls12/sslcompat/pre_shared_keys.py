"""The callbacks for pre-shared keys (CPython 3.13), as sources of keys for a configuration of this library.

How it works: a callback that raises, or gives something that is no key, has given none, and `sys.unraisablehook` is
told why. The handshake then ends as if the identity were not known. An identity or a hint that is no UTF-8 (RFC 4279
5.1 asks for it) is no argument for the callback, so there is no key for it either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tls12.config import Psk
from tls12.sslcompat.unraisable import tell_unraisable


def of_client(callback: Callable[[str | None], Any]) -> Callable[[bytes], Psk | None]:
    """The function from a server's hint to an identity and its key, for a callback that gives both as a tuple."""

    def find(hint: bytes) -> Psk | None:
        try:
            identity, key = callback(hint.decode() if hint else None)
            octets = identity.encode() if isinstance(identity, str) else bytes(memoryview(identity or b""))
            return Psk(octets, _key(key)) if key else None
        except Exception as error:
            tell_unraisable(error, callback)
            return None

    return find


def of_server(callback: Callable[[str | None], Any]) -> Callable[[bytes], bytes | None]:
    """The function from a client's identity to its key, for a callback; an empty key is none."""

    def find(identity: bytes) -> bytes | None:
        try:
            return _key(callback(identity.decode() or None)) or None
        except Exception as error:
            tell_unraisable(error, callback)
            return None

    return find


def _key(key: Any) -> bytes:
    """The key. Raises TypeError for anything but bytes, as CPython does."""
    if not isinstance(key, bytes):
        raise TypeError(f"the callback gave a key of type {type(key).__name__}, not bytes")
    return key
