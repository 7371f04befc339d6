from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.vectors_loader import Case, params
from tls12.crypto.groups import EC_GROUPS, WeierstrassGroup, generate, private_scalar
from tls12.errors import InvalidKeyShare, UsageError
from tls12.registry import Alert, NamedGroup

EVERY_GROUP = pytest.mark.parametrize("group", EC_GROUPS, ids=str)
WEIERSTRASS = [group for group, facts in EC_GROUPS.items() if isinstance(facts, WeierstrassGroup)]


def giving(private: bytes) -> Callable[[int], bytes]:
    """Randomness that has exactly this private key in store."""

    def random(length: int) -> bytes:
        assert length == len(private)
        return private

    return random


@pytest.mark.parametrize("case", params("ecdh_points") + params("x25519_x448"))
def test_published_shares_have_their_secret_or_are_refused(case: Case) -> None:
    share = generate(NamedGroup[case["group"]], giving(case.hex("private")))
    if "own_public" in case:
        assert share.public == case.hex("own_public")
    if "shared" in case:
        assert share.exchange(case.hex("public")) == case.hex("shared")
    else:
        with pytest.raises(InvalidKeyShare) as error:
            share.exchange(case.hex("public"))
        assert error.value.alert is Alert.ILLEGAL_PARAMETER
        assert str(NamedGroup[case["group"]]) in str(error.value)


@EVERY_GROUP
@pytest.mark.parametrize("other_random", [os.urandom, lambda n: os.urandom(n)], ids=["backend", "injected"])
def test_both_sides_get_the_same_secret(group: NamedGroup, other_random: Callable[[int], bytes]) -> None:
    one, other = generate(group, os.urandom), generate(group, other_random)
    secret = one.exchange(other.public)
    assert secret == other.exchange(one.public)
    assert len(secret) == EC_GROUPS[group].length
    assert one.group is group


@EVERY_GROUP
def test_key_shares_are_fresh(group: NamedGroup) -> None:
    assert len({generate(group, os.urandom).public for _ in range(3)}) == 3


@EVERY_GROUP
@pytest.mark.parametrize("byte", [b"\x00", b"\x2a", b"\xff"])
def test_fixed_randomness_gives_the_same_share_again_and_ends_even_when_constant(
    group: NamedGroup, byte: bytes
) -> None:
    first, second = (generate(group, lambda n: byte * n) for _ in range(2))
    assert first.public == second.public
    peer = generate(group, os.urandom)
    assert first.exchange(peer.public) == peer.exchange(second.public)


# The least k for which the x-coordinate of k times the base point begins with a zero byte (P-521: with two, as
# its top byte has a single bit). The secret of a key 1 and this key is that coordinate.
LEADING_ZERO = {
    NamedGroup.SECP256R1: 379,
    NamedGroup.SECP384R1: 197,
    NamedGroup.SECP521R1: 273,
    NamedGroup.SECP256K1: 153,
    NamedGroup.BRAINPOOLP256R1: 856,
    NamedGroup.BRAINPOOLP384R1: 98,
    NamedGroup.BRAINPOOLP512R1: 6,
}


@pytest.mark.parametrize("group", WEIERSTRASS, ids=str)
def test_leading_zeros_of_an_ecdh_secret_stay(group: NamedGroup) -> None:
    length = EC_GROUPS[group].length
    base = generate(group, giving((1).to_bytes(length)))
    peer = generate(group, giving(LEADING_ZERO[group].to_bytes(length)))
    secret = base.exchange(peer.public)
    assert secret == peer.public[1 : 1 + length]
    assert len(secret) == length
    assert secret[0] == 0


# The same for X25519 and X448: keys k and k + 1.
@pytest.mark.parametrize(("group", "k"), [(NamedGroup.X25519, 1696), (NamedGroup.X448, 312)], ids=str)
def test_leading_zeros_of_a_montgomery_secret_stay(group: NamedGroup, k: int) -> None:
    length = EC_GROUPS[group].length
    one, other = (generate(group, giving(key.to_bytes(length, "little"))) for key in (k, k + 1))
    secret = one.exchange(other.public)
    assert len(secret) == length
    assert secret[0] == 0


@pytest.mark.parametrize("group", WEIERSTRASS, ids=str)
@pytest.mark.parametrize(
    "malform",
    [
        pytest.param(lambda point: point[1:], id="without 04"),
        pytest.param(lambda point: b"\x05" + point[1:], id="unknown form"),
        pytest.param(lambda point: bytes([6 + point[-1] % 2]) + point[1:], id="hybrid"),
        pytest.param(lambda point: bytes([2 + point[-1] % 2]) + point[1 : 1 + len(point) // 2], id="compressed"),
        pytest.param(lambda point: b"\x00", id="infinity"),
        pytest.param(lambda point: b"\x04" + bytes(len(point) - 1), id="(0, 0)"),
        pytest.param(lambda point: b"\x04" + bytes(len(point) - 2) + b"\x01", id="(0, 1)"),
        pytest.param(lambda point: point[:-1] + bytes([point[-1] ^ 1]), id="wrong y"),
        pytest.param(lambda point: point[:-1], id="too short"),
        pytest.param(lambda point: point + b"\x00", id="too long"),
        pytest.param(lambda point: b"", id="empty"),
    ],
)
def test_what_is_not_an_uncompressed_point_of_the_curve_is_refused(
    group: NamedGroup, malform: Callable[[bytes], bytes]
) -> None:
    share = generate(group, os.urandom)
    peer = generate(group, lambda n: (7).to_bytes(n)).public
    with pytest.raises(InvalidKeyShare) as error:
        share.exchange(malform(peer))
    assert error.value.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize("group", [NamedGroup.X25519, NamedGroup.X448], ids=str)
@pytest.mark.parametrize("difference", [-1, 1, 32, None])
def test_a_montgomery_share_of_the_wrong_length_is_refused(group: NamedGroup, difference: int | None) -> None:
    length = 0 if difference is None else EC_GROUPS[group].length + difference
    with pytest.raises(InvalidKeyShare):
        generate(group, os.urandom).exchange(b"\x09" * length)


def test_the_high_bit_of_an_x25519_share_is_ignored() -> None:
    share, peer = (generate(NamedGroup.X25519, os.urandom) for _ in range(2))
    assert share.exchange(peer.public[:-1] + bytes([peer.public[-1] ^ 0x80])) == share.exchange(peer.public)


@pytest.mark.parametrize("group", [NamedGroup.FFDHE2048, NamedGroup.SECT283K1, NamedGroup(0x1A1A)], ids=str)
def test_a_group_that_cannot_be_computed_is_an_error_of_the_caller(group: NamedGroup) -> None:
    with pytest.raises(UsageError, match=r"cannot|not an elliptic curve"):
        generate(group, os.urandom)


def drawing(*numbers: int) -> Callable[[int], bytes]:
    """Randomness that consists of these numbers, in this order."""
    rest = iter(numbers)
    return lambda n: (next(rest) % 256**n).to_bytes(n)


@pytest.mark.parametrize("order", [11, 255, 256, 257, 2**61 - 1])
def test_a_private_scalar_is_the_number_drawn_or_one_in_range(order: int) -> None:
    size = (order.bit_length() + 7) // 8
    for drawn in (0, 1, order - 1, order, order + 1, 256**size - 1):
        scalar = private_scalar(order, drawing(drawn, 7))
        assert 0 < scalar < order
        if 0 < drawn < order:
            assert scalar == drawn


def test_numbers_out_of_range_are_spread_over_the_whole_range() -> None:
    # 3 bits for an order of 5: 6 is out of range and takes 64 further bits.
    assert {private_scalar(5, drawing(6, further)) for further in range(200)} == {1, 2, 3, 4}
