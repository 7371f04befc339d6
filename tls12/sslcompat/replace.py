"""`install` and `uninstall`: the TLS of every program in this process, without a line of it changed.

How it works: programs find `SSLContext` in the module `ssl` when they need a context, and so does `ssl` itself in
`create_default_context`. `install` puts ours there, and `SSLSession` beside it. What was made before stays what it was.
`SSLSocket` and `SSLObject` of `ssl` stay: ours are subclasses, and only contexts make them.
"""

from __future__ import annotations

import ssl
from typing import Any

from tls12.sslcompat.context import SSLContext
from tls12.sslcompat.sessions import SSLSession

_OURS: dict[str, Any] = {"SSLContext": SSLContext, "SSLSession": SSLSession, "HAS_TLSv1_3": False}
_before: dict[str, Any] = {}


def install() -> None:
    """Let `ssl` make connections of this library from now on. May be called twice."""
    if not _before:
        _before.update({name: getattr(ssl, name) for name in _OURS})
        for name, value in _OURS.items():
            setattr(ssl, name, value)


def uninstall() -> None:
    """Give `ssl` back what `install` replaced."""
    for name, value in _before.items():
        setattr(ssl, name, value)
    _before.clear()
