"""What a session is bound to besides what stands in the hellos: how the peer is verified, the policy, and who we are.

How it works: a resumption does not verify either side again. So a session keeps, as values that are the same in every
process, what a full handshake would depend on: `trust` says how the peer is verified, `policy` what is offered,
`identity` as whom we appear. Both sides compute these again from their configuration before they resume; where one
differs, a full handshake follows. docs/security.md lists every field of both configurations.

A client's identity is that of its whole configuration (every credential in order, the PSK's identity), because which
credential it would use is decided by a request that an abbreviated handshake does not contain. Where the application
decides by an answer (a pause on `CertificateRequested` or `PskLookupRequested`), no session is kept: the question
cannot be asked again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import NamedTuple

from tls12.config import ClientAuth, ClientConfig, Psk, ServerConfig
from tls12.crypto.provider import STANDARD
from tls12.events import CertificateRequested, PeerCertificateReceived
from tls12.trust.credentials import Credential

_CLIENT, _SERVER = 1, 2
_APPLICATION_JUDGES, _APPLICATION_CHOOSES = 4, 8
_STAPLE, _SCTS, _CREDENTIAL_REQUIRED = 16, 32, 64
_ASKS = 128
"""Bits of the octet after the verifier's fingerprint. A session is resumed only where all of them are the same."""


def client_trust(config: ClientConfig, pause_on: Collection[type]) -> bytes:
    """How a client verifies: with which verifier, on what evidence, and what the application is asked."""
    flags = _CLIENT
    if config.request_ocsp:
        flags |= _STAPLE
    if config.request_scts:
        flags |= _SCTS
    if config.require_credential:
        flags |= _CREDENTIAL_REQUIRED
    if pause_on:
        if PeerCertificateReceived in pause_on:
            flags |= _APPLICATION_JUDGES
        if CertificateRequested in pause_on:
            flags |= _APPLICATION_CHOOSES
    return _verified_by(config) + flags.to_bytes()


def server_trust(config: ServerConfig, pause_on: Collection[type]) -> bytes:
    """How a server verifies: with which verifier, whether it asks for a certificate and whether the application judges
    it, and what it tells clients about the identities that it wants."""
    flags = _SERVER
    if config.client_auth is not ClientAuth.NONE:
        flags |= _ASKS
    if pause_on and PeerCertificateReceived in pause_on:
        flags |= _APPLICATION_JUDGES
    trust = _verified_by(config) + flags.to_bytes()
    if not config.certificate_authorities and config.psk_identity_hint is None:
        return trust
    return trust + _digest(config.psk_identity_hint or b"", *config.certificate_authorities)


def _verified_by(config: ClientConfig | ServerConfig) -> bytes:
    """The verifier's fingerprint, and the name of the crypto provider if it is not the default.

    With the name, a session of `lab.NullCrypto`, which proves nothing, is not resumed with real cryptography.
    """
    fingerprint = config.verifier.fingerprint if config.verifier is not None else b""
    name = config.crypto.name
    return fingerprint if name == STANDARD.name else name.encode() + b":" + fingerprint


def client_policy(config: ClientConfig) -> bytes:
    """A client's policy, and the max_fragment_length that it asks for (RFC 6066 4 fixes it for resumptions)."""
    size = config.max_fragment_length
    return config.policy.fingerprint + (b"" if size is None else size.to_bytes(2))


def client_identity(config: ClientConfig) -> bytes:
    """How a client may authenticate: its credentials in order, and the identity of its PSK; empty without either."""
    psk = config.psk
    if psk is None and not config.credentials:
        return b""
    named = psk.identity if isinstance(psk, Psk) else b""
    kind = b"none" if psk is None else b"one" if isinstance(psk, Psk) else b"by hint"
    return _digest(kind, named, *(credential.fingerprint for credential in config.credentials))


class ClientBinding(NamedTuple):
    """What binds a client's session, besides its name and application protocols; the fields are those of `Session`."""

    trust: bytes
    policy: bytes
    identity: bytes


def of_client(config: ClientConfig, pause_on: Collection[type]) -> ClientBinding:
    """What a client with this configuration would bind a session to."""
    return ClientBinding(client_trust(config, pause_on), client_policy(config), client_identity(config))


def server_identity(credential: Credential | None) -> bytes:
    """The key and the names of the server's certificate, which a renewal may keep; empty without a certificate."""
    return credential.key_digest + credential.names_digest if credential is not None else b""


def may_continue(credential: Credential, identity: bytes, server_name: str | None, *, across_keys: bool) -> bool:
    """Whether a session that was made under `identity` may be resumed by a server that shows this credential now.

    The key must be the same, unless `across_keys`. The names must be the same, or cover the one that the client asked
    for. So two hosts that share ticket keys do not resume sessions under names for which they have no certificate.
    """
    half = len(identity) // 2
    if identity[:half] != credential.key_digest and not across_keys:
        return False
    return identity[half:] == credential.names_digest or (server_name is not None and credential.matches(server_name))


def client_store_key(config: ClientConfig, server_name: str | None, pause_on: Collection[type]) -> bytes:
    """The key of a client's store for this server's session: its name, and a digest of all that binds the session.

    With the digest, two configurations that share a store do not replace each other's sessions. The key is longer than
    any session id, so that in a store shared with a server no client can name it.
    """
    name = (server_name or "").encode()
    protocols = (protocol.encode() for protocol in config.alpn_protocols)
    return b"client:" + name + b":" + _digest(*of_client(config, pause_on), *protocols)


def _digest(*parts: bytes) -> bytes:
    """SHA-256 of the parts, each preceded by its length."""
    return hashlib.sha256(b"".join([len(part).to_bytes(4) + part for part in parts])).digest()
