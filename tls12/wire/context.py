"""What a reader must know from the hellos to read some of the later messages.

How it works: the bytes of a ServerKeyExchange do not say which key exchange they belong to, and a Certificate does not
say that it is a raw public key. The hellos settle both. A caller that has seen the hellos passes a `Context`. Without
one such messages stay `RawMessage`; the library does not guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tls12.registry import CertificateType, ProtocolVersion


class KeyExchangeAlgorithm(Enum):
    """How the premaster secret is made (RFC 5246 7.4.3, 4279, 4785, 5489, 5054)."""

    RSA = "RSA"
    DHE = "DHE"
    ECDHE = "ECDHE"
    DH_ANON = "DH_anon"
    ECDH_ANON = "ECDH_anon"
    PSK = "PSK"
    DHE_PSK = "DHE_PSK"
    ECDHE_PSK = "ECDHE_PSK"
    RSA_PSK = "RSA_PSK"
    SRP = "SRP"
    SRP_SIGNED = "SRP_signed"
    """SRP with a certificate: SRP_SHA_RSA and SRP_SHA_DSS (RFC 5054 2.7)."""

    __hash__ = object.__hash__  # Enum's own hash is a Python function, and every handshake looks these up in tables


@dataclass(frozen=True, slots=True)
class Context:
    """What the hellos have settled about the messages after them.

    `certificate_type` is that of the sender's certificate (RFC 7250 3): client and server may differ. With a
    `version` other than TLS 1.2 the messages that look different there stay raw.
    """

    key_exchange: KeyExchangeAlgorithm | None = None
    certificate_type: CertificateType = CertificateType.X509
    version: ProtocolVersion = ProtocolVersion.TLS_1_2
