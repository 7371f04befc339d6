"""The functions of the module `ssl`, making contexts of ours: what `import tls12.sslcompat as ssl` finds.

How it works: CPython's functions look up `SSLContext` and each other among the names of their module. Here they are
given other names to look among: those of `ssl`, with ours in the place of what ours stands for. So each is the function
of the CPython that runs, with its arguments and its defaults.
"""

from __future__ import annotations

import ssl
from types import FunctionType
from typing import Any


def names_with(ours: dict[str, Any]) -> dict[str, Any]:
    """All names of `ssl`, and its functions over `ours`."""
    names: dict[str, Any] = {**vars(ssl), **ours}
    functions = {
        id(value): over(value, names)
        for value in vars(ssl).values()
        if isinstance(value, FunctionType) and value.__module__ == "ssl"
    }
    for name, value in vars(ssl).items():
        names[name] = ours.get(name, functions.get(id(value), value))
    return names


def over(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    """The same function, which looks among these names."""
    other = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    other.__kwdefaults__ = function.__kwdefaults__
    other.__doc__ = function.__doc__
    return other
