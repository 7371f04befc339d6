"""Reading the caller's private keys and PKCS#12 files, with errors that say what is wrong.

How it works: the backend's own messages are those of its parser and are the same for many faults. What a caller needs
to know can be seen without them: whether the key is encrypted, whether there was a password, whether the bytes are of
that kind at all. Each function raises `UsageError` for what it cannot read, since the caller gave it; `read_file` also
raises OSError.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from tls12.errors import UsageError
from tls12.given import name_value
from tls12.secrecy import keeps_secrets
from tls12.trust.backend import because, keep_quiet
from tls12.trust.der import raw_fields

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)
"""The private keys of `cryptography` that can sign in TLS 1.2."""

_PEM_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_ENCRYPTED = re.compile(rb"BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)


def as_bytes(name: str, text: bytes | str) -> bytes:
    """PEM or a password as bytes; `name` is the argument's."""
    if not isinstance(text, bytes | str):
        raise UsageError(f"{name} is bytes or str, not {type(text).__name__}")
    try:
        return text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise UsageError(f"{name} is a str that cannot be encoded; give bytes") from None


def read_file(name: str, path: str | os.PathLike[str]) -> bytes:
    """The content of a file. Raises OSError as `open` does."""
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"{name} is {name_value(path)}; give the path of a file")
    try:
        return Path(path).read_bytes()
    except (TypeError, ValueError):  # a path of bytes, or one with a NUL in it
        raise UsageError(f"{name} is no path of a file") from None


@keeps_secrets
def read_private_key(key: bytes | str, password: bytes | str | None) -> PrivateKey:
    """The first private key of some PEM (PKCS#8, PKCS#1 or SEC 1), perhaps encrypted."""
    pem = as_bytes("key", key)
    block = _PEM_KEY.search(pem)
    if block is None:
        raise UsageError(
            "there is no PEM private key in what was given as the key",
            remedy="the chain comes first, then the key"
            if b"-----BEGIN CERTIFICATE" in pem
            else "give the PEM itself; from_pem_files() reads files",
        )
    encrypted = _ENCRYPTED.search(block.group()) is not None
    secret = as_bytes("password", password) if password is not None else None
    try:
        found = load_pem_private_key(block.group(), secret)
    except Exception as error:  # ValueError, TypeError, UnsupportedAlgorithm and others, with the parser's text
        raise _unreadable_key(error, encrypted=encrypted, has_password=secret is not None) from error
    return supported(found)


def _unreadable_key(error: Exception, *, encrypted: bool, has_password: bool) -> UsageError:
    if encrypted and not has_password:
        reason, remedy = "it is encrypted and there is no password", "give its password"
    elif encrypted:
        reason, remedy = "the password is wrong, or the key is damaged", "check the password"
    elif isinstance(error, TypeError):
        reason, remedy = "it is not encrypted, and there is a password", "leave the password out"
    elif isinstance(error, UnsupportedAlgorithm):
        reason, remedy = "it is of a kind that is not computed here", "use RSA, ECDSA, Ed25519 or Ed448"
    else:
        reason = "it is damaged, or of a kind that is not computed here"
        remedy = "check it with `openssl pkey -in FILE -noout`"
    return UsageError(f"the private key cannot be read: {reason}", remedy=remedy)


def supported(key: object) -> PrivateKey:
    """The key, if it can sign in TLS 1.2."""
    if isinstance(key, PrivateKey):
        return key
    raise UsageError(f"{name_value(key)} cannot sign in TLS 1.2", remedy="use RSA, ECDSA, Ed25519 or Ed448")


@keeps_secrets
def read_pkcs12(data: bytes, password: bytes | str | None) -> tuple[list[x509.Certificate], PrivateKey]:
    """The chain, leaf first and without a self-signed root, and the key of a PKCS#12 file."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise UsageError(f"data is {name_value(data)}; give the bytes of the PKCS#12 file")
    secret = as_bytes("password", password) if password is not None else None
    keep_quiet()
    try:
        store = load_pkcs12(bytes(data), secret)
    except Exception as error:
        raise UsageError(
            "the PKCS#12 data cannot be read: "
            + ("the password is wrong" if secret is not None else "it may need a password")
            + ", or it is damaged or encrypted in a way that is not read here",
            remedy="check it with `openssl pkcs12 -in FILE -noout`",
        ) from error
    if store.cert is None or store.key is None:
        raise UsageError("the PKCS#12 data lacks a certificate or its private key")
    try:
        return _ordered(store.cert.certificate, [entry.certificate for entry in store.additional_certs]), supported(
            store.key
        )
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"a certificate of the PKCS#12 data cannot be read: {because(error)}") from error


def _ordered(leaf: x509.Certificate, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf and its issuers by name, as far as they are there."""
    chain = [leaf]
    names = [(other, raw_fields(other)) for other in others]
    while True:
        wanted = raw_fields(chain[-1]).issuer
        issuer = next((other for other, n in names if n.subject == wanted and n.subject != n.issuer), None)
        if issuer is None or issuer in chain:
            return chain
        chain.append(issuer)
