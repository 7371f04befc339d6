"""Server, extensions: section S5 of the checklists."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel
from tests.checklists.forge import Forger
from tls12 import (
    Alert,
    CipherSuite,
    Credential,
    Limits,
    MemorySessionStore,
    NamedGroup,
    Policy,
    Psk,
    Renegotiation,
    SignatureScheme,
    TicketKeys,
)
from tls12.crypto import signatures
from tls12.lab import policy as lab_policy
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.registry import CertificateStatusType, ContentType, ECPointFormat, ExtensionType
from tls12.resumption.sessions import Session
from tls12.wire import messages
from tls12.wire.certificates import Certificate, CertificateStatus
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    MaxFragmentLength,
    OcspStatusRequest,
    RawExtension,
    RecordSizeLimit,
    RenegotiationInfo,
    ServerNameAck,
    SessionTicket,
    SignatureAlgorithms,
    SignatureAlgorithmsCert,
    StatusRequest,
    StatusRequestAck,
    StatusRequestItem,
    StatusRequestV2,
    SupportedGroups,
)
from tls12.wire.hello import ServerHello
from tls12.wire.key_exchange import EcdheParams, ServerKeyExchange

DATA = ContentType.APPLICATION_DATA
ECDSA_GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
RSA_GCM = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
RSA_CBC = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
PLAIN_RSA = CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256
DHE_RSA = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
RENEGOTIATE = Policy.compatible().replace(renegotiation=Renegotiation.ALLOW)
LEGACY = Policy.legacy_device()
E, S = ExtensionType, SignatureScheme
ANY = Limits.of_the_format()


def offering(
    *extensions: Extension, suites: tuple[CipherSuite, ...] = (), without: tuple[type[Any], ...] = (), **config: Any
) -> AgainstServer:
    """A ClientHello with these extensions, and what the server makes of it; not yet carried further."""
    kinds = config.pop("kinds", ("ecdsa-p256", "rsa-2048"))
    duel = AgainstServer(*kinds, **config)
    hello = without_extensions(duel.script.hello(*suites), *without)
    return duel.hello(hello=with_extensions(hello, *extensions))


def raw(kind: ExtensionType, body: str) -> RawExtension:
    return RawExtension(kind, bytes.fromhex(body))


def schemes(*codes: int) -> SignatureAlgorithms:
    return SignatureAlgorithms(tuple(map(S.of, codes)))


def groups(*codes: int) -> SupportedGroups:
    return SupportedGroups(tuple(map(NamedGroup.of, codes)))


def answer(duel: AgainstServer) -> ServerHello:
    hello = duel.script.last(ServerHello)
    assert hello is not None, str(duel.subject.error)
    return hello


def signed_with(duel: AgainstServer) -> SignatureScheme:
    """The scheme of the ServerKeyExchange, after its signature has been verified."""
    share, chain = duel.script.last(ServerKeyExchange), duel.script.last(Certificate)
    assert share is not None, str(duel.subject.error)
    assert chain is not None
    assert share.signature is not None
    assert duel.script.client_hello is not None
    key = x509.load_der_x509_certificate(chain.certificate_list[0]).public_key()
    signed = duel.script.client_hello.random + answer(duel).random + share.params_bytes()
    signatures.verify(key, share.signature.algorithm, share.signature.signature, signed)
    return share.signature.algorithm


def complete(duel: AgainstServer) -> AgainstServer:
    return duel.key_exchange().finish()


# -- S5.1 to S5.4 signature_algorithms ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["", "00", "0000", "0001040300", "0003040304", "000604030804", "000204", "0002040300", "00020403000204"],
)
@refuses("S5.1", Alert.DECODE_ERROR)
def test_signature_algorithms_of_wrong_framing_are_refused(body: str) -> Duel:
    return offering(raw(E.SIGNATURE_ALGORITHMS, body))


@accepts("S5.1")
def test_unknown_repeated_and_very_many_signature_schemes_are_ignored() -> Duel:
    many = [0xF000 + n % 4096 if n % 2 else 0x0403 for n in range(32_700)]
    duel = offering(schemes(0xFEFE, *many), limits=ANY)
    assert signed_with(duel) is S.ECDSA_SECP256R1_SHA256
    return complete(duel)


LISTS = {
    E.SIGNATURE_ALGORITHMS: schemes(*range(0xF000, 0xF000 + 401)),
    E.SIGNATURE_ALGORITHMS_CERT: SignatureAlgorithmsCert(tuple(map(S.of, range(0xF000, 0xF000 + 401)))),
    E.SUPPORTED_GROUPS: SupportedGroups(tuple(map(NamedGroup.of, range(0xF000, 0xF000 + 401)))),
    E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: ApplicationLayerProtocolNegotiation((b"a",) * 401),
    E.STATUS_REQUEST: StatusRequest(CertificateStatusType.OCSP, (b"r",) * 401, b""),
}


@pytest.mark.parametrize("kind", LISTS, ids=str)
@refuses("S5.1", Alert.HANDSHAKE_FAILURE)
def test_a_list_with_more_entries_than_the_limits_allow_is_refused(kind: ExtensionType) -> Duel:
    return offering(LISTS[kind])


@pytest.mark.parametrize("codes", [(0x0101, 0x0103), (0x0101,), (0xFEFE, 0x0A0A), (0x0000,), (0x0704, 0x0302)])
@refuses("S5.2", Alert.HANDSHAKE_FAILURE)
def test_signature_algorithms_with_nothing_usable_are_refused(codes: tuple[int, ...]) -> Duel:
    return offering(schemes(*codes))


@pytest.mark.parametrize(("codes", "expected"), [((0x0101, 0x0401), 0x0401), ((0x0103, 0x0101, 0x0403), 0x0403)])
@accepts("S5.2")
def test_md5_first_in_the_list_is_skipped(codes: tuple[int, ...], expected: int) -> Duel:
    duel = offering(schemes(*codes))
    assert signed_with(duel) == expected
    return complete(duel)


@pytest.mark.parametrize("suites", [(ECDSA_GCM,), (RSA_GCM,), (DHE_RSA,)], ids=str)
@refuses("S5.3", Alert.HANDSHAKE_FAILURE)
def test_signature_algorithms_absent_is_refused_by_a_policy_without_sha_1(suites: tuple[CipherSuite, ...]) -> Duel:
    return offering(suites=suites, without=(SignatureAlgorithms,))


@refuses("S5.3", Alert.HANDSHAKE_FAILURE)
def test_signature_algorithms_cert_alone_does_not_replace_signature_algorithms() -> Duel:
    listed = SignatureAlgorithmsCert((S.ECDSA_SECP256R1_SHA256, S.RSA_PSS_RSAE_SHA256))
    return offering(listed, without=(SignatureAlgorithms,))


@pytest.mark.parametrize(("suite", "expected"), [(ECDSA_GCM, S.ECDSA_SHA1), (RSA_GCM, S.RSA_PKCS1_SHA1)], ids=str)
@accepts("S5.3")
def test_signature_algorithms_absent_means_sha_1_to_the_laboratory(
    suite: CipherSuite, expected: SignatureScheme
) -> Duel:
    duel = offering(suites=(suite,), without=(SignatureAlgorithms,), policy=lab_policy())
    assert signed_with(duel) is expected
    return complete(duel)


@accepts("S5.3")
def test_rsa_transport_needs_no_signature_algorithms() -> Duel:
    return complete(offering(suites=(PLAIN_RSA,), without=(SignatureAlgorithms,)))


@pytest.mark.parametrize(
    ("kind", "codes", "expected"),
    [
        ("rsa-2048", (0x0809, 0x0804, 0x0401), S.RSA_PSS_RSAE_SHA256),
        ("rsa-2048", (0x0601,), S.RSA_PKCS1_SHA512),
        ("rsa-pss-2048", (0x0804, 0x0401, 0x080A), S.RSA_PSS_PSS_SHA384),
        ("ecdsa-p384", (0x0403,), S.ECDSA_SECP256R1_SHA256),
        ("ecdsa-p256", (0x0603,), S.ECDSA_SECP521R1_SHA512),
        ("ed25519", (0x0403, 0x0807), S.ED25519),
    ],
)
@accepts("S5.4")
def test_the_key_share_is_signed_with_an_offered_scheme_that_fits_the_key(
    kind: str, codes: tuple[int, ...], expected: SignatureScheme
) -> Duel:
    duel = offering(schemes(*codes), kinds=(kind,))
    assert signed_with(duel) is expected
    return complete(duel)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("rsa-2048", (0x0809, 0x080A, 0x080B)),
        ("rsa-pss-2048", (0x0804, 0x0401)),
        ("rsa-2048", (0x0403,)),
        ("ecdsa-p256", (0x0804, 0x0807)),
        ("ed25519", (0x0403, 0x0808)),
    ],
)
@refuses("S5.4", Alert.HANDSHAKE_FAILURE)
def test_schemes_for_another_kind_of_key_are_refused(kind: str, codes: tuple[int, ...]) -> Duel:
    return offering(schemes(*codes), kinds=(kind,))


# -- S5.5 to S5.7 curves ------------------------------------------------------------------------------------


@refuses("S5.5", Alert.HANDSHAKE_FAILURE)
def test_an_ecdsa_certificate_on_a_curve_that_the_client_lacks_is_not_used() -> Duel:
    return offering(groups(29, 23), kinds=("ecdsa-p384",))


@accepts("S5.5")
def test_another_credential_takes_the_place_of_one_on_a_curve_that_the_client_lacks() -> Duel:
    duel = offering(groups(29, 23), kinds=("ecdsa-p384", "rsa-2048"))
    assert answer(duel).cipher_suite is RSA_GCM
    return complete(duel)


@accepts("S5.6")
def test_without_supported_groups_p_256_is_used() -> Duel:
    duel = offering(without=(SupportedGroups,))
    share = duel.script.last(ServerKeyExchange)
    assert share is not None
    assert isinstance(share.params, EcdheParams)
    assert share.params.group is NamedGroup.SECP256R1
    return complete(duel)


@pytest.mark.parametrize("suite", [PLAIN_RSA, DHE_RSA], ids=str)
@accepts("S5.6")
def test_with_unknown_groups_only_a_suite_without_curves_is_used(suite: CipherSuite) -> Duel:
    duel = offering(groups(0x1A1A, 1, 2, 22), suites=(ECDSA_GCM, RSA_GCM, suite))
    assert answer(duel).cipher_suite is suite
    return complete(duel)


@refuses("S5.6", Alert.HANDSHAKE_FAILURE)
def test_with_unknown_groups_and_suites_on_curves_only_there_is_no_handshake() -> Duel:
    return offering(groups(0x1A1A, 1, 2, 22))


@accepts("S5.6")
def test_hybrid_groups_are_ignored() -> Duel:
    duel = offering(groups(0x11EC, 0x6399, 0x11EB, 23))
    share = duel.script.last(ServerKeyExchange)
    assert share is not None
    assert isinstance(share.params, EcdheParams)
    assert share.params.group is NamedGroup.SECP256R1
    return complete(duel)


@pytest.mark.parametrize("body", ["", "00", "0201", "010000"])
@refuses("S5.7", Alert.DECODE_ERROR)
def test_ec_point_formats_that_are_empty_or_badly_framed_are_refused(body: str) -> Duel:
    return offering(raw(E.EC_POINT_FORMATS, body))


@pytest.mark.parametrize("body", ["0101", "020102", "01ff"])
@refuses("S5.7", Alert.ILLEGAL_PARAMETER)
def test_ec_point_formats_without_uncompressed_are_refused(body: str) -> Duel:
    return offering(raw(E.EC_POINT_FORMATS, body))


@accepts("S5.7")
def test_uncompressed_may_stand_anywhere_in_ec_point_formats() -> Duel:
    duel = offering(ECPointFormats(tuple(map(ECPointFormat.of, (1, 2, 0)))))
    assert answer(duel).find(ECPointFormats) == ECPointFormats((ECPointFormat.UNCOMPRESSED,))
    return complete(duel)


@accepts("S5.7")
def test_ec_point_formats_is_not_answered_if_not_sent() -> Duel:
    duel = offering(without=(ECPointFormats,))
    assert answer(duel).find(ECPointFormats) is None
    return complete(duel)


@pytest.mark.parametrize("suite", [PLAIN_RSA, DHE_RSA], ids=str)
@accepts("S5.7")
def test_ec_point_formats_is_not_answered_with_a_suite_without_curves(suite: CipherSuite) -> Duel:
    duel = offering(suites=(suite,))
    assert answer(duel).find(ECPointFormats) is None
    return complete(duel)


# -- S5.8 ALPN ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["", "00", "0000", "000100", "0003026832ff", "0004026832", "0002026832", "000402683203", "00060268320000"]
)
@refuses("S5.8", Alert.DECODE_ERROR)
def test_alpn_of_wrong_framing_is_refused(body: str) -> Duel:
    return offering(raw(E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, body), alpn_protocols=("h2",))


def protocols(*names: bytes) -> ApplicationLayerProtocolNegotiation:
    return ApplicationLayerProtocolNegotiation(names)


@pytest.mark.parametrize("name", [b"H2", b"h", b"h2 ", b"h2\0", b"http/1.1"])
@refuses("S5.8", Alert.NO_APPLICATION_PROTOCOL)
def test_alpn_without_an_exact_match_is_refused(name: bytes) -> Duel:
    return offering(protocols(name), alpn_protocols=("h2",))


@accepts("S5.8")
def test_a_long_list_of_protocols_is_read() -> Duel:
    duel = offering(protocols(*[b"%014d" % n for n in range(1092)], b"h2"), alpn_protocols=("h2",), limits=ANY)
    assert answer(duel).find(ApplicationLayerProtocolNegotiation) == protocols(b"h2")
    return complete(duel)


@accepts("S5.8")
def test_alpn_is_ignored_by_a_server_without_protocols() -> Duel:
    duel = offering(protocols(b"h2"))
    assert answer(duel).find(ApplicationLayerProtocolNegotiation) is None
    return complete(duel)


def resumable(**config: Any) -> tuple[AgainstServer, Session]:
    """A finished handshake with a server that keeps sessions, and the session."""
    store = MemorySessionStore()
    duel = AgainstServer("ecdsa-p256", sessions=store, **config)
    hello = duel.script.hello(session_id=b"")
    complete(duel.hello(hello=hello))
    session = store.get(answer(duel).session_id)
    assert session is not None
    return duel, session


@shows("S5.8", "decided anew")
def test_alpn_is_decided_anew_in_a_resumption() -> None:
    store = MemorySessionStore()
    config: dict[str, Any] = {"sessions": store, "alpn_protocols": ("h2", "http/1.1"), "policy": RENEGOTIATE}
    duel = offering(protocols(b"h2"), kinds=("ecdsa-p256",), **config)
    complete(duel)
    session = store.get(answer(duel).session_id)
    assert session is not None
    again = AgainstServer("ecdsa-p256", **config)
    again.hello(hello=with_extensions(again.script.hello(session_id=session.session_id), protocols(b"http/1.1")))
    assert answer(again).session_id == session.session_id
    assert answer(again).find(ApplicationLayerProtocolNegotiation) == protocols(b"http/1.1")


def speaking(*names: bytes) -> AgainstServer:
    """A connection that may be renegotiated, after a handshake in which the client offered these protocols."""
    config: dict[str, Any] = {"alpn_protocols": ("h2", "http/1.1"), "policy": RENEGOTIATE}
    return complete(offering(*([protocols(*names)] if names else []), kinds=("ecdsa-p256",), **config))


@refuses("S5.8", Alert.NO_APPLICATION_PROTOCOL)
def test_another_application_protocol_is_refused_in_a_renegotiation() -> Duel:
    duel = speaking(b"h2")
    return duel.hello(hello=with_extensions(duel.script.hello(), protocols(b"http/1.1")))


@pytest.mark.parametrize(
    ("first", "second", "answered", "spoken"),
    [
        ((b"http/1.1",), (b"h2", b"http/1.1"), protocols(b"http/1.1"), "http/1.1"),
        ((b"http/1.1",), (), None, "http/1.1"),
        ((), (b"h2",), None, None),
        ((), (), None, None),
    ],
)
@accepts("S5.8")
def test_a_renegotiation_keeps_the_application_protocol(
    first: tuple[bytes, ...], second: tuple[bytes, ...], answered: Extension | None, spoken: str | None
) -> Duel:
    duel = speaking(*first)
    hello = duel.script.hello()
    complete(duel.hello(hello=with_extensions(hello, protocols(*second)) if second else hello))
    assert answer(duel).find(ApplicationLayerProtocolNegotiation) == answered
    assert duel.subject.connection.negotiated is not None
    assert duel.subject.connection.negotiated.alpn_protocol == spoken
    return duel


# -- S5.9 and S5.10 server_name -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "",
        "00",
        "0000",
        "0003000000",
        "00040000",
        "00040000016100",
        "0005000001",
        "0003000001",
        "000400000261",
    ],
)
@refuses("S5.9", Alert.DECODE_ERROR)
def test_server_name_of_wrong_framing_is_refused(body: str) -> Duel:
    return offering(raw(E.SERVER_NAME, body))


def server_name(*names: tuple[int, bytes]) -> RawExtension:
    items = b"".join(bytes([kind]) + len(name).to_bytes(2) + name for kind, name in names)
    return RawExtension(E.SERVER_NAME, len(items).to_bytes(2) + items)


@refuses("S5.9", Alert.ILLEGAL_PARAMETER)
def test_two_host_names_are_refused() -> Duel:
    return offering(server_name((0, b"server.test"), (0, b"other.test")))


@pytest.mark.parametrize("name", [b"server.test\0", b"a\0.test", b"ser\nver.test", b"\x7f.test", "sérver".encode()])
@refuses("S5.9", Alert.ILLEGAL_PARAMETER)
def test_impossible_characters_in_a_host_name_are_refused(name: bytes) -> Duel:
    return offering(server_name((0, name)))


@refuses("S5.9", Alert.ILLEGAL_PARAMETER)
def test_a_host_name_longer_than_any_is_refused() -> Duel:
    return offering(server_name((0, b"a." * 127 + b"ab")))


@accepts("S5.9")
def test_the_longest_host_name_is_read() -> Duel:
    duel = complete(offering(server_name((0, b"a." * 127 + b"a"))))
    assert duel.subject.negotiated.server_name == "a." * 127 + "a"
    return duel


@accepts("S5.9")
def test_unknown_types_of_names_are_ignored() -> Duel:
    duel = offering(server_name((1, b"\0\xff"), (0, b"server.test"), (255, b"")))
    assert answer(duel).find(ServerNameAck) is not None
    complete(duel)
    assert duel.subject.negotiated.server_name == "server.test"
    return duel


@accepts("S5.10")
def test_an_unknown_host_is_served_without_a_warning_or_an_answer() -> Duel:
    duel = complete(offering(server_name((0, b"nobody.test"))))
    assert not any(kind is ContentType.ALERT for kind, _ in duel.script.records)
    assert answer(duel).find(ServerNameAck) is None
    return duel


@refuses("S5.10", Alert.UNRECOGNIZED_NAME)
def test_an_unknown_host_is_refused_by_a_policy_that_requires_known_names() -> Duel:
    duel = offering(server_name((0, b"nobody.test")), policy=Policy.default().replace(require_known_server_name=True))
    assert [kind for kind, _ in duel.script.records] == [ContentType.ALERT]
    return duel


# -- S5.11 and S5.12 extended_master_secret and encrypt_then_mac --------------------------------------------


@refuses("S5.11", Alert.DECODE_ERROR)
def test_extended_master_secret_with_a_body_is_refused() -> Duel:
    return offering(raw(E.EXTENDED_MASTER_SECRET, "00"))


@pytest.mark.parametrize("offered", [True, False])
@accepts("S5.11")
def test_extended_master_secret_is_echoed_exactly_if_offered(offered: bool) -> Duel:
    duel = offering(without=() if offered else (ExtendedMasterSecret,), policy=LEGACY)
    assert (answer(duel).find(ExtendedMasterSecret) is not None) is offered
    return complete(duel)


@pytest.mark.parametrize("offered", [True, False])
@refuses("S5.11", Alert.BAD_RECORD_MAC)
def test_a_client_that_derives_the_other_way_than_was_echoed_does_not_get_through(offered: bool) -> Duel:
    duel = offering(without=() if offered else (ExtendedMasterSecret,), policy=LEGACY)
    duel.script.send(duel.script.respond())
    duel.script.derive(extended=not offered)
    return duel.finish()


@pytest.mark.parametrize(
    ("suite", "echoed"),
    [
        (RSA_CBC, True),
        (CipherSuite.TLS_RSA_WITH_CAMELLIA_128_CBC_SHA, True),
        (CipherSuite.TLS_RSA_WITH_3DES_EDE_CBC_SHA, True),
        (RSA_GCM, False),
        (CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, False),
        (CipherSuite.TLS_ECDHE_RSA_WITH_RC4_128_SHA, False),
        (CipherSuite.TLS_RSA_WITH_NULL_SHA256, False),
    ],
    ids=str,
)
@accepts("S5.12")
def test_encrypt_then_mac_is_echoed_with_cbc_only(suite: CipherSuite, echoed: bool) -> Duel:
    duel = offering(EncryptThenMac(), suites=(suite,), policy=lab_policy())
    assert (answer(duel).find(EncryptThenMac) is not None) is echoed
    return complete(duel)


@pytest.mark.parametrize("between", [False, True], ids=["at once", "with an AEAD between"])
@refuses("S5.12", Alert.HANDSHAKE_FAILURE)
def test_a_renegotiation_from_encrypt_then_mac_to_mac_then_encrypt_is_refused(between: bool) -> Duel:
    duel = complete(offering(EncryptThenMac(), suites=(RSA_CBC,), policy=RENEGOTIATE))
    if between:
        duel.handshake(RSA_GCM)
    return duel.hello(RSA_CBC)


@accepts("S5.12")
def test_a_renegotiation_may_keep_encrypt_then_mac_or_move_to_an_aead() -> Duel:
    duel = complete(offering(EncryptThenMac(), suites=(RSA_CBC,), policy=RENEGOTIATE))
    duel.handshake(RSA_GCM)
    return complete(duel.hello(hello=with_extensions(duel.script.hello(RSA_CBC), EncryptThenMac())))


# -- S5.13 to S5.15 sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["", "40", "004000", "00400000"])
@refuses("S5.13", Alert.DECODE_ERROR)
def test_record_size_limit_of_a_wrong_length_is_refused(body: str) -> Duel:
    return offering(raw(E.RECORD_SIZE_LIMIT, body))


@pytest.mark.parametrize("body", ["0000", "0001", "003f"])
@refuses("S5.13", Alert.ILLEGAL_PARAMETER)
def test_record_size_limit_under_64_is_refused(body: str) -> Duel:
    return offering(raw(E.RECORD_SIZE_LIMIT, body))


def sizes(duel: AgainstServer, data: bytes) -> list[int]:
    """Send data from the server: the plaintext lengths of its records."""
    before = len(duel.script.records)
    duel.subject.send(data)
    duel.carry()
    return [len(fragment) for _, fragment in duel.script.records[before:]]


@pytest.mark.parametrize("suite", [RSA_GCM, RSA_CBC], ids=str)
@accepts("S5.13")
def test_record_size_limit_bounds_what_we_send_once_it_is_protected(suite: CipherSuite) -> Duel:
    duel = complete(offering(RecordSizeLimit(64), suites=(suite,)))
    clear = [len(fragment) for kind, fragment in duel.script.records if kind is ContentType.HANDSHAKE]
    assert max(clear) > 64  # the handshake in the clear is exempt (RFC 8449 4)
    assert sizes(duel, bytes(200)) == [64, 64, 64, 8]
    return duel


@pytest.mark.parametrize("limit", [2**14, 2**14 + 1, 0xFFFF])
@accepts("S5.13")
def test_record_size_limit_above_16_kib_is_clamped_and_ours_is_at_most_that(limit: int) -> Duel:
    duel = complete(offering(RecordSizeLimit(limit)))
    assert answer(duel).find(RecordSizeLimit) == RecordSizeLimit(2**14)
    assert sizes(duel, bytes(2**14 + 1)) == [2**14, 1]
    return duel


@accepts("S5.13")
def test_a_record_as_large_as_our_limit_is_accepted() -> Duel:
    duel = complete(offering(RecordSizeLimit(2**14), record_size_limit=100))
    assert answer(duel).find(RecordSizeLimit) == RecordSizeLimit(100)
    duel.script.send_record(DATA, bytes(100))
    return duel


@accepts("S5.13")
def test_the_handshake_in_the_clear_is_exempt_from_our_limit() -> Duel:
    duel = offering(RecordSizeLimit(2**14), groups(23), record_size_limit=64)
    assert len(messages.serialize(duel.script.respond())) > 64
    return complete(duel)


@refuses("S5.13", Alert.RECORD_OVERFLOW)
def test_a_record_larger_than_our_limit_is_refused() -> Duel:
    duel = complete(offering(RecordSizeLimit(2**14), record_size_limit=100))
    duel.script.send_record(DATA, bytes(101))
    return duel


@accepts("S5.13")
def test_mac_and_padding_do_not_count_against_our_limit() -> Duel:
    duel = complete(offering(RecordSizeLimit(2**14), suites=(RSA_CBC,), record_size_limit=100))
    data = bytes(100)
    duel.script.send_bytes(Forger(duel.script).cbc(data, bytes([119]) * 120))
    return duel


@shows("S5.13", "negotiated anew")
def test_record_size_limit_is_negotiated_anew_in_a_renegotiation_and_in_a_resumption() -> None:
    store = MemorySessionStore()
    config: dict[str, Any] = {"sessions": store, "policy": RENEGOTIATE}
    duel = complete(offering(RecordSizeLimit(64), kinds=("ecdsa-p256",), **config))
    session = store.get(answer(duel).session_id)
    assert session is not None
    duel.handshake()
    assert sizes(duel, bytes(200)) == [200]
    again = AgainstServer("ecdsa-p256", **config)
    script = again.script
    script.send(with_extensions(script.hello(session_id=session.session_id), RecordSizeLimit(128)))
    again.carry()
    assert answer(again).find(RecordSizeLimit) == RecordSizeLimit(2**14)
    script.resume(session.master_secret)
    again.finish()
    assert sizes(again, bytes(200)) == [128, 72]


@accepts("S5.14")
def test_record_size_limit_goes_before_max_fragment_length() -> Duel:
    duel = complete(offering(RecordSizeLimit(1000), MaxFragmentLength(1)))
    assert answer(duel).find(RecordSizeLimit) is not None
    assert answer(duel).find(MaxFragmentLength) is None
    assert sizes(duel, bytes(1100)) == [1000, 100]
    return duel


@pytest.mark.parametrize("code", [1, 2, 3, 4])
@accepts("S5.15")
def test_max_fragment_length_bounds_everything_that_we_send(code: int) -> Duel:
    duel = complete(offering(MaxFragmentLength(code)))
    assert answer(duel).find(MaxFragmentLength) == MaxFragmentLength(code)
    size = 256 << code
    assert all(len(fragment) <= size for _, fragment in duel.script.records)
    if code == 1:
        assert sum(len(fragment) for _, fragment in duel.script.records) > 512
    assert sizes(duel, bytes(size + 1)) == [size, 1]
    return duel


@pytest.mark.parametrize("code", [1, 4])
@accepts("S5.15")
def test_a_record_as_large_as_max_fragment_length_is_accepted(code: int) -> Duel:
    duel = complete(offering(MaxFragmentLength(code)))
    duel.script.send_record(DATA, bytes(256 << code))
    return duel


@pytest.mark.parametrize("code", [1, 4])
@refuses("S5.15", Alert.RECORD_OVERFLOW)
def test_a_record_larger_than_max_fragment_length_is_refused(code: int) -> Duel:
    duel = complete(offering(MaxFragmentLength(code)))
    duel.script.send_record(DATA, bytes((256 << code) + 1))
    return duel


@refuses("S5.15", Alert.RECORD_OVERFLOW)
def test_a_handshake_record_in_the_clear_larger_than_max_fragment_length_is_refused() -> Duel:
    duel = offering(MaxFragmentLength(1))
    duel.script.send_record(ContentType.HANDSHAKE, b"\x10\x00\x03\x00" + bytes(768))
    return duel


@pytest.mark.parametrize("body", ["00", "05", "ff"])
@refuses("S5.15", Alert.ILLEGAL_PARAMETER)
def test_another_max_fragment_length_is_refused(body: str) -> Duel:
    return offering(raw(E.MAX_FRAGMENT_LENGTH, body))


@pytest.mark.parametrize("body", ["", "0100"])
@refuses("S5.15", Alert.DECODE_ERROR)
def test_max_fragment_length_of_a_wrong_length_is_refused(body: str) -> Duel:
    return offering(raw(E.MAX_FRAGMENT_LENGTH, body))


@accepts("S5.15")
def test_max_fragment_length_is_not_answered_unless_the_policy_has_it() -> Duel:
    duel = complete(offering(MaxFragmentLength(1), policy=Policy.default()))
    assert answer(duel).find(MaxFragmentLength) is None
    assert sizes(duel, bytes(2000)) == [2000]
    return duel


@pytest.mark.parametrize("offered", [(), (MaxFragmentLength(1),), (MaxFragmentLength(2),)], ids=["no", "same", "other"])
@pytest.mark.parametrize("by", ["id", "ticket"])
@accepts("S5.15")
def test_a_resumption_keeps_the_max_fragment_length_of_its_session(by: str, offered: tuple[Extension, ...]) -> Duel:
    store, keys = MemorySessionStore(), TicketKeys.generate()
    config: dict[str, Any] = {"kinds": ("ecdsa-p256",), "sessions": store, "ticket_keys": keys}
    names = server_name((0, b"server.test"))
    first = complete(offering(MaxFragmentLength(1), SessionTicket(b""), names, **config))
    session = store.get(answer(first).session_id)
    assert session is not None
    again = AgainstServer("ecdsa-p256", sessions=store, ticket_keys=keys)
    ticket = SessionTicket(keys.seal(session.to_bytes())) if by == "ticket" else None
    hello = again.script.hello(session_id=session.session_id if by == "id" else b"")
    again.script.send(with_extensions(hello, *offered, names, *([ticket] if ticket else [])))
    again.subject.receive(again.script.data_to_send())
    again.script.receive_data(again.subject.take())
    assert answer(again).find(MaxFragmentLength) is None
    assert answer(again).find(ServerNameAck) is None
    again.script.resume(session.master_secret)
    again.finish()
    assert again.subject.negotiated.resumed
    assert sizes(again, bytes(600)) == [512, 88]
    return again


# -- S5.16 to S5.19 the rest --------------------------------------------------------------------------------


def stapling(staple: bytes | None) -> Credential:
    issued = pki.server()
    return Credential.from_objects(issued.certificates, issued.private_key, ocsp_response=staple)


@accepts("S5.16")
def test_a_long_list_of_responders_is_read_and_the_staple_follows_the_certificate() -> Duel:
    request = StatusRequest(CertificateStatusType.OCSP, tuple(bytes(60) for _ in range(900)), bytes(1000))
    duel = offering(request, credentials=(stapling(b"a staple"),), limits=ANY, kinds=())
    assert answer(duel).find(StatusRequestAck) is not None
    kinds = [type(item) for item in duel.script.received]
    assert kinds[1:3] == [Certificate, CertificateStatus]
    status = duel.script.last(CertificateStatus)
    assert status is not None
    assert status.response == b"a staple"
    return complete(duel)


@pytest.mark.parametrize("staple", [None, b"a staple"])
@accepts("S5.16")
def test_certificate_status_comes_only_if_echoed(staple: bytes | None) -> Duel:
    wanted: tuple[Extension, ...] = (StatusRequest(CertificateStatusType.OCSP, (), b""),) if staple is None else ()
    duel = offering(*wanted, credentials=(stapling(staple),), kinds=())
    assert answer(duel).find(StatusRequestAck) is None
    assert duel.script.last(CertificateStatus) is None
    return complete(duel)


@pytest.mark.parametrize("body", ["", "01", "0100000000ff", "0100050000", "01000000"])
@refuses("S5.16", Alert.DECODE_ERROR)
def test_status_request_of_wrong_framing_is_refused(body: str) -> Duel:
    return offering(raw(E.STATUS_REQUEST, body))


@accepts("S5.16")
def test_a_status_request_of_an_unknown_type_is_ignored() -> Duel:
    duel = offering(raw(E.STATUS_REQUEST, "07ffff"), credentials=(stapling(b"a staple"),), kinds=())
    assert answer(duel).find(StatusRequestAck) is None
    return complete(duel)


@accepts("S5.16")
def test_with_both_versions_of_status_request_one_is_echoed() -> Duel:
    second = StatusRequestV2((StatusRequestItem(CertificateStatusType.OCSP_MULTI, OcspStatusRequest()),))
    first = StatusRequest(CertificateStatusType.OCSP, (), b"")
    duel = offering(second, first, credentials=(stapling(b"a staple"),), kinds=())
    echoed = {extension.extension_type for extension in answer(duel).extensions or ()}
    assert len(echoed & {E.STATUS_REQUEST, E.STATUS_REQUEST_V2}) == 1
    return complete(duel)


CERTIFICATE_TYPES = [E.SERVER_CERTIFICATE_TYPE, E.CLIENT_CERTIFICATE_TYPE]


@pytest.mark.parametrize("body", ["", "00", "0200", "01"])
@pytest.mark.parametrize("kind", CERTIFICATE_TYPES, ids=str)
@refuses("S5.17", Alert.DECODE_ERROR)
def test_certificate_types_that_are_empty_or_badly_framed_are_refused(kind: ExtensionType, body: str) -> Duel:
    return offering(raw(kind, body))


@pytest.mark.parametrize("kind", CERTIFICATE_TYPES, ids=str)
@accepts("S5.17")
def test_certificate_types_are_not_answered(kind: ExtensionType) -> Duel:
    duel = offering(raw(kind, "020200"))
    assert kind not in {extension.extension_type for extension in answer(duel).extensions or ()}
    return complete(duel)


@pytest.mark.parametrize("listed", ["0102", "020102", "01ff"])
@refuses("S5.17", Alert.UNSUPPORTED_CERTIFICATE)
def test_a_client_that_takes_no_x509_certificate_is_refused(listed: str) -> Duel:
    return offering(raw(E.SERVER_CERTIFICATE_TYPE, listed))


@accepts("S5.17")
def test_a_client_that_takes_no_x509_certificate_may_use_a_psk() -> Duel:
    psk = Psk(b"me", b"a pre-shared key of 32 bytes ...")
    duel = AgainstServer(psk={psk.identity: psk.key}, policy=Policy.compatible())
    hello = duel.script.hello(ECDSA_GCM, CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256)
    duel.hello(hello=with_extensions(hello, raw(E.SERVER_CERTIFICATE_TYPE, "0102")))
    return duel.key_exchange(psk).finish()


@pytest.mark.parametrize("mode", ["00", "01", "02", "03", "ff"])
@accepts("S5.18")
def test_heartbeat_is_ignored(mode: str) -> Duel:
    duel = offering(raw(E.HEARTBEAT, mode))
    assert E.HEARTBEAT not in {extension.extension_type for extension in answer(duel).extensions or ()}
    return complete(duel)


@pytest.mark.parametrize("value", [b"\0", bytes(12), bytes(24)])
@refuses("S5.19", Alert.HANDSHAKE_FAILURE)
def test_renegotiation_info_that_is_not_empty_is_refused_in_a_first_handshake(value: bytes) -> Duel:
    return offering(RenegotiationInfo(value))


@pytest.mark.parametrize("body", ["", "01", "0000", "0100ff"])
@refuses("S5.19", Alert.DECODE_ERROR)
def test_renegotiation_info_of_wrong_framing_is_refused(body: str) -> Duel:
    return offering(raw(E.RENEGOTIATION_INFO, body))


@pytest.mark.parametrize("signal", ["extension", "SCSV", "both"])
@accepts("S5.19")
def test_renegotiation_info_or_the_signal_is_answered_with_an_empty_one(signal: str) -> Duel:
    suites = (ECDSA_GCM,) if signal == "extension" else (ECDSA_GCM, CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)
    duel = offering(suites=suites, without=(RenegotiationInfo,) if signal == "SCSV" else ())
    assert answer(duel).find(RenegotiationInfo) == RenegotiationInfo(b"")
    complete(duel)
    assert duel.subject.negotiated.secure_renegotiation
    return duel


@refuses("S5.19", Alert.HANDSHAKE_FAILURE)
def test_a_client_without_either_is_refused_by_the_strict_policy() -> Duel:
    return offering(without=(RenegotiationInfo,), policy=Policy.strict())


@pytest.mark.parametrize("policy", [Policy.default(), RENEGOTIATE, LEGACY], ids=lambda policy: policy.name)
@accepts("S5.19")
def test_a_client_without_either_is_served_and_gets_no_answer(policy: Policy) -> Duel:
    duel = offering(without=(RenegotiationInfo,), policy=policy)
    assert answer(duel).find(RenegotiationInfo) is None
    return complete(duel)
