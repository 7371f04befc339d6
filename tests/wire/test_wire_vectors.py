"""Recorded messages of others: they mean what their recorders say, and come back to the byte."""

from __future__ import annotations

from typing import Any

import pytest

from tests import vectors_loader
from tls12.registry import CodePoint
from tls12.wire import extensions, messages
from tls12.wire.context import Context, KeyExchangeAlgorithm
from tls12.wire.hello import ClientHello


def fact(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else getattr(value, step)
    return plain(value)


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, CodePoint):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


@pytest.mark.parametrize("case", vectors_loader.params("messages"))
def test_a_recorded_message_means_what_its_recorder_says(case: vectors_loader.Case) -> None:
    algorithm = case.get("key_exchange")
    context = Context(KeyExchangeAlgorithm[algorithm]) if algorithm else None
    message = messages.parse(case.hex("message"), context)
    assert {path: fact(message, path) for path in case["facts"]} == case["facts"]
    assert messages.serialize(message) == case.hex("message")


@pytest.mark.parametrize("case", vectors_loader.params("client_hellos"))
def test_a_hello_from_the_wild_has_the_fields_of_its_fingerprint(case: vectors_loader.Case) -> None:
    hello = messages.parse(case.hex("message"))
    assert isinstance(hello, ClientHello)
    groups = hello.find(extensions.SupportedGroups)
    formats = hello.find(extensions.ECPointFormats)
    fields = (
        (hello.client_version,),
        hello.cipher_suites,
        [extension.extension_type for extension in hello.extensions or ()],
        groups.named_group_list if groups else (),
        formats.ec_point_format_list if formats else (),
    )
    assert ",".join("-".join(str(int(n)) for n in field if not n.is_grease) for field in fields) == case["ja3"]
    assert messages.serialize(hello) == case.hex("message")
