"""Opens the records of one direction after a ChangeCipherSpec, and takes such a record apart.

How it works: `RecordKeys` holds what the hellos and the key schedule have settled about one direction. It makes the
opener of a connection, and takes an opened record apart into nonce, additional data, ciphertext, padding and tag.
Nothing is decrypted a second time for that. The cipher tells nonce and additional data. A MAC that was encrypted with
its data is computed again: since the record has opened, it is equal to the one inside.

A `PatientOpener` opens records until one does not open. After that it returns every record as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from tls12.crypto.hashes import HASHES
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.null import NullCipher
from tls12.crypto.protection import Opener, Protection
from tls12.crypto.provider import CryptoProvider
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import Suite
from tls12.errors import TLSError
from tls12.lab.seen import RecordProtection
from tls12.wire.records import Buffer


@dataclass(slots=True)
class RecordKeys:
    """How the records of one direction are protected."""

    suite: Suite
    keys: DirectionKeys
    encrypt_then_mac: bool
    crypto: CryptoProvider

    def make_opener(self) -> Opener:
        """What opens the records; it is to see all of them, in order."""
        return self.crypto.make_opener(self.suite, self.keys, encrypt_then_mac=self.encrypt_then_mac)

    def take_apart(self, cipher: Protection, sequence: int, kind: int, body: bytes, data: bytes) -> RecordProtection:
        """The parts of a record that `cipher` has opened: `data` is its plaintext."""
        if len(body) == len(data):  # `lab.NullCrypto` neither encrypts nor authenticates
            return RecordProtection(b"", b"", body, b"", b"")
        suite = self.suite
        nonce = cipher.nonce(sequence, body)
        additional = cipher.additional_data(sequence, kind, body, len(data))
        if suite.mac is None:
            start, end = suite.cipher.record_iv_length, len(body) - suite.cipher.tag_length
            return RecordProtection(nonce, additional, body[start:end], b"", body[end:])
        end = len(body)
        if suite.is_cbc and self.encrypt_then_mac:
            end -= suite.mac_length
            tag, inside = body[end:], len(data)
        else:
            tag = RecordMac(HASHES[suite.mac], self.keys.mac_key).compute(additional, data)
            inside = len(data) + suite.mac_length
        ciphertext = body[len(nonce) : end]
        padding = len(ciphertext) - inside
        return RecordProtection(nonce, additional, ciphertext, bytes([padding - 1] * padding), tag)


class PatientOpener(NullCipher):
    """Opens records with `keys` until one does not open, and returns that one and all later ones as they are.

    By its name, NULL, it has no limit of records or bytes: such limits bind the two ends, and not an observer.
    """

    __slots__ = ("_cipher", "error", "keys", "reason")

    def __init__(self, keys: RecordKeys | None, reason: str = "") -> None:
        """Without keys, nothing opens, for this `reason`."""
        self.keys = keys
        self._cipher: Opener = keys.make_opener() if keys is not None else NullCipher()
        self.reason = reason
        """Why records are not opened; empty while they are."""
        self.error: TLSError | None = None
        """The error of the first record that did not open."""

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext, or the body as it is; never raises TLSError."""
        if not self.reason:
            try:
                return self._cipher.open(sequence, kind, body)
            except TLSError as error:
                self.error, self.reason = error, str(error)
        return bytes(body)

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        """The nonce or IV of a record; empty without keys."""
        return self._cipher.nonce(sequence, body)

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What is authenticated beside the content; empty without keys."""
        return self._cipher.additional_data(sequence, kind, body, length)
