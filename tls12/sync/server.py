"""`listen` and `TLSServer`: a blocking server, with a thread for each connection.

How it works: `serve_forever` accepts, and the `Crowd` (`crowd.py`) gives each connection a thread, in which the
handshake is completed and the handler is called. So a client that is slow holds up none but itself. A connection that
fails is logged and ends; the server goes on, whatever a client does and whatever a handler raises. The state that the
threads share is the crowd alone.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from tls12.config import ServerConfig
from tls12.connection import ServerConnection
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers, check_timeouts, server_connection
from tls12.driver.bounded_log import BoundedLog
from tls12.driver.bounds import BACKLOG, FAILURES_LOGGED, MAX_HANDSHAKES
from tls12.errors import UsageError
from tls12.given import name_value, require_function, require_seconds
from tls12.registry import Alert
from tls12.sync.crowd import Crowd, Visit
from tls12.sync.opening import require_address, wrap
from tls12.sync.tls_socket import TLSSocket

Handler = Callable[[TLSSocket], object]
"""Serves one connection. It is closed when the handler returns."""

_REST = 0.1
"""Seconds without an accept after one has failed, as where the process has no more files."""

_log = logging.getLogger("tls12.sync")


def listen(
    host: str,
    port: int,
    config: ServerConfig,
    *,
    backlog: int = BACKLOG,
    reuse_port: bool = False,
    **options: Any,
) -> TLSServer:
    """Listen on `host` and `port` (0: one that is free); `serve_forever` of the result serves.

    An empty host is every IPv4 address; "::" every address, IPv4 included where the system can. `options` are those of
    `TLSServer`. Raises OSError when the address cannot be had, and `UsageError` for arguments that cannot be right.
    """
    require_address(host, port)
    dual = host == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server(
        (host, port), family=family, backlog=backlog, reuse_port=reuse_port, dualstack_ipv6=dual
    )
    try:
        return TLSServer(sock, config, **options)
    except BaseException:
        sock.close()
        raise


class TLSServer:
    """A listening socket whose connections speak TLS. The socket belongs to the server."""

    def __init__(
        self,
        sock: socket.socket,
        config: ServerConfig,
        *,
        timeout: float | None = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        answers: Answers | None = None,
        make_connection: Callable[..., ServerConnection] = ServerConnection,
        on_failure: Callable[[Any, BaseException], object] | None = None,
        max_connections: int | None = None,
        max_handshakes: int = MAX_HANDSHAKES,
        max_per_address: int | None = None,
    ) -> None:
        """A server over a socket that listens already.

        - `timeout`: seconds that each wait for a client may take, once the handshake is complete. None is no bound.
        - `handshake_timeout`, `answers`: as for `wrap`. `make_connection` makes connections that differ from
          `ServerConnection(config)`, such as `functools.partial(ServerConnection, rewrite=...)`.
        - `on_failure(peer, error)` is called for each handshake that fails; they are logged otherwise.
        - `max_connections`: connections open at the same time, `MAX_CONNECTIONS` unless given, or seven eighths of the
          files that the process may have open. A new one above it is closed, unless a handshake that takes too long
          can be ended in its place.
        - `max_handshakes`: handshakes open at the same time. New connections above it wait, unread; while any wait, a
          handshake has `PATIENCE` seconds.
        - `max_per_address`: connections of one IPv4 address, or one IPv6 network of 64 bits. None is no bound.

        Raises `UsageError` for a bound that leaves no room, and for what is no configuration or no listening socket.
        """
        if not isinstance(sock, socket.socket):
            raise UsageError(f"sock is {name_value(sock)}; give a socket that listens")
        server_connection(config, answers=answers)  # wrong arguments raise now, and not when the first client connects
        require_seconds(timeout=timeout)
        check_timeouts(handshake_timeout=handshake_timeout)
        if timeout == 0:
            raise UsageError("timeout is 0, and the threads of a server wait; give seconds, or None for no bound")
        if on_failure is not None:
            require_function("on_failure", on_failure)
        self.sock = sock
        """The socket that listens."""
        self._config = config
        self._timeout = timeout
        self._handshake_timeout = handshake_timeout
        self._answers = answers
        self._make_connection = make_connection
        self._on_failure = on_failure
        self._handler: Handler = _no_handler
        self._bounded_log = BoundedLog(_log, time.monotonic)
        self._log_lock = threading.Lock()
        self._crowd = Crowd(
            self._serve,
            self._bounded_log,
            max_connections=max_connections,
            max_handshakes=max_handshakes,
            max_per_address=max_per_address,
        )
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._stops = self._serves = False

    @property
    def address(self) -> Any:
        """Where it listens, as `socket.getsockname` gives it."""
        return self.sock.getsockname()

    def fileno(self) -> int:
        """The file descriptor of the listening socket."""
        return self.sock.fileno()

    def accept(self) -> tuple[TLSSocket, Any]:
        """Wait for one client and complete its handshake, in this thread: the connection, and the client's address.

        Raises what `socket.accept` and `wrap` raise. The bounds of the server do not count here.
        """
        sock, peer = self.sock.accept()
        return self._wrap(sock), peer

    def serve_forever(self, handler: Handler) -> None:
        """Call `handler(connection)` for every client, each in a thread of its own, until `shutdown`.

        The handshake is complete by then, and the connection is closed when the handler returns. A handler that raises
        ends its own connection with internal_error, so that the client does not take half an answer for a whole one. It
        is logged (logger "tls12.sync"): as ERROR, with where it was raised, or as INFO if it raised what the connection
        failed with.
        """
        if not callable(handler):
            raise UsageError(f"handler is {name_value(handler)}; give a function that takes a connection")
        self._handler = handler
        self._serves = True
        try:
            self._accept_until_stopped()
        finally:
            self._serves = False
            if self._stops:
                self._wakened.close()

    def _accept_until_stopped(self) -> None:
        self.sock.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            selector.register(self._wakened, selectors.EVENT_READ)
            look_again: float | None = None
            while not self._stops:
                selector.select(look_again)
                if not self._stops and not self._accept():
                    time.sleep(_REST)
                look_again = self._crowd.end_late(self._handshake_timeout)

    def shutdown(self) -> None:
        """Let `serve_forever` return, and accept nothing more. Connections go on. May be called by any thread."""
        self._stops = True
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Stop, close the listening socket, end open handshakes, and wait for handlers that still run.

        After `timeout` seconds their connections are cut off. May be called twice.
        """
        require_seconds(timeout=timeout)
        self.shutdown()
        self.sock.close()
        self._crowd.close(timeout)
        self._waker.close()
        if not self._serves:  # else `serve_forever` closes it: a selector that waits forgets what is closed under it
            self._wakened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- connections

    def _accept(self) -> bool:
        """Take what clients wait; False if the system gave none out although there may be one."""
        for _ in range(BACKLOG):
            try:
                sock, peer = self.sock.accept()
            except (BlockingIOError, ConnectionError):
                return True
            except OSError as error:
                if self._stops:
                    return True
                with self._log_lock:
                    self._bounded_log.warn("accept", 1, "a connection cannot be accepted: %s", error)
                return False
            self._crowd.consider(Visit(sock, peer))
        return True

    def _wrap(self, sock: socket.socket) -> TLSSocket:
        try:
            connection = server_connection(self._config, answers=self._answers, make_connection=self._make_connection)
            sock.settimeout(None)
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        tls = wrap(sock, connection, handshake_timeout=self._handshake_timeout, answers=self._answers)
        tls.settimeout(self._timeout)
        return tls

    def _serve(self, visit: Visit) -> None:
        """The life of one connection, in its thread."""
        try:
            try:
                tls = self._wrap(visit.sock)
            except Exception as error:
                self._report(visit, error)
                return
            try:
                self._crowd.established(visit)
                self._handle(visit, tls)
            finally:
                with contextlib.suppress(OSError):
                    tls.close()
        finally:
            self._crowd.leave(visit)

    def _report(self, visit: Visit, error: Exception) -> None:
        if visit.ended_because is not None:
            error = TimeoutError(visit.ended_because)
        if self._on_failure is not None:
            try:
                self._on_failure(visit.peer, error)
            except Exception:
                _log.exception("on_failure raised")
        elif isinstance(error, OSError):
            with self._log_lock:
                text = "TLS handshake with %s failed: %s"
                self._bounded_log.warn("handshakes", FAILURES_LOGGED, text, visit.peer, error)
        else:
            _log.error("TLS handshake with %s failed", visit.peer, exc_info=error)

    def _handle(self, visit: Visit, tls: TLSSocket) -> None:
        try:
            self._handler(tls)
        except SystemExit:
            _abort(tls)
        except Exception as error:
            if tls._stream.has_failed_with(error):
                _log.info("TLS connection with %s failed: %s", visit.peer, visit.ended_because or error)
            else:
                _log.exception("a handler raised, which served %s", visit.peer)
            _abort(tls)
        except BaseException:
            _abort(tls)
            raise


def _abort(tls: TLSSocket) -> None:
    """End a connection with internal_error, if it has not ended."""
    with contextlib.suppress(OSError, UsageError):
        tls.connection.abort(Alert.INTERNAL_ERROR)
        tls.flush()


def _no_handler(tls: TLSSocket) -> None:
    raise UsageError("serve_forever() was not called")
