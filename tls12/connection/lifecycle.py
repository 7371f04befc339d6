"""What comes before, around and after a handshake: the phases of a connection, as a table.

How it works: `TRANSITIONS` lists every phase, everything that can happen in it, the phase that follows, and what the
peer must be sent then. A `Lifecycle` holds the phase of one connection, which tells it what has happened and sends what
it returns. The messages of a handshake are listed in `handshake/grammar.py`, in a table of the same form.

A connection has two directions that end apart. The peer's direction ends with its close_notify, ours with our own
(RFC 5246 7.2.1); a failure ends both. During the first handshake no direction can end alone, so a close_notify from
either side ends both. Two conditions decide between rows: whether the configuration allows `half_close`, and whether
application data waits for the end of a renegotiation, in which case our close_notify is sent after that data.

A pause (`answer()`) is not a phase: it can only happen during a handshake, and the handshake knows what it asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """Where a connection stands."""

    IDLE = "nothing has been sent or received"
    HANDSHAKING = "the first handshake is going on"
    OPEN = "application data may flow in both directions"
    RENEGOTIATING = "another handshake is going on; our application data waits for its end"
    READ_ENDED = "the peer has sent close_notify; we may still send"
    WRITE_ENDED = "we have sent close_notify; the peer may still send"
    CLOSED = "both directions have ended"
    FAILED = "an error ended both directions"

    __hash__ = object.__hash__


class ConnectionState(Enum):
    """Where a connection stands, for its owner."""

    IDLE = "nothing sent or received yet"
    HANDSHAKING = "in a handshake"
    PAUSED = "waiting for answer()"
    ESTABLISHED = "application data may flow"
    CLOSING = "one direction has ended with close_notify"
    CLOSED = "both directions have ended"
    FAILED = "over, because of an error"


STATES = {
    Phase.IDLE: ConnectionState.IDLE,
    Phase.HANDSHAKING: ConnectionState.HANDSHAKING,
    Phase.OPEN: ConnectionState.ESTABLISHED,
    Phase.RENEGOTIATING: ConnectionState.HANDSHAKING,
    Phase.READ_ENDED: ConnectionState.CLOSING,
    Phase.WRITE_ENDED: ConnectionState.CLOSING,
    Phase.CLOSED: ConnectionState.CLOSED,
    Phase.FAILED: ConnectionState.FAILED,
}
"""The owner's word for each phase, unless the handshake has paused."""


class Happening(Enum):
    """What moves a connection from one phase to another."""

    BEGINS = "a handshake begins"
    COMPLETES = "the handshake completes"
    IS_REFUSED = "the peer refuses our renegotiation"
    OWNER_CLOSES = "the owner calls close()"
    PEER_CLOSES = "the peer sends close_notify"
    FAILS = "an error, or the owner's abort()"

    __hash__ = object.__hash__


class Owed(Enum):
    """What the peer is sent because of a transition, as the last record of our direction."""

    NOTHING = "nothing"
    CLOSE_NOTIFY = "close_notify"
    FATAL_ALERT = "a fatal alert"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the conditions of the table ask about."""

    half_close: bool = False
    """The configuration lets each direction end by itself."""
    data_waits: bool = False
    """Application data waits for the end of a renegotiation."""


Condition = Callable[[Conditions], bool]


def always(now: Conditions) -> bool:
    """No condition."""
    return True


def half_close(now: Conditions) -> bool:
    """The configuration lets each direction end by itself."""
    return now.half_close


def no_half_close(now: Conditions) -> bool:
    """The peer's close_notify is answered at once."""
    return not now.half_close


def data_waits(now: Conditions) -> bool:
    """Application data waits for the end of a renegotiation."""
    return now.data_waits


def no_data_waits(now: Conditions) -> bool:
    """No application data waits."""
    return not now.data_waits


@dataclass(frozen=True, slots=True)
class Transition:
    """In phase `at`, `happening` leads to phase `to`, and the peer is sent `owed`, if the condition holds."""

    at: Phase
    happening: Happening
    to: Phase
    owed: Owed = Owed.NOTHING
    only_if: Condition = always


_P, _H = Phase, Happening
_CLOSE_NOTIFY, _FATAL_ALERT = Owed.CLOSE_NOTIFY, Owed.FATAL_ALERT

TRANSITIONS: tuple[Transition, ...] = (
    #          at                 what happens      leads to          and we send    only if
    Transition(_P.IDLE,           _H.BEGINS,        _P.HANDSHAKING),
    Transition(_P.IDLE,           _H.OWNER_CLOSES,  _P.CLOSED),
    Transition(_P.IDLE,           _H.PEER_CLOSES,   _P.CLOSED,        _CLOSE_NOTIFY),
    Transition(_P.IDLE,           _H.FAILS,         _P.FAILED,        _FATAL_ALERT),
    Transition(_P.HANDSHAKING,    _H.COMPLETES,     _P.OPEN),
    Transition(_P.HANDSHAKING,    _H.OWNER_CLOSES,  _P.CLOSED,        _CLOSE_NOTIFY),
    Transition(_P.HANDSHAKING,    _H.PEER_CLOSES,   _P.CLOSED,        _CLOSE_NOTIFY),
    Transition(_P.HANDSHAKING,    _H.FAILS,         _P.FAILED,        _FATAL_ALERT),
    Transition(_P.OPEN,           _H.BEGINS,        _P.RENEGOTIATING),
    Transition(_P.OPEN,           _H.OWNER_CLOSES,  _P.WRITE_ENDED,   _CLOSE_NOTIFY),
    Transition(_P.OPEN,           _H.PEER_CLOSES,   _P.CLOSED,        _CLOSE_NOTIFY, no_half_close),
    Transition(_P.OPEN,           _H.PEER_CLOSES,   _P.READ_ENDED,    only_if=half_close),
    Transition(_P.OPEN,           _H.FAILS,         _P.FAILED,        _FATAL_ALERT),
    Transition(_P.RENEGOTIATING,  _H.COMPLETES,     _P.OPEN),
    Transition(_P.RENEGOTIATING,  _H.IS_REFUSED,    _P.OPEN),
    Transition(_P.RENEGOTIATING,  _H.OWNER_CLOSES,  _P.CLOSED,        _CLOSE_NOTIFY, no_data_waits),
    Transition(_P.RENEGOTIATING,  _H.OWNER_CLOSES,  _P.RENEGOTIATING, only_if=data_waits),
    Transition(_P.RENEGOTIATING,  _H.PEER_CLOSES,   _P.CLOSED,        _CLOSE_NOTIFY),
    Transition(_P.RENEGOTIATING,  _H.FAILS,         _P.FAILED,        _FATAL_ALERT),
    Transition(_P.READ_ENDED,     _H.OWNER_CLOSES,  _P.CLOSED,        _CLOSE_NOTIFY),
    Transition(_P.READ_ENDED,     _H.FAILS,         _P.FAILED,        _FATAL_ALERT),
    Transition(_P.WRITE_ENDED,    _H.OWNER_CLOSES,  _P.WRITE_ENDED),
    Transition(_P.WRITE_ENDED,    _H.PEER_CLOSES,   _P.CLOSED),
    Transition(_P.WRITE_ENDED,    _H.FAILS,         _P.FAILED),
    Transition(_P.CLOSED,         _H.OWNER_CLOSES,  _P.CLOSED),
    Transition(_P.CLOSED,         _H.FAILS,         _P.FAILED),
    Transition(_P.FAILED,         _H.OWNER_CLOSES,  _P.FAILED),
)  # fmt: skip
"""The life of a connection. What is not listed cannot happen: the connection checks that before it calls `move`."""

MAY_READ = frozenset({Phase.IDLE, Phase.HANDSHAKING, Phase.OPEN, Phase.RENEGOTIATING, Phase.WRITE_ENDED})
"""The phases in which the peer's records are read."""
MAY_WRITE = frozenset({Phase.IDLE, Phase.HANDSHAKING, Phase.OPEN, Phase.RENEGOTIATING, Phase.READ_ENDED})
"""The phases in which records may still go out: our direction has not ended."""
DATA_FLOWS_OUT = frozenset({Phase.OPEN, Phase.READ_ENDED})
"""The phases in which application data is sealed at once."""
HAS_ENDED = frozenset({Phase.CLOSED, Phase.FAILED})
"""The phases in which both directions have ended."""
IN_HANDSHAKE = frozenset({Phase.HANDSHAKING, Phase.RENEGOTIATING})
"""The phases of a handshake."""

_FACTS = {phase: (phase in MAY_READ, phase in MAY_WRITE, phase in HAS_ENDED) for phase in Phase}
_BY_PHASE: dict[tuple[Phase, Happening], tuple[Transition, ...]] = {
    (phase, happening): rows
    for phase in Phase
    for happening in Happening
    if (rows := tuple(row for row in TRANSITIONS if (row.at, row.happening) == (phase, happening)))
}


class Lifecycle:
    """The phase of one connection, and what that phase allows."""

    __slots__ = ("has_ended", "may_read", "may_write", "phase")

    phase: Phase
    has_ended: bool
    """Whether both directions have ended."""
    may_read: bool
    """Whether the peer's records are read."""
    may_write: bool
    """Whether our direction has not ended."""

    def __init__(self) -> None:
        self.enter(Phase.IDLE)

    def enter(self, phase: Phase) -> None:
        """Set the phase."""
        self.phase = phase
        self.may_read, self.may_write, self.has_ended = _FACTS[phase]

    def end(self) -> None:
        """Set FAILED, unless the phase is CLOSED. An interrupt may have come in the middle of a move to either."""
        self.enter(Phase.CLOSED if self.phase is Phase.CLOSED else Phase.FAILED)

    def move(self, happening: Happening, conditions: Callable[[], Conditions] = Conditions) -> Owed:
        """Go to the phase that follows; returns what must be sent. Raises KeyError for what cannot happen here."""
        rows = _BY_PHASE[self.phase, happening]
        row = rows[0]
        if len(rows) > 1 and not row.only_if(conditions()):
            row = rows[1]  # two rows of one place have opposite conditions
        self.enter(row.to)
        return row.owed


def mermaid() -> Iterator[str]:
    """The lines of a Mermaid state diagram of `TRANSITIONS`, as the docs show it."""
    yield "stateDiagram-v2"
    for row in TRANSITIONS:
        condition = "" if row.only_if is always else f" [{row.only_if.__name__.replace('_', ' ')}]"
        sends = "" if row.owed is Owed.NOTHING else f" / {row.owed.value}"
        yield f"    {row.at.name} --> {row.to.name}: {row.happening.value}{condition}{sends}"
