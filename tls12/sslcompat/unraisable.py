"""What becomes of the exception of a callback: there is no caller that could catch it, so `sys.unraisablehook` is told.

CPython's `_ssl` does the same. An exception that went on instead would come out of a server's `accept`, with bytes of
the peer as its cause.
"""

from __future__ import annotations

import sys
from typing import Any


def tell_unraisable(error: BaseException, where: object) -> None:
    """Tell `sys.unraisablehook` what was raised in `where`."""
    hook: Any = type("UnraisableHookArgs", (), {})()
    hook.exc_type, hook.exc_value, hook.exc_traceback = type(error), error, error.__traceback__
    hook.err_msg, hook.object = None, where
    sys.unraisablehook(hook)
