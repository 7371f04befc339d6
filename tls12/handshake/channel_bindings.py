"""Channel bindings: values that bind an authentication in the application to this connection (RFC 5056).

How it works: a table has one function for each kind. A function raises `UsageError` where the RFC makes its binding
unsafe or leaves it undefined: tls-unique without extended master secret (triple handshake, RFC 7627 5.4),
tls-server-end-point where the certificate's signature has no hash or there is no certificate, tls-exporter without
extended master secret or after a renegotiation (RFC 9266 4).
"""

from __future__ import annotations

from collections.abc import Callable

from tls12.crypto.key_schedule import export_keying_material
from tls12.errors import UsageError
from tls12.handshake.proofs import Established, ResumedSession
from tls12.trust.signed import end_point


def compute(kind: str, established: Established) -> bytes:
    """The binding of this kind to the latest handshake. Raises `UsageError`."""
    maker = _BINDINGS.get(kind) if isinstance(kind, str) else None
    if maker is None:
        raise UsageError(f"channel binding {kind!r} is unknown; there are {', '.join(_BINDINGS)}")
    return maker(established)


def _tls_unique(established: Established) -> bytes:
    """The first Finished of the latest handshake (RFC 5929 3): the server's when resumed."""
    agreed = established.negotiated
    if not agreed.extended_master_secret:
        raise UsageError("tls-unique is unsafe without extended master secret (RFC 7627 5.4)")
    return established.server_verify_data if agreed.resumed else established.client_verify_data


def _tls_server_end_point(established: Established) -> bytes:
    """The hash of the server's certificate (RFC 5929 4.1); in a resumption that of the original handshake."""
    identity = established.identity
    kept = identity.session.end_point if isinstance(identity, ResumedSession) else None
    if kept is not None:  # a server keeps it, because its certificate may have been renewed since
        if not kept:
            raise UsageError("tls-server-end-point is undefined for the certificate that was shown (RFC 5929 4.1)")
        return kept
    if established.server_certificate is None:
        raise UsageError("tls-server-end-point needs a server certificate; this connection has none")
    return end_point(established.server_certificate)


def _tls_exporter(established: Established) -> bytes:
    """32 bytes exported under a label of its own, with an empty context that is present (RFC 9266 4.2)."""
    agreed = established.negotiated
    if not agreed.extended_master_secret:
        raise UsageError("tls-exporter needs extended master secret (RFC 9266 4.2)")
    if established.renegotiated:
        raise UsageError("tls-exporter is not defined after a renegotiation (RFC 9266 4.2)")
    return export_keying_material(
        established.prf(),
        b"EXPORTER-Channel-Binding",
        agreed.client_random,
        agreed.server_random,
        b"",
        32,
    )


_BINDINGS: dict[str, Callable[[Established], bytes]] = {
    "tls-unique": _tls_unique,
    "tls-server-end-point": _tls_server_end_point,
    "tls-exporter": _tls_exporter,
}
