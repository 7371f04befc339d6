"""The seam of cryptography: a configuration's provider computes and draws, and nothing else does."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import tls12
from tests.ends import Ours, credential, our_client, our_server, talk
from tls12 import CipherSuite, ClientConfig, MemorySessionStore, Policy, Psk, ServerConfig, TicketKeys, UsageError
from tls12.crypto.provider import STANDARD, CryptoProvider, StandardCrypto
from tls12.crypto.randomness import Purpose
from tls12.errors import BadSignature
from tls12.registry import NamedGroup, SignatureScheme

CORE = [Path(tls12.__path__[0], name) for name in ("crypto", "record_layer", "resumption", "handshake", "connection")]
RSA = CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA
ECDHE = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
PLAIN_PSK = CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256

LENGTHS = {
    Purpose.CLIENT_RANDOM: {32},
    Purpose.SERVER_RANDOM: {32},
    Purpose.SESSION_ID: {32},
    Purpose.GREASE: {4},
    Purpose.KEY_SHARE: {32},
    Purpose.PREMASTER_SECRET: {46},
    Purpose.SUBSTITUTE_SECRET: {46},
    Purpose.UNKNOWN_PSK: {32},
    Purpose.RECORD_IV: {16},
    Purpose.TICKET_KEY: {32},
    Purpose.TICKET_KEY_NAME: {16},
    Purpose.TICKET_NONCE: {12},
}
"""How many bytes are drawn at a time in the conversations below, as the members of `Purpose` say."""


@dataclass(frozen=True)
class Recording(StandardCrypto):
    """Notes every draw."""

    drawn: list[tuple[Purpose, int]] = field(default_factory=list)

    def random(self, purpose: Purpose, count: int) -> bytes:
        self.drawn.append((purpose, count))
        return super().random(purpose, count)


def met(client: dict[str, Any], server: dict[str, Any], *kinds: str) -> tuple[Ours, Ours]:
    ours = our_client(**client), our_server(*kinds or ("rsa-2048",), **server)
    talk(*ours)
    return ours


def conversations(crypto: CryptoProvider) -> None:
    """A draw of every kind."""
    both: dict[str, Any] = {"crypto": crypto, "policy": Policy.compatible().replace(cipher_suites=(ECDHE, RSA))}
    keys, store = TicketKeys.generate(crypto=crypto), MemorySessionStore()
    greasy = {**both, "policy": both["policy"].replace(send_grease=True), "sessions": store}
    for _ in range(2):
        client, _ = met(greasy, {**both, "ticket_keys": keys, "sessions": MemorySessionStore()})
        assert client.completed
    met({**both, "policy": both["policy"].replace(cipher_suites=(RSA,))}, both)
    policy = Policy.psk().replace(cipher_suites=(PLAIN_PSK,), conceal_psk_identities=True)
    with_psk = {"crypto": crypto, "policy": policy}
    met({**with_psk, "psk": Psk(b"nobody", b"key")}, {**with_psk, "psk": {b"me": b"a key"}})


def test_every_draw_of_a_connection_says_what_it_is_for() -> None:
    crypto = Recording()
    conversations(crypto)
    lengths = {purpose: {count for each, count in crypto.drawn if each is purpose} for purpose in Purpose}
    assert lengths == LENGTHS


def test_a_fixed_random_takes_the_place_of_the_providers_own_for_every_purpose() -> None:
    crypto, drawn = Recording(), []

    def fixed(count: int) -> bytes:
        drawn.append(count)
        return b"\x07" * count

    both = {"crypto": crypto, "random": fixed}
    client, _ = met(both, both)
    assert client.completed
    assert drawn
    assert not crypto.drawn
    assert client.negotiated.client_random == b"\x07" * 32


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used_in(*places: Path) -> dict[str, set[str]]:
    files = [file for place in places for file in place.rglob("*.py")]
    return {file.name: set(imported(ast.parse(file.read_text()))) for file in files}


def test_only_the_modules_of_crypto_touch_the_backend_and_only_one_draws_from_the_system() -> None:
    outside = used_in(*CORE[1:])
    touching = {file for file, names in outside.items() if any(name.startswith("cryptography") for name in names)}
    assert touching == {"shortcuts.py"}, "the record layer decrypts AEAD records by itself (docs/performance.md)"
    assert not any("secrets" in names or "random" in names for names in used_in(*CORE).values())
    calls = [
        file.name
        for place in CORE
        for file in place.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.urandom"
    ]
    assert calls == ["randomness.py"]


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize(
    ("given", "fault"), [(bytes(7), "gave 7 bytes"), ("text", "gave a str"), (None, "gave None")], ids=str
)
def test_a_provider_that_draws_something_else_is_the_applications_mistake(role: str, given: Any, fault: str) -> None:
    class Broken(StandardCrypto):
        def random(self, purpose: Purpose, count: int) -> Any:
            return given

    client, server = {"crypto": Broken()}, {"crypto": STANDARD}
    if role == "server":
        client, server = server, client
    with pytest.raises(UsageError, match=rf"crypto\.random\(Purpose\.\w+_RANDOM, 32\) {fault}"):
        met(client, server)


def test_what_is_no_provider_is_refused_when_the_configuration_is_made() -> None:
    for wrong in (None, object(), StandardCrypto):
        with pytest.raises(UsageError, match=r"crypto is .*; give a CryptoProvider"):
            ClientConfig(verifier=None, crypto=wrong)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r"crypto is .*; give a CryptoProvider"):
            ServerConfig(credentials=(), crypto=wrong)  # type: ignore[arg-type]


def test_a_configuration_keeps_its_provider_when_it_is_replaced_or_pickled() -> None:
    crypto = Recording()
    config = ClientConfig(verifier=None, crypto=crypto)
    assert replace(config, half_close=True).crypto is crypto
    seeded = replace(config, random=bytes)
    assert seeded.draw(Purpose.GREASE, 4) == bytes(4)
    assert replace(seeded, random=config.random).draw(Purpose.GREASE, 4) != bytes(4)
    plain = ClientConfig(verifier=None)
    assert plain.crypto == StandardCrypto() == pickle.loads(pickle.dumps(plain)).crypto


def test_signatures_are_reproducible_exactly_when_randomness_is_not_the_systems() -> None:
    asked: list[bool] = []

    @dataclass(frozen=True)
    class Signing(StandardCrypto):
        def sign(self, *what: Any, deterministic: bool = False) -> bytes:
            asked.append(deterministic)
            return super().sign(*what, deterministic=deterministic)

    @dataclass(frozen=True)
    class Replaying(Signing):
        def random(self, purpose: Purpose, count: int) -> bytes:
            return bytes(range(count))

    for crypto in (Signing(), Replaying()):
        client, _ = met({}, {"crypto": crypto}, "ecdsa-p256")
        assert client.completed
    assert asked == [False, True]


def test_a_signer_signs_by_itself_whatever_the_provider() -> None:
    class Elsewhere:
        public_key = credential("ed25519").public_key
        signed = 0

        def sign(self, scheme: SignatureScheme, data: bytes) -> bytes:
            self.signed += 1
            return credential("ed25519").sign(scheme, data)

    class SignsNothing(StandardCrypto):
        def sign(self, *_: Any, **__: Any) -> bytes:
            raise AssertionError("the key is not in memory")

    signer = Elsewhere()
    ours = tls12.Credential.from_objects(credential("ed25519").leaf, signer)
    client, _ = met({}, {"crypto": SignsNothing(), "credentials": (ours,)})
    assert client.completed
    assert signer.signed == 1


def test_exporters_and_channel_bindings_compute_with_the_provider_of_the_handshake() -> None:
    class Constant(StandardCrypto):
        def make_prf(self, hash_name: str, secret: bytes) -> Any:
            return lambda label, seed, length: (label * length)[:length]

    client, server = met({"crypto": Constant()}, {"crypto": Constant()})
    for end in (client, server):
        assert end.connection.export_keying_material("EXPORTER-x", None, 20) == b"EXPORTER-xEXPORTER-x"
        assert end.connection.channel_binding("tls-exporter").startswith(b"EXPORTER-Channel-Binding")


def test_the_standard_one_makes_shares_in_every_kind_of_group() -> None:
    for group in (NamedGroup.X25519, NamedGroup.SECP384R1, NamedGroup.FFDHE2048):
        one, other = (STANDARD.generate_key_share(group, drawn) for _ in range(2))
        assert one.exchange(other.public) == other.exchange(one.public)
    with pytest.raises(UsageError, match="not an elliptic curve that can be computed"):
        STANDARD.generate_key_share(NamedGroup.of(0xFAFA), drawn)


def drawn(count: int) -> bytes:
    return STANDARD.random(Purpose.KEY_SHARE, count)


def test_an_altered_signature_is_refused_by_the_standard_one() -> None:
    ours = credential("ed25519")
    signature = ours.sign(SignatureScheme.ED25519, b"data")
    STANDARD.verify(ours.public_key, SignatureScheme.ED25519, signature, b"data")
    with pytest.raises(BadSignature):
        STANDARD.verify(ours.public_key, SignatureScheme.ED25519, signature, b"date")


def test_a_sealed_ticket_opens_only_as_it_was() -> None:
    sealer = STANDARD.make_ticket_sealer(bytes(range(32)))
    sealed = sealer.seal(bytes(12), b"state", b"name")
    assert sealer.open(bytes(12), sealed, b"name") == b"state"
    for altered in ((bytes(11) + b"1", sealed, b"name"), (bytes(12), sealed[1:], b"name"), (bytes(12), sealed, b"")):
        assert sealer.open(*altered) is None
