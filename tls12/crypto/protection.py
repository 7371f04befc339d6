"""Protecting records: what a sealer and an opener are, and which class serves which suite.

How it works: a `Sealer` turns plaintext into a whole record, header included; an `Opener` turns the body of a record
back into plaintext, or raises. Both are functions of their keys, of the sequence number and of what they are given. The
record layer counts the records, and knows when a key has protected enough: it has one state for each direction
(`tls12.record_layer.states`, RFC 5246 6.1). There is one class for each kind of protection: AEAD
(`aead.py`), CBC with an HMAC in either order (`cbc.py`), RC4 and NULL with an HMAC (`stream.py`), and none at all
(`null.py`).

CBC and RC4 keep the backend's context from record to record, because a new one for each is slow (CBC) or wrong (RC4).
So one object serves one direction, and sees its records in order.

For tools, `nonce` and `additional_data` compute afterwards what went into a record beside its plaintext.
"""

from __future__ import annotations

from typing import Protocol

from tls12.crypto.aead import AeadCipher
from tls12.crypto.cbc import EncryptThenMac, MacThenEncrypt
from tls12.crypto.hashes import HASHES
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.randomness import Random
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.stream import StreamCipher
from tls12.crypto.suites import CipherKind, Suite
from tls12.wire.records import Buffer


class Protection(Protocol):
    """What sealers and openers have in common: their name, and what went into a record beside its plaintext."""

    @property
    def name(self) -> str:
        """IANA's name for the cipher, by which `limits.USAGE_LIMITS` is looked up."""

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        """The nonce or IV of the record with this sequence number and body; empty where the cipher takes none."""

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What is authenticated beside the content: that of a record with this body and `length` bytes of plaintext.

        RFC 5246 6.2.3.1 (MAC) and 6.2.3.3 (AEAD), RFC 7366 3.
        """


class Sealer(Protection, Protocol):
    """Protects one direction's outgoing records."""

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """One record of content type `kind`, header included, around at most 2^14 bytes."""

    def record_length(self, length: int) -> int:
        """How long a record around `length` bytes of plaintext is, its header included."""


class Opener(Protection, Protocol):
    """Opens one direction's incoming records."""

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext of one record, whose header the caller has checked.

        Raises BadRecordMac for every way in which it can be wrong; the object is of no use afterwards. The caller
        judges the length of the plaintext.
        """


class TicketSealer(Protocol):
    """Seals session tickets under one key, and opens them (RFC 5077)."""

    def seal(self, nonce: bytes, state: bytes, name: bytes) -> bytes:
        """The state, encrypted and authenticated; `name` is authenticated as well. A nonce of 12 bytes is used once."""

    def open(self, nonce: bytes, sealed: bytes, name: bytes) -> bytes | None:
        """The state again, or None where anything was altered."""


def make_sealer(suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool, random: Random) -> Sealer:
    """The sealer for a suite under fresh keys.

    `encrypt_then_mac` (RFC 7366) matters for CBC suites only. `random` gives CBC its IVs; AEAD nonces are the
    sequence number and never random (RFC 5288 3).
    """
    cipher = suite.cipher
    if suite.mac is None:
        return AeadCipher(cipher, keys)
    mac = RecordMac(HASHES[suite.mac], keys.mac_key)
    if cipher.kind is not CipherKind.CBC:
        return StreamCipher(cipher, keys.key, mac)
    return (EncryptThenMac if encrypt_then_mac else MacThenEncrypt)(cipher, keys.key, mac, random)


def make_opener(suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> Opener:
    """The opener for a suite under fresh keys."""
    cipher = suite.cipher
    if suite.mac is None:
        return AeadCipher(cipher, keys)
    mac = RecordMac(HASHES[suite.mac], keys.mac_key)
    if cipher.kind is not CipherKind.CBC:
        return StreamCipher(cipher, keys.key, mac)
    return (EncryptThenMac if encrypt_then_mac else MacThenEncrypt)(cipher, keys.key, mac)
