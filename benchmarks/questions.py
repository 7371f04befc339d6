"""What is asked, of whom, and what answer is wanted: one row per line of the table of ratios.

A target is the least ratio "rival's time over ours" that the project promises itself, for the whole library
with events and guard. A rival without a target is shown for comparison.

The targets against `ssl` for AES-GCM were measured where the OpenSSL of `cryptography` encrypts several times faster
than that of `ssl` (AVX-512 with VAES). On a machine without, both ends of the comparison have the same engine, and
"raw AEAD", the part of our time that is encryption, is the figure to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from benchmarks.loopback import CONTENDERS, Loopback
from benchmarks.measure import Action
from benchmarks.peers import MAX_PLAINTEXT, NotSupported, Pair, Peer, Scenario, Transfer
from benchmarks.peers.ours import Ours
from benchmarks.peers.pyopenssl import PyOpenSSL
from benchmarks.peers.stdlib_ssl import StdlibSSL
from benchmarks.peers.tlslite import TLSLite

OURS = Ours.name
PEERS: tuple[Peer, ...] = (Ours(), StdlibSSL(), PyOpenSSL(), TLSLite())

GCM = "ECDHE-ECDSA-AES128-GCM-SHA256"
CHACHA = "ECDHE-ECDSA-CHACHA20-POLY1305"
CBC = "ECDHE-ECDSA-AES128-SHA"

PROTECTIONS: Mapping[str, Scenario] = {
    "AES-128-GCM": Scenario(GCM),
    "AES-256-GCM": Scenario("ECDHE-ECDSA-AES256-GCM-SHA384"),
    "ChaCha20-Poly1305": Scenario(CHACHA),
    "AES-128-CCM": Scenario("ECDHE-ECDSA-AES128-CCM"),
    "AES-128-CCM_8": Scenario("ECDHE-ECDSA-AES128-CCM8"),
    "AES-128-CBC-SHA": Scenario(CBC, encrypt_then_mac=False),
    "AES-128-CBC-SHA, encrypt-then-MAC": Scenario(CBC),
    "AES-256-CBC-SHA384, encrypt-then-MAC": Scenario("ECDHE-ECDSA-AES256-SHA384"),
    "Camellia-128-CBC-SHA256, encrypt-then-MAC": Scenario("ECDHE-ECDSA-CAMELLIA128-SHA256"),
}
SIZES = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16384, "1 MiB": 1 << 20}
BULK_TARGETS: Mapping[str, Mapping[str, float]] = {
    "AES-128-GCM, 64 B": {"ssl": 0.6, "ssl until WantRead": 1.15, "pyOpenSSL": 1.8},
    "AES-128-GCM, 16 KiB": {"ssl": 1.4, "ssl until WantRead": 1.6, "raw AEAD": 0.58, "tlslite-ng": 2000},
    "AES-128-GCM, 1 MiB": {"ssl": 1.7},
    "AES-128-CBC-SHA, 16 KiB": {"ssl": 0.95},
}


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that every contender does, and the ratios that are wanted."""

    name: str
    contenders: Callable[[ExitStack], Iterator[tuple[str, Action]]]
    """Label and action of each; ours is among them, labelled `OURS`. Made late: it does the handshakes. What has to be
    closed afterwards is left with the stack."""
    targets: Mapping[str, float] = field(default_factory=dict)
    """Label of a rival to the least ratio of its time to ours."""


def handshake(name: str, scenario: Scenario, *, resumed: bool = False, **targets: float) -> Question:
    """Whole handshakes, client and server together."""

    def contenders(_: ExitStack) -> Iterator[tuple[str, Action]]:
        for peer in PEERS:
            try:
                endpoints = peer.prepare(scenario)
            except NotSupported:
                continue
            yield peer.name, endpoints.resumed if resumed else endpoints.full

    return Question(name, contenders, {label.replace("_", "-"): ratio for label, ratio in targets.items()})


def bulk(
    name: str,
    scenario: Scenario,
    size: int,
    ways: Mapping[str, Callable[[Pair], Transfer]],
    raw: Callable[[bytes], Action] | None = None,
    targets: Mapping[str, float] | None = None,
) -> Question:
    """Messages of `size` bytes from client to server; `ways` name how each is read."""
    data = bytes(size)

    def contenders(_: ExitStack) -> Iterator[tuple[str, Action]]:
        for peer in PEERS:
            if size > 16384 and isinstance(peer, TLSLite):
                continue  # it takes seconds for each message
            try:
                pair = peer.prepare(scenario).full()
            except NotSupported:
                continue
            for way, transfer in ways.items():
                if way and not isinstance(peer, StdlibSSL):
                    continue
                yield f"{peer.name} {way}".rstrip(), _calling(transfer(pair), data)
        if raw is not None:
            yield "raw AEAD", raw(data)

    return Question(name, contenders, targets or {})


def often(name: str, scenario: Scenario, size: int, writes: int, **targets: float) -> Question:
    """Several messages of `size` bytes for each flush."""
    data = bytes(size)

    def contenders(_: ExitStack) -> Iterator[tuple[str, Action]]:
        for peer in PEERS:
            yield peer.name, _calling(peer.prepare(scenario).full().transfer_often(writes), data)

    return Question(name, contenders, targets)


def through_asyncio(name: str, what: Callable[[Loopback], Action], **targets: float) -> Question:
    """Client and server under one event loop, over loopback sockets."""

    def contenders(stack: ExitStack) -> Iterator[tuple[str, Action]]:
        for make in CONTENDERS:
            contender = make()
            running = stack.enter_context(closing(Loopback(contender)))
            yield contender.name, what(running)

    return Question(name, contenders, targets)


def _calling(transfer: Transfer, data: bytes) -> Action:
    return lambda: transfer(data)


def raw_seal_and_open(data: bytes) -> Action:
    """The least that any TLS library over this backend must do: encrypt and decrypt whole records."""
    aead, nonce, additional = AESGCM(bytes(16)), bytes(12), bytes(13)
    encrypt, decrypt = aead.encrypt, aead.decrypt
    return lambda: decrypt(nonce, encrypt(nonce, data, additional), additional)


def raw_chacha_seal(data: bytes) -> Action:
    """ChaCha20-Poly1305 encryption alone."""
    aead, nonce, additional = ChaCha20Poly1305(bytes(32)), bytes(12), bytes(13)
    encrypt = aead.encrypt
    return lambda: encrypt(nonce, data, additional)


_WAYS: Mapping[str, Callable[[Pair], Transfer]] = {
    "": lambda pair: pair.transfer(),
    "until WantRead": lambda pair: pair.transfer_until_empty(),
}
_SEAL: Mapping[str, Callable[[Pair], Transfer]] = {"": lambda pair: pair.seal()}

_ECDSA = Scenario()
_ECDSA_COLD = Scenario(verify=True, cold=True)
_RSA = Scenario(suite="ECDHE-RSA-AES128-GCM-SHA256", key="rsa-2048")
_RSA_COLD = Scenario(suite=_RSA.suite, key=_RSA.key, verify=True, cold=True)

QUESTIONS: tuple[Question, ...] = (
    handshake("full handshake, ECDSA P-256", _ECDSA, ssl=1.9, pyOpenSSL=1.15, tlslite_ng=25),
    handshake("full handshake, ECDSA P-256, verified", _ECDSA_COLD, ssl=1.5, pyOpenSSL=1.0),
    handshake("full handshake, ECDSA P-256, verified, chain seen before", Scenario(verify=True)),
    handshake("full handshake, RSA 2048", _RSA, ssl=1.5),
    handshake("full handshake, RSA 2048, verified", _RSA_COLD, ssl=1.4),
    handshake("resumed by id", Scenario(resume_by="id"), resumed=True, ssl=4, pyOpenSSL=7, tlslite_ng=30),
    handshake("resumed by ticket", Scenario(resume_by="ticket"), resumed=True, ssl=4, pyOpenSSL=7),
    *(
        bulk(
            f"{protection}, {size}", scenario, SIZES[size], _WAYS,
            raw_seal_and_open if scenario.suite == GCM and SIZES[size] <= MAX_PLAINTEXT else None,
            BULK_TARGETS.get(f"{protection}, {size}"),
        )
        for protection, scenario in PROTECTIONS.items() for size in SIZES
    ),
    bulk("ChaCha20-Poly1305, 64 B, seal", Scenario(CHACHA), 64, _SEAL, raw_chacha_seal, {"ssl": 0.45}),
    bulk("ChaCha20-Poly1305, 16 KiB, seal", Scenario(CHACHA), 16384, _SEAL, raw_chacha_seal, {"ssl": 0.9}),
    often("AES-128-GCM, 64 B, 32 writes a flush", Scenario(GCM), 64, 32),
    often("AES-128-GCM, 64 B, 32 writes a flush, packed", Scenario(GCM, pack_small_writes=True), 64, 32, ssl=1.0),
    through_asyncio("asyncio, loopback: 100 requests", lambda loopback: loopback.requests),
    through_asyncio("asyncio, loopback: 5 connections, a request each", lambda loopback: loopback.connections),
    through_asyncio("asyncio, loopback: 16 MiB", lambda loopback: loopback.bulk),
)  # fmt: skip
