"""What stands in for CPython's `ssl`: `import tls12.sslcompat as ssl`, or `install()` for a program as it is.

How it works: everything that the standard module has is here under its name (`surface.py`); `SSLContext`, `SSLSocket`,
`SSLObject` and `SSLSession` are ours, and the functions that make contexts make ours. `ContextRefused` is what a
context raises that was asked for what this library does not do.
"""

from __future__ import annotations

from typing import Any

from tls12.sslcompat.context import SSLContext
from tls12.sslcompat.errors import ContextRefused
from tls12.sslcompat.objects import SSLObject
from tls12.sslcompat.replace import install, uninstall
from tls12.sslcompat.sessions import SSLSession
from tls12.sslcompat.sockets import SSLSocket
from tls12.sslcompat.surface import names_with

__all__ = ["ContextRefused", "SSLContext", "SSLObject", "SSLSession", "SSLSocket", "install", "uninstall"]

_NAMES = names_with(
    {
        "SSLContext": SSLContext,
        "SSLObject": SSLObject,
        "SSLSession": SSLSession,
        "SSLSocket": SSLSocket,
        "HAS_TLSv1_3": False,
    }
)


def __getattr__(name: str) -> Any:
    """What `ssl` has."""
    try:
        return _NAMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
