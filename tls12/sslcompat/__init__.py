"""What stands in for CPython's `ssl`: `import tls12.sslcompat as ssl`, or `install()` for a program as it is.

How it works: everything that the standard module has is here under its name; `SSLContext`, `SSLSocket`, `SSLObject` and
`SSLSession` are ours, and the functions that make contexts make ours.
"""

from __future__ import annotations

import ssl as _standard
from ssl import *  # noqa: F403
from typing import Any

from tls12.sslcompat.context import SSLContext
from tls12.sslcompat.objects import SSLObject
from tls12.sslcompat.replace import install, uninstall
from tls12.sslcompat.sessions import SSLSession  # type: ignore[assignment]
from tls12.sslcompat.sockets import SSLSocket

__all__ = ["SSLContext", "SSLObject", "SSLSession", "SSLSocket", "install", "uninstall"]  # and what `ssl` has


def __getattr__(name: str) -> Any:
    return getattr(_standard, name)
