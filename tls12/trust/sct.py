"""Signed certificate timestamps by all three of their routes (RFC 6962 3.3): they are delivered, not verified.

How it works: a log's promise to publish a certificate reaches a client in the TLS extension, inside the OCSP staple,
or inside the certificate itself. The extension's arrive as they are (`PeerChain.scts`, `Negotiated.scts`). The other
two are lists of the same form, wrapped in an OCTET STRING in an X.509 extension of the staple's single response or of
the leaf; the functions here take them out. All three give the bytes of each SCT as a log signed them, for an
application that knows which logs to trust.

A certificate or staple without timestamps gives an empty tuple. What claims to have some but cannot be read is the
peer's fault: an error of the certificate's kind, which a verifier may let through.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.x509 import ocsp

from tls12.errors import BadStaple, CertificateError
from tls12.trust.backend import because, keep_quiet, load
from tls12.trust.der import content_start
from tls12.wire.extensions import SignedCertificateTimestampList
from tls12.wire.reader import Reader


def embedded_scts(certificate: bytes) -> tuple[bytes, ...]:
    """The timestamps inside a certificate (DER). Raises `CertificateError` for a certificate that cannot be read."""
    return _scts(
        lambda: load(certificate).extensions,
        x509.PrecertificateSignedCertificateTimestamps,
        CertificateError,
        "the certificate",
    )


def stapled_scts(ocsp_response: bytes) -> tuple[bytes, ...]:
    """The timestamps inside an OCSP response (DER, RFC 6960) about one certificate. Raises `BadStaple`.

    A response without an answer ("try later"), or about several certificates, gives none.
    """

    def extensions() -> x509.Extensions:
        keep_quiet()
        response = ocsp.load_der_ocsp_response(ocsp_response)
        answered = response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        single = answered and len(list(response.responses)) == 1
        return response.single_extensions if single else x509.Extensions([])

    return _scts(extensions, x509.SignedCertificateTimestamps, BadStaple, "the OCSP staple")


def _scts(
    extensions: Callable[[], x509.Extensions],
    kind: type[x509.PrecertificateSignedCertificateTimestamps | x509.SignedCertificateTimestamps],
    refusal: type[CertificateError],
    what: str,
) -> tuple[bytes, ...]:
    try:
        found = [extension.value for extension in extensions() if isinstance(extension.value, kind)]
        return _unwrap(found[0].public_bytes()) if found else ()
    except Exception as error:  # the lazy parser of the backend raises a dozen kinds
        raise refusal(f"{what} cannot be read for its SCTs: {because(error)}", rule="RFC 6962 3.3") from error


def _unwrap(octets: bytes) -> tuple[bytes, ...]:
    """The SCTs of a SignedCertificateTimestampList in an OCTET STRING, which the backend has encoded anew."""
    return SignedCertificateTimestampList.read(Reader(octets[content_start(octets, 0) :])).sct_list
