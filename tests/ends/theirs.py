"""Their ends in memory: CPython's ssl, that is OpenSSL, with the verbs of ours (`Theirs`)."""

from __future__ import annotations

import ssl
from typing import Any

from tests import pki
from tests.ends.files import files_of, trusted_file
from tls12.lab.pki import IssuedCertificate
from tls12.registry import EndName

EVERY_CIPHER = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


class Theirs:
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
        self.role: EndName = "server" if server_side else "client"
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


def their_client(*, name: str | None = pki.NAME, **options: Any) -> Theirs:
    """A client on CPython's ssl; see `openssl_context` for the options."""
    return Theirs(openssl_context(server_side=False, **options), server_side=False, name=name)


def their_server(kind: str = "ecdsa-p256", **options: Any) -> Theirs:
    """A server on CPython's ssl; see `openssl_context` for the options."""
    options.setdefault("credential", pki.server(kind))
    return Theirs(openssl_context(server_side=True, **options), server_side=True)


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
