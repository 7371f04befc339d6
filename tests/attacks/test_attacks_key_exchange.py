"""Attacks on the key exchange: oracles, export keys, small groups, points off the curve, reused keys, forgeries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests import pki
from tests.attacks.weakening import (
    VICTIM,
    allowed,
    any_finite_field,
    assert_defended,
    careless_client,
    computing,
    configured,
    finish_as_server,
    our_client,
    our_server,
    removed,
)
from tests.ends import Ours, Scripted, credential, credential_of, talk
from tls12 import Alert, CipherSuite, Credential, NamedGroup, Policy, SignatureScheme, lab
from tls12.crypto import signatures
from tls12.crypto.groups import KeyShare
from tls12.crypto.provider import STANDARD, CryptoProvider, StandardCrypto
from tls12.crypto.randomness import Random
from tls12.errors import InvalidKeyShare, PeerMisbehaved
from tls12.handshake.client import ClientHandshake
from tls12.handshake.grammar import Row, State
from tls12.registry import ClientCertificateType, ConnectionEnd, HandshakeType
from tls12.wire import key_exchange as wire
from tls12.wire.certificates import Certificate, CertificateRequest
from tls12.wire.hello import ServerHelloDone
from tls12.wire.key_exchange import (
    ClientKeyExchange,
    DheParams,
    DhPublic,
    DigitallySigned,
    EcdhPublic,
    EncryptedPreMasterSecret,
    ServerKeyExchange,
)
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

RSA = CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256
DHE = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
ECDHE = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256


@dataclass(frozen=True)
class Verifying(StandardCrypto):
    """Signatures are verified in another way: `way(public_key, scheme, signature, data)`."""

    way: Callable[..., None]

    def verify(self, *what: Any) -> None:
        self.way(*what)


@dataclass(frozen=True)
class Exchanging(StandardCrypto):
    """Every key share comes to its secret in another way: `way(share, peer_public)`."""

    way: Callable[[Any, bytes], bytes]
    maker: CryptoProvider = STANDARD

    def generate_key_share(self, group: NamedGroup, random: Random) -> KeyShare:
        share = self.maker.generate_key_share(group, random)
        return SimpleNamespace(group=share.group, public=share.public, exchange=partial(self.way, share))


def compatible_client(**config: Any) -> Ours:
    return our_client(policy=Policy.compatible(), **config)


def asked(*suites: CipherSuite, server: Ours | None = None) -> tuple[Scripted, Ours]:
    """The attacker has said hello to our server and read its flight."""
    ours, script = server or our_server("rsa-2048", policy=Policy.compatible()), Scripted("client")
    script.send(script.hello(*suites))
    talk(ours, script)
    return script, ours


def completes_with(script: Scripted, ours: Ours, keys: wire.ExchangeKeys, premaster: bytes) -> bool:
    """The attacker sends these keys and knows the premaster secret without having computed it."""
    script.send(ClientKeyExchange(keys))
    script.premaster = premaster
    script.derive()
    script.finish()
    talk(ours, script)
    return ours.completed


def impersonate(suite: CipherSuite, certificate: Credential, client: Ours) -> Scripted:
    """The attacker has answered our client, and shown it another server's certificate."""
    script = Scripted("server")
    client.start()
    script.receive(client.take())
    script.send(script.answer(suite), certificate.certificate_message)
    return script


# -- RSA key transport ----------------------------------------------------------------------------------------


def test_bleichenbacher_and_robot() -> None:
    """A server that tells good padding from bad, by whatever it does, lets an attacker decrypt."""
    key = pki.key("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.public_key().public_numbers()

    def block(start: bytes, message: bytes, separator: bytes = b"\0") -> bytes:
        tail = separator + message
        return start + b"\x5a" * (256 - len(start) - len(tail)) + tail

    premaster = b"\x03\x03" + b"\x11" * 46
    blocks = {
        "good": block(b"\0\2", premaster),
        "wrong version": block(b"\0\2", b"\x02\x02" + premaster[2:]),
        "wrong start": block(b"\x41\x17", premaster),
        "wrong type": block(b"\0\1", premaster),
        "no separator": block(b"\0\2", premaster, b"\x5a"),
        "separator too early": block(b"\0\2\x5a\x5a\0", premaster),
        "too short": block(b"\0\2", premaster[1:]),
        "too long": block(b"\0\2", premaster + b"\x11"),
        "empty": block(b"\0\2", b""),
    }

    def behaviour(plain: bytes, whole_flight: bool) -> tuple[object, ...]:
        """All that the sender of a ciphertext can see, and how much randomness was drawn for it."""
        drawn: list[int] = []
        config = {
            "policy": Policy.compatible(),
            "random": lambda count: drawn.append(count) or os.urandom(count),
        }
        script, ours = asked(RSA, server=our_server("rsa-2048", **config))
        ciphertext = pow(int.from_bytes(plain), numbers.e, numbers.n).to_bytes(256)
        script.send(ClientKeyExchange(EncryptedPreMasterSecret(ciphertext)))
        if whole_flight:
            script.premaster = bytes(48)  # the attacker did not make this ciphertext
            script.derive()
            script.finish()
        talk(ours, script)
        alert = ours.error.alert if ours.error else None
        return alert, str(ours.error), ours.connection.expecting, len(script.records), tuple(drawn)

    def attack() -> bool:
        return any(len({behaviour(plain, whole) for plain in blocks.values()}) > 1 for whole in (True, False))

    class Complaining(StandardCrypto):
        """What half of the servers of 2017 did."""

        def decrypt_premaster(self, private_key: rsa.RSAPrivateKey, ciphertext: bytes) -> bytes:
            private = private_key.private_numbers()
            plain = pow(int.from_bytes(ciphertext), private.d, numbers.n).to_bytes(256)
            if plain[:2] != b"\0\2" or 0 not in plain[10:]:
                raise PeerMisbehaved("bad padding", alert=Alert.DECRYPT_ERROR)
            return plain[plain.index(0, 2) + 1 :]

    assert_defended(attack, computing(Complaining()))


EXPORT_P = int("d9e19f75a9bf2e8e01b6df90e622db1822e4b70648379dc799fd03e3e53f3245", 16)
EXPORT_Q = int("d1b05dce623f6e602fe50d97e127f4529fd36ee1eabe07bf572a102844164679", 16)
"""A key of 512 bits, factored: a few hours of rented machines in 2015."""


class ExportParams(DheParams):
    """The temporary RSA key of the export suites (RFC 4346 7.4.3): modulus and exponent where DHE has p, g and Ys."""

    @classmethod
    def read(cls, r: Reader) -> ExportParams:
        return cls(r.vector16("rsa_modulus"), r.vector16("rsa_exponent"), b"")

    def write(self, w: Writer) -> None:
        w.vector16(self.dh_p, "rsa_modulus")
        w.vector16(self.dh_g, "rsa_exponent")


def test_freak() -> None:
    """A temporary RSA key for which the client did not ask, short enough to be factored, must not replace the
    certificate's."""
    weak = ExportParams((EXPORT_P * EXPORT_Q).to_bytes(64), (65537).to_bytes(3), b"")

    def attack() -> bool:
        client = compatible_client()
        script = impersonate(RSA, credential("rsa-2048"), client)
        # The server still signs export keys for a client that asks; the attacker in the middle asked.
        share = script.sign_share(ServerKeyExchange(weak), pki.key("rsa-2048"), SignatureScheme.RSA_PKCS1_SHA256)
        script.send(share, ServerHelloDone())
        talk(client, script)
        answer = script.last(ClientKeyExchange)
        if answer is None or not isinstance(answer.exchange_keys, EncryptedPreMasterSecret):
            return False
        d = pow(65537, -1, (EXPORT_P - 1) * (EXPORT_Q - 1))
        plain = pow(int.from_bytes(answer.exchange_keys.ciphertext), d, EXPORT_P * EXPORT_Q).to_bytes(64)
        script.premaster = plain[-48:]
        script.derive()
        script.finish()
        talk(client, script)
        return client.completed

    def receive_and_remember_share(self: ClientHandshake, suite: Any) -> Any:
        exchange = yield from self.receive_if(ServerKeyExchange, then=(ServerHelloDone,))
        modulus, exponent = (int.from_bytes(number) for number in (exchange.params.dh_p, exchange.params.dh_g))
        self.temporary_key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        return exchange

    def with_temporary_key(self: ClientHandshake, suite: Any, peer: Any) -> Any:
        return replace(honest_inputs(self, suite, peer), peer_public_key=self.temporary_key)

    honest_inputs = ClientHandshake.exchange_inputs
    layout = wire.LAYOUTS[Kx.RSA]._replace(server_key_exchange=True, params=ExportParams.read, signed=True)
    assert_defended(
        attack,
        allowed(
            Row(State.CERTIFICATE, ConnectionEnd.SERVER, HandshakeType.SERVER_KEY_EXCHANGE, State.SERVER_KEY_EXCHANGE)
        ),
        removed(wire, "LAYOUTS", {**wire.LAYOUTS, Kx.RSA: layout}),
        careless_client(receive_share=receive_and_remember_share, exchange_inputs=with_temporary_key),
    )


# -- finite fields --------------------------------------------------------------------------------------------


EXPORT_GROUP = int(
    "e8d9e61fa09c67b4d2c73cda20f79d84cae363a44737209fb2ee559fb6b91afb"
    "4ee8216a714ffd1d634700c62b9fae1ee03d2495fccd870723d0fae69f7ed4af",
    16,
)
"""A safe prime of 512 bits."""


def test_logjam() -> None:
    """A group of 512 bits, which the server signed for another client that asked for an export suite."""

    def attack() -> bool:
        client = compatible_client()
        script = impersonate(DHE, credential("rsa-2048"), client)
        exponent = 0x1234567890  # the discrete logarithm: a minute, once somebody has worked on the group for a week
        p = EXPORT_GROUP
        params = DheParams(p.to_bytes(64), b"\2", pow(2, exponent, p).to_bytes(64))
        share = script.sign_share(ServerKeyExchange(params), pki.key("rsa-2048"), SignatureScheme.RSA_PKCS1_SHA256)
        script.send(share, ServerHelloDone())
        talk(client, script)
        answer = script.last(ClientKeyExchange)
        if answer is None or not isinstance(answer.exchange_keys, DhPublic):
            return False
        secret = pow(int.from_bytes(answer.exchange_keys.dh_Yc), exponent, p)
        script.premaster = secret.to_bytes(64).lstrip(b"\0")
        script.derive()
        script.finish()
        talk(client, script)
        return client.completed

    assert_defended(attack, any_finite_field())
    for base in (Policy.default(), Policy.compatible(), Policy.legacy_device()):
        with pytest.raises(ValueError, match="1024"):
            base.replace(minimum_dh_bits=512)


def test_raccoon() -> None:
    """The time to hash a secret reveals its leading zeros; if a key is used twice, an attacker can ask again."""

    def attack() -> bool:
        secrets: list[bytes] = []

        def overheard(share: KeyShare, peer: bytes) -> bytes:
            secrets.append(share.exchange(peer))
            return secrets[-1]

        def busy_server() -> Ours:
            return our_server("rsa-2048", policy=Policy.compatible(), crypto=Exchanging(overheard, VICTIM.crypto))

        victim, server = asked(DHE, server=busy_server())
        message = victim.respond()
        victim.send(message)
        talk(server, victim)
        attacker, server = asked(DHE, server=busy_server())
        attacker.send(message)
        talk(server, attacker)
        assert len(secrets) == 2
        return secrets[0] == secrets[1]

    one = STANDARD.generate_key_share(NamedGroup.FFDHE2048, os.urandom)

    class OneKey(StandardCrypto):
        def generate_key_share(self, group: NamedGroup, random: Random) -> KeyShare:
            return one

    assert_defended(attack, computing(OneKey()))


# -- elliptic curves ------------------------------------------------------------------------------------------

P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1


def multiplied(scalar: int, point: tuple[int, int] | None) -> tuple[int, int] | None:
    """Point multiplication on y^2 = x^3 - 3x + b modulo P256, whatever b is: the formulas never ask."""
    result = None
    while scalar:
        if scalar & 1:
            result = added(result, point)
        point = added(point, point)
        scalar >>= 1
    return result


def added(one: tuple[int, int] | None, two: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or two is None:
        return one or two
    (x1, y1), (x2, y2) = one, two
    if x1 == x2 and (y1 + y2) % P256 == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P256) if one == two else (y2 - y1) * pow(x2 - x1, -1, P256)
    x3 = (slope * slope - x1 - x2) % P256
    return x3, (slope * (x1 - x3) - y1) % P256


def test_invalid_curve() -> None:
    """A point of order 2 on another curve: the secret is its x-coordinate or nothing, and tells a bit of the key."""
    policy = Policy.compatible().replace(groups=(NamedGroup.SECP256R1,))
    x = (5).to_bytes(32)

    def attack() -> bool:
        for _ in range(24):  # an odd private key is enough, and each connection has one with probability 1/2
            script, ours = asked(ECDHE, server=our_server("rsa-2048", policy=policy))
            if completes_with(script, ours, EcdhPublic(b"\x04" + x + bytes(32)), x):
                return True
        return False

    def without_looking(share: Any, peer_public: bytes) -> bytes:
        point = int.from_bytes(peer_public[1:33]), int.from_bytes(peer_public[33:])
        product = multiplied(share._private.private_numbers().private_value, point)
        if product is None:
            raise InvalidKeyShare("the point at infinity")
        return product[0].to_bytes(32)

    assert multiplied(3, (5, 0)) == (5, 0)
    assert_defended(attack, computing(Exchanging(without_looking)))


@pytest.mark.parametrize("group", [NamedGroup.X25519, NamedGroup.X448], ids=str)
def test_points_of_low_order(group: NamedGroup) -> None:
    """With a point of low order the secret is zero, which every listener knows."""
    policy = Policy.compatible().replace(groups=(group,))
    zeros = bytes(32 if group is NamedGroup.X25519 else 56)

    def attack() -> bool:
        script, ours = asked(ECDHE, server=our_server("rsa-2048", policy=policy))
        return completes_with(script, ours, EcdhPublic(zeros), zeros)

    def whatever_comes_out(share: KeyShare, peer_public: bytes) -> bytes:
        try:
            return share.exchange(peer_public)
        except InvalidKeyShare:
            return zeros

    assert_defended(attack, computing(Exchanging(whatever_comes_out)))


# -- signatures and identities --------------------------------------------------------------------------------


def test_replayed_key_shares() -> None:
    """A signed share of an old handshake, whose secret leaked, is worth nothing in a new one."""
    certificate = credential("rsa-2048")

    def attack() -> bool:
        first = compatible_client()
        old = impersonate(ECDHE, certificate, first)
        share = old.offer(NamedGroup.X25519, pki.key("rsa-2048"), SignatureScheme.RSA_PSS_RSAE_SHA256)
        assert share is not None
        old.send(share, ServerHelloDone())
        talk(first, old)
        old.accept()
        old.finish()
        talk(first, old)
        assert first.completed, first.error

        second = compatible_client()
        new = Scripted("server")
        second.start()
        new.receive(second.take())
        assert old.server_hello is not None
        new.send(replace(new.answer(ECDHE), random=old.server_hello.random), certificate.certificate_message)
        new.send(share, ServerHelloDone())
        talk(second, new)
        new._exchange = old._exchange  # which is what leaked
        return finish_as_server(new, second)

    assert_defended(attack, configured(random=lambda count: b"\x07" * count))
    assert_defended(attack, computing(Verifying(lambda *_: None)))


def test_forged_rsa_signatures() -> None:
    """With exponent 3, a cube that begins like a padded hash passes for a signature if its end is not checked."""
    key = rsa.generate_private_key(3, 2048)
    certificate = credential_of(pki.intermediate().issue(pki.NAME, key=key))
    digest_info = bytes.fromhex("3031300d060960864801650304020105000420")

    def cube_root(number: int) -> int:
        low, high = 0, 1 << (number.bit_length() // 3 + 2)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if middle**3 < number else (low, middle)
        return low

    def attack() -> bool:
        client = compatible_client()
        script = impersonate(ECDHE, certificate, client)
        share = script.offer(NamedGroup.X25519)
        assert share is not None
        assert script.client_hello is not None
        assert script.server_hello is not None
        digest = hashes.Hash(hashes.SHA256())
        digest.update(script.client_hello.random + script.server_hello.random + share.params_bytes())
        start = b"\0\1" + b"\xff" * 8 + b"\0" + digest_info + digest.finalize()
        forged = cube_root(int.from_bytes(start) << 8 * (256 - len(start))).to_bytes(256)
        signature = DigitallySigned(SignatureScheme.RSA_PKCS1_SHA256, forged)
        script.send(replace(share, signature=signature), ServerHelloDone())
        return finish_as_server(script, client)

    def lax(public_key: Any, scheme: SignatureScheme, signature: bytes, data: bytes) -> None:
        numbers = public_key.public_numbers()
        plain = pow(int.from_bytes(signature), numbers.e, numbers.n).to_bytes(256)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        _, _, content = plain[2:].partition(b"\0")
        if plain[:2] != b"\0\1" or not content.startswith(digest_info + digest.finalize()):
            raise PeerMisbehaved("bad signature")

    assert_defended(attack, computing(Verifying(lax)))


COLLISION = (
    bytes.fromhex(
        "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a"
        "085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
        "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
    ),
    bytes.fromhex(
        "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a"
        "085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0"
        "e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70"
    ),
)
"""Two strings of the same MD5 (Wang and Yu, 2004); they differ in what would be the client's random already."""


def test_sloth() -> None:
    """What was signed with MD5 was signed for every string of that MD5, another handshake's among them."""
    key = pki.key("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    rsa_md5 = SignatureScheme.of(0x0101)
    signature = key.sign(COLLISION[0], padding.PKCS1v15(), hashes.MD5())

    def attack() -> bool:
        try:
            VICTIM.crypto.verify(key.public_key(), rsa_md5, signature, COLLISION[1])
        except PeerMisbehaved:
            return False
        return True

    def verify_md5(public_key: Any, scheme: SignatureScheme, signature: bytes, data: bytes) -> None:
        assert scheme is rsa_md5
        public_key.verify(signature, data, padding.PKCS1v15(), hashes.MD5())

    assert_defended(attack, computing(Verifying(verify_md5)))
    for base in (Policy.default(), Policy.compatible(), Policy.legacy_device(), Policy.psk(), lab.policy()):
        digests = [signatures.SCHEMES[scheme].digest for scheme in base.signature_schemes]
        assert not any(isinstance(digest, hashes.MD5) for digest in digests)


def test_key_compromise_impersonation() -> None:
    """A client does not answer with a certificate whose key would take part in the exchange (fixed ECDH)."""

    def attack() -> bool:
        client = compatible_client(credentials=(credential_of(pki.client()),))
        script = impersonate(ECDHE, credential("rsa-2048"), client)
        share = script.offer(NamedGroup.X25519, pki.key("rsa-2048"), SignatureScheme.RSA_PSS_RSAE_SHA256)
        assert share is not None
        fixed = (ClientCertificateType.RSA_FIXED_ECDH, ClientCertificateType.ECDSA_FIXED_ECDH)
        request = CertificateRequest(fixed, (SignatureScheme.ECDSA_SECP256R1_SHA256,), ())
        script.received.clear()
        script.send(share, request, ServerHelloDone())
        talk(client, script)
        answer = script.last(Certificate)
        assert answer is not None
        return answer.certificate_list != ()

    def first(self: ClientHandshake, _: CertificateRequest) -> Iterator[Any]:
        return self.config.credentials[0]
        yield

    assert_defended(attack, careless_client(choose_credential=first))
    with pytest.raises(ValueError, match="cannot be computed"):
        lab.policy().replace(cipher_suites=[CipherSuite.TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256])
