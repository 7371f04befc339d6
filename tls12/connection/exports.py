"""The exporter: keying material for other protocols, made from the secrets of the last handshake (RFC 5705).

How it works: this file checks what is asked for, and `crypto/key_schedule.py` computes. Channel bindings are in
`handshake/channel_bindings.py`.
"""

from __future__ import annotations

from tls12.crypto import key_schedule
from tls12.errors import UsageError
from tls12.handshake.proofs import Established

_LONGEST_EXPORT = 1 << 16
"""Bytes that one export gives at most, because its cost grows with its length."""


def export_keying_material(
    established: Established, label: str, context: bytes | None, length: int, *, for_authentication: bool
) -> bytes:
    """Key material for another protocol (RFC 5705); see `Connection.export_keying_material`."""
    if not isinstance(label, str):
        raise UsageError(f"the label of an exporter is a str, not {type(label).__name__}")
    if not isinstance(context, bytes | None):
        raise UsageError(f"the context of an exporter is bytes or None, not {type(context).__name__}")
    if type(length) is not int or not 1 <= length <= _LONGEST_EXPORT:
        raise UsageError(f"the length of an export is 1 to {_LONGEST_EXPORT} bytes, not {length!r:.40}")
    agreed = established.negotiated
    if for_authentication and not agreed.extended_master_secret:
        raise UsageError(
            "an exporter without extended master secret does not authenticate (RFC 7627 5.4); "
            "say for_authentication=False if that is not its use"
        )
    return key_schedule.export_keying_material(
        established.prf(),
        label.encode(),
        agreed.client_random,
        agreed.server_random,
        context,
        length,
    )
