"""Go's recordings: our connection in Go's place says what Go said, and every record of both sides opens."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.replay.stand_in import StandIn
from tests.vectors_loader import Case, load, params
from tls12 import Alert, Credential, HandshakeCompleted, Renegotiation, Session, SignatureScheme
from tls12.lab.observer import AlertSeen, ApplicationDataSeen, MessageSeen, RuleBroken, Seen, Undecryptable
from tls12.wire.certificates import CertificateVerify
from tls12.wire.closing import Finished
from tls12.wire.key_exchange import ClientKeyExchange, DigitallySigned, EncryptedPreMasterSecret, ServerKeyExchange


@cache
def credentials() -> dict[str, tuple[bytes, Any]]:
    """Go's certificates and keys by name."""
    return {
        case["name"]: (case.hex("certificate"), load_der_private_key(case.hex("private_key"), None))
        for case in load("go_credentials")
    }


def credential(case: Case) -> Credential | None:
    """What Go's side authenticates itself with, narrowed to the scheme that it signed with."""
    if "credential" not in case:
        return None
    der, key = credentials()[case["credential"]]
    plain = Credential.from_objects(der, key)
    if "signature_scheme" not in case:
        return plain
    schemes = (SignatureScheme[case["signature_scheme"]],)
    return Credential(plain.certificate_list, plain.leaf_key, schemes, None, (), key)


def session(case: Case) -> Session | None:
    """The session that the recorded client resumes, had again from the recording in which it was made."""
    if "resumes" not in case:
        return None
    (first,) = (other for other in load("go_conversations") if other["name"] == case["resumes"])
    return replay(first).ours.connection.session


def replay(case: Case) -> StandIn:
    """Our connection in Go's place, the conversation over."""
    asked = "Renegotiate" in case["name"]
    stand_in = StandIn(
        case,
        case["go"],
        [bytes.fromhex(drawn) for drawn in case["draws"]],
        credential=credential(case),
        session=session(case),
        renegotiation=Renegotiation.ALLOW if asked else Renegotiation.WARN,
    )
    stand_in.run()
    return stand_in


def finished(seen: list[Seen]) -> list[MessageSeen]:
    return [item for item in seen if isinstance(item, MessageSeen) and isinstance(item.message, Finished)]


@pytest.mark.parametrize("case", params("go_conversations"))
def test_our_connection_says_what_go_said_and_every_record_of_both_sides_opens(case: Case) -> None:
    stand_in = replay(case)
    assert not any(isinstance(item, Undecryptable | RuleBroken) for item in stand_in.seen)
    proofs = finished(stand_in.seen)
    assert all(item.verified for item in proofs)
    handshakes = sum(isinstance(event, HandshakeCompleted) for event in stand_in.ours.events)
    assert {item.sender for item in proofs} == ({"client", "server"} if handshakes else set())
    assert len(proofs) == 2 * handshakes
    said = [item.message for item in stand_in.seen if isinstance(item, MessageSeen) and item.sender == case["go"]]
    assert stand_in.substituted == [type(message) for message in said if randomised_by_the_backend(message)]
    data = b"".join(
        item.data for item in stand_in.seen if isinstance(item, ApplicationDataSeen) and item.sender == case["go"]
    )
    assert data == (b"hello\n" if case["go"] == "client" else b"hello, world\n" if handshakes else b"")
    last = stand_in.seen[-1]
    assert isinstance(last, AlertSeen)
    assert last.description is (Alert.CLOSE_NOTIFY if handshakes else Alert.NO_APPLICATION_PROTOCOL)


def randomised_by_the_backend(message: Any) -> bool:
    """Whether a message of ours would differ although every draw is the same."""
    if isinstance(message, ClientKeyExchange):
        return isinstance(message.exchange_keys, EncryptedPreMasterSecret)
    signed = message.signature if isinstance(message, ServerKeyExchange) else message
    return isinstance(signed, DigitallySigned | CertificateVerify) and str(signed.algorithm).startswith(
        ("rsa_pss", "ecdsa")
    )


def test_there_are_59_recordings_of_go() -> None:
    assert len(load("go_conversations")) == 59
