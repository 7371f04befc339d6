"""Attacks on protected records: padding oracles, predictable IVs, repeated nonces, short blocks, biased streams."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.attacks.weakening import (
    VICTIM,
    assert_defended,
    careless_client,
    computing,
    configured,
    our_client,
    our_server,
    removed,
)
from tests.ends import Scripted, talk
from tests.providers import Indirect, WithoutShortcuts
from tls12 import Alert, CipherSuite, ClientConnection, Policy, lab
from tls12.connection.core import Core
from tls12.crypto import limits
from tls12.crypto.cbc import MacThenEncrypt
from tls12.crypto.hashes import HASHES
from tls12.crypto.key_schedule import KEY_EXPANSION, DirectionKeys
from tls12.crypto.prf import Prf
from tls12.crypto.protection import Opener, Sealer, make_sealer
from tls12.crypto.provider import StandardCrypto
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import BadRecordMac, KeysExhausted
from tls12.handshake.client import ClientHandshake
from tls12.record_layer.states import WriteState
from tls12.registry import AlertLevel, CompressionMethod, ContentType
from tls12.wire.records import VERSION, Buffer, pack_additional_data, pack_header, split_records

DATA = int(ContentType.APPLICATION_DATA)
BLOCK = 16
HEADER = 5
AES_CBC = SUITES[CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA]
TRIPLE_DES = SUITES[CipherSuite.TLS_RSA_WITH_3DES_EDE_CBC_SHA]
RC4 = SUITES[CipherSuite.TLS_RSA_WITH_RC4_128_SHA]


def policy_of_victims() -> Policy:
    """What a victim is configured with, if no defence is taken out."""
    policy: Policy = VICTIM.config.get("policy", Policy.compatible())
    return policy


def fresh_keys(suite: Suite, random: Callable[[int], bytes] = os.urandom) -> DirectionKeys:
    cipher = suite.cipher
    return DirectionKeys(random(suite.mac_length), random(cipher.key_length), random(cipher.fixed_iv_length))


@dataclass(frozen=True)
class WithCbc(StandardCrypto):
    """MAC-then-encrypt is done by this class."""

    cbc: type[MacThenEncrypt]

    def make_sealer(self, suite: Suite, keys: DirectionKeys, *, random: Callable[[int], bytes], **_: Any) -> Sealer:
        return self._make(suite, keys, random)

    def make_opener(self, suite: Suite, keys: DirectionKeys, **_: Any) -> Opener:
        return self._make(suite, keys, None)

    def _make(self, suite: Suite, keys: DirectionKeys, random: Callable[[int], bytes] | None) -> MacThenEncrypt:
        assert suite.mac is not None
        return self.cbc(suite.cipher, keys.key, RecordMac(HASHES[suite.mac], keys.mac_key), random)


# -- CBC ----------------------------------------------------------------------------------------------------


class Counted:
    """A hash whose calls of the compression function are counted, in place of the time that attackers measure."""

    calls = 0

    def __init__(self, name: str, data: bytes = b"") -> None:
        self.name, self.hash, self.length = name, hashlib.new(name, data), len(data)

    def update(self, data: bytes | memoryview) -> None:
        before = self.length // HASHES[self.name].block
        self.length += len(data)
        Counted.calls += self.length // HASHES[self.name].block - before
        self.hash.update(data)

    def digest(self) -> bytes:
        row = HASHES[self.name]
        Counted.calls += -(-(self.length % row.block + row.suffix) // row.block)
        return self.hash.digest()

    def copy(self) -> Counted:
        twin = Counted(self.name)
        twin.hash, twin.length = self.hash.copy(), self.length
        return twin


MAC = RecordMac
"""What the victim authenticates records with."""


def test_lucky_13() -> None:
    """The attacker cuts a record and sees by the work of its refusal what padding it decrypts to."""
    counted = HASHES["sha1"]._replace(new=lambda data: Counted("sha1", data))

    def work(last_bytes: bytes) -> int:
        """What the refusal of a record costs, whose plaintext ends like this (a guess of the attacker's)."""
        keys = fresh_keys(AES_CBC)
        encryptor = Cipher(AES(keys.key), CBC(bytes(BLOCK))).encryptor()
        body = encryptor.update(os.urandom(288 + BLOCK - len(last_bytes)) + last_bytes)
        opener = MacThenEncrypt(AES_CBC.cipher, keys.key, MAC(counted, keys.mac_key))
        Counted.calls = 0
        with pytest.raises(BadRecordMac):
            opener.open(0, DATA, body)
        return Counted.calls

    def attack() -> bool:
        guesses = [work(bytes([length]) * (length + 1)) for length in (0, 1, 15, 64, 128, 255)]
        return len({*guesses, work(b"\x07\x01")}) > 1

    class Uneven(RecordMac):
        def compute_evenly(self, header: bytes, data: Buffer, most: int) -> bytes:
            return self.compute(header, data)

    assert_defended(attack, removed(sys.modules[__name__], "MAC", Uneven))


def test_poodle_against_tls() -> None:
    """A receiver that looks only at the last byte of the padding decrypts a cookie, byte by byte."""
    cookie = b"key"

    def byte_at(position: int) -> int | None:
        """The victim sends the same request again and again; the attacker exchanges the last block."""
        for _ in range(4096):
            keys = fresh_keys(AES_CBC)
            # As long as the attacker likes: the byte ends a block, and the last block is nothing but padding.
            data = bytes(BLOCK - 1 - position) + cookie
            data += bytes(-(len(data) + 20) % BLOCK + 2 * BLOCK)
            sealer = VICTIM.crypto.make_sealer(AES_CBC, keys, encrypt_then_mac=False, random=os.urandom)
            record = sealer.seal(0, DATA, data)
            blocks = [record[at : at + BLOCK] for at in range(HEADER, len(record), BLOCK)]
            forged = b"".join((*blocks[:-1], blocks[1]))
            try:
                VICTIM.crypto.make_opener(AES_CBC, keys, encrypt_then_mac=False).open(0, DATA, forged)
            except BadRecordMac:
                continue
            return (BLOCK - 1) ^ blocks[-2][-1] ^ blocks[0][-1]
        return None

    def attack() -> bool:
        found = []
        for position in range(len(cookie)):
            byte = byte_at(position)
            if byte is None:
                return False
            found.append(byte)
        return bytes(found) == cookie

    class LastByteOnly(MacThenEncrypt):
        def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
            plaintext = self._update(body)[BLOCK:]
            end = len(plaintext) - 1 - plaintext[-1]
            data, mac = plaintext[: max(end - self._mac_length, 0)], plaintext[max(end - self._mac_length, 0) : end]
            if mac != self._mac.compute(pack_additional_data(sequence, kind, VERSION, len(data)), data):
                raise BadRecordMac
            return data

    assert_defended(attack, computing(WithCbc(LastByteOnly)))


def test_beast() -> None:
    """With an IV that is known before the plaintext is chosen, guesses about earlier blocks can be checked."""
    secret = b"the PIN is: 4071"

    def attack() -> bool:
        keys = fresh_keys(AES_CBC)
        sealer = VICTIM.crypto.make_sealer(AES_CBC, keys, encrypt_then_mac=False, random=os.urandom)
        sealer.seal(0, DATA, b"whatever came before")
        record = sealer.seal(1, DATA, secret)
        iv, target = record[HEADER : HEADER + BLOCK], record[HEADER + BLOCK : HEADER + 2 * BLOCK]
        for sequence, pin in enumerate(range(4000, 4100), 2):
            predicted = record[-BLOCK:]  # the last block that went over the wire, the IV of SSL 3.0 and TLS 1.0
            guess = b"the PIN is: %04d" % pin
            record = sealer.seal(sequence, DATA, bytes(a ^ b ^ c for a, b, c in zip(guess, iv, predicted, strict=True)))
            if record[HEADER + BLOCK : HEADER + 2 * BLOCK] == target:
                return guess == secret
        return False

    class Chained(MacThenEncrypt):
        """As TLS 1.0 did it; the explicit IV is there for the format, and equals the last block."""

        last = bytes(BLOCK)

        def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
            mac = self._mac.compute(pack_additional_data(sequence, kind, VERSION, len(data)), data)
            padding = BLOCK - 1 - (len(data) + len(mac)) % BLOCK
            body = self.last + self._update(bytes(data) + mac + bytes([padding]) * (padding + 1))
            self.last = body[-BLOCK:]
            return pack_header(kind, VERSION, len(body)) + body

    assert_defended(attack, computing(WithCbc(Chained)))


def test_sweet32() -> None:
    """Blocks of 64 bits collide after 2^32 of them: one key must not protect nearly as many."""
    enough = 2**31

    def attack() -> bool:
        keys = fresh_keys(TRIPLE_DES)
        sealer = VICTIM.crypto.make_sealer(TRIPLE_DES, keys, encrypt_then_mac=False, random=os.urandom)
        state = WriteState(sealer)
        state._room -= enough * 8  # as if all those blocks had been sent
        try:
            state.seal(DATA, b"a record")
            state.seal(DATA, b"and one more request with the cookie")
        except KeysExhausted:
            return False
        return True

    def policy_names_it() -> bool:
        try:
            policy_of_victims().replace(cipher_suites=[TRIPLE_DES.suite])
        except ValueError:
            return False
        return True

    class Boundless(Indirect):
        name = "NULL"  # by its name a cipher has its limit, and this one has none

    assert_defended(attack, computing(WithoutShortcuts(Boundless)))
    assert_defended(policy_names_it, configured(policy=lab.policy()))
    assert ((limits.USAGE_LIMITS["3DES_EDE_CBC"].volume or 2**64) // 8) ** 2 < 2**64 // 512


# -- streams and nonces ---------------------------------------------------------------------------------------


def test_rc4_biases() -> None:
    """The second byte of RC4 is 0 twice as often as it should be: the second byte of a repeated secret shows."""
    secret = b"?s"

    def attack() -> bool:
        try:
            policy = policy_of_victims().replace(cipher_suites=[RC4.suite])
        except ValueError:
            return False
        (suite,) = policy.cipher_suites
        seen = [0] * 256
        random = Random(4).randbytes  # 8192 connections tell it most of the time; these do
        for _ in range(8192):
            sealer = make_sealer(SUITES[suite], fresh_keys(RC4, random), encrypt_then_mac=False, random=random)
            seen[sealer.seal(0, DATA, secret)[HEADER + 1]] += 1
        return seen.index(max(seen)) == secret[1]

    assert_defended(attack, configured(policy=lab.policy()))


def test_repeated_gcm_nonces() -> None:
    """Two records under one nonce give away the difference of their plaintexts."""
    known, secret = b"GET / HTTP/1.1\r\n", b"password=hunter2"

    def attack() -> bool:
        client, server = our_client(), our_server()
        talk(client, server)
        for data in (known, secret, known * 4000, secret, known):
            client.send(data)
        seen: dict[bytes, bytes] = {}
        for record in split_records(client.take()):
            nonce, ciphertext = record.fragment[:8], record.fragment[8:]
            other = seen.setdefault(nonce, ciphertext)
            mixed = bytes(a ^ b ^ c for a, b, c in zip(other, ciphertext, known, strict=False))
            if other is not ciphertext and mixed == secret:
                return True
        return False

    # What several devices did with a random generator that was none (Boeck et al.): here it knows two values.
    class TwoNonces(Indirect):
        def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
            return super().seal(sequence & 1, kind, data)

    assert_defended(attack, computing(WithoutShortcuts(TwoNonces)))


def test_replayed_records() -> None:
    """A record that is replayed must be refused, or an order in it would be executed twice."""

    def attack() -> bool:
        client, server = our_client(), our_server()
        talk(client, server)
        client.send(b"pay 100 to Mallory;")
        record = client.take()
        server.receive(record + record)
        return server.data == b"pay 100 to Mallory;" * 2

    class OpenedByNonce(Indirect):
        def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
            return super().open(int.from_bytes(bytes(body[:8]), "big"), kind, body)

    assert_defended(attack, computing(WithoutShortcuts(OpenedByNonce)))


def test_reflected_records() -> None:
    """A record that comes back to its sender must not look like the peer's."""

    def attack() -> bool:
        client, server = our_client(), our_server()
        talk(client, server)
        client.send(b"who are you?")
        client.receive(client.take())
        return client.data == b"who are you?"

    class OneKeyForBoth(StandardCrypto):
        """Both directions have the client's key and IV; the suite is one of AES-128-GCM."""

        def make_prf(self, hash_name: str, secret: bytes) -> Prf:
            honest = super().make_prf(hash_name, secret)

            def expand(label: bytes, seed: bytes, length: int) -> bytes:
                output = honest(label, seed, length)
                return output[:16] * 2 + output[32:36] * 2 if label == KEY_EXPANSION else output

            return expand

    assert_defended(attack, computing(OneKeyForBoth()))


# -- what a record tells or ends --------------------------------------------------------------------------------


def test_crime_and_the_length_of_records() -> None:
    """Compression before encryption tells by the length whether a guess repeats the secret."""
    cookie, guesses = b"\r\nCookie: session=a7\r\n", [b"%x%d" % (a, b) for a in range(10, 16) for b in range(10)]

    def attack() -> bool:
        lengths = {}
        for guess in guesses:
            client, server = our_client(), our_server()
            talk(client, server)
            client.send(b"GET /?session=" + guess + b" HTTP/1.1" + cookie)
            lengths[guess] = len(client.take())
        shortest = min(lengths.values())
        return [guess for guess, length in lengths.items() if length == shortest] == [b"a7"]

    honest = ClientConnection.send_data
    compressing = lambda self, data: honest(self, zlib.compress(data, 9))  # noqa: E731
    assert_defended(attack, removed(ClientConnection, "send_data", compressing))


def test_crime_and_the_choice_of_compression() -> None:
    """A server that chooses DEFLATE, which was not offered, does not get it."""

    def attack() -> bool:
        client, server = our_client(), Scripted("server")
        client.start()
        server.receive(client.take())
        assert server.client_hello is not None
        assert server.client_hello.compression_methods == (CompressionMethod.NULL,)
        server.send(server.answer(compression_method=CompressionMethod.DEFLATE))
        talk(client, server)
        return client.error is None

    honest = ClientHandshake.check_server_hello

    def careless(self: ClientHandshake, hello: Any, answer: Any) -> Any:
        answer.compression_method = CompressionMethod.NULL
        return honest(self, hello, answer)

    assert_defended(attack, careless_client(check_server_hello=careless))


def test_truncation() -> None:
    """An attacker who cuts the TCP connection cannot make half an order look like a whole one."""

    def attack() -> bool:
        client, server = our_client(), our_server()
        talk(client, server)
        client.send(b"pay 1000")
        first = client.take()
        client.send(b".00, in cents")
        client.close()
        server.receive(first)
        server.receive(b"")
        return server.data == b"pay 1000" and server.error is None and server.closed_cleanly

    def as_a_close(self: Core) -> None:
        self._take_alert(bytes([AlertLevel.WARNING, Alert.CLOSE_NOTIFY]))

    assert_defended(attack, removed(Core, "_end_of_stream", as_a_close))
