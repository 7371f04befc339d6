"""The two ends of a connection, whatever stands behind them, in one vocabulary.

| end | what it is | made by |
| --- | --- | --- |
| `Ours` | a connection of this library | `our_client`, `our_server`; two at once: `pair`, `connected` |
| `Theirs` | CPython's ssl, that is OpenSSL | `their_client`, `their_server` |
| `Scripted` | a `lab.Script`, which says what the test tells it to | `Scripted("client")` |

All take bytes from the peer with `receive` and give bytes for the peer with `take`; `talk` carries them to and fro
until both ends are silent. `tests.ends.loopback` has ends over TCP. docs/tests.md shows how tests use them.
"""

from tests.ends.end import End, Talker, pieces, talk
from tests.ends.files import dh_parameters, directory, files_of, intermediates_of, trusted_file
from tests.ends.injected import (
    CLOSE_NOTIFY,
    NO_RENEGOTIATION,
    USER_CANCELED,
    alert,
    handshake,
    last_alert,
    protected,
    record,
    records,
)
from tests.ends.ours import (
    AUTHENTICATED,
    BOOM,
    PSK,
    PSK_POLICY,
    ROLES,
    Boom,
    Ours,
    anything,
    boom,
    client_credential,
    connected,
    credential,
    credential_of,
    other,
    our_client,
    our_server,
    pair,
    renegotiable,
    stapled_credential,
    verifier,
)
from tests.ends.scripted import Scripted
from tests.ends.theirs import EVERY_CIPHER, Theirs, openssl_context, their_client, their_server

__all__ = [
    "AUTHENTICATED",
    "BOOM",
    "CLOSE_NOTIFY",
    "EVERY_CIPHER",
    "NO_RENEGOTIATION",
    "PSK",
    "PSK_POLICY",
    "ROLES",
    "USER_CANCELED",
    "Boom",
    "End",
    "Ours",
    "Scripted",
    "Talker",
    "Theirs",
    "alert",
    "anything",
    "boom",
    "client_credential",
    "connected",
    "credential",
    "credential_of",
    "dh_parameters",
    "directory",
    "files_of",
    "handshake",
    "intermediates_of",
    "last_alert",
    "openssl_context",
    "other",
    "our_client",
    "our_server",
    "pair",
    "pieces",
    "protected",
    "record",
    "records",
    "renegotiable",
    "stapled_credential",
    "talk",
    "their_client",
    "their_server",
    "trusted_file",
    "verifier",
]
