from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.vectors_loader import Case, load, params
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.crypto.groups import EC_GROUPS, generate
from tls12.crypto.key_exchange import ExchangeInputs, KeyExchange, make_key_exchange
from tls12.crypto.randomness import CheckedRandom
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import (
    DecodeError,
    InternalError,
    InvalidKeyShare,
    PeerIncompatible,
    PeerMisbehaved,
    UsageError,
)
from tls12.registry import Alert, NamedGroup, SignatureScheme
from tls12.wire.context import Context
from tls12.wire.key_exchange import (
    ClientKeyExchange,
    DheParams,
    DhPublic,
    DigitallySigned,
    EcdheParams,
    EcdhPublic,
    EncryptedPreMasterSecret,
    ExplicitCurveParams,
    ServerKeyExchange,
)
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.messages import parse, serialize

# One suite of each key exchange.
SUITE = {row.key_exchange: row for row in SUITES.values()}
EVERY_KIND = pytest.mark.parametrize("kx", SUITE, ids=lambda kx: kx.value)
PSK = b"\x07" * 20


@dataclass
class Identified:
    identity: bytes = b"a device"
    key: bytes = PSK


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    key = load_der_private_key(load("rsa_pkcs1")[0].hex("private_key"), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def make(kx: Kx, **inputs: Any) -> KeyExchange:
    """`random` draws for every purpose."""
    if "random" in inputs:
        inputs["draw"] = CheckedRandom(inputs.pop("random"))
    return make_key_exchange(SUITE[kx], ExchangeInputs(**inputs))


def server(kx: Kx, **inputs: Any) -> KeyExchange:
    group = NamedGroup.FFDHE2048 if SUITE[kx].is_dhe else NamedGroup.X25519
    return make(kx, **{"group": group, "private_key": rsa_key(), **inputs})


def client(kx: Kx, **inputs: Any) -> KeyExchange:
    offered = (NamedGroup.X25519, NamedGroup.SECP256R1, NamedGroup.FFDHE2048)
    return make(kx, **{"offered_groups": offered, "peer_public_key": rsa_key().public_key(), **inputs})


def respond(
    exchange: KeyExchange, message: ServerKeyExchange | None, psk: Identified | None = None
) -> tuple[ClientKeyExchange, bytes]:
    """Both steps of a client."""
    exchange.check_server_key_exchange(message)
    return exchange.make_client_key_exchange(psk)


def over_the_wire(suite: Suite, message: ServerKeyExchange | None) -> ServerKeyExchange | None:
    """The message as the client reads it, signed if the suite signs."""
    if message is None:
        return None
    if suite.is_signed:
        message = replace(message, signature=DigitallySigned(SignatureScheme.ED25519, b"signature"))
    received = parse(serialize(message), Context(suite.key_exchange))
    assert isinstance(received, ServerKeyExchange)
    return received


def exchange(kx: Kx, one: KeyExchange, other: KeyExchange) -> tuple[bytes, bytes]:
    """Both sides' premaster secrets."""
    reply, secret = respond(other, over_the_wire(SUITE[kx], one.make_server_key_exchange()), Identified())
    received = parse(serialize(reply), Context(kx))
    assert isinstance(received, ClientKeyExchange)
    return one.take_client_key_exchange(received, PSK), secret


# -- all kinds ----------------------------------------------------------------------------------------------


@EVERY_KIND
def test_both_sides_get_the_same_premaster_secret_over_the_wire(kx: Kx) -> None:
    one, other = server(kx), client(kx)
    mine, theirs = exchange(kx, one, other)
    assert mine == theirs
    if SUITE[kx].is_ephemeral:
        assert one.group is other.group is not None
    else:
        assert other.group is None


@EVERY_KIND
def test_premaster_secrets_are_fresh_unless_there_is_only_the_psk(kx: Kx) -> None:
    secrets = {exchange(kx, server(kx), client(kx))[0] for _ in range(2)}
    assert len(secrets) == (1 if kx is Kx.PSK else 2)


@EVERY_KIND
def test_fixed_randomness_makes_the_key_exchange_reproducible_but_for_rsa_padding(kx: Kx) -> None:
    def run() -> tuple[object, object, bytes]:
        one, other = (side(kx, random=lambda n: b"\x2b" * n) for side in (server, client))
        offered = one.make_server_key_exchange()
        reply, secret = respond(other, over_the_wire(SUITE[kx], offered), Identified())
        return offered, None if SUITE[kx].encrypts_premaster else reply, secret

    assert run() == run()


@EVERY_KIND
@pytest.mark.parametrize("hint", [None, b"", b"hint"])
def test_a_server_key_exchange_is_sent_where_there_is_something_to_say(kx: Kx, hint: bytes | None) -> None:
    message = server(kx, psk_identity_hint=hint).make_server_key_exchange()
    suite = SUITE[kx]
    assert (message is not None) == (suite.is_ephemeral or (suite.uses_psk and bool(hint)))
    if message is not None:
        # Where a hint has a place, a missing one is empty (RFC 4279 2).
        assert message.psk_identity_hint == ((hint or b"") if suite.uses_psk else None)
        assert (message.params is not None) == suite.is_ephemeral
        assert message.signature is None


def test_inputs_hide_the_private_key() -> None:
    assert "RSAPrivateKey" not in repr(ExchangeInputs(private_key=rsa_key()))


# -- ECDHE --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", EC_GROUPS, ids=str)
def test_every_curve_is_exchanged_over(group: NamedGroup) -> None:
    one, other = server(Kx.ECDHE, group=group), client(Kx.ECDHE, offered_groups=(group,))
    mine, theirs = exchange(Kx.ECDHE, one, other)
    assert mine == theirs
    assert len(mine) == EC_GROUPS[group].length
    assert other.group is group


@pytest.mark.parametrize(
    "group",
    [NamedGroup.SECP384R1, NamedGroup.FFDHE2048, NamedGroup.SECT283R1, NamedGroup(0x1A1A), NamedGroup(0x4242)],
    ids=str,
)
def test_a_group_that_was_not_offered_is_an_illegal_parameter(group: NamedGroup) -> None:
    message = ServerKeyExchange(EcdheParams(group, b"\x04" + bytes(96)))
    with pytest.raises(PeerMisbehaved, match="not offered") as error:
        respond(client(Kx.ECDHE), message)
    assert error.value.alert is Alert.ILLEGAL_PARAMETER
    assert str(group) in str(error.value)


def test_an_explicit_curve_is_an_illegal_parameter() -> None:
    curve = ExplicitCurveParams(b"\x07", b"\x01", b"\x01", b"\x04\x01\x01", b"\x05", b"\x01", b"\x04\x01\x01")
    with pytest.raises(PeerMisbehaved, match="curve") as error:
        respond(client(Kx.ECDHE), ServerKeyExchange(curve))
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize(
    "case", [p for p in params("ecdh_points") + params("x25519_x448") if "shared" not in p.values[0]]
)
@pytest.mark.parametrize("kx", [Kx.ECDHE, Kx.ECDHE_PSK, Kx.ECDH_ANON], ids=lambda kx: kx.value)
def test_both_sides_refuse_published_points_that_are_invalid_or_of_low_order(kx: Kx, case: Case) -> None:
    group, point = NamedGroup[case["group"]], case.hex("public")
    one = server(kx, group=group)
    one.make_server_key_exchange()
    with pytest.raises(InvalidKeyShare) as error:
        one.take_client_key_exchange(ClientKeyExchange(EcdhPublic(point)), PSK)
    assert error.value.alert is Alert.ILLEGAL_PARAMETER
    other = client(kx, offered_groups=(group,))
    with pytest.raises(InvalidKeyShare) as error:
        respond(other, ServerKeyExchange(EcdheParams(group, point), b""), Identified())
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


def test_an_ecdhe_premaster_secret_keeps_its_leading_zero() -> None:
    # 379 times the base point of P-256 has an x-coordinate that begins with a zero byte.
    one = server(Kx.ECDHE, group=NamedGroup.SECP256R1, random=lambda n: (379).to_bytes(n))
    other = client(Kx.ECDHE, random=lambda n: (1).to_bytes(n))
    mine, theirs = exchange(Kx.ECDHE, one, other)
    assert mine == theirs
    assert (len(mine), mine[0]) == (32, 0)


# -- DHE ----------------------------------------------------------------------------------------------------

DHE_KINDS = pytest.mark.parametrize("kx", [Kx.DHE, Kx.DHE_PSK, Kx.DH_ANON], ids=lambda kx: kx.value)
P = FFDHE_PRIMES[NamedGroup.FFDHE2048]
# A safe prime of 512 bits without a name (openssl dhparam 512), and a prime that is not a safe one.
SAFE = bytes.fromhex(
    "9d53d66f3123981e03b98637af27a0eddfed936a677522098bcc59f990038db3"
    "5d85b67353a3ee041624d3111c76695167ec96167dee378f432919368ce3cc7f"
)
UNSAFE = bytes.fromhex(
    "ea749219bee8f6cc54522113b73b791b7c4e8cfd14026c049af0a52746ec7cba"
    "b540f2f4bad571eedde48adb6033642f4af65a9c75335c661e7800e38102f861"
)


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1)


def dhe_message(p: bytes, g: int = 2, ys: int = 4) -> ServerKeyExchange:
    return ServerKeyExchange(DheParams(p, number(g), number(ys)), b"")


def test_a_dhe_premaster_secret_loses_its_leading_zeros() -> None:
    cases = {case["name"]: case for case in load("ffdhe")}
    keys = {name: int(cases[name]["private"], 16) for name in ("ffdhe2048-1", "ffdhe2048-2")}
    one = server(Kx.DHE, random=lambda n: keys["ffdhe2048-1"].to_bytes(n))
    other = client(Kx.DHE, random=lambda n: keys["ffdhe2048-2"].to_bytes(n))
    mine, theirs = exchange(Kx.DHE, one, other)
    assert mine == theirs == cases["ffdhe2048-1"].hex("shared")
    assert len(mine) == 254


def test_a_dhe_psk_premaster_secret_holds_the_stripped_number() -> None:
    cases = {case["name"]: case for case in load("ffdhe")}
    keys = {name: int(cases[name]["private"], 16) for name in ("ffdhe2048-1", "ffdhe2048-2")}
    one = server(Kx.DHE_PSK, random=lambda n: keys["ffdhe2048-1"].to_bytes(n))
    other = client(Kx.DHE_PSK, random=lambda n: keys["ffdhe2048-2"].to_bytes(n))
    mine, theirs = exchange(Kx.DHE_PSK, one, other)
    shared = cases["ffdhe2048-1"].hex("shared")
    assert mine == theirs == b"\x00\xfe" + shared + b"\x00\x14" + PSK


@DHE_KINDS
@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1], ids=["0", "1", "p-1", "p", "p+1"])
def test_a_public_key_out_of_range_is_an_illegal_parameter_on_both_sides(kx: Kx, y: int) -> None:
    one = server(kx)
    one.make_server_key_exchange()
    with pytest.raises(InvalidKeyShare) as error:
        one.take_client_key_exchange(ClientKeyExchange(DhPublic(number(y))), PSK)
    assert error.value.alert is Alert.ILLEGAL_PARAMETER
    with pytest.raises(InvalidKeyShare) as error:
        respond(client(kx), dhe_message(number(P), ys=y), Identified())
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


@DHE_KINDS
@pytest.mark.parametrize(
    ("p", "g"),
    [(P - 1, 2), (P, 0), (P, 1), (P, P - 1), (P, P), (2**4097 - 1, 2), (2**100_000 - 1, 2)],
    ids=["p even", "g 0", "g 1", "g p-1", "g p", "p of 4097 bits", "p of 100,000 bits"],
)
def test_absurd_parameters_are_illegal(kx: Kx, p: int, g: int) -> None:
    with pytest.raises(InvalidKeyShare) as error:
        respond(client(kx), dhe_message(number(p), g), Identified())
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


def test_a_modulus_below_the_policys_size_is_insufficient_security() -> None:
    with pytest.raises(PeerIncompatible, match="512 bits") as error:
        respond(client(Kx.DHE, minimum_dh_bits=1024), dhe_message(SAFE))
    assert error.value.alert is Alert.INSUFFICIENT_SECURITY


def test_a_modulus_that_is_no_safe_prime_is_an_illegal_parameter() -> None:
    with pytest.raises(InvalidKeyShare, match="safe prime"):
        respond(client(Kx.DHE, minimum_dh_bits=512), dhe_message(UNSAFE))


def test_a_group_without_a_name_is_accepted_by_default_and_has_none() -> None:
    other = client(Kx.DHE, minimum_dh_bits=512)
    reply, secret = respond(other, dhe_message(SAFE))
    assert isinstance(reply.exchange_keys, DhPublic)
    assert other.group is None
    assert secret


@pytest.mark.parametrize("p", [SAFE, number(FFDHE_PRIMES[NamedGroup.FFDHE3072])], ids=["custom", "ffdhe3072"])
def test_a_strict_client_that_offered_rfc_7919_takes_no_other_group(p: bytes) -> None:
    strict = client(Kx.DHE, minimum_dh_bits=512, accept_custom_dh=False)
    with pytest.raises(PeerIncompatible, match="none of those") as error:
        respond(strict, dhe_message(p))
    assert error.value.alert is Alert.INSUFFICIENT_SECURITY


def test_a_strict_client_takes_what_it_offered_and_one_that_offered_none_takes_any() -> None:
    strict = client(Kx.DHE, accept_custom_dh=False)
    assert exchange(Kx.DHE, server(Kx.DHE), strict)
    assert strict.group is NamedGroup.FFDHE2048
    unaware = client(Kx.DHE, minimum_dh_bits=512, accept_custom_dh=False, offered_groups=(NamedGroup.X25519,))
    assert respond(unaware, dhe_message(SAFE))


@pytest.mark.parametrize("group", FFDHE_PRIMES, ids=str)
def test_the_server_spells_out_the_group_that_was_negotiated(group: NamedGroup) -> None:
    message = server(Kx.DHE, group=group).make_server_key_exchange()
    assert message is not None
    assert isinstance(message.params, DheParams)
    assert (int.from_bytes(message.params.dh_p), message.params.dh_g) == (FFDHE_PRIMES[group], b"\x02")
    assert len(message.params.dh_Ys) == len(message.params.dh_p)


# -- RSA transport ------------------------------------------------------------------------------------------

RSA_KINDS = pytest.mark.parametrize("kx", [Kx.RSA, Kx.RSA_PSK], ids=lambda kx: kx.value)
PREMASTER = b"\x03\x03" + bytes(range(46))
FALLBACK = b"\xa5" * 46


def raw_encrypt(block: bytes) -> bytes:
    """Textbook RSA on a block of our own making: with any padding, or none."""
    numbers = rsa_key().public_key().public_numbers()
    return pow(int.from_bytes(block), numbers.e, numbers.n).to_bytes(256)


def padded(message: bytes, start: bytes = b"\x00\x02", end: bytes = b"\x00", filler: bytes = b"\x55") -> bytes:
    return start + filler * (256 - len(start) - len(end) - len(message)) + end + message


def accepted(kx: Kx, ciphertext: bytes, version: int = 0x0303) -> bytes:
    """The premaster secret that the server computes, without the PSK around it."""
    one = server(kx, random=lambda n: FALLBACK[:n], client_version=version)
    assert one.make_server_key_exchange() is None
    premaster = one.take_client_key_exchange(ClientKeyExchange(EncryptedPreMasterSecret(ciphertext), b""), PSK)
    return premaster if kx is Kx.RSA else premaster.removeprefix(b"\x00\x30").removesuffix(b"\x00\x14" + PSK)


@RSA_KINDS
def test_what_the_client_encrypted_is_the_premaster_secret(kx: Kx) -> None:
    assert accepted(kx, raw_encrypt(padded(PREMASTER))) == PREMASTER


BAD_PLAINTEXTS = {
    "padding type 1": padded(PREMASTER, start=b"\x00\x01"),
    "padding type 0": padded(PREMASTER, start=b"\x00\x00"),
    "first byte 1": padded(PREMASTER, start=b"\x01\x02"),
    "first byte ff of type": padded(PREMASTER, start=b"\x00\xff"),
    "no zero byte": padded(PREMASTER.replace(b"\0", b"\1"), end=b""),
    "zero byte in the first eight": b"\x00\x02\x55\x00" + padded(PREMASTER)[4:],
    "early zero": b"\x00\x02" + b"\x55" * 100 + b"\x00" + padded(PREMASTER)[103:],
    "late zero": padded(PREMASTER, end=b"\x55").replace(PREMASTER[:4], b"\x03\x03\x01\x00"),
    "empty premaster": padded(b""),
    "premaster of 1 byte": padded(b"\x03"),
    "premaster of 2 bytes": padded(b"\x03\x03"),
    "premaster of 47 bytes": padded(PREMASTER[:47]),
    "premaster of 49 bytes": padded(PREMASTER + b"\x00"),
    "all zero": bytes(256),
    "one": bytes(255) + b"\x01",
}


@RSA_KINDS
@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in BAD_PLAINTEXTS.items()])
def test_a_broken_plaintext_ends_in_a_random_premaster_secret(kx: Kx, block: bytes) -> None:
    premaster = accepted(kx, raw_encrypt(block))
    assert premaster == b"\x03\x03" + FALLBACK
    assert len(premaster) == 48


MODULUS = rsa_key().public_key().public_numbers().n


@RSA_KINDS
@pytest.mark.parametrize(
    "ciphertext",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00", id="one byte"),
        pytest.param(b"\x01" * 255, id="one byte short"),
        pytest.param(b"\x00" + raw_encrypt(padded(PREMASTER)), id="one byte more"),
        pytest.param(b"\x01" * 512, id="twice as long"),
        pytest.param(b"\x01" * 65_535, id="65,535 bytes"),
        pytest.param(bytes(256), id="zero"),
        pytest.param(MODULUS.to_bytes(256), id="the modulus"),
        pytest.param((MODULUS + 1).to_bytes(256), id="above the modulus"),
        pytest.param((MODULUS - 1).to_bytes(256), id="one below the modulus"),
        pytest.param(b"\xff" * 256, id="all ones"),
    ],
)
def test_a_broken_ciphertext_of_any_length_ends_in_a_random_premaster_secret(kx: Kx, ciphertext: bytes) -> None:
    assert accepted(kx, ciphertext) == b"\x03\x03" + FALLBACK


@RSA_KINDS
@pytest.mark.parametrize("version", [b"\x03\x01", b"\x03\x02", b"\x03\x04", b"\x00\x00", b"\xff\xff"])
def test_a_wrong_version_inside_gives_another_secret_than_the_clients_and_no_error(kx: Kx, version: bytes) -> None:
    sent = version + PREMASTER[2:]
    premaster = accepted(kx, raw_encrypt(padded(sent)))
    assert premaster != sent
    assert (len(premaster), premaster[:2]) == (48, b"\x03\x03")


@RSA_KINDS
def test_the_version_is_that_of_the_client_hello_and_not_the_negotiated_one(kx: Kx) -> None:
    later = b"\x03\x04" + PREMASTER[2:]
    assert accepted(kx, raw_encrypt(padded(later)), version=0x0304) == later
    other = client(kx, client_version=0x0304)
    _, premaster = respond(other, None, Identified())
    assert premaster.removeprefix(b"\x00\x30" if kx is Kx.RSA_PSK else b"")[:2] == b"\x03\x04"


@pytest.mark.parametrize("case", params("rsa_pkcs1")[1:])
def test_no_published_ciphertext_makes_a_difference(case: Case) -> None:
    # None of them holds a message of 48 bytes, so well-padded and badly padded end alike.
    assert len(case.get("message", "")) != 96
    assert accepted(Kx.RSA, case.hex("ciphertext")) == b"\x03\x03" + FALLBACK


@RSA_KINDS
def test_the_fallback_is_drawn_whether_it_is_needed_or_not(kx: Kx) -> None:
    drawn: list[int] = []

    def random(length: int) -> bytes:
        drawn.append(length)
        return os.urandom(length)

    for block in (padded(PREMASTER), BAD_PLAINTEXTS["padding type 1"]):
        server(kx, random=random).take_client_key_exchange(
            ClientKeyExchange(EncryptedPreMasterSecret(raw_encrypt(block)), b""), PSK
        )
    assert drawn == [46, 46]


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"\x01\x00" + bytes(255), b"\x00\xff" + bytes(256), bytes(256)],
    ids=["empty", "half a length", "too short", "too long", "no length at all, as in SSL 3"],
)
def test_wrong_framing_is_the_only_error_that_a_ciphertext_can_cause(body: bytes) -> None:
    with pytest.raises(DecodeError) as error:
        parse(b"\x10" + len(body).to_bytes(3) + body, Context(Kx.RSA))
    assert error.value.alert is Alert.DECODE_ERROR


def decrypt_anything(private_key: Any) -> bytes:
    message = ClientKeyExchange(EncryptedPreMasterSecret(b"\x01" * 256), b"")
    return server(Kx.RSA, private_key=private_key).take_client_key_exchange(message)


def test_a_backend_that_tells_bad_padding_from_good_is_refused() -> None:
    class LoudKey:
        def public_key(self) -> rsa.RSAPublicKey:
            return rsa_key().public_key()

        def decrypt(self, ciphertext: bytes, padding: object) -> bytes:
            raise ValueError("bad padding")

    for _ in range(2):
        with pytest.raises(InternalError, match="leave out the RSA") as error:
            decrypt_anything(LoudKey())
        assert error.value.alert is Alert.INTERNAL_ERROR


def test_implicit_rejection_is_proved_once_for_each_type_of_key() -> None:
    decrypted: list[bytes] = []

    class QuietKey:
        def public_key(self) -> rsa.RSAPublicKey:
            return rsa_key().public_key()

        def decrypt(self, ciphertext: bytes, padding: object) -> bytes:
            decrypted.append(ciphertext)
            return rsa_key().decrypt(ciphertext, PKCS1v15())

    for _ in range(3):
        decrypt_anything(QuietKey())
    assert len(decrypted) == 1 + 3
    assert len(set(decrypted)) == 2


@pytest.mark.parametrize("kx", [Kx.ECDHE, Kx.DHE, Kx.RSA], ids=lambda kx: kx.value)
def test_the_keys_of_another_kind_of_key_exchange_are_the_callers_mistake(kx: Kx) -> None:
    with pytest.raises(UsageError, match=r"takes .*, not NoneType"):
        server(kx).take_client_key_exchange(ClientKeyExchange())
    if SUITE[kx].is_ephemeral:
        with pytest.raises(UsageError, match=r"takes .*Params, not NoneType"):
            client(kx).check_server_key_exchange(None)


@RSA_KINDS
def test_a_server_whose_key_only_signs_cannot_do_rsa_transport(kx: Kx) -> None:
    with pytest.raises(UsageError, match="only signs"):
        server(kx, private_key=None).make_server_key_exchange()


@RSA_KINDS
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(None, id="none"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()).public_key(), id="EC"),
        pytest.param(rsa.RSAPublicNumbers(3, 1 << 1023).public_key(), id="even modulus"),
        pytest.param(rsa.RSAPublicNumbers(3, (1 << 383) + 1).public_key(), id="modulus of 384 bits"),
        pytest.param(rsa.RSAPublicNumbers(3, (1 << 17_000) + 1).public_key(), id="modulus of 17,001 bits"),
    ],
)
def test_a_certificate_without_an_rsa_key_that_encrypts_is_unsupported(kx: Kx, key: object) -> None:
    with pytest.raises(PeerMisbehaved, match="no RSA key") as error:
        respond(client(kx, peer_public_key=key), None, Identified())
    assert error.value.alert is Alert.UNSUPPORTED_CERTIFICATE


@pytest.mark.parametrize(
    ("kx", "body"),
    [
        pytest.param(Kx.ECDHE, b"", id="ECDHE, nothing"),
        pytest.param(Kx.ECDHE, b"\x00", id="ECDHE, empty point"),
        pytest.param(Kx.ECDHE, b"\x20" + bytes(31), id="ECDHE, truncated"),
        pytest.param(Kx.ECDHE, b"\x20" + bytes(33), id="ECDHE, trailing byte"),
        pytest.param(Kx.DHE, b"", id="DHE, nothing"),
        pytest.param(Kx.DHE, b"\x00\x00", id="DHE, empty number"),
        pytest.param(Kx.DHE, b"\x01\x00" + bytes(255), id="DHE, truncated"),
        pytest.param(Kx.DHE, b"\x01\x00" + bytes(257), id="DHE, trailing byte"),
        pytest.param(Kx.PSK, b"\x00", id="PSK, half a length"),
        pytest.param(Kx.PSK, b"\x00\x02a", id="PSK, truncated"),
        pytest.param(Kx.DHE_PSK, b"\x00\x01a", id="DHE_PSK, identity only"),
    ],
)
def test_wrong_framing_of_a_client_share_is_a_decode_error(kx: Kx, body: bytes) -> None:
    with pytest.raises(DecodeError) as error:
        parse(b"\x10" + len(body).to_bytes(3) + body, Context(kx))
    assert error.value.alert is Alert.DECODE_ERROR


# -- PSK ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"k", PSK, bytes(64), b"x" * 65_535], ids=len)
def test_a_psk_alone_stands_behind_as_many_zeros(key: bytes) -> None:
    reply, premaster = respond(client(Kx.PSK), None, Identified(b"me", key))
    length = len(key).to_bytes(2)
    assert premaster == length + bytes(len(key)) + length + key
    assert reply == ClientKeyExchange(None, b"me")
    assert server(Kx.PSK).take_client_key_exchange(reply, key) == premaster


@pytest.mark.parametrize(
    ("kx", "other"),
    [(Kx.ECDHE_PSK, 32), (Kx.DHE_PSK, 256), (Kx.RSA_PSK, 48)],
    ids=["ECDHE_PSK", "DHE_PSK", "RSA_PSK"],
)
def test_the_other_secret_stands_before_the_psk_each_with_its_length(kx: Kx, other: int) -> None:
    premaster, _ = exchange(kx, server(kx), client(kx))
    length = int.from_bytes(premaster[:2])
    assert length == other or (kx is Kx.DHE_PSK and length < other)
    assert premaster[2 + length :] == len(PSK).to_bytes(2) + PSK


def test_an_ecdhe_psk_premaster_secret_holds_the_whole_coordinate() -> None:
    share = generate(NamedGroup.SECP256R1, lambda n: (379).to_bytes(n))
    peer = generate(NamedGroup.SECP256R1, lambda n: (1).to_bytes(n))
    one = server(Kx.ECDHE_PSK, group=NamedGroup.SECP256R1, random=lambda n: (379).to_bytes(n))
    one.make_server_key_exchange()
    premaster = one.take_client_key_exchange(ClientKeyExchange(EcdhPublic(peer.public), b"a device"), PSK)
    assert premaster == b"\x00\x20" + share.exchange(peer.public) + b"\x00\x14" + PSK
    assert premaster[2] == 0


@pytest.mark.parametrize(
    "message", [None, ServerKeyExchange(psk_identity_hint=b""), ServerKeyExchange(psk_identity_hint=b"x")]
)
@pytest.mark.parametrize("kx", [Kx.PSK, Kx.RSA_PSK], ids=lambda kx: kx.value)
def test_a_missing_hint_an_empty_one_and_any_other_make_no_difference_to_the_secret(
    kx: Kx, message: ServerKeyExchange | None
) -> None:
    reply, premaster = respond(client(kx), message, Identified())
    assert reply.psk_identity == b"a device"
    assert server(kx).take_client_key_exchange(reply, PSK) == premaster


def test_a_wrong_psk_gives_another_secret_and_no_error() -> None:
    for kx in (Kx.PSK, Kx.ECDHE_PSK, Kx.DHE_PSK, Kx.RSA_PSK):
        one = server(kx)
        reply, premaster = respond(client(kx), one.make_server_key_exchange(), Identified())
        assert one.take_client_key_exchange(reply, PSK[::-1] + b"!") != premaster
