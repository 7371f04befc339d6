"""Whose order of suites wins: the server's, the client's, or the client's among what the server holds equal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ends import our_client, our_server, talk, their_client
from tls12 import CipherSuite, NamedGroup, Policy, ServerConfig
from tls12.handshake.negotiation import Offer, candidate_suites, choose
from tls12.lab.script import Script

AES_128 = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
AES_256 = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
CHACHA = CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
CBC = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
OURS = (AES_128, AES_256, CHACHA, CBC)


def chosen(theirs: tuple[CipherSuite, ...], **changes: Any) -> CipherSuite:
    client = our_client(policy=Policy.compatible().replace(cipher_suites=theirs))
    server = our_server(policy=Policy.compatible().replace(cipher_suites=OURS, **changes))
    talk(client, server)
    assert client.negotiated.cipher_suite == server.negotiated.cipher_suite
    return client.negotiated.cipher_suite


STRONG = ((AES_128, AES_256, CHACHA),)
AES_OR_CHACHA = ((AES_128, CHACHA),)


@pytest.mark.parametrize(
    ("equals", "theirs", "expected"),
    [
        ((), (CHACHA, AES_128), AES_128),
        (AES_OR_CHACHA, (CHACHA, AES_128), CHACHA),
        (AES_OR_CHACHA, (AES_128, CHACHA), AES_128),
        (AES_OR_CHACHA, (CHACHA, AES_256), AES_256),
        (AES_OR_CHACHA, (AES_256, CHACHA, AES_128), CHACHA),
        (STRONG, (AES_256, CHACHA, AES_128), AES_256),
        (STRONG, (CBC, CHACHA, AES_128), CHACHA),
        (STRONG, (CBC,), CBC),
        (((AES_256, CBC),), (CBC, AES_256), CBC),
        (((AES_128,), (CHACHA, CBC)), (CBC, CHACHA), CBC),
    ],
    ids=str,
)
def test_among_equals_the_client_decides_and_elsewhere_the_server(
    equals: tuple[tuple[CipherSuite, ...], ...], theirs: tuple[CipherSuite, ...], expected: CipherSuite
) -> None:
    assert chosen(theirs, equal_preference=equals) is expected


@pytest.mark.parametrize("first", [CHACHA, AES_128])
def test_openssl_gets_chacha20_when_it_puts_it_first_and_aes_otherwise(first: CipherSuite) -> None:
    ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"
    if first is AES_128:
        ciphers = ":".join(reversed(ciphers.split(":")))
    policy = Policy.default().replace(equal_preference=STRONG)
    client, server = their_client(ciphers=ciphers), our_server(policy=policy)
    talk(client, server)
    assert server.negotiated.cipher_suite is first


X25519, P256, P384 = NamedGroup.X25519, NamedGroup.SECP256R1, NamedGroup.SECP384R1


@pytest.mark.parametrize(
    ("server_preference", "theirs", "expected"),
    [
        (True, (P384, P256, X25519), X25519),
        (False, (P384, P256, X25519), P384),
        (False, (NamedGroup.X448, P256), P256),
        (True, (NamedGroup.X448, P384, P256), P256),
    ],
    ids=str,
)
def test_whose_order_of_suites_wins_decides_about_curves_too(
    server_preference: bool, theirs: tuple[NamedGroup, ...], expected: NamedGroup
) -> None:
    ours = Policy.default().replace(groups=(X25519, P256, P384), server_preference=server_preference)
    client, server = our_client(policy=Policy.default().replace(groups=theirs)), our_server(policy=ours)
    talk(client, server)
    assert client.negotiated.group is server.negotiated.group is expected


def a_choice(policy: Policy, theirs: tuple[CipherSuite, ...]) -> CipherSuite:
    hello = Script("client").hello(*theirs)
    return choose(
        Offer.read(hello), ServerConfig(policy=policy, credentials=our_server().connection.config.credentials)
    ).parameters.suite


shuffled = st.permutations(OURS).flatmap(lambda order: st.integers(1, 4).map(lambda count: tuple(order[:count])))


@given(theirs=shuffled, equals=st.permutations(OURS), sizes=st.integers(0, 4))
def test_what_is_chosen_is_in_the_best_group_that_both_have_and_there_the_clients_first(
    theirs: tuple[CipherSuite, ...], equals: list[CipherSuite], sizes: int
) -> None:
    group = tuple(equals[:sizes])
    policy = Policy.compatible().replace(cipher_suites=OURS, equal_preference=(group,) if group else ())
    best = next(suite for suite in OURS if suite in theirs)
    rivals = group if best in group else (best,)
    assert a_choice(policy, theirs) is next(suite for suite in theirs if suite in rivals)


@pytest.mark.parametrize("changes", [{"server_preference": False}, {"equal_preference": (OURS,)}], ids=str)
def test_a_suite_that_a_client_repeats_is_tried_once(changes: dict[str, Any]) -> None:
    hello = Script("client").hello(*(AES_128, CHACHA) * 1000, extensions=())
    policy = Policy.default().replace(cipher_suites=OURS, **changes)
    with pytest.raises(Exception, match="no common cipher suite"):
        choose(
            Offer.read(hello),
            ServerConfig(policy=policy, credentials=our_server("ed25519").connection.config.credentials),
        )
    assert list(candidate_suites(hello.cipher_suites, policy)) == [AES_128, CHACHA]


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (((CHACHA, CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA),), "does not have"),
        (((AES_128,), (CHACHA, AES_128)), "twice"),
    ],
)
def test_groups_hold_suites_of_the_policy_and_each_once(groups: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy.default().replace(equal_preference=groups)


def test_policies_differ_by_their_groups_so_no_session_outlives_a_change_of_them() -> None:
    plain = Policy.default()
    changed = plain.replace(equal_preference=[[AES_128, CHACHA]])
    assert changed.equal_preference == AES_OR_CHACHA
    assert changed.fingerprint != plain.fingerprint
    assert changed.diff(plain) == {"equal_preference": (AES_OR_CHACHA, ())}
