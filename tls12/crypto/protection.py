"""Protecting records: what a sealer and an opener are, and which class serves which suite.

How it works: each direction of a connection has one object with its keys and its sequence number inside
(RFC 5246 6.1). A `Sealer` turns plaintext into whole records, header included; an `Opener` turns one whole
record back into plaintext, or raises. There are four kinds: AEAD (`aead.py`), CBC with an HMAC in either
order (`cbc.py`), and RC4 and NULL with an HMAC (`stream.py`). How much a key may protect is in `limits.py`.

A new ChangeCipherSpec means new objects, so a sequence number never restarts under the same key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tls12.crypto.aead import (
    ExplicitNonceOpener,
    ExplicitNonceSealer,
    ImplicitNonceOpener,
    ImplicitNonceSealer,
)
from tls12.crypto.cbc import EncryptThenMacOpener, EncryptThenMacSealer, MacThenEncryptOpener, MacThenEncryptSealer
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.stream import StreamOpener, StreamSealer
from tls12.crypto.suites import CipherKind, Suite


class Sealer(Protocol):
    """Protects one direction's outgoing records.

    Both ways of sealing raise KeysExhausted where `exhausted` is true.
    """

    sequence: int
    """The number of the next record."""
    limit: int
    """The first sequence number that application data may not have: the cipher's volume limit."""

    @property
    def near_from(self) -> int:
        """The first sequence number at which `near_limit` may be true; to ask it before is a waste."""

    @property
    def near_limit(self) -> bool:
        """Whether it is time to renegotiate or to close: seven eighths of the limit are used."""

    @property
    def exhausted(self) -> bool:
        """Whether application data would be refused; alerts and handshake messages still pass."""

    def seal(self, kind: int, data: bytes | bytearray | memoryview) -> bytes:
        """One record of content type `kind`, header included, around at most 2^14 bytes."""

    def seal_many(self, kind: int, data: bytes | bytearray | memoryview, fragment_size: int) -> bytearray:
        """All the records of a larger write, in one buffer that belongs to the caller.

        Nothing is sealed if the limit does not leave room for all of them.
        """


class RecordOpener(Protocol):
    """Opens one direction's incoming records, in order: as much as a `RecordReader` asks for."""

    sequence: int
    """The number of the next record."""
    limit: int
    """The first sequence number that application data may not have: the cipher's volume limit."""

    @property
    def near_limit(self) -> bool:
        """Whether it is time to renegotiate or to close: seven eighths of the limit are used."""

    def open(self, record: bytes | bytearray | memoryview) -> bytes:
        """The plaintext of one whole record, whose header the caller has checked.

        Raises BadRecordMac for every way in which it can be wrong, and KeysExhausted. The object is of no use
        afterwards. The length of the plaintext is the caller's to judge.
        """


class Opener(RecordOpener, Protocol):
    """A `RecordOpener` as `make_opener` makes them."""

    def open_alone(self, chunk: bytes) -> bytes | None:
        """The plaintext, if `chunk` is exactly one record of application data; else None. Raises what `open` raises."""


def make_sealer(suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool, random: Callable[[int], bytes]) -> Sealer:
    """The sealer for a suite under fresh keys.

    `encrypt_then_mac` (RFC 7366) matters for CBC suites only. `random` gives CBC its IVs; AEAD nonces are the
    sequence number and never random (RFC 5288 3).
    """
    cipher, mac = suite.cipher, suite.mac
    if mac is None:
        return (ExplicitNonceSealer if cipher.record_iv_length else ImplicitNonceSealer)(cipher, keys)
    if cipher.kind is not CipherKind.CBC:
        return StreamSealer(cipher, keys, mac)
    return (EncryptThenMacSealer if encrypt_then_mac else MacThenEncryptSealer)(cipher, keys, mac, random)


def make_opener(suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> Opener:
    """The opener for a suite under fresh keys."""
    cipher, mac = suite.cipher, suite.mac
    if mac is None:
        return (ExplicitNonceOpener if cipher.record_iv_length else ImplicitNonceOpener)(cipher, keys)
    if cipher.kind is not CipherKind.CBC:
        return StreamOpener(cipher, keys, mac)
    return (EncryptThenMacOpener if encrypt_then_mac else MacThenEncryptOpener)(cipher, keys, mac)
