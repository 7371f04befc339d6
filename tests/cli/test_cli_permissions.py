"""`--set`, and the remedies of the library in the words of the command line."""

from __future__ import annotations

import pytest

from tests.cli.command import inside, serving
from tls12 import CipherSuite, NamedGroup, Policy, Renegotiation
from tls12.cli.options import POLICIES
from tls12.cli.output import CommandError
from tls12.cli.permissions import changed, in_options

RSA = CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256
DEFAULT = Policy.default()


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("minimum_rsa_bits=1024", "minimum_rsa_bits", 1024),
        ("require_secure_renegotiation=False", "require_secure_renegotiation", False),
        ("send_grease=true", "send_grease", True),
        ("renegotiation=ALLOW", "renegotiation", Renegotiation.ALLOW),
        (f"cipher_suites=+{RSA.name}", "cipher_suites", (*DEFAULT.cipher_suites, RSA)),
        ("cipher_suites=compatible", "cipher_suites", Policy.compatible().cipher_suites),
        ("groups=x25519,SECP256R1", "groups", (NamedGroup.X25519, NamedGroup.SECP256R1)),
    ],
)
def test_a_setting_changes_one_field(setting: str, field: str, value: object) -> None:
    policy = changed(DEFAULT, [setting], POLICIES)
    assert DEFAULT.diff(policy).keys() == {field}
    assert getattr(policy, field) == value


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("colour=red", "no such field"),
        ("name=mine", "no such field"),
        ("minimum_rsa_bits=many", "invalid literal"),
        ("minimum_rsa_bits=512", "cannot be below 1024"),
        ("send_grease=perhaps", "'perhaps' is not a value"),
        ("renegotiation=often", "'OFTEN' is not a value"),
        ("groups=+nowhere", "'nowhere' is not a value"),
        ("cipher_suites=+TLS_RSA_WITH_RC4_128_MD5", "only tls12.lab.policy"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_name(setting: str, complaint: str) -> None:
    with pytest.raises(CommandError) as refused:
        changed(DEFAULT, [setting], POLICIES)
    assert refused.value.message.startswith(f"--set {setting}: ")
    assert complaint in refused.value.message


@pytest.mark.parametrize(
    ("remedy", "options"),
    [
        (
            "allow it with Policy.default().replace(require_secure_renegotiation=False); risk: injected prefixes",
            "allow it with --set require_secure_renegotiation=False; risk: injected prefixes",
        ),
        (
            "policy.replace(renegotiation=Renegotiation.WARN) goes on, policy.replace(send_grease=True) greases",
            "--set renegotiation=WARN goes on, --set send_grease=True greases",
        ),
        (
            "accept it with policy.replace(cipher_suites=(*policy.cipher_suites, CipherSuite.A), "
            "groups=(*policy.groups, NamedGroup.B))",
            "accept it with --set cipher_suites=+A --set groups=+B",
        ),
        (
            "Policy.strict().replace(cipher_suites=Policy.legacy_device().cipher_suites) offers more",
            "--set cipher_suites=legacy-device offers more",
        ),
        ("no ordinary policy of this library offers more", "no ordinary policy of this library offers more"),
    ],
)
def test_a_remedy_names_the_settings_that_do_the_same(remedy: str, options: str) -> None:
    assert in_options(remedy) == options


def test_the_remedy_of_a_refusal_can_be_typed() -> None:
    suite = "ECDHE-ECDSA-AES128-SHA"
    with serving("--set", f"cipher_suites={CipherSuite.from_openssl(suite).name}") as server:
        assert server.ca is not None
        connect = ("connect", f"localhost:{server.port}", "--ca", server.ca, "--json")
        refused = inside(*connect)
        remedy = refused.event("error")["remedy"]
        assert remedy == "nothing that we offered suits it; --policy compatible offers more"
        assert inside(*connect, "--policy", "compatible").code == 0
