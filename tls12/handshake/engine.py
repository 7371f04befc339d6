"""The engine under both stories: receive, send, ask, and the ordered queue of outputs.

How it works: a story is a generator (`client.py`, `server.py`). It yields only two things: `Wanted`, the message
classes that it waits for, and `Ask`, a question that pauses the connection. Everything outgoing goes to
`outputs`, in order: messages, ChangeCipherSpec, keys to install, events. The connection drains that queue after
every step; it never reaches into a story, and a story never sees a record, a socket or an alert.

Each message passes the guard (`grammar.Conversation`) before the story does: incoming ones before they are parsed,
outgoing ones before the `rewrite` hook, which may then send anything at all: an honest state machine, a dishonest
wire. The transcript holds the bytes that really went over the wire, in both directions.

An incoming message enters the transcript before the story resumes. What is computed over the transcript up to, but
not including, a message (Finished, CertificateVerify) is therefore computed before waiting for it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from tls12.config import ClientConfig, Limits, ServerConfig
from tls12.crypto import key_schedule
from tls12.crypto.protection import Opener, Sealer, make_opener, make_sealer
from tls12.crypto.suites import Suite
from tls12.crypto.transcript import Transcript
from tls12.errors import BadSignature, LimitExceeded, PeerMisbehaved, UnexpectedMessage
from tls12.events import PAUSABLE, Event, Negotiated, SignatureRequested
from tls12.handshake.grammar import CCS, Conversation, Side
from tls12.handshake.negotiation import Agreed
from tls12.handshake.proofs import (
    Established,
    ResumedSession,
    Unauthenticated,
    VerifiedFinished,
    VerifiedIdentity,
    VerifiedSignature,
)
from tls12.registry import Alert, SignatureScheme
from tls12.resumption.sessions import Session
from tls12.trust.credentials import Credential
from tls12.wire import messages
from tls12.wire.closing import ChangeCipherSpec, Finished
from tls12.wire.messages import Message

Unit: TypeAlias = Message | ChangeCipherSpec
"""What a handshake is made of: its messages, and the ChangeCipherSpec records between them."""

M = TypeVar("M", bound=Unit)
T = TypeVar("T")
C = TypeVar("C", ClientConfig, ServerConfig)


@dataclass(slots=True)
class Wanted:
    """Yielded by a story: the classes of message, one of which must come next."""

    classes: tuple[type[Any], ...]


@dataclass(slots=True)
class Ask:
    """Yielded by a story: a question that only the application can answer."""

    event: Event


Story: TypeAlias = Generator[Wanted | Ask, Any, T]

Rewrite: TypeAlias = Callable[[Unit], Iterable[Unit]]
"""Takes each outgoing handshake message or ChangeCipherSpec; gives what is sent instead."""

OnMessage: TypeAlias = Callable[[str, Unit, int], None]
"""Called as (sender, message, size in bytes) for every message of either side, once parsed."""


@dataclass(slots=True)
class SendHandshake:
    """Output: these bytes, as handshake records."""

    data: bytes


@dataclass(slots=True)
class SendChangeCipherSpec:
    """Output: one ChangeCipherSpec record."""

    data: bytes


@dataclass(slots=True)
class InstallWriteKeys:
    """Output: from here on, seal; `fragment_size` bytes of plaintext per record at most."""

    sealer: Sealer = field(repr=False)
    fragment_size: int


@dataclass(slots=True)
class InstallReadKeys:
    """Output: from here on, open; `plaintext_limit` bytes per record at most."""

    opener: Opener = field(repr=False)
    plaintext_limit: int


@dataclass(slots=True)
class SetFragmentSize:
    """Output: from here on, this many bytes of plaintext per record at most, protected or not (RFC 6066 4)."""

    size: int


@dataclass(slots=True)
class FixVersion:
    """Output: the version is agreed; every further record must carry it (RFC 5246 6.2.1)."""


@dataclass(slots=True)
class SendWarning:
    """Output: a warning alert."""

    alert: Alert


@dataclass(slots=True)
class Notify:
    """Output: an event for the application."""

    event: Event


@dataclass(slots=True)
class Complete:
    """Output: the handshake is over."""

    established: Established


Output: TypeAlias = (
    SendHandshake
    | SendChangeCipherSpec
    | InstallWriteKeys
    | InstallReadKeys
    | SetFragmentSize
    | FixVersion
    | SendWarning
    | Notify
    | Complete
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The master secret of one handshake, and what its keys are made from."""

    suite: Suite
    master: bytes = field(repr=False)
    keys: key_schedule.KeyBlock = field(repr=False)


class Handshake(Generic[C]):
    """One handshake of one side. The small `build_*` and `check_*` steps may be overridden."""

    side: ClassVar[Side]

    def __init__(
        self,
        config: C,
        conversation: Conversation,
        *,
        pause_on: frozenset[type] = frozenset(),
        rewrite: Rewrite | None = None,
        on_message: OnMessage | None = None,
        previous: Established | None = None,
    ) -> None:
        self.config: C = config
        self.limits: Limits = config.limits
        self.conversation = conversation
        self.pause_on = pause_on & PAUSABLE
        self.rewrite = rewrite
        self.on_message = on_message
        self.previous = previous
        self.outputs: list[Output] = []
        self.transcript = Transcript()
        self.asking: Event | None = None
        self._story = self.story()
        self._pushed_back: Unit | None = None

    # -- what the connection calls ------------------------------------------------------------------------

    def start(self) -> None:
        """Run the story up to its first wait."""
        self._resume(None)

    def take_message(self, data: bytes) -> None:
        """One whole handshake message from the peer, header included. Raises the error of whatever is wrong."""
        kind = data[0]
        peer = self.side.other
        row = self.conversation.admit(peer, kind)
        message = messages.parse(data, self.conversation.context)
        self.conversation.learn(row, message)
        self.transcript.append(data)
        self._deliver(message, len(data))

    def take_change_cipher_spec(self, data: bytes) -> None:
        """The payload of a ChangeCipherSpec record from the peer."""
        row = self.conversation.admit(self.side.other, CCS)
        message = ChangeCipherSpec.parse(data)
        self.conversation.learn(row, None)
        self._deliver(message, len(data))

    def answer(self, decision: object) -> None:
        """The application's answer to the question that the story asked."""
        self.asking = None
        self._resume(decision)

    def drain(self) -> list[Output]:
        """The outputs since the last call, in order."""
        outputs, self.outputs = self.outputs, []
        return outputs

    # -- what the stories call ----------------------------------------------------------------------------

    def story(self) -> Story[None]:
        """The handshake, straight down the page."""
        raise NotImplementedError

    def receive(self, wanted: type[M]) -> Story[M]:
        """Wait for one message of this class."""
        message: M = yield from self._next((wanted,))
        return message

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
            return (yield Ask(event))
        return otherwise

    def pauses_on(self, event: type) -> bool:
        """Whether the application answers this event itself."""
        return event in self.pause_on

    def sign(self, credential: Credential, scheme: SignatureScheme, data: bytes) -> Story[bytes]:
        """Our signature: by the credential, or by the application that keeps its key elsewhere."""
        if self.pauses_on(SignatureRequested):
            signature: bytes = yield from self.ask(SignatureRequested(credential, scheme, data), b"")
            return signature
        return credential.sign(scheme, data, deterministic=self.config.random is not os.urandom)

    def send(self, message: Message, encoded: bytes | None = None) -> None:
        """Queue a handshake message; `encoded` is its serialised form where that is already known."""
        kind = message.msg_type
        assert kind is not None
        row = self.conversation.admit(self.side, kind)
        self.conversation.learn(row, message)
        self._emit(message, encoded)

    def send_change_cipher_spec(self, sealer: Sealer, fragment_size: int) -> None:
        """Queue a ChangeCipherSpec and the keys that follow it."""
        self.conversation.learn(self.conversation.admit(self.side, CCS), None)
        self._emit(ChangeCipherSpec())
        self.outputs.append(InstallWriteKeys(sealer, fragment_size))

    def notify(self, event: Event) -> None:
        """Queue an event."""
        self.outputs.append(Notify(event))

    # -- keys, the same for both sides --------------------------------------------------------------------

    def derive_keys(self, suite: Suite, master: bytes, client_random: bytes, server_random: bytes) -> Secrets:
        """The key block (RFC 5246 6.3), and a line in the key log."""
        if self.config.keylog is not None:
            self.config.keylog.log("CLIENT_RANDOM", client_random, master)
        return Secrets(suite, master, key_schedule.key_block(suite, master, client_random, server_random))

    def master_secret(
        self, suite: Suite, premaster: bytes, client_random: bytes, server_random: bytes, *, extended: bool
    ) -> bytes:
        """RFC 5246 8.1, or RFC 7627 4 over the transcript up to and including ClientKeyExchange."""
        if extended:
            return key_schedule.extended_master_secret(
                suite.prf_hash, premaster, self.transcript.digest(suite.prf_hash)
            )
        return key_schedule.master_secret(suite.prf_hash, premaster, client_random, server_random)

    def verify_data(self, secrets: Secrets, sender: Side) -> bytes:
        """The content of `sender`'s Finished over the transcript so far (RFC 5246 7.4.9)."""
        prf_hash = secrets.suite.prf_hash
        return key_schedule.verify_data(prf_hash, secrets.master, sender.value, self.transcript.digest(prf_hash))

    def send_finished(self, secrets: Secrets, *, encrypt_then_mac: bool, fragment_size: int) -> bytes:
        """Switch our keys on and send Finished; the verify_data sent."""
        keys = secrets.keys.client if self.side is Side.CLIENT else secrets.keys.server
        sealer = make_sealer(secrets.suite, keys, encrypt_then_mac=encrypt_then_mac, random=self.config.random)
        self.send_change_cipher_spec(sealer, fragment_size)
        verify_data = self.verify_data(secrets, self.side)
        self.send(Finished(verify_data))
        return verify_data

    def receive_finished(
        self, secrets: Secrets, *, encrypt_then_mac: bool, plaintext_limit: int
    ) -> Story[VerifiedFinished]:
        """Switch the peer's keys on, and compare its Finished with ours: the one place that proves a Finished."""
        yield from self.receive(ChangeCipherSpec)
        keys = secrets.keys.server if self.side is Side.CLIENT else secrets.keys.client
        opener = make_opener(secrets.suite, keys, encrypt_then_mac=encrypt_then_mac)
        self.outputs.append(InstallReadKeys(opener, plaintext_limit))
        expected = self.verify_data(secrets, self.side.other)
        finished = yield from self.receive(Finished)
        if not hmac.compare_digest(finished.verify_data, expected):
            raise BadSignature(
                f"the {self.side.other.value}'s Finished does not match what we saw of the handshake: "
                "it was altered on the way, or the two sides derived different keys",
                rule="RFC 5246 7.4.9",
            )
        return VerifiedFinished(finished.verify_data)

    def check_continuity(self, agreed: Agreed) -> None:
        """What a renegotiation may not change (RFC 7627 5.4 and RFC 7366 3.1)."""
        previous = self.previous
        if previous is None:
            return
        if agreed.extended_master_secret != previous.negotiated.extended_master_secret:
            raise PeerMisbehaved(
                f"the {self.side.other.value} changed extended_master_secret in a renegotiation", rule="RFC 7627 5.4"
            )
        if previous.encrypt_then_mac_ever and agreed.suite.is_cbc and not agreed.encrypt_then_mac:
            raise PeerMisbehaved(
                f"the {self.side.other.value} renegotiates from encrypt-then-MAC to MAC-then-encrypt",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 7366 3.1",
            )

    def finish(
        self,
        agreed: Agreed,
        secrets: Secrets,
        identity: VerifiedIdentity | ResumedSession | Unauthenticated,
        possession: VerifiedSignature | ResumedSession | Unauthenticated,
        finished: VerifiedFinished,
        negotiated: Negotiated,
        session: Session | None,
        sent_verify_data: bytes,
        server_certificate: bytes | None,
    ) -> None:
        """Gather the proofs into `Established`: nothing else ends a handshake."""
        ours, theirs = sent_verify_data, finished.verify_data
        previous = self.previous
        established = Established(
            identity=identity,
            possession=possession,
            finished=finished,
            negotiated=negotiated,
            session=session,
            server_certificate=server_certificate,
            encrypt_then_mac_ever=agreed.encrypt_then_mac or (previous is not None and previous.encrypt_then_mac_ever),
            master_secret=secrets.master,
            prf_hash=secrets.suite.prf_hash,
            client_verify_data=ours if self.side is Side.CLIENT else theirs,
            server_verify_data=theirs if self.side is Side.CLIENT else ours,
        )
        self.outputs.append(Complete(established))

    # -- inside -------------------------------------------------------------------------------------------

    def _next(self, wanted: tuple[type[Any], ...]) -> Story[Any]:
        message = self._pushed_back
        if message is None:
            message = yield Wanted(wanted)
        self._pushed_back = None
        if not isinstance(message, wanted):
            names = " or ".join(cls.__name__ for cls in wanted)
            raise UnexpectedMessage(f"the {self.side.other.value} sent {type(message).__name__}; expected {names}")
        return message

    def _deliver(self, message: Unit, size: int) -> None:
        if self.on_message is not None:
            self.on_message(self.side.other.value, message, size)
        self._resume(message)

    def _resume(self, value: object) -> None:
        try:
            step = self._story.send(value)
        except StopIteration:
            return
        if isinstance(step, Ask):
            self.asking = step.event

    def _emit(self, message: Unit, encoded: bytes | None = None) -> None:
        sent: Iterable[Unit] = (message,) if self.rewrite is None else self.rewrite(message)
        for item in sent:
            if isinstance(item, ChangeCipherSpec):
                data = item.to_bytes()
                self.outputs.append(SendChangeCipherSpec(data))
            else:
                data = encoded if encoded is not None and item is message else messages.serialize(item)
                self.transcript.append(data)
                self.outputs.append(SendHandshake(data))
            if self.on_message is not None:
                self.on_message(self.side.value, item, len(data))


def check_size(what: str, size: int, limit: int, alert: Alert) -> None:
    """Raises `LimitExceeded` with this alert when the peer sent more than `limit`."""
    if size > limit:
        raise LimitExceeded(f"the peer sent {what} of {size}; Limits allows {limit}", alert=alert)
