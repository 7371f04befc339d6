"""Groups of the key exchange, and how an elliptic curve and its points are written.

How it works: IANA's TLS Supported Groups as of 2025, from RFC 8422, 7027, 7919, 8446, 8734, 8998, 9189 and
the post-quantum drafts that browsers already send. `tls12.crypto` says which of them can be computed.
"""

from __future__ import annotations

from tls12.registry.codepoint import GREASE_16, CodePoint

FINITE_FIELDS = range(256, 512)
"""The numbers that RFC 7919 2 sets aside for groups over finite fields, with those that are yet to come."""


class NamedGroup(CodePoint, size=2, grease=GREASE_16, set_aside=FINITE_FIELDS):
    """A group of the key exchange (RFC 8422 5.1.1, RFC 7919 2, RFC 8446 4.2.7)."""

    SECT163K1 = 1
    SECT163R1 = 2
    SECT163R2 = 3
    SECT193R1 = 4
    SECT193R2 = 5
    SECT233K1 = 6
    SECT233R1 = 7
    SECT239K1 = 8
    SECT283K1 = 9
    SECT283R1 = 10
    SECT409K1 = 11
    SECT409R1 = 12
    SECT571K1 = 13
    SECT571R1 = 14
    SECP160K1 = 15
    SECP160R1 = 16
    SECP160R2 = 17
    SECP192K1 = 18
    SECP192R1 = 19
    SECP224K1 = 20
    SECP224R1 = 21
    SECP256K1 = 22
    SECP256R1 = 23
    SECP384R1 = 24
    SECP521R1 = 25
    BRAINPOOLP256R1 = 26, "brainpoolP256r1"
    BRAINPOOLP384R1 = 27, "brainpoolP384r1"
    BRAINPOOLP512R1 = 28, "brainpoolP512r1"
    X25519 = 29
    X448 = 30
    BRAINPOOLP256R1TLS13 = 31, "brainpoolP256r1tls13"
    BRAINPOOLP384R1TLS13 = 32, "brainpoolP384r1tls13"
    BRAINPOOLP512R1TLS13 = 33, "brainpoolP512r1tls13"
    GC256A = 34, "GC256A"
    GC256B = 35, "GC256B"
    GC256C = 36, "GC256C"
    GC256D = 37, "GC256D"
    GC512A = 38, "GC512A"
    GC512B = 39, "GC512B"
    GC512C = 40, "GC512C"
    CURVESM2 = 41, "curveSM2"
    FFDHE2048 = 256
    FFDHE3072 = 257
    FFDHE4096 = 258
    FFDHE6144 = 259
    FFDHE8192 = 260
    MLKEM512 = 512, "MLKEM512"
    MLKEM768 = 513, "MLKEM768"
    MLKEM1024 = 514, "MLKEM1024"
    SECP256R1MLKEM768 = 4587, "SecP256r1MLKEM768"
    X25519MLKEM768 = 4588, "X25519MLKEM768"
    SECP384R1MLKEM1024 = 4589, "SecP384r1MLKEM1024"
    CURVESM2MLKEM768 = 4590, "curveSM2MLKEM768"
    X25519KYBER768DRAFT00 = 25497, "X25519Kyber768Draft00"
    SECP256R1KYBER768DRAFT00 = 25498, "SecP256r1Kyber768Draft00"
    ARBITRARY_EXPLICIT_PRIME_CURVES = 0xFF01
    ARBITRARY_EXPLICIT_CHAR2_CURVES = 0xFF02


class ECCurveType(CodePoint, size=1):
    """How ServerKeyExchange names its curve (RFC 8422 5.4, RFC 4492 5.4)."""

    EXPLICIT_PRIME = 1
    EXPLICIT_CHAR2 = 2
    NAMED_CURVE = 3


class ECBasisType(CodePoint, size=1):
    """The basis of an explicit binary field (RFC 4492 5.4)."""

    EC_BASIS_TRINOMIAL = 1
    EC_BASIS_PENTANOMIAL = 2


class ECPointFormat(CodePoint, size=1):
    """How a point of a curve is written (RFC 8422 5.1.2)."""

    UNCOMPRESSED = 0
    ANSIX962_COMPRESSED_PRIME = 1, "ansiX962_compressed_prime"
    ANSIX962_COMPRESSED_CHAR2 = 2, "ansiX962_compressed_char2"
