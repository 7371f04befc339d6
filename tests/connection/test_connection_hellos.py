"""One fault in one hello, or in what follows it, at a time: who finds it, and with which alert.

How it works: the peer is an honest connection with a rewrite hook that changes one message. The checklists
(tests/checklists) ask the same questions byte by byte and from outside; here each check of the stories is met once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.ends import AUTHENTICATED, Ours, connected, other, pair, stapled_credential, talk
from tls12 import (
    Alert,
    CipherSuite,
    ClientAuth,
    MemorySessionStore,
    NamedGroup,
    PeerAlert,
    PeerIncompatible,
    Policy,
    Session,
    SignatureScheme,
    TicketKeys,
)
from tls12.handshake.engine import Unit
from tls12.registry import CertificateStatusType, CompressionMethod, ECPointFormat, ProtocolVersion
from tls12.wire.certificates import Certificate, CertificateStatus, CertificateVerify
from tls12.wire.closing import ChangeCipherSpec, NewSessionTicket
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    MaxFragmentLength,
    RecordSizeLimit,
    RenegotiationInfo,
    SignatureAlgorithms,
    SupportedGroups,
    SupportedVersions,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ServerKeyExchange

GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
CBC = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
DHE = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256


def with_extension(extension: Extension) -> Callable[[Any], Unit]:
    """The hello with this extension, in place of the one of its type."""
    return lambda hello: replace(
        hello, extensions=(*(e for e in hello.extensions if type(e) is not type(extension)), extension)
    )


def without(*kinds: type[Extension]) -> Callable[[Any], Unit]:
    """The hello without extensions of these types."""
    return lambda hello: replace(hello, extensions=tuple(e for e in hello.extensions if not isinstance(e, kinds)))


def changed(**fields: Any) -> Callable[[Any], Unit]:
    """The message with other fields."""
    return lambda message: replace(message, **fields)


def signed_with(scheme: SignatureScheme) -> Callable[[Any], Unit]:
    """The key share, signed under another name."""
    return lambda share: replace(share, signature=replace(share.signature, algorithm=scheme))


@dataclass
class Fault:
    """What is changed, and what comes of it."""

    name: str
    message: type
    change: Callable[[Any], Unit]
    alert: Alert
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def finder(self) -> str:
        """The role of who receives it."""
        return "server" if self.message in (ClientHello, CertificateVerify) else "client"

    def hook(self, message: Unit) -> Iterable[Unit]:
        return [self.change(message) if isinstance(message, self.message) else message]


P256_ONLY = {"client": {"policy": Policy.default().replace(groups=(NamedGroup.X25519,))}}
DHE_ONLY = {
    "policy": Policy.compatible().replace(cipher_suites=(DHE,)),
    "server": {"credentials": (stapled_credential("rsa-2048"),)},
}
OLD = changed(server_version=ProtocolVersion.TLS_1_1)
PSS, P384 = SignatureScheme.RSA_PSS_RSAE_SHA256, SignatureScheme.ECDSA_SHA1

STRICT: dict[str, Any] = {"policy": Policy.strict()}
FAULTS = (
    Fault("another version", ServerHello, OLD, Alert.PROTOCOL_VERSION),
    Fault("a suite not offered", ServerHello, changed(cipher_suite=CBC), Alert.ILLEGAL_PARAMETER),
    Fault("compression", ServerHello, changed(compression_method=CompressionMethod.of(1)), Alert.ILLEGAL_PARAMETER),
    Fault("an extension not offered", ServerHello, with_extension(MaxFragmentLength(2)), Alert.UNSUPPORTED_EXTENSION),
    Fault("no renegotiation_info", ServerHello, without(RenegotiationInfo), Alert.HANDSHAKE_FAILURE),
    Fault("no extended_master_secret", ServerHello, without(ExtendedMasterSecret), Alert.HANDSHAKE_FAILURE, STRICT),
    Fault(
        "encrypt_then_mac for an AEAD suite",
        ServerHello,
        with_extension(EncryptThenMac()),
        Alert.ILLEGAL_PARAMETER,
        {"client": {"policy": Policy.compatible()}},
    ),
    Fault(
        "compressed points only",
        ServerHello,
        with_extension(ECPointFormats((ECPointFormat.of(1),))),
        Alert.ILLEGAL_PARAMETER,
    ),
    Fault(
        "another max_fragment_length",
        ServerHello,
        with_extension(MaxFragmentLength(1)),
        Alert.ILLEGAL_PARAMETER,
        {"client": {"max_fragment_length": 2048}},
    ),
    Fault(
        "max_fragment_length and record_size_limit",
        ServerHello,
        with_extension(MaxFragmentLength(3)),
        Alert.ILLEGAL_PARAMETER,
        {"client": {"max_fragment_length": 2048}},
    ),
    Fault(
        "a record_size_limit above 2^14",
        ServerHello,
        with_extension(RecordSizeLimit(16_385)),
        Alert.ILLEGAL_PARAMETER,
    ),
    Fault(
        "a protocol not offered",
        ServerHello,
        with_extension(ApplicationLayerProtocolNegotiation((b"h3",))),
        Alert.ILLEGAL_PARAMETER,
        {"alpn_protocols": ("h2",)},
    ),
    Fault("no certificates", Certificate, lambda _: Certificate(()), Alert.DECODE_ERROR),
    Fault(
        "a key of another kind",
        Certificate,
        lambda _: Certificate(stapled_credential("rsa-2048").certificate_list),
        Alert.ILLEGAL_PARAMETER,
    ),
    Fault(
        "a certificate on a curve not offered",
        Certificate,
        lambda _: Certificate(stapled_credential("ecdsa-p384").certificate_list),
        Alert.ILLEGAL_PARAMETER,
        {"client": {"policy": Policy.default().replace(groups=(NamedGroup.X25519, NamedGroup.SECP256R1))}},
    ),
    Fault(
        "a staple of another type",
        CertificateStatus,
        lambda _: CertificateStatus(CertificateStatusType.OCSP_MULTI, b"", (b"\x30\x00",)),
        Alert.ILLEGAL_PARAMETER,
    ),
    Fault("a scheme not offered", ServerKeyExchange, signed_with(P384), Alert.ILLEGAL_PARAMETER),
    Fault("a scheme of another key", ServerKeyExchange, signed_with(PSS), Alert.ILLEGAL_PARAMETER),
    Fault(
        "supported_versions without 1.2",
        ClientHello,
        with_extension(SupportedVersions((ProtocolVersion.TLS_1_3,))),
        Alert.PROTOCOL_VERSION,
    ),
    Fault("an older version", ClientHello, changed(client_version=0x0302), Alert.PROTOCOL_VERSION),
    Fault(
        "no null compression",
        ClientHello,
        changed(compression_methods=(CompressionMethod.of(1),)),
        Alert.ILLEGAL_PARAMETER,
    ),
    Fault(
        "compressed points only, from a client",
        ClientHello,
        with_extension(ECPointFormats((ECPointFormat.of(1),))),
        Alert.ILLEGAL_PARAMETER,
    ),
    Fault("no secure renegotiation", ClientHello, without(RenegotiationInfo), Alert.HANDSHAKE_FAILURE, STRICT),
    Fault(
        "no group of ours",
        ClientHello,
        with_extension(SupportedGroups((NamedGroup.SECP256K1,))),
        Alert.HANDSHAKE_FAILURE,
        {"server": {"credentials": (stapled_credential("rsa-2048"),)}},
    ),
    Fault(
        "no finite-field group of ours",
        ClientHello,
        with_extension(SupportedGroups((NamedGroup.of(0x1FF),))),
        Alert.INSUFFICIENT_SECURITY,
        DHE_ONLY,
    ),
    Fault(
        "no scheme of ours",
        ClientHello,
        with_extension(SignatureAlgorithms((P384,))),
        Alert.HANDSHAKE_FAILURE,
    ),
    Fault("no schemes at all", ClientHello, without(SignatureAlgorithms), Alert.HANDSHAKE_FAILURE),
    Fault("a suite nobody has", ClientHello, changed(cipher_suites=(CipherSuite.of(0xFEFE),)), Alert.HANDSHAKE_FAILURE),
    Fault("a client's scheme not offered", CertificateVerify, changed(algorithm=P384), Alert.ILLEGAL_PARAMETER),
    Fault("a client's scheme of another key", CertificateVerify, changed(algorithm=PSS), Alert.ILLEGAL_PARAMETER),
)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_in_one_message_is_found_by_its_receiver(fault: Fault) -> None:
    options = {**(AUTHENTICATED if fault.message is CertificateVerify else {}), **fault.options}
    theirs, ours = pair(other(fault.finder), mine={"rewrite": fault.hook}, **options)
    talk(theirs, ours)
    assert not ours.completed
    assert ours.error is not None
    assert ours.error.alert is fault.alert, ours.error
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is fault.alert


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_without_the_fault_the_same_two_complete(fault: Fault) -> None:
    if fault.name == "a certificate on a curve not offered":
        fault.options["server"] = {"credentials": (stapled_credential("rsa-2048"),)}
    options = {**(AUTHENTICATED if fault.message is CertificateVerify else {}), **fault.options}
    ours, _ = connected(fault.finder, **options)
    assert ours.completed


# --- in a resumption --------------------------------------------------------------------------------------


def resuming(role: str, message: type, change: Callable[[Any], Unit], **options: Any) -> tuple[Ours, Ours]:
    """Our end in this role, resuming a session with a peer that changes one message."""
    client, _ = connected("client", **options)
    session = client.connection.session
    assert session is not None

    def hook(unit: Unit) -> Iterable[Unit]:
        return [change(unit) if isinstance(unit, message) else unit]

    if role == "server":
        theirs, ours = pair("client", mine={"session": session, "rewrite": hook}, **options)
    else:
        ours, _ = pair("client", mine={"session": session}, **options)
        theirs, _ = pair("server", mine={"rewrite": hook}, **options)
    talk(theirs, ours)
    return ours, theirs


def store() -> dict[str, Any]:
    """A server that resumes by id."""
    return {"server": {"sessions": MemorySessionStore()}}


def test_a_server_may_not_resume_with_another_suite() -> None:
    suite = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    ours, _ = resuming("client", ServerHello, changed(cipher_suite=suite), **store())
    assert ours.error is not None
    assert ours.error.alert is Alert.ILLEGAL_PARAMETER
    assert "resumes with" in str(ours.error)


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_resumption_may_not_drop_extended_master_secret(role: str) -> None:
    message = ServerHello if role == "client" else ClientHello
    ours, _ = resuming(role, message, without(ExtendedMasterSecret), policy=Policy.legacy_device(), **store())
    assert ours.error is not None
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE
    assert ours.error.rule == "RFC 7627 5.3"


@pytest.mark.parametrize("by", ["id", "ticket"])
def test_a_resumption_needs_its_suite_among_those_offered(by: str) -> None:
    options = store() if by == "id" else {"server": {"ticket_keys": TicketKeys.generate()}}
    kept = Policy.default().cipher_suites[2:3]
    ours, _ = resuming("server", ClientHello, changed(cipher_suites=kept), **options)
    if by == "id":
        assert ours.error is not None
        assert ours.error.alert is Alert.ILLEGAL_PARAMETER
    else:
        assert ours.error is None or not ours.completed


def test_an_empty_ticket_is_no_ticket() -> None:
    def empty(_: Unit) -> Unit:
        return NewSessionTicket(60, b"")

    def hook(message: Unit) -> Iterable[Unit]:
        return [empty(message) if isinstance(message, NewSessionTicket) else message]

    _, client = connected("server", server={"ticket_keys": TicketKeys.generate()}, mine={"rewrite": hook})
    assert client.connection.session is None


def test_a_resumption_keeps_the_fragment_length_of_its_session() -> None:
    plain = Policy.compatible().replace(record_size_limit=False)
    seen: list[Session] = []
    stores = store()
    for resumed in (False, True):
        options = {"mine": {"session": seen[0]}} if seen else {}
        client, server = connected("client", policy=plain, client={"max_fragment_length": 512}, **options, **stores)
        assert client.negotiated.resumed is resumed
        assert client.negotiated.record_size_limit == server.negotiated.record_size_limit == 512
        assert client.connection.session is not None
        seen.append(client.connection.session)
        server.send(bytes(1025))
        client.receive(server.take())
        assert [len(event.data) for event in client.events[-3:]] == [512, 512, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("payload", [b"\x02", b"\x01\x01"])
def test_a_changecipherspec_is_the_one_byte_1(role: str, payload: bytes) -> None:
    class Odd(ChangeCipherSpec):
        def to_bytes(self) -> bytes:
            return payload

    def hook(message: Unit) -> Iterable[Unit]:
        return [Odd() if isinstance(message, ChangeCipherSpec) else message]

    theirs, ours = pair(other(role), mine={"rewrite": hook})
    talk(theirs, ours)
    assert ours.error is not None
    assert ours.error.alert is Alert.UNEXPECTED_MESSAGE


@pytest.mark.parametrize("required", [False, True])
def test_a_client_without_a_fitting_credential_goes_on_or_fails_as_configured(required: bool) -> None:

    server = {**AUTHENTICATED["server"], "client_auth": ClientAuth.OPTIONAL}
    client, server_end = pair("client", client={"require_credential": required}, server=server)
    talk(client, server_end)
    if required:
        assert isinstance(client.error, PeerIncompatible)
    else:
        assert client.completed


def test_a_client_that_must_show_a_certificate_and_has_none_is_refused() -> None:
    server, client = pair("server", server=AUTHENTICATED["server"])
    talk(server, client)
    assert server.error is not None
    assert server.error.alert is Alert.HANDSHAKE_FAILURE
    assert isinstance(client.error, PeerAlert)
