"""Server, key exchange: section S6 of the checklists."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel
from tls12 import Alert, CipherSuite, NamedGroup, Policy, Psk
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.lab.hellos import with_extensions
from tls12.registry import HandshakeType, ProtocolVersion
from tls12.wire.extensions import SupportedGroups
from tls12.wire.hello import ServerHello
from tls12.wire.key_exchange import (
    ClientKeyExchange,
    DheParams,
    DhPublic,
    EcdheParams,
    EcdhPublic,
    EncryptedPreMasterSecret,
    ServerKeyExchange,
)
from tls12.wire.messages import RawMessage

ECDHE = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
DHE = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
RSA = CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256
PSK = CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256
DHE_PSK = CipherSuite.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256
ECDHE_PSK = CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256
RSA_PSK = CipherSuite.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256
P = FFDHE_PRIMES[NamedGroup.FFDHE2048]
BOTH = ("rsa-2048", "ecdsa-p256")
KEY = b"a pre-shared key of 32 bytes ...."


def offering(
    suite: CipherSuite, *groups: int, kinds: tuple[str, ...] = ("rsa-2048", "ecdsa-p256"), **config: Any
) -> AgainstServer:
    """The server's flight for one suite and these groups (those of the script if none are given)."""
    duel = AgainstServer(*kinds, **config)
    hello = duel.script.hello(suite)
    if groups:
        hello = with_extensions(hello, SupportedGroups(tuple(map(NamedGroup.of, groups))))
    return duel.hello(hello=hello)


def share_of(duel: AgainstServer) -> Any:
    share = duel.script.last(ServerKeyExchange)
    assert share is not None, str(duel.subject.error)
    return share.params


def finishing(duel: AgainstServer, message: ClientKeyExchange | RawMessage, premaster: bytes) -> AgainstServer:
    """This ClientKeyExchange, and a Finished under this premaster secret."""
    duel.script.send(message)
    duel.script.premaster = premaster
    duel.script.derive()
    return duel.finish()


def sending(duel: AgainstServer, body: bytes) -> AgainstServer:
    """A ClientKeyExchange with this body."""
    duel.script.send(RawMessage(HandshakeType.CLIENT_KEY_EXCHANGE, body))
    return duel


# -- S6.1 and S6.2 RSA transport ----------------------------------------------------------------------------


def server_key() -> rsa.RSAPublicNumbers:
    key = pki.server("rsa-2048").private_key.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key.public_numbers()


def encrypted(block: bytes) -> EncryptedPreMasterSecret:
    numbers = server_key()
    return EncryptedPreMasterSecret(pow(int.from_bytes(block), numbers.e, numbers.n).to_bytes(256))


def block(premaster: bytes, start: bytes = b"\x00\x02", zero: bytes = b"\x00", early: int | None = None) -> bytes:
    """256 bytes as PKCS#1 v1.5 pads them, or nearly."""
    padding = bytearray(b"\x5a" * (256 - len(start) - len(zero) - len(premaster)))
    if early is not None:
        padding[early] = 0
    return start + bytes(padding) + zero + premaster


GOOD = b"\x03\x03" + b"\x77" * 46
ORACLES = {
    "version 1.1 inside": (block(b"\x03\x02" + GOOD[2:]), b"\x03\x02" + GOOD[2:]),
    "version 0 inside": (block(bytes(2) + GOOD[2:]), bytes(2) + GOOD[2:]),
    "all zeros inside": (block(bytes(48)), bytes(48)),
    "block type 1": (block(GOOD, b"\x00\x01"), GOOD),
    "block type 0": (block(GOOD, b"\x00\x00"), GOOD),
    "first byte not zero": (block(GOOD, b"\x01\x02"), GOOD),
    "no zero byte": (block(GOOD, zero=b"\x01"), GOOD),
    "zero in the first byte of padding": (block(GOOD, early=0), GOOD),
    "zero in the eighth byte of padding": (block(GOOD, early=7), GOOD),
    "zero in the middle of padding": (block(GOOD, early=100), GOOD),
    "zero late": (block(b"\x77" * 40), GOOD),
    "nothing inside": (block(b""), b""),
    "1 byte inside": (block(b"\x03"), b"\x03"),
    "2 bytes inside": (block(b"\x03\x03"), b"\x03\x03"),
    "47 bytes inside": (block(GOOD[:47]), GOOD[:47]),
    "49 bytes inside": (block(GOOD + b"\x77"), GOOD + b"\x77"),
}


@pytest.mark.parametrize("name", ORACLES)
@refuses("S6.1", Alert.BAD_RECORD_MAC)
def test_whatever_is_wrong_inside_the_ciphertext_ends_like_a_wrong_key(name: str) -> Duel:
    plaintext, premaster = ORACLES[name]
    return finishing(offering(RSA), ClientKeyExchange(encrypted(plaintext)), premaster)


@accepts("S6.1")
def test_a_premaster_with_the_version_of_the_client_hello_is_right() -> Duel:
    duel = AgainstServer("rsa-2048").hello(RSA, client_version=ProtocolVersion.TLS_1_3)
    premaster = b"\x03\x04" + GOOD[2:]
    return finishing(duel, ClientKeyExchange(encrypted(block(premaster))), premaster)


@refuses("S6.1", Alert.BAD_RECORD_MAC)
def test_a_premaster_with_the_negotiated_version_instead_ends_like_a_wrong_key() -> Duel:
    duel = AgainstServer("rsa-2048").hello(RSA, client_version=ProtocolVersion.TLS_1_3)
    return finishing(duel, ClientKeyExchange(encrypted(block(GOOD))), GOOD)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x01\x00",
        b"\x00\xff" + bytes(256),
        b"\x01\x01" + bytes(256),
        b"\x01\x00" + bytes(257),
        bytes(256),
    ],
    ids=["empty", "half a length", "no bytes", "too small", "too big", "left over", "no length"],
)
@refuses("S6.2", Alert.DECODE_ERROR)
def test_an_encrypted_premaster_of_wrong_framing_is_refused(body: bytes) -> Duel:
    return sending(offering(RSA), body)


@pytest.mark.parametrize(
    "ciphertext",
    [bytes(256), server_key().n.to_bytes(256), b"\xff" * 256, b"", b"\x01", bytes(255), bytes(257)],
    ids=["0", "n", "above n", "nothing", "1 byte", "255 bytes", "257 bytes"],
)
@refuses("S6.2", Alert.BAD_RECORD_MAC)
def test_a_number_that_is_no_ciphertext_ends_like_a_wrong_key(ciphertext: bytes) -> Duel:
    return finishing(offering(RSA), ClientKeyExchange(EncryptedPreMasterSecret(ciphertext)), GOOD)


# -- S6.3 DHE -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "yc", [0, 1, P - 1, P, P + 1, 2 * P, 2**2048 - 1], ids=["0", "1", "p-1", "p", "p+1", "2p", "max"]
)
@refuses("S6.3", Alert.ILLEGAL_PARAMETER)
def test_a_public_key_outside_its_range_is_refused(yc: int) -> Duel:
    duel = offering(DHE)
    duel.script.send(ClientKeyExchange(DhPublic(yc.to_bytes(max(1, (yc.bit_length() + 7) // 8)))))
    return duel


@pytest.mark.parametrize("body", [b"", b"\x00\x00", b"\x01\x00" + bytes(255), b"\x00\x01\x02\x03", b"\x01"])
@refuses("S6.3", Alert.DECODE_ERROR)
def test_a_public_key_of_wrong_framing_is_refused(body: bytes) -> Duel:
    return sending(offering(DHE), body)


def counter() -> Callable[[int], bytes]:
    """Randomness that is the same for every connection."""
    numbers = itertools.count(2**40)
    return lambda size: next(numbers).to_bytes(size) if size > 8 else bytes(size)


@accepts("S6.3")
def test_leading_zeros_of_the_shared_number_are_stripped() -> Duel:
    duel = offering(DHE, random=counter())
    params = share_of(duel)
    assert isinstance(params, DheParams)
    ys = int.from_bytes(params.dh_Ys)
    exponent, secret = 1, ys
    while secret.bit_length() > 2040:
        exponent, secret = exponent + 1, secret * ys % P
    stripped = secret.to_bytes((secret.bit_length() + 7) // 8)
    assert len(stripped) < 256
    return finishing(duel, ClientKeyExchange(DhPublic(pow(2, exponent, P).to_bytes(256))), stripped)


# -- S6.4 and S6.5 elliptic curves --------------------------------------------------------------------------

CURVES = {
    NamedGroup.SECP256R1: ec.SECP256R1(),
    NamedGroup.SECP384R1: ec.SECP384R1(),
    NamedGroup.SECP521R1: ec.SECP521R1(),
}
GROUPS = list(CURVES)


def point_of(group: NamedGroup) -> bytes:
    key = ec.derive_private_key(12_345, CURVES[group]).public_key().public_numbers()
    size = (CURVES[group].key_size + 7) // 8
    return b"\x04" + key.x.to_bytes(size) + key.y.to_bytes(size)


BAD_POINTS: dict[str, Callable[[bytes], bytes]] = {
    "(0, 0)": lambda point: b"\x04" + bytes(len(point) - 1),
    "(0, 1)": lambda point: b"\x04" + bytes(len(point) - 2) + b"\x01",
    "wrong y": lambda point: point[:-1] + bytes([point[-1] ^ 1]),
    "wrong x": lambda point: point[:1] + bytes([point[1] ^ 1]) + point[2:],
    "compressed": lambda point: bytes([2 + point[-1] % 2]) + point[1 : 1 + len(point) // 2],
    "hybrid": lambda point: bytes([6 + point[-1] % 2]) + point[1:],
    "raw, without 04": lambda point: point[1:],
    "at infinity": lambda point: b"\x00",
    "one byte short": lambda point: point[:-1],
    "one byte long": lambda point: point + b"\x00",
    "x only": lambda point: point[: 1 + len(point) // 2],
}


@pytest.mark.parametrize("what", BAD_POINTS)
@pytest.mark.parametrize("group", GROUPS, ids=str)
@refuses("S6.4", Alert.ILLEGAL_PARAMETER)
def test_a_point_that_is_none_is_refused(group: NamedGroup, what: str) -> Duel:
    duel = offering(ECDHE, group)
    assert share_of(duel).group is group
    duel.script.send(ClientKeyExchange(EcdhPublic(BAD_POINTS[what](point_of(group)))))
    return duel


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x41" + bytes(64), b"\x41" + bytes(66), b"\x01"])
@refuses("S6.4", Alert.DECODE_ERROR)
def test_a_point_of_wrong_framing_is_refused(body: bytes) -> Duel:
    return sending(offering(ECDHE, 23), body)


@accepts("S6.4")
def test_the_x_coordinate_keeps_its_leading_zeros() -> Duel:
    duel = offering(ECDHE, 23, random=counter())
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), share_of(duel).public)
    for scalar in itertools.count(1):
        mine = ec.derive_private_key(scalar, ec.SECP256R1())
        secret = mine.exchange(ec.ECDH(), theirs)
        if secret[0] == 0:
            break
    assert len(secret) == 32
    numbers = mine.public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    return finishing(duel, ClientKeyExchange(EcdhPublic(point)), secret)


P25519, P448 = 2**255 - 19, 2**448 - 2**224 - 1
LOW_ORDER = {
    **{f"X25519 {name}": (29, value.to_bytes(32, "little")) for name, value in {
        "0": 0, "1": 1, "p-1": P25519 - 1, "p": P25519, "p+1": P25519 + 1,
        "order 8": 325606250916557431795983626356110631294008115727848805560023387167927233504,
        "order 8 again": 39382357235489614581723060781553021112529911719440698176882885853963445705823,
        "p with the high bit": P25519 + 2**255,
    }.items()},
    **{f"X448 {name}": (30, value.to_bytes(56, "little")) for name, value in {
        "0": 0, "1": 1, "p-1": P448 - 1, "p": P448, "p+1": P448 + 1,
    }.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", LOW_ORDER)
@refuses("S6.5", Alert.ILLEGAL_PARAMETER)
def test_a_point_of_low_order_is_refused(name: str) -> Duel:
    group, public = LOW_ORDER[name]
    duel = offering(ECDHE, group)
    duel.script.send(ClientKeyExchange(EcdhPublic(public)))
    return duel


@pytest.mark.parametrize(("group", "length"), [(29, 1), (29, 31), (29, 33), (29, 65), (30, 55), (30, 57), (30, 32)])
@refuses("S6.5", Alert.ILLEGAL_PARAMETER)
def test_a_montgomery_key_of_a_wrong_length_is_refused(group: int, length: int) -> Duel:
    duel = offering(ECDHE, group)
    duel.script.send(ClientKeyExchange(EcdhPublic(b"\x09" * length)))
    return duel


@pytest.mark.parametrize("group", [29, 30])
@refuses("S6.5", Alert.DECODE_ERROR)
def test_an_empty_montgomery_key_is_refused(group: int) -> Duel:
    return sending(offering(ECDHE, group), b"\x00")


@accepts("S6.5")
def test_the_unused_high_bit_of_an_x25519_key_is_ignored() -> Duel:
    duel = offering(ECDHE, 29)
    mine = x25519.X25519PrivateKey.generate()
    secret = mine.exchange(x25519.X25519PublicKey.from_public_bytes(share_of(duel).public))
    public = bytearray(mine.public_key().public_bytes_raw())
    public[31] |= 0x80
    return finishing(duel, ClientKeyExchange(EcdhPublic(bytes(public))), secret)


# -- S6.6 and S6.7 groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ((29, 23), NamedGroup.FFDHE2048),
        ((29, 256), NamedGroup.FFDHE2048),
        ((257, 23), NamedGroup.FFDHE3072),
        ((511, 258, 29), NamedGroup.FFDHE4096),
        ((258, 257, 256), NamedGroup.FFDHE2048),
    ],
)
@accepts("S6.6")
def test_a_client_that_names_finite_field_groups_gets_one_of_them(
    listed: tuple[int, ...], expected: NamedGroup
) -> Duel:
    duel = offering(DHE, *listed)
    assert int.from_bytes(share_of(duel).dh_p) == FFDHE_PRIMES[expected]
    return duel.key_exchange().finish()


@pytest.mark.parametrize("listed", [(511,), (29, 300), (261,)])
@refuses("S6.6", Alert.INSUFFICIENT_SECURITY)
def test_dhe_without_a_common_finite_field_group_is_refused(listed: tuple[int, ...]) -> Duel:
    return offering(DHE, *listed)


@refuses("S6.6", Alert.INSUFFICIENT_SECURITY)
def test_dhe_without_a_common_finite_field_group_is_named_before_other_obstacles() -> Duel:
    duel = AgainstServer("rsa-2048")
    hello = duel.script.hello(ECDHE, DHE)
    return duel.hello(hello=with_extensions(hello, SupportedGroups(tuple(map(NamedGroup.of, (1, 300))))))


@accepts("S6.6")
def test_without_a_common_finite_field_group_a_suite_on_a_curve_is_used() -> Duel:
    duel = AgainstServer("rsa-2048", policy=Policy.compatible().replace(server_preference=False))
    hello = duel.script.hello(DHE, ECDHE)
    duel.hello(hello=with_extensions(hello, SupportedGroups(tuple(map(NamedGroup.of, (29, 300))))))
    assert isinstance(share_of(duel), EcdheParams)
    return duel.key_exchange().finish()


@pytest.mark.parametrize(
    ("listed", "expected"),
    [((256, 257, 258), NamedGroup.FFDHE3072), ((256,), NamedGroup.FFDHE2048), ((256, 258), NamedGroup.FFDHE4096)],
)
@shows("S6.6", "at least as strong as the certificate's key, if there is one")
def test_the_finite_field_group_suits_the_key_of_the_certificate(listed: tuple[int, ...], expected: NamedGroup) -> None:
    duel = offering(DHE, *listed, kinds=("rsa-3072",))
    assert int.from_bytes(share_of(duel).dh_p) == FFDHE_PRIMES[expected]


@pytest.mark.parametrize("suite", [ECDHE, DHE, ECDHE_PSK, DHE_PSK], ids=str)
@shows("S6.7", "never twice")
def test_key_shares_are_fresh_in_each_connection(suite: CipherSuite) -> None:
    shares = {str(share_of(offering(suite, psk={b"me": KEY}))) for _ in range(4)}
    assert len(shares) == 4


# -- S6.8 PSK -----------------------------------------------------------------------------------------------

SERVING_PSK: dict[str, Any] = {"psk": {b"me": KEY, b"x" * 128: KEY}}


@pytest.mark.parametrize("hint", [None, b"", b"a hint"])
@pytest.mark.parametrize("suite", [PSK, RSA_PSK, DHE_PSK, ECDHE_PSK], ids=str)
@accepts("S6.8")
def test_a_server_key_exchange_comes_with_a_hint_or_an_ephemeral_share(suite: CipherSuite, hint: bytes | None) -> Duel:
    duel = offering(suite, psk_identity_hint=hint, **SERVING_PSK)
    share = duel.script.last(ServerKeyExchange)
    assert (share is not None) is (bool(hint) or suite in (DHE_PSK, ECDHE_PSK))
    assert share is None or share.psk_identity_hint == (hint or b"")
    return duel.key_exchange(Psk(b"me", KEY)).finish()


@pytest.mark.parametrize("suite", [PSK, RSA_PSK, DHE_PSK, ECDHE_PSK], ids=str)
@refuses("S6.8", Alert.UNKNOWN_PSK_IDENTITY)
def test_an_unknown_identity_is_refused(suite: CipherSuite) -> Duel:
    return offering(suite, **SERVING_PSK).key_exchange(Psk(b"nobody", KEY)).carry()


@pytest.mark.parametrize("identity", [b"me", b"nobody"])
@pytest.mark.parametrize("suite", [PSK, RSA_PSK, DHE_PSK, ECDHE_PSK], ids=str)
@refuses("S6.8", Alert.BAD_RECORD_MAC)
def test_an_unknown_identity_ends_like_a_wrong_key_if_the_policy_conceals_it(
    suite: CipherSuite, identity: bytes
) -> Duel:
    policy = Policy.psk().replace(conceal_psk_identities=True)
    duel = offering(suite, policy=policy, **SERVING_PSK)
    duel.key_exchange(Psk(identity, b"a wrong key")).carry()
    assert duel.script.alert is None  # nothing gives the identity away before the Finished
    return duel.finish()


@accepts("S6.8")
def test_an_identity_of_128_bytes_is_compared_to_its_full_length() -> Duel:
    return offering(PSK, **SERVING_PSK).key_exchange(Psk(b"x" * 128, KEY)).finish()


@pytest.mark.parametrize("identity", [b"x" * 127, b"x" * 129, b"x" * 127 + b"y", b"me\0", b"ME", b""])
@refuses("S6.8", Alert.UNKNOWN_PSK_IDENTITY)
def test_an_identity_that_is_nearly_right_is_unknown(identity: bytes) -> Duel:
    return offering(PSK, **SERVING_PSK).key_exchange(Psk(identity, KEY)).carry()


@refuses("S6.8", Alert.ILLEGAL_PARAMETER)
def test_an_identity_above_the_limit_is_refused() -> Duel:
    return offering(PSK, **SERVING_PSK).key_exchange(Psk(b"x" * 1025, KEY)).carry()


@accepts("S6.8")
def test_psk_suites_are_skipped_by_a_server_without_a_psk() -> Duel:
    duel = AgainstServer("rsa-2048").handshake(PSK, ECDHE_PSK, ECDHE)
    answer = duel.script.last(ServerHello)
    assert answer is not None
    assert answer.cipher_suite is ECDHE
    return duel


@pytest.mark.parametrize("name", ["version 1.1 inside", "block type 1", "no zero byte", "47 bytes inside"])
@refuses("S6.8", Alert.BAD_RECORD_MAC)
def test_a_bad_ciphertext_with_a_psk_ends_like_a_wrong_key(name: str) -> Duel:
    plaintext, inner = ORACLES[name]
    message = ClientKeyExchange(encrypted(plaintext), psk_identity=b"me")
    return finishing(offering(RSA_PSK, **SERVING_PSK), message, psk_premaster(inner))


def psk_premaster(other: bytes) -> bytes:
    return len(other).to_bytes(2) + other + len(KEY).to_bytes(2) + KEY


@accepts("S6.8")
def test_the_premaster_of_plain_psk_has_zeros_as_long_as_the_key() -> Duel:
    duel = offering(PSK, **SERVING_PSK)
    return finishing(duel, ClientKeyExchange(psk_identity=b"me"), psk_premaster(bytes(len(KEY))))


@accepts("S6.8")
def test_the_premaster_of_dhe_psk_has_the_stripped_number() -> Duel:
    duel = offering(DHE_PSK, **SERVING_PSK)
    secret = pow(int.from_bytes(share_of(duel).dh_Ys), 1234, P)
    other = secret.to_bytes((secret.bit_length() + 7) // 8)
    message = ClientKeyExchange(DhPublic(pow(2, 1234, P).to_bytes(256)), psk_identity=b"me")
    return finishing(duel, message, psk_premaster(other))


@accepts("S6.8")
def test_the_premaster_of_ecdhe_psk_has_the_whole_coordinate() -> Duel:
    duel = offering(ECDHE_PSK, 29, **SERVING_PSK)
    mine = x25519.X25519PrivateKey.from_private_bytes(os.urandom(32))
    other = mine.exchange(x25519.X25519PublicKey.from_public_bytes(share_of(duel).public))
    message = ClientKeyExchange(EcdhPublic(mine.public_key().public_bytes_raw()), psk_identity=b"me")
    return finishing(duel, message, psk_premaster(other))


@accepts("S6.8")
def test_the_premaster_of_rsa_psk_has_the_48_bytes() -> Duel:
    duel = offering(RSA_PSK, **SERVING_PSK)
    return finishing(duel, ClientKeyExchange(encrypted(block(GOOD)), psk_identity=b"me"), psk_premaster(GOOD))
