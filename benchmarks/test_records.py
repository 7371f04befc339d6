"""Records under pytest-benchmark: `pytest benchmarks/test_records.py --benchmark-group-by=group`.

One direction at a time, without a connection around it: what `RecordWriter.write` and `RecordReader.records` cost
beside the bare calls of `cryptography` and `hashlib` that the protection cannot do without ("raw"). The fraction
raw / ours is what `tls12.crypto` and `tls12.record_layer` are tuned for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from pytest_benchmark.fixture import BenchmarkFixture

from tls12.crypto.aead import AEADS
from tls12.crypto.cbc import BLOCK_CIPHERS
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.protection import make_opener, make_sealer
from tls12.crypto.suites import SUITES, Suite
from tls12.record_layer import RecordReader, RecordWriter
from tls12.registry import CipherSuite

DATA = 23
FRAGMENT = 2**14

# Name, suite, encrypt-then-MAC.
PROTECTIONS: dict[str, tuple[CipherSuite, bool]] = {
    "AES-128-GCM": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, False),
    "AES-256-GCM": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, False),
    "ChaCha20-Poly1305": (CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, False),
    "AES-128-CCM": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, False),
    "AES-128-CCM_8": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, False),
    "AES-128-CBC-SHA": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, False),
    "AES-128-CBC-SHA EtM": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, True),
    "AES-256-CBC-SHA384": (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, False),
    "Camellia-128-CBC-SHA256": (CipherSuite.TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256, False),
}
SIZES = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16384, "1 MiB": 1 << 20}

Action = Callable[[], object]


def keys_of(suite: Suite) -> DirectionKeys:
    cipher = suite.cipher
    return DirectionKeys(
        os.urandom(suite.mac_length), os.urandom(cipher.key_length), os.urandom(cipher.fixed_iv_length)
    )


def ours(suite: Suite, encrypt_then_mac: bool, size: int) -> tuple[Action, Action]:
    """Write a message of `size` bytes; read it."""
    keys = keys_of(suite)
    writer, reader = RecordWriter(), RecordReader()
    writer.install(make_sealer(suite, keys, encrypt_then_mac=encrypt_then_mac, random=os.urandom))
    state = reader.install(make_opener(suite, keys, encrypt_then_mac=encrypt_then_mac))
    data = os.urandom(size)
    wire = writer.write(DATA, data)

    def open_again() -> None:
        state.sequence = 0  # so that the same records open again
        for _kind, _fragment in reader.records(wire):
            pass

    open_again()
    return lambda: writer.write(DATA, data), open_again


def raw(suite: Suite, size: int) -> tuple[Action, Action]:
    """The cipher, and the HMAC where there is one, fragment by fragment."""
    cipher, key = suite.cipher, keys_of(suite).key
    data = os.urandom(size)
    fragments = [data[at : at + FRAGMENT] for at in range(0, size, FRAGMENT)]
    if suite.mac is None:
        aead, nonce, additional = AEADS[cipher.name](key), bytes(12), bytes(13)
        sealed = [aead.encrypt(nonce, fragment, additional) for fragment in fragments]

        def encrypt() -> None:
            for fragment in fragments:
                aead.encrypt(nonce, fragment, additional)

        def decrypt() -> None:
            for fragment in sealed:
                aead.decrypt(nonce, fragment, additional)

        return encrypt, decrypt

    context = Cipher(BLOCK_CIPHERS[cipher.name](key), modes.CBC(bytes(16)))
    new: Callable[[bytes], hashlib._Hash] = getattr(hashlib, suite.mac)

    def through(update: Callable[[bytes], bytes]) -> Action:
        def action() -> None:
            for fragment in fragments:
                update(fragment)
                new(fragment).digest()

        return action

    return through(context.encryptor().update), through(context.decryptor().update)


@pytest.mark.parametrize("contender", ["ours", "raw"])
@pytest.mark.parametrize("direction", ["seal", "open"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("protection", PROTECTIONS)
def test_records(benchmark: BenchmarkFixture, protection: str, size: str, direction: str, contender: str) -> None:
    benchmark.group = f"{direction} {protection}, {size}"
    number, encrypt_then_mac = PROTECTIONS[protection]
    suite = SUITES[number]
    actions = ours(suite, encrypt_then_mac, SIZES[size]) if contender == "ours" else raw(suite, SIZES[size])
    benchmark(actions[direction == "open"])
