"""`install` and `uninstall`: the TLS of every program in this process, without a line of it changed.

How it works: programs find `SSLContext` in the module `ssl` when they need a context, and so does `ssl` itself in
`create_default_context`. `install` puts ours there, and `SSLSession` beside it, and into the modules that have imported
the class by its name before (urllib3 for instance). What was made before stays what it was.
`SSLSocket` and `SSLObject` of `ssl` stay: ours are subclasses, and only contexts make them.
"""

from __future__ import annotations

import os
import ssl
import sys
from typing import Any

from tls12.errors import UsageError
from tls12.keylog import KeyLog
from tls12.policy import Policy
from tls12.sslcompat.context import DEFAULTS, SSLContext
from tls12.sslcompat.sessions import SSLSession

_OURS: dict[str, Any] = {"SSLContext": SSLContext, "SSLSession": SSLSession, "HAS_TLSv1_3": False}
_changes: list[tuple[Any, str, Any]] = []
"""Module, name, and what was there."""


def install(*, keylog: str | os.PathLike[str] | None = None, policy: Policy | None = None) -> None:
    """Let `ssl` make connections of this library from now on.

    `keylog` is a file for the secrets of all connections, for Wireshark; `policy` bounds what any context negotiates.
    May be called again without them. Raises UsageError if it is installed already and one of them is given, and OSError
    as `open` does.
    """
    if _changes and (keylog is not None or policy is not None):
        raise UsageError("tls12.sslcompat is installed already", remedy="call uninstall() first")
    if _changes:
        return
    DEFAULTS.keylog = None if keylog is None else KeyLog.to_file(keylog)
    DEFAULTS.policy = policy
    context = ssl.SSLContext
    _changes.extend((ssl, name, getattr(ssl, name)) for name in _OURS)
    for name, module in list(sys.modules.items()):
        if (
            getattr(module, "__dict__", {}).get("SSLContext") is context
            and module is not ssl
            and not name.startswith("tls12.")
        ):
            _changes.append((module, "SSLContext", context))
    for module, name, _ in _changes:
        setattr(module, name, _OURS[name])


def uninstall() -> None:
    """Give `ssl`, and the modules that had taken the class from it, back what `install` replaced."""
    while _changes:
        setattr(*_changes.pop())
    DEFAULTS.keylog = DEFAULTS.policy = None
