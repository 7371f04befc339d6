from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.vectors_loader import Case, params
from tls12.crypto import finite_field
from tls12.crypto.finite_field import FFDHE_PRIMES, FiniteFieldShare, answer, check, generate, named_group
from tls12.crypto.groups import Random
from tls12.errors import InvalidKeyShare, PeerIncompatible, UsageError
from tls12.registry import Alert, NamedGroup

EVERY_GROUP = pytest.mark.parametrize("group", FFDHE_PRIMES, ids=str)

# openssl dhparam 512: a safe prime without a name, the smallest that the backend computes with
SAFE = int(
    "9d53d66f3123981e03b98637af27a0eddfed936a677522098bcc59f990038db3"
    "5d85b67353a3ee041624d3111c76695167ec96167dee378f432919368ce3cc7f",
    16,
)
# openssl prime: a prime p whose (p-1)/2 is composite; and the product of two primes
UNSAFE = int(
    "EA749219BEE8F6CC54522113B73B791B7C4E8CFD14026C049AF0A52746EC7CBA"
    "B540F2F4BAD571EEDDE48ADB6033642F4AF65A9C75335C661E7800E38102F861",
    16,
)
COMPOSITE = int("DB71AB9D308F3E5150FBFA0F1052056EC4CCC79909B1839B1C911EEA8CEE857F", 16) * int(
    "DAEFA6E248EB255B38847FE00952A105EB9841F3408DBB73C4090C0A2FE099FD", 16
)

# RFC 5114 2.1: p is no safe prime, but a group of 160 bits in it is known; 7 divides p - 1 as well
RFC_5114_P = int(
    "b10b8f96a080e01dde92de5eae5d54ec52c99fbcfb06a3c69a6a9dca52d23b616073e28675a23d189838ef1e2ee652c0"
    "13ecb4aea906112324975c3cd49b83bfaccbdd7d90c4bd7098488e9c219a73724effd6fae5644738faa31a4ff55bccc0"
    "a151af5f0dc8b4bd45bf37df365c1a65e68cfda76d4da708df1fb2bc2e4a4371",
    16,
)
RFC_5114_G = int(
    "a4d1cbd5c3fd34126765a442efb99905f8104dd258ac507fd6406cff14266d31266fea1e5c41564b777e690f5504f213"
    "160217b4b01b886a5e91547f9e2749f4d7fbd7d3b9a92ee1909d0d2263f80a76a6a24c087a091f531dbf0a0169b6a28a"
    "d662a4d18e73afa32d779d5918d08bc8858f4dcef97c2a24855e6eeb22b3b2e5",
    16,
)

# RFC 7919 A: what is added to the digits of e
OFFSETS = {2048: 560316, 3072: 2625351, 4096: 5736041, 6144: 15705020, 8192: 10965728}


def digits_of_e(bits: int) -> int:
    """floor(2^bits * e), by the series."""
    total = term = 1 << (bits + 64)
    divisor = 1
    while term:
        term //= divisor
        total += term
        divisor += 1
    return total >> 64


@EVERY_GROUP
def test_the_primes_follow_from_the_formula_of_rfc_7919(group: NamedGroup) -> None:
    bits = int(str(group).removeprefix("ffdhe"))
    middle = digits_of_e(bits - 130) + OFFSETS[bits]
    assert FFDHE_PRIMES[group] == 2**bits - 2 ** (bits - 64) + (middle << 64) - 1
    assert named_group(FFDHE_PRIMES[group], 2) is group
    assert named_group(FFDHE_PRIMES[group], 5) is None


@pytest.mark.parametrize("case", params("ffdhe"))
def test_published_secrets_are_reproduced_without_their_leading_zeros(case: Case) -> None:
    group = NamedGroup[case["group"]]
    assert FFDHE_PRIMES[group] == int(case["p"], 16)
    share = generate(group, lambda n: int(case["private"], 16).to_bytes(n))
    assert share.public == case.hex("own_public")
    assert share.exchange(case.hex("public")) == case.hex("shared")


def test_leading_zeros_of_a_finite_field_secret_are_stripped() -> None:
    case = next(case for case in (p.values[0] for p in params("ffdhe")) if case["name"] == "ffdhe2048-1")
    share = generate(NamedGroup.FFDHE2048, lambda n: int(case["private"], 16).to_bytes(n))
    assert len(share.exchange(case.hex("public"))) == 256 - 2


@EVERY_GROUP
def test_both_sides_get_the_same_secret_and_public_keys_are_as_long_as_the_prime(group: NamedGroup) -> None:
    p = FFDHE_PRIMES[group]
    server = generate(group, os.urandom)
    client, secret = answer(p, 2, int.from_bytes(server.public), os.urandom)
    assert server.exchange(client.public) == secret
    assert server.group is client.group is group
    assert len(server.public) == len(client.public) == (p.bit_length() + 7) // 8


def test_key_shares_are_fresh() -> None:
    assert len({generate(NamedGroup.FFDHE2048, os.urandom).public for _ in range(3)}) == 3


@pytest.mark.parametrize("byte", [b"\x00", b"\x55", b"\xff"])
def test_fixed_randomness_gives_the_same_share_again(byte: bytes) -> None:
    first, second = (generate(NamedGroup.FFDHE2048, lambda n: byte * n) for _ in range(2))
    assert first.public == second.public


@pytest.mark.parametrize("random", [os.urandom, lambda n: b"\x17" * n], ids=["backend", "injected"])
def test_a_servers_own_safe_prime_is_computed_with(random: Random) -> None:
    server, _ = answer(SAFE, 2, 4, os.urandom)
    client, secret = answer(SAFE, 2, int.from_bytes(server.public), random)
    assert server.exchange(client.public) == secret
    assert client.group is None


@pytest.mark.parametrize("random", [os.urandom, lambda n: b"\x17" * n], ids=["backend", "injected"])
def test_a_group_of_rfc_5114_is_computed_with(random: Random) -> None:
    client, secret = answer(RFC_5114_P, RFC_5114_G, pow(RFC_5114_G, 12345, RFC_5114_P), random)
    assert secret == pow(int.from_bytes(client.public), 12345, RFC_5114_P).to_bytes(128).lstrip(b"\0")
    assert client.group is None


def test_a_public_key_of_a_small_order_is_refused_where_there_is_one() -> None:
    small = pow(2, (RFC_5114_P - 1) // 7, RFC_5114_P)
    assert small != 1 == pow(small, 7, RFC_5114_P)
    check(RFC_5114_P, RFC_5114_G, small, minimum_bits=1024, maximum_bits=4096)
    with pytest.raises(InvalidKeyShare, match="subgroup") as error:
        answer(RFC_5114_P, RFC_5114_G, small, os.urandom)
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize("p", [UNSAFE, COMPOSITE], ids=["p of unknown order", "composite"])
def test_a_modulus_that_is_not_a_safe_prime_is_refused(p: int) -> None:
    with pytest.raises(InvalidKeyShare, match="safe prime") as error:
        answer(p, 2, 4, os.urandom)
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


P = FFDHE_PRIMES[NamedGroup.FFDHE2048]


@pytest.mark.parametrize(
    ("p", "g", "ys"),
    [
        pytest.param(P, 2, 0, id="Ys 0"),
        pytest.param(P, 2, 1, id="Ys 1"),
        pytest.param(P, 2, P - 1, id="Ys p-1"),
        pytest.param(P, 2, P, id="Ys p"),
        pytest.param(P, 2, P + 2, id="Ys above p"),
        pytest.param(P, 0, 4, id="g 0"),
        pytest.param(P, 1, 4, id="g 1"),
        pytest.param(P, P - 1, 4, id="g p-1"),
        pytest.param(P, P, 4, id="g p"),
        pytest.param(P - 1, 2, 4, id="p even"),
        pytest.param(0, 2, 4, id="p 0"),
        pytest.param(1, 2, 4, id="p 1"),
        pytest.param(3, 2, 2, id="p 3"),
        pytest.param(2**4097 - 1, 2, 4, id="p of 4097 bits"),
        pytest.param(2**500_000 - 1, 2, 4, id="p of 500,000 bits"),
        pytest.param(FFDHE_PRIMES[NamedGroup.FFDHE8192], 3, 4, id="a named prime with another generator"),
    ],
)
def test_parameters_out_of_range_are_refused_without_computing(
    p: int, g: int, ys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite_field, "_BACKEND", None)
    with pytest.raises(InvalidKeyShare) as error:
        check(p, g, ys, minimum_bits=2048, maximum_bits=4096)
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1, 2**2048 - 1], ids=["0", "1", "p-1", "p", "p+1", "2^2048-1"])
def test_a_client_key_out_of_range_is_refused(y: int) -> None:
    share = generate(NamedGroup.FFDHE2048, os.urandom)
    with pytest.raises(InvalidKeyShare) as error:
        share.exchange(y.to_bytes(256))
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize("y", [2, 7, P - 2], ids=["2", "a non-residue", "p-2"])
def test_the_ends_of_the_range_are_accepted_also_with_leading_zeros(y: int) -> None:
    share = generate(NamedGroup.FFDHE2048, os.urandom)
    assert share.exchange(y.to_bytes(300)) == share.exchange(y.to_bytes(256))


def test_a_short_modulus_is_insufficient_security_and_the_error_names_the_remedy() -> None:
    with pytest.raises(PeerIncompatible, match=r"512 bits.*no policy accepts fewer than 1024") as error:
        check(SAFE, 2, 4, minimum_bits=2048, maximum_bits=4096)
    assert error.value.alert is Alert.INSUFFICIENT_SECURITY
    with pytest.raises(PeerIncompatible, match=r"2048 bits.*policy\.replace\(minimum_dh_bits=2048\)"):
        check(P, 2, 4, minimum_bits=3072, maximum_bits=4096)
    check(SAFE, 2, 4, minimum_bits=512, maximum_bits=4096)


def test_a_named_group_may_be_longer_than_the_limit_for_others() -> None:
    check(FFDHE_PRIMES[NamedGroup.FFDHE8192], 2, 4, minimum_bits=2048, maximum_bits=4096)


@pytest.mark.parametrize("group", [NamedGroup.X25519, NamedGroup(0x01FF)], ids=str)
def test_a_group_without_a_prime_here_is_an_error_of_the_caller(group: NamedGroup) -> None:
    with pytest.raises(UsageError, match="not one of RFC 7919"):
        generate(group, os.urandom)


def test_without_the_backend_the_error_says_what_to_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finite_field.is_available()
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.dh", None)
    assert finite_field._load_backend() is None
    monkeypatch.setattr(finite_field, "_BACKEND", None)
    assert not finite_field.is_available()
    with pytest.raises(UsageError, match=r"no longer computes.*leave out the DHE"):
        generate(NamedGroup.FFDHE2048, os.urandom)
    with pytest.raises(UsageError, match="no longer computes"):
        answer(P, 2, 4, os.urandom)


def test_a_user_sees_no_deprecation_warning() -> None:
    program = """
import os
from tls12.crypto import finite_field
from tls12.registry import NamedGroup
share = finite_field.generate(NamedGroup.FFDHE2048, os.urandom)
finite_field.answer(finite_field.FFDHE_PRIMES[NamedGroup.FFDHE2048], 2, int.from_bytes(share.public), os.urandom)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_a_share_hides_its_private_key() -> None:
    share = generate(NamedGroup.FFDHE2048, os.urandom)
    assert isinstance(share, FiniteFieldShare)
    assert not hasattr(share, "__dict__")
    assert "private" not in repr(share)
