"""Server, client authentication: section S7 of the checklists."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel
from tests.ends import verifier
from tls12 import Alert, CipherSuite, ClientAuth, MemorySessionStore, Policy, SignatureScheme
from tls12.crypto.key_schedule import extended_master_secret
from tls12.crypto.prf import make_prf
from tls12.lab import policy as lab_policy
from tls12.lab.pki import IssuedCertificate
from tls12.registry import ClientCertificateType, HandshakeType
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateVerify
from tls12.wire.hello import ServerHello
from tls12.wire.messages import RawMessage

S = SignatureScheme
SHA256_PRF = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
SHA384_PRF = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384


def asking(auth: ClientAuth = ClientAuth.REQUIRED, *suites: CipherSuite, **config: Any) -> AgainstServer:
    """The flight of a server that asks for a certificate."""
    return AgainstServer(client_auth=auth, verifier=verifier(), **config).hello(*suites)


def certified(kind: str = "ecdsa-p256", *suites: CipherSuite, **config: Any) -> tuple[AgainstServer, IssuedCertificate]:
    """Up to the ClientKeyExchange; CertificateVerify is due."""
    duel, mine = asking(ClientAuth.REQUIRED, *suites, **config), pki.client(kind)
    duel.script.send(Certificate(mine.chain_der))
    return duel.key_exchange(), mine


def signing(duel: AgainstServer, scheme: int, signature: bytes) -> AgainstServer:
    """This CertificateVerify, and what comes of it."""
    duel.script.send(CertificateVerify(S.of(scheme), signature))
    return duel.carry()


def request_of(duel: AgainstServer) -> CertificateRequest:
    request = duel.script.last(CertificateRequest)
    assert request is not None
    return request


# -- S7.1 ---------------------------------------------------------------------------------------------------


@shows("S7.1", "the policy's, in its order")
def test_the_request_lists_exactly_what_is_accepted_in_a_stable_order() -> None:
    policy = Policy.default()
    first, second = (request_of(asking(policy=policy)) for _ in range(2))
    assert first == second
    assert first.supported_signature_algorithms == policy.signature_schemes
    assert first.certificate_types == (ClientCertificateType.ECDSA_SIGN, ClientCertificateType.RSA_SIGN)


@pytest.mark.parametrize(
    ("schemes", "types"),
    [
        ((S.RSA_PSS_RSAE_SHA256,), (ClientCertificateType.RSA_SIGN,)),
        ((S.RSA_PSS_PSS_SHA256, S.RSA_PKCS1_SHA256), (ClientCertificateType.RSA_SIGN,)),
        ((S.ED25519,), (ClientCertificateType.ECDSA_SIGN,)),
        ((S.ED448, S.ECDSA_SECP256R1_SHA256), (ClientCertificateType.ECDSA_SIGN,)),
    ],
)
@shows("S7.1", "only types that a scheme can use")
def test_the_request_lists_only_types_that_some_scheme_can_use(
    schemes: tuple[S, ...], types: tuple[ClientCertificateType, ...]
) -> None:
    kinds = ("ecdsa-p256", "rsa-2048", "ed25519", "ed448", "rsa-pss-2048")
    server = AgainstServer(
        *kinds,
        client_auth=ClientAuth.REQUIRED,
        verifier=verifier(),
        policy=Policy.default().replace(signature_schemes=schemes),
    ).hello()
    assert request_of(server).certificate_types == types
    assert request_of(server).supported_signature_algorithms == schemes


@shows("S7.1", "dss_sign too")
def test_the_laboratory_asks_for_dsa_too() -> None:
    assert ClientCertificateType.DSS_SIGN in request_of(asking(policy=lab_policy())).certificate_types


@pytest.mark.parametrize(
    "kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-pss-2048", "ed25519", "ed448"]
)
@accepts("S7.1")
def test_a_client_with_any_kind_of_key_is_accepted(kind: str) -> Duel:
    duel, mine = certified(kind)
    schemes = request_of(duel).supported_signature_algorithms
    able = "rsa_pss_pss" if kind.startswith("rsa-pss") else {"e": kind[:5], "r": "rsa_pss_rsae"}[kind[0]]
    scheme = next(scheme for scheme in schemes if str(scheme).startswith(able))
    duel.script.send(duel.script.certificate_verify(mine.private_key, scheme))
    duel.finish()
    assert duel.subject.negotiated.peer_certificates == mine.chain_der
    return duel


# -- S7.2 ---------------------------------------------------------------------------------------------------


@accepts("S7.2")
def test_an_empty_certificate_is_enough_if_it_is_optional() -> Duel:
    duel = asking(ClientAuth.OPTIONAL)
    duel.script.send(Certificate(()))
    return duel.key_exchange().finish()


@refuses("S7.2", Alert.HANDSHAKE_FAILURE)
def test_an_empty_certificate_is_refused_if_one_is_required() -> Duel:
    duel = asking()
    duel.script.send(Certificate(()))
    return duel


@refuses("S7.2", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_verify_after_an_empty_certificate_is_refused() -> Duel:
    duel = asking(ClientAuth.OPTIONAL)
    duel.script.send(Certificate(()))
    duel.key_exchange()
    duel.script.send(duel.script.certificate_verify(pki.client().private_key, S.ECDSA_SECP256R1_SHA256))
    return duel


@pytest.mark.parametrize("auth", [ClientAuth.OPTIONAL, ClientAuth.REQUIRED])
@refuses("S7.2", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_that_was_asked_for_and_is_missing_is_refused(auth: ClientAuth) -> Duel:
    return asking(auth).key_exchange()


@refuses("S7.2", Alert.UNEXPECTED_MESSAGE)
def test_a_missing_certificate_verify_is_refused() -> Duel:
    duel, _ = certified()
    return duel.finish()


@refuses("S7.2", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_verify_before_the_key_exchange_is_refused() -> Duel:
    duel, mine = asking(), pki.client()
    duel.script.send(Certificate(mine.chain_der))
    duel.script.send(duel.script.certificate_verify(mine.private_key, S.ECDSA_SECP256R1_SHA256))
    return duel


@pytest.mark.parametrize("chain", [(), (b"a certificate",)])
@refuses("S7.2", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_that_nobody_asked_for_is_refused(chain: tuple[bytes, ...]) -> Duel:
    duel = AgainstServer().hello()
    duel.script.send(Certificate(chain))
    return duel


@refuses("S7.2", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_verify_that_nobody_asked_for_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.send(duel.script.certificate_verify(pki.client().private_key, S.ECDSA_SECP256R1_SHA256))
    return duel


# -- S7.3 ---------------------------------------------------------------------------------------------------

FRAMES = {
    "nothing": b"",
    "half a length": b"\x00\x00",
    "an empty entry": bytes.fromhex("000003000000"),
    "an empty entry behind one": bytes.fromhex("000007") + b"\0\0\1A" + b"\0\0\0",
    "list too long": bytes.fromhex("000009000003414243"),
    "list too short": bytes.fromhex("000005000003414243"),
    "entry too long": bytes.fromhex("000006000004414243"),
    "entry too short": bytes.fromhex("000006000002414243"),
    "left over": bytes.fromhex("00000600000341424300"),
}


@pytest.mark.parametrize("body", FRAMES.values(), ids=FRAMES.keys())
@refuses("S7.3", Alert.DECODE_ERROR)
def test_a_certificate_list_of_wrong_framing_is_refused(body: bytes) -> Duel:
    duel = asking()
    duel.script.send(RawMessage(HandshakeType.CERTIFICATE, body))
    return duel


def mangled() -> dict[str, tuple[bytes, ...]]:
    leaf, issuer = pki.client().chain_der
    return {
        "garbage": (b"not a certificate",),
        "cut short": (leaf[:-10], issuer),
        "left over": (leaf + b"\0", issuer),
        "issuer garbage": (leaf, b"\x30\x03abc"),
    }


@pytest.mark.parametrize("name", mangled())
@refuses("S7.3", Alert.BAD_CERTIFICATE)
def test_a_certificate_that_does_not_parse_is_refused(name: str) -> Duel:
    duel = asking()
    duel.script.send(Certificate(mangled()[name]))
    duel.key_exchange()
    duel.script.send(duel.script.certificate_verify(pki.client().private_key, S.ECDSA_SECP256R1_SHA256))
    return duel


# -- S7.4 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("ecdsa-p256", 0x0103),
        ("rsa-2048", 0x0101),
        ("rsa-2048", 0x0201),
        ("ecdsa-p256", 0x0203),
        ("ecdsa-p256", 0xFEFE),
        ("ecdsa-p256", 0x0804),
        ("ecdsa-p256", 0x0807),
        ("rsa-2048", 0x0809),
        ("rsa-2048", 0x0403),
        ("rsa-pss-2048", 0x0804),
        ("rsa-pss-2048", 0x0401),
        ("ed25519", 0x0808),
        ("ed25519", 0x0403),
    ],
)
@refuses("S7.4", Alert.ILLEGAL_PARAMETER)
def test_a_scheme_that_was_not_offered_or_does_not_fit_the_key_is_refused(kind: str, scheme: int) -> Duel:
    duel, _ = certified(kind)
    return signing(duel, scheme, bytes(256))


def right(duel: AgainstServer, mine: IssuedCertificate, scheme: S) -> bytes:
    return duel.script.certificate_verify(mine.private_key, scheme).signature


FITTING = [
    ("ecdsa-p256", S.ECDSA_SECP256R1_SHA256),
    ("rsa-2048", S.RSA_PKCS1_SHA256),
    ("rsa-2048", S.RSA_PSS_RSAE_SHA256),
    ("rsa-pss-2048", S.RSA_PSS_PSS_SHA256),
    ("ed25519", S.ED25519),
    ("ed448", S.ED448),
]


@pytest.mark.parametrize("place", [0, 10, 31, -1])
@pytest.mark.parametrize(("kind", "scheme"), FITTING)
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_signature_with_a_flipped_bit_is_refused(kind: str, scheme: S, place: int) -> Duel:
    duel, mine = certified(kind)
    signature = bytearray(right(duel, mine, scheme))
    signature[place] ^= 0x40
    return signing(duel, scheme, bytes(signature))


@pytest.mark.parametrize("length", [0, 1, 2, 32, 63, -1, 1000])
@pytest.mark.parametrize(("kind", "scheme"), FITTING)
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_signature_of_a_wrong_length_is_refused(kind: str, scheme: S, length: int) -> Duel:
    duel, mine = certified(kind)
    signature = right(duel, mine, scheme)
    return signing(duel, scheme, signature.ljust(length, b"\0")[:length])


@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_signature_over_another_transcript_is_refused() -> Duel:
    duel, mine = certified()
    signature = right(duel, mine, S.ECDSA_SECP256R1_SHA256)
    duel.script.transcript.append(b"\0")
    assert right(duel, mine, S.ECDSA_SECP256R1_SHA256) != signature
    return signing(duel, S.ECDSA_SECP256R1_SHA256, right(duel, mine, S.ECDSA_SECP256R1_SHA256))


@pytest.mark.parametrize(
    ("signed", "claimed"), [(S.RSA_PKCS1_SHA384, S.RSA_PKCS1_SHA256), (S.RSA_PKCS1_SHA256, S.RSA_PKCS1_SHA512)]
)
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_signature_with_another_hash_inside_is_refused(signed: S, claimed: S) -> Duel:
    duel, mine = certified("rsa-2048")
    return signing(duel, claimed, right(duel, mine, signed))


def raw_signature(key: object, content: bytes) -> bytes:
    """PKCS#1 v1.5 around whatever is given, without a DigestInfo of its own."""
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(content)) + b"\x00" + content
    return pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(256)


SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")


@pytest.mark.parametrize("style", ["TLS 1.1", "SHA-1 inside", "no DigestInfo", "garbage behind", "short padding"])
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_signature_in_another_style_is_refused(style: str) -> Duel:
    duel, mine = certified("rsa-2048")
    said = duel.script.transcript.messages
    digest = hashlib.sha256(said).digest()
    content = {
        "TLS 1.1": hashlib.md5(said).digest() + hashlib.sha1(said).digest(),
        "SHA-1 inside": SHA1_INFO + hashlib.sha1(said).digest(),
        "no DigestInfo": digest,
        "garbage behind": SHA256_INFO + digest + bytes(100),
        "short padding": b"\xff\x00" + SHA256_INFO + digest,
    }[style]
    return signing(duel, S.RSA_PKCS1_SHA256, raw_signature(mine.private_key, content))


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_pss_signature_with_a_salt_of_another_length_is_refused(salt: int) -> Duel:
    duel, mine = certified("rsa-2048")
    assert isinstance(mine.private_key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    return signing(
        duel, S.RSA_PSS_RSAE_SHA256, mine.private_key.sign(duel.script.transcript.messages, pss, hashes.SHA256())
    )


@pytest.mark.parametrize("other", [hashes.SHA1(), hashes.SHA384(), hashes.SHA512()], ids=lambda h: h.name)
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_a_pss_signature_with_another_mask_is_refused(other: hashes.HashAlgorithm) -> Duel:
    duel, mine = certified("rsa-2048")
    assert isinstance(mine.private_key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(other), 32)
    return signing(
        duel, S.RSA_PSS_RSAE_SHA256, mine.private_key.sign(duel.script.transcript.messages, pss, hashes.SHA256())
    )


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    "what", ["r = 0", "s = 0", "both 0", "r = n", "s = n", "r + n", "both 1", "not DER", "left over"]
)
@refuses("S7.4", Alert.DECRYPT_ERROR)
def test_an_ecdsa_signature_that_is_none_is_refused(what: str) -> Duel:
    duel, mine = certified()
    signature = right(duel, mine, S.ECDSA_SECP256R1_SHA256)
    r, s = decode_dss_signature(signature)
    bad = {
        "r = 0": encode_dss_signature(0, s),
        "s = 0": encode_dss_signature(r, 0),
        "both 0": encode_dss_signature(0, 0),
        "r = n": encode_dss_signature(ORDER, s),
        "s = n": encode_dss_signature(r, ORDER),
        "r + n": encode_dss_signature(r + ORDER, s),
        "both 1": encode_dss_signature(1, 1),
        "not DER": r.to_bytes(32) + s.to_bytes(32),
        "left over": signature + b"\0",
    }[what]
    return signing(duel, S.ECDSA_SECP256R1_SHA256, bad)


@pytest.mark.parametrize(
    "body", [b"", b"\x04", b"\x04\x03", b"\x04\x03\x00", b"\x04\x03\x00\x02A", b"\x04\x03\x00\x01AB"]
)
@refuses("S7.4", Alert.DECODE_ERROR)
def test_a_certificate_verify_of_wrong_framing_is_refused(body: bytes) -> Duel:
    duel, _ = certified()
    duel.script.send(RawMessage(HandshakeType.CERTIFICATE_VERIFY, body))
    return duel


# -- S7.5 and S7.6 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("rsa-2048", S.RSA_PKCS1_SHA256),
        ("rsa-2048", S.RSA_PSS_RSAE_SHA384),
        ("rsa-2048", S.RSA_PKCS1_SHA512),
        ("ecdsa-p256", S.ECDSA_SECP521R1_SHA512),
        ("ecdsa-p384", S.ECDSA_SECP384R1_SHA384),
    ],
)
@pytest.mark.parametrize("suite", [SHA256_PRF, SHA384_PRF], ids=str)
@accepts("S7.5")
def test_every_hash_verifies_under_every_prf(suite: CipherSuite, kind: str, scheme: S) -> Duel:
    duel, mine = certified(kind, suite)
    duel.script.send(duel.script.certificate_verify(mine.private_key, scheme))
    return duel.finish()


@refuses("S7.6", Alert.BAD_RECORD_MAC)
def test_a_session_hash_that_covers_the_certificate_verify_gives_other_keys() -> Duel:
    duel, mine = certified()
    script = duel.script
    script.send(script.certificate_verify(mine.private_key, S.ECDSA_SECP256R1_SHA256))
    assert script.premaster is not None
    script.resume(extended_master_secret(make_prf("sha256", script.premaster), script.transcript.digest("sha256")))
    return duel.finish()


@accepts("S7.6")
def test_a_resumption_keeps_the_identity_of_the_client() -> Duel:
    store = MemorySessionStore()
    duel, mine = certified(sessions=store)
    duel.script.send(duel.script.certificate_verify(mine.private_key, S.ECDSA_SECP256R1_SHA256))
    duel.finish()
    answer = duel.script.last(ServerHello)
    assert answer is not None
    session = store.get(answer.session_id)
    assert session is not None
    again = AgainstServer(client_auth=ClientAuth.REQUIRED, verifier=verifier(), sessions=store)
    again.hello(session_id=session.session_id)
    again.script.resume(session.master_secret)
    again.finish()
    negotiated = again.subject.negotiated
    assert negotiated.resumed
    assert negotiated.peer_certificates == mine.chain_der
    assert len(negotiated.verified_chain) == 3
    return again
