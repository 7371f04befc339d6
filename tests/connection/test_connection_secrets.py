"""What is derived from a connection's secrets: exporters, channel bindings, the key log; and what stays hidden."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from tests import pki
from tests.ends import (
    BOOM,
    PSK,
    PSK_POLICY,
    ROLES,
    Ours,
    connected,
    credential_of,
    pair,
    renegotiable,
    stapled_credential,
    talk,
)
from tls12 import (
    AcceptAnyPeer,
    CipherSuite,
    Credential,
    KeyLog,
    MemorySessionStore,
    Policy,
    TicketKeys,
    TrustStore,
    UsageError,
    X509Verifier,
)
from tls12.crypto.prf import make_prf
from tls12.handshake.engine import Unit
from tls12.wire import messages
from tls12.wire.closing import ChangeCipherSpec, Finished
from tls12.wire.extensions import ExtendedMasterSecret
from tls12.wire.hello import ClientHello
from tls12.wire.key_exchange import KeyExchangeAlgorithm, ServerKeyExchange
from tls12.wire.messages import Context

LABEL = "EXPERIMENTAL tls12 test"
LENIENT = Policy.legacy_device()


def without_ems(message: Unit) -> Iterable[Unit]:
    """A client's hook: no extended_master_secret."""
    if isinstance(message, ClientHello):
        kept = tuple(e for e in message.extensions or () if not isinstance(e, ExtendedMasterSecret))
        return [replace(message, extensions=kept)]
    return [message]


def resumed(**options: Any) -> tuple[Ours, Ours]:
    """A client and a server that resumed a session."""
    stores = {name: {**options.get(name, {}), "sessions": MemorySessionStore()} for name in ROLES}
    for _ in range(2):
        client, server = pair("client", **{**options, **stores})
        talk(client, server)
    assert client.negotiated.resumed
    return client, server


# --- exporters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 20, 32, 48, 1000])
def test_both_ends_export_the_same_keys(length: int) -> None:
    client, server = connected("client")
    one = client.connection.export_keying_material(LABEL, b"context", length)
    assert len(one) == length
    assert server.connection.export_keying_material(LABEL, b"context", length) == one


def test_exported_keys_are_those_of_rfc_5705() -> None:
    log = KeyLog()
    client, _ = connected("client", client={"keylog": log})
    agreed = client.negotiated
    master = log.find(agreed.client_random)
    assert master is not None
    seed = agreed.client_random + agreed.server_random
    assert client.connection.export_keying_material(LABEL, None, 40) == make_prf("sha256", master)(
        LABEL.encode(), seed, 40
    )
    with_context = make_prf("sha256", master)(LABEL.encode(), seed + b"\x00\x02hi", 40)
    assert client.connection.export_keying_material(LABEL, b"hi", 40) == with_context


def test_label_context_and_connection_all_matter_and_no_context_is_not_an_empty_one() -> None:
    client, _ = connected("client")
    other, _ = connected("client")
    exports = {
        client.connection.export_keying_material(label, context, 32)
        for label in (LABEL, "EXPERIMENTAL other")
        for context in (None, b"", b"\0", b"context")
    }
    exports.add(other.connection.export_keying_material(LABEL, None, 32))
    assert len(exports) == 9


def test_the_label_of_an_exporter_is_text_and_its_context_bytes() -> None:
    ours, _ = connected("client")
    with pytest.raises(UsageError, match="label of an exporter is a str"):
        ours.connection.export_keying_material(LABEL.encode(), None, 32)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="context of an exporter is bytes or None, not str"):
        ours.connection.export_keying_material(LABEL, "context", 32)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_exported_before_the_handshake_is_complete(role: str) -> None:
    ours, _ = pair(role)
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        ours.connection.export_keying_material(LABEL, None, 32)
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        ours.connection.channel_binding("tls-unique")


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_exported_during_a_renegotiation_and_afterwards_it_differs(role: str) -> None:
    ours, theirs = connected(role, policy=renegotiable())
    before = ours.connection.export_keying_material(LABEL, None, 32)
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    server.receive(client.take())
    with pytest.raises(UsageError, match="during a renegotiation"):
        ours.connection.export_keying_material(LABEL, None, 32)
    with pytest.raises(UsageError, match="during a renegotiation"):
        ours.connection.channel_binding("tls-unique")
    talk(ours, theirs)
    assert ours.connection.export_keying_material(LABEL, None, 32) != before


def test_without_rfc_7627_an_exporter_does_not_authenticate() -> None:
    client, server = connected("client", policy=LENIENT, mine={"rewrite": without_ems})
    for end in (client, server):
        with pytest.raises(UsageError, match="RFC 7627"):
            end.connection.export_keying_material(LABEL, None, 32)
    one, two = (
        end.connection.export_keying_material(LABEL, None, 32, for_authentication=False) for end in (client, server)
    )
    assert one == two


@pytest.mark.parametrize(
    "label", ["client finished", "server finished", "master secret", "key expansion", "extended master secret"]
)
def test_labels_of_tls_itself_cannot_be_exported_under(label: str) -> None:
    client, _ = connected("client")
    with pytest.raises(UsageError, match="label"):
        client.connection.export_keying_material(label, None, 32)


@pytest.mark.parametrize("length", [0, -1])
def test_an_export_of_no_bytes_is_a_usage_error(length: int) -> None:
    client, _ = connected("client")
    with pytest.raises(UsageError, match="length"):
        client.connection.export_keying_material(LABEL, None, length)


def test_a_context_that_is_too_long_is_a_usage_error() -> None:
    client, _ = connected("client")
    assert client.connection.export_keying_material(LABEL, bytes(65_535), 16)
    with pytest.raises(UsageError, match="65,535"):
        client.connection.export_keying_material(LABEL, bytes(65_536), 16)


def test_exports_are_there_after_the_connection_was_closed() -> None:
    client, server = connected("client")
    client.close()
    talk(client, server)
    one, two = (end.connection.export_keying_material(LABEL, None, 16) for end in (client, server))
    assert one == two


# --- channel bindings -------------------------------------------------------------------------------------

KINDS = ("tls-unique", "tls-server-end-point", "tls-exporter")


@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_bind_to_the_same_value_and_other_connections_to_another(kind: str) -> None:
    client, server = connected("client")
    again, _ = connected("client")
    value = client.connection.channel_binding(kind)
    assert server.connection.channel_binding(kind) == value
    assert (again.connection.channel_binding(kind) == value) is (kind == "tls-server-end-point")


@pytest.mark.parametrize("kind", ["tls-server", "", "TLS-UNIQUE"])
def test_a_kind_of_binding_that_nobody_knows_is_a_usage_error(kind: str) -> None:
    client, _ = connected("client")
    with pytest.raises(UsageError, match="tls-unique, tls-server-end-point, tls-exporter"):
        client.connection.channel_binding(kind)


def finished_seen() -> tuple[dict[str, bytes], Callable[[str, Unit, int], None]]:
    """What each side's last Finished said, and the watcher that notes it."""
    seen: dict[str, bytes] = {}

    def watch(sender: str, message: Unit, size: int) -> None:
        if isinstance(message, Finished):
            seen[sender] = message.verify_data

    return seen, watch


def test_tls_unique_is_the_clients_finished_and_the_servers_when_resumed() -> None:
    seen, watch = finished_seen()
    client, _ = connected("client", mine={"on_message": watch})
    assert client.connection.channel_binding("tls-unique") == seen["client"]
    stores = {name: {"sessions": MemorySessionStore()} for name in ROLES}
    for _ in range(2):
        client, server = connected("client", mine={"on_message": watch}, **stores)
    assert client.negotiated.resumed
    assert client.connection.channel_binding("tls-unique") == seen["server"]
    assert server.connection.channel_binding("tls-unique") == seen["server"]


def test_tls_unique_is_that_of_the_latest_handshake() -> None:
    seen, watch = finished_seen()
    client, server = connected("client", policy=renegotiable(), mine={"on_message": watch})
    first = client.connection.channel_binding("tls-unique")
    client.connection.renegotiate()
    talk(client, server)
    assert client.connection.channel_binding("tls-unique") == seen["client"] != first


@pytest.mark.parametrize("again", [False, True])
def test_tls_unique_is_refused_without_rfc_7627(again: bool) -> None:
    options: dict[str, Any] = {"policy": LENIENT, "mine": {"rewrite": without_ems}}
    for end in resumed(**options) if again else connected("client", **options):
        with pytest.raises(UsageError, match="RFC 7627"):
            end.connection.channel_binding("tls-unique")


@pytest.mark.parametrize("resume", [False, True])
def test_tls_server_end_point_is_the_hash_of_the_leaf(resume: bool) -> None:
    client, server = resumed() if resume else connected("client")
    leaf = stapled_credential().certificate_list[0]
    for end in (client, server):
        assert end.connection.channel_binding("tls-server-end-point") == hashlib.sha256(leaf).digest()


def test_tls_server_end_point_uses_sha_256_for_certificates_signed_with_sha_1() -> None:
    credential = credential_of(pki.sha1_signature())
    client, _ = connected("client", server={"credentials": (credential,)})
    leaf = credential.certificate_list[0]
    assert client.connection.channel_binding("tls-server-end-point") == hashlib.sha256(leaf).digest()


def test_tls_server_end_point_uses_the_hash_of_the_signature() -> None:
    issued = pki.root("ecdsa-p384").issue(*pki.NAMES)
    client, _ = connected("client", server={"credentials": (credential_of(issued),)})
    algorithm = issued.leaf.signature_hash_algorithm
    assert algorithm is not None
    expected = hashlib.new(algorithm.name, issued.chain_der[0]).digest()
    assert client.connection.channel_binding("tls-server-end-point") == expected


def test_tls_server_end_point_is_undefined_for_certificates_signed_with_eddsa() -> None:
    credential = credential_of(pki.ed25519_chain())
    client, _ = connected("client", server={"credentials": (credential,)})
    with pytest.raises(UsageError, match="EdDSA"):
        client.connection.channel_binding("tls-server-end-point")
    for end in resumed(server={"credentials": (credential,)}):
        with pytest.raises(UsageError, match="undefined for"):
            end.connection.channel_binding("tls-server-end-point")


def test_tls_server_end_point_is_refused_for_a_signature_algorithm_that_nobody_knows() -> None:
    issued = pki.root("rsa-2048").issue(*pki.NAMES)
    sha256_with_rsa, unassigned = (bytes.fromhex("2a864886f70d0101") + bytes([last]) for last in (11, 99))
    leaf = x509.load_der_x509_certificate(issued.chain_der[0].replace(sha256_with_rsa, unassigned))
    client, server = connected(
        "client",
        client={"verifier": AcceptAnyPeer()},
        server={"credentials": (Credential.from_objects((leaf,), issued.private_key),)},
    )
    for end in (client, server):
        with pytest.raises(UsageError, match="signature algorithm is known"):
            end.connection.channel_binding("tls-server-end-point")


def test_tls_server_end_point_needs_a_certificate() -> None:
    client, server = connected(
        "client", policy=PSK_POLICY, client={"psk": PSK}, server={"psk": {PSK.identity: PSK.key}, "credentials": ()}
    )
    for end in (client, server):
        with pytest.raises(UsageError, match="needs a server certificate"):
            end.connection.channel_binding("tls-server-end-point")


def test_tls_exporter_is_32_bytes_under_its_own_label_with_an_empty_context() -> None:
    client, _ = connected("client")
    value = client.connection.channel_binding("tls-exporter")
    assert value == client.connection.export_keying_material("EXPORTER-Channel-Binding", b"", 32)


def test_tls_exporter_needs_rfc_7627() -> None:
    client, _ = connected("client", policy=LENIENT, mine={"rewrite": without_ems})
    with pytest.raises(UsageError, match="extended master secret"):
        client.connection.channel_binding("tls-exporter")


def test_tls_exporter_is_undefined_after_a_renegotiation_but_not_after_a_refused_one() -> None:
    client, server = connected("client", client={"policy": renegotiable()})
    client.connection.renegotiate()
    talk(client, server)
    assert client.connection.channel_binding("tls-exporter") == server.connection.channel_binding("tls-exporter")
    client, server = connected("client", policy=renegotiable())
    client.connection.renegotiate()
    talk(client, server)
    for end in (client, server):
        with pytest.raises(UsageError, match="after a renegotiation"):
            end.connection.channel_binding("tls-exporter")


# --- the key log ------------------------------------------------------------------------------------------


def test_both_ends_log_the_same_secret_under_the_clients_random() -> None:
    logs = {name: KeyLog() for name in ROLES}
    client, _ = connected("client", **{name: {"keylog": logs[name]} for name in ROLES})
    one, two = (log.find(client.negotiated.client_random) for log in logs.values())
    assert one == two
    assert one is not None
    assert len(one) == 48


def test_a_resumption_logs_its_secret_under_its_own_random() -> None:
    log = KeyLog()
    stores: dict[str, Any] = {"client": {"sessions": MemorySessionStore(), "keylog": log}}
    stores["server"] = {"sessions": MemorySessionStore()}
    first, _ = connected("client", **stores)
    second, _ = connected("client", **stores)
    assert second.negotiated.resumed
    assert log.find(first.negotiated.client_random) == log.find(second.negotiated.client_random)
    assert len(log) == 2


def test_a_renegotiation_logs_another_secret() -> None:
    log = KeyLog()
    client, server = connected("client", policy=renegotiable(), server={"keylog": log})
    client.connection.renegotiate()
    talk(client, server)
    assert len({entry.secret for entry in log}) == 2


def test_the_log_is_written_before_anything_is_encrypted_with_the_secret() -> None:
    log = KeyLog()
    client, server = pair("client", client={"keylog": log})
    client.start()
    server.receive(client.take())
    assert len(log) == 0
    client.receive(server.take())
    assert len(log) == 1


# --- what stays hidden ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256])
def test_no_repr_shows_a_secret(suite: CipherSuite) -> None:
    log = KeyLog()
    seen: list[str] = []
    client, server = connected(
        "client",
        policy=Policy.default().replace(cipher_suites=(suite,)),
        client={"keylog": log, "psk": PSK},
        server={"sessions": MemorySessionStore(), "ticket_keys": TicketKeys.generate()},
    )
    master = next(iter(log)).secret
    for end in (client, server):
        connection = end.connection
        shown = (
            connection,
            connection.config,
            connection.session,
            connection.negotiated,
            connection._core.handshakes.established,
        )
        seen += map(
            repr,
            (
                *shown,
                *end.events,
                log,
                connection._core.outgoing.writer,
                connection._core.incoming.reader,
                connection._core.incoming.reader.state,
            ),
        )
    for text in seen:
        assert repr(master)[2:-1] not in text
        assert master.hex() not in text
        assert repr(PSK.key)[2:-1] not in text


def test_an_error_of_the_application_is_not_spelled_out_to_the_peer() -> None:
    class Secretive(Exception):
        def __str__(self) -> str:
            return "the key is 42"

    def fail(_: bytes) -> bytes:
        raise Secretive from BOOM

    ours, theirs = pair("server", policy=PSK_POLICY, client={"psk": PSK}, server={"psk": fail})
    with pytest.raises(Secretive):
        talk(ours, theirs)
    assert "42" not in str(ours.connection.error)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_a_connection_is_neither_pickled_nor_copied(role: str, duplicate: Callable[[object], object]) -> None:
    """Its keys would be written down, or two would count records under the same key."""
    begun, _ = pair(role)
    ours, _ = connected(role)
    for connection in (begun.connection, ours.connection):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            duplicate(connection)
    with pytest.raises(TypeError, match="holds secrets"):
        duplicate(ours.connection._core.handshakes.established)


FLAWS: dict[str, dict[str, Any]] = {
    "a wrong Finished": {"rewrite": lambda message: [spoilt(message, Finished)]},
    "a wrong signature": {"rewrite": lambda message: [spoilt(message, ServerKeyExchange)]},
    "an unknown issuer": {},
}


def spoilt(message: Unit, kind: type[Unit]) -> Unit:
    """The message with its last byte changed, if it is of this class."""
    if not isinstance(message, kind):
        return message
    assert not isinstance(message, ChangeCipherSpec)
    data = messages.serialize(message)
    return messages.parse(data[:-1] + bytes([data[-1] ^ 1]), Context(KeyExchangeAlgorithm.ECDHE))


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS.keys())
def test_the_error_of_a_failed_connection_holds_no_frames_and_so_no_secrets(flaw: dict[str, Any]) -> None:
    """A reporter that prints the local variables of each frame would print a premaster secret."""
    verifier = AcceptAnyPeer() if flaw else X509Verifier(TrustStore.from_pem(pki.trusted_pem()))
    stranger = {"credentials": (credential_of(pki.untrusted_issuer()),)}
    theirs, ours = pair("server", client={"verifier": verifier}, server=stranger, mine=flaw)
    talk(theirs, ours)
    error: BaseException | None = ours.error
    assert error is not None
    while error is not None:
        assert error.__traceback__ is None
        assert error.__context__ is None
        error = error.__cause__
