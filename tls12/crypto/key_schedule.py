"""From the premaster secret to every key: master secret, key block, Finished, exporters.

How it works: each step is one call of the PRF with its own label, so that no output can be taken for another. The
functions take the PRF with the secret already in it, as the configuration's provider makes it (`make_prf`).

    premaster --"master secret", both randoms---------+
    premaster --"extended master secret", session hash-+--> master, 48 bytes
    master ----"key expansion", server + client random--> key block: MAC keys, keys, IVs of both directions
    master ----"client finished" / "server finished", transcript hash--> 12 bytes of verify_data
    master ----a caller's label, both randoms, context--> exported keying material

In the key expansion alone the server's random comes first (RFC 5246 6.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from tls12.crypto.prf import Prf
from tls12.crypto.suites import Suite
from tls12.errors import UsageError
from tls12.registry import ConnectionEnd

MASTER_SECRET_LENGTH = 48
VERIFY_DATA_LENGTH = 12

MASTER_SECRET, EXTENDED_MASTER_SECRET, KEY_EXPANSION = b"master secret", b"extended master secret", b"key expansion"
FINISHED = {ConnectionEnd.CLIENT: b"client finished", ConnectionEnd.SERVER: b"server finished"}
"""The labels (RFC 5246 8.1, 6.3 and 7.4.9, RFC 7627 4)."""

_RESERVED = (*FINISHED.values(), MASTER_SECRET, KEY_EXPANSION, EXTENDED_MASTER_SECRET)


@dataclass(slots=True)
class DirectionKeys:
    """What protects the records of one sender (RFC 5246 6.3); never shown, never pickled."""

    mac_key: bytes = field(repr=False)
    """Of the record HMAC; empty for an AEAD."""
    key: bytes = field(repr=False)
    """Of the cipher; empty for NULL."""
    iv: bytes = field(repr=False)
    """The implicit part of an AEAD's nonce; empty for the others."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("record keys are not pickled")


@dataclass(slots=True)
class KeyBlock:
    """The key block, cut up."""

    client: DirectionKeys
    """What the client writes with."""
    server: DirectionKeys
    """What the server writes with."""

    def to_bytes(self) -> bytes:
        """All of it, in the order of RFC 5246 6.3."""
        client, server = self.client, self.server
        return b"".join((client.mac_key, server.mac_key, client.key, server.key, client.iv, server.iv))


def master_secret(prf: Prf, client_random: bytes, server_random: bytes) -> bytes:
    """The 48-byte master secret; `prf` has the premaster secret (RFC 5246 8.1)."""
    return prf(MASTER_SECRET, client_random + server_random, MASTER_SECRET_LENGTH)


def extended_master_secret(prf: Prf, session_hash: bytes) -> bytes:
    """The 48-byte master secret of RFC 7627 4; `prf` has the premaster secret.

    `session_hash` covers the messages up to and including ClientKeyExchange, so the secret belongs to this
    one handshake and cannot be made equal on two connections.
    """
    return prf(EXTENDED_MASTER_SECRET, session_hash, MASTER_SECRET_LENGTH)


def key_block(suite: Suite, prf: Prf, client_random: bytes, server_random: bytes) -> KeyBlock:
    """The keys of both directions; `prf` has the master secret (RFC 5246 6.3)."""
    mac, key, iv = suite.mac_length, suite.cipher.key_length, suite.cipher.fixed_iv_length
    block = prf(KEY_EXPANSION, server_random + client_random, 2 * (mac + key + iv))
    keys, ivs = 2 * mac, 2 * (mac + key)
    return KeyBlock(
        DirectionKeys(block[:mac], block[keys : keys + key], block[ivs : ivs + iv]),
        DirectionKeys(block[mac:keys], block[keys + key : ivs], block[ivs + iv :]),
    )


def verify_data(prf: Prf, sender: ConnectionEnd, transcript_hash: bytes, length: int = VERIFY_DATA_LENGTH) -> bytes:
    """What the Finished of `sender` says; `prf` has the master secret (RFC 5246 7.4.9)."""
    return prf(FINISHED[sender], transcript_hash, length)


def export_keying_material(
    prf: Prf, label: bytes, client_random: bytes, server_random: bytes, context: bytes | None, length: int
) -> bytes:
    """Keys for the application; `prf` has the master secret (RFC 5705 4).

    No context (None) and an empty one (b"") give different keys.

    Raises UsageError for a context above 65,535 bytes, and for a label that TLS uses itself, also when only
    label and client random together spell it: the randoms follow the label without a separator.
    """
    if (label + client_random).startswith(_RESERVED):
        raise UsageError(f"the exporter label {label!r} would collide with TLS's own", rule="RFC 5705 4")
    seed = client_random + server_random
    if context is not None:
        if len(context) > 0xFFFF:
            raise UsageError("an exporter context has at most 65,535 bytes", rule="RFC 5705 4")
        seed += len(context).to_bytes(2) + context
    return prf(label, seed, length)
