"""Names of servers: how a caller may write them, and which ones a certificate covers.

How it works: inside the library a server's name has one form, made once, when a connection is made: an
A-label host name in lower case without the trailing dot, or the canonical text of an IP address.
`normalise_server_name` is the only way into that form. `CertificateNames` is the other side: what the
subjectAltName of a certificate lists (RFC 6125 6.4), never its common name. It serves to choose a
credential by SNI and to say in an error whose certificate this is; the decision that a peer has the right
name is the verifier's.

International names: ASCII names, "xn--" labels included, pass as they are. Others are encoded with Python's
"idna" codec, which is IDNA 2003. IDNA 2008 differs from it in four characters, for which the two give
different *hosts* (ß, ς and the two joiners); a name with one of them is refused rather than sent to the
wrong place.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tls12.errors import UsageError
from tls12.trust.backend import keep_quiet, load
from tls12.trust.der import raw_fields

_DEVIATIONS = frozenset("ßẞς\u200c\u200d")
LONGEST_NAME = 4_096
"""Bytes of the longest subject or issuer that is read, also for an error message, because thousands of attributes take
long."""
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def ip_text(name: str) -> str | None:
    """The canonical text of an IP address, without a zone; None if `name` is not an address."""
    if ":" not in name and not name[-1:].isdigit():
        return None  # nearly every host name; the parser takes long to refuse one
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return None


def is_ip_address(name: str) -> bool:
    """Whether a name is an IP address, which is verified but never sent in server_name (RFC 6066 3)."""
    return ip_text(name) is not None


def normalise_server_name(name: str) -> str:
    """The one form in which the library keeps a server's name (A-label or IP address).

    Raises `UsageError` for what can be neither (RFC 6066 3, RFC 1123 2.1).
    """
    if not isinstance(name, str):
        raise UsageError(f"a server name is a str, not {type(name).__name__}")
    address = ip_text(name)
    if address is not None:
        return address
    host = _to_ascii(name).removesuffix(".").lower()
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise _refused(name, "labels are 1 to 63 letters, digits, hyphens or underscores, 253 characters in all")
    if host.rpartition(".")[2].isdigit():
        raise _refused(name, "its last label is a number, so it reads like a broken IP address")
    return host


def _to_ascii(name: str) -> str:
    if name.isascii():
        return name
    if not _DEVIATIONS.isdisjoint(name):
        raise _refused(name, "IDNA 2003 and 2008 map it to different hosts", "give the A-label (xn--...)")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _refused(name, f"IDNA cannot encode it: {error}") from error


def _refused(name: str, reason: str, remedy: str = "give a host name or an IP address, without port") -> UsageError:
    return UsageError(f"{name!r} is not a server name: {reason}", rule="RFC 6066 3", remedy=remedy)


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The DNS names and IP addresses of a certificate's subjectAltName (RFC 5280 4.2.1.6)."""

    dns: tuple[str, ...]
    """Host names in lower case, wildcards ("*.example.com") as they stand."""
    addresses: tuple[str, ...]
    """IP addresses as canonical text."""

    @classmethod
    def of(cls, certificate: x509.Certificate) -> CertificateNames:
        """Read a certificate's subjectAltName; nothing in it, or none, gives empty tuples."""
        try:
            san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (x509.ExtensionNotFound, ValueError):
            return cls((), ())
        dns = tuple(name.lower() for name in san.get_values_for_type(x509.DNSName))
        return cls(dns, tuple(str(address) for address in san.get_values_for_type(x509.IPAddress)))

    def cover(self, server_name: str) -> bool:
        """Whether a normalised name is among them; "*" stands for exactly one whole leftmost label."""
        if is_ip_address(server_name):
            return server_name in self.addresses
        first, dot, parent = server_name.partition(".")
        return server_name in self.dns or (bool(first and dot) and f"*.{parent}" in self.dns)

    def __bool__(self) -> bool:
        return bool(self.dns or self.addresses)

    def __str__(self) -> str:
        names = (*self.dns, *self.addresses)
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        return printable(", ".join(names[:6]) or "without a name") + more


def printable(text: str) -> str:
    """A peer's text as one short line without control characters, fit for an error message or a terminal."""
    escaped = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:201])
    return escaped if len(escaped) <= 200 else escaped[:197] + "..."


def subject_name(certificate: x509.Certificate) -> str:
    """Whose certificate it is, for an error message: its subject, or its names where that is empty."""
    try:
        length = len(raw_fields(certificate).subject)
        subject = _name(lambda: certificate.subject, length)
        return subject or str(CertificateNames.of(_copy(certificate)))
    except Exception:  # the lazy parser of the backend raises a dozen kinds
        return "with an unreadable subject"


def issuer_name(certificate: x509.Certificate) -> str:
    """The issuer's name, for an error message."""
    try:
        return _name(lambda: certificate.issuer, len(raw_fields(certificate).issuer))
    except Exception:  # the lazy parser of the backend raises a dozen kinds
        return "an issuer with an unreadable name"


def _name(read: Callable[[], x509.Name], length: int) -> str:
    keep_quiet()
    return printable(read().rfc4514_string()) if length <= LONGEST_NAME else f"with a name of {length} bytes"


def _copy(certificate: x509.Certificate) -> x509.Certificate:
    """A second object, so that reading its extensions does not make a remembered certificate larger (see `peer`)."""
    return load(certificate.public_bytes(Encoding.DER))
