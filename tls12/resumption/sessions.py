"""Sessions: what two peers keep from one handshake to shorten the next (RFC 5246 F.1.4, RFC 5077).

How it works: a `Session` is an immutable value with everything that a resumption continues (suite, master
secret, who the peer was) and everything that it is bound to (name, application protocols, policy, trust,
our own identity): it may only go on where all of that still holds; docs/security.md lists it. What it is bound
to is kept as fingerprints, compared by value, so that a session also resumes in another process. `expires` is
worked out once: the lifetime that the server granted, cut short by the end of the verified chain.

`to_bytes` and `from_bytes` are one versioned format: a magic, a version, the numbers, and the bytes each behind its
length. `from_bytes` reads the version that `to_bytes` of the same release writes, and no other. Never pickle: bytes
from a store or a ticket cannot run anything. The bytes CONTAIN THE MASTER SECRET in the clear: keep them like a key
(tickets are sealed, see `tickets`).
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import field
from itertools import chain, islice
from typing import NoReturn, Protocol

from tls12.errors import DecodeError, EncodeError
from tls12.given import require
from tls12.registry import CipherSuite
from tls12.secrecy import keeps_secrets
from tls12.trust.peer import validity
from tls12.values import read_only

MAGIC = b"tls12 session"
VERSION = 2
"""Of the format of `to_bytes`. `from_bytes` refuses every other with `DecodeError`; for a session out of a store or a
ticket that is a miss, and a full handshake follows."""

_HEAD = struct.Struct(">13sBHBHIdd4H")
_LENGTH = struct.Struct(">I")

UNSPECIFIED_LIFETIME = 86_400
"""Seconds that a session lives when the server names no lifetime (RFC 5246 F.1.4)."""
MAXIMUM_LIFETIME = 7 * 86_400
"""Seconds that a session lives at most, whatever the server says (as in RFC 8446 4.6.1; 1.2 has no rule)."""


class _Facts(Protocol):
    """What `Session.from_handshake` takes from a finished handshake: a part of `Negotiated`."""

    @property
    def cipher_suite(self) -> CipherSuite: ...
    @property
    def extended_master_secret(self) -> bool: ...
    @property
    def encrypt_then_mac(self) -> bool: ...
    @property
    def server_name(self) -> str | None: ...
    @property
    def alpn_protocol(self) -> str | None: ...
    @property
    def peer_certificates(self) -> tuple[bytes, ...]: ...
    @property
    def verified_chain(self) -> tuple[bytes, ...]: ...
    @property
    def ocsp_response(self) -> bytes | None: ...
    @property
    def scts(self) -> tuple[bytes, ...]: ...
    @property
    def psk_identity(self) -> bytes | None: ...


@read_only()
class Session:
    """What is kept of a handshake. `repr` hides the secret, and pickling is refused; use `to_bytes`."""

    session_id: bytes = field(repr=False)
    """The id under which the server knows it; empty when it lives in a ticket only."""
    cipher_suite: CipherSuite
    master_secret: bytes = field(repr=False)
    extended_master_secret: bool
    """Made with RFC 7627; a resumption must then use it too (5.3)."""
    created: float
    """When the original handshake ended, in seconds since 1970."""
    expires: float
    """When it must not be resumed any more."""
    ticket: bytes = field(default=b"", repr=False)
    """The server's ticket (RFC 5077), as a client keeps it."""
    ticket_lifetime: int = 0
    """Seconds for which the server said that it accepts the session; 0 is unspecified (RFC 5077 3.3)."""
    encrypt_then_mac: bool = False
    """RFC 7366."""
    server_name: str | None = None
    """The name that the client asked for; the session is good for no other."""
    alpn_protocol: str | None = None
    """The application protocol that was chosen."""
    alpn_protocols: tuple[str, ...] = ()
    """The application protocols of our own configuration at that time."""
    peer_certificates: tuple[bytes, ...] = field(default=(), repr=False)
    """The peer's certificates as sent, DER, leaf first."""
    verified_chain: tuple[bytes, ...] = field(default=(), repr=False)
    """The chain that the verifier built, DER, leaf to root."""
    trust: bytes = b""
    """How the peer was verified: the verifier's fingerprint, and what else decides that, our role included."""
    policy: bytes = b""
    """The fingerprint of the policy under which it was made."""
    psk_identity: bytes | None = None
    """The pre-shared key's identity, if one took part (RFC 4279)."""
    max_fragment_length: int | None = None
    """The code of RFC 6066 4 that applies to resumptions too."""
    ocsp_response: bytes | None = field(default=None, repr=False)
    """The staple of the original handshake."""
    scts: tuple[bytes, ...] = field(default=(), repr=False)
    """The signed certificate timestamps of the original handshake."""
    identity: bytes = b""
    """Who we were, as digests: a client's credentials and PSK identity, the key and the names of a server's
    certificate."""
    psk_digest: bytes = field(default=b"", repr=False)
    """What `digest_psk` makes of the pre-shared key, if one took part; the key itself is not kept."""
    psk_identity_hint: bytes | None = None
    """The hint with which the server asked a client for its PSK (RFC 4279 2)."""
    end_point: bytes | None = field(default=None, repr=False)
    """Kept by a server: the hash of the certificate that it showed (RFC 5929 4.1), empty where none is defined."""

    @classmethod
    def from_handshake(
        cls,
        negotiated: _Facts,
        *,
        session_id: bytes,
        ticket: bytes,
        ticket_lifetime: int,
        master_secret: bytes,
        alpn_protocols: tuple[str, ...],
        trust: bytes,
        policy: bytes,
        created: float,
        max_fragment_length: int | None = None,
        identity: bytes = b"",
        psk_digest: bytes = b"",
        psk_identity_hint: bytes | None = None,
        end_point: bytes | None = None,
    ) -> Session:
        """The session of a finished handshake; its end is the earlier of the lifetime's and the chain's."""
        lifetime = min(ticket_lifetime or UNSPECIFIED_LIFETIME, MAXIMUM_LIFETIME)
        return cls(  # by position: see tls12/values.py
            session_id,
            negotiated.cipher_suite,
            master_secret,
            negotiated.extended_master_secret,
            created,
            min(created + lifetime, validity(negotiated.verified_chain)[1]),
            ticket,
            ticket_lifetime,
            negotiated.encrypt_then_mac,
            negotiated.server_name,
            negotiated.alpn_protocol,
            alpn_protocols,
            negotiated.peer_certificates,
            negotiated.verified_chain,
            trust,
            policy,
            negotiated.psk_identity,
            max_fragment_length,
            negotiated.ocsp_response,
            negotiated.scts,
            identity,
            psk_digest,
            psk_identity_hint,
            end_point,
        )

    def is_fresh(self, now: float) -> bool:
        """Whether it may be resumed at this time. One from the future may not: somebody's clock is wrong."""
        return self.created <= now < self.expires

    def to_bytes(self) -> bytes:
        """The session as bytes, MASTER SECRET INCLUDED, for `from_bytes` of a release with the same `VERSION`.

        Raises `EncodeError` for numbers that do not fit.
        """
        optional = (
            _encoded(self.server_name),
            _encoded(self.alpn_protocol),
            self.psk_identity,
            self.ocsp_response,
            self.psk_identity_hint,
            self.end_point,
        )
        lists = (_encoded_all(self.alpn_protocols), self.peer_certificates, self.verified_chain, self.scts)
        flags = self.extended_master_secret | self.encrypt_then_mac << 1
        for bit, value in enumerate(optional, 2):
            flags |= (value is not None) << bit
        try:
            head = _HEAD.pack(
                MAGIC,
                VERSION,
                flags,
                self.max_fragment_length or 0,
                self.cipher_suite,
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
        """The session of `to_bytes`. Raises `DecodeError` for anything else, every other `VERSION` included."""
        require("data", data, bytes | bytearray | memoryview, "the bytes of to_bytes()")
        data = bytes(data)
        if data[: len(MAGIC)] != MAGIC or len(data) < _HEAD.size:
            raise DecodeError("not a session of tls12, or not a whole one", path="session")
        _, version, flags, fragment, suite, lifetime, created, expires, *counts = _HEAD.unpack_from(data)
        if version != VERSION:
            raise DecodeError(f"version {version}, and this release reads {VERSION}", path="session.version")
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
            return cls(
                session_id,
                CipherSuite.of(suite),
                master_secret,
                bool(flags & 1),
                created,
                expires,
                ticket,
                lifetime,
                bool(flags & 2),
                server_name,
                alpn_protocol,
                tuple(name.decode() for name in islice(item, counts[0])),
                tuple(islice(item, counts[1])),
                tuple(islice(item, counts[2])),
                trust,
                policy,
                psk_identity,
                fragment or None,
                ocsp_response,
                tuple(islice(item, counts[3])),
                identity,
                psk_digest,
                psk_identity_hint,
                end_point,
            )
        except UnicodeDecodeError as error:
            raise DecodeError("a name that is not UTF-8", path="session") from error

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session holds a secret and cannot be pickled; use to_bytes()")


def digest_psk(master_secret: bytes, identity: bytes, key: bytes) -> bytes:
    """What a session keeps of a pre-shared key: whether a key is still this one, and not which.

    HMAC-SHA-256 under the session's own master secret, so that sessions made with one key cannot be told to be.
    """
    return hmac.digest(master_secret, b"tls12 psk" + len(identity).to_bytes(2) + identity + key, "sha256")


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _encoded_all(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


def _items(data: bytes, pos: int) -> list[bytes]:
    """Length and bytes, again and again up to the end."""
    items: list[bytes] = []
    end = len(data)
    while pos < end:
        start = pos + _LENGTH.size
        if start > end:
            raise DecodeError("the end of the data is in a length", path="session", offset=pos)
        pos = start + _LENGTH.unpack_from(data, pos)[0]
        if pos > end:
            raise DecodeError("an item is longer than the data", path="session", offset=start)
        items.append(data[start:pos])
    return items
