"""`answers=` of the adapters: the functions that answer a paused connection.

How it works: a table from the class of an event to the function that makes the answer of it. A function that requires
two arguments is given the connection too, for what the event does not say (`negotiated`, the name that was asked for).
The adapters call `prepared` once for each connection, so that signatures are not inspected at each event.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from tls12.connection import Connection
from tls12.given import functions_by_class

Answers = Mapping[type, Callable[..., Any]]
"""An event class of `tls12.events.PAUSABLE`, and what answers it: `function(event)` or `function(event, connection)`.
Under asyncio it may be a coroutine function, which may take its time while the event loop goes on."""

Decisions = dict[type, Callable[[Any, Connection], Any]]


def prepared(answers: Answers | None) -> Decisions:
    """The same table with functions that all take the event and the connection. Raises UsageError for no table."""
    return {kind: _of_both(function) for kind, function in functions_by_class(answers).items()}


def _of_both(function: Callable[..., Any]) -> Callable[[Any, Connection], Any]:
    if _requires_two(function):
        return function
    return lambda event, _: function(event)


def _requires_two(function: Callable[..., Any]) -> bool:
    """Whether two arguments have no default: `lambda event, key=key: key` does not ask for a connection."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a builtin that does not tell
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters) > 1
