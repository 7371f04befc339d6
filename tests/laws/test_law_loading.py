"""Whatever is given as certificate, key, PKCS#12 file, root or pin is taken, or refused with a UsageError in words."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tls12.errors import CertificateError, UsageError
from tls12.trust.credentials import Credential
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import PinnedVerifier, X509Verifier

KINDS = ("ecdsa-p256", "rsa-2048", "ed25519")
PARSER = ("ParseError", "ASN.1", "kind:", "Unknown OID", "Details")


def armour(der: bytes, what: str) -> bytes:
    return f"-----BEGIN {what}-----\n".encode() + base64.encodebytes(der) + f"-----END {what}-----\n".encode()


def unarmour(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(line for line in pem.splitlines() if not line.startswith(b"-----")))


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A few bytes changed, taken out, put in twice, or cut off."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["flip", "set", "drop", "double", "cut", "oid"])):
            case "flip":
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set":
                data[at] = draw(st.integers(0, 255))
            case "drop":
                del data[at : at + draw(st.integers(1, 4))]
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case "cut":
                del data[max(at, 1) :]
            case _:  # the last byte of an extension's identifier: unknown extensions, or two of a kind
                found = data.find(b"\x55\x1d", at)
                if 0 <= found < len(data) - 2:
                    data[found + 2] = draw(st.sampled_from([0x0E, 0x0F, 0x11, 0x13, 0x1E, 0x23, 0x25, 0x63]))
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def in_words(act: Callable[[], object]) -> None:
    """It works, or is refused in our own words."""
    said = ""
    try:
        act()
    except (UsageError, CertificateError) as error:
        said = str(error)
    assert not any(word in said for word in PARSER), said
    assert said.isprintable()


def use(credential: Credential) -> None:
    """Whatever a handshake asks of a credential."""
    assert credential.certificate_message_bytes
    credential.matches("server.test")
    credential.fits_request((), ())
    credential.is_verified_with(())
    assert repr(credential)
    assert credential.issuers is not None


@settings(max_examples=40)
@given(st.data())
def test_damaged_certificates_and_keys_make_a_credential_or_a_sentence(data: st.DataObject) -> None:
    issued = pki.server(data.draw(st.sampled_from(KINDS)))
    chain = list(issued.chain_der)
    which = data.draw(st.integers(0, len(chain) - 1))
    chain[which] = data.draw(damaged(chain[which]))
    pem = b"".join(armour(der, "CERTIFICATE") for der in chain)
    in_words(lambda: use(Credential.from_objects(chain, None)))
    in_words(lambda: use(Credential.from_objects(chain, issued.private_key)))
    in_words(lambda: use(Credential.from_pem(pem, issued.key_pem)))
    key = armour(data.draw(damaged(unarmour(issued.key_pem))), "PRIVATE KEY")
    in_words(lambda: use(Credential.from_pem(issued.chain_pem, key, data.draw(st.sampled_from([None, b"x"])))))
    in_words(lambda: use(Credential.from_pem(data.draw(damaged(pem)), data.draw(damaged(issued.key_pem)))))


@given(st.data())
def test_damaged_pkcs12_makes_a_credential_or_a_sentence(data: st.DataObject) -> None:
    issued = pki.server()
    good = pkcs12.serialize_key_and_certificates(
        b"", issued.private_key, issued.leaf, issued.certificates[1:], NoEncryption()
    )
    in_words(lambda: use(Credential.from_pkcs12(data.draw(damaged(good)))))


@given(st.data())
def test_damaged_roots_and_pins_make_a_verifier_or_a_sentence(data: st.DataObject) -> None:
    root = data.draw(damaged(pki.root().der))
    peer = PeerChain(pki.server().chain_der, "server", pki.NAME, pki.NOW.timestamp())
    in_words(lambda: X509Verifier(TrustStore.from_certificates(root)).verify(peer))
    in_words(lambda: X509Verifier(TrustStore.from_pem(armour(root, "CERTIFICATE") + pki.root().pem)).verify(peer))
    in_words(lambda: PinnedVerifier(root).verify(peer))
    in_words(lambda: PinnedVerifier(data.draw(damaged(pki.root().pem))).verify(peer))


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80)), st.one_of(st.none(), st.binary(max_size=8), st.text()))
def test_any_bytes_and_any_text_make_a_sentence(given_: bytes | str, password: bytes | str | None) -> None:
    for act in (
        lambda: Credential.from_pem(given_, given_, password),
        lambda: Credential.from_pem(pki.server().chain_pem, given_, password),
        lambda: Credential.from_objects(given_, None),
        lambda: TrustStore.from_pem(given_),
        lambda: TrustStore.from_certificates(given_),
        lambda: PinnedVerifier(given_),
    ):
        in_words(act)
    if isinstance(given_, bytes):
        in_words(lambda: Credential.from_pkcs12(given_, password))


@pytest.mark.parametrize("name", ["chain", "key"])
def test_a_file_of_any_bytes_makes_a_sentence(name: str, tmp_path: Path) -> None:
    chain, key = pki.server().write(tmp_path)
    {"chain": chain, "key": key}[name].write_bytes(bytes(range(256)))
    with pytest.raises(UsageError):
        Credential.from_pem_files(chain, key)


@given(st.data())
def test_a_peers_damaged_certificates_are_verified_or_refused_in_words(data: st.DataObject) -> None:
    chain = list(pki.server(data.draw(st.sampled_from(KINDS))).chain_der)
    which = data.draw(st.integers(0, len(chain) - 1))
    chain[which] = data.draw(damaged(chain[which]))
    peer = PeerChain(tuple(chain), "server", pki.NAME, pki.NOW.timestamp())
    store = TrustStore.from_pem(pki.root().pem)
    for verify in (
        X509Verifier(store).verify,
        X509Verifier(store, strict=False).verify,
        PinnedVerifier(b"x" * 32).verify,
    ):
        in_words(lambda verify=verify: verify(peer))  # type: ignore[misc]
    in_words(lambda: peer.embedded_scts)
    in_words(lambda: peer.leaf_key)
