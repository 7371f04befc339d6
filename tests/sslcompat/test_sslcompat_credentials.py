"""`load_cert_chain`: passphrases, and certificates that are renewed while a server runs."""

from __future__ import annotations

import getpass
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests import pki
from tests.ends import files_of
from tests.sslcompat.test_sslcompat_contexts import client, connected, server
from tls12.sslcompat import SSLContext


def encrypted_key(folder: Path) -> Path:
    """The key of pki.server() under the passphrase "open"."""
    path = folder / "key.pem"
    encryption = BestAvailableEncryption(b"open")
    path.write_bytes(pki.server().private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


def test_a_passphrase_that_is_not_given_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "open"

    monkeypatch.setattr(getpass, "getpass", ask)
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files_of(pki.server())[0], encrypted_key(tmp_path))
    assert prompts == ["Enter PEM pass phrase:"]
    with connected(client(), context):
        pass


@pytest.mark.parametrize("password", ["open", b"open", bytearray(b"open"), lambda: "open", lambda: b"open"])
def test_a_passphrase_is_given_in_any_form(password: object, tmp_path: Path) -> None:
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files_of(pki.server())[0], encrypted_key(tmp_path), password)
    with connected(client(), context):
        pass


def test_a_wrong_passphrase_is_the_error_of_ssl(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files_of(pki.server())[0], encrypted_key(tmp_path), "shut")


def test_a_certificate_is_renewed_while_the_server_runs() -> None:
    context, theirs = server(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*files_of(pki.server()))
    renewed = pki.server("ecdsa-p256", pki.NAME)
    for one in (context, theirs):
        one.load_cert_chain(*files_of(renewed))
        with connected(client(), one) as (ours, _):
            assert ours.getpeercert(True) == renewed.chain_der[0]


def test_certificates_with_keys_of_two_kinds_stand_beside_each_other() -> None:
    context = server()
    context.load_cert_chain(*files_of(pki.server("rsa-2048")))
    for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"):
        one = client()
        one.set_ciphers(cipher)
        with connected(one, context) as (ours, _):
            assert ours.cipher()[0] == cipher
