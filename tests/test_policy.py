"""Policies are data, and an ordinary one cannot name what belongs in the laboratory."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial

import pytest

from tls12 import CipherSuite, ClientConfig, NamedGroup, Policy, Psk, Renegotiation, SignatureScheme, UsageError
from tls12.crypto.signatures import SCHEMES
from tls12.crypto.suites import SUITES
from tls12.lab import policy as lab_policy

BASES = [Policy.default(), Policy.strict(), Policy.compatible(), Policy.legacy_device(), Policy.psk()]
LAB_SUITES = [row.suite for row in SUITES.values() if row.lab_only]
LAB_SCHEMES = [scheme for scheme, facts in SCHEMES.items() if facts.lab_only]


@pytest.mark.parametrize("base", BASES, ids=lambda policy: policy.name)
def test_no_base_names_anything_of_the_laboratory(base: Policy) -> None:
    assert not set(base.cipher_suites) & set(LAB_SUITES)
    assert not set(base.signature_schemes) & set(LAB_SCHEMES)
    assert NamedGroup.SECP256K1 not in base.groups


@pytest.mark.parametrize("base", BASES, ids=lambda policy: policy.name)
def test_no_public_way_leads_from_an_ordinary_policy_to_a_lab_algorithm(base: Policy) -> None:
    smuggled = {"cipher_suites": LAB_SUITES, "signature_schemes": LAB_SCHEMES, "groups": [NamedGroup.SECP256K1]}
    for field, values in smuggled.items():
        for value in values:
            with pytest.raises(ValueError, match="lab"):
                base.replace(**{field: (value,)})
            with pytest.raises(ValueError, match="lab"):
                dataclasses.replace(base, **{field: (value,)})
            plain = {f.name: getattr(base, f.name) for f in dataclasses.fields(base) if f.init}
            with pytest.raises(ValueError, match="lab"):
                Policy(**(plain | {field: (value,)}))
    factories = [
        member for name, member in inspect.getmembers(Policy) if not name.startswith("_") and inspect.ismethod(member)
    ]
    assert {made.name for made in (factory() for factory in factories)} == {policy.name for policy in BASES}


@pytest.mark.parametrize("make", [Policy, partial(dataclasses.replace, Policy.default())], ids=["built", "replaced"])
def test_a_policy_keeps_nothing_that_could_change_behind_its_checks(make: Callable[..., Policy]) -> None:
    default = Policy.default()
    given = {name: list(getattr(default, name)) for name in ("cipher_suites", "groups", "signature_schemes")}
    equal = [list(default.cipher_suites[:2])]
    made = make(name="default", equal_preference=equal, **given)
    for values, smuggled in zip(given.values(), (LAB_SUITES, [NamedGroup.SECP256K1], LAB_SCHEMES), strict=True):
        values += smuggled
    equal[0] += default.cipher_suites[:2]
    assert made.diff(default.replace(equal_preference=[default.cipher_suites[:2]])) == {}
    assert hash(made)


def test_numbers_stand_for_their_code_points() -> None:
    changed = Policy.default().replace(cipher_suites=[0xC02F], groups=iter([0x001D]), equal_preference=[[0xC02F]])
    (verdict,) = (verdict for verdict in changed.explain() if verdict.included)
    assert verdict.suite is CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    assert changed.groups[0] is NamedGroup.X25519
    assert changed.equal_preference[0][0] is verdict.suite


def test_what_is_named_twice_counts_once() -> None:
    twice = Policy.default().replace(
        cipher_suites=(*Policy.default().cipher_suites, *Policy.default().cipher_suites),
        groups=("P-256", "X25519", "prime256v1"),
        signature_schemes=(SignatureScheme.ECDSA_SECP256R1_SHA256, 0x0403),
    )
    assert twice.cipher_suites == Policy.default().cipher_suites
    assert twice.groups == (NamedGroup.SECP256R1, NamedGroup.X25519)
    assert twice.signature_schemes == (SignatureScheme.ECDSA_SECP256R1_SHA256,)


def test_every_ordinary_suite_can_be_named_from_any_base() -> None:
    ordinary = [row.suite for row in SUITES.values() if not row.lab_only]
    for base in BASES:
        for suite in ordinary:
            assert base.replace(cipher_suites=[suite]).cipher_suites == (suite,)


def test_the_laboratory_speaks_everything_that_can_be_computed_and_stays_one_after_replace() -> None:
    lab = lab_policy()
    assert set(lab.cipher_suites) == set(SUITES)
    assert set(lab.signature_schemes) == set(SCHEMES)
    assert lab.replace(cipher_suites=LAB_SUITES).cipher_suites == tuple(LAB_SUITES)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("cipher_suites", (CipherSuite.TLS_RSA_WITH_ARIA_128_GCM_SHA256,), "cannot be computed"),
        ("groups", (NamedGroup.SECT283K1,), "cannot be computed"),
        ("signature_schemes", (SignatureScheme(0x0101),), "cannot be computed"),
        ("minimum_rsa_bits", 512, "below 1024"),
        ("maximum_rsa_bits", 1024, r"maximum_rsa_bits .1024. is less than minimum_rsa_bits .2048."),
        ("minimum_dh_bits", 512, "below 1024"),
        ("cipher_suits", (), "no such field: cipher_suits; is it cipher_suites"),
        ("fingerprint", b"", "no such field: fingerprint"),
        (
            "cipher_suites",
            ("AES128-SHA:AES256-SHA",),
            "cipher_suites: there is no cipher suite 'AES128-SHA:AES256-SHA'",
        ),
        ("cipher_suites", "ECDHE+AESGCM", "cipher_suites is a str; give a tuple, even of one"),
        ("cipher_suites", None, "cipher_suites is None; give a tuple"),
        ("cipher_suites", CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA, "cipher_suites is a CipherSuite; give a tuple"),
        ("cipher_suites", ("ECDHE-RSA-AES128-GCM-SHA265",), "is it TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("groups", ("x25591",), "groups: there is no group 'x25591'; is it x25519"),
        ("groups", (CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA,), "which is no NamedGroup"),
        ("groups", (1.5,), "groups holds 1.5; give a NamedGroup, its number, or its name"),
        ("groups", (-1,), "groups holds -1; give a NamedGroup"),
        ("groups", (1 << 16,), "groups holds 65536; give a NamedGroup"),
        ("groups", (None,), "groups holds None; give a NamedGroup"),
        ("signature_schemes", ("md5",), "signature_schemes: there is no signature scheme 'md5'$"),
        ("equal_preference", (1,), "equal_preference is an int; give a tuple"),
        ("equal_preference", 1, "equal_preference is an int; give a tuple"),
        ("minimum_rsa_bits", "2048", "minimum_rsa_bits is of type int, not '2048'"),
        ("minimum_dh_bits", True, "minimum_dh_bits is of type int, not True"),
        (
            "renegotiation",
            "ALLOW",
            "renegotiation is Renegotiation.WARN or Renegotiation.FATAL or Renegotiation.ALLOW, not 'ALLOW'",
        ),
        ("encrypt_then_mac", None, "encrypt_then_mac is of type bool, not None"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(field: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        Policy.default().replace(**{field: value})
    assert isinstance(raised.value, ValueError)


def test_explain_has_a_reason_for_every_suite_that_iana_lists() -> None:
    for policy in (*BASES, lab_policy()):
        explanation = policy.explain()
        assert len(explanation) == len(CipherSuite)
        assert [verdict.suite for verdict in explanation if verdict.included] == list(policy.cipher_suites)
        assert all(verdict.reason for verdict in explanation)
        assert str(explanation).count("\n") == len(CipherSuite) - 1


def test_policies_compare_and_differ_by_their_fields() -> None:
    default = Policy.default()
    assert default.replace() == default
    assert default.diff(default) == {}
    changed = default.replace(minimum_dh_bits=3072)
    assert default.diff(changed) == {"minimum_dh_bits": (2048, 3072)}
    with pytest.raises(UsageError, match="compares with a Policy, not with a str"):
        default.diff("compatible")  # type: ignore[arg-type]
    assert changed.name == "default (changed)" == changed.replace(minimum_dh_bits=4096).name
    assert changed.fingerprint != default.fingerprint == default.replace(name="mine").fingerprint


def test_a_client_without_verifier_offers_only_what_needs_no_certificate() -> None:
    nothing = ClientConfig(verifier=None)
    assert nothing.suites == ()
    devices = ClientConfig(verifier=None, psk=Psk(b"device", b"k" * 16), policy=Policy.psk())
    assert devices.suites
    assert not any(row.uses_certificate for row in devices.suites)


@pytest.mark.parametrize("suite", [suite for suite in CipherSuite if suite in SUITES and not SUITES[suite].lab_only])
def test_a_suite_is_known_by_the_names_of_iana_and_of_openssl(suite: CipherSuite) -> None:
    for name in filter(None, (str(suite), str(suite).lower(), suite.openssl_name)):
        assert Policy.default().replace(cipher_suites=[name]).cipher_suites == (suite,)


@pytest.mark.parametrize(
    ("field", "names", "member"),
    [
        ("groups", "x25519 X25519", NamedGroup.X25519),
        ("groups", "secp256r1 P-256 p256 prime256v1 SECP256R1", NamedGroup.SECP256R1),
        ("groups", "P-384 secp384r1", NamedGroup.SECP384R1),
        ("groups", "P-521 secp521r1", NamedGroup.SECP521R1),
        ("groups", "brainpoolP256r1 BRAINPOOLP256R1", NamedGroup.BRAINPOOLP256R1),
        ("groups", "ffdhe2048", NamedGroup.FFDHE2048),
        (
            "signature_schemes",
            "rsa_pss_rsae_sha256 RSA-PSS+SHA256 PSS+SHA256 RSA_PSS_RSAE_SHA256",
            SignatureScheme.RSA_PSS_RSAE_SHA256,
        ),
        ("signature_schemes", "rsa_pkcs1_sha384 RSA+SHA384", SignatureScheme.RSA_PKCS1_SHA384),
        (
            "certificate_schemes",
            "ecdsa_secp256r1_sha256 ECDSA+SHA256",
            SignatureScheme.ECDSA_SECP256R1_SHA256,
        ),
        ("certificate_schemes", "ed25519 Ed25519", SignatureScheme.ED25519),
    ],
)
def test_groups_and_schemes_are_known_by_their_usual_names(field: str, names: str, member: object) -> None:
    for name in names.split():
        assert getattr(Policy.default().replace(**{field: [name]}), field) == (member,)


def test_what_a_difference_adds_and_removes_is_said() -> None:
    default = Policy.default()
    suites = default.cipher_suites
    other = default.replace(
        cipher_suites=[*suites[1:], CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256],
        groups=reversed(default.groups),
        equal_preference=[suites[1:3]],
        renegotiation=Renegotiation.ALLOW,
    )
    difference = default.diff(other)
    assert difference.added["cipher_suites"] == (CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256,)
    assert difference.removed == {"cipher_suites": (suites[0],)}
    assert str(difference).splitlines() == [
        f"cipher_suites: +TLS_RSA_WITH_AES_128_GCM_SHA256 -{suites[0]}",
        "groups: another order",
        f"equal_preference: +({suites[1]} {suites[2]})",
        "renegotiation: WARN -> ALLOW",
    ]
    assert str(default.diff(default)) == "no difference"


def test_a_policy_prints_on_one_line_what_is_in_it_and_what_is_unusual() -> None:
    changed = Policy.default().replace(minimum_rsa_bits=3072, renegotiation=Renegotiation.ALLOW, groups=["x25519"])
    suites = len(changed.cipher_suites)
    assert repr(changed).startswith(f"<Policy 'default (changed)': {suites} cipher_suites, 1 groups, ")
    assert "minimum_rsa_bits=3072" in repr(changed)
    assert "Renegotiation.ALLOW" in repr(changed)
    assert repr(lab_policy()).startswith("<LabPolicy 'lab': ")
    assert all(len(repr(base)) < 250 for base in (*BASES, lab_policy()))
