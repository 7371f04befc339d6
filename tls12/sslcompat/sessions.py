"""`SSLSession`: a session as programs for the standard `ssl` keep it, and as bytes, which CPython does not give.

How it works: it has a session of ours and the context that it belongs to, for a session is resumed under the settings
under which it was made. Two are equal if they are the same session.
"""

from __future__ import annotations

import hashlib
from typing import NoReturn

from tls12.resumption.sessions import Session


class SSLSession:
    """What `SSLSocket.session` gives, and what `wrap_socket(session=...)` takes."""

    __slots__ = ("context", "session")

    def __init__(self, session: Session, context: object) -> None:
        self.session = session
        """The session of this library; it holds the master secret."""
        self.context = context
        """The context of the connection that it comes from: another one does not take it."""

    @property
    def id(self) -> bytes:
        """The session id. One that lives in a ticket has none in the handshake: the ticket's digest stands for it."""
        return self.session.session_id or _digest(self.session.ticket)

    @property
    def time(self) -> int:
        """When it was made, in seconds since 1970."""
        return int(self.session.created)

    @property
    def timeout(self) -> int:
        """For how many seconds after that it may be resumed."""
        return int(self.session.expires - self.session.created)

    @property
    def ticket_lifetime_hint(self) -> int:
        """For how many seconds the server said that it accepts the ticket; 0 is unspecified (RFC 5077 3.3)."""
        return self.session.ticket_lifetime

    @property
    def has_ticket(self) -> bool:
        """Whether the server gave a ticket (RFC 5077)."""
        return bool(self.session.ticket)

    def to_bytes(self) -> bytes:
        """The session as bytes, MASTER SECRET INCLUDED, for `from_bytes`, also in another process."""
        return self.session.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, context: object) -> SSLSession:
        """The session of `to_bytes`, for connections of `context`. Raises `DecodeError` for anything else.

        It is offered to the server only where the context has the settings under which it was made.
        """
        return cls(Session.from_bytes(data), context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SSLSession):
            return NotImplemented
        return self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<SSLSession {self.id.hex()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an SSLSession holds a secret and cannot be pickled; use to_bytes()")


def _digest(ticket: bytes) -> bytes:
    return hashlib.sha256(ticket).digest()
