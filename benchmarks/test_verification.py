"""What does it cost to verify a chain? `pytest benchmarks/test_verification.py --benchmark-group-by=group`.

A leaf and one intermediate under a root: by the backend alone (certificates parsed, policy built, chain found), by
our verifier for the first time, and by our verifier again. The last row is a refusal with its diagnosis.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from tls12.errors import CertificateError
from tls12.lab.pki import ThrowawayCA
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier

NAME = "server.test"


@pytest.fixture(params=["ecdsa-p256", "rsa-2048"])
def kind(benchmark, request: pytest.FixtureRequest) -> str:
    benchmark.group = f"verify a chain, {request.param}"
    return str(request.param)


@pytest.fixture
def ca(kind: str) -> ThrowawayCA:
    return ThrowawayCA(key=kind)


@pytest.fixture
def peer(ca: ThrowawayCA, kind: str) -> PeerChain:
    issued = ca.intermediate(key=kind).issue(NAME, "*.wild.test", key=kind)
    return PeerChain(issued.chain_der, "server", NAME, datetime.now(UTC).timestamp())


def test_backend_alone(benchmark, ca: ThrowawayCA, peer: PeerChain) -> None:
    store, name = Store([ca.certificate]), x509.DNSName(NAME)

    def verify() -> list[x509.Certificate]:
        leaf, *others = map(x509.load_der_x509_certificate, peer.certificates)
        builder = PolicyBuilder().store(store).time(datetime.fromtimestamp(peer.time, UTC))
        return builder.build_server_verifier(name).verify(leaf, others)

    assert len(benchmark(verify)) == 3


def test_for_the_first_time(benchmark, ca: ThrowawayCA, peer: PeerChain) -> None:
    verifier = X509Verifier(TrustStore.from_pem(ca.pem))
    times = itertools.count()

    def verify() -> tuple[bytes, ...]:
        # Every name is a new question; all of them are the certificate's, by its wildcard.
        return verifier.verify(PeerChain(peer.certificates, "server", f"n{next(times)}.wild.test", peer.time))

    assert len(benchmark(verify)) == 3


def test_again(benchmark, ca: ThrowawayCA, peer: PeerChain) -> None:
    assert len(benchmark(X509Verifier(TrustStore.from_pem(ca.pem)).verify, peer)) == 3


def test_refusal(benchmark, ca: ThrowawayCA, peer: PeerChain) -> None:
    verifier = X509Verifier(TrustStore.from_pem(ca.pem))
    late = PeerChain(peer.certificates, "server", NAME, peer.time + 10**8)

    def refuse() -> CertificateError:
        try:
            verifier.verify(late)
        except CertificateError as error:
            return error
        raise AssertionError

    assert "expired" in str(benchmark(refuse))
