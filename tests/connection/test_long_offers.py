"""Of a list with thousands of code points a server keeps what it knows: the rest is not asked about again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls12 import NamedGroup, SignatureScheme
from tls12.crypto.signatures import SCHEMES
from tls12.handshake.negotiation import Offer
from tls12.lab.hellos import with_extensions
from tls12.lab.script import Script
from tls12.registry import CodePoint
from tls12.wire import messages
from tls12.wire.extensions import Extension, SignatureAlgorithms, SignatureAlgorithmsCert, SupportedGroups
from tls12.wire.hello import ClientHello
from tls12.wire.mode import Mode

LONG = 30_000


def read(*extensions: Extension) -> Offer:
    """The offer as a server reads it from the bytes of a hello."""
    data = messages.serialize(with_extensions(Script("client").hello(), *extensions))
    hello = messages.parse(data, mode=Mode(tls12_only=True))
    assert isinstance(hello, ClientHello)
    return Offer.read(hello)


def filled(kind: type[CodePoint], *codes: CodePoint) -> tuple[CodePoint, ...]:
    """These codes, the last of them after very many unknown ones, and then all of them many times more."""
    unknown = tuple(kind.of(0x7000 + number) for number in range(LONG))
    assert not any(code.is_known for code in unknown)
    return (*codes[:-1], *unknown, codes[-1], *codes * 100)


SCHEMES_SENT = (SignatureScheme.ED25519, SignatureScheme.RSA_PSS_RSAE_SHA256, SignatureScheme.ECDSA_SECP256R1_SHA256)
GROUPS_SENT = (NamedGroup.SECP384R1, NamedGroup.of(300), NamedGroup.X25519)


@pytest.mark.parametrize("last", [SignatureAlgorithms, SignatureAlgorithmsCert], ids=lambda kind: kind.__name__)
def test_schemes_are_kept_once_and_in_order(last: type[SignatureAlgorithms]) -> None:
    offer = read(SignatureAlgorithms(SCHEMES_SENT[:1]), last(filled(SignatureScheme, *SCHEMES_SENT)))
    assert offer.certificate_schemes == SCHEMES_SENT
    assert offer.schemes == (SCHEMES_SENT if last is SignatureAlgorithms else SCHEMES_SENT[:1])


def test_groups_are_kept_once_and_in_order_and_with_them_the_finite_fields_that_are_not_known() -> None:
    offer = read(SupportedGroups(filled(NamedGroup, *GROUPS_SENT)))
    assert offer.groups == GROUPS_SENT


def test_a_few_numbers_without_a_meaning_stay_in_a_long_list() -> None:
    sent = (*SignatureScheme, *map(SignatureScheme.of, range(0x7000, 0x7040)))
    assert len(sent) > 64
    assert read(SignatureAlgorithms(sent)).schemes == sent
    assert read(SignatureAlgorithms((*sent, SignatureScheme.of(0x7040)))).schemes == tuple(SignatureScheme)


@given(
    sent=st.lists(
        st.sampled_from([*SCHEMES, *map(SignatureScheme.of, range(0x5000, 0x5080))]), min_size=1, max_size=200
    )
)
def test_whatever_its_length_a_list_keeps_the_schemes_that_can_be_computed(sent: list[SignatureScheme]) -> None:
    kept = read(SignatureAlgorithms(tuple(sent))).schemes
    assert kept is not None
    assert {scheme for scheme in kept if scheme in SCHEMES} == {scheme for scheme in sent if scheme in SCHEMES}
