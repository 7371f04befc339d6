"""Sessions: what two peers keep from one handshake to shorten the next (RFC 5246 F.1.4, RFC 5077).

How it works: a `Session` is an immutable value with everything that a resumption continues (suite, master
secret, who the peer was) and everything that it is bound to (name, application protocols, policy, trust):
it may only go on where all of that still holds. `trust` and `policy` are fingerprints, compared by value,
so that a session also resumes in another process. `expires` is worked out once: the lifetime that the
server granted, cut short by the end of the verified chain.

`to_bytes` and `from_bytes` are one versioned format: a magic, a version, the fields in the order in which
they stand in the class. Never pickle: bytes from a store or a ticket cannot run anything. The bytes CONTAIN
THE MASTER SECRET in the clear: keep them like a key (tickets are sealed, see `tickets`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from tls12.registry import CipherSuite
from tls12.trust.peer import validity
from tls12.wire.codec import Reader, Writer

MAGIC = b"tls12 session"
VERSION = 1
"""Of the format of `to_bytes`; another version does not load, and a full handshake follows."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is kept of a handshake. `repr` hides the secret, and pickling is refused; use `to_bytes`."""

    session_id: bytes = field(repr=False)
    """The id under which the server knows it; empty when it lives in a ticket only."""
    ticket: bytes = field(default=b"", repr=False)
    """The server's ticket (RFC 5077), as a client keeps it."""
    ticket_lifetime: int = 0
    """Seconds for which the server said that it accepts the session; 0 is unspecified (RFC 5077 3.3)."""
    cipher_suite: CipherSuite
    master_secret: bytes = field(repr=False)
    extended_master_secret: bool
    """Made with RFC 7627; a resumption must then use it too (5.3)."""
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
    """The fingerprint of the verifier that accepted the peer."""
    policy: bytes = b""
    """The fingerprint of the policy under which it was made."""
    created: float
    """When the original handshake ended, in seconds since 1970."""
    expires: float
    """When it must not be resumed any more."""
    psk_identity: bytes | None = None
    """The pre-shared key's identity, if one took part (RFC 4279)."""
    max_fragment_length: int | None = None
    """The code of RFC 6066 4 that applies to resumptions too."""
    ocsp_response: bytes | None = field(default=None, repr=False)
    """The staple of the original handshake."""
    scts: tuple[bytes, ...] = field(default=(), repr=False)
    """The signed certificate timestamps of the original handshake."""

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
    ) -> Session:
        """The session of a finished handshake; its end is the earlier of the lifetime's and the chain's."""
        lifetime = min(ticket_lifetime or UNSPECIFIED_LIFETIME, MAXIMUM_LIFETIME)
        return cls(
            session_id=session_id,
            ticket=ticket,
            ticket_lifetime=ticket_lifetime,
            cipher_suite=negotiated.cipher_suite,
            master_secret=master_secret,
            extended_master_secret=negotiated.extended_master_secret,
            encrypt_then_mac=negotiated.encrypt_then_mac,
            server_name=negotiated.server_name,
            alpn_protocol=negotiated.alpn_protocol,
            alpn_protocols=alpn_protocols,
            peer_certificates=negotiated.peer_certificates,
            verified_chain=negotiated.verified_chain,
            trust=trust,
            policy=policy,
            created=created,
            expires=min(created + lifetime, validity(negotiated.verified_chain)[1]),
            psk_identity=negotiated.psk_identity,
            max_fragment_length=max_fragment_length,
            ocsp_response=negotiated.ocsp_response,
            scts=negotiated.scts,
        )

    def is_fresh(self, now: float) -> bool:
        """Whether it may be resumed at this time. One from the future may not: somebody's clock is wrong."""
        return self.created <= now < self.expires

    def to_bytes(self) -> bytes:
        """The session as bytes, MASTER SECRET INCLUDED, for `from_bytes` of this or a later release."""
        w = Writer("session")
        w.rest(MAGIC)
        w.u8(VERSION, "version")
        w.vector8(self.session_id, "session_id")
        w.vector16(self.ticket, "ticket")
        w.u32(self.ticket_lifetime, "ticket_lifetime")
        w.u16(self.cipher_suite, "cipher_suite")
        w.vector8(self.master_secret, "master_secret")
        w.u8(self.extended_master_secret, "extended_master_secret")
        w.u8(self.encrypt_then_mac, "encrypt_then_mac")
        _write_optional(w, _encoded(self.server_name), "server_name")
        _write_optional(w, _encoded(self.alpn_protocol), "alpn_protocol")
        _write_list(w, tuple(protocol.encode() for protocol in self.alpn_protocols), "alpn_protocols")
        _write_list(w, self.peer_certificates, "peer_certificates")
        _write_list(w, self.verified_chain, "verified_chain")
        w.vector8(self.trust, "trust")
        w.vector8(self.policy, "policy")
        w.fixed(struct.pack(">dd", self.created, self.expires), 16, "created, expires")
        _write_optional(w, self.psk_identity, "psk_identity")
        w.u8(self.max_fragment_length or 0, "max_fragment_length")
        _write_optional(w, self.ocsp_response, "ocsp_response")
        _write_list(w, self.scts, "scts")
        return bytes(w.buffer)

    @classmethod
    def from_bytes(cls, data: bytes) -> Session:
        """The session of `to_bytes`. Raises `DecodeError` for anything else, another version included."""
        r = Reader(bytes(data), "session")
        if r.fixed(len(MAGIC), "magic") != MAGIC:
            raise r.error("magic", "not a session of tls12")
        version = r.u8("version")
        if version != VERSION:
            raise r.error("version", f"version {version}, and this release reads {VERSION}")
        session = cls(
            session_id=r.vector8("session_id"),
            ticket=r.vector16("ticket"),
            ticket_lifetime=r.u32("ticket_lifetime"),
            cipher_suite=CipherSuite.of(r.u16("cipher_suite")),
            master_secret=r.vector8("master_secret"),
            extended_master_secret=_read_flag(r, "extended_master_secret"),
            encrypt_then_mac=_read_flag(r, "encrypt_then_mac"),
            server_name=_read_text(r, "server_name"),
            alpn_protocol=_read_text(r, "alpn_protocol"),
            alpn_protocols=tuple(
                _decoded(r, name, "alpn_protocols") for name in _read_list(r, "alpn_protocols")
            ),
            peer_certificates=_read_list(r, "peer_certificates"),
            verified_chain=_read_list(r, "verified_chain"),
            trust=r.vector8("trust"),
            policy=r.vector8("policy"),
            created=_read_time(r, "created"),
            expires=_read_time(r, "expires"),
            psk_identity=_read_optional(r, "psk_identity"),
            max_fragment_length=r.u8("max_fragment_length") or None,
            ocsp_response=_read_optional(r, "ocsp_response"),
            scts=_read_list(r, "scts"),
        )
        if r.remaining:
            raise r.left_over()
        return session

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session holds a secret and cannot be pickled; use to_bytes()")


# --- pieces of the format: each one's write and read ------------------------------------------------------


def _write_optional(w: Writer, value: bytes | None, name: str) -> None:
    w.u8(value is not None, name)
    if value is not None:
        w.vector24(value, name)


def _read_optional(r: Reader, name: str) -> bytes | None:
    return r.vector24(name) if _read_flag(r, name) else None


def _read_flag(r: Reader, name: str) -> bool:
    flag = r.u8(name)
    if flag > 1:
        raise r.error(name, f"{flag} instead of 0 or 1")
    return bool(flag)


def _write_list(w: Writer, values: tuple[bytes, ...], name: str) -> None:
    with w.scope24(name):
        for value in values:
            w.vector24(value, name)


def _read_list(r: Reader, name: str) -> tuple[bytes, ...]:
    with r.scope24(name):
        return r.items(lambda inner: inner.vector24(""))


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _read_text(r: Reader, name: str) -> str | None:
    value = _read_optional(r, name)
    return None if value is None else _decoded(r, value, name)


def _decoded(r: Reader, value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise r.error(name, "not UTF-8") from None


def _read_time(r: Reader, name: str) -> float:
    (time,) = struct.unpack(">d", r.fixed(8, name))
    if time != time:
        raise r.error(name, "not a number")
    return float(time)
