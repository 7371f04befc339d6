"""The signature schemes that an id-RSASSA-PSS key may be used with (RFC 4055 3.1, RFC 8446 4.2.3).

How it works: beside its key, such a certificate may name a hash, a mask generation function with a hash, and the
least length of the salt; without these parameters every scheme is allowed. A scheme of TLS takes one hash for all
three, and a salt as long as it, so parameters leave one scheme or none. The backend does not show them, so this file
reads their DER; the backend has parsed the same bytes before, so their shape is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from tls12.crypto.signatures import SCHEMES, KeyKind
from tls12.registry import SignatureScheme

_OIDS = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
"""The hashes of TLS's schemes, by the content of their object identifiers (RFC 5754 2)."""

_VERSION, _NULL = 0xA0, 0x05
_HASH, _MASK, _SALT = 0xA0, 0xA1, 0xA2
_DEFAULT_SALT = 20


def allowed_schemes(certificate: x509.Certificate) -> frozenset[SignatureScheme]:
    """The rsa_pss_pss schemes that the certificate's key, an id-RSASSA-PSS one, may be used with."""
    free = {scheme: facts.digest for scheme, facts in SCHEMES.items() if facts.kind is KeyKind.RSA_PSS}
    parameters = _parameters(certificate)
    if parameters is None:
        return frozenset(free)
    fields = {tag: _first(content) for tag, content in _elements(parameters)}
    digest = mask = None  # parameters that are left out mean SHA-1, which no scheme here uses
    if _HASH in fields:
        digest = _OIDS.get(_first(fields[_HASH]))
    if _MASK in fields:
        _, (_, inner) = _elements(fields[_MASK])
        mask = _OIDS.get(_first(inner))
    salt = int.from_bytes(fields[_SALT]) if _SALT in fields else _DEFAULT_SALT
    return frozenset(
        scheme
        for scheme, hash_ in free.items()
        if hash_ is not None and hash_.name == digest == mask and hash_.digest_size >= salt
    )


def _parameters(certificate: x509.Certificate) -> bytes | None:
    """The content of the RSASSA-PSS-params beside the key; None where there are none."""
    fields = [element for element in _elements(_first(certificate.tbs_certificate_bytes)) if element[0] != _VERSION]
    _, _, _, _, _, (_, key_info), *_ = fields  # serialNumber, signature, issuer, validity, subject
    _, *parameters = _elements(_first(key_info))
    return parameters[0][1] if parameters and parameters[0][0] != _NULL else None


def _first(der: bytes) -> bytes:
    """The content of the first element."""
    return next(_elements(der))[1]


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of one element after the other."""
    position = 0
    while position < len(der):
        tag, length = der[position : position + 2]
        position += 2
        if length & 0x80:
            octets = length & 0x7F
            length = int.from_bytes(der[position : position + octets])
            position += octets
        yield tag, der[position : position + length]
        position += length
