"""Finding a code point by a name: IANA's, Python's, OpenSSL's or NIST's.

How it works: for each kind of code point there is one dictionary from spellings to members, made at its first use. A
spelling counts without its case and its punctuation, so that "P-256", "p256", "X25519" and "x25519" are all found.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import TypeVar

from tls12.registry.cipher_suites import CipherSuite
from tls12.registry.codepoint import CodePoint
from tls12.registry.groups import NamedGroup
from tls12.registry.openssl_names import OPENSSL_ALIASES
from tls12.registry.signature_schemes import SignatureScheme

K = TypeVar("K", bound=CodePoint)


def find_by_name(kind: type[K], name: str) -> K:
    """The member with this name. Raises ValueError, with the names that are spelled nearly like it."""
    names = _names(kind)
    found = names.get(_plain(name))
    if found is None:
        near = get_close_matches(_plain(name), names, n=3, cutoff=0.75)
        hint = f"; is it {' or '.join(dict.fromkeys(str(names[each]) for each in near))}?" if near else ""
        raise ValueError(f"there is no {_WORDS.get(kind, kind.__name__)} {name[:80]!r}{hint}")
    return kind.of(int(found))


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


@cache
def _names(kind: type[CodePoint]) -> Mapping[str, CodePoint]:
    names = {_plain(spelling): member for member in kind for spelling in (str(member), member.name)}
    if kind is CipherSuite:
        names |= {_plain(suite.openssl_name): suite for suite in CipherSuite if suite.openssl_name}
        names |= {_plain(alias): names[_plain(name)] for alias, name in OPENSSL_ALIASES.items()}
    return names | {_plain(alias): member for alias, member in _ALIASES.get(kind, {}).items()}


_WORDS: Mapping[type[CodePoint], str] = {
    CipherSuite: "cipher suite",
    NamedGroup: "group",
    SignatureScheme: "signature scheme",
}
_HASHES = ("SHA256", "SHA384", "SHA512")
_ALIASES: Mapping[type[CodePoint], Mapping[str, CodePoint]] = {
    NamedGroup: {
        "P-192": NamedGroup.SECP192R1,
        "prime192v1": NamedGroup.SECP192R1,
        "P-224": NamedGroup.SECP224R1,
        "P-256": NamedGroup.SECP256R1,
        "prime256v1": NamedGroup.SECP256R1,
        "P-384": NamedGroup.SECP384R1,
        "P-521": NamedGroup.SECP521R1,
    },
    SignatureScheme: {
        "ECDSA+SHA1": SignatureScheme.ECDSA_SHA1,
        "ECDSA+SHA256": SignatureScheme.ECDSA_SECP256R1_SHA256,
        "ECDSA+SHA384": SignatureScheme.ECDSA_SECP384R1_SHA384,
        "ECDSA+SHA512": SignatureScheme.ECDSA_SECP521R1_SHA512,
        "RSA+SHA1": SignatureScheme.RSA_PKCS1_SHA1,
        **{f"RSA+{name}": SignatureScheme[f"RSA_PKCS1_{name}"] for name in _HASHES},
        **{f"RSA-PSS+{name}": SignatureScheme[f"RSA_PSS_RSAE_{name}"] for name in _HASHES},
        **{f"PSS+{name}": SignatureScheme[f"RSA_PSS_RSAE_{name}"] for name in _HASHES},
    },
}
"""The names of OpenSSL and NIST that differ from IANA's."""
