"""Certificates, keys and Diffie-Hellman groups as files, for programs and for CPython's ssl."""

from __future__ import annotations

import atexit
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import pki
from tls12 import NamedGroup
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.lab.pki import IssuedCertificate

_DIRECTORY = tempfile.TemporaryDirectory(prefix="tls12-tests-")
atexit.register(_DIRECTORY.cleanup)


def directory() -> Path:
    """Where files for programs go; gone at the end of the run."""
    return Path(_DIRECTORY.name)


@pki.once
def _files(number: int, issued: IssuedCertificate) -> tuple[str, str]:
    chain, key = issued.write(directory(), str(number))
    if issued.leaf.public_key_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10":
        key.write_bytes(_rsa_pss_key(issued))
    return str(chain), str(key)


def files_of(issued: IssuedCertificate) -> tuple[str, str]:
    """The chain and the key as files, for what reads only files."""
    return _files(id(issued), issued)


def intermediates_of(issued: IssuedCertificate) -> str:
    """The chain without the leaf as a file."""
    path = directory() / f"{id(issued)}-intermediates.pem"
    path.write_text("".join(map(ssl.DER_cert_to_PEM_cert, issued.chain_der[1:])))
    return str(path)


def trusted_file() -> str:
    """pki.root() as a file."""
    path = directory() / "root.pem"
    path.write_bytes(pki.trusted_pem())
    return str(path)


def _rsa_pss_key(issued: IssuedCertificate) -> bytes:
    """The RSA key as PKCS#8 under id-RSASSA-PSS, which OpenSSL wants beside such a certificate."""
    plain = issued.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    rsa_encryption = bytes.fromhex("300d06092a864886f70d0101010500")
    rsassa_pss = bytes.fromhex("300b06092a864886f70d01010a")
    assert plain[7:].startswith(rsa_encryption)
    body = plain[4:7] + rsassa_pss + plain[7 + len(rsa_encryption) :]
    pem = ssl.DER_cert_to_PEM_cert(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    return pem.replace("CERTIFICATE", "PRIVATE KEY").encode()


@pki.once
def dh_parameters(group: NamedGroup) -> str:
    """An RFC 7919 group as a PEM file (PKCS#3)."""
    prime = FFDHE_PRIMES[group]
    path = directory() / f"{group}.pem"
    magnitude = b"\0" + prime.to_bytes((prime.bit_length() + 7) // 8, "big")
    body = b"\x02\x82" + len(magnitude).to_bytes(2, "big") + magnitude + b"\x02\x01\x02"
    pem = ssl.DER_cert_to_PEM_cert(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    path.write_text(pem.replace("CERTIFICATE", "DH PARAMETERS"))
    return str(path)
