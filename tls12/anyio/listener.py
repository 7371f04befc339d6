"""A listener of anyio whose connections are TLS.

How it works: each connection of the listener below gets a fresh `ServerConnection`; its handshake runs in its own task,
so a slow client delays no other. A handshake that fails is logged (logger "tls12.anyio", WARNING) and ends that
connection only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.abc import AnyByteStream, Listener, TaskGroup

from tls12.anyio.stream import TLSStream
from tls12.config import ServerConfig
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers, check_timeouts, server_connection

_log = logging.getLogger("tls12.anyio")


class TLSListener(Listener[TLSStream]):
    """Wraps a listener: `serve(handler)` calls the handler with a `TLSStream` for each client."""

    def __init__(
        self,
        listener: Listener[Any],
        config: ServerConfig,
        *,
        answers: Answers | None = None,
        standard_compatible: bool = True,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        """Raises `UsageError` for arguments that cannot be right."""
        server_connection(config, answers=answers)
        check_timeouts(handshake_timeout=handshake_timeout, close_timeout=close_timeout)
        self.listener = listener
        """The listener below."""
        self.config = config
        """The configuration of every new connection."""
        self._answers = answers
        self._options: dict[str, Any] = {
            "answers": answers,
            "standard_compatible": standard_compatible,
            "handshake_timeout": handshake_timeout,
            "close_timeout": close_timeout,
        }

    async def serve(self, handler: Callable[[TLSStream], Any], task_group: TaskGroup | None = None) -> None:
        """Accept connections until cancelled."""

        async def wrap_and_handle(transport: AnyByteStream) -> None:
            try:
                stream = await TLSStream.wrap(
                    transport, server_connection(self.config, answers=self._answers), **self._options
                )
            except OSError as error:
                peer = transport.extra(anyio.abc.SocketAttribute.remote_address, None)
                _log.warning("TLS handshake with %s failed: %s", peer, error)
                return
            await handler(stream)

        await self.listener.serve(wrap_and_handle, task_group)

    async def aclose(self) -> None:
        """Close the listener below."""
        await self.listener.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """What the listener below knows."""
        return self.listener.extra_attributes
