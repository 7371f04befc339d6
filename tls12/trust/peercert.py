"""A certificate as a dictionary, with the keys and the spelling of `getpeercert` of CPython's `ssl`.

How it works: `peercert` reads the fields with `cryptography` and writes each as OpenSSL prints it: names by OpenSSL's
long names of their attributes, numbers in hexadecimal, times in words. The long names come from the table of OpenSSL
that CPython has anyway. An extension that cannot be read is left out.
"""

from __future__ import annotations

import _ssl
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, ObjectIdentifier

from tls12.trust.backend import keep_quiet, load

Name: TypeAlias = tuple[tuple[tuple[str, str], ...], ...]
"""Relative distinguished names, each of attributes: their name and their text."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def peercert(der: bytes) -> dict[str, Any]:
    """The dictionary. Raises ValueError for what is no certificate."""
    keep_quiet()
    certificate = load(der)
    found: dict[str, Any] = {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "version": certificate.version.value + 1,
        "serialNumber": _hexadecimal(certificate.serial_number),
        "notBefore": _time(certificate.not_valid_before_utc),
        "notAfter": _time(certificate.not_valid_after_utc),
    }
    readers: tuple[tuple[str, ObjectIdentifier, Callable[[Any], tuple[Any, ...]]], ...] = (
        ("subjectAltName", ExtensionOID.SUBJECT_ALTERNATIVE_NAME, _alternative_names),
        ("OCSP", ExtensionOID.AUTHORITY_INFORMATION_ACCESS, _access(AuthorityInformationAccessOID.OCSP)),
        ("caIssuers", ExtensionOID.AUTHORITY_INFORMATION_ACCESS, _access(AuthorityInformationAccessOID.CA_ISSUERS)),
        ("crlDistributionPoints", ExtensionOID.CRL_DISTRIBUTION_POINTS, _distribution_points),
    )
    for key, oid, read in readers:
        try:
            values = read(certificate.extensions.get_extension_for_oid(oid).value)
        except (x509.ExtensionNotFound, ValueError):
            continue
        if values or key == "subjectAltName":
            found[key] = values
    return found


def _name(name: x509.Name) -> Name:
    return tuple(
        tuple((_long_name(each.oid.dotted_string), _text(each.value)) for each in attributes)
        for attributes in name.rdns
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


@cache
def _long_name(oid: str) -> str:
    """What OpenSSL calls an object identifier, or the identifier where it has no name for it."""
    try:
        return str(_ssl.txt2obj(oid)[2])
    except ValueError:
        return oid


def _hexadecimal(number: int) -> str:
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + "0" * (len(digits) % 2) + digits


def _time(when: datetime) -> str:
    return f"{_MONTHS[when.month - 1]} {when.day:2} {when:%H:%M:%S} {when.year} GMT"


def _alternative_names(names: Iterable[x509.GeneralName]) -> tuple[tuple[str, Any], ...]:
    return tuple(map(_alternative_name, names))


def _alternative_name(name: x509.GeneralName) -> tuple[str, Any]:
    match name:
        case x509.DNSName():
            return "DNS", name.value
        case x509.RFC822Name():
            return "email", name.value
        case x509.UniformResourceIdentifier():
            return "URI", name.value
        case x509.IPAddress(value=IPv4Address()):
            return "IP Address", str(name.value)
        case x509.IPAddress(value=IPv6Address() as address):
            packed = address.packed
            return "IP Address", ":".join(f"{packed[i] << 8 | packed[i + 1]:X}" for i in range(0, 16, 2))
        case x509.DirectoryName():
            return "DirName", _name(name.value)
        case x509.RegisteredID():
            return "Registered ID", _long_name(name.value.dotted_string)
        case x509.OtherName():
            return "othername", _other_name(name)
        case _:
            return "IP Address", "<invalid>"


_OTHER_NAMES = {
    "1.3.6.1.5.5.7.8.5": "XmppAddr",
    "1.3.6.1.5.5.7.8.7": "SRVName",
    "1.3.6.1.5.5.7.8.8": "NAIRealm",
    "1.3.6.1.5.5.7.8.9": "SmtpUTF8Mailbox",
    "1.3.6.1.4.1.311.20.2.3": "UPN",
}


def _other_name(name: x509.OtherName) -> str:
    """OpenSSL prints the text of five kinds."""
    kind = _OTHER_NAMES.get(name.type_id.dotted_string)
    if kind is None or len(name.value) < 2 or name.value[1] > 0x7F:
        return "<unsupported>"
    return f"{kind}:{name.value[2:].decode(errors='replace')}"


def _access(method: ObjectIdentifier) -> Callable[[Iterable[x509.AccessDescription]], tuple[str, ...]]:
    def read(descriptions: Iterable[x509.AccessDescription]) -> tuple[str, ...]:
        return _uris(each.access_location for each in descriptions if each.access_method == method)

    return read


def _distribution_points(points: Iterable[x509.DistributionPoint]) -> tuple[str, ...]:
    return _uris(name for point in points for name in point.full_name or ())


def _uris(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))
