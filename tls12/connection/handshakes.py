"""The handshakes of a connection, one after the other.

How it works: at most one handshake goes on at a time. It is a generator (`handshake/engine.py`) that is shown each
message once the guard has admitted it, and that queues what it wants done. `Handshakes` runs it and returns that
queue. When a handshake is complete, what it proved stays as `established`, and the next one builds on it.

It also keeps what decides about another handshake: how many there have been, who asked for one, and what was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tls12.config import ClientConfig, ServerConfig
from tls12.connection.renegotiation import Renegotiations
from tls12.connection.roles import Hooks, Role
from tls12.errors import LimitExceeded, UnexpectedMessage, UsageError
from tls12.events import Event
from tls12.handshake.engine import Ask, Complete, Handshake, Notify, Output, Story
from tls12.handshake.grammar import CCS, Conversation, State, message_type_name
from tls12.handshake.proofs import Established
from tls12.registry import Alert
from tls12.secrecy import Secret
from tls12.wire.hello import HelloRequest


class Handshakes:
    """What a connection knows of its handshakes."""

    __slots__ = (
        "_began",
        "_hooks",
        "_role",
        "_story",
        "conversation",
        "current",
        "dropped_question",
        "established",
        "so_far",
    )

    def __init__(self, role: Role, hooks: Hooks) -> None:
        self._role = role
        self._hooks = hooks
        self._story: Story[None] | None = None
        self._began: float | None = None
        self.conversation = Conversation()
        """The guard, which sees the messages of all handshakes in both directions."""
        self.current: Handshake[Any] | None = None
        """The handshake that goes on."""
        self.established: Established | None = None
        """The last handshake that was completed."""
        self.so_far = Renegotiations()
        """What decides about another handshake."""
        self.dropped_question = False
        """Whether the connection ended while the application was asked something."""

    # -- facts --------------------------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """Whether the handshake waits for an answer of the application."""
        return self.current is not None and self.current.asking is not None

    @property
    def data_may_come(self) -> bool:
        """Whether the peer may send application data now, by the order of messages."""
        return self.conversation.data_allowed(self._role.peer)

    def is_expected(self, kind: int) -> bool:
        """Whether the peer may send this type of message now."""
        return kind in self.conversation.expected(self._role.peer)

    def out_of_place(self, what: str) -> UnexpectedMessage:
        """The error for something that the peer may not send now."""
        return UnexpectedMessage(self.conversation.explain_unexpected(self._role.peer, what))

    def last_completed(self, act: str) -> Established:
        """The last handshake, for `act`. Raises `UsageError` before the first, during another, and after a failure."""
        if self.established is None:
            raise UsageError(f"{act}() before HandshakeCompleted")
        if self.current is not None:
            raise UsageError(f"{act}() during a renegotiation: it is not settled which handshake it would speak of")
        if not self.established.master_secret:
            raise UsageError(f"{act}() after a failure: the connection has let its secrets go")
        return self.established

    # -- what happens; each returns what the handshake wants done -------------------------------------------

    def begin(self, config: ClientConfig | ServerConfig) -> Sequence[Output]:
        """Begin a handshake, of which `so_far.begin` has been told."""
        self.current = current = self._make(config)
        self._story = current.story()
        return self.go_on(None)

    def go_on(self, value: object) -> Sequence[Output]:
        """Run the story up to its next wait, unless a callback has ended it. Returns what it wants done, in order.

        `value` is what it waited for: a message that `current` has taken, or an answer as a `Secret`; None at its
        beginning. Raises the error of whatever is wrong with it.
        """
        current, story = self.current, self._story
        if current is None or story is None:
            return ()
        try:
            step = story.send(value)
            if type(step) is Ask:
                current.asking = step.event
        except StopIteration:
            pass
        outputs, current.outputs = current.outputs, []
        return outputs

    def take_change_cipher_spec(self, payload: bytes) -> Sequence[Output]:
        """Show the handshake the payload of a ChangeCipherSpec. Raises the error of whatever is wrong with it."""
        if self.current is None:
            raise self.out_of_place(message_type_name(CCS))
        return self.go_on(self.current.take_change_cipher_spec(payload))

    def take_answer(self, decision: Secret[object]) -> Sequence[Output]:
        """Go on with the application's answer, of the right type."""
        assert self.current is not None
        self.current.asking = None
        return self.go_on(decision)

    def ask_for_another(self, config: ClientConfig | ServerConfig) -> Sequence[Output]:
        """A server's HelloRequest (RFC 5246 7.4.1.1)."""
        asking = self._make(config)  # only sends: the handshake that the client's ClientHello begins is another object
        asking.send(HelloRequest())
        return asking.drain()

    def complete(self, output: Complete) -> None:
        """The handshake is complete."""
        self.established = output.established
        self.so_far.complete()
        self._end()

    def abandon(self) -> None:
        """The peer has refused our renegotiation: the last completed handshake stays in force."""
        self.conversation.state = State.ESTABLISHED
        self._end()

    def drop(self) -> list[Event]:
        """The connection has ended: drop the handshake and its secrets. Returns its events that were not taken yet."""
        current = self.current
        if current is None:
            return []
        self.dropped_question = self.dropped_question or current.asking is not None
        self._end()
        return [output.event for output in current.drain() if isinstance(output, Notify)]

    def forget_secrets(self) -> None:
        """The connection has failed: keep of the last completed handshake what is not secret."""
        if self.established is not None:
            self.established = self.established.without_secrets()

    # -- inside -------------------------------------------------------------------------------------------

    def _make(self, config: ClientConfig | ServerConfig) -> Handshake[Any]:
        return self._role.make_handshake(config, self.conversation, self._hooks, self.established)

    def _end(self) -> None:
        self.current = self._story = None
        self._began = None

    def check_duration(self, config: ClientConfig | ServerConfig) -> None:
        """Raises LimitExceeded if the handshake has taken longer than `Limits.handshake_seconds`.

        The time runs from our ClientHello, or from the client's first bytes, to the end of the handshake.
        """
        limit = config.limits.handshake_seconds
        if limit is None:
            return
        now = config.now()
        if self._began is None:
            self._began = now
        if now - self._began > limit:
            raise LimitExceeded(f"the handshake took longer than {limit} seconds", alert=Alert.USER_CANCELED)
