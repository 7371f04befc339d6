"""How much one key may protect.

How it works: a cipher reveals more about its plaintext the more of it one key has encrypted. So each has a limit in
`USAGE_LIMITS`: in records for AEADs, and in bytes for CBC, so that a record counts by its length. The record layer
counts, and refuses application data at the limit (`tls12.record_layer.states`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SEQUENCE_NUMBERS = 2**64
"""How many sequence numbers there are (RFC 5246 6.1): the last one is one less."""


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """How much application data one key of one cipher may protect."""

    source: str
    """The document that sets the limit, and in which words."""
    records: int = SEQUENCE_NUMBERS
    """Records, of any length."""
    volume: int = 0
    """Bytes of records, without their headers; 0 where only records count."""


_AES_GCM = UsageLimit("RFC 8446 5.5: 2^24.5 full-size records", records=int(2**24.5))
_AES_CCM = UsageLimit("RFC 9147 4.5.3: 2^23 records", records=2**23)
_BLOCK_128 = UsageLimit("RFC 4344 3.2: 2^(L/4) blocks of L bits", volume=2**32 * 16)

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
        "3DES_EDE_CBC": UsageLimit("RFC 4344 3.2 with RFC 4253 9: a gigabyte", volume=2**30),
        "RC4_128": UsageLimit("RFC 7465: no amount is safe; for the laboratory only"),
        "NULL": UsageLimit("nothing is encrypted"),
    }
)
"""The limit of every bulk cipher, by IANA's name for it (`suites.CIPHERS`)."""
