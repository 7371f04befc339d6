"""The cipher suites that can be computed, one row each.

How it works: the name of a TLS 1.2 suite is its specification. The words of `TLS_<key exchange>_WITH_<cipher>_<hash>`
are looked up in three small tables: what the key exchange is and who signs it, what the cipher needs, which hash
belongs to it. A suite is supported if all its words are in the tables. A word is missing there if it cannot be computed
(ARIA, Camellia-GCM, GOST) or is not worth it (static (EC)DH, SEED, IDEA, DES, SRP, KRB5, export).

What the last word means depends on the cipher. With CBC, stream and NULL ciphers it is the hash of the
record's HMAC, and the PRF uses SHA-256 unless the word is SHA384 (RFC 5246 5, RFC 5289 3.1, RFC 5487 3). With
an AEAD there is no HMAC, and the word, if there is one, is the hash of the PRF (RFC 5288, 6655, 7905).

A suite is `lab_only` when its key exchange is unauthenticated or rests on DSA, or when its cipher is NULL,
RC4 or 3DES. Policies other than `tls12.lab.policy()` cannot name such a suite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from tls12.crypto.hashes import HASHES
from tls12.registry import CipherSuite
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx


class Authentication(Enum):
    """How the peers authenticate: by a kind of certificate key, by a pre-shared key alone, or not (RFC 5246 A.5)."""

    ECDSA = "ECDSA"
    """An ECDSA key, and Ed25519 and Ed448 likewise (RFC 8422 2.1)."""
    RSA = "RSA"
    """An RSA key: it signs for DHE and ECDHE, it decrypts for RSA and RSA_PSK."""
    DSS = "DSS"
    PSK = "PSK"
    """The pre-shared key alone (RFC 4279 2, 3; RFC 5489)."""
    ANON = "anon"

    __hash__ = object.__hash__  # Enum's own is a Python function, and tables are indexed by these


class CipherKind(Enum):
    """How a record is protected (RFC 5246 6.2.3)."""

    AEAD = "AEAD"
    CBC = "CBC"
    STREAM = "STREAM"
    NULL = "NULL"


@dataclass(frozen=True, slots=True)
class BulkCipher:
    """What a bulk cipher needs (the SecurityParameters of RFC 5246 6.1); lengths in bytes."""

    name: str
    """IANA's name for it: "AES_128_GCM"."""
    kind: CipherKind
    key_length: int
    """enc_key_length: of each direction's key in the key block."""
    fixed_iv_length: int
    """Of each direction's IV in the key block: an AEAD's implicit nonce; CBC takes none in TLS 1.2."""
    record_iv_length: int
    """Of the nonce or IV that travels in each record."""
    tag_length: int
    """Of an AEAD's tag; 0 for the others."""
    block_length: int
    """Of a CBC cipher's block; 0 for the others."""
    lab_only: bool = False


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Suite:
    """What one cipher suite stands for; there is one object for each."""

    suite: CipherSuite
    """Its code point, and so its name."""
    key_exchange: Kx
    authentication: Authentication
    cipher: BulkCipher
    mac: str | None
    """hashlib's name of the record HMAC's hash ("md5", "sha1", "sha256", "sha384"); None for an AEAD."""
    prf_hash: str
    """hashlib's name of the hash of PRF, Finished and session hash: "sha256" or "sha384"."""
    lab_only: bool

    mac_length: int
    """Of the record HMAC and of its key in the key block (RFC 5246 C), in bytes; 0 for an AEAD."""
    is_aead: bool
    """Whether one operation encrypts and authenticates (RFC 5246 6.2.3.3)."""
    is_cbc: bool
    """Whether it is a block cipher in CBC mode (RFC 5246 6.2.3.2), where encrypt-then-MAC matters."""
    is_ecdhe: bool
    """Whether it needs an elliptic curve (RFC 8422 2): supported_groups and ec_point_formats apply."""
    is_dhe: bool
    """Whether it needs a finite-field group (RFC 7919)."""
    is_ephemeral: bool
    """Whether each handshake has keys of its own, which gives forward secrecy; it always has a ServerKeyExchange."""
    is_signed: bool
    """Whether the ServerKeyExchange carries a signature (RFC 5246 7.4.3)."""
    encrypts_premaster: bool
    """Whether the client encrypts the premaster to an RSA key (RFC 5246 7.4.7.1, RFC 4279 4)."""
    uses_certificate: bool
    """Whether the server sends a Certificate (RFC 5246 7.4.2, RFC 4279 4)."""
    uses_psk: bool
    """Whether both sides need a pre-shared key (RFC 4279)."""

    def __reduce__(self) -> tuple[Callable[[CipherSuite], Suite], tuple[CipherSuite]]:
        return suite_of, (self.suite,)


# The word between TLS_ and _WITH_: the algorithm, who authenticates, whether it is for the laboratory.
_KEY_EXCHANGES: Mapping[str, tuple[Kx, Authentication, bool]] = {
    "RSA": (Kx.RSA, Authentication.RSA, False),
    "DHE_RSA": (Kx.DHE, Authentication.RSA, False),
    "DHE_DSS": (Kx.DHE, Authentication.DSS, True),
    "ECDHE_RSA": (Kx.ECDHE, Authentication.RSA, False),
    "ECDHE_ECDSA": (Kx.ECDHE, Authentication.ECDSA, False),
    "PSK": (Kx.PSK, Authentication.PSK, False),
    "DHE_PSK": (Kx.DHE_PSK, Authentication.PSK, False),
    "PSK_DHE": (Kx.DHE_PSK, Authentication.PSK, False),  # how RFC 6655 6.2 spells two of them
    "ECDHE_PSK": (Kx.ECDHE_PSK, Authentication.PSK, False),
    "RSA_PSK": (Kx.RSA_PSK, Authentication.RSA, False),
    "DH_ANON": (Kx.DH_ANON, Authentication.ANON, True),
    "ECDH_ANON": (Kx.ECDH_ANON, Authentication.ANON, True),
}


def _aead(name: str, key: int, fixed: int, explicit: int, tag: int) -> BulkCipher:
    return BulkCipher(name, CipherKind.AEAD, key, fixed, explicit, tag, 0)


def _cbc(name: str, key: int, block: int, *, lab_only: bool = False) -> BulkCipher:
    return BulkCipher(name, CipherKind.CBC, key, 0, block, 0, block, lab_only)


CIPHERS: Mapping[str, BulkCipher] = MappingProxyType(
    {
        cipher.name: cipher
        for cipher in (
            #                    key fixed explicit tag
            _aead("AES_128_GCM", 16, 4, 8, 16),  # RFC 5288 3
            _aead("AES_256_GCM", 32, 4, 8, 16),
            _aead("AES_128_CCM", 16, 4, 8, 16),  # RFC 6655 3
            _aead("AES_256_CCM", 32, 4, 8, 16),
            _aead("AES_128_CCM_8", 16, 4, 8, 8),
            _aead("AES_256_CCM_8", 32, 4, 8, 8),
            _aead("CHACHA20_POLY1305", 32, 12, 0, 16),  # RFC 7905 2
            #                   key block
            _cbc("AES_128_CBC", 16, 16),  # RFC 5246 C
            _cbc("AES_256_CBC", 32, 16),
            _cbc("CAMELLIA_128_CBC", 16, 16),  # RFC 5932, RFC 6367
            _cbc("CAMELLIA_256_CBC", 32, 16),
            _cbc("3DES_EDE_CBC", 24, 8, lab_only=True),
            BulkCipher("RC4_128", CipherKind.STREAM, 16, 0, 0, 0, 0, lab_only=True),
            BulkCipher("NULL", CipherKind.NULL, 0, 0, 0, 0, 0, lab_only=True),
        )
    }
)
"""Every bulk cipher by IANA's name."""

# hashlib's name by the last word of a suite.
_HASH_NAMES = {row.word: row.name for row in HASHES.values() if row.word}


def _row(suite: CipherSuite) -> Suite | None:
    """Read a suite's name; None when one of its words is not in the tables."""
    exchange, _, words = suite.name.removeprefix("TLS_").partition("_WITH_")
    name, _, word = words.rpartition("_")
    if word not in _HASH_NAMES:  # a CCM suite of RFC 6655 or 7251 ends with its cipher: SHA-256 by RFC 5246 5
        name, word = words, "SHA256"
    cipher = CIPHERS.get(name)
    if cipher is None or exchange not in _KEY_EXCHANGES:
        return None
    kx, authentication, lab_only = _KEY_EXCHANGES[exchange]
    is_aead = cipher.kind is CipherKind.AEAD
    mac = None if is_aead else _HASH_NAMES[word]
    is_ecdhe = kx in (Kx.ECDHE, Kx.ECDHE_PSK, Kx.ECDH_ANON)
    is_dhe = kx in (Kx.DHE, Kx.DHE_PSK, Kx.DH_ANON)
    return Suite(
        suite=suite,
        key_exchange=kx,
        authentication=authentication,
        cipher=cipher,
        mac=mac,
        prf_hash="sha384" if word == "SHA384" else "sha256",
        lab_only=lab_only or cipher.lab_only,
        mac_length=HASHES[mac].length if mac else 0,
        is_aead=is_aead,
        is_cbc=cipher.kind is CipherKind.CBC,
        is_ecdhe=is_ecdhe,
        is_dhe=is_dhe,
        is_ephemeral=is_ecdhe or is_dhe,
        is_signed=kx in (Kx.DHE, Kx.ECDHE),
        encrypts_premaster=kx in (Kx.RSA, Kx.RSA_PSK),
        uses_certificate=authentication in (Authentication.ECDSA, Authentication.RSA, Authentication.DSS),
        uses_psk=kx in (Kx.PSK, Kx.DHE_PSK, Kx.ECDHE_PSK, Kx.RSA_PSK),
    )


SUITES: Mapping[CipherSuite, Suite] = MappingProxyType(
    {row.suite: row for row in map(_row, CipherSuite) if row is not None}
)
"""Every suite that can be computed, in the order of the code points."""


def suite_of(suite: CipherSuite) -> Suite:
    """The row of a suite; copies and pickles of a row are it again. Raises KeyError for a suite without a row."""
    return SUITES[suite]
