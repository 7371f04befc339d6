"""Protected records made by hand, byte for byte, independently of `tls12.crypto`.

How it works: a `Forger` takes the write keys and the sequence number of a script and builds records from the formulas
of RFC 5246 6.2.3 and RFC 7366 with plain ciphers and `hmac`. Every part of a record can be given instead of computed,
which is what the checks of padding, MAC and additional data need.
"""

from __future__ import annotations

import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.ends import record
from tls12.crypto.key_schedule import DirectionKeys
from tls12.lab.script import Script
from tls12.registry import ContentType

DATA = ContentType.APPLICATION_DATA
BLOCK = 16


class Forger:
    """Makes the records of one side after its ChangeCipherSpec."""

    def __init__(self, script: Script) -> None:
        assert script.keys is not None
        assert script.sealer is not None
        self.script = script
        self.keys: DirectionKeys = script.keys.client if script.role == "client" else script.keys.server
        self.hash = script.suite.mac or ""
        self.name = script.suite.cipher.name
        self.tag = script.suite.cipher.tag_length

    def sequence(self) -> int:
        """The next sequence number, which is used up."""
        assert self.script.sealer is not None
        number = self.script.sealer.sequence
        self.script.sealer.sequence = number + 1
        return number

    def mac(self, sequence: int, kind: int, length: int, data: bytes) -> bytes:
        """HMAC over sequence number, type, version, length and data."""
        return hmac.digest(self.keys.mac_key, struct.pack(">QBHH", sequence, kind, 0x0303, length) + data, self.hash)

    def encrypt(self, plaintext: bytes) -> bytes:
        """A random IV and the CBC encryption of whole blocks."""
        iv = os.urandom(BLOCK)
        encryptor = Cipher(AES(self.keys.key), CBC(iv)).encryptor()
        return iv + encryptor.update(plaintext)

    def cbc(
        self, data: bytes, padding: bytes | None = None, *, kind: int = DATA, mac: bytes | None = None, flip: int = 0
    ) -> bytes:
        """MAC-then-encrypt; `padding` includes its length byte; `flip` alters the MAC's first byte."""
        right = self.mac(self.sequence(), kind, len(data), data)
        mac = right if mac is None else mac
        mac = bytes([mac[0] ^ flip]) + mac[1:] if flip else mac
        if padding is None:
            padding = pad(len(data) + len(mac))
        return record(kind, self.encrypt(data + mac + padding))

    def cbc_raw(self, plaintext: bytes, *, kind: int = DATA) -> bytes:
        """CBC over exactly these blocks, whatever they say."""
        self.sequence()
        return record(kind, self.encrypt(plaintext))

    def etm(self, data: bytes, padding: bytes | None = None, *, kind: int = DATA, length: int | None = None) -> bytes:
        """Encrypt-then-MAC; `length` is what the MAC claims, that of IV and ciphertext if nothing is said."""
        encrypted = self.encrypt(data + (pad(len(data)) if padding is None else padding))
        mac = self.mac(self.sequence(), kind, len(encrypted) if length is None else length, encrypted)
        return record(kind, encrypted + mac)

    def aead(self, data: bytes, *, kind: int = DATA, explicit: bytes | None = None, length: int | None = None) -> bytes:
        """An AEAD record; `length` is what the additional data claims."""
        sequence = self.sequence()
        claimed = struct.pack(">QBHH", sequence, kind, 0x0303, len(data) if length is None else length)
        if self.name.startswith("CHACHA20"):
            nonce = bytes(a ^ b for a, b in zip(self.keys.iv, sequence.to_bytes(12), strict=True))
            return record(kind, ChaCha20Poly1305(self.keys.key).encrypt(nonce, data, claimed))
        explicit = sequence.to_bytes(8) if explicit is None else explicit
        cipher = AESGCM(self.keys.key) if "GCM" in self.name else AESCCM(self.keys.key, tag_length=self.tag)
        return record(kind, explicit + cipher.encrypt(self.keys.iv + explicit, data, claimed))


def pad(length: int, extra: int = 0) -> bytes:
    """The shortest padding after `length` bytes, and `extra` blocks more, its length byte included."""
    count = BLOCK - 1 - length % BLOCK + extra * BLOCK
    return bytes([count]) * (count + 1)
