"""Digests in the forms that other programs write: `PinnedVerifier` refuses them and says what to give instead.

How it works: a pin of `PinnedVerifier` is 32 bytes. Other programs write the same digest as text: HPKP and curl in
base64 after "sha256/" or "sha256//" (RFC 7469 2.1), browsers and OpenSSL in hexadecimal, with colons or without. The
digest of HPKP and curl is always that of a key, but a browser's fingerprint is that of the certificate. Text does not
say which it is, so it is refused, and the error says what to give.
"""

from __future__ import annotations

import base64
import binascii
import re

from tls12.errors import UsageError

_PREFIX = re.compile(r"(?:pin-)?sha-?256(?=[/=:])[=:\s\"]*", re.IGNORECASE)
_HEX_DIGEST = re.compile(r"(?:[0-9A-Fa-f]{2}[: ]?){20,64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
_DIGEST_SIZES = {16: "MD5", 20: "SHA-1", 28: "SHA-224", 48: "SHA-384", 64: "SHA-512"}


def refuse_digest(pin: object, what: str) -> None:
    """Raises `UsageError` for a digest in another form than 32 bytes; `what` is the argument. Others pass."""
    octets = bytes(pin) if isinstance(pin, bytes | bytearray | memoryview) else None
    text = octets.decode("latin-1") if octets is not None else pin
    if not isinstance(text, str) or "-----BEGIN" in text:
        return
    text = text.strip()
    prefix = _PREFIX.match(text)
    bare = text[prefix.end() :].rstrip('"; ') if prefix else text
    if _HEX_DIGEST.fullmatch(bare):
        digest = bytes.fromhex(bare.replace(":", "").replace(" ", ""))
        raise _refusal(what, f"{len(digest)} bytes in hexadecimal", digest)
    if prefix or _BASE64.fullmatch(bare):
        # A digest may itself begin with the slash that follows "sha256".
        slashes = ("//", "/") if prefix and prefix.group()[-1] == "6" else ("",)
        forms = [bare[len(one) :] for one in slashes if bare.startswith(one)]
        found = next((digest for digest in map(_decoded, forms) if digest is not None and len(digest) == 32), None)
        raise _refusal(what, "text in base64", found)
    if octets is not None and len(octets) in _DIGEST_SIZES:
        raise _refusal(what, f"{len(octets)} bytes, as of {_DIGEST_SIZES[len(octets)]}", None)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.translate(_URL_SAFE) + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None


_URL_SAFE = str.maketrans("-_", "+/")


def _refusal(what: str, form: str, digest: bytes | None) -> UsageError:
    if digest is None or len(digest) != 32:
        remedy = "PinnedVerifier takes the 32 bytes of the SHA-256 digest of a key; spki_sha256() makes it"
    else:
        remedy = f"if it is the digest of a key, give PinnedVerifier(bytes.fromhex({digest.hex()!r}))"
    return UsageError(f"{what} is neither DER nor PEM: it looks like a digest, {form}", remedy=remedy)
