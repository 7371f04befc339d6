from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519

from tls12.crypto.signatures import (
    SCHEMES,
    KeyKind,
    group_of,
    key_kind,
    schemes_for,
    sign,
    verify,
)
from tls12.errors import BadSignature, PeerMisbehaved, UsageError
from tls12.registry import Alert, NamedGroup, SignatureScheme

S = SignatureScheme
EVERY_SCHEME = pytest.mark.parametrize("scheme", SCHEMES, ids=str)
DATA = b"client random, server random, parameters"


@cache
def private(kind: KeyKind, size: int = 0) -> Any:
    match kind:
        case KeyKind.RSA | KeyKind.RSA_PSS:
            return rsa.generate_private_key(65537, size or 2048)
        case KeyKind.ECDSA:
            curves = {0: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1(), 224: ec.SECP224R1()}
            return ec.generate_private_key(curves[size])
        case KeyKind.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyKind.ED448:
            return ed448.Ed448PrivateKey.generate()
        case KeyKind.DSA:
            return dsa.generate_private_key(1024)


@EVERY_SCHEME
def test_what_one_signs_the_other_verifies(scheme: SignatureScheme) -> None:
    key = private(SCHEMES[scheme].kind)
    verify(key.public_key(), scheme, sign(key, scheme, DATA), DATA)


@EVERY_SCHEME
@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda s: (s[:-1] + bytes([s[-1] ^ 1]), DATA), id="a flipped bit at the end"),
        pytest.param(lambda s: (bytes([s[0] ^ 1]) + s[1:], DATA), id="a flipped bit at the beginning"),
        pytest.param(lambda s: (s[:-1], DATA), id="one byte short"),
        pytest.param(lambda s: (s + b"\0", DATA), id="one byte more"),
        pytest.param(lambda s: (b"", DATA), id="empty"),
        pytest.param(lambda s: (b"\0", DATA), id="one byte"),
        pytest.param(lambda s: (bytes(len(s)), DATA), id="zeros"),
        pytest.param(lambda s: (s, DATA[::-1]), id="randoms in the wrong order"),
    ],
)
def test_a_wrong_signature_is_a_decrypt_error_whatever_is_wrong(scheme: SignatureScheme, break_it: Any) -> None:
    key = private(SCHEMES[scheme].kind)
    signature, data = break_it(sign(key, scheme, DATA))
    with pytest.raises(BadSignature) as error:
        verify(key.public_key(), scheme, signature, data)
    assert error.value.alert is Alert.DECRYPT_ERROR
    assert str(scheme) in str(error.value)


@pytest.mark.parametrize(
    ("signed_as", "verified_as"),
    [
        (S.RSA_PKCS1_SHA256, S.RSA_PKCS1_SHA384),
        (S.RSA_PSS_RSAE_SHA256, S.RSA_PSS_RSAE_SHA384),
        (S.RSA_PSS_RSAE_SHA256, S.RSA_PKCS1_SHA256),
        (S.ECDSA_SECP256R1_SHA256, S.ECDSA_SECP384R1_SHA384),
    ],
)
def test_a_signature_made_with_another_scheme_does_not_verify(
    signed_as: SignatureScheme, verified_as: SignatureScheme
) -> None:
    key = private(SCHEMES[signed_as].kind)
    with pytest.raises(BadSignature):
        verify(key.public_key(), verified_as, sign(key, signed_as, DATA), DATA)


@EVERY_SCHEME
def test_a_key_of_another_type_fits_neither_to_sign_nor_to_verify(scheme: SignatureScheme) -> None:
    rsa_kinds = {KeyKind.RSA, KeyKind.RSA_PSS}  # one and the same to the backend
    kind = SCHEMES[scheme].kind
    fitting = rsa_kinds if kind in rsa_kinds else {kind}
    for kind in set(KeyKind) - fitting:
        with pytest.raises(UsageError, match="cannot sign with"):
            sign(private(kind), scheme, DATA)
        with pytest.raises(PeerMisbehaved, match="does not fit") as error:
            verify(private(kind).public_key(), scheme, b"signature", DATA)
        assert error.value.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize("scheme", [S.RSA_PKCS1_MD5, S.ECDSA_MD5, S.MLDSA44, S(0x0A0A), S(0x0000)], ids=str)
def test_a_scheme_that_cannot_be_computed_is_refused_with_every_key(scheme: SignatureScheme) -> None:
    with pytest.raises(UsageError):
        sign(private(KeyKind.RSA), scheme, DATA)
    with pytest.raises(PeerMisbehaved):
        verify(private(KeyKind.RSA).public_key(), scheme, b"signature", DATA)


def test_the_laboratory_has_sha1_and_dsa() -> None:
    assert {scheme for scheme, facts in SCHEMES.items() if facts.lab_only} == {
        S.RSA_PKCS1_SHA1,
        S.ECDSA_SHA1,
        *(scheme for scheme in SCHEMES if scheme.name.startswith("DSA_")),
    }
    assert len(SCHEMES) == 23


@pytest.mark.parametrize("scheme", [scheme for scheme, f in SCHEMES.items() if f.kind is KeyKind.ECDSA], ids=str)
@pytest.mark.parametrize("size", [0, 384, 521, 224])
def test_an_ecdsa_scheme_does_not_fix_the_curve(scheme: SignatureScheme, size: int) -> None:
    key = private(KeyKind.ECDSA, size)
    verify(key.public_key(), scheme, sign(key, scheme, DATA), DATA)


@pytest.mark.parametrize(
    "scheme", [s for s, f in SCHEMES.items() if f.kind not in (KeyKind.RSA_PSS, KeyKind.DSA) and "PSS" not in s.name]
)
def test_deterministic_signatures_are_reproducible(scheme: SignatureScheme) -> None:
    key = private(SCHEMES[scheme].kind)
    first, second = (sign(key, scheme, DATA, deterministic=True) for _ in range(2))
    assert first == second
    verify(key.public_key(), scheme, first, DATA)


def test_ordinary_ecdsa_signatures_are_random() -> None:
    key = private(KeyKind.ECDSA)
    assert len({sign(key, S.ECDSA_SECP256R1_SHA256, DATA) for _ in range(3)}) == 3


def test_deterministic_ecdsa_is_that_of_rfc_6979() -> None:
    # RFC 6979 A.2.5, P-256 with SHA-256, the message "sample": r and s in DER.
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    key = ec.derive_private_key(secret, ec.SECP256R1())
    assert sign(key, S.ECDSA_SECP256R1_SHA256, b"sample", deterministic=True) == bytes.fromhex(
        "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


def test_a_scheme_without_room_in_a_short_modulus_is_not_offered_and_cannot_sign() -> None:
    key = private(KeyKind.RSA, 1024)
    assert S.RSA_PSS_RSAE_SHA512 not in schemes_for(key.public_key())
    assert schemes_for(key.public_key())[:2] == (S.RSA_PSS_RSAE_SHA256, S.RSA_PSS_RSAE_SHA384)
    with pytest.raises(UsageError, match="too short"):
        sign(key, S.RSA_PSS_RSAE_SHA512, DATA)
    with pytest.raises(BadSignature):
        verify(key.public_key(), S.RSA_PSS_RSAE_SHA512, bytes(128), DATA)


@pytest.mark.parametrize("modulus", [15, 1 << 383 | 5, 1 << 511 | 1, 1 << 1023, 1 << 17_000 | 1], ids=int.bit_length)
@pytest.mark.parametrize("scheme", [scheme for scheme, f in SCHEMES.items() if f.kind is KeyKind.RSA], ids=str)
def test_a_hostile_rsa_key_makes_a_wrong_signature_and_nothing_else(scheme: SignatureScheme, modulus: int) -> None:
    key = rsa.RSAPublicNumbers(3, modulus).public_key()
    for signature in (b"", b"x", bytes((modulus.bit_length() + 7) // 8)):
        with pytest.raises(BadSignature):
            verify(key, scheme, signature, DATA)


@pytest.mark.parametrize("bits", [1024, 1034, 1040])
def test_what_is_offered_for_a_key_can_sign_and_what_is_not_cannot(bits: int) -> None:
    # PSS with SHA-512 needs 1034 bits: two hashes of 64 bytes, two bytes, but not the top six bits.
    key = private(KeyKind.RSA, bits)
    able = schemes_for(key.public_key())
    assert (S.RSA_PSS_RSAE_SHA512 in able) == (bits >= 1034)
    for scheme in (scheme for scheme, facts in SCHEMES.items() if facts.kind is KeyKind.RSA):
        if scheme in able:
            verify(key.public_key(), scheme, sign(key, scheme, DATA), DATA)
        else:
            with pytest.raises(UsageError):
                sign(key, scheme, DATA)


@pytest.mark.parametrize(
    ("size", "first"),
    [
        (0, (S.ECDSA_SECP256R1_SHA256, S.ECDSA_SECP384R1_SHA384, S.ECDSA_SECP521R1_SHA512)),
        (384, (S.ECDSA_SECP384R1_SHA384, S.ECDSA_SECP521R1_SHA512, S.ECDSA_SECP256R1_SHA256)),
        (521, (S.ECDSA_SECP521R1_SHA512, S.ECDSA_SECP384R1_SHA384, S.ECDSA_SECP256R1_SHA256)),
    ],
)
def test_an_ecdsa_key_prefers_the_hash_as_long_as_its_curve(size: int, first: tuple[SignatureScheme, ...]) -> None:
    schemes = schemes_for(private(KeyKind.ECDSA, size).public_key())
    assert schemes[:3] == first
    assert schemes[-1] is S.ECDSA_SHA1


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_signs_with_the_schemes_of_its_kind_and_no_others(kind: KeyKind) -> None:
    schemes = schemes_for(private(kind).public_key(), kind)
    assert set(schemes) == {scheme for scheme, facts in SCHEMES.items() if facts.kind is kind}


def test_an_rsa_key_prefers_pss_and_puts_sha1_last() -> None:
    schemes = schemes_for(private(KeyKind.RSA).public_key())
    assert schemes[0] is S.RSA_PSS_RSAE_SHA256
    assert schemes[3] is S.RSA_PKCS1_SHA256
    assert schemes[-1] is S.RSA_PKCS1_SHA1


@pytest.mark.parametrize("kind", [kind for kind in KeyKind if kind is not KeyKind.RSA_PSS])
def test_a_key_says_its_kind(kind: KeyKind) -> None:
    assert key_kind(private(kind).public_key()) is kind


def test_a_key_that_cannot_sign_is_refused() -> None:
    with pytest.raises(UsageError, match="X25519PublicKey cannot sign"):
        key_kind(x25519.X25519PrivateKey.generate().public_key())


def test_the_group_of_an_ecdsa_key_is_its_curve_and_other_keys_have_none() -> None:
    assert group_of(private(KeyKind.ECDSA, 384).public_key()) is NamedGroup.SECP384R1
    assert group_of(private(KeyKind.ECDSA, 224).public_key()) is NamedGroup.SECP224R1
    assert group_of(ec.generate_private_key(ec.BrainpoolP256R1()).public_key()) is NamedGroup.BRAINPOOLP256R1
    assert group_of(private(KeyKind.ED25519).public_key()) is None
    assert group_of(private(KeyKind.RSA).public_key()) is None
