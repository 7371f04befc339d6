"""Editing hellos: what most experiments change in a ClientHello or a ServerHello.

How it works: a hello is a value, so `dataclasses.replace` changes its fields; these two functions do the same to
its extensions, by type.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from tls12.registry import ExtensionType
from tls12.wire.extensions import Extension
from tls12.wire.hello import ClientHello, ServerHello

H = TypeVar("H", ClientHello, ServerHello)


def with_extensions(hello: H, *extensions: Extension) -> H:
    """The hello with these extensions, each in the place of one of its type, or at the end."""
    new: dict[ExtensionType, Extension] = {extension.extension_type: extension for extension in extensions}
    kept: tuple[Extension, ...] = tuple(new.pop(old.extension_type, old) for old in hello.extensions or ())
    changed: H = replace(hello, extensions=(*kept, *new.values()))
    return changed


def without_extensions(hello: H, *kinds: type[Any]) -> H:
    """The hello without its extensions of these classes; an absent block stays absent."""
    if hello.extensions is None:
        return hello
    changed: H = replace(hello, extensions=tuple(old for old in hello.extensions if not isinstance(old, kinds)))
    return changed
