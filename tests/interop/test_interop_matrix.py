"""The matrix: every suite, and groups crossed with signature schemes, in both roles, with every peer that has them.

How it works: all parameters come from SUITES and from what the peers say they have. Each test that passes reports what
it spoke with whom, and `pytest --write-interop` makes docs/interop.md of that (conftest.py, interop_table.py).

By default: all suites among ourselves, and with openssl a selection in which each protection, key exchange, group and
scheme occurs. With `-m slow` everything that openssl has, with `-m peers` everything that GnuTLS has, and with Erlang
what both of them lack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.interop import interop_table
from tests.interop.erlang_program import ERLANG
from tests.interop.matrix import GNUTLS, MEET, OPENSSL, Meeting, Peer, among_ourselves, crossed
from tls12 import CipherSuite, SignatureScheme
from tls12.crypto.signatures import SCHEMES, KeyKind
from tls12.crypto.suites import SUITES, Suite

Report = Callable[[str, object], None]

roles = pytest.mark.parametrize("role", ["client", "server"])
"""Ours."""


def suites_of(peer: Peer, wanted: Callable[[Suite], bool] = lambda row: True) -> list[CipherSuite]:
    """Every suite of this peer, in the order of SUITES."""
    return [suite for suite, row in SUITES.items() if suite in peer.suites() and wanted(row)]


def selection(suites: Iterable[CipherSuite]) -> list[CipherSuite]:
    """As few of these as will do to have each protection and each key exchange among them once."""
    traits = {suite: _traits(SUITES[suite]) for suite in suites}
    missing: set[object] = set().union(*traits.values())
    selected = []
    while missing:
        best = max(traits, key=lambda suite: len(traits[suite] & missing))
        selected.append(best)
        missing -= traits[best]
    return selected


def _traits(row: Suite) -> set[object]:
    return {(row.cipher.name, row.mac, row.prf_hash), (row.key_exchange, row.authentication)}


def diagonal(meetings: list[Meeting]) -> list[Meeting]:
    """Of groups crossed with schemes as few as will do to have each of both among them once."""
    selected, seen = [], set[object]()
    for number, scheme in enumerate(dict.fromkeys(meeting.scheme for meeting in meetings)):
        of_scheme = [meeting for meeting in meetings if meeting.scheme is scheme]
        of_scheme = of_scheme[number % len(of_scheme) :] + of_scheme[: number % len(of_scheme)]
        selected.append(next((meeting for meeting in of_scheme if meeting.group not in seen), of_scheme[0]))
        seen |= {selected[-1].group}
    return selected


def name(meeting: Meeting) -> str:
    return f"{meeting.scheme}-{meeting.group}"


# --- suites -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_every_suite_among_ourselves(suite: CipherSuite, record_property: Report) -> None:
    among_ourselves(Meeting(SUITES[suite]))
    interop_table.report(record_property, "suite", suite, "ours", "both", "data")


def meet(peer: Peer, role: str, suite: CipherSuite, record_property: Report) -> None:
    went = MEET[role](peer, Meeting(SUITES[suite]))
    interop_table.report(record_property, "suite", suite, peer.name, role, went)


@roles
@pytest.mark.parametrize("suite", selection(suites_of(OPENSSL)), ids=str)
def test_each_protection_and_key_exchange_with_openssl(suite: CipherSuite, role: str, record_property: Report) -> None:
    meet(OPENSSL, role, suite, record_property)


@pytest.mark.slow
@roles
@pytest.mark.parametrize("suite", suites_of(OPENSSL), ids=str)
def test_every_suite_of_openssl(suite: CipherSuite, role: str, record_property: Report) -> None:
    meet(OPENSSL, role, suite, record_property)


@pytest.mark.peers
@roles
@pytest.mark.parametrize("suite", suites_of(GNUTLS), ids=str)
def test_every_suite_of_gnutls(suite: CipherSuite, role: str, record_property: Report) -> None:
    meet(GNUTLS, role, suite, record_property)


@pytest.mark.peers
@roles
@pytest.mark.parametrize("suite", suites_of(ERLANG), ids=str)
def test_every_suite_that_only_erlang_has(suite: CipherSuite, role: str, record_property: Report) -> None:
    went = MEET[role](ERLANG, Meeting(SUITES[suite], extended_master_secret=False))
    interop_table.report(record_property, "suite", suite, ERLANG.name, role, went)


def with_the_mac_inside(suite: CipherSuite) -> Meeting:
    return Meeting(SUITES[suite], encrypt_then_mac=False)


@pytest.mark.slow
@roles
@pytest.mark.parametrize("suite", suites_of(OPENSSL, lambda row: row.is_cbc), ids=str)
def test_every_cbc_suite_of_openssl_with_the_mac_inside(suite: CipherSuite, role: str) -> None:
    MEET[role](OPENSSL, with_the_mac_inside(suite))


@pytest.mark.peers
@roles
@pytest.mark.parametrize("suite", suites_of(GNUTLS, lambda row: row.is_cbc), ids=str)
def test_every_cbc_suite_of_gnutls_with_the_mac_inside(suite: CipherSuite, role: str) -> None:
    MEET[role](GNUTLS, with_the_mac_inside(suite))


@pytest.mark.peers
@roles
@pytest.mark.parametrize("suite", selection(suites_of(GNUTLS)), ids=str)
def test_each_key_exchange_without_extended_master_secret(suite: CipherSuite, role: str) -> None:
    MEET[role](GNUTLS, Meeting(SUITES[suite], extended_master_secret=False))


# --- groups and signature schemes -------------------------------------------------------------------------


def agree(peer: Peer, role: str, meeting: Meeting, record_property: Report) -> None:
    went = MEET[role](peer, meeting)
    interop_table.report(record_property, "group", meeting.group, peer.name, role, went)
    interop_table.report(record_property, "scheme", meeting.scheme, peer.name, role, went)


@roles
@pytest.mark.parametrize("meeting", diagonal(crossed(OPENSSL)), ids=name)
def test_each_group_and_signature_scheme_with_openssl(meeting: Meeting, role: str, record_property: Report) -> None:
    agree(OPENSSL, role, meeting, record_property)


@pytest.mark.slow
@roles
@pytest.mark.parametrize("meeting", crossed(OPENSSL), ids=name)
def test_every_group_with_every_signature_scheme_of_openssl(
    meeting: Meeting, role: str, record_property: Report
) -> None:
    agree(OPENSSL, role, meeting, record_property)


@pytest.mark.peers
@roles
@pytest.mark.parametrize("meeting", crossed(GNUTLS), ids=name)
def test_every_group_with_every_signature_scheme_of_gnutls(
    meeting: Meeting, role: str, record_property: Report
) -> None:
    agree(GNUTLS, role, meeting, record_property)


CURVES = ("p256", "p384", "p521", "brainpool256", "brainpool384", "brainpool512", "secp256k1")


@pytest.mark.slow
@roles
@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme.name.startswith("ECDSA")], ids=str)
@pytest.mark.parametrize("curve", CURVES)
def test_an_ecdsa_scheme_does_not_fix_the_curve_of_the_certificate(
    curve: str, scheme: SignatureScheme, role: str
) -> None:
    suite = SUITES[CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
    MEET[role](OPENSSL, Meeting(suite, scheme=scheme, key=f"ecdsa-{curve}"))


# --- client certificates ----------------------------------------------------------------------------------


def certified(scheme: SignatureScheme) -> Meeting:
    """The client signs with this scheme; the server has a key of another kind, so that neither can use the other's."""
    if SCHEMES[scheme].kind in (KeyKind.RSA, KeyKind.RSA_PSS):
        suite, servers = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, SignatureScheme.ECDSA_SECP256R1_SHA256
    else:
        suite, servers = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, SignatureScheme.RSA_PSS_RSAE_SHA256
    return Meeting(SUITES[suite], scheme=servers, client_scheme=scheme)


def prove(peer: Peer, role: str, scheme: SignatureScheme, record_property: Report) -> None:
    went = MEET[role](peer, certified(scheme))
    interop_table.report(record_property, "client certificate", scheme, peer.name, role, went)


@pytest.mark.slow
@roles
@pytest.mark.parametrize("scheme", OPENSSL.schemes, ids=str)
def test_client_certificates_of_every_scheme_with_openssl(
    scheme: SignatureScheme, role: str, record_property: Report
) -> None:
    prove(OPENSSL, role, scheme, record_property)


@pytest.mark.peers
@roles
@pytest.mark.parametrize("scheme", GNUTLS.schemes, ids=str)
def test_client_certificates_of_every_scheme_with_gnutls(
    scheme: SignatureScheme, role: str, record_property: Report
) -> None:
    prove(GNUTLS, role, scheme, record_property)


# --- the table in the docs --------------------------------------------------------------------------------


def test_the_table_in_the_docs_has_exactly_the_suites() -> None:
    assert list(interop_table.read("suite")) == [str(suite) for suite in SUITES]


def test_a_suite_without_a_peer_is_one_that_the_docs_name() -> None:
    table: dict[str, Any] = interop_table.read("suite")
    assert all(row["ours"] == "yes" for row in table.values())
    alone = [suite for suite, row in table.items() if not interop_table.spoken_both_ways(row)]
    assert alone == [str(suite) for suite in interop_table.WITHOUT_A_PEER]
