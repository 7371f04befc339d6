"""How much one key may protect.

How it works: two bounds apply to the keys of a direction. The sequence number must not wrap (RFC 5246 6.1),
whatever the cipher. And a cipher reveals more about its plaintext the more blocks one key has encrypted, so
each has a volume from `USAGE_LIMITS`, counted in records (AEAD: no arithmetic on the hot path) or in blocks
(CBC, where small records would otherwise be charged as full ones).

The volume stops application data only. Alerts and handshake messages still pass, so that a connection can
renegotiate, or close, with the keys that it has; the sequence limit stops everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tls12.errors import KeysExhausted
from tls12.registry import ContentType

SEQUENCE_NUMBERS = 2**64
"""How many sequence numbers there are (RFC 5246 6.1): the last one is one less."""

_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """How much application data one key of one cipher may protect."""

    source: str
    """Who says so."""
    records: int = SEQUENCE_NUMBERS
    """Records, of any length."""
    blocks: int = 0
    """Blocks of a CBC cipher; 0 where only records count."""


_AES_GCM = UsageLimit("RFC 8446 5.5: 2^24.5 full-size records", records=int(2**24.5))
_AES_CCM = UsageLimit("RFC 9147 4.5.3: 2^23 records", records=2**23)
_BLOCK_128 = UsageLimit("RFC 4344 3.2: 2^(L/4) blocks of L bits", blocks=2**32)

USAGE_LIMITS: Mapping[str, UsageLimit] = MappingProxyType(
    {
        "AES_128_GCM": _AES_GCM,
        "AES_256_GCM": _AES_GCM,
        "AES_128_CCM": _AES_CCM,
        "AES_256_CCM": _AES_CCM,
        "AES_128_CCM_8": _AES_CCM,
        "AES_256_CCM_8": _AES_CCM,
        "CHACHA20_POLY1305": UsageLimit("RFC 8446 5.5: the sequence number would wrap first"),
        "AES_128_CBC": _BLOCK_128,
        "AES_256_CBC": _BLOCK_128,
        "CAMELLIA_128_CBC": _BLOCK_128,
        "CAMELLIA_256_CBC": _BLOCK_128,
        "3DES_EDE_CBC": UsageLimit("RFC 4344 3.2 with RFC 4253 9: a gigabyte", blocks=2**30 // 8),
        "RC4_128": UsageLimit("RFC 7465: no amount is safe; for the laboratory only"),
        "NULL": UsageLimit("nothing is encrypted"),
    }
)
"""The volume limit of every bulk cipher, by IANA's words for it (`suites.CIPHERS`)."""


class Direction:
    """The counters that every sealer and opener has; what it protects with is the subclass's business."""

    __slots__ = ("limit", "sequence")

    sequence: int
    """The number of the next record."""
    limit: int
    """The first sequence number that application data may not have."""

    def __init__(self, limit: UsageLimit) -> None:
        self.sequence = 0
        self.limit = limit.records

    @property
    def near_from(self) -> int:
        """The first sequence number at which `near_limit` may be true; to ask it before is a waste."""
        return self.limit - (self.limit >> 3)

    @property
    def near_limit(self) -> bool:
        """Whether it is time to renegotiate or to close: seven eighths of the limit are used."""
        return self.sequence >= self.limit - (self.limit >> 3)

    @property
    def exhausted(self) -> bool:
        """Whether application data is refused from now on."""
        return self.sequence >= self.limit

    def check_limit(self, kind: int, records: int = 1) -> None:
        """Whether `records` more of this content type may follow; asked only at or beyond the limit.

        Raises KeysExhausted for application data, and for everything once the sequence numbers are used up.
        """
        if self.sequence + records > SEQUENCE_NUMBERS:
            raise KeysExhausted("the sequence numbers of one direction are used up")
        if kind == _APPLICATION_DATA:
            raise KeysExhausted(
                f"one direction's keys have protected {self.sequence:,} records, the limit of their cipher",
                rule="RFC 8446 5.5",
            )
