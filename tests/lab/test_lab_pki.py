from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tls12.errors import CertificateError
from tls12.lab.pki import CLIENT, KEY_KINDS, ThrowawayCA, key_usage, self_signed
from tls12.trust.credentials import Credential
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier


@pytest.fixture(scope="module")
def ca() -> ThrowawayCA:
    return ThrowawayCA()


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_certificate_with_any_kind_of_key_makes_a_credential(ca: ThrowawayCA, kind: str) -> None:
    issued = ca.issue("server.test", key=kind)
    assert Credential.from_pem(issued.chain_pem, issued.key_pem).matches("server.test")


def test_what_a_throwaway_ca_issues_is_what_our_verifier_accepts(ca: ThrowawayCA) -> None:
    verifier = X509Verifier(TrustStore.from_pem(ca.pem))
    now = datetime.now(UTC).timestamp()
    server = ca.intermediate().intermediate("Second").issue("server.test", "10.0.0.1")
    for name in ("server.test", "10.0.0.1"):
        assert len(verifier.verify(PeerChain(server.chain_der, "server", name, now))) == 4
    client = ca.issue(purposes=CLIENT, common_name="alice")
    assert len(verifier.verify(PeerChain(client.chain_der, "client", None, now))) == 2


def test_openssl_accepts_it_too_and_reads_the_files(ca: ThrowawayCA, tmp_path: Path) -> None:
    chain, key = ca.intermediate().issue("server.test").write(tmp_path)
    root = tmp_path / "root.pem"
    root.write_bytes(ca.pem)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "server.test"]
    checked = subprocess.run(
        [*command, "-CAfile", root, "-untrusted", chain, chain], capture_output=True, text=True, timeout=30
    )
    assert checked.returncode == 0, checked.stderr
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True, timeout=30)
    assert public.stdout.startswith(b"-----BEGIN PUBLIC KEY-----")


def test_the_clock_of_a_ca_is_where_its_certificates_begin() -> None:
    then = datetime(2001, 2, 3, tzinfo=UTC)
    old = ThrowawayCA(now=then)
    issued = old.intermediate().issue("server.test")
    for certificate in (old.certificate, *issued.certificates):
        assert certificate.not_valid_before_utc <= then <= certificate.not_valid_after_utc
    verifier = X509Verifier(TrustStore.from_pem(old.pem))
    assert verifier.verify(PeerChain(issued.chain_der, "server", "server.test", then.timestamp()))
    with pytest.raises(CertificateError):
        verifier.verify(PeerChain(issued.chain_der, "server", "server.test", (then + timedelta(90)).timestamp()))


def test_every_default_can_be_overridden_by_itself(ca: ThrowawayCA) -> None:
    poison = x509.PrecertPoison()
    odd = ca.issue(common_name="odd", purposes=None, usage=key_usage("crl_sign"), ca=True, extensions=[poison]).leaf
    found = {extension.oid: extension.value for extension in odd.extensions}
    assert x509.SubjectAlternativeName.oid not in found
    assert x509.ExtendedKeyUsage.oid not in found
    assert found[x509.KeyUsage.oid] == key_usage("crl_sign")
    assert found[x509.BasicConstraints.oid] == x509.BasicConstraints(True, None)
    assert found[x509.PrecertPoison.oid] == poison


def test_a_self_signed_certificate_is_signed_by_its_own_key() -> None:
    issued = self_signed("server.test")
    issued.leaf.verify_directly_issued_by(issued.leaf)
    assert issued.certificates == (issued.leaf,)
    assert issued.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_private_key_shows_in_no_repr(ca: ThrowawayCA) -> None:
    assert "private" not in repr(ca.issue("server.test"))
