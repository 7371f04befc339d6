"""One TLS connection, as CPython's `ssl.SSLSocket` and `ssl.SSLObject` expect it from the `_ssl` module.

How it works: those two classes are thin. They keep an object from the C module `_ssl` and forward to it: `read`,
`write`, `do_handshake`, `shutdown`, `getpeercert` and so on. An `Engine` is such an object over a driver of ours
(docs/architecture.md, "The driver and its adapters"), and a context of `tls12.sslcompat` gives it to them in the place
of OpenSSL's. So the rules of `wrap_socket`, of `connect` and `accept`, of files and of time-outs are CPython's own
code, of the version that runs, and subclasses of its classes (an application's `sslsocket_class`, gevent's socket) work
too.

What an engine does is what `_ssl` does over OpenSSL, in the same places:

- `read` and `write` complete the handshake first, if it was not asked for.
- `read` gives b"" after the peer's close_notify, and SSLZeroReturnError once both sides have said it.
- A `write` is whole or raises; what it had sealed when it raised is not sealed again when it is called again with the
  same data, which is what a caller does after SSLWantWriteError.
- `shutdown` says close_notify, awaits the peer's, and gives the bare socket back.
- Whatever this side owes the peer, an alert for instance, is handed over before a failure is raised.

One thread may read while another writes: `_stepping` guards the driver while it computes, `_reading` and `_writing`
the two directions of the transport, and `_sealing` the data of one call of `write` against another's. A reader never
waits for a writer.
"""

from __future__ import annotations

import contextlib
import copy
import operator
import ssl
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from tls12.config import ServerConfig
from tls12.connection import ClientConnection, Connection, ServerConnection
from tls12.driver import Answers, Driver, described
from tls12.errors import TLSError, TruncatedError
from tls12.events import ClientHelloReceived, Negotiated, Refuse
from tls12.handshake.engine import OnMessage
from tls12.resumption.sessions import Session
from tls12.sslcompat.carriers import Bound, Carrier, MemoryCarrier, Records, SocketCarrier
from tls12.sslcompat.descriptions import ChainCertificate
from tls12.sslcompat.errors import as_ssl, closed, ssl_error
from tls12.sslcompat.server_names import (
    NOTHING_TO_SHOW,
    ask_for_server_name,
    asking_no_less,
    without_common_protocol,
)
from tls12.sslcompat.sessions import SSLSession
from tls12.sslcompat.statistics import Statistics
from tls12.sslcompat.watching import Watcher, on_message
from tls12.sync.outbox import Outbox
from tls12.trust.peercert import peercert
from tls12.wire.records import MAX_PLAINTEXT

if TYPE_CHECKING:
    import socket

_PORTION = 256 * 1024  # what one step seals of a long write
_MOST_HELD = 256 * 1024  # what may wait for the end of a renegotiation before a writer waits
_WRONG_SSL_VERSION = 266  # OpenSSL's number, which is the errno where no connection failed
OP_IGNORE_UNEXPECTED_EOF = 0x80
"""SSL_OP_IGNORE_UNEXPECTED_EOF: a stream that breaks off counts as one that ends. CPython 3.11.2 sets it unasked."""
_TICK = 0.05  # seconds after which a writer that waits for a reader looks again


P = ParamSpec("P")
T = TypeVar("T")


class Context(Protocol):
    """What an engine needs of its context."""

    verify_mode: ssl.VerifyMode
    options: ssl.Options
    statistics: Statistics

    @property
    def sni_callback(self) -> Callable[[Any, str | None, Any], int | None] | None:
        """What a server asks when a client has named what it wants."""

    @property
    def _msg_callback(self) -> Watcher | None:
        """Who is told each message of a handshake."""

    def _make_connection(
        self,
        server_side: bool,
        server_hostname: str | None,
        session: Session | None,
        on_message: OnMessage | None = None,
    ) -> ClientConnection | ServerConnection:
        """A connection under the settings of the context; a server's pauses on ClientHelloReceived."""


def _raises_ssl_errors(method: Callable[Concatenate[Engine, P], T]) -> Callable[Concatenate[Engine, P], T]:
    """Let the errors of ours that come out of the driver leave as those of the `ssl` module."""

    @wraps(method)
    def translated(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(engine, *args, **kwargs)
        except TLSError as error:
            raise as_ssl(error, engine.server_hostname) from error

    return translated


class Engine:
    """A connection over a carrier. Made by `over_socket` and `over_memory`."""

    def __init__(
        self,
        context: Context,
        carrier: Carrier,
        server_side: bool,
        server_hostname: str | None,
        owner: object,
        session: object,
    ) -> None:
        if server_hostname is not None:
            _check_hostname(server_hostname)
        self._context = context
        self._carrier = carrier
        self._owner: Callable[[], Any] = _nobody if owner is None else weakref.ref(owner)
        self.server_side = server_side
        """Whether this side is the server."""
        self.server_hostname = server_hostname
        """The name (or address) that was asked for, as an A-label."""
        self._client_suites: frozenset[int] | None = None
        """What the client offered, in a server."""
        self._has_begun = False
        self._was_counted = False
        """Whether the complete handshake is in the statistics of the context."""
        self._said_close = False
        self._broke_off = False
        """Whether the peer's stream broke off, where the options of the context take that for its end."""
        self._sealed = 0
        """How much of the data of a write that did not complete is sealed."""
        self._arrived: list[bytes] = []
        """What was received and not given to the driver yet."""
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._sealing = threading.Lock()
        self._stepping = threading.Lock()
        self._make(None)
        if session is not None:
            self.session = session  # type: ignore[assignment]

    def _make(self, session: SSLSession | None) -> None:
        watcher = self._context._msg_callback
        connection = self._context._make_connection(
            self.server_side,
            self.server_hostname,
            None if session is None else session.session,
            None if watcher is None else on_message(watcher, self._owner, self.server_side),
        )
        # Through a weak reference, or each connection would be a cycle, which waits for the garbage collector.
        answer: Any = weakref.WeakMethod(self._answer_hello)
        answers: Answers = {ClientHelloReceived: lambda hello: answer()(hello)} if self.server_side else {}
        self._driver = driver = Driver(connection, answers, handshake_timeout=None)
        self._plaintext = driver.plaintext
        self._outbox = Outbox(driver.output)
        self._records = Records()

    # -- facts

    @property
    def connection(self) -> Connection:
        """The connection of this library."""
        return self._driver.connection

    @property
    def owner(self) -> Any:
        """The SSLSocket or SSLObject that this engine belongs to."""
        return self._owner()

    @owner.setter
    def owner(self, owner: object) -> None:
        self._owner = weakref.ref(owner)

    @property
    def context(self) -> Context:
        """The context in force. A callback for the server name may set another one."""
        return self._context

    @context.setter
    def context(self, context: Context) -> None:
        if not hasattr(context, "_make_connection"):
            raise TypeError("The value must be a SSLContext")
        self._context = context
        if not self._has_begun:
            self._make(None)

    @property
    def session(self) -> SSLSession | None:
        """What a later connection of the same context can resume."""
        session = self.connection.session
        return None if session is None else SSLSession(session, self._context)

    @session.setter
    def session(self, session: SSLSession) -> None:
        if not isinstance(session, SSLSession):
            raise TypeError("Value is not a SSLSession.")
        if session.context is not self._context:
            raise ValueError("Session refers to a different SSLContext.")
        if self.server_side:
            raise ValueError("Cannot set session for server-side SSLSocket.")
        if self._has_begun:
            raise ValueError("Cannot set session after handshake.")
        self._make(session)

    @property
    def session_reused(self) -> bool:
        """Whether the handshake was abbreviated."""
        negotiated = self._negotiated()
        return negotiated is not None and negotiated.resumed

    def version(self) -> str | None:
        """ "TLSv1.2", or None before the end of the handshake."""
        return None if self._negotiated() is None else "TLSv1.2"

    def cipher(self) -> tuple[str, str, int] | None:
        """Name, version and bits of the cipher suite."""
        negotiated = self._negotiated()
        return None if negotiated is None else described(negotiated.cipher_suite)

    def shared_ciphers(self) -> list[tuple[str, str, int]] | None:
        """What both sides could have chosen, as the server prefers it; None in a client and before the hello."""
        offered = self._client_suites
        if offered is None:
            return None
        return [described(row.suite) for row in self.connection.config.suites if row.suite in offered]

    def compression(self) -> None:
        """None: records are never compressed."""

    def group(self) -> str | None:
        """The name of the group of the key exchange, if one took part."""
        negotiated = self._negotiated()
        return None if negotiated is None or negotiated.group is None else str(negotiated.group)

    def selected_alpn_protocol(self) -> str | None:
        """The application protocol, if one was agreed on."""
        negotiated = self._negotiated()
        return None if negotiated is None else negotiated.alpn_protocol

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's certificate: DER, or as a dictionary, which is empty where it was not verified."""
        if (negotiated := self._negotiated()) is None:
            raise ValueError("handshake not done yet")
        if not negotiated.peer_certificates:
            return None
        leaf = negotiated.peer_certificates[0]
        if binary_form:
            return leaf
        if self._context.verify_mode == ssl.CERT_NONE:
            return {}
        return peercert(leaf)

    def get_verified_chain(self) -> list[ChainCertificate]:
        """The chain that was verified, leaf first."""
        negotiated = self._negotiated()
        return [] if negotiated is None else list(map(ChainCertificate, negotiated.verified_chain))

    def get_unverified_chain(self) -> list[ChainCertificate]:
        """What the peer sent, leaf first."""
        negotiated = self._negotiated()
        return [] if negotiated is None else list(map(ChainCertificate, negotiated.peer_certificates))

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """tls-unique, tls-server-end-point or tls-exporter, or None before the end of the handshake.

        Raises ValueError for another one, and where it would not be safe (RFC 7627 for tls-unique).
        """
        if not isinstance(cb_type, str):
            raise TypeError(f"get_channel_binding() argument 'cb_type' must be str, not {type(cb_type).__name__}")
        if cb_type not in ("tls-unique", "tls-server-end-point", "tls-exporter"):
            raise ValueError(f"'{cb_type}' channel binding type not implemented")
        if self._negotiated() is None:
            return None
        return self.connection.channel_binding(cb_type)

    def verify_client_post_handshake(self) -> None:
        """Refused: in TLS 1.2 there is no such thing."""
        raise ssl_error(
            "WRONG_SSL_VERSION",
            "post-handshake authentication is of TLS 1.3, and this connection speaks TLS 1.2; "
            "a server asks in the handshake, by the verify_mode of its context",
            number=_WRONG_SSL_VERSION,
        )

    def pending(self) -> int:
        """How many bytes `read` gives without the transport."""
        return self._plaintext.size

    def _negotiated(self) -> Negotiated | None:
        return self.connection.negotiated if self._driver.is_established else None

    # -- the handshake

    @_raises_ssl_errors
    def do_handshake(self) -> None:
        """Complete the handshake."""
        self._establish(self._carrier.bound("handshake"))

    def _establish(self, bound: Bound) -> None:
        driver = self._driver
        with self._reading:
            if not self._has_begun:
                self._has_begun = True
                self._context.statistics.begun(self.server_side)
                with self._stepping:
                    driver.begin()
            while not driver.is_established:
                self._deliver(bound, is_reading=True)
                self._raise_failure()
                self._pump(bound)
            if not self._was_counted:
                self._was_counted = True
                self._context.statistics.completed(self.server_side, self.session_reused)
        self._deliver(bound)

    def _answer_hello(self, event: ClientHelloReceived) -> ServerConfig | Refuse:
        """Let the callback for the server name choose the context, and go on with its configuration."""
        self._client_suites = frozenset(event.client_hello.cipher_suites)
        before = self.connection.config
        assert isinstance(before, ServerConfig)
        context = self._context
        if (refusal := ask_for_server_name(context.sni_callback, self.owner, event.server_name, context)) is not None:
            return refusal
        config = before
        if self._context is not context:
            after = self._context._make_connection(True, None, None).config
            assert isinstance(after, ServerConfig)
            config = asking_no_less(after, before)
        return without_common_protocol(config, event) if config.suites else NOTHING_TO_SHOW

    # -- reading

    @_raises_ssl_errors
    def read(self, size: int = 1024, buffer: Any = None, /) -> Any:
        """At most `size` bytes of one record, or as many into `buffer` and their number."""
        size = _ssize(size)
        if buffer is None:
            if size < 0:
                raise ValueError("size should not be negative")
            return self._read(size) if size else b""
        with memoryview(buffer) as view, view.cast("B") as room:
            if view.readonly:
                raise TypeError(f"read() argument 2 must be read-write bytes-like object, not {type(buffer).__name__}")
            at_most = size if 0 < size <= len(room) else len(room)
            if not at_most:
                return 0
            data = self._read(at_most)
            room[: len(data)] = data
            return len(data)

    def _read(self, at_most: int) -> bytes:
        driver, plaintext = self._driver, self._plaintext
        bound = self._carrier.bound("read")
        if not driver.is_established:
            self._establish(bound)
        while True:
            with self._reading:
                place = plaintext.given
                while not (data := plaintext.first(at_most)) and not self._has_ended():
                    self._raise_failure()
                    self._pump(bound)
                if not data and self._said_close:
                    raise closed()
                after = place + len(data)
            # From here on nothing is called, so no signal handler runs, and no other thread.
            if plaintext.given == place:
                plaintext.given = after
                return data

    def _pump(self, bound: Bound) -> None:
        """Receive a piece of a record, and do what follows. The caller holds `_reading`."""
        driver = self._driver
        if not self._arrived:
            try:
                self._carrier.receive(self._records.wanted(), bound, self._arrived)
            except TimeoutError:
                raise
            except ConnectionError as error:
                driver.lose(copy.copy(error))
                return
        if not self._arrived[0] and self._context.options & OP_IGNORE_UNEXPECTED_EOF:
            self._broke_off = True
            if driver.is_renegotiating:
                raise closed()
            return
        with self._stepping:
            data, changes = self._arrived[0], driver.changes
            for record in self._records.cut(data):
                driver.receive(record)
            if not data:
                driver.receive(b"")
            del self._arrived[:]
        if driver.changes != changes:
            self._answer_peer(bound)

    def _answer_peer(self, bound: Bound) -> None:
        """Hand over what the peer is owed. A reader does not care whether that succeeds: reading will tell."""
        if self._writing.acquire(blocking=False):
            try:
                with contextlib.suppress(OSError):
                    self._carrier.deliver(self._outbox, bound)
            finally:
                self._writing.release()

    # -- writing

    @_raises_ssl_errors
    def write(self, data: Any, /) -> int:
        """Seal and send all of `data`; how many bytes it has."""
        with memoryview(data) as view, view.cast("B") as whole:
            bound = self._carrier.bound("write")
            if not self._driver.is_established:
                self._establish(bound)
            if self._said_close:
                raise ssl_error("PROTOCOL_IS_SHUTDOWN", "unwrap() was called before")
            with self._sealing:
                return self._write(whole, bound)

    def _write(self, whole: memoryview, bound: Bound) -> int:
        size = len(whole)
        if size < self._sealed:
            raise ssl_error(
                "BAD_LENGTH",
                f"an earlier write was not complete, and {self._sealed} bytes of it are on their way; "
                "call again with the same data",
            )
        self._deliver(bound)
        while self._sealed < size:
            self._seal(whole, bound)
        self._sealed = 0
        return size

    def _seal(self, whole: memoryview, bound: Bound) -> None:
        if self._driver.is_renegotiating:
            self._go_on_renegotiating(bound)
        portion = whole[self._sealed : self._sealed + _PORTION]
        after = self._sealed + len(portion)
        with self._stepping:
            self._driver.send(bytes(portion) if len(portion) <= MAX_PLAINTEXT else portion)
            self._sealed = after
        portion.release()
        self._deliver(bound)
        self._raise_failure()

    def _go_on_renegotiating(self, bound: Bound) -> None:
        """Complete a renegotiation as a reader would, or let the thread that reads do it."""
        driver = self._driver
        while driver.is_renegotiating:
            if self._reading.acquire(blocking=False):
                try:
                    self._pump(bound)
                finally:
                    self._reading.release()
            elif driver.is_held_up(_MOST_HELD):
                bound.left()
                time.sleep(_TICK)
            else:
                return
            self._raise_failure()

    @_raises_ssl_errors
    def renegotiate(self) -> None:
        """Begin another handshake, which the next reads and writes complete. Raises UsageError where it may not be."""
        bound = self._carrier.bound("write")
        with self._stepping:
            self._driver.renegotiate()
        self._deliver(bound)

    def _deliver(self, bound: Bound, *, is_reading: bool = False) -> None:
        """Hand over everything that waits; where the peer has hung up, learn why."""
        if not self._outbox.pieces:
            return
        try:
            with self._writing:
                self._carrier.deliver(self._outbox, bound)
        except ConnectionError as hung_up:
            if is_reading:
                self._read_the_reason(bound)
            elif self._reading.acquire(blocking=False):  # else another thread is reading, and will find it
                try:
                    self._read_the_reason(bound)
                finally:
                    self._reading.release()
            if not isinstance(self._driver.failure, TruncatedError | None):
                self._raise_failure()
            raise hung_up from None

    def _read_the_reason(self, bound: Bound) -> None:
        """The alert that says why the peer hung up may lie unread in the socket. Does not wait for one."""
        with contextlib.suppress(OSError):
            while not self._has_ended() and self._driver.failure is None and self._carrier.has_arrived():
                self._pump(bound)

    # -- the end

    @_raises_ssl_errors
    def shutdown(self) -> socket.socket | None:
        """Say close_notify, await the peer's, and give the socket underneath (None over memory)."""
        bound = self._carrier.bound("read")
        driver = self._driver
        if not driver.is_established:
            raise ssl_error("SHUTDOWN_WHILE_IN_INIT", "the handshake is not complete")
        if not self._said_close:
            self._said_close = True
            with self._stepping:
                driver.end_writing()
        self._deliver(bound.of("write"))
        with self._reading:
            while not self._has_ended():
                self._raise_failure()
                if self._plaintext.size:
                    raise ssl_error(
                        "APPLICATION_DATA_AFTER_CLOSE_NOTIFY",
                        "the peer has sent data that was not read; read until the end before unwrap()",
                    )
                self._pump(bound)
        return self._carrier.underneath()

    # -- failures

    def _has_ended(self) -> bool:
        return self._driver.has_ended or self._broke_off

    def _raise_failure(self) -> None:
        driver = self._driver
        if self._outbox.torn:
            driver.is_interrupted = True
        if self._broke_off and not driver.is_established:
            raise closed()
        if (failure := driver.failure) is not None:
            if driver.has_ended and not driver.is_established:
                raise closed() from failure
            raise as_ssl(failure, self.server_hostname)


def over_socket(
    context: Context,
    sock: Any,
    server_side: bool,
    server_hostname: str | None = None,
    *,
    owner: object = None,
    session: object = None,
) -> Engine:
    """What `context._wrap_socket` gives: an engine over a socket, connected or about to be."""
    return Engine(context, SocketCarrier(sock), server_side, server_hostname, owner, session)


def over_memory(
    context: Context,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
    server_side: bool,
    server_hostname: str | None = None,
    *,
    owner: object = None,
    session: object = None,
) -> Engine:
    """What `context._wrap_bio` gives: an engine over two buffers."""
    return Engine(context, MemoryCarrier(incoming, outgoing), server_side, server_hostname, owner, session)


def _nobody() -> None:
    """The owner of an engine that has none."""


def _ssize(size: Any) -> int:
    """The number as C takes it. Raises TypeError and OverflowError as `_ssl` does."""
    number = operator.index(size)
    if not -sys.maxsize - 1 <= number <= sys.maxsize:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return number


def _check_hostname(name: str) -> None:
    """Raises ValueError and TypeError as `_ssl` does."""
    if not name or name.startswith("."):
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
    if "\0" in name:
        raise TypeError("argument must be encoded string without null bytes, not str")
