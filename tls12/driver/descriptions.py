"""A cipher suite in the form in which `cipher()` of Python's sockets gives it."""

from __future__ import annotations

from tls12.crypto.suites import SUITES
from tls12.registry import CipherSuite


def described(suite: CipherSuite) -> tuple[str, str, int]:
    """Its name, the first version of the protocol that has it, and the bits of its strength, as OpenSSL says them."""
    row = SUITES[suite]
    name = suite.openssl_name or str(suite)
    strength = 112 if "3DES" in row.cipher.name else row.cipher.key_length * 8
    if row.is_aead or (row.mac in ("sha256", "sha384") and not row.uses_psk):
        return name, "TLSv1.2", strength
    return name, "TLSv1.0" if row.is_ecdhe or row.mac in ("sha256", "sha384") else "SSLv3", strength
