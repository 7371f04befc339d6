"""The registries: complete, open, printable, and named as IANA and OpenSSL name them."""

from __future__ import annotations

import copy
import pickle
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls12 import registry
from tls12.lab.strategies import codes
from tls12.registry import (
    DECODERS,
    Alert,
    CipherSuite,
    CodePoint,
    ContentType,
    ExtensionType,
    HandshakeType,
    HashAlgorithm,
    NamedGroup,
    PskKeyExchangeMode,
    SignatureAlgorithm,
    SignatureScheme,
)
from tls12.registry.openssl_names import OPENSSL_ALIASES, OPENSSL_NAMES

REGISTRIES = [kind for kind in vars(registry).values() if isinstance(kind, type) and issubclass(kind, CodePoint)]
REGISTRIES.remove(CodePoint)
each_registry = pytest.mark.parametrize("kind", REGISTRIES, ids=lambda kind: kind.__name__)

GREASE = [0x0A0A + 0x1010 * i for i in range(16)]


@each_registry
def test_every_number_of_the_field_is_a_member_that_keeps_its_value(kind: type[CodePoint]) -> None:
    for number in {0, 1, 7, 23, 0x7F, 0x80, 0xC8, 0xFF, 256**kind.size - 1, *(int(member) for member in kind)}:
        member = kind.of(number)
        assert member == number
        assert member == kind(number)
        assert hash(member) == hash(number)
        assert type(member) is kind
        assert member.value == number
        assert member.name == member.name.upper()
        assert member.is_known == (number in list(kind))


@each_registry
def test_a_member_is_found_by_its_name_and_by_ianas_spelling(kind: type[CodePoint]) -> None:
    for member in kind:
        assert kind[member.name] is kind[str(member)] is member
    with pytest.raises(KeyError, match="no such name"):
        kind["no such name"]


@each_registry
def test_a_number_without_a_name_is_not_kept(kind: type[CodePoint]) -> None:
    before = len(kind)
    unknown = next(number for number in range(255, 0, -1) if number not in list(kind))
    assert kind.of(unknown) is not kind.of(unknown)
    assert len(kind) == before
    assert len(DECODERS[kind][1].__self__) == before  # type: ignore[attr-defined]


@each_registry
def test_numbers_that_no_field_holds_and_things_that_are_no_numbers_are_refused(kind: type[CodePoint]) -> None:
    for wrong in (-1, "1", None):
        with pytest.raises(ValueError, match="not a valid"):
            kind(wrong)  # type: ignore[arg-type]


@each_registry
def test_members_survive_pickling_and_copying(kind: type[CodePoint]) -> None:
    for member in (kind.of(1), kind.of(0xFE)):
        for twin in (pickle.loads(pickle.dumps(member)), copy.copy(member), copy.deepcopy(member)):
            assert twin == member
            assert type(twin) is kind


@pytest.mark.parametrize(
    ("member", "text", "shown"),
    [
        (Alert.HANDSHAKE_FAILURE, "handshake_failure", "<Alert.HANDSHAKE_FAILURE: 0x28>"),
        (Alert(200), "unknown (0xc8)", "<Alert.UNKNOWN_0XC8: 0xc8>"),
        (CipherSuite(0x1A1A), "GREASE (0x1a1a)", "<CipherSuite.GREASE_0X1A1A: 0x1a1a>"),
        (CipherSuite(0x1234), "unknown (0x1234)", "<CipherSuite.UNKNOWN_0X1234: 0x1234>"),
        (CipherSuite(0x0018), "TLS_DH_anon_WITH_RC4_128_MD5", "<CipherSuite.TLS_DH_ANON_WITH_RC4_128_MD5: 0x0018>"),
        (NamedGroup(26), "brainpoolP256r1", "<NamedGroup.BRAINPOOLP256R1: 0x001a>"),
        (PskKeyExchangeMode(0x2A), "GREASE (0x2a)", "<PskKeyExchangeMode.GREASE_0X2A: 0x2a>"),
        (ContentType(0x2A), "unknown (0x2a)", "<ContentType.UNKNOWN_0X2A: 0x2a>"),
    ],
)
def test_members_print_as_iana_spells_them(member: CodePoint, text: str, shown: str) -> None:
    assert str(member) == text
    assert f"{member}" == text
    assert repr(member) == shown


def test_a_format_for_numbers_shows_the_number() -> None:
    assert f"{Alert.HANDSHAKE_FAILURE:d} {Alert.HANDSHAKE_FAILURE:#04x}" == "40 0x28"
    assert f"{Alert.HANDSHAKE_FAILURE:>20}" == "   handshake_failure"


def test_an_attribute_that_no_member_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'Alert' object has no attribute 'severity'"):
        Alert.CLOSE_NOTIFY.severity  # noqa: B018


@pytest.mark.parametrize("kind", [CipherSuite, ExtensionType, NamedGroup, SignatureScheme])
def test_grease_is_the_sixteen_values_of_rfc_8701(kind: type[CodePoint]) -> None:
    assert [number for number in range(0x10000) if kind.of(number).is_grease] == GREASE
    assert not any(member.is_grease for member in kind)


def test_all_cipher_suites_of_iana_are_there() -> None:
    assert len(CipherSuite) == 356
    assert sum(str(suite).endswith("_SCSV") for suite in CipherSuite) == 2
    assert sum(suite.is_signalling for suite in CipherSuite) == 2
    assert all(str(suite).startswith("TLS_") for suite in CipherSuite)


def test_a_suite_is_found_by_its_iana_name_in_any_case() -> None:
    for suite in CipherSuite:
        assert CipherSuite.from_name(str(suite)) is suite
    assert CipherSuite.from_name("tls_dh_ANON_with_rc4_128_md5") is CipherSuite.TLS_DH_ANON_WITH_RC4_128_MD5
    with pytest.raises(ValueError, match="IANA lists no cipher suite 'AES'"):
        CipherSuite.from_name("AES")


def test_a_suite_is_found_by_its_openssl_name() -> None:
    for iana, openssl in OPENSSL_NAMES.items():
        assert str(CipherSuite.from_openssl(openssl)) == iana
        assert CipherSuite.from_openssl(openssl).openssl_name == openssl
    for alias, openssl in OPENSSL_ALIASES.items():
        assert CipherSuite.from_openssl(alias) is CipherSuite.from_openssl(openssl)
    assert CipherSuite.TLS_RSA_WITH_ARIA_128_CBC_SHA256.openssl_name is None
    with pytest.raises(ValueError, match="OpenSSL knows no cipher suite 'TLS_RSA"):
        CipherSuite.from_openssl("TLS_RSA_WITH_AES_128_CBC_SHA")


def test_the_running_openssl_agrees_about_names_and_numbers() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    offered = context.get_ciphers()
    assert len(offered) > 50
    for cipher in offered:
        suite = CipherSuite.of(cipher["id"] & 0xFFFF)
        assert suite.openssl_name == cipher["name"]
        assert CipherSuite.from_openssl(cipher["name"]) == suite


@given(codes(SignatureScheme))
def test_a_scheme_is_also_the_pair_of_rfc_5246(scheme: SignatureScheme) -> None:
    assert scheme.hash_algorithm << 8 | scheme.signature_algorithm == scheme


@pytest.mark.parametrize(
    ("scheme", "hash_algorithm", "signature_algorithm"),
    [
        (SignatureScheme.RSA_PKCS1_SHA256, HashAlgorithm.SHA256, SignatureAlgorithm.RSA),
        (SignatureScheme.ECDSA_SHA1, HashAlgorithm.SHA1, SignatureAlgorithm.ECDSA),
        (SignatureScheme.DSA_SHA512, HashAlgorithm.SHA512, SignatureAlgorithm.DSA),
        (SignatureScheme.ED448, HashAlgorithm.INTRINSIC, SignatureAlgorithm.ED448),
    ],
)
def test_the_pairs_have_the_names_of_rfc_5246(
    scheme: SignatureScheme, hash_algorithm: HashAlgorithm, signature_algorithm: SignatureAlgorithm
) -> None:
    assert scheme.hash_algorithm is hash_algorithm
    assert scheme.signature_algorithm is signature_algorithm


@given(st.sampled_from(REGISTRIES).flatmap(codes))
def test_code_points_compare_and_sort_as_numbers(member: CodePoint) -> None:
    assert sorted([member, 300, -1]) == sorted([int(member), 300, -1])
    assert {member: 1}[int(member)] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (Alert, {0, 10, 20, 21, 22, 30, *range(40, 53), 60, 70, 71, 80, 86, 90, 100, *range(109, 118), 120, 121}),
        (ContentType, {20, 21, 22, 23, 24, 25, 26, 27}),
        (
            HandshakeType,
            {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 67, 254},
        ),
        (ExtensionType, {*range(40), *range(41, 46), *range(47, 63), 13172, 17513, 17613, 30031, 30032, 0xFD00}),
        (NamedGroup, {*range(1, 42), *range(256, 261), 512, 513, 514, *range(4587, 4591), 0xFF01, 0xFF02}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_registries_of_iana_are_complete(kind: type[CodePoint], numbers: set[int]) -> None:
    assert numbers <= {int(member) for member in kind}
