"""Signature schemes, and the pairs of hash and signature that they were in TLS 1.2.

How it works: in RFC 5246 a pair of one-byte numbers names a hash and a signature algorithm. RFC 8446 4.2.3 reads the
same two bytes as one number and names the useful pairs; today's TLS 1.2 stacks use its names. The list is IANA's TLS
SignatureScheme registry as of 2025, with names for the pairs that only TLS 1.2 has.
"""

from __future__ import annotations

from tls12.registry.codepoint import GREASE_16, CodePoint


class HashAlgorithm(CodePoint, size=1):
    """The first half of a pair (RFC 5246 7.4.1.4.1); `intrinsic` is RFC 8422 5.1.3."""

    NONE = 0
    MD5 = 1
    SHA1 = 2
    SHA224 = 3
    SHA256 = 4
    SHA384 = 5
    SHA512 = 6
    INTRINSIC = 8, "Intrinsic"


class SignatureAlgorithm(CodePoint, size=1):
    """The second half of a pair (RFC 5246 7.4.1.4.1, RFC 8422 5.1.3, RFC 9189)."""

    ANONYMOUS = 0
    RSA = 1
    DSA = 2
    ECDSA = 3
    ED25519 = 7
    ED448 = 8
    GOSTR34102012_256 = 64
    GOSTR34102012_512 = 65


class SignatureScheme(CodePoint, size=2, grease=GREASE_16):
    """A way to sign (RFC 8446 4.2.3), or a pair of hash and signature (RFC 5246 7.4.1.4.1)."""

    # The pairs of RFC 5246 7.4.1.4.1, by the names of RFC 8446 where it has one.
    RSA_PKCS1_MD5 = 0x0101
    DSA_MD5 = 0x0102
    ECDSA_MD5 = 0x0103
    RSA_PKCS1_SHA1 = 0x0201
    DSA_SHA1 = 0x0202
    ECDSA_SHA1 = 0x0203
    RSA_PKCS1_SHA224 = 0x0301
    DSA_SHA224 = 0x0302
    ECDSA_SHA224 = 0x0303
    RSA_PKCS1_SHA256 = 0x0401
    DSA_SHA256 = 0x0402
    ECDSA_SECP256R1_SHA256 = 0x0403
    RSA_PKCS1_SHA256_LEGACY = 0x0420
    RSA_PKCS1_SHA384 = 0x0501
    DSA_SHA384 = 0x0502
    ECDSA_SECP384R1_SHA384 = 0x0503
    RSA_PKCS1_SHA384_LEGACY = 0x0520
    RSA_PKCS1_SHA512 = 0x0601
    DSA_SHA512 = 0x0602
    ECDSA_SECP521R1_SHA512 = 0x0603
    RSA_PKCS1_SHA512_LEGACY = 0x0620
    ECCSI_SHA256 = 0x0704
    ISO_IBS1 = 0x0705
    ISO_IBS2 = 0x0706
    ISO_CHINESE_IBS = 0x0707
    SM2SIG_SM3 = 0x0708
    GOSTR34102012_256A = 0x0709
    GOSTR34102012_256B = 0x070A
    GOSTR34102012_256C = 0x070B
    GOSTR34102012_256D = 0x070C
    GOSTR34102012_512A = 0x070D
    GOSTR34102012_512B = 0x070E
    GOSTR34102012_512C = 0x070F
    RSA_PSS_RSAE_SHA256 = 0x0804
    RSA_PSS_RSAE_SHA384 = 0x0805
    RSA_PSS_RSAE_SHA512 = 0x0806
    ED25519 = 0x0807
    ED448 = 0x0808
    RSA_PSS_PSS_SHA256 = 0x0809
    RSA_PSS_PSS_SHA384 = 0x080A
    RSA_PSS_PSS_SHA512 = 0x080B
    ECDSA_BRAINPOOLP256R1TLS13_SHA256 = 0x081A, "ecdsa_brainpoolP256r1tls13_sha256"
    ECDSA_BRAINPOOLP384R1TLS13_SHA384 = 0x081B, "ecdsa_brainpoolP384r1tls13_sha384"
    ECDSA_BRAINPOOLP512R1TLS13_SHA512 = 0x081C, "ecdsa_brainpoolP512r1tls13_sha512"
    # TLS 1.2's GOST pairs (RFC 9189 4.4).
    GOSTR34102012_256 = 0x0840
    GOSTR34102012_512 = 0x0841
    MLDSA44 = 0x0904
    MLDSA65 = 0x0905
    MLDSA87 = 0x0906

    @property
    def hash_algorithm(self) -> HashAlgorithm:
        """The first byte as RFC 5246 7.4.1.4.1 reads it."""
        return HashAlgorithm.of(self >> 8)

    @property
    def signature_algorithm(self) -> SignatureAlgorithm:
        """The second byte as RFC 5246 7.4.1.4.1 reads it."""
        return SignatureAlgorithm.of(self & 0xFF)
