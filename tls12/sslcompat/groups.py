"""The groups that a context is given: curves by OpenSSL's names, and Diffie-Hellman parameters in a file.

How it works: a server of this library uses the finite-field groups of RFC 7919 only, so the parameters in a file are
compared with the encoding of each.
"""

from __future__ import annotations

import binascii
import re

from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.crypto.groups import EC_GROUPS
from tls12.registry import NamedGroup
from tls12.registry.spellings import find_by_name
from tls12.trust.der import content_start


def curve(name: str) -> NamedGroup | None:
    """The curve that OpenSSL, IANA or NIST calls so, or None if this library cannot compute it."""
    try:
        group = find_by_name(NamedGroup, name)
    except ValueError:
        return None
    return group if group in EC_GROUPS else None


def is_curve(group: NamedGroup) -> bool:
    """Whether it is none of the finite-field groups (RFC 7919)."""
    return not 0x100 <= group < 0x200


def dh_group(pem: bytes) -> NamedGroup | None:
    """The group of RFC 7919 that the parameters in a file are (PKCS #3: p, g, perhaps a length), or None."""
    found = re.search(rb"-----BEGIN DH PARAMETERS-----(.+?)-----END DH PARAMETERS-----", pem, re.DOTALL)
    if found is None:
        return None
    parameters = binascii.a2b_base64(found[1])
    content = parameters[content_start(parameters, 0) :]
    for group, prime in FFDHE_PRIMES.items():
        size = prime.bit_length() // 8 + 1  # its highest bit is set, so a zero byte goes before
        if content.startswith(b"\x02\x82" + size.to_bytes(2) + prime.to_bytes(size) + b"\x02\x01\x02"):
            return group
    return None
