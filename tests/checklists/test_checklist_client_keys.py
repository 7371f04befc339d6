"""Client, certificate, status and key exchange: section C2 of the checklists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import SCHEMES, AgainstClient, Duel
from tests.ends import credential_of, verifier
from tls12 import Alert, CertificateError, CipherSuite, NamedGroup, Policy, Psk, SignatureScheme
from tls12.crypto import finite_field, signatures
from tls12.crypto.provider import StandardCrypto
from tls12.errors import CertificateExpired, NameMismatch, UnknownIssuer, WrongPurpose
from tls12.lab import policy as lab_policy
from tls12.lab.hellos import with_extensions
from tls12.lab.pki import IssuedCertificate, key_usage
from tls12.registry import (
    CertificateStatusType,
    CertificateType,
    ClientCertificateType,
    ExtensionType,
    HandshakeType,
)
from tls12.trust.der import subject_public_key_info
from tls12.wire import messages
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus, CertificateVerify
from tls12.wire.context import Context, KeyExchangeAlgorithm
from tls12.wire.extensions import Extension, RawExtension, SelectedServerCertificateType, StatusRequestAck
from tls12.wire.hello import HelloRequest, ServerHelloDone
from tls12.wire.key_exchange import DheParams, DigitallySigned, ExplicitCurveParams, ServerKeyExchange
from tls12.wire.messages import RawMessage

S = SignatureScheme
ECDHE = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
ECDHE_RSA = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
DHE = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
RSA = CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256
ANON = CipherSuite.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA
PSK = CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256
DHE_PSK = CipherSuite.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256
ECDHE_PSK = CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256
RSA_PSK = CipherSuite.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256
KEY = b"a pre-shared key of 32 bytes ...."
P = finite_field.FFDHE_PRIMES[NamedGroup.FFDHE2048]


def showing(chain: tuple[bytes, ...], suite: CipherSuite | None = None, **config: Any) -> AgainstClient:
    """ServerHello and this chain; nothing is carried yet."""
    duel = AgainstClient(**config).hello(suite)
    duel.script.send(Certificate(chain))
    return duel


def sending(duel: AgainstClient, kind: HandshakeType, body: bytes) -> AgainstClient:
    duel.script.send(RawMessage(kind, body))
    return duel


# -- C2.1 ---------------------------------------------------------------------------------------------------

FRAMES = {
    "nothing": b"",
    "an empty list": bytes(3),
    "half a length": b"\x00\x00",
    "an empty entry": bytes.fromhex("000003000000"),
    "list too long": bytes.fromhex("000009000003414243"),
    "list too short": bytes.fromhex("000005000003414243"),
    "entry too long": bytes.fromhex("000006000004414243"),
    "left over": bytes.fromhex("00000600000341424300"),
}


@pytest.mark.parametrize("body", FRAMES.values(), ids=FRAMES.keys())
@refuses("C2.1", Alert.DECODE_ERROR)
def test_a_chain_that_is_empty_or_of_wrong_framing_is_refused(body: bytes) -> Duel:
    return sending(AgainstClient().hello(), HandshakeType.CERTIFICATE, body)


@pytest.mark.parametrize("spoil", ["garbage", "cut short", "left over", "issuer garbage"])
@refuses("C2.1", Alert.BAD_CERTIFICATE)
def test_a_certificate_that_does_not_parse_is_refused(spoil: str) -> Duel:
    leaf, issuer = pki.server().chain_der
    chain = {
        "garbage": (b"not a certificate",),
        "cut short": (leaf[:-10], issuer),
        "left over": (leaf + b"\0", issuer),
        "issuer garbage": (leaf, b"\x30\x03abc"),
    }[spoil]
    return showing(chain, verifier=verifier())


@pytest.mark.parametrize(
    ("kind", "suite"),
    [("rsa-2048", ECDHE), ("ecdsa-p256", ECDHE_RSA), ("ecdsa-p256", RSA), ("ed25519", DHE), ("rsa-pss-2048", RSA)],
)
@refuses("C2.1", Alert.ILLEGAL_PARAMETER)
def test_a_key_that_does_not_fit_the_suite_is_refused(kind: str, suite: CipherSuite) -> Duel:
    return showing(pki.server(kind).chain_der, suite)


@refuses("C2.1", Alert.ILLEGAL_PARAMETER)
def test_an_ecdsa_key_on_a_curve_that_was_not_offered_is_refused() -> Duel:
    policy = Policy.compatible().replace(groups=(NamedGroup.X25519, NamedGroup.SECP256R1))
    return showing(pki.server("ecdsa-p384").chain_der, policy=policy)


def used_for(kind: str, *usages: str) -> IssuedCertificate:
    return pki.intermediate().issue(*pki.NAMES, key=pki.key(kind), usage=key_usage(*usages))


@pytest.mark.parametrize(
    ("kind", "suite", "usages"),
    [
        ("ecdsa-p256", ECDHE, ("key_agreement",)),
        ("rsa-2048", ECDHE_RSA, ("key_encipherment",)),
        ("rsa-2048", DHE, ("key_encipherment",)),
        ("rsa-2048", RSA, ("digital_signature",)),
    ],
)
@refuses("C2.1", Alert.UNSUPPORTED_CERTIFICATE)
def test_a_key_usage_that_the_suite_cannot_use_is_refused(
    kind: str, suite: CipherSuite, usages: tuple[str, ...]
) -> Duel:
    return showing(used_for(kind, *usages).chain_der, suite)


# -- C2.2 ---------------------------------------------------------------------------------------------------


def verifying(issued: IssuedCertificate) -> AgainstClient:
    duel = showing(issued.chain_der, verifier=verifier())
    return duel.carry()


def reasoned(duel: AgainstClient, error: type[CertificateError], *words: str) -> AgainstClient:
    assert isinstance(duel.subject.error, error)
    assert all(word in str(duel.subject.error) for word in words), str(duel.subject.error)
    return duel


@pytest.mark.parametrize("chain", ["untrusted_issuer", "missing_intermediate"])
@refuses("C2.2", Alert.UNKNOWN_CA)
def test_an_unknown_issuer_is_refused(chain: str) -> Duel:
    return reasoned(verifying(pki.BAD_SERVER_CERTIFICATES[chain]()), UnknownIssuer, "no trusted root")


@pytest.mark.parametrize(("chain", "word"), [("expired", "expired on"), ("not_yet_valid", "not valid before")])
@refuses("C2.2", Alert.CERTIFICATE_EXPIRED)
def test_a_certificate_out_of_its_time_is_refused(chain: str, word: str) -> Duel:
    return reasoned(verifying(pki.BAD_SERVER_CERTIFICATES[chain]()), CertificateExpired, word)


@pytest.mark.parametrize("chain", ["wrong_name", "no_san"])
@refuses("C2.2", Alert.BAD_CERTIFICATE)
def test_a_certificate_for_somebody_else_is_refused(chain: str) -> Duel:
    return reasoned(verifying(pki.BAD_SERVER_CERTIFICATES[chain]()), NameMismatch, pki.NAME)


@refuses("C2.2", Alert.BAD_CERTIFICATE)
def test_a_certificate_for_another_purpose_is_refused() -> Duel:
    return reasoned(verifying(pki.wrong_extended_key_usage()), WrongPurpose, "clientAuth", "serverAuth")


@pytest.mark.parametrize("chain", ["forged_signature"])
@refuses("C2.2", Alert.BAD_CERTIFICATE)
def test_a_forged_certificate_is_refused(chain: str) -> Duel:
    return reasoned(verifying(pki.BAD_SERVER_CERTIFICATES[chain]()), CertificateError, "signature")


@accepts("C2.2")
def test_a_good_certificate_is_accepted() -> Duel:
    duel = AgainstClient(verifier=verifier()).handshake()
    assert len(duel.subject.negotiated.verified_chain) == 3
    return duel


# -- C2.3 and C2.4 ------------------------------------------------------------------------------------------


def promising(*extensions: Extension) -> AgainstClient:
    duel = AgainstClient()
    duel.script.send(with_extensions(duel.script.answer(ECDHE), *extensions))
    return duel.certificate()


def status(response: bytes = b"a staple") -> CertificateStatus:
    return CertificateStatus(CertificateStatusType.OCSP, response)


@refuses("C2.3", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_status_without_the_extension_is_refused() -> Duel:
    duel = promising()
    duel.script.send(status())
    return duel


@refuses("C2.3", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_status_before_the_certificate_is_refused() -> Duel:
    duel = AgainstClient()
    duel.script.send(with_extensions(duel.script.answer(ECDHE), StatusRequestAck()), status())
    return duel


@refuses("C2.3", Alert.UNEXPECTED_MESSAGE)
def test_two_certificate_statuses_are_refused() -> Duel:
    duel = promising(StatusRequestAck())
    duel.script.send(status(), status())
    return duel


@pytest.mark.parametrize("sent", [True, False])
@accepts("C2.3")
def test_a_promised_certificate_status_may_come_or_not(sent: bool) -> Duel:
    duel = promising(StatusRequestAck())
    if sent:
        duel.script.send(status())
    duel.share().done().finish()
    assert duel.subject.negotiated.ocsp_response == (b"a staple" if sent else None)
    return duel


@pytest.mark.parametrize("body", ["", "01", "01000000", "01000001", "0100000200", "0100000141ff"])
@refuses("C2.3", Alert.DECODE_ERROR)
def test_a_certificate_status_that_is_empty_or_of_wrong_framing_is_refused(body: str) -> Duel:
    return sending(promising(StatusRequestAck()), HandshakeType.CERTIFICATE_STATUS, bytes.fromhex(body))


@pytest.mark.parametrize("body", ["0200000400000141", "0700000141", "0000000141"])
@refuses("C2.3", Alert.ILLEGAL_PARAMETER)
def test_a_certificate_status_of_a_type_that_was_not_negotiated_is_refused(body: str) -> Duel:
    return sending(promising(StatusRequestAck()), HandshakeType.CERTIFICATE_STATUS, bytes.fromhex(body))


@shows("C2.3", "read")
def test_entries_of_a_list_of_staples_may_be_empty() -> None:
    data = bytes.fromhex("1600000b" + "02" + "000007" + "000000" + "00000141")
    parsed = messages.parse(data, Context(KeyExchangeAlgorithm.ECDHE))
    assert isinstance(parsed, CertificateStatus)
    assert parsed.ocsp_response_list == (b"", b"A")


def scts(body: str) -> RawExtension:
    return RawExtension(ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP, bytes.fromhex(body))


@pytest.mark.parametrize("body", ["", "0000", "00020000", "00050001410000", "0003000241", "0003000141ff"])
@refuses("C2.4", Alert.DECODE_ERROR)
def test_a_list_of_scts_that_is_empty_or_holds_an_empty_one_is_refused(body: str) -> Duel:
    return promising(scts(body))


@accepts("C2.4")
def test_scts_are_delivered() -> Duel:
    duel = promising(scts("0007" + "000141" + "00024243")).share().done().finish()
    assert duel.subject.negotiated.scts == (b"A", b"BC")
    return duel


# -- C2.5 to C2.7 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CertificateType.RAW_PUBLIC_KEY, CertificateType.X509])
@refuses("C2.5", Alert.UNSUPPORTED_EXTENSION)
def test_a_kind_of_certificate_that_nobody_asked_about_is_refused(kind: CertificateType) -> Duel:
    return promising(SelectedServerCertificateType(kind))


@refuses("C2.5", Alert.DECODE_ERROR)
def test_a_bare_key_instead_of_a_list_of_certificates_is_refused() -> Duel:
    key = subject_public_key_info(pki.server().leaf)
    duel = AgainstClient().hello()
    return sending(duel, HandshakeType.CERTIFICATE, len(key).to_bytes(3, "big") + key)


@refuses("C2.6", Alert.UNEXPECTED_MESSAGE)
def test_a_server_key_exchange_with_rsa_transport_is_refused() -> Duel:
    return sending(
        AgainstClient("rsa-2048").hello(RSA).certificate(), HandshakeType.SERVER_KEY_EXCHANGE, b"\x03\x00\x1d\x01\x09"
    )


@pytest.mark.parametrize(("kind", "suite"), [("ecdsa-p256", ECDHE), ("rsa-2048", ECDHE_RSA), ("rsa-2048", DHE)])
@refuses("C2.6", Alert.UNEXPECTED_MESSAGE)
def test_a_missing_server_key_exchange_is_refused(kind: str, suite: CipherSuite) -> Duel:
    return AgainstClient(kind).hello(suite).certificate().done()


@accepts("C2.6")
def test_rsa_transport_works() -> Duel:
    return AgainstClient("rsa-2048").handshake(RSA)


def sharing(
    change: Callable[[Any], Any],
    *,
    suite: CipherSuite = ECDHE,
    kind: str = "ecdsa-p256",
    group: NamedGroup | None = None,
    **config: Any,
) -> AgainstClient:
    """A ServerKeyExchange whose parameters are changed before they are signed; to its ServerHelloDone."""
    duel = AgainstClient(kind, **config).hello(suite).certificate()
    key = pki.server(kind).private_key
    share = duel.script.offer(group)
    assert share is not None
    share = duel.script.sign_share(replace(share, params=change(share.params)), key, SCHEMES[kind])
    duel.script.send(share)
    return duel.done()


@pytest.mark.parametrize("group", [NamedGroup.X448, NamedGroup.SECP384R1, 0x1A1A, 0xFE00, 256, 9])
@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_a_group_that_was_not_offered_is_refused(group: int) -> Duel:
    policy = Policy.compatible().replace(groups=(NamedGroup.X25519, NamedGroup.SECP256R1))
    return sharing(lambda params: replace(params, group=NamedGroup.of(group)), policy=policy)


@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_a_group_that_was_not_offered_is_refused_at_once_and_whatever_its_signature() -> Duel:
    duel = AgainstClient(policy=Policy.compatible().replace(groups=(NamedGroup.X25519,))).hello().certificate()
    share = duel.script.offer(NamedGroup.SECP256R1)
    assert share is not None
    duel.script.send(replace(share, signature=DigitallySigned(S.ECDSA_SECP256R1_SHA256, b"nonsense")))
    return duel


@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_an_explicit_curve_is_refused() -> Duel:
    number = b"\x17"
    explicit = ExplicitCurveParams(number, number, number, number, number, number, b"\x04" + bytes(2))
    return sharing(lambda params: explicit)


@pytest.mark.parametrize("curve_type", [0, 4, 255])
@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_an_unknown_type_of_curve_is_refused(curve_type: int) -> Duel:
    body = bytes([curve_type]) + b"\x00\x1d\x20" + bytes(32) + b"\x04\x03\x00\x01A"
    return sending(AgainstClient().hello().certificate(), HandshakeType.SERVER_KEY_EXCHANGE, body)


BAD_POINTS: dict[str, Callable[[bytes], bytes]] = {
    "off the curve": lambda point: point[:-1] + bytes([point[-1] ^ 1]),
    "at infinity": lambda point: b"\x00",
    "compressed": lambda point: bytes([2 + point[-1] % 2]) + point[1:33],
    "hybrid": lambda point: bytes([6 + point[-1] % 2]) + point[1:],
    "raw": lambda point: point[1:],
    "short": lambda point: point[:-1],
    "long": lambda point: point + b"\0",
    "(0, 0)": lambda point: b"\x04" + bytes(64),
}


@pytest.mark.parametrize("what", BAD_POINTS)
@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_a_point_that_is_none_is_refused(what: str) -> Duel:
    spoil = BAD_POINTS[what]
    return sharing(lambda params: replace(params, public=spoil(params.public)), group=NamedGroup.SECP256R1)


@pytest.mark.parametrize("group", [NamedGroup.X25519, NamedGroup.X448], ids=str)
@pytest.mark.parametrize("public", [b"", b"\x01"], ids=["0", "1"])
@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_a_montgomery_key_with_an_all_zero_result_is_refused(public: bytes, group: NamedGroup) -> Duel:
    length = 32 if group is NamedGroup.X25519 else 56
    return sharing(lambda params: replace(params, public=public.ljust(length, b"\0")), group=group)


@pytest.mark.parametrize("length", [1, 31, 33, 56])
@refuses("C2.7", Alert.ILLEGAL_PARAMETER)
def test_a_montgomery_key_of_a_wrong_length_is_refused(length: int) -> Duel:
    return sharing(lambda params: replace(params, public=b"\x09" * length))


@refuses("C2.7", Alert.DECODE_ERROR)
def test_an_empty_point_is_refused() -> Duel:
    body = b"\x03\x00\x1d\x00" + b"\x04\x03\x00\x01A"
    return sending(AgainstClient().hello().certificate(), HandshakeType.SERVER_KEY_EXCHANGE, body)


# -- C2.8 ---------------------------------------------------------------------------------------------------

OAKLEY = {
    1024: """
        FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD
        EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED
        EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF
    """,
    2048: """
        FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD
        EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED
        EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F
        83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B
        E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510
        15728E5A8AACAA68FFFFFFFFFFFFFFFF
    """,
}  # RFC 2409 6.2 and RFC 3526 3


def number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8))


def offering(p: int, g: int, ys: int, **config: Any) -> AgainstClient:
    """These parameters, well signed."""
    params = DheParams(number(p), number(g), number(ys))
    return sharing(lambda _: params, suite=DHE, kind="rsa-2048", **config)


class Cheap(StandardCrypto):
    """Nothing is computed in the server's group."""

    def answer_key_share(self, *_: object) -> NoReturn:
        raise AssertionError("the group was computed with")


@pytest.mark.parametrize(
    "p", [int("".join(OAKLEY[1024].split()), 16), (1 << 511) + 3, P >> 2 | 1], ids=["1024", "512", "2046"]
)
@refuses("C2.8", Alert.INSUFFICIENT_SECURITY)
def test_a_modulus_under_the_policys_size_is_refused(p: int) -> Duel:
    return offering(p, 2, 4, crypto=Cheap())


@pytest.mark.parametrize(
    ("p", "g", "ys"),
    [
        (P, 2, 0),
        (P, 2, 1),
        (P, 2, P - 1),
        (P, 2, P),
        (P, 2, P + 4),
        (P, 0, 4),
        (P, 1, 4),
        (P, P - 1, 4),
        (P, P, 4),
        (P, P + 2, 4),
        (P - 1, 2, 4),
        (1 << 2048, 2, 4),
        ((1 << 4100) + 1, 2, 4),
        ((1 << 16_000) + 1, 2, 4),
    ],
    ids=[
        "Ys=0",
        "Ys=1",
        "Ys=p-1",
        "Ys=p",
        "Ys=p+4",
        "g=0",
        "g=1",
        "g=p-1",
        "g=p",
        "g=p+2",
        "even",
        "power",
        "4101 bits",
        "16001 bits",
    ],
)
@refuses("C2.8", Alert.ILLEGAL_PARAMETER)
def test_numbers_out_of_range_are_refused_before_any_work(p: int, g: int, ys: int) -> Duel:
    return offering(p, g, ys, crypto=Cheap())


@accepts("C2.8")
def test_a_group_of_rfc_7919_works() -> Duel:
    return AgainstClient("rsa-2048").handshake(DHE)


@refuses("C2.8", Alert.INSUFFICIENT_SECURITY)
def test_a_group_without_a_name_is_refused_by_policy() -> Duel:
    custom = int("".join(OAKLEY[2048].split()), 16)
    return offering(custom, 2, 4, policy=Policy.compatible().replace(accept_custom_dh=False))


@shows("C2.8", "accepted by the other policies")
def test_a_group_without_a_name_is_accepted_otherwise() -> None:
    duel = offering(int("".join(OAKLEY[2048].split()), 16), 2, 4)
    assert duel.subject.error is None, str(duel.subject.error)


@pytest.mark.parametrize("body", ["", "0000", "000103" + "0000", "000103" + "000102" + "0000", "000203"])
@refuses("C2.8", Alert.DECODE_ERROR)
def test_dhe_parameters_of_wrong_framing_are_refused(body: str) -> Duel:
    return sending(
        AgainstClient("rsa-2048").hello(DHE).certificate(), HandshakeType.SERVER_KEY_EXCHANGE, bytes.fromhex(body)
    )


# -- C2.9 ---------------------------------------------------------------------------------------------------


def signed(
    scheme: int, change: Callable[[bytes], bytes] = lambda signature: signature, kind: str = "ecdsa-p256", **config: Any
) -> AgainstClient:
    """A key share that claims this scheme, with its honest signature changed."""
    duel = AgainstClient(kind, **config).hello().certificate()
    share = duel.script.offer()
    assert share is not None
    honest = duel.script.sign_share(share, pki.server(kind).private_key, SCHEMES[kind]).signature
    assert honest is not None
    duel.script.send(replace(share, signature=DigitallySigned(S.of(scheme), change(honest.signature))))
    return duel.done()


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("ecdsa-p256", 0x0203),
        ("ecdsa-p256", 0x0103),
        ("ecdsa-p256", 0xFEFE),
        ("ecdsa-p256", 0x0804),
        ("ecdsa-p256", 0x0807),
        ("rsa-2048", 0x0101),
        ("rsa-2048", 0x0201),
        ("rsa-2048", 0x0809),
        ("rsa-2048", 0x0403),
        ("ed25519", 0x0808),
    ],
)
@refuses("C2.9", Alert.ILLEGAL_PARAMETER)
def test_a_scheme_that_was_not_offered_or_does_not_fit_the_key_is_refused(kind: str, scheme: int) -> Duel:
    return signed(scheme, kind=kind)


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048", "ed25519"])
@pytest.mark.parametrize("spoil", ["flipped", "short", "long", "empty", "zeros"])
@refuses("C2.9", Alert.DECRYPT_ERROR)
def test_a_wrong_signature_is_refused(spoil: str, kind: str) -> Duel:
    change: Callable[[bytes], bytes] = {
        "flipped": lambda signature: signature[:-1] + bytes([signature[-1] ^ 1]),
        "short": lambda signature: signature[:-1],
        "long": lambda signature: signature + b"\0",
        "empty": lambda signature: b"",
        "zeros": lambda signature: bytes(len(signature)),
    }[spoil]
    return signed(SCHEMES[kind], change, kind)


@pytest.mark.parametrize("what", ["client random", "server random", "order", "parameters", "no randoms"])
@refuses("C2.9", Alert.DECRYPT_ERROR)
def test_a_signature_over_something_else_is_refused(what: str) -> Duel:
    duel = AgainstClient().hello().certificate()
    script = duel.script
    share = script.offer()
    assert share is not None
    assert script.client_hello is not None
    assert script.server_hello is not None
    mine, theirs, params = script.client_hello.random, script.server_hello.random, share.params_bytes()
    said = {
        "client random": bytes(32) + theirs + params,
        "server random": mine + bytes(32) + params,
        "order": theirs + mine + params,
        "parameters": mine + theirs + params[:-1] + bytes([params[-1] ^ 1]),
        "no randoms": params,
    }[what]
    signature = signatures.sign(pki.server().private_key, S.ECDSA_SECP256R1_SHA256, said)
    script.send(replace(share, signature=DigitallySigned(S.ECDSA_SECP256R1_SHA256, signature)))
    return duel.done()


@refuses("C2.9", Alert.DECODE_ERROR)
def test_a_key_share_without_its_signature_is_refused() -> Duel:
    duel = AgainstClient().hello().certificate()
    share = duel.script.offer()
    assert share is not None
    duel.script.send(share)
    return duel


# -- C2.10 --------------------------------------------------------------------------------------------------

REQUEST = CertificateRequest(
    (ClientCertificateType.ECDSA_SIGN, ClientCertificateType.RSA_SIGN),
    (S.ECDSA_SECP256R1_SHA256, S.RSA_PSS_RSAE_SHA256),
)


def asked(request: CertificateRequest = REQUEST, **config: Any) -> AgainstClient:
    duel = AgainstClient(**config).hello().certificate().share()
    duel.script.send(request)
    return duel.done()


@refuses("C2.10", Alert.HANDSHAKE_FAILURE)
def test_a_certificate_request_under_an_anonymous_suite_is_refused() -> Duel:
    duel = AgainstClient(policy=lab_policy()).hello(ANON).share()
    duel.script.send(REQUEST)
    return duel


@pytest.mark.parametrize("suite", [PSK, DHE_PSK, ECDHE_PSK, RSA_PSK], ids=str)
@refuses("C2.10", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_request_under_a_psk_suite_is_refused(suite: CipherSuite) -> Duel:
    duel = AgainstClient("rsa-2048", psk=Psk(b"me", KEY)).hello(suite).certificate().share()
    duel.script.send(REQUEST)
    return duel


@pytest.mark.parametrize(
    "body",
    [
        "",
        "00",
        "00" + "00020403" + "0000",
        "0140" + "0000" + "0000",
        "0140" + "00030403ff" + "0000",
        "0140" + "00020403",
        "0140" + "00020403" + "00020000",
        "0140" + "00020403" + "0000ff",
    ],
)
@refuses("C2.10", Alert.DECODE_ERROR)
def test_a_certificate_request_of_wrong_framing_is_refused(body: str) -> Duel:
    duel = AgainstClient().hello().certificate().share()
    return sending(duel, HandshakeType.CERTIFICATE_REQUEST, bytes.fromhex(body))


@accepts("C2.10")
def test_unknown_types_and_schemes_in_a_certificate_request_are_ignored() -> Duel:
    request = CertificateRequest(
        tuple(map(ClientCertificateType.of, (0, 99, 255, 64))), tuple(map(S.of, (0x1A1A, 0x0101, 0xFFFF, 0x0403)))
    )
    duel = asked(request, credentials=(credential_of(pki.client()),))
    verify = duel.script.last(CertificateVerify)
    assert verify is not None
    assert verify.algorithm is S.ECDSA_SECP256R1_SHA256
    return duel.finish()


UNFIT = {
    "no credentials": (REQUEST, ()),
    "no such type": (replace(REQUEST, certificate_types=(ClientCertificateType.RSA_SIGN,)), ("ecdsa-p256",)),
    "no such scheme": (replace(REQUEST, supported_signature_algorithms=(S.ED448,)), ("ecdsa-p256", "rsa-2048")),
    "another authority": (replace(REQUEST, certificate_authorities=(b"\x30\x00",)), ("ecdsa-p256",)),
}


@pytest.mark.parametrize("name", UNFIT)
@accepts("C2.10")
def test_without_a_fitting_credential_an_empty_certificate_is_sent(name: str) -> Duel:
    request, kinds = UNFIT[name]
    duel = asked(request, credentials=tuple(credential_of(pki.client(kind)) for kind in kinds))
    assert duel.script.last(Certificate) == Certificate(())
    assert duel.script.last(CertificateVerify) is None
    return duel.finish()


@pytest.mark.parametrize("name", UNFIT)
@refuses("C2.10", Alert.HANDSHAKE_FAILURE)
def test_without_a_fitting_credential_a_configuration_that_insists_refuses(name: str) -> Duel:
    request, kinds = UNFIT[name]
    credentials = tuple(credential_of(pki.client(kind)) for kind in kinds)
    return asked(request, credentials=credentials, require_credential=True)


@accepts("C2.10")
def test_a_configuration_that_insists_sends_a_fitting_credential() -> Duel:
    duel = asked(credentials=(credential_of(pki.client()),), require_credential=True)
    assert duel.script.last(Certificate) == Certificate(pki.client().chain_der)
    return duel.finish()


@accepts("C2.10")
def test_a_configuration_that_insists_is_content_if_nobody_asks() -> Duel:
    return AgainstClient(require_credential=True).handshake()


# -- C2.11 and C2.12 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [PSK, DHE_PSK, ECDHE_PSK], ids=str)
@refuses("C2.11", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_under_a_psk_suite_without_rsa_is_refused(suite: CipherSuite) -> Duel:
    duel = AgainstClient(psk=Psk(b"me", KEY)).hello(suite)
    duel.script.send(Certificate(pki.server().chain_der))
    return duel


@pytest.mark.parametrize("hint", [None, b"", b"a hint"])
@pytest.mark.parametrize("suite", [PSK, RSA_PSK, DHE_PSK, ECDHE_PSK], ids=str)
@accepts("C2.11")
def test_a_missing_hint_is_an_empty_one(suite: CipherSuite, hint: bytes | None) -> Duel:
    hints: list[bytes] = []

    def psk(hint: bytes) -> Psk:
        hints.append(hint)
        return Psk(b"me", KEY)

    duel = AgainstClient("rsa-2048", psk=psk)
    if hint == b"" and suite in (PSK, RSA_PSK):
        duel.hello(suite).certificate().share()  # which is nothing: the message with an empty hint goes out by hand
        duel.script.send(ServerKeyExchange(psk_identity_hint=b""))
        duel.done().finish(KEY)
    else:
        duel.hello(suite).certificate().share(hint=hint).done().finish(KEY)
    assert hints == [hint or b""]
    return duel


@refuses("C2.12", Alert.DECODE_ERROR)
def test_a_server_hello_done_with_a_body_is_refused() -> Duel:
    return sending(AgainstClient().hello().certificate().share(), HandshakeType.SERVER_HELLO_DONE, b"\0")


@refuses("C2.12", Alert.DECODE_ERROR)
def test_a_hello_request_with_a_body_is_refused_during_a_handshake() -> Duel:
    return sending(AgainstClient().hello(), HandshakeType.HELLO_REQUEST, b"\0")


@refuses("C2.12", Alert.DECODE_ERROR)
def test_a_hello_request_with_a_body_is_refused_after_the_handshake() -> Duel:
    return sending(AgainstClient().handshake(), HandshakeType.HELLO_REQUEST, bytes(100))


@accepts("C2.12")
def test_the_empty_ones_are_fine() -> Duel:
    duel = AgainstClient().hello().certificate().share()
    duel.script.send(HelloRequest(), ServerHelloDone())
    return duel.carry().finish()
