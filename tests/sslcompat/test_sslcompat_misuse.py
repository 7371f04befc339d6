"""Arguments of the wrong kind are refused as CPython refuses them, before anything else happens."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests import pki
from tests.sslcompat.contexts import KINDS, client, server
from tests.sslcompat.test_sslcompat_objects import pair

ON_A_CLIENT_S_CONTEXT: dict[str, Callable[[Any], object]] = {
    "a callback for server names": lambda context: setattr(context, "sni_callback", print),
    "no callback for server names": lambda context: setattr(context, "sni_callback", None),
    "the old name of that": lambda context: context.set_servername_callback(print),
    "no buffer": lambda context: context.wrap_bio(None, ssl.MemoryBIO(), server_hostname=pki.NAME),
    "bytes for a buffer": lambda context: context.wrap_bio(ssl.MemoryBIO(), b"", server_hostname=pki.NAME),
    "no ciphers": lambda context: context.set_ciphers(None),
    "ciphers as bytes": lambda context: context.set_ciphers(b"ALL"),
}
ON_A_CONNECTION: dict[str, Callable[[Any], object]] = {
    "a binding without a name": lambda end: end.get_channel_binding(None),
    "a binding named by bytes": lambda end: end.get_channel_binding(b"tls-unique"),
    "more than an int of C": lambda end: end.read(2**70),
    "less than an int of C": lambda end: end.read(-(2**70)),
    "a negative size": lambda end: end.read(-1),
    "half a byte": lambda end: end.read(1.5),
    "a size in words": lambda end: end.read("1"),
    "no size": lambda end: end.read(None),
    "into bytes": lambda end: end.read(5, b"12345"),
    "into no bytes": lambda end: end.read(5, b""),
    "into a number": lambda end: end.read(5, 5),
    "a text": lambda end: end.write("x"),
}


def raised(act: Callable[[], object]) -> type[BaseException] | None:
    try:
        act()
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize("what", ON_A_CLIENT_S_CONTEXT)
def test_on_the_context_of_a_client(what: str) -> None:
    ours, theirs = (raised(lambda kind=kind: ON_A_CLIENT_S_CONTEXT[what](client(kind))) for kind in KINDS)
    assert ours is theirs
    assert ours in (TypeError, ValueError)


@pytest.mark.parametrize("is_established", [False, True], ids=["before the handshake", "after it"])
@pytest.mark.parametrize("what", ON_A_CONNECTION)
def test_on_a_connection(what: str, is_established: bool) -> None:
    def scenario(kind: str) -> type[BaseException] | None:
        both = pair(kind)
        if is_established:
            both.handshake()
        return raised(lambda: ON_A_CONNECTION[what](both.client))

    ours, theirs = map(scenario, KINDS)
    assert ours is theirs
    assert ours in (TypeError, ValueError, OverflowError)


def test_the_context_of_a_server_takes_a_callback_and_gives_it_back() -> None:
    context = server("tls12")
    context.sni_callback = print
    assert context.sni_callback is print
    context.sni_callback = None
    assert context.sni_callback is None
