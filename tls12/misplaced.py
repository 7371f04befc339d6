"""What a configuration says where it was given in the place of an `ssl.SSLContext`.

How it works: asyncio, and programs that take an `ssl=` or a context, do not check what they are given, and call
`wrap_bio` or `wrap_socket` on it for each connection. Both configurations have these two methods, which raise the
sentence that names the function to use. asyncio drops what is raised while a server accepts a connection, so the
sentence is logged for each of them too (logger "tls12.asyncio", level ERROR).
"""

from __future__ import annotations

from typing import Any, NoReturn

from tls12.errors import UsageError


class NoSSLContext:
    """A part of ClientConfig and ServerConfig: the two methods of `ssl.SSLContext` that make connections."""

    __slots__ = ()

    def wrap_bio(self, incoming: Any, outgoing: Any, server_side: bool = False, **_: Any) -> NoReturn:
        """Raises UsageError: a configuration is no SSLContext. This is what asyncio calls on its argument `ssl`."""
        name = type(self).__name__
        doors = "tls12.asyncio.start_server or create_server" if server_side else "tls12.asyncio.open_connection"
        sentence = (
            f"a {name} was given where an ssl.SSLContext is due (asyncio's ssl=, perhaps); "
            f"use {doors} with config=, or make the context with tls12.sslcompat"
        )
        if server_side:
            import logging  # here, because a program that never makes this mistake need not import it

            logging.getLogger("tls12.asyncio").error(sentence)
        raise UsageError(sentence)

    def wrap_socket(self, sock: Any, server_side: bool = False, **_: Any) -> NoReturn:
        """Raises UsageError: a configuration is no SSLContext."""
        door = "tls12.sync.listen or wrap" if server_side else "tls12.sync.connect or wrap"
        raise UsageError(
            f"a {type(self).__name__} was given where an ssl.SSLContext is due; "
            f"use {door}, or make the context with tls12.sslcompat"
        )
