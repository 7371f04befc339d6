"""What a server does with a ClientHello: it asks the application's callback for the server name, as `_ssl` does.

How it works: the callback gets the SSLSocket (or SSLObject), the name and the context. It may set another context on
the socket, whose configuration then takes the place of the one before, but never asks the client for less; and it gives
None, or the number of an alert that ends the handshake. What it raises has no caller who could catch it, so it goes to
`sys.unraisablehook`, and the handshake ends with an alert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tls12.config import ClientAuth, ServerConfig
from tls12.errors import Detail
from tls12.events import ClientHelloReceived, Refuse
from tls12.registry import Alert
from tls12.sslcompat.unraisable import tell_unraisable

_ASKING = list(ClientAuth)
"""From never to always."""
NOTHING_TO_SHOW = Refuse(
    Alert.HANDSHAKE_FAILURE,
    "the context has no certificate (load_cert_chain) and no pre-shared keys, so no cipher suite can be used",
    Detail.NO_COMMON_CIPHER_SUITE,
)
"""What a server answers every client where its context has loaded nothing that proves its identity."""


def ask_for_server_name(
    callback: Callable[[Any, str | None, Any], Any] | None, owner: object, server_name: str | None, context: object
) -> Refuse | None:
    """Call the callback, if there is one; what it refuses, or None to go on."""
    if callback is None:
        return None
    try:
        verdict = callback(owner, server_name, context)
    except Exception as error:
        tell_unraisable(error, callback)
        return Refuse(Alert.HANDSHAKE_FAILURE, "the callback for the server name raised an exception")
    if verdict is None:
        return None
    try:
        alert = Alert.of(verdict.__index__())
    except (AttributeError, TypeError):
        tell_unraisable(TypeError(f"the callback gave {type(verdict).__name__}, not an int"), verdict)
        return Refuse(Alert.INTERNAL_ERROR, "the callback for the server name gave no alert")
    return Refuse(alert, "the callback for the server name refused it")


def asking_no_less(config: ServerConfig, before: ServerConfig) -> ServerConfig:
    """The configuration to go on with: another context may ask for a client certificate, but not stop asking."""
    if _ASKING.index(config.client_auth) >= _ASKING.index(before.client_auth):
        return config
    return replace(
        config,
        client_auth=before.client_auth,
        verifier=before.verifier,
        certificate_authorities=before.certificate_authorities,
    )


def without_common_protocol(config: ServerConfig, hello: ClientHelloReceived) -> ServerConfig:
    """Where the client offers only other application protocols CPython goes on without any, and so does this server."""
    if not hello.alpn_protocols or set(hello.alpn_protocols) & set(config.alpn_protocols):
        return config
    return replace(config, alpn_protocols=())
