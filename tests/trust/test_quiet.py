"""What a peer sends makes no warnings, and the user's filter of warnings changes no verdict."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509

from tests import pki
from tls12.errors import CertificateError
from tls12.trust import backend
from tls12.trust.names import subject_name
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import PinnedVerifier, X509Verifier, spki_sha256

NOW = pki.NOW.timestamp()
LONG = "x" * 65
"""One character more than a common name may have (RFC 5280 A.1)."""


def with_serial(serial: bytes) -> bytes:
    """A certificate that the trusted root signed, with this content as its serial number."""
    root = pki.root()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.private_key.public_key())
    san = x509.SubjectAlternativeName([x509.DNSName(pki.NAME)])
    signer: Any = root.private_key
    good = pki.bare("odd", pki.key(), (san, False), (identifier, False), issuer="Test root ecdsa-p256", signer=signer)
    number = good.serial_number
    own = pki.tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    body = good.tbs_certificate_bytes.replace(own, pki.tlv(2, serial))[4:]
    return pki.signed(pki.tlv(0x30, body), signer)


def with_a_long_name() -> bytes:
    """A certificate that the trusted root signed, with a subject that is one character too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = "y" * 64
        root = pki.root()
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.private_key.public_key())
        san = x509.SubjectAlternativeName([x509.DNSName(pki.NAME)])
        signer: Any = root.private_key
        good = pki.bare(
            short, pki.key(), (san, False), (identifier, False), issuer="Test root ecdsa-p256", signer=signer
        )
        name = pki.tlv(0x30, pki.tlv(0x31, pki.tlv(0x30, bytes.fromhex("0603550403") + pki.tlv(0x0C, LONG.encode()))))
        subject = good.subject.public_bytes()
        return pki.signed(pki.tlv(0x30, good.tbs_certificate_bytes[4:].replace(subject, name)), signer)


ODD = {
    "serial 0": with_serial(b"\x00"),
    "negative serial": with_serial(b"\x80\x01"),
    "long name": with_a_long_name(),
}
GOOD = {"serial 0", "long name"}


@pytest.fixture(params=["error", "default", "always", "ignore"])
def shown(request: pytest.FixtureRequest) -> Iterator[list[warnings.WarningMessage]]:
    """The warnings that a user sees who has put this filter before all others, after tls12 was imported."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(request.param)
        yield caught


def verdict(der: bytes, name: str = pki.NAME) -> str:
    try:
        X509Verifier(TrustStore.from_certificates(pki.root().der)).verify(PeerChain((der,), "server", name, NOW))
    except CertificateError as error:
        return str(error)
    return "good"


@pytest.mark.parametrize("kind", ODD)
def test_the_verdict_is_the_same_under_every_filter_and_no_warning_is_shown(
    kind: str, shown: list[warnings.WarningMessage]
) -> None:
    if kind in GOOD:
        assert verdict(ODD[kind]) == "good"
    else:
        assert "CN=odd has a serial number that is negative" in verdict(ODD[kind])
        assert "PinnedVerifier" in verdict(ODD[kind])
    assert verdict(ODD[kind], "other.test").startswith("the server's certificate CN=")
    assert not shown


@pytest.mark.parametrize("kind", ODD)
def test_pins_roots_and_sentences_are_quiet_as_well(kind: str, shown: list[warnings.WarningMessage]) -> None:
    peer = PeerChain((ODD[kind],), "server", pki.NAME, NOW)
    assert peer.embedded_scts == ()
    assert PinnedVerifier(ODD[kind]).verify(peer) == ()
    assert PinnedVerifier(spki_sha256(peer.leaf)).verify(peer) == ()
    assert len(TrustStore.from_certificates(ODD[kind])) == 1
    assert subject_name(peer.leaf).startswith("CN=")
    with pytest.raises(CertificateError):
        PinnedVerifier(pki.root().der).verify(peer)
    assert not shown


@pytest.mark.parametrize("filter", ["error", "default", "ignore"])
def test_an_interpreter_that_makes_errors_of_warnings_comes_to_the_same_verdict(filter: str) -> None:
    code = (
        "import sys, tls12, tls12.trust.peer as p, tls12.trust.verifier as v\n"
        "peer = p.PeerChain((bytes.fromhex(sys.argv[1]),), 'server', 'server.test', float(sys.argv[3]))\n"
        "store = tls12.TrustStore.from_pem(bytes.fromhex(sys.argv[2]))\n"
        "print(len(v.X509Verifier(store).verify(peer)))\n"
    )
    arguments = [ODD["serial 0"].hex(), pki.root().pem.hex(), str(NOW)]
    done = subprocess.run(
        [sys.executable, "-W", filter, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_other_filters_are_left_as_they_are() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        backend.keep_quiet()
        assert list(warnings.filters)[1:] == [one for one in before if one != warnings.filters[0]]
        backend.keep_quiet()
        assert len([one for one in warnings.filters if one == warnings.filters[0]]) == 1
        with pytest.raises(DeprecationWarning):
            warnings.warn("of somebody else", DeprecationWarning, stacklevel=1)
