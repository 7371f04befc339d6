"""How this library reads certificates with the backend: without warnings, and with reasons in its own words.

How it works: `load` is the one way in which a certificate's DER becomes an object of `cryptography`. The backend
warns on the user's terminal about a serial number that is not positive (RFC 5280 4.1.2.2) and about an attribute of
a name that is too long (RFC 5280 A.1): what it warns of is in a peer's bytes, and where the user's filter makes
errors of warnings, it would change the verdict. `keep_quiet` puts a filter for these messages, and one about the
encoding of PKCS#12 files, in front of all others, when this module is imported and again whenever another has been put
before it. It changes the filters of the process no further: `warnings.catch_warnings` would, and is not safe where
there are several threads. Names are read later than certificates, so that each function that begins to read one calls
`keep_quiet` as well.

The messages of the backend's exceptions are the debug output of its parser ("ParseError { kind: ... }"). `because`
is what an error of this library says instead; the exception itself stays its `__cause__`.
"""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from tls12.errors import Reasoned

_ABOUT_CERTIFICATES = (
    "Parsed a serial number which wasn't positive|Attribute's length must be |PKCS#12 bundle could not be parsed as DER"
)


def keep_quiet() -> None:
    """Make sure that the backend's warnings about certificates are neither shown nor raised."""
    if warnings.filters[:1] != _OUR_FILTER:
        warnings.filterwarnings("ignore", _ABOUT_CERTIFICATES, UserWarning)


_OUR_FILTER: object = None
keep_quiet()
_OUR_FILTER = warnings.filters[:1]


def load(der: bytes) -> x509.Certificate:
    """The certificate; raises what the backend raises for bytes that are no certificate."""
    keep_quiet()
    return x509.load_der_x509_certificate(der)


_READ_FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (x509.DuplicateExtension, "it has the extension {0.oid.dotted_string} twice"),
    (x509.InvalidVersion, "its version is none that exists"),
    (x509.UnsupportedGeneralNameType, "it has a name of a kind that is not read here"),
    (UnsupportedAlgorithm, "it has a key or a signature of a kind that is not computed here"),
)


def because(error: Exception) -> str:
    """Why a certificate could not be read: a clause of our own, with object identifiers as dotted numbers."""
    if isinstance(error, Reasoned):
        return error.message
    for kind, reason in _READ_FAULTS:
        if isinstance(error, kind):
            return reason.format(error)
    return "it is not valid DER, or a field of it has a wrong form"
