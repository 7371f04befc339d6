"""Two ends in memory: ours and CPython's ssl behind one small interface, and the pump between them.

How it works: an `End` takes bytes, gives bytes and remembers what it saw. `pump` starts the client and
carries bytes to and fro until both are silent; bytes may be cut to pieces on the way. Nothing here waits, so
nothing can hang: two ends that never come to rest fail the test.
"""

from __future__ import annotations

import atexit
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import pki
from tls12 import (
    AcceptAnyPeer,
    ClientConfig,
    ClientConnection,
    ConnectionClosed,
    ConnectionFailed,
    Credential,
    DataReceived,
    Event,
    HandshakeCompleted,
    NamedGroup,
    Negotiated,
    Policy,
    ServerConfig,
    ServerConnection,
    Session,
    TLSError,
    TrustStore,
    X509Verifier,
)
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.lab.pki import IssuedCertificate


class End(Protocol):
    """One end of a connection."""

    @property
    def data(self) -> bytes: ...

    @property
    def completed(self) -> bool: ...

    @property
    def error(self) -> Exception | None: ...

    def start(self) -> None: ...

    def receive(self, data: bytes) -> None: ...

    def take(self) -> bytes: ...

    def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def pump(client: End, server: End, *, piece: int | None = None) -> None:
    """Let both talk until neither has anything to say; deliver in pieces of at most `piece` bytes."""
    client.start()
    for _ in range(1000):
        moved = False
        for source, target in ((client, server), (server, client)):
            data = source.take()
            moved = moved or bool(data)
            for part in pieces(data, piece or 1 << 30):
                target.receive(part)
        if not moved:
            return
    raise AssertionError("the two ends never come to rest")


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """`data` cut into pieces of `size` bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Ours:
    """A ClientConnection or ServerConnection, and every event that it gave."""

    def __init__(self, connection: ClientConnection | ServerConnection) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self._started = False

    def start(self) -> None:
        """Send the ClientHello, once."""
        if not self._started and isinstance(self.connection, ClientConnection):
            self.connection.initiate_handshake()
        self._started = True

    def receive(self, data: bytes) -> None:
        """Bytes from the peer; b"" is end of stream."""
        self.connection.receive_data(data)
        self.events += self.connection.events()

    def take(self) -> bytes:
        """Bytes for the peer."""
        return bytes(self.connection.data_to_send())

    def send(self, data: bytes) -> None:
        """Application data."""
        self.connection.send_data(data)

    def close(self) -> None:
        """Queue a close_notify."""
        self.connection.close()

    @property
    def negotiated(self) -> Negotiated:
        """What the first completed handshake agreed on."""
        return next(event.negotiated for event in self.events if isinstance(event, HandshakeCompleted))

    @property
    def completed(self) -> bool:
        """A handshake was completed."""
        return any(isinstance(event, HandshakeCompleted) for event in self.events)

    @property
    def data(self) -> bytes:
        """All application data so far."""
        return b"".join(event.data for event in self.events if isinstance(event, DataReceived))

    @property
    def closed_cleanly(self) -> bool:
        """The peer's close_notify arrived."""
        return any(isinstance(event, ConnectionClosed) for event in self.events)

    @property
    def error(self) -> TLSError | None:
        """Why the connection failed, if it did."""
        return next((event.error for event in self.events if isinstance(event, ConnectionFailed)), None)


class OpenSSL:
    """An SSLObject between two MemoryBIOs: does whatever is possible each time that bytes arrive."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self._in, self._out, server_side=server_side, server_hostname=name, session=session
        )
        self.completed = False
        self.data = b""
        self.closed_cleanly = False
        self.error: ssl.SSLError | None = None

    def start(self) -> None:
        """Send the ClientHello, or look for one."""
        self._go_on()

    def receive(self, data: bytes) -> None:
        """Bytes from the peer; b"" is end of stream."""
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        self._go_on()

    def take(self) -> bytes:
        """Bytes for the peer."""
        return self._out.read()

    def send(self, data: bytes) -> None:
        """Application data."""
        self.object.write(data)

    def close(self) -> None:
        """Send a close_notify."""
        try:
            self.object.unwrap()
        except ssl.SSLWantReadError:
            pass

    @property
    def reason(self) -> str:
        """OpenSSL's name for what went wrong; empty if nothing did, or it has none."""
        return self.error.reason or "" if self.error is not None else ""

    def _go_on(self) -> None:
        if self.error is not None or self.closed_cleanly:
            return
        try:
            if not self.completed:
                self.object.do_handshake()
                self.completed = True
            while True:
                data = self.object.read(65536)
                if not data:  # what 3.11 returns for a close_notify
                    self.closed_cleanly = True
                    return
                self.data += data
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed_cleanly = True
        except ssl.SSLError as error:
            self.error = error


# --- our ends -------------------------------------------------------------------------------------------
# -------------------------------------------------------------------------------------------------


@pki.once
def verifier() -> X509Verifier:
    """Trusts pki.root() and nothing else."""
    return X509Verifier(TrustStore.from_pem(pki.trusted_pem()))


@pki.once
def credential(kind: str = "ecdsa-p256") -> Credential:
    """pki.server(kind) for our servers."""
    return credential_of(pki.server(kind))


def credential_of(issued: IssuedCertificate) -> Credential:
    """A certificate of `pki` as our ends want it."""
    return Credential.from_objects(issued.certificates, issued.private_key)


def our_client(*, name: str | None = pki.NAME, session: Session | None = None, **config: Any) -> Ours:
    """A client that accepts any certificate, unless a `verifier` is given."""
    config.setdefault("verifier", AcceptAnyPeer())
    return Ours(ClientConnection(ClientConfig(**config), name, session=session))


def our_server(*kinds: str, **config: Any) -> Ours:
    """A server with certificates for these kinds of keys, P-256 if none are named."""
    config.setdefault("credentials", tuple(credential(kind) for kind in kinds or ("ecdsa-p256",)))
    return Ours(ServerConnection(ServerConfig(**config)))


def anything() -> Policy:
    """All that an ordinary policy may have."""
    return Policy.compatible()


# --- CPython's ssl --------------------------------------------------------------------------------------
# --------------------------------------------------------------------------------------------

EVERY_CIPHER = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def their_client(*, name: str | None = pki.NAME, **options: Any) -> OpenSSL:
    """A client on CPython's ssl; see `openssl_context` for the options."""
    return OpenSSL(openssl_context(server_side=False, **options), server_side=False, name=name)


def their_server(kind: str = "ecdsa-p256", **options: Any) -> OpenSSL:
    """A server on CPython's ssl; see `openssl_context` for the options."""
    options.setdefault("credential", pki.server(kind))
    return OpenSSL(openssl_context(server_side=True, **options), server_side=True)


_DIRECTORY = tempfile.TemporaryDirectory(prefix="tls12-tests-")
atexit.register(_DIRECTORY.cleanup)


def directory() -> Path:
    """Where files for programs go; gone at the end of the run."""
    return Path(_DIRECTORY.name)


@pki.once
def _files(number: int, issued: IssuedCertificate) -> tuple[str, str]:
    chain, key = issued.write(directory(), str(number))
    if issued.leaf.public_key_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10":
        key.write_bytes(_rsa_pss_key(issued))
    return str(chain), str(key)


def files_of(issued: IssuedCertificate) -> tuple[str, str]:
    """The chain and the key as files, for what reads only files."""
    return _files(id(issued), issued)


def intermediates_of(issued: IssuedCertificate) -> str:
    """The chain without the leaf as a file."""
    path = directory() / f"{id(issued)}-intermediates.pem"
    path.write_text("".join(map(ssl.DER_cert_to_PEM_cert, issued.chain_der[1:])))
    return str(path)


def trusted_file() -> str:
    """pki.root() as a file."""
    path = directory() / "root.pem"
    path.write_bytes(pki.trusted_pem())
    return str(path)


def _rsa_pss_key(issued: IssuedCertificate) -> bytes:
    """The RSA key as PKCS#8 under id-RSASSA-PSS, which OpenSSL wants beside such a certificate."""
    plain = issued.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    rsa_encryption = bytes.fromhex("300d06092a864886f70d0101010500")
    rsassa_pss = bytes.fromhex("300b06092a864886f70d01010a")
    assert plain[7:].startswith(rsa_encryption)
    body = plain[4:7] + rsassa_pss + plain[7 + len(rsa_encryption) :]
    pem = ssl.DER_cert_to_PEM_cert(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    return pem.replace("CERTIFICATE", "PRIVATE KEY").encode()


@pki.once
def dh_parameters(group: NamedGroup) -> str:
    """An RFC 7919 group as a PEM file (PKCS#3)."""
    prime = FFDHE_PRIMES[group]
    path = directory() / f"{group}.pem"
    magnitude = b"\0" + prime.to_bytes((prime.bit_length() + 7) // 8, "big")
    body = b"\x02\x82" + len(magnitude).to_bytes(2, "big") + magnitude + b"\x02\x01\x02"
    pem = ssl.DER_cert_to_PEM_cert(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    path.write_text(pem.replace("CERTIFICATE", "DH PARAMETERS"))
    return str(path)


def openssl_context(
    *,
    server_side: bool,
    credential: IssuedCertificate | None = None,
    ciphers: str = EVERY_CIPHER,
    group: str | None = None,
    dh_parameters: str | None = None,
    verify: bool = False,
    alpn: tuple[str, ...] = (),
) -> ssl.SSLContext:
    """A context of CPython's ssl for TLS 1.2 that allows everything that it can, unless told otherwise."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    if group is not None:
        context.set_ecdh_curve(group)
    if dh_parameters is not None:
        context.load_dh_params(dh_parameters)
    context.check_hostname = verify and not server_side
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify:
        context.load_verify_locations(trusted_file())
    if credential is not None:
        context.load_cert_chain(*files_of(credential))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
