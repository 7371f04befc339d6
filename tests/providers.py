"""Providers of cryptography for tests: the standard one with a difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.prf import Prf
from tls12.crypto.protection import Opener, Sealer
from tls12.crypto.provider import StandardCrypto
from tls12.crypto.suites import Suite
from tls12.wire.records import Buffer


class Indirect:
    """A cipher of records, not recognised by the shortcuts of the record layer: each record goes through it."""

    def __init__(self, cipher: Any) -> None:
        self.cipher = cipher

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cipher, name)

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        sealed: bytes = self.cipher.seal(sequence, kind, data)
        return sealed

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        opened: bytes = self.cipher.open(sequence, kind, body)
        return opened


@dataclass(frozen=True)
class WithoutShortcuts(StandardCrypto):
    """Every record is sealed and opened by its cipher, through `through`."""

    through: type[Indirect] = Indirect

    def make_sealer(self, *what: Any, **how: Any) -> Sealer:
        return self.through(super().make_sealer(*what, **how))

    def make_opener(self, *what: Any, **how: Any) -> Opener:
        return self.through(super().make_opener(*what, **how))


@dataclass(frozen=True)
class Telling(StandardCrypto):
    """Notes every secret that it computes with, and every record key of eight bytes or more."""

    known: list[bytes] = field(default_factory=list)

    def make_prf(self, hash_name: str, secret: bytes) -> Prf:
        self.known.append(secret)
        return super().make_prf(hash_name, secret)

    def make_sealer(self, suite: Suite, keys: DirectionKeys, **how: Any) -> Sealer:
        self._note(keys)
        return super().make_sealer(suite, keys, **how)

    def make_opener(self, suite: Suite, keys: DirectionKeys, **how: Any) -> Opener:
        self._note(keys)
        return super().make_opener(suite, keys, **how)

    def _note(self, keys: DirectionKeys) -> None:
        self.known.extend(key for key in (keys.key, keys.mac_key, keys.iv) if len(key) >= 8)
