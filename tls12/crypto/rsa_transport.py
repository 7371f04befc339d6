"""RSA encryption of a premaster secret (RFC 5246 7.4.7.1), so that a server is no oracle.

How it works: a server that reveals whether a ciphertext is well padded, by an alert, an error or its duration, lets an
attacker decrypt others (Bleichenbacher 1998). The backend rejects implicitly: for bad padding it returns pseudo-random
bytes instead of raising. `decrypt_premaster` makes sure of that before it decrypts the first ciphertext. The rest of
the defence, the substitute for what does not decrypt, is in `key_exchange.py`.
"""

from __future__ import annotations

from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tls12.errors import InternalError, PeerMisbehaved
from tls12.registry import Alert

_PKCS1 = padding.PKCS1v15()


def encrypt_premaster(public_key: object, premaster: bytes) -> bytes:
    """The premaster secret for the owner of this key. Raises PeerMisbehaved for a key that cannot encrypt it."""
    if isinstance(public_key, rsa.RSAPublicKey):
        with suppress(ValueError):  # a modulus that is even, too short for 59 bytes, or above 16,384 bits
            return public_key.encrypt(premaster, _PKCS1)
    raise PeerMisbehaved(
        "the server's certificate has no RSA key that encrypts",
        alert=Alert.UNSUPPORTED_CERTIFICATE,
        rule="RFC 5246 7.4.2",
    )


def decrypt_premaster(private_key: rsa.RSAPrivateKey, ciphertext: bytes) -> bytes:
    """What was encrypted, or unpredictable bytes; empty if the ciphertext is not a number below the modulus.

    Raises InternalError where the backend would tell bad padding from good.
    """
    assert_implicit_rejection(private_key)
    try:
        return private_key.decrypt(ciphertext, _PKCS1)
    except ValueError:  # longer or shorter than the modulus, or not below it: the sender can see that, too
        return b""


_IMPLICITLY_REJECTING: set[type] = set()


def assert_implicit_rejection(private_key: rsa.RSAPrivateKey) -> None:
    """Make sure that this type of key returns bytes for bad padding; decrypts once per type and process.

    Raises InternalError where it raises instead, as OpenSSL before 3.2 does.
    """
    if type(private_key) in _IMPLICITLY_REJECTING:
        return
    numbers = private_key.public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    signature_padding = int.from_bytes(b"\x00\x01".ljust(size, b"\xff"))  # block type 1 is never decryptable
    try:
        private_key.decrypt(pow(signature_padding, numbers.e, numbers.n).to_bytes(size), _PKCS1)
    except ValueError:
        raise InternalError(
            "the backend tells bad RSA padding from good: RSA key transport would let an attacker decrypt",
            remedy="leave out the RSA and RSA_PSK suites, or use a cryptography with OpenSSL 3.2 or later",
        ) from None
    _IMPLICITLY_REJECTING.add(type(private_key))
