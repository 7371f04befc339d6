"""Sessions: what two peers keep from one handshake to shorten the next (RFC 5246 F.1.4, RFC 5077).

How it works: a `Session` is a frozen value. It has what a resumption continues (the `Terms` and the `PeerIdentity` of
the handshake that made it, and its master secret) and what it is bound to (application protocols, policy, trust, our
own identity): it is resumed only where all of that still holds; docs/security.md lists it. What it is bound to is kept
as fingerprints, compared by value, so that a session also resumes in another process. `expiry` computes its end.

`to_bytes` and `from_bytes` are one versioned format: a magic, a version, the numbers, and the bytes each after its
length. `from_bytes` reads the version that `to_bytes` of the same release writes, and no other. Pickle is not used, so
bytes from a store or a ticket cannot run code. The bytes CONTAIN THE MASTER SECRET in the clear: keep them like a key
(tickets are sealed, see `tickets`).
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NoReturn

from tls12.agreement import PeerIdentity, Terms
from tls12.errors import DecodeError, EncodeError
from tls12.given import require
from tls12.registry import CipherSuite
from tls12.secrecy import keeps_secrets
from tls12.trust.peer import validity

MAGIC = b"tls12 session"
FORMAT_VERSION = 2
"""Of the format of `to_bytes`. `from_bytes` refuses every other with `DecodeError`; for a session out of a store or a
ticket that is a miss, and a full handshake follows."""

_HEAD = struct.Struct(">13sBHBHIdd4H")
_LENGTH = struct.Struct(">I")

UNSPECIFIED_LIFETIME = 86_400
"""Seconds that a session lives when the server names no lifetime (RFC 5246 F.1.4)."""
MAXIMUM_LIFETIME = 7 * 86_400
"""Seconds that a session lives at most, whatever the server says (as in RFC 8446 4.6.1; 1.2 has no rule)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is kept of a handshake. `repr` hides the secret, and pickling is refused; use `to_bytes`."""

    terms: Terms
    """What the hellos settled, as far as a resumption continues it."""
    peer: PeerIdentity
    """Who the peer was, and what it showed for it."""
    session_id: bytes = field(repr=False)
    """The id under which the server knows it; empty when it lives in a ticket only."""
    master_secret: bytes = field(repr=False)
    created: float
    """When the original handshake ended, in seconds since 1970."""
    expires: float
    """When it must not be resumed any more, in seconds since 1970."""
    ticket: bytes = field(default=b"", repr=False)
    """The server's ticket (RFC 5077), as a client keeps it."""
    ticket_lifetime: int = 0
    """Seconds for which the server said that it accepts the session; 0 is unspecified (RFC 5077 3.3)."""
    alpn_protocols: tuple[str, ...] = ()
    """The application protocols of our own configuration at that time."""
    trust: bytes = b""
    """How the peer was verified: the verifier's fingerprint, and what else decides that, our role included."""
    policy: bytes = b""
    """The fingerprint of the policy under which it was made."""
    identity: bytes = b""
    """Who we were, as digests: a client's credentials and PSK identity, the key and the names of a server's
    certificate."""
    psk_digest: bytes = field(default=b"", repr=False)
    """What `digest_psk` makes of the pre-shared key, if one took part; the key itself is not kept."""
    psk_identity_hint: bytes | None = None
    """The hint with which the server asked a client for its PSK (RFC 4279 2)."""
    end_point: bytes | None = field(default=None, repr=False)
    """Kept by a server: the hash of the certificate that it showed (RFC 5929 4.1), empty where none is defined."""

    @property
    def cipher_suite(self) -> CipherSuite:
        """The cipher suite, which a resumption keeps."""
        return self.terms.cipher_suite

    @property
    def extended_master_secret(self) -> bool:
        """Whether the master secret was made with RFC 7627; a resumption must then use it too (5.3)."""
        return self.terms.extended_master_secret

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether the original handshake agreed on RFC 7366."""
        return self.terms.encrypt_then_mac

    @property
    def server_name(self) -> str | None:
        """The name that the client asked for; the session is good for no other."""
        return self.terms.server_name

    @property
    def alpn_protocol(self) -> str | None:
        """The application protocol that was chosen."""
        return self.terms.alpn_protocol

    @property
    def max_fragment_length(self) -> int | None:
        """The code of RFC 6066 4, which applies to resumptions too."""
        return self.terms.max_fragment_length

    @property
    def peer_certificates(self) -> tuple[bytes, ...]:
        """The peer's certificates as sent, DER, leaf first."""
        return self.peer.certificates

    @property
    def verified_chain(self) -> tuple[bytes, ...]:
        """The chain that the verifier built, DER, leaf to root."""
        return self.peer.verified_chain

    @property
    def psk_identity(self) -> bytes | None:
        """The pre-shared key's identity, if one took part (RFC 4279)."""
        return self.peer.psk_identity

    @property
    def ocsp_response(self) -> bytes | None:
        """The OCSP response that was stapled in the original handshake, DER."""
        return self.peer.ocsp_response

    @property
    def scts(self) -> tuple[bytes, ...]:
        """The signed certificate timestamps of the original handshake."""
        return self.peer.scts

    def is_fresh(self, now: float) -> bool:
        """Whether it may be resumed at `now`. One from the future may not: a clock was wrong."""
        return self.created <= now < self.expires

    def to_bytes(self) -> bytes:
        """The session as bytes, MASTER SECRET INCLUDED, for `from_bytes` of a release with the same `FORMAT_VERSION`.

        Raises `EncodeError` for numbers that do not fit.
        """
        terms, peer = self.terms, self.peer
        optional = (
            _encoded(terms.server_name),
            _encoded(terms.alpn_protocol),
            peer.psk_identity,
            peer.ocsp_response,
            self.psk_identity_hint,
            self.end_point,
        )
        lists = (_encoded_all(self.alpn_protocols), peer.certificates, peer.verified_chain, peer.scts)
        flags = terms.extended_master_secret | terms.encrypt_then_mac << 1
        for bit, value in enumerate(optional, 2):
            flags |= (value is not None) << bit
        try:
            head = _HEAD.pack(
                MAGIC,
                FORMAT_VERSION,
                flags,
                terms.max_fragment_length or 0,
                terms.cipher_suite,
                self.ticket_lifetime,
                self.created,
                self.expires,
                *map(len, lists),
            )
        except struct.error as error:
            raise EncodeError(f"a session with a number that does not fit: {error}") from error
        always = (
            self.session_id,
            self.ticket,
            self.master_secret,
            self.trust,
            self.policy,
            self.identity,
            self.psk_digest,
        )
        parts = [head]
        for item in chain(always, (value for value in optional if value is not None), *lists):
            parts += (_LENGTH.pack(len(item)), item)
        return b"".join(parts)

    @classmethod
    @keeps_secrets
    def from_bytes(cls, data: bytes) -> Session:
        """The session of `to_bytes`. Raises `DecodeError` for anything else, every other `FORMAT_VERSION` included."""
        require("data", data, bytes | bytearray | memoryview, "the bytes of to_bytes()")
        data = bytes(data)
        if data[: len(MAGIC)] != MAGIC or len(data) < _HEAD.size:
            raise DecodeError("not a session of tls12, or not a whole one", path="session")
        _, version, flags, fragment, suite, lifetime, created, expires, *counts = _HEAD.unpack_from(data)
        if version != FORMAT_VERSION:
            raise DecodeError(f"version {version}, and this release reads {FORMAT_VERSION}", path="session.version")
        if flags >> 8 or created != created or expires != expires:
            raise DecodeError("unknown flags, or a time that is not a number", path="session")
        items = _items(data, _HEAD.size)
        if len(items) != 7 + (flags >> 2).bit_count() + sum(counts):
            raise DecodeError(f"{len(items)} items are not what the head announces", path="session")
        item = iter(items)
        session_id, ticket, master_secret, trust, policy, identity, psk_digest = islice(item, 7)
        try:
            server_name = next(item).decode() if flags & 4 else None
            alpn_protocol = next(item).decode() if flags & 8 else None
            psk_identity = next(item) if flags & 16 else None
            ocsp_response = next(item) if flags & 32 else None
            psk_identity_hint = next(item) if flags & 64 else None
            end_point = next(item) if flags & 128 else None
            alpn_protocols = tuple(name.decode() for name in islice(item, counts[0]))
        except UnicodeDecodeError as error:
            raise DecodeError("a name that is not UTF-8", path="session") from error
        certificates, verified_chain, scts = (tuple(islice(item, count)) for count in counts[1:])
        return cls(
            terms=Terms(
                cipher_suite=CipherSuite.of(suite),
                extended_master_secret=bool(flags & 1),
                encrypt_then_mac=bool(flags & 2),
                server_name=server_name,
                alpn_protocol=alpn_protocol,
                max_fragment_length=fragment or None,
            ),
            peer=PeerIdentity(
                certificates=certificates,
                verified_chain=verified_chain,
                ocsp_response=ocsp_response,
                scts=scts,
                psk_identity=psk_identity,
            ),
            session_id=session_id,
            master_secret=master_secret,
            created=created,
            expires=expires,
            ticket=ticket,
            ticket_lifetime=lifetime,
            alpn_protocols=alpn_protocols,
            trust=trust,
            policy=policy,
            identity=identity,
            psk_digest=psk_digest,
            psk_identity_hint=psk_identity_hint,
            end_point=end_point,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session holds a secret and cannot be pickled; use to_bytes()")


def expiry(created: float, ticket_lifetime: int, verified_chain: tuple[bytes, ...]) -> float:
    """When a session ends: with the lifetime that the server granted, or earlier with the verified chain."""
    lifetime = min(ticket_lifetime or UNSPECIFIED_LIFETIME, MAXIMUM_LIFETIME)
    return min(created + lifetime, validity(verified_chain)[1])


def digest_psk(master_secret: bytes, identity: bytes, key: bytes) -> bytes:
    """What a session keeps of a pre-shared key: enough to recognise the key, and not the key itself.

    HMAC-SHA-256 under the session's own master secret, so that the digests of two sessions do not show that they were
    made with the same key.
    """
    return hmac.digest(master_secret, b"tls12 psk" + len(identity).to_bytes(2) + identity + key, "sha256")


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _encoded_all(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


def _items(data: bytes, pos: int) -> list[bytes]:
    """The items from `pos` to the end of the data, each of which follows its length."""
    items: list[bytes] = []
    start, end, size, unpack = pos, len(data), _LENGTH.size, _LENGTH.unpack_from
    try:
        while pos < end:
            start = pos + size
            pos = start + unpack(data, pos)[0]
            items.append(data[start:pos])
    except struct.error:
        raise DecodeError("the end of the data is in a length", path="session", offset=pos) from None
    if pos > end:
        raise DecodeError("an item is longer than the data", path="session", offset=start)
    return items
