"""Policies are data, and an ordinary one cannot name what belongs in the laboratory."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial

import pytest

from tls12 import CipherSuite, ClientConfig, NamedGroup, Policy, Psk, SignatureScheme
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
        ("minimum_dh_bits", 512, "below 1024"),
        ("cipher_suits", (), "no such field: cipher_suits"),
        ("fingerprint", b"", "no such field: fingerprint"),
        ("cipher_suites", ("TLS_RSA_WITH_AES_128_CBC_SHA",), "not a valid CipherSuite"),
        ("minimum_rsa_bits", "2048", "minimum_rsa_bits is of type int, not '2048'"),
        ("minimum_dh_bits", True, "minimum_dh_bits is of type int, not True"),
        ("renegotiation", "ALLOW", "renegotiation is of type Renegotiation, not 'ALLOW'"),
        ("encrypt_then_mac", None, "encrypt_then_mac is of type bool, not None"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(field: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy.default().replace(**{field: value})


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
    assert changed.name == "default (changed)" == changed.replace(minimum_dh_bits=4096).name
    assert changed.fingerprint != default.fingerprint == default.replace(name="mine").fingerprint


def test_a_client_without_verifier_offers_only_what_needs_no_certificate() -> None:
    nothing = ClientConfig(verifier=None)
    assert nothing.suites == ()
    devices = ClientConfig(verifier=None, psk=Psk(b"device", b"k" * 16), policy=Policy.psk())
    assert devices.suites
    assert not any(row.uses_certificate for row in devices.suites)
