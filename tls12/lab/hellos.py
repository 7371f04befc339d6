"""Changes the extensions of a ClientHello or a ServerHello.

How it works: a hello is a value. `dataclasses.replace` makes one with other fields; these two functions make one with
other extensions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from tls12.registry import ExtensionType
from tls12.wire.extensions import Extension
from tls12.wire.hello import ClientHello, ServerHello

H = TypeVar("H", ClientHello, ServerHello)


def with_extensions(hello: H, *extensions: Extension) -> H:
    """The hello with these extensions. Each replaces the one of its type, or stands at the end."""
    new: dict[ExtensionType, Extension] = {extension.extension_type: extension for extension in extensions}
    kept: tuple[Extension, ...] = tuple(new.pop(old.extension_type, old) for old in hello.extensions or ())
    changed: H = replace(hello, extensions=(*kept, *new.values()))
    return changed


def without_extensions(hello: H, *kinds: type[Any]) -> H:
    """The hello without its extensions of these classes. A hello without a block of extensions stays as it is."""
    if hello.extensions is None:
        return hello
    changed: H = replace(hello, extensions=tuple(old for old in hello.extensions if not isinstance(old, kinds)))
    return changed
