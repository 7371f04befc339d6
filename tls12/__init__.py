"""TLS 1.2, client and server, as a sans-IO core: bytes in, events and bytes out.

The everyday names stand here. `tls12.sync`, `tls12.asyncio`, `tls12.sslcompat` and `tls12.lab` are loaded on
first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tls12.config import ClientAuth, ClientConfig, Limits, Psk, ServerConfig
from tls12.connection import ClientConnection, ConnectionState, ServerConnection
from tls12.errors import (
    CertificateError,
    DecodeError,
    EncodeError,
    PeerAlert,
    PeerIncompatible,
    PeerMisbehaved,
    TLSError,
    TruncatedError,
    UsageError,
)
from tls12.events import (
    Accept,
    AlertReceived,
    CertificateRequested,
    ClientHelloReceived,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    KeysNearLimit,
    Negotiated,
    PeerCertificateReceived,
    PskLookupRequested,
    Refuse,
    RenegotiationRequested,
    SessionLookupRequested,
    SignatureRequested,
)
from tls12.keylog import KeyLog
from tls12.policy import Policy, Renegotiation
from tls12.registry import Alert, CipherSuite, NamedGroup, SignatureScheme
from tls12.resumption.sessions import Session
from tls12.resumption.stores import MemorySessionStore, SessionStore
from tls12.resumption.tickets import TicketKeys
from tls12.trust.credentials import Credential
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import AcceptAnyPeer, PinnedVerifier, Verifier, X509Verifier

if TYPE_CHECKING:
    from types import ModuleType

    from tls12 import asyncio as asyncio
    from tls12 import lab as lab
    from tls12 import sslcompat as sslcompat
    from tls12 import sync as sync

__version__ = "0.1.0"

# Not in __all__: `from tls12 import *` must not hide the asyncio of the standard library.
_ON_FIRST_USE = frozenset({"sync", "asyncio", "anyio", "sslcompat", "lab"})


def __getattr__(name: str) -> ModuleType:
    if name in _ON_FIRST_USE:
        return importlib.import_module(f"tls12.{name}")
    raise AttributeError(f"module 'tls12' has no attribute {name!r}")


__all__ = [
    "Accept",
    "AcceptAnyPeer",
    "Alert",
    "AlertReceived",
    "CertificateError",
    "CertificateRequested",
    "CipherSuite",
    "ClientAuth",
    "ClientConfig",
    "ClientConnection",
    "ClientHelloReceived",
    "ConnectionClosed",
    "ConnectionFailed",
    "ConnectionState",
    "Credential",
    "DataReceived",
    "DecodeError",
    "EncodeError",
    "Event",
    "HandshakeCompleted",
    "KeyLog",
    "KeysNearLimit",
    "Limits",
    "MemorySessionStore",
    "NamedGroup",
    "Negotiated",
    "PeerAlert",
    "PeerCertificateReceived",
    "PeerIncompatible",
    "PeerMisbehaved",
    "PinnedVerifier",
    "Policy",
    "Psk",
    "PskLookupRequested",
    "Refuse",
    "Renegotiation",
    "RenegotiationRequested",
    "ServerConfig",
    "ServerConnection",
    "Session",
    "SessionLookupRequested",
    "SessionStore",
    "SignatureRequested",
    "SignatureScheme",
    "TLSError",
    "TicketKeys",
    "TruncatedError",
    "TrustStore",
    "UsageError",
    "Verifier",
    "X509Verifier",
]
