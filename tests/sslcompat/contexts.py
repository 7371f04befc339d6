"""Two contexts of each kind, so that a test can ask CPython's `ssl` the same as `tls12.sslcompat` and compare."""

from __future__ import annotations

import ssl
from typing import Any

from tests import ends, pki
from tls12 import sslcompat

KINDS = ("tls12", "cpython")

TELLS_BROKEN_STREAMS = not ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).options & 0x80  # SSL_OP_IGNORE_UNEXPECTED_EOF
"""Whether this CPython tells a stream that breaks off from one that ends with close_notify; 3.11.2 does not."""


def client(kind: str) -> Any:
    """A client that trusts pki.root()."""
    module = ssl if kind == "cpython" else sslcompat
    context = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    context.load_verify_locations(ends.trusted_file())
    return context


def server(kind: str) -> Any:
    """A server with an everyday certificate, which gives tickets."""
    module = ssl if kind == "cpython" else sslcompat
    context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    context.load_cert_chain(*ends.files_of(pki.server()))
    return context
