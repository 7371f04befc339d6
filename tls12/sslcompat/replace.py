"""`install` and `uninstall`: the TLS of every program in this process, without a line of it changed.

How it works: programs find `SSLContext` in the module `ssl` when they need a context, and so does `ssl` itself in
`create_default_context`. `install` puts ours there, and `SSLSession` beside it, and into the modules that have imported
the class by its name before (urllib3 for instance). `SSLSocket` and `SSLObject` of `ssl` stay: ours are subclasses, and
only contexts make them.

Contexts of CPython's class that were made before stay what they were, and two things see to it. The class that is
installed takes them for instances, because libraries ask `isinstance(context, ssl.SSLContext)`. And the properties of
CPython's class, which look for themselves under the name `SSLContext` of the module `ssl`, are given that name with its
old meaning, or each would call itself for ever.
"""

from __future__ import annotations

import os
import ssl
import sys
from typing import Any

from tls12.errors import UsageError
from tls12.keylog import KeyLog
from tls12.policy import Policy
from tls12.sslcompat import context
from tls12.sslcompat.sessions import SSLSession
from tls12.sslcompat.surface import over

_CPYTHON = ssl.SSLContext


class _TakesBoth(type):
    """The class of the installed class: contexts of CPython's class are instances of that one too."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _CPYTHON)


class SSLContext(context.SSLContext, metaclass=_TakesBoth):
    """What `install` puts into `ssl`; see `tls12.sslcompat.SSLContext`."""


_changes: list[tuple[Any, str, Any]] = []
"""What was changed: the module or class, the name, and what was there."""


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
    context.DEFAULTS.keylog = None if keylog is None else KeyLog.to_file(keylog)
    context.DEFAULTS.policy = policy
    names = {**vars(ssl), "SSLContext": _CPYTHON}
    for name, value in list(vars(_CPYTHON).items()):
        if isinstance(value, property) and value.fset is not None:
            setter: Any = value.fset
            _change(_CPYTHON, name, property(value.fget, over(setter, names), value.fdel, value.__doc__))
    for name, module in list(sys.modules.items()):
        if getattr(module, "__dict__", {}).get("SSLContext") is _CPYTHON and not name.startswith("tls12."):
            _change(module, "SSLContext", SSLContext)
    _change(ssl, "SSLSession", SSLSession)
    _change(ssl, "HAS_TLSv1_3", False)


def uninstall() -> None:
    """Give `ssl`, and the modules that had taken the class from it, back what `install` replaced."""
    while _changes:
        setattr(*_changes.pop())
    context.DEFAULTS.keylog = context.DEFAULTS.policy = None


def _change(owner: Any, name: str, value: object) -> None:
    _changes.append((owner, name, vars(owner)[name]))
    setattr(owner, name, value)
