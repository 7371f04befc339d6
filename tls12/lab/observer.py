"""A passive observer: reads a connection between two other programs, with a key log if there is one.

How it works: `feed` takes the bytes of either direction in the order in which they went over the wire; `events` gives
what was seen (`seen.py`): handshake messages, application data, alerts, records that could not be decrypted, and
broken rules. A `Follower` (`follower.py`) does the work. The observer has no secrets but those of the key log. Without
them, what follows a ChangeCipherSpec is `Undecryptable`. A record that breaks a rule, by its type or its length, is
named, and the observer reads on. It gives a direction up where its bytes can no longer be cut into records.

With `details=True` the events also contain every record with its number, nonce, additional data and tag, and each step
of the key schedule.

False Start (RFC 7918) is no broken rule: application data may follow the sender's own Finished.
"""

from __future__ import annotations

from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.errors import TLSError, UsageError
from tls12.given import require
from tls12.handshake.grammar import Conversation
from tls12.keylog import KeyLog
from tls12.lab.follower import TLS_TYPES, Follower
from tls12.lab.seen import (
    AlertSeen,
    ApplicationDataSeen,
    KeyScheduleSeen,
    MessageSeen,
    PrfCall,
    RecordProtection,
    RecordSeen,
    RuleBroken,
    Seen,
    Undecryptable,
    VerifyDataSeen,
)
from tls12.registry import ConnectionEnd, EndName
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.records import Buffer

__all__ = [
    "AlertSeen",
    "ApplicationDataSeen",
    "KeyScheduleSeen",
    "MessageSeen",
    "Observer",
    "PrfCall",
    "RecordProtection",
    "RecordSeen",
    "RuleBroken",
    "Seen",
    "Undecryptable",
    "VerifyDataSeen",
]


class Observer:
    """Reads both directions of one connection; `keylog` holds the secrets, as far as they are known.

    The log is read at each ChangeCipherSpec, so it may grow while the observer runs. It may hold master secrets
    (CLIENT_RANDOM) and premaster secrets (PMS_CLIENT_RANDOM, RSA).

    `crypto` is what both ends compute with (`config.crypto`), if that is not the standard cryptography. It makes the
    PRF and opens the records. The secrets still come from the key log.

    With `details`, `events` gives every record (`RecordSeen`) and the key schedule (`KeyScheduleSeen`,
    `VerifyDataSeen`), too. Without, it gives only the records of a type that TLS itself does not have.
    """

    def __init__(
        self, keylog: KeyLog | None = None, *, details: bool = False, crypto: CryptoProvider = STANDARD
    ) -> None:
        """Raises UsageError for a key log that is none, and for an object that is no CryptoProvider."""
        require("keylog", keylog, KeyLog | None, "a KeyLog, such as KeyLog.load(path)")
        require("crypto", crypto, CryptoProvider, "a CryptoProvider, such as StandardCrypto()")
        self._follower = Follower(keylog, crypto=crypto)
        self._details = details
        self._lost: set[ConnectionEnd] = set()
        self._events: list[Seen] = []

    @property
    def keylog(self) -> KeyLog:
        """The secrets."""
        return self._follower.keylog

    @property
    def conversation(self) -> Conversation:
        """Where the handshake is, and what either end may send next."""
        return self._follower.conversation

    @property
    def client_hello(self) -> ClientHello | None:
        """The ClientHello of the latest handshake."""
        return self._follower.client_hello

    @property
    def server_hello(self) -> ServerHello | None:
        """The ServerHello of the latest handshake."""
        return self._follower.server_hello

    def feed(self, sender: EndName, data: Buffer) -> None:
        """Take the next bytes of this sender, in any portions. Never raises for what they are."""
        if sender not in ("client", "server"):
            raise UsageError(f"sender is {sender!r:.40}; give 'client' or 'server'")
        require("data", data, bytes | bytearray | memoryview, "the bytes that were seen")
        end = ConnectionEnd(sender)
        if end in self._lost:
            return
        try:
            for seen in self._follower.feed(end, data):
                if self._details or _is_said(seen):
                    self._events.append(seen)
        except TLSError as error:
            self._lost.add(end)
            self._events.append(RuleBroken(end, error))

    def events(self) -> list[Seen]:
        """What has been seen since the last call, in order."""
        events, self._events = self._events, []
        return events


def _is_said(seen: Seen) -> bool:
    """Whether this is more than a detail of how something was said."""
    if isinstance(seen, RecordSeen):
        return seen.content_type not in TLS_TYPES and not seen.reason
    return not isinstance(seen, KeyScheduleSeen | VerifyDataSeen)
