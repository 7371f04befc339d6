"""`_msg_callback` of a context: a function that is told each message of a handshake, for debugging.

How it works: CPython calls it from OpenSSL; here the connection's `on_message` calls it, with the same arguments: the
SSLSocket, "read" or "write", the version, the kind of record, the kind of message, and the message in clear.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from tls12.handshake.engine import OnMessage
from tls12.wire.closing import ChangeCipherSpec
from tls12.wire.messages import serialize

Watcher = Callable[[Any, str, Any, Any, Any, bytes], object]

_Content: Any = ssl._TLSContentType  # type: ignore[attr-defined]
_Message: Any = ssl._TLSMessageType  # type: ignore[attr-defined]


def on_message(watcher: Watcher, owner: Callable[[], object], server_side: bool) -> OnMessage:
    """What a connection calls for each message, so that `watcher` is told. `owner` gives the SSLSocket."""
    ours = "server" if server_side else "client"

    def tell(sender: str, message: Any, size: int) -> None:
        direction = "write" if sender == ours else "read"
        if isinstance(message, ChangeCipherSpec):
            content, kind, data = _Content.CHANGE_CIPHER_SPEC, _Message.CHANGE_CIPHER_SPEC, message.to_bytes()
        else:
            data = serialize(message)
            content, kind = _Content.HANDSHAKE, _kind(data[0])
        watcher(owner(), direction, ssl.TLSVersion.TLSv1_2, content, kind, data)

    return tell


def _kind(number: int) -> Any:
    try:
        return _Message(number)
    except ValueError:
        return number
