"""Pins in the forms of other programs: each is told apart, and the remedy is what to type."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from tests import pki
from tls12.errors import NotPinned, UsageError
from tls12.trust.peer import PeerChain
from tls12.trust.verifier import PinnedVerifier, spki_sha256

NOW = pki.NOW.timestamp()
DIGEST = spki_sha256(pki.server().leaf)
BASE64 = base64.b64encode(DIGEST).decode()
PEER = PeerChain(pki.server().chain_der, "server", pki.NAME, NOW)


def typed(remedy: str) -> PinnedVerifier:
    """What a remedy says to type."""
    expression = remedy[remedy.index("PinnedVerifier(") :]
    verifier = eval(expression, {"PinnedVerifier": PinnedVerifier})
    assert isinstance(verifier, PinnedVerifier)
    return verifier


@pytest.mark.parametrize(
    "pin",
    [
        f"sha256/{BASE64}", f"sha256//{BASE64}", f'pin-sha256="{BASE64}"', BASE64, BASE64.rstrip("="),
        DIGEST.hex(), DIGEST.hex().upper(), DIGEST.hex(":"), DIGEST.hex(" "), f"SHA256:{DIGEST.hex()}",
        DIGEST.hex().encode(), f"sha256//{BASE64}".encode(), f" {DIGEST.hex()}\n",
    ],
    ids=[
        "curl, one slash", "curl", "HPKP", "base64", "base64 without padding", "hexadecimal", "capitals", "colons",
        "spaces", "named hexadecimal", "hexadecimal bytes", "bytes of curl", "hexadecimal line",
    ],
)  # fmt: skip
def test_a_digest_as_text_is_refused_with_the_expression_that_pins_it(pin: str | bytes) -> None:
    with pytest.raises(UsageError, match="pin 2 is neither DER nor PEM: it looks like a digest, ") as caught:
        PinnedVerifier(DIGEST, pin)
    assert typed(caught.value.remedy).verify(PEER) == ()


@pytest.mark.parametrize("digest", [b"\xff" * 32, b"\xfc" + bytes(31), bytes(32), b"\xff\xf0" + bytes(30)])
@pytest.mark.parametrize("prefix", ["sha256/", "sha256//", "", "SHA256:", 'pin-sha256="'])
def test_a_digest_that_begins_with_slashes_is_read_whole(prefix: str, digest: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        PinnedVerifier(prefix + base64.b64encode(digest).decode())
    assert digest.hex() in caught.value.remedy


@pytest.mark.parametrize(
    "pin", ["sha256/abc", "sha256/" + BASE64[:-2], "sha256//!" + BASE64], ids=["short", "cut off", "with a mark"]
)
def test_a_digest_that_is_cut_off_is_no_pin(pin: str) -> None:
    with pytest.raises(UsageError, match=r"pin 1 .*PinnedVerifier takes the 32 bytes of the SHA-256 digest of a key"):
        PinnedVerifier(pin)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha224", "sha384", "sha512"])
def test_a_digest_of_another_hash_is_told_by_its_length(name: str) -> None:
    digest = hashlib.new(name, b"").digest()
    with pytest.raises(UsageError, match=f"pin 1 .*{len(digest)} bytes, as of {name[:3].upper()}"):
        PinnedVerifier(digest)
    with pytest.raises(UsageError, match=f"{len(digest)} bytes in hexadecimal" if len(digest) >= 20 else "DER nor PEM"):
        PinnedVerifier(digest.hex())


@pytest.mark.parametrize("pin", [5, None, "", b"", "a-file.pem", [b"x"]])
def test_what_is_no_digest_at_all_is_no_certificate_either(pin: Any) -> None:
    with pytest.raises(UsageError, match="pin 1 is neither DER nor PEM"):
        PinnedVerifier(pin)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_digest_in_any_buffer_is_a_pin(kind: Any) -> None:
    assert PinnedVerifier(kind(DIGEST)).fingerprint == PinnedVerifier(DIGEST).fingerprint


def test_the_digest_of_the_certificate_is_told_from_that_of_its_key() -> None:
    digest = pki.server().leaf.fingerprint(hashes.SHA256())
    with pytest.raises(NotPinned, match="what is pinned is the digest of the server's certificate CN=server") as caught:
        PinnedVerifier(digest).verify(PEER)
    assert typed(caught.value.remedy).verify(PEER) == ()


def test_a_pinned_ca_is_said_to_pin_nothing_below_it() -> None:
    with pytest.raises(NotPinned, match=r"a certificate above it is, which pins nothing below it.*X509Verifier"):
        PinnedVerifier(pki.intermediate().certificate).verify(PEER)
