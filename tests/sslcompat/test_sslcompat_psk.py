"""Callbacks for pre-shared keys that go wrong end the handshake, and nothing that is no error of `ssl` leaves it."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.ends import Ours, our_client, talk
from tests.sslcompat.test_sslcompat_objects import Pair
from tls12 import Policy, Psk, sslcompat
from tls12.connection import ServerConnection

KEY = b"a key of 16 byte"
HAS_CALLBACKS = hasattr(ssl.SSLContext, "set_psk_client_callback")
"""CPython's own, since 3.13."""


def fails(*_: object) -> Any:
    raise ZeroDivisionError


def gives_a_key(_: str | None) -> Any:
    return KEY


def gives_an_identity(_: str | None) -> Any:
    return "me", KEY


CLIENTS: dict[str, Callable[[str | None], Any]] = {
    "raises": fails,
    "gives nothing": lambda hint: None,
    "gives no key": lambda hint: ("me", b""),
    "gives a key in words": lambda hint: ("me", "a key"),
    "gives three things": lambda hint: ("me", KEY, KEY),
    "gives bytes": lambda hint: (b"me", KEY),
    "gives no identity": lambda hint: (None, KEY),
}
SERVERS: dict[str, Callable[[str | None], Any]] = {
    "raises": fails,
    "gives nothing": lambda identity: None,
    "gives no key": lambda identity: b"",
    "gives a key in words": lambda identity: "a key",
    "gives a bytearray": lambda identity: bytearray(KEY),
}


def contexts(module: Any, at_client: Any, at_server: Any) -> tuple[Any, Any]:
    one, other = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT), module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    one.check_hostname, one.verify_mode = False, ssl.CERT_NONE
    for context in (one, other):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("PSK")
    one.set_psk_client_callback(at_client)
    other.set_psk_server_callback(at_server, "a hint")
    return one, other


def outcome(module: Any, at_client: Any, at_server: Any) -> tuple[str | None, str | None]:
    """What the client and the server see: a version, or a reason."""
    both = Pair(*contexts(module, at_client, at_server), None)
    seen: dict[Any, str | None] = {}
    for end in (both.client, both.server) * 4:
        try:
            if end not in seen:
                end.do_handshake()
                seen[end] = end.version()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            seen[end] = error.reason
    return seen.get(both.client), seen.get(both.server)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What `sys.unraisablehook` was told."""
    found: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: found.append(told.exc_type))
    return found


@pytest.mark.parametrize("what", CLIENTS)
def test_what_a_client_s_callback_gives(what: str, told: list[type[BaseException]]) -> None:
    ours = outcome(sslcompat, CLIENTS[what], gives_a_key)[0]
    in_ours, told[:] = bool(told), []
    assert ours == ("TLSv1.2" if what in ("gives bytes", "gives no identity") else "PSK_IDENTITY_NOT_FOUND")
    assert in_ours is (what not in ("gives bytes", "gives no identity", "gives no key"))
    if HAS_CALLBACKS:
        assert outcome(ssl, CLIENTS[what], gives_a_key)[0] == ours
        assert bool(told) is in_ours


@pytest.mark.parametrize("what", SERVERS)
def test_what_a_server_s_callback_gives(what: str, told: list[type[BaseException]]) -> None:
    ours = outcome(sslcompat, gives_an_identity, SERVERS[what])[1]
    in_ours, told[:] = bool(told), []
    assert ours == "PSK_IDENTITY_NOT_FOUND"
    assert in_ours is (what != "gives no key")
    if HAS_CALLBACKS:
        assert outcome(ssl, gives_an_identity, SERVERS[what])[1] == ours
        assert bool(told) is in_ours


def test_an_identity_that_is_no_utf_8_is_not_known(told: list[type[BaseException]]) -> None:
    asked: list[str | None] = []
    _, context = contexts(sslcompat, gives_an_identity, lambda identity: asked.append(identity) or KEY)
    config = context._config(True)
    client = our_client(verifier=None, policy=Policy.psk(), psk=Psk(b"\xff\xfe", KEY))
    talk(client, Ours(ServerConnection(config)))
    assert not client.completed
    assert told == [UnicodeDecodeError]
    assert asked == []


def test_a_hint_is_a_text() -> None:
    context = sslcompat.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for hint in (b"a hint", 1):
        with pytest.raises(TypeError, match="identity_hint"):
            context.set_psk_server_callback(gives_a_key, hint)
