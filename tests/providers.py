"""Providers of cryptography for tests: the standard one with a difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tls12.crypto.key_schedule import EXTENDED_MASTER_SECRET, KEY_EXPANSION, MASTER_SECRET
from tls12.crypto.prf import Prf
from tls12.crypto.protection import Opener, Sealer
from tls12.crypto.provider import StandardCrypto
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
    """Keeps every secret that a PRF is made with, and the master secrets and key blocks that it computes.

    A key block is kept in pieces of 16 bytes: each begins a key in the suites whose keys are multiples of that.
    """

    known: list[bytes] = field(default_factory=list, repr=False)

    def make_prf(self, hash_name: str, secret: bytes) -> Prf:
        self.known.append(secret)
        prf = super().make_prf(hash_name, secret)

        def telling(label: bytes, seed: bytes, length: int) -> bytes:
            output = prf(label, seed, length)
            if label in (MASTER_SECRET, EXTENDED_MASTER_SECRET):
                self.known.append(output)
            elif label == KEY_EXPANSION:
                self.known.extend(output[start : start + 16] for start in range(0, length - 15, 16))
            return output

        return telling
