"""What strict reading refuses: the sentence, the place and the alert, one row a rule of the checklists."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from tls12.errors import DecodeError, EncodeError, UsageError
from tls12.registry import (
    Alert,
    AlertLevel,
    CertificateStatusType,
    CertificateType,
    CipherSuite,
    CompressionMethod,
    ExtensionType,
    HandshakeType,
    HeartbeatMessageType,
    HeartbeatMode,
    IdentifierType,
    NamedGroup,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.wire import certificates, closing, extensions, key_exchange, messages
from tls12.wire.context import Context, KeyExchangeAlgorithm
from tls12.wire.extensions import RawExtension
from tls12.wire.hello import ClientHello, ServerHello, ServerHelloDone
from tls12.wire.messages import Message, RawMessage
from tls12.wire.mode import LENIENT, STRICT, Mode

CLIENT = ClientHello(
    ProtocolVersion.TLS_1_2,
    bytes(32),
    b"",
    (CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,),
    (CompressionMethod.NULL,),
)
SERVER = ServerHello(
    ProtocolVersion.TLS_1_2,
    bytes(32),
    b"",
    CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CompressionMethod.NULL,
)
E = ExtensionType


def message(kind: int, body: str) -> bytes:
    data = bytes.fromhex(body)
    return bytes([kind]) + len(data).to_bytes(3, "big") + data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "Handshake: needs 4 bytes of header, 0 left, offset 0x0"),
        ("010000", "Handshake: needs 4 bytes of header, 3 left, offset 0x0"),
        ("0e000001", "Handshake: length 1, but 0 bytes follow, offset 0x1"),
        ("0e00000000", "Handshake: length 0, but 1 bytes follow, offset 0x1"),
        ("0e00000100", "ServerHelloDone: 1 byte left over, offset 0x4"),
        ("000000020000", "HelloRequest: 2 bytes left over, offset 0x4"),
        ("0400000400000000", "NewSessionTicket.ticket: needs 2 bytes, 0 left, offset 0x8"),
        ("0400000700000000000201", "NewSessionTicket.ticket: length 2 exceeds the 1 byte left, offset 0x8"),
        ("0400000300000000"[:14], "NewSessionTicket.ticket_lifetime_hint: needs 4 bytes, 3 left, offset 0x4"),
        ("0b00000400000200", "Certificate.certificate_list: length 2 exceeds the 1 byte left, offset 0x4"),
        ("0b000003000003", "Certificate.certificate_list: length 3 exceeds the 0 bytes left, offset 0x4"),
        ("0b0000020000", "Certificate.certificate_list: needs 3 bytes, 2 left, offset 0x4"),
        (
            "0b0000090000060000020a0b00",
            "Certificate.certificate_list[1]: needs 3 bytes, 1 left, offset 0xc",
        ),
        (
            "0b000006000003000000",
            "Certificate.certificate_list[0]: length 0 is not within 1..16777215, offset 0x7",
        ),
        ("0d00000100", "CertificateRequest.certificate_types: length 0 is not within 1..255, offset 0x4"),
        (
            "0d0000080101000304010500",
            "CertificateRequest.supported_signature_algorithms:"
            " an odd length, 3 bytes, for two-byte values, offset 0x8",
        ),
        (
            "0d00000401010000",
            "CertificateRequest.supported_signature_algorithms: length 0 is not within 2..65535, offset 0x6",
        ),
        (
            "0d00000a01010002040100020000",
            "CertificateRequest.certificate_authorities[0]: length 0 is not within 1..65535, offset 0xc",
        ),
        ("0f0000020401", "CertificateVerify.signature: needs 2 bytes, 0 left, offset 0x6"),
        ("1600000401000000", "CertificateStatus.response: length 0 is not within 1..16777215, offset 0x5"),
        ("1600000402000000", "CertificateStatus.ocsp_response_list: length 0 is not within 1..16777215, offset 0x5"),
        ("17000003000000", "SupplementalData.supp_data: length 0 is not within 1..16777215, offset 0x4"),
        ("17000006000003000001", "SupplementalData.supp_data[0].data: needs 2 bytes, 1 left, offset 0x9"),
        ("1500000400000101", "CertificateURL.url_and_hash_list[0].url: needs 2 bytes, 1 left, offset 0x7"),
    ],
)
def test_framing_that_does_not_add_up_is_a_decode_error_that_says_where(data: str, text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        messages.parse(bytes.fromhex(data))
    assert caught.value.alert == Alert.DECODE_ERROR
    assert str(caught.value) == text + " (RFC 5246 7.2.2)"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("1600000103", "CertificateStatus.status_type: neither ocsp nor ocsp_multi, offset 0x5"),
        (
            "1500001b000018000161020000000000000000000000000000000000000000",
            "CertificateURL.url_and_hash_list[0].padding: 2 instead of 1, offset 0xa",
        ),
    ],
)
def test_values_that_no_rfc_defines_are_illegal_parameters(data: str, text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        messages.parse(bytes.fromhex(data))
    assert caught.value.alert == Alert.ILLEGAL_PARAMETER
    assert str(caught.value) == text + " (RFC 5246 7.2.2)"


HELLO = "0303" + "00" * 32


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("03", "client_version: needs 2 bytes, 1 left, offset 0x4"),
        ("0303" + "00" * 31, "random: needs 32 bytes, 31 left, offset 0x6"),
        (HELLO, "session_id: needs 1 byte, 0 left, offset 0x26"),
        (HELLO + "21" + "00" * 33, "session_id: length 33 is not within 0..32, offset 0x26"),
        (HELLO + "0200", "session_id: length 2 exceeds the 1 byte left, offset 0x26"),
        (HELLO + "00", "cipher_suites: needs 2 bytes, 0 left, offset 0x27"),
        (HELLO + "000000", "cipher_suites: length 0 is not within 2..65535, offset 0x27"),
        (HELLO + "000003c02f00", "cipher_suites: an odd length, 3 bytes, for two-byte values, offset 0x29"),
        (HELLO + "000002c02f00", "compression_methods: length 0 is not within 1..255, offset 0x2b"),
        (HELLO + "000002c02f010000", "extensions: needs 2 bytes, 1 left, offset 0x2d"),
        (HELLO + "000002c02f01000001", "extensions: length 1 exceeds the 0 bytes left, offset 0x2d"),
        (HELLO + "000002c02f0100000000", ": 1 byte left over, offset 0x2f"),
        (
            HELLO + "000002c02f0100000100",
            "extensions[0]: needs 4 bytes for type and length, 1 left, offset 0x2f",
        ),
        (
            HELLO + "000002c02f010000080017000000000002",
            "extensions[1].server_name: length 2 exceeds the 0 bytes left, offset 0x37",
        ),
        (HELLO + "000002c02f010000080017000000170000", "extensions: extended_master_secret twice, offset 0x37"),
        (HELLO + "000002c02f010000081234000012340000", "extensions: unknown (0x1234) twice, offset 0x37"),
    ],
)
def test_a_client_hello_with_wrong_lengths_is_a_decode_error(body: str, text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        messages.parse(message(1, body))
    assert caught.value.alert == Alert.DECODE_ERROR
    assert str(caught.value) == f"ClientHello{'' if text[0] == ':' else '.'}{text} (RFC 5246 7.2.2)"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_hello_that_is_cut_short_is_a_decode_error(cut: int) -> None:
    whole = messages.serialize(replace(CLIENT, extensions=(extensions.SessionTicket(b"ticket"),)))
    body = whole[4:-cut]
    with pytest.raises(DecodeError) as caught:
        messages.parse(message(1, body.hex()))
    assert caught.value.alert == Alert.DECODE_ERROR


def test_no_block_of_extensions_is_not_an_empty_one() -> None:
    for hello in (CLIENT, SERVER):
        without, empty = messages.serialize(hello), messages.serialize(replace(hello, extensions=()))
        assert empty[4:] == without[4:] + b"\0\0"
        assert messages.parse(without) == hello
        parsed = messages.parse(empty)
        assert isinstance(parsed, ClientHello | ServerHello)
        assert parsed.extensions == ()


DECODE, ILLEGAL, UNEXPECTED = Alert.DECODE_ERROR, Alert.ILLEGAL_PARAMETER, Alert.UNEXPECTED_MESSAGE


@pytest.mark.parametrize(
    ("kind", "body", "alert", "text"),
    [
        (E.SERVER_NAME, "", DECODE, "server_name_list: needs 2 bytes, 0 left"),
        (E.SERVER_NAME, "0000", DECODE, "server_name_list: length 0 is not within 1..65535"),
        (E.SERVER_NAME, "0003000000", DECODE, "server_name_list[0].host_name: length 0 is not within 1..65535"),
        (E.SERVER_NAME, "000400000161ff", DECODE, ": 1 byte left over"),
        (E.SERVER_NAME, "000500000161ff", DECODE, "server_name_list[1].host_name: needs 2 bytes, 0 left"),
        (E.SERVER_NAME, "000400000100", ILLEGAL, "server_name_list[0].host_name: a character that no host name has"),
        (E.SERVER_NAME, "00040000010a", ILLEGAL, "server_name_list[0].host_name: a character that no host name has"),
        (E.SERVER_NAME, "00040000017f", ILLEGAL, "server_name_list[0].host_name: a character that no host name has"),
        (E.SERVER_NAME, "0004000001e9", ILLEGAL, "server_name_list[0].host_name: a character that no host name has"),
        (E.SERVER_NAME, "00080000016100000162", ILLEGAL, "server_name_list: two names of one type"),
        (E.MAX_FRAGMENT_LENGTH, "", DECODE, "max_fragment_length: needs 1 byte, 0 left"),
        (E.MAX_FRAGMENT_LENGTH, "0101", DECODE, ": 1 byte left over"),
        (E.MAX_FRAGMENT_LENGTH, "00", ILLEGAL, "max_fragment_length: a value other than 1, 2, 3, 4"),
        (E.MAX_FRAGMENT_LENGTH, "05", ILLEGAL, "max_fragment_length: a value other than 1, 2, 3, 4"),
        (E.TRUSTED_CA_KEYS, "000104", ILLEGAL, "trusted_authorities_list[0].identifier_type: an unknown type"),
        (E.TRUSTED_CA_KEYS, "00020100", DECODE, "trusted_authorities_list[0].identifier: needs 20 bytes, 1 left"),
        (E.STATUS_REQUEST, "010000", DECODE, "request_extensions: needs 2 bytes, 0 left"),
        (E.STATUS_REQUEST, "0100020000", DECODE, "responder_id_list[0]: length 0 is not within 1..65535"),
        (E.STATUS_REQUEST_V2, "0000", DECODE, "certificate_status_req_list: length 0 is not within 1..65535"),
        (
            E.STATUS_REQUEST_V2,
            "000601000300000000"[:16],
            DECODE,
            "certificate_status_req_list[0].request.request_extensions: needs 2 bytes, 1 left",
        ),
        (E.SUPPORTED_GROUPS, "", DECODE, "named_group_list: needs 2 bytes, 0 left"),
        (E.SUPPORTED_GROUPS, "0000", DECODE, "named_group_list: length 0 is not within 2..65535"),
        (E.SUPPORTED_GROUPS, "0003001d00", DECODE, "named_group_list: an odd length, 3 bytes, for two-byte values"),
        (E.EC_POINT_FORMATS, "00", DECODE, "ec_point_format_list: length 0 is not within 1..255"),
        (E.SIGNATURE_ALGORITHMS, "0000", DECODE, "supported_signature_algorithms: length 0 is not within 2..65535"),
        (E.SIGNATURE_ALGORITHMS, "000204010000", DECODE, ": 2 bytes left over"),
        (E.HEARTBEAT, "0101", DECODE, ": 1 byte left over"),
        (E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, "", DECODE, "protocol_name_list: needs 2 bytes, 0 left"),
        (
            E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            "0000",
            DECODE,
            "protocol_name_list: length 0 is not within 2..65535",
        ),
        (
            E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            "000400026832",
            DECODE,
            "protocol_name_list[0]: length 0 is not within 1..255",
        ),
        (
            E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            "0003036832",
            DECODE,
            "protocol_name_list[0]: length 3 exceeds the 2 bytes left",
        ),
        (E.SIGNED_CERTIFICATE_TIMESTAMP, "0000", DECODE, ": 2 bytes left over"),
        (E.CLIENT_CERTIFICATE_TYPE, "00", DECODE, "certificate_types: length 0 is not within 1..255"),
        (E.SERVER_CERTIFICATE_TYPE, "00", DECODE, "certificate_types: length 0 is not within 1..255"),
        (E.ENCRYPT_THEN_MAC, "00", DECODE, ": 1 byte left over"),
        (E.EXTENDED_MASTER_SECRET, "00", DECODE, ": 1 byte left over"),
        (E.RECORD_SIZE_LIMIT, "", DECODE, "record_size_limit: needs 2 bytes, 0 left"),
        (E.RECORD_SIZE_LIMIT, "400000", DECODE, ": 1 byte left over"),
        (E.RECORD_SIZE_LIMIT, "003f", ILLEGAL, "record_size_limit: a limit below 64"),
        (E.RENEGOTIATION_INFO, "", DECODE, "renegotiated_connection: needs 1 byte, 0 left"),
        (E.RENEGOTIATION_INFO, "0000", DECODE, ": 1 byte left over"),
        (E.SUPPORTED_VERSIONS, "00", DECODE, "versions: length 0 is not within 2..255"),
        (E.PRE_SHARED_KEY, "00070001610000000000", DECODE, "binders: needs 2 bytes, 1 left"),
        (E.ENCRYPTED_CLIENT_HELLO, "02", ILLEGAL, "type: neither outer nor inner"),
    ],
)
def test_extensions_of_a_client_hello_that_break_their_rules(
    kind: ExtensionType, body: str, alert: Alert, text: str
) -> None:
    grease = RawExtension(ExtensionType(0x0A0A), b"")
    hello = replace(CLIENT, extensions=(grease, RawExtension(kind, bytes.fromhex(body))))
    with pytest.raises(DecodeError) as caught:
        messages.parse(messages.serialize(hello))
    start = f"ClientHello.extensions[1].{kind}{'' if text[0] == ':' else '.'}{text}, offset 0x"
    assert str(caught.value).startswith(start)
    assert caught.value.alert == alert
    assert caught.value.offset is not None
    assert caught.value.offset >= 0x37


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (E.SERVER_NAME, "00", ": 1 byte left over"),
        (E.STATUS_REQUEST, "00", ": 1 byte left over"),
        (E.SESSION_TICKET, "00", ": 1 byte left over"),
        (E.EXTENDED_MASTER_SECRET, "00", ": 1 byte left over"),
        (E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, "0000", ".protocol_name_list: length 0 is not within 2..65535"),
        (
            E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            "000401610162",
            ".protocol_name_list: more than one protocol selected",
        ),
        (E.SIGNED_CERTIFICATE_TIMESTAMP, "", ".sct_list: needs 2 bytes, 0 left"),
        (E.SIGNED_CERTIFICATE_TIMESTAMP, "0000", ".sct_list: length 0 is not within 1..65535"),
        (E.SIGNED_CERTIFICATE_TIMESTAMP, "00020000", ".sct_list[0]: length 0 is not within 1..65535"),
    ],
)
def test_extensions_of_a_server_hello_that_break_their_rules(kind: ExtensionType, body: str, text: str) -> None:
    hello = replace(SERVER, extensions=(RawExtension(kind, bytes.fromhex(body)),))
    with pytest.raises(DecodeError) as caught:
        messages.parse(messages.serialize(hello))
    assert str(caught.value).startswith(f"ServerHello.extensions[0].{kind}{text}, offset 0x")
    assert caught.value.alert == DECODE


def test_an_extension_that_does_not_belong_in_a_hello_stays_bytes() -> None:
    for kind in (E.SIGNATURE_ALGORITHMS, E.PADDING, E.POST_HANDSHAKE_AUTH, ExtensionType(0x2A2A)):
        hello = replace(SERVER, extensions=(RawExtension(kind, b"\x01\x02\x03"),))
        assert messages.parse(messages.serialize(hello)) == hello


@pytest.mark.parametrize(
    ("algorithm", "kind", "body", "alert", "text"),
    [
        ("RSA", 12, "", Alert.UNEXPECTED_MESSAGE, ": the key exchange RSA has no such message"),
        ("RSA", 16, "", DECODE, ".ciphertext: needs 2 bytes, 0 left"),
        ("RSA", 16, "000200", DECODE, ".ciphertext: length 2 exceeds the 1 byte left"),
        ("RSA", 16, "00010000", DECODE, ": 1 byte left over"),
        ("ECDHE", 12, "04", ILLEGAL, ".curve_type: an unknown type of curve"),
        ("ECDHE", 12, "03001d00", DECODE, ".public: length 0 is not within 1..255"),
        ("ECDHE", 12, "03001d010a0401", DECODE, ".signature: needs 2 bytes, 0 left"),
        ("ECDHE", 12, "0200a303", ILLEGAL, ".basis: neither trinomial nor pentanomial"),
        ("ECDHE", 12, "0101ff00", DECODE, ".a: length 0 is not within 1..255"),
        ("ECDHE", 16, "00", DECODE, ".point: length 0 is not within 1..255"),
        ("ECDH_ANON", 12, "03001d010a00", DECODE, ": 1 byte left over"),
        ("DHE", 12, "0000", DECODE, ".dh_p: length 0 is not within 1..65535"),
        ("DHE", 16, "0000", DECODE, ".dh_Yc: length 0 is not within 1..65535"),
        ("PSK", 12, "", DECODE, ".psk_identity_hint: needs 2 bytes, 0 left"),
        ("PSK", 16, "0000" + "00", DECODE, ": 1 byte left over"),
        ("ECDHE_PSK", 16, "0000", DECODE, ".point: needs 1 byte, 0 left"),
        ("SRP", 16, "0000", DECODE, ".srp_A: length 0 is not within 1..65535"),
    ],
)
def test_key_exchange_messages_that_break_their_rules(
    algorithm: str, kind: int, body: str, alert: Alert, text: str
) -> None:
    name = "ServerKeyExchange" if kind == 12 else "ClientKeyExchange"
    with pytest.raises(DecodeError) as caught:
        messages.parse(message(kind, body), Context(KeyExchangeAlgorithm[algorithm]))
    assert str(caught.value).startswith(f"{name}{text}, offset 0x")
    assert caught.value.alert == alert


@pytest.mark.parametrize(
    ("kind", "body", "alert", "text"),
    [
        (closing.ChangeCipherSpec, "", UNEXPECTED, "ChangeCipherSpec: 0 bytes instead of one"),
        (closing.ChangeCipherSpec, "0101", UNEXPECTED, "ChangeCipherSpec: 2 bytes instead of one"),
        (closing.ChangeCipherSpec, "02", UNEXPECTED, "ChangeCipherSpec.type: a value other than 1"),
        (closing.AlertMessage, "01", DECODE, "AlertMessage.description: needs 1 byte, 0 left"),
        (closing.AlertMessage, "010000", DECODE, "AlertMessage: 1 byte left over"),
        (closing.Heartbeat, "014000", DECODE, "Heartbeat.payload: length 16384 exceeds the 0 bytes left"),
        (closing.Heartbeat, "010000" + "00" * 15, DECODE, "Heartbeat.padding: fewer than 16 bytes"),
    ],
)
def test_payloads_that_break_their_rules(
    kind: type[closing.ChangeCipherSpec | closing.AlertMessage | closing.Heartbeat],
    body: str,
    alert: Alert,
    text: str,
) -> None:
    with pytest.raises(DecodeError) as caught:
        kind.parse(bytes.fromhex(body))
    assert str(caught.value).startswith(text + ", offset 0x")
    assert caught.value.alert == alert


def hello_with(extension: extensions.Extension) -> ClientHello:
    return replace(CLIENT, extensions=(extensions.ExtendedMasterSecret(), extension))


HOST = NameType.HOST_NAME
OCSP, MULTI = CertificateStatusType.OCSP, CertificateStatusType.OCSP_MULTI


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (replace(CLIENT, random=bytes(31)), "ClientHello.random: 31 bytes instead of 32"),
        (replace(CLIENT, session_id=bytes(33)), "ClientHello.session_id: 33 bytes where 0..32 are allowed"),
        (replace(CLIENT, cipher_suites=()), "ClientHello.cipher_suites: 0 bytes where 2..65535 are allowed"),
        (
            replace(CLIENT, cipher_suites=CLIENT.cipher_suites * 32768),
            "ClientHello.cipher_suites: 65536 bytes where 2..65535 are allowed",
        ),
        (
            replace(CLIENT, cipher_suites=(CipherSuite(0x10000),)),
            "ClientHello.cipher_suites: a value that does not fit 2 bytes",
        ),
        (
            replace(CLIENT, compression_methods=(CompressionMethod(256),)),
            "ClientHello.compression_methods: a value that does not fit 1 byte",
        ),
        (
            replace(CLIENT, client_version=ProtocolVersion(0x10000)),
            "ClientHello.client_version: 65536 does not fit 2 bytes",
        ),
        (
            replace(SERVER, compression_method=CompressionMethod(256)),
            "ServerHello.compression_method: 256 does not fit 1 byte",
        ),
        (
            hello_with(RawExtension(E(0x1234), bytes(0x10000))),
            "ClientHello.extensions[1].unknown (0x1234): type or length (65536) exceeds 65535",
        ),
        (
            hello_with(RawExtension(E(0x10000), b"")),
            "ClientHello.extensions[1].unknown (0x10000): type or length (0) exceeds 65535",
        ),
        (
            hello_with(RawExtension(E(0x1234), bytes(0xFFFF))),
            "ClientHello.extensions: 65543 bytes where 0..65535 are allowed",
        ),
        (
            hello_with(extensions.ServerNameList((extensions.ServerName(HOST, b"a\0b"),))),
            "ClientHello.extensions[1].server_name.server_name_list[0].host_name: a character that no host name has",
        ),
        (
            hello_with(extensions.ServerNameList((extensions.ServerName(HOST, b"a"),) * 2)),
            "ClientHello.extensions[1].server_name.server_name_list: two names of one type",
        ),
        (
            hello_with(extensions.ServerNameList(())),
            "ClientHello.extensions[1].server_name.server_name_list: 0 bytes where 1..65535 are allowed",
        ),
        (
            hello_with(extensions.ApplicationLayerProtocolNegotiation((b"h2", b""))),
            "ClientHello.extensions[1].application_layer_protocol_negotiation.protocol_name_list[1]:"
            " 0 bytes where 1..255 are allowed",
        ),
        (
            hello_with(extensions.ApplicationLayerProtocolNegotiation(())),
            "ClientHello.extensions[1].application_layer_protocol_negotiation.protocol_name_list:"
            " 0 bytes where 2..65535 are allowed",
        ),
        (
            hello_with(extensions.MaxFragmentLength(5)),
            "ClientHello.extensions[1].max_fragment_length.max_fragment_length: a value other than 1, 2, 3, 4",
        ),
        (
            hello_with(extensions.RecordSizeLimit(63)),
            "ClientHello.extensions[1].record_size_limit.record_size_limit: a limit below 64",
        ),
        (
            hello_with(extensions.HeartbeatExtension(HeartbeatMode(256))),
            "ClientHello.extensions[1].heartbeat.mode: 256 does not fit 1 byte",
        ),
        (
            hello_with(extensions.StatusRequest(MULTI)),
            "ClientHello.extensions[1].status_request.status_type: a type other than ocsp: use UnknownStatusRequest",
        ),
        (
            hello_with(extensions.UnknownStatusRequest(OCSP, b"")),
            "ClientHello.extensions[1].status_request.status_type: the type ocsp: use StatusRequest",
        ),
        (
            hello_with(extensions.StatusRequestV2((extensions.StatusRequestItem(OCSP, b""),))),
            "ClientHello.extensions[1].status_request_v2.certificate_status_req_list[0].request:"
            " bytes go with an unknown type, and an OcspStatusRequest with a known one",
        ),
        (
            hello_with(extensions.TrustedCaKeys((extensions.TrustedAuthority(IdentifierType(9), b""),))),
            "ClientHello.extensions[1].trusted_ca_keys.trusted_authorities_list[0].identifier_type: an unknown type",
        ),
        (
            hello_with(extensions.OfferedPsks((extensions.PskIdentity(b"a", 2**32),), (bytes(32),))),
            "ClientHello.extensions[1].pre_shared_key.identities[0].obfuscated_ticket_age:"
            " 4294967296 does not fit 4 bytes",
        ),
        (
            certificates.Certificate((b"a", b"")),
            "Certificate.certificate_list[1]: 0 bytes where 1..16777215 are allowed",
        ),
        (
            certificates.RawPublicKeyCertificate(b""),
            "RawPublicKeyCertificate.ASN.1_subjectPublicKeyInfo: 0 bytes where 1..16777215 are allowed",
        ),
        (
            certificates.CertificateStatus(CertificateStatusType(9), b"a"),
            "CertificateStatus.status_type: neither ocsp nor ocsp_multi, or responses of the other type",
        ),
        (
            certificates.CertificateStatus(OCSP, b"a", (b"b",)),
            "CertificateStatus.status_type: neither ocsp nor ocsp_multi, or responses of the other type",
        ),
        (
            certificates.CertificateStatus(MULTI, b"a", (b"b",)),
            "CertificateStatus.status_type: neither ocsp nor ocsp_multi, or responses of the other type",
        ),
        (
            certificates.CertificateVerify(SignatureScheme.ED25519, bytes(0x10000)),
            "CertificateVerify.signature: 65536 bytes where 0..65535 are allowed",
        ),
        (
            key_exchange.ServerKeyExchange(
                key_exchange.ExplicitCurveParams(key_exchange.Char2Field(163, (b"a", b"b")), *[b"c"] * 6)
            ),
            "ServerKeyExchange.exponents: neither one nor three",
        ),
        (
            key_exchange.ServerKeyExchange(key_exchange.EcdheParams(NamedGroup.X25519, b"")),
            "ServerKeyExchange.public: 0 bytes where 1..255 are allowed",
        ),
        (
            RawMessage(HandshakeType.FINISHED, bytes(2**24)),
            "RawMessage: 16777216 bytes where 0..16777215 are allowed",
        ),
        (RawMessage(HandshakeType(256), b""), "RawMessage.msg_type: 256 does not fit 1 byte"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(value: Message, text: str) -> None:
    with pytest.raises(EncodeError) as caught:
        messages.serialize(value)
    assert str(caught.value) == text
    assert caught.value.alert == Alert.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (closing.ChangeCipherSpec(2), "ChangeCipherSpec.type: a value other than 1"),
        (
            closing.Heartbeat(HeartbeatMessageType.HEARTBEAT_REQUEST, b"", bytes(15)),
            "Heartbeat.padding: fewer than 16 bytes",
        ),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_with_its_place(
    value: closing.ChangeCipherSpec | closing.Heartbeat, text: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        value.to_bytes()
    assert str(caught.value) == text


def test_the_context_decides_what_a_message_means() -> None:
    share = message(12, "03001d010a0401000100")
    assert isinstance(messages.parse(share), RawMessage)
    assert isinstance(messages.parse(share, Context()), RawMessage)
    known = messages.parse(share, Context(KeyExchangeAlgorithm.ECDHE))
    assert known == key_exchange.ServerKeyExchange(
        key_exchange.EcdheParams(NamedGroup.X25519, b"\x0a"),
        signature=key_exchange.DigitallySigned(SignatureScheme.RSA_PKCS1_SHA256, b"\0"),
    )
    assert messages.serialize(known) == messages.serialize(messages.parse(share))
    finished = message(20, "00" * 12)
    assert isinstance(messages.parse(finished), RawMessage)
    assert messages.parse(finished, Context()) == closing.Finished(bytes(12))
    key = message(11, "00000130")
    assert messages.parse(key, Context(certificate_type=CertificateType.RAW_PUBLIC_KEY)) == (
        certificates.RawPublicKeyCertificate(b"0")
    )


@pytest.mark.parametrize("kind", [12, 13, 15, 16, 20])
def test_in_another_version_the_messages_that_differ_stay_raw(kind: int) -> None:
    older = Context(KeyExchangeAlgorithm.ECDHE, version=ProtocolVersion.TLS_1_1)
    assert messages.parse(message(kind, "00"), older) == RawMessage(HandshakeType(kind), b"\0")
    assert messages.parse(message(14, ""), older) == ServerHelloDone()


def test_the_signed_parameters_are_the_bytes_of_the_message() -> None:
    share = key_exchange.ServerKeyExchange(key_exchange.DheParams(b"p", b"g", b"Y"), psk_identity_hint=b"hint")
    assert share.params_bytes() == bytes.fromhex("000170 000167 000159")
    assert key_exchange.ServerKeyExchange(psk_identity_hint=b"hint").params_bytes() == b""


def test_the_sizes_of_fragments_are_powers_of_two() -> None:
    assert [extensions.MaxFragmentLength(n).fragment_size for n in (1, 2, 3, 4)] == [512, 1024, 2048, 4096]


def test_a_hello_finds_its_extensions_by_their_class() -> None:
    ems, ticket = extensions.ExtendedMasterSecret(), extensions.SessionTicket(b"")
    hello = replace(CLIENT, extensions=(ems, ticket))
    assert hello.find(extensions.SessionTicket) is ticket
    assert hello.find(extensions.EncryptThenMac) is None
    assert CLIENT.find(extensions.SessionTicket) is None
    assert replace(SERVER, extensions=(ems,)).find(extensions.ExtendedMasterSecret) is ems


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (
            closing.ChangeCipherSpec(),
            "not a ChangeCipherSpec; a ChangeCipherSpec or an alert stands in a record of its",
        ),
        (closing.AlertMessage(AlertLevel.FATAL, Alert.DECODE_ERROR), "not an AlertMessage; a ChangeCipherSpec or an"),
        (None, "not None"),
        (b"bytes", "not bytes"),
        (ClientHello, "not the class ClientHello"),
    ],
)
def test_what_is_no_handshake_message_is_not_serialised_and_the_sentence_says_what_it_is(
    thing: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        messages.serialize(thing)


@pytest.mark.parametrize("thing", [None, "text", 5, [1, 0, 0, 0]])
@pytest.mark.parametrize("mode", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_what_is_not_bytes_is_not_parsed(mode: Mode, thing: Any) -> None:
    with pytest.raises(UsageError, match="is read from bytes, not"):
        messages.parse(thing, mode=mode)


@pytest.mark.parametrize("message", [CLIENT, SERVER, RawMessage(HandshakeType.FINISHED, b"x")], ids=str)
@pytest.mark.parametrize("value", [None, "text", -1, 1 << 70, dict, [None]], ids=repr)
def test_a_field_of_the_wrong_type_is_an_encode_error(message: Any, value: Any) -> None:
    refused = 0
    for field in fields(message):
        try:
            messages.serialize(replace(message, **{field.name: value}))
        except EncodeError:
            refused += 1
    assert refused >= 1
