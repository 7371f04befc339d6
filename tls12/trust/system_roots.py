"""Where a machine keeps its root certificates, for `TrustStore.system()`.

How it works: the places are tried in this order, and the first that has any certificate counts alone:

1. If the environment has SSL_CERT_FILE or SSL_CERT_DIR: both, and nothing else, as OpenSSL does. SSL_CERT_DIR may list
   several directories, separated as in PATH. Every file in them is read, so the names that `c_rehash` gives are as good
   as others.
2. On Windows the store ROOT of the system, by `ssl.enum_certificates`: the certificates that it trusts for servers,
   without those that are also in its store Disallowed.
3. The first of `SYSTEM_FILES`: the bundle that Debian, Ubuntu, Alpine, Arch, Fedora, RHEL, openSUSE, FreeBSD, OpenBSD
   or macOS keeps.
4. The first of `SYSTEM_DIRECTORIES`.
5. certifi, the roots of Mozilla, if it is installed (the extra `roots`).

`truststore`, which pip uses, cannot be a source: it calls the system's own verifier, and has no list of roots.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tls12.errors import UsageError

SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, NixOS
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older Fedora, RHEL
    "/var/lib/ca-certificates/ca-bundle.pem",  # openSUSE
    "/etc/ssl/ca-bundle.pem",  # older openSUSE
    "/etc/ssl/cert.pem",  # Alpine, FreeBSD, OpenBSD, macOS
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD with ca_root_nss
)
SYSTEM_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts")

Block = tuple[str, bytes]
"""Where a certificate stood, and its PEM."""

_PEM_BLOCK = re.compile(
    rb"-----BEGIN ((?:X509 )?CERTIFICATE)-----[^-]*-----END \1-----",
)
_SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
"""The purpose of a TLS server's certificate (RFC 5280 4.2.1.12)."""


def system_blocks(cert_file: str | None, cert_dir: str | None) -> list[Block]:
    """The certificates of the first place that has any; the arguments are the environment's two variables.

    Raises `UsageError` where there is none, and OSError for a file of the environment that cannot be read.
    """
    if cert_file or cert_dir:
        where = " and ".join(filter(None, (cert_file, cert_dir)))
        blocks = list(_environment(cert_file, cert_dir))
    else:
        where = "any of the well-known places"
        blocks = next(filter(None, map(list, _places())), [])
    if not blocks:
        raise UsageError(
            f"there are no root certificates in {where}",
            remedy="install ca-certificates or tls12[roots], set SSL_CERT_FILE, or use TrustStore.from_pem()",
        )
    return blocks


def pem_blocks(data: bytes, origin: str) -> Iterator[Block]:
    """The certificates of one or more PEM blocks; text around them is ignored."""
    for number, match in enumerate(_PEM_BLOCK.finditer(data), 1):
        yield f"{origin}, certificate {number}", match.group()


def _environment(cert_file: str | None, cert_dir: str | None) -> Iterator[Block]:
    if cert_file and Path(cert_file).is_file():
        yield from _in_file(Path(cert_file))
    for directory in cert_dir.split(os.pathsep) if cert_dir else ():
        yield from _in_directory(Path(directory))


def _places() -> Iterator[Iterable[Block]]:
    if sys.platform == "win32":
        import ssl  # here, because a program on another system should not pay for the import

        yield windows_blocks(ssl.enum_certificates)
    for file in map(Path, SYSTEM_FILES):
        if file.is_file():
            yield _in_file(file)
    yield from map(_in_directory, map(Path, SYSTEM_DIRECTORIES))
    try:
        import certifi
    except ImportError:
        return
    yield _in_file(Path(certifi.where()))


def windows_blocks(enumerate_store: Callable[[str], Iterable[tuple[bytes, str, set[str] | bool]]]) -> Iterator[Block]:
    """The roots that Windows trusts for servers. `enumerate_store` is `ssl.enum_certificates`: of each certificate it
    gives the DER, the encoding, and its purposes (True: all)."""
    from base64 import encodebytes

    try:
        distrusted = {der for der, _, _ in enumerate_store("Disallowed")}
    except OSError:  # there is no such store
        distrusted = set()
    for number, (der, form, purposes) in enumerate(enumerate_store("ROOT"), 1):
        trusted = purposes if isinstance(purposes, bool) else _SERVER_AUTH in purposes
        if form == "x509_asn" and trusted and der not in distrusted:
            pem = b"-----BEGIN CERTIFICATE-----\n" + encodebytes(der) + b"-----END CERTIFICATE-----\n"
            yield f"the store ROOT of Windows, certificate {number}", pem


def _in_file(path: Path) -> Iterator[Block]:
    return pem_blocks(path.read_bytes(), str(path))


def _in_directory(directory: Path) -> Iterator[Block]:
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        try:
            yield from _in_file(path)
        except OSError:  # a directory, a dangling link, an unreadable file: the others still count
            continue
