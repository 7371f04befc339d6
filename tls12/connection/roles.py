"""What a client and a server do differently, as two small values that a connection is given.

How it works: a `Connection` is the same for both ends. What differs is which message begins a handshake, which one asks
for another, which class tells the handshake's story, and under which key its session is kept. A role answers these
questions and does nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from tls12.config import ClientConfig, ServerConfig
from tls12.connection.renegotiation import RenegotiationReply, Renegotiations, judge_client_hello, judge_hello_request
from tls12.errors import UsageError
from tls12.events import PAUSABLE
from tls12.given import name_value, require_function
from tls12.handshake.bindings import client_store_key
from tls12.handshake.client import ClientHandshake
from tls12.handshake.engine import Handshake, OnMessage, Rewrite
from tls12.handshake.grammar import Conversation
from tls12.handshake.proofs import Established
from tls12.handshake.server import ServerHandshake
from tls12.registry import ConnectionEnd, HandshakeType
from tls12.resumption.sessions import Session


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the owner watches, decides or replaces in every handshake of a connection."""

    pause_on: frozenset[type]
    rewrite: Rewrite | None
    on_message: OnMessage | None

    @classmethod
    def checked(cls, pause_on: Iterable[type], rewrite: Rewrite | None, on_message: OnMessage | None) -> Hooks:
        """The hooks as the owner gives them. Raises `UsageError` for what cannot be one."""
        if (pause_on, rewrite, on_message) == ((), None, None):
            return NO_HOOKS
        try:
            classes = frozenset(pause_on)
        except TypeError:
            raise UsageError(f"pause_on is {name_value(pause_on)}; give a set or a list of event classes") from None
        strange = classes - PAUSABLE
        if strange:
            names = ", ".join(sorted(getattr(item, "__name__", repr(item)) for item in strange))
            raise UsageError(f"pause_on names {names}, which cannot pause; give classes out of tls12.events.PAUSABLE")
        if rewrite is not None:
            require_function("rewrite", rewrite)
        if on_message is not None:
            require_function("on_message", on_message)
        return cls(classes, rewrite, on_message)


NO_HOOKS = Hooks(frozenset(), None, None)
"""No hooks, as in most connections."""


class Role(Protocol):
    """One end of a connection."""

    end: ClassVar[ConnectionEnd]
    peer: ClassVar[ConnectionEnd]
    opened_by: ClassVar[HandshakeType | None]
    """The message of the peer that begins a handshake, if one can."""
    invited_by: ClassVar[HandshakeType]
    """The message of the peer that asks for another handshake."""

    def make_handshake(
        self, config: Any, conversation: Conversation, hooks: Hooks, previous: Established | None
    ) -> Handshake[Any]:
        """One more handshake; `previous` is the last one that was completed."""

    def judge_invitation(
        self, message: bytes, config: Any, established: Established | None, so_far: Renegotiations, *, during: bool
    ) -> RenegotiationReply:
        """What a message of the type `invited_by` is answered, while the connection may answer.

        `during` says that a handshake goes on. Raises LimitExceeded for too many.
        """

    def session_key(self, config: Any, hooks: Hooks, established: Established | None) -> bytes:
        """Where the session of this connection is kept; empty if it is not kept."""


@dataclass(frozen=True, slots=True)
class ClientRole:
    """The end that begins."""

    end: ClassVar[ConnectionEnd] = ConnectionEnd.CLIENT
    peer: ClassVar[ConnectionEnd] = ConnectionEnd.SERVER
    opened_by: ClassVar[HandshakeType | None] = None
    invited_by: ClassVar[HandshakeType] = HandshakeType.HELLO_REQUEST

    handshake: type[ClientHandshake]
    server_name: str | None
    session: Session | None
    """What the first handshake offers to resume."""

    def make_handshake(
        self, config: ClientConfig, conversation: Conversation, hooks: Hooks, previous: Established | None
    ) -> ClientHandshake:
        """One more handshake as client."""
        return self.handshake(
            config,
            conversation,
            pause_on=hooks.pause_on,
            rewrite=hooks.rewrite,
            on_message=hooks.on_message,
            previous=previous,
            server_name=self.server_name,
            session=self.session if previous is None else None,
        )

    def judge_invitation(
        self, message: bytes, config: Any, established: Established | None, so_far: Renegotiations, *, during: bool
    ) -> RenegotiationReply:
        """A HelloRequest asks for a handshake; during one it is ignored (RFC 5246 7.4.1.1), or out of place where the
        policy says FATAL."""
        return judge_hello_request(config, established, so_far, during=during)

    def session_key(self, config: ClientConfig, hooks: Hooks, established: Established | None) -> bytes:
        """The server's name, and a digest of everything that binds the session (`bindings.client_store_key`)."""
        return client_store_key(config, self.server_name, hooks.pause_on)


@dataclass(frozen=True, slots=True)
class ServerRole:
    """The end that answers."""

    end: ClassVar[ConnectionEnd] = ConnectionEnd.SERVER
    peer: ClassVar[ConnectionEnd] = ConnectionEnd.CLIENT
    opened_by: ClassVar[HandshakeType | None] = HandshakeType.CLIENT_HELLO
    invited_by: ClassVar[HandshakeType] = HandshakeType.CLIENT_HELLO

    handshake: type[ServerHandshake]

    def make_handshake(
        self, config: ServerConfig, conversation: Conversation, hooks: Hooks, previous: Established | None
    ) -> ServerHandshake:
        """One more handshake as server."""
        return self.handshake(
            config,
            conversation,
            pause_on=hooks.pause_on,
            rewrite=hooks.rewrite,
            on_message=hooks.on_message,
            previous=previous,
        )

    def judge_invitation(
        self, message: bytes, config: Any, established: Established | None, so_far: Renegotiations, *, during: bool
    ) -> RenegotiationReply:
        """A ClientHello after a finished handshake asks for another one. The first ClientHello, and one that comes
        during a handshake, are for the handshake to take or refuse."""
        if established is None or during:
            return RenegotiationReply.BEGIN
        return judge_client_hello(config, established, so_far, message)

    def session_key(self, config: ServerConfig, hooks: Hooks, established: Established | None) -> bytes:
        """The session's id."""
        session = established.session if established is not None else None
        return session.session_id if session is not None else b""
