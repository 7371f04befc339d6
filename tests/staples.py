"""OCSP responses and signed certificate timestamps for the tests, real ones, made in memory.

How it works: `cryptography.x509.ocsp` builds and signs a response as a CA would. It cannot put extensions into the
single response, where SCTs go (RFC 6962 3.3), so `ocsp_response` opens what was built, adds them, and signs it again.
The SCTs themselves are well-formed but not signed by a log: nothing in the library verifies them.
"""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from tests import pki
from tests.pki import tlv
from tls12.lab.pki import IssuedCertificate

IN_CERTIFICATES = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
_IN_STAPLES = bytes.fromhex("060a2b06010401d679020405")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def sct(number: int) -> bytes:
    """A well-formed SCT (RFC 6962 3.2) of log `number`: version, log, time, no extensions, ECDSA with SHA-256."""
    return (
        bytes([0, *[number] * 32]) + (10**12).to_bytes(8, "big") + b"\0\0\4\3\0\x08" + bytes.fromhex("3006020101020101")
    )


def sct_list(*scts: bytes) -> bytes:
    """A SignedCertificateTimestampList in an OCTET STRING, as X.509 extensions hold it."""
    items = b"".join(len(one).to_bytes(2, "big") + one for one in scts)
    return tlv(0x04, len(items).to_bytes(2, "big") + items)


def with_scts(*scts: bytes) -> IssuedCertificate:
    """A good server certificate with these SCTs inside."""
    extension = x509.UnrecognizedExtension(IN_CERTIFICATES, sct_list(*scts))
    return pki.intermediate().issue(pki.NAME, key=pki.key(), extensions=(extension,))


def ocsp_response(
    issued: IssuedCertificate, status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD, scts: tuple[bytes, ...] = ()
) -> bytes:
    """The answer of our intermediate CA about a certificate: signed now, good for a day (RFC 6960 4.2)."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    ca = pki.intermediate()
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=issued.leaf,
            issuer=ca.certificate,
            algorithm=hashes.SHA1(),  # in CertID, as everywhere
            cert_status=status,
            this_update=pki.NOW - timedelta(minutes=1),
            next_update=pki.NOW + timedelta(days=1),
            revocation_time=pki.NOW - timedelta(hours=1) if revoked else None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, ca.certificate)
    )
    response = builder.sign(ca.private_key, hashes.SHA256())  # type: ignore[arg-type]
    return _with_scts(response, scts) if scts else response.public_bytes(Encoding.DER)


def _with_scts(response: ocsp.OCSPResponse, scts: tuple[bytes, ...]) -> bytes:
    responder, produced, responses = _elements(response.tbs_response_bytes)
    (single,) = _elements(responses)
    extensions = tlv(0x30, tlv(0x30, _IN_STAPLES + tlv(0x04, sct_list(*scts))))
    single = tlv(0x30, b"".join(_elements(single)) + tlv(0xA1, extensions))
    data = tlv(0x30, responder + produced + tlv(0x30, single))
    key = pki.intermediate().private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
    basic = tlv(0x30, data + _ECDSA_SHA256 + tlv(0x03, b"\0" + signature))
    return tlv(0x30, b"\x0a\x01\x00" + tlv(0xA0, tlv(0x30, bytes.fromhex("06092b0601050507300101") + tlv(0x04, basic))))


def _elements(der: bytes) -> list[bytes]:
    """The elements inside a constructed DER element."""
    position, end = _span(der, 0)
    found = []
    while position < end:
        _, after = _span(der, position)
        found.append(der[position:after])
        position = after
    return found


def _span(der: bytes, position: int) -> tuple[int, int]:
    """Where the content of the element at `position` begins, and where it ends."""
    length = der[position + 1]
    start = position + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[position + 2 : start], "big")
    return start, start + length
