"""Every way to protect a record, once each, with fixed keys: parameters for the tests of the record layer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, modes

from tls12.crypto.cbc import BLOCK_CIPHERS
from tls12.crypto.hashes import HASHES
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.protection import Opener, Sealer, make_opener, make_sealer
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import SUITES, Suite
from tls12.record_layer.shortcuts import read_state, write_state
from tls12.record_layer.states import ReadState, WriteState
from tls12.wire.records import HEADER, Buffer


@dataclass(frozen=True)
class Protection:
    """One suite that stands for all that protect records in the same way, and keys."""

    suite: Suite
    encrypt_then_mac: bool
    keys: DirectionKeys

    def __str__(self) -> str:
        words = [self.suite.cipher.name, self.suite.mac or "", "EtM" if self.encrypt_then_mac else ""]
        return "-".join(filter(None, words))

    def sealer(self, random: Callable[[int], bytes] = os.urandom) -> Sealer:
        return make_sealer(self.suite, self.keys, encrypt_then_mac=self.encrypt_then_mac, random=random)

    def opener(self) -> Opener:
        return make_opener(self.suite, self.keys, encrypt_then_mac=self.encrypt_then_mac)

    def write_state(self, random: Callable[[int], bytes] = os.urandom, most_records: int | None = None) -> WriteState:
        """The write state that a connection has, with the shortcuts of an AEAD."""
        return write_state(self.sealer(random), most_records)

    def read_state(self, most_records: int | None = None) -> ReadState:
        """The read state that a connection has, with the shortcuts of an AEAD."""
        return read_state(self.opener(), most_records)

    def open(self, record: Buffer, sequence: int = 0) -> bytes:
        """The plaintext of one whole record."""
        return self.opener().open(sequence, record[0], record[HEADER:])

    @property
    def mac(self) -> RecordMac:
        """The record MAC, for records made by hand."""
        assert self.suite.mac
        return RecordMac(HASHES[self.suite.mac], self.keys.mac_key)

    def encrypt(self, plaintext: bytes) -> bytes:
        """IV and ciphertext of whole blocks, whatever is in them."""
        algorithm = BLOCK_CIPHERS[self.suite.cipher.name](self.keys.key)
        iv = os.urandom(self.suite.cipher.block_length)
        return iv + Cipher(algorithm, modes.CBC(iv)).encryptor().update(plaintext)


def _protections() -> list[Protection]:
    found: dict[tuple[str, str | None], Suite] = {}
    for suite in SUITES.values():
        found.setdefault((suite.cipher.name, suite.mac), suite)
    return [
        Protection(
            suite,
            encrypt_then_mac,
            DirectionKeys(
                bytes(range(suite.mac_length)),
                bytes(range(64, 64 + suite.cipher.key_length)),
                bytes(range(128, 128 + suite.cipher.fixed_iv_length)),
            ),
        )
        for suite in found.values()
        for encrypt_then_mac in ((False, True) if suite.is_cbc else (False,))
    ]


PROTECTIONS = _protections()
CBC = [protection for protection in PROTECTIONS if protection.suite.is_cbc]
AEAD = [protection for protection in PROTECTIONS if protection.suite.is_aead]


def mac_header(sequence: int, kind: int, length: int) -> bytes:
    """What a record MAC covers in front of the data (RFC 5246 6.2.3.1)."""
    return sequence.to_bytes(8, "big") + bytes([kind, 3, 3]) + length.to_bytes(2, "big")
