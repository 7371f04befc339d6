"""The Illustrated TLS 1.2 Connection, from ClientHello to close_notify, by our client and by our server."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.replay.stand_in import Recording, StandIn
from tests.vectors_loader import Case, load
from tls12 import CipherSuite, Credential, NamedGroup, SignatureScheme
from tls12.lab.observer import ApplicationDataSeen, MessageSeen
from tls12.registry import ConnectionEnd
from tls12.wire.certificates import Certificate
from tls12.wire.closing import Finished

(CASE,) = load("illustrated_handshake")


def server_credential(case: Case) -> Credential:
    """The server's certificate out of the recording, and its key."""
    (der,) = Recording(case).first(Certificate).certificate_list
    key = load_der_private_key(case.hex("server_private_key"), None)
    return Credential.from_objects(der, key, schemes=(SignatureScheme.RSA_PKCS1_SHA256,))  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["client", "server"])
def test_our_side_of_the_illustrated_connection_is_reproduced_to_the_byte(role: ConnectionEnd) -> None:
    draws = [bytes.fromhex(drawn) for drawn in CASE[f"{role}_draws"]]
    credential = server_credential(CASE) if role == "server" else None
    stand_in = StandIn(CASE, role, draws, credential=credential)
    stand_in.run()
    assert stand_in.substituted == []
    assert [entry.secret for entry in stand_in.keylog] == [CASE.hex("master_secret")]
    agreed = stand_in.ours.connection.negotiated
    assert agreed is not None
    assert agreed.cipher_suite is CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
    assert agreed.group is NamedGroup.X25519
    verified = [seen for seen in stand_in.seen if isinstance(seen, MessageSeen) and isinstance(seen.message, Finished)]
    assert [(seen.sender, seen.verified) for seen in verified] == [("client", True), ("server", True)]
    data = [(seen.sender, seen.data) for seen in stand_in.seen if isinstance(seen, ApplicationDataSeen)]
    assert data == [("client", CASE.hex("client_data")), ("server", CASE.hex("server_data"))]
    assert stand_in.ours.connection.error is None
