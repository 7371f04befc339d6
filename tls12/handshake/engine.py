"""The engine under both stories: receive, send, ask, and the ordered queue of outputs.

How it works: a story is a generator (`client.py`, `server.py`). It yields only two things: `Wanted`, the message
classes that it waits for, and `Ask`, a question that pauses the connection. Everything outgoing goes to
`outputs`, in order: messages, ChangeCipherSpec, keys to install, events. The connection drains that queue after
every step; it never reaches into a story, and a story never sees a record, a socket or an alert.

The connection holds the generator, the handshake does not: the generator's frame refers to the handshake, and if the
handshake referred back, both, with their secrets, would stay in memory until the garbage collector runs.

The guard (`grammar.Conversation`) judges each message first: an incoming one before it is parsed, an outgoing one
before the `rewrite` hook. What the hook sends instead is not judged, so that a test can send anything. The transcript
holds the bytes that really went over the wire, in both directions.

An incoming message enters the transcript before the story resumes. What is computed over the transcript up to, but
not including, a message (Finished, CertificateVerify) is therefore computed before waiting for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from tls12.config import ClientConfig, Limits, ServerConfig
from tls12.crypto.protection import Opener, Sealer
from tls12.errors import UnexpectedMessage, UsageError
from tls12.events import PAUSABLE, Event, answers_to
from tls12.given import name_value
from tls12.handshake.grammar import CCS, Conversation
from tls12.handshake.possible_suites import check_some_suite_possible, with_psk_lookups
from tls12.handshake.proofs import Established
from tls12.handshake.transcript import Transcript
from tls12.registry import ConnectionEnd, ContentType, HandshakeType
from tls12.secrecy import Secret
from tls12.wire import messages
from tls12.wire.closing import ChangeCipherSpec
from tls12.wire.messages import Message

_HELLO_REQUEST = int(HandshakeType.HELLO_REQUEST)
_HANDSHAKE = int(ContentType.HANDSHAKE)
_CHANGE_CIPHER_SPEC = int(ContentType.CHANGE_CIPHER_SPEC)

Unit: TypeAlias = Message | ChangeCipherSpec
"""One unit of a handshake: a message, or a ChangeCipherSpec record."""

M = TypeVar("M", bound=Unit)
T = TypeVar("T")
C = TypeVar("C", ClientConfig, ServerConfig)


Wanted: TypeAlias = tuple[type[Any], ...]
"""Yielded by a story: the classes of message, one of which must come next."""


@dataclass(slots=True)
class Ask:
    """Yielded by a story: a question that only the application can answer."""

    event: Event


Story: TypeAlias = Generator[Wanted | Ask, Any, T]

Rewrite: TypeAlias = Callable[[Unit], Iterable[Unit]]
"""Takes each outgoing handshake message or ChangeCipherSpec; gives what is sent instead."""

OnMessage: TypeAlias = Callable[[str, Unit, int], None]
"""Called as (sender, message, size in bytes) for every message of either side, once parsed."""


_REWRITE = "it gives a list of messages: [message] to send it as it is, [] to send nothing"

Send: TypeAlias = tuple[int, bytes]
"""Output: a content type and what to send under it. A plain tuple, because no other output is as frequent."""


@dataclass(slots=True)
class InstallWriteKeys:
    """Output: protect what is sent from here on; `fragment_size` bytes of plaintext per record at most."""

    sealer: Sealer = field(repr=False)
    fragment_size: int


@dataclass(slots=True)
class InstallReadKeys:
    """Output: what arrives from here on is protected; `plaintext_limit` bytes of plaintext per record at most."""

    opener: Opener = field(repr=False)
    plaintext_limit: int


@dataclass(slots=True)
class RecordRules:
    """Output: the version is agreed, and every further record must carry it (RFC 5246 6.2.1)."""

    fragment_size: int | None
    """Bytes of plaintext per record in both directions, protected or not (RFC 6066 4); None changes no limit."""
    most_to_send: int
    """Bytes of plaintext per record that we send, whatever the peer accepts."""


@dataclass(slots=True)
class Notify:
    """Output: an event for the application."""

    event: Event


@dataclass(slots=True)
class Complete:
    """Output: the handshake is over."""

    established: Established


Output: TypeAlias = Send | InstallWriteKeys | InstallReadKeys | RecordRules | Notify | Complete


class Handshake(ABC, Generic[C]):
    """One handshake of one side. The small `build_*` and `check_*` steps may be overridden."""

    side: ClassVar[ConnectionEnd]
    peer: ClassVar[ConnectionEnd]

    def __init__(
        self,
        config: C,
        conversation: Conversation,
        *,
        pause_on: frozenset[type],
        rewrite: Rewrite | None,
        on_message: OnMessage | None,
        previous: Established | None,
    ) -> None:
        self.pause_on = pause_on & PAUSABLE
        self.adopt(config)
        self.conversation = conversation
        self.rewrite = rewrite
        self.on_message = on_message
        self.previous = previous
        self.outputs: list[Output] = []
        self.transcript = Transcript()
        self.asking: Event | None = None
        self._pushed_back: Unit | None = None

    def adopt(self, config: C) -> None:
        """Use this configuration from here on."""
        self.given_config: C = config
        self.config: C = with_psk_lookups(config, self.pause_on)
        self.limits: Limits = config.limits

    # -- what the connection calls ------------------------------------------------------------------------

    def take_message(self, data: bytes) -> Message:
        """Check and parse one whole handshake message from the peer, header included; the story gets the result.

        Raises the error of whatever is wrong with it.
        """
        conversation = self.conversation
        row = conversation.admit(self.peer, data[0])
        message = messages.parse(data, conversation.context, self.config.mode)
        conversation.learn(row, message)
        self.transcript.append(data)
        if self.on_message is not None:
            self.on_message(self.peer, message, len(data))
        return message

    def take_change_cipher_spec(self, data: bytes) -> ChangeCipherSpec:
        """Check the payload of a ChangeCipherSpec record from the peer; the story gets the result."""
        row = self.conversation.admit(self.peer, CCS)
        if data != b"\x01":
            raise UnexpectedMessage(
                f"the {self.peer} sent a ChangeCipherSpec that is not the one byte 1", rule="RFC 5246 7.1"
            )
        self.conversation.learn(row, None)
        message = ChangeCipherSpec()
        if self.on_message is not None:
            self.on_message(self.peer, message, len(data))
        return message

    def check_answer(self, decision: object) -> None:
        """Raises `UsageError` for an answer that the question does not take."""
        assert self.asking is not None
        accepted = answers_to(self.asking)
        if not isinstance(decision, accepted):
            names = " or ".join("None" if cls is type(None) else cls.__name__ for cls in accepted)
            raise UsageError(f"{type(self.asking).__name__} is answered with {names}, not {name_value(decision)}")
        if isinstance(decision, ServerConfig):
            check_some_suite_possible(decision, self.pause_on)

    def drain(self) -> list[Output]:
        """The outputs since the last call, in order."""
        outputs, self.outputs = self.outputs, []
        return outputs

    # -- what the stories call ----------------------------------------------------------------------------

    @abstractmethod
    def story(self) -> Story[None]:
        """The handshake, straight down the page."""

    def receive(self, wanted: type[M]) -> Story[M]:
        """Wait for one message of this class."""
        return self._next((wanted,))

    def peek(self, *wanted: type[Any]) -> Story[Any]:
        """Wait for a message of one of these classes, and leave it for the next `receive`."""
        message = yield from self._next(wanted)
        self._pushed_back = message
        return message

    def receive_if(self, wanted: type[M], *, then: tuple[type[Any], ...]) -> Story[M | None]:
        """Take a message of class `wanted` if it comes; otherwise one of `then` must follow, and is left for later."""
        message = yield from self._next((wanted, *then))
        if isinstance(message, wanted):
            return message
        self._pushed_back = message
        return None

    def ask(self, event: Event, otherwise: Any) -> Story[Any]:
        """Inform the application; if it pauses on this event, wait for its answer, else go on with `otherwise`."""
        self.outputs.append(Notify(event))
        if type(event) in self.pause_on:
            answer: Secret[Any] = yield Ask(event)
            return answer.value
        return otherwise

    def pauses_on(self, event: type) -> bool:
        """Whether the application answers this event itself."""
        return event in self.pause_on

    def send(self, message: Message, encoded: bytes | None = None) -> None:
        """Queue a handshake message; `encoded` is its serialised form where that is already known."""
        conversation = self.conversation
        conversation.learn(conversation.admit(self.side, message.msg_type), message)
        if self.rewrite is None:
            self._put_message(message, encoded or messages.serialize(message))
        else:
            self._rewrite(self.rewrite, message)

    def send_change_cipher_spec(self, sealer: Sealer, fragment_size: int) -> None:
        """Queue a ChangeCipherSpec and the keys that follow it."""
        self.conversation.learn(self.conversation.admit(self.side, CCS), None)
        if self.rewrite is None:
            self._put_change_cipher_spec(ChangeCipherSpec(), b"\x01")
        else:
            self._rewrite(self.rewrite, ChangeCipherSpec())
        self.outputs.append(InstallWriteKeys(sealer, fragment_size))

    # -- inside -------------------------------------------------------------------------------------------

    def _next(self, wanted: Wanted) -> Story[Any]:
        message = self._pushed_back
        if message is None:
            message = yield wanted
        self._pushed_back = None
        if not isinstance(message, wanted):
            names = " or ".join(cls.__name__ for cls in wanted)
            raise UnexpectedMessage(f"the {self.peer} sent {type(message).__name__}; expected {names}")
        return message

    def _rewrite(self, rewrite: Rewrite, message: Unit) -> None:
        items = rewrite(message)
        if isinstance(items, str | bytes) or not isinstance(items, Iterable):
            raise UsageError(f"rewrite gave {name_value(items)} for {type(message).__name__}; {_REWRITE}")
        for item in items:
            if isinstance(item, ChangeCipherSpec):
                self._put_change_cipher_spec(item, item.to_bytes())
            elif hasattr(item, "msg_type"):
                self._put_message(item, messages.serialize(item))
            else:
                raise UsageError(
                    f"rewrite gave a list with {name_value(item)} for {type(message).__name__}; {_REWRITE}"
                )

    def _put_message(self, message: Message, data: bytes) -> None:
        if data[0] != _HELLO_REQUEST:  # RFC 5246 7.4.1.1
            self.transcript.append(data)
        self.outputs.append((_HANDSHAKE, data))
        if self.on_message is not None:
            self.on_message(self.side, message, len(data))

    def _put_change_cipher_spec(self, message: ChangeCipherSpec, data: bytes) -> None:
        self.outputs.append((_CHANGE_CIPHER_SPEC, data))
        if self.on_message is not None:
            self.on_message(self.side, message, len(data))
