from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from tests import pki
from tls12.errors import UsageError
from tls12.trust import system_roots, truststore
from tls12.trust.truststore import TrustStore

ONE, TWO = pki.root(), pki.root(name="Second root")
BROKEN = b"-----BEGIN CERTIFICATE-----\nMIIBBBBBBB==\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def _fresh_system_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    truststore._system_store.cache_clear()
    yield
    truststore._system_store.cache_clear()


def test_a_bundle_is_read_with_whatever_text_stands_around_its_blocks() -> None:
    store = TrustStore.from_pem(b"# first\n" + ONE.pem + b"\n\nsecond:\r\n" + TWO.pem.replace(b"\n", b"\r\n"))
    assert store.certificates == (ONE.certificate, TWO.certificate)
    assert store.skipped == ()
    assert ONE.certificate in store
    assert pki.server().leaf not in store


def test_one_bad_root_does_not_spoil_the_rest() -> None:
    store = TrustStore.from_pem(ONE.pem + BROKEN + TWO.pem)
    assert len(store) == 2
    (skipped,) = store.skipped
    assert skipped.origin == "PEM, certificate 2"
    assert skipped.reason
    assert repr(store) == "<TrustStore: 2 roots, 1 skipped>"


def test_the_same_root_twice_counts_once() -> None:
    assert len(TrustStore.from_pem(ONE.pem * 3)) == 1


@pytest.mark.parametrize("data", [b"", "no certificates here", BROKEN])
def test_a_store_without_a_single_root_is_refused(data: bytes | str) -> None:
    with pytest.raises(UsageError, match="needs at least one certificate"):
        TrustStore.from_pem(data)


def test_certificates_are_taken_as_objects_der_or_pem() -> None:
    both = TrustStore.from_pem(ONE.pem + TWO.pem)
    assert TrustStore.from_certificates(ONE.certificate, TWO.der) == both
    assert TrustStore.from_certificates([ONE.der, TWO.pem.decode()]) == both
    assert TrustStore.from_certificates(ONE.pem + TWO.pem) == both


def test_broken_der_is_refused_by_its_number() -> None:
    with pytest.raises(UsageError, match="root certificate 2 is neither DER nor PEM"):
        TrustStore.from_certificates(ONE.certificate, b"\x30\x03\x02\x01\x00")


def test_stores_with_the_same_roots_are_equal_in_whatever_order() -> None:
    store = TrustStore.from_certificates(ONE.certificate, TWO.certificate)
    same = TrustStore.from_certificates(TWO.der, ONE.der)
    other = TrustStore.from_certificates(ONE.certificate)
    assert store == same
    assert store.fingerprint == same.fingerprint
    assert hash(store) == hash(same)
    assert store != other
    assert store.fingerprint != other.fingerprint
    assert store != "a store"


def test_roots_are_found_by_their_subject() -> None:
    store = TrustStore.from_certificates(ONE.certificate, TWO.certificate)
    assert store.named(TWO.certificate.subject) == [TWO.certificate]
    assert store.named(pki.server().leaf.subject) == []


def test_a_root_whose_serial_number_breaks_the_rules_is_trusted_without_a_warning() -> None:
    # Go Daddy's roots have the serial number 0; the backend warns, and warnings are errors in this test run.
    number = ONE.certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    der = ONE.der.replace(serial, b"\x80" + serial[1:])  # negative, and in its shortest form
    with pytest.warns(CryptographyDeprecationWarning, match="serial number"):
        x509.load_der_x509_certificate(der)
    assert len(TrustStore.from_pem(pem_of(der))) == 1


def pem_of(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


# --- where the system's roots come from -----------------------------------------------------------------


def test_ssl_cert_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(ONE.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert TrustStore.system().certificates == (ONE.certificate,)


def test_ssl_cert_dir_may_name_several_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, ca in (("a", ONE), ("b", TWO)):
        (tmp_path / name / "a directory").mkdir(parents=True)
        (tmp_path / name / "dangling.pem").symlink_to("nowhere")
        (tmp_path / name / "0f3a.0").write_bytes(ca.pem)
    (tmp_path / "a" / "README").write_bytes(b"not a certificate")
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b"), "/not/there"]))
    assert TrustStore.system() == TrustStore.from_certificates(ONE.certificate, TWO.certificate)


def test_a_variable_that_points_nowhere_is_an_error_and_not_the_systems_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/not/there.pem")
    with pytest.raises(UsageError, match=r"no root certificates in /not/there.pem; .*TrustStore.from_pem"):
        TrustStore.system()


def test_without_variables_the_first_well_known_bundle_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "second.pem").write_bytes(ONE.pem)
    (tmp_path / "third.pem").write_bytes(TWO.pem)
    files = tuple(str(tmp_path / name) for name in ("first.pem", "second.pem", "third.pem"))
    monkeypatch.setattr(system_roots, "SYSTEM_FILES", files)
    assert TrustStore.system().certificates == (ONE.certificate,)


def test_without_a_bundle_the_first_directory_with_certificates_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "ca.pem").write_bytes(TWO.pem)
    monkeypatch.setattr(system_roots, "SYSTEM_FILES", ())
    monkeypatch.setattr(system_roots, "SYSTEM_DIRECTORIES", tuple(str(tmp_path / d) for d in ("none", "empty", "full")))
    assert TrustStore.system().certificates == (TWO.certificate,)


def test_an_empty_bundle_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.pem").touch()
    (tmp_path / "full.pem").write_bytes(ONE.pem)
    files = tuple(str(tmp_path / name) for name in ("empty.pem", "full.pem"))
    monkeypatch.setattr(system_roots, "SYSTEM_FILES", files)
    assert TrustStore.system().certificates == (ONE.certificate,)


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no well-known place has anything."""
    monkeypatch.setattr(system_roots, "SYSTEM_FILES", ())
    monkeypatch.setattr(system_roots, "SYSTEM_DIRECTORIES", ())


@pytest.mark.usefixtures("bare_machine")
def test_a_machine_without_roots_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "certifi", None)  # which makes the import fail
    with pytest.raises(UsageError, match=r"install ca-certificates or tls12\[roots\]"):
        TrustStore.system()


@pytest.mark.usefixtures("bare_machine")
def test_a_machine_without_roots_has_those_of_certifi_where_it_is_installed() -> None:
    certifi = pytest.importorskip("certifi")
    assert TrustStore.system() == TrustStore.from_pem_file(certifi.where())
    assert len(TrustStore.system()) > 100


def test_certifi_counts_for_nothing_where_the_machine_has_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("certifi")
    (tmp_path / "ca.pem").write_bytes(ONE.pem)
    monkeypatch.setattr(system_roots, "SYSTEM_FILES", (str(tmp_path / "ca.pem"),))
    assert TrustStore.system().certificates == (ONE.certificate,)


def test_of_the_store_of_windows_counts_what_it_trusts_for_servers() -> None:
    """The function has the form of `ssl.enum_certificates`, which only Windows has."""
    stores = {
        "ROOT": [
            (ONE.der, "x509_asn", True),
            (b"a chain", "pkcs_7_asn", True),
            (TWO.der, "x509_asn", {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}),
            (pki.root(name="For mail").der, "x509_asn", {"1.3.6.1.5.5.7.3.4"}),
            (pki.root(name="For nothing").der, "x509_asn", False),
            (pki.root(name="Distrusted").der, "x509_asn", True),
        ],
        "Disallowed": [(pki.root(name="Distrusted").der, "x509_asn", True)],
    }
    blocks = list(system_roots.windows_blocks(stores.__getitem__))
    assert TrustStore._load(blocks) == TrustStore.from_certificates(ONE.certificate, TWO.certificate)
    assert blocks[1][0] == "the store ROOT of Windows, certificate 3"


def test_a_windows_without_a_store_of_distrusted_certificates_has_its_roots() -> None:
    def enumerate_store(name: str) -> list[tuple[bytes, str, bool]]:
        if name != "ROOT":
            raise FileNotFoundError(name)
        return [(ONE.der, "x509_asn", True)]

    assert len(list(system_roots.windows_blocks(enumerate_store))) == 1


@pytest.mark.skipif(sys.platform != "win32", reason="the store of Windows")
def test_windows_has_roots() -> None:
    assert len(TrustStore.system()) > 10


def test_a_directory_that_openssl_has_hashed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, ca in (("one.pem", ONE), ("two.pem", TWO)):
        (tmp_path / name).write_bytes(ca.pem)
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
    hashed = [path for path in tmp_path.iterdir() if path.suffix == ".0"]
    assert len(hashed) == 2
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert TrustStore.system() == TrustStore.from_certificates(ONE.certificate, TWO.certificate)


def test_the_systems_roots_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(ONE.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    first = TrustStore.system()
    bundle.unlink()
    assert TrustStore.system() is first


def test_a_file_of_roots_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(ONE.pem)
    assert TrustStore.from_pem_file(tmp_path / "ca.pem") == TrustStore.from_pem(ONE.pem)
    with pytest.raises(FileNotFoundError):
        TrustStore.from_pem_file(tmp_path / "other.pem")


def test_a_root_without_a_readable_subject_is_skipped() -> None:
    store = TrustStore.from_pem(pem_of(ONE.der.replace(b"Test root", b"\xff" * 9)) + TWO.pem)
    assert store.certificates == (TWO.certificate,)
    assert len(store.skipped) == 1
