"""CBC: padding of every length, and the work that opening costs, which must not depend on it."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.ends import record
from tests.record_protections import CBC, Protection, mac_header
from tls12.crypto.cbc import MacThenEncrypt
from tls12.crypto.hashes import HASHES
from tls12.crypto.record_mac import RecordMac
from tls12.errors import BadRecordMac
from tls12.registry import ContentType

DATA = ContentType.APPLICATION_DATA

every_cbc = pytest.mark.parametrize("protection", CBC, ids=str)
mac_then_encrypt = pytest.mark.parametrize("protection", [one for one in CBC if not one.encrypt_then_mac], ids=str)
encrypt_then_mac = pytest.mark.parametrize("protection", [one for one in CBC if one.encrypt_then_mac], ids=str)


def padded(protection: Protection, data: bytes, padding: bytes, *, mac: bytes | None = None) -> bytes:
    """A record around `data` with this padding, its length byte included, and this MAC or the right one."""
    if protection.encrypt_then_mac:
        body = protection.encrypt(data + padding)
        return record(DATA, body + protection.mac.compute(mac_header(0, DATA, len(body)), body))
    if mac is None:
        mac = protection.mac.compute(mac_header(0, DATA, len(data)), data)
    return record(DATA, protection.encrypt(data + mac + padding))


def data_for(protection: Protection, padding_length: int, size: int) -> bytes:
    """Data that fills up `size` bytes together with its MAC and padding of `padding_length` + 1 bytes."""
    mac = 0 if protection.encrypt_then_mac else protection.mac.length
    return os.urandom(size - mac - padding_length - 1)


@every_cbc
def test_padding_of_every_length_is_accepted(protection: Protection) -> None:
    for length in range(256):
        data = data_for(protection, length, 512)
        assert protection.open(padded(protection, data, bytes([length]) * (length + 1))) == data


@every_cbc
def test_a_full_record_with_the_longest_padding_is_accepted(protection: Protection) -> None:
    data = os.urandom(2**14)
    inside = 0 if protection.encrypt_then_mac else protection.mac.length
    block = protection.suite.cipher.block_length
    length = max(n for n in range(256) if (2**14 + inside + n + 1) % block == 0)
    assert protection.open(padded(protection, data, bytes([length]) * (length + 1))) == data


@every_cbc
def test_every_wrong_padding_byte_is_a_bad_record_mac(protection: Protection) -> None:
    for length in (*range(1, 32), 127, 254, 255):
        data = data_for(protection, length, 512)
        for position in {0, length // 2, length - 1}:  # before the length byte
            wrong = bytearray([length]) * (length + 1)
            wrong[position] ^= 1
            with pytest.raises(BadRecordMac):
                protection.open(padded(protection, data, bytes(wrong)))


@every_cbc
def test_padding_longer_than_the_record_is_a_bad_record_mac(protection: Protection) -> None:
    for size in (48, 64, 96):
        if not protection.encrypt_then_mac and size <= protection.mac.length:
            continue
        with pytest.raises(BadRecordMac):
            protection.open(padded(protection, data_for(protection, 0, size), b"\xff"))


@mac_then_encrypt
def test_padding_that_reaches_into_the_mac_is_a_bad_record_mac(protection: Protection) -> None:
    length = protection.mac.length
    for size in (64, 96, 256):
        for value in range(size - length, size):
            with pytest.raises(BadRecordMac):
                protection.open(record(DATA, protection.encrypt(bytes([value]) * size)))


@every_cbc
def test_plaintext_of_one_value_throughout_is_a_bad_record_mac(protection: Protection) -> None:
    for size in (16, 32, 48, 64, 128, 256, 272, 1024, 10_000, 2**14 + 256):
        for value in (0, 1, 15, 63, 255):
            body = protection.encrypt(bytes([value]) * size)
            with pytest.raises(BadRecordMac):
                protection.open(record(DATA, body))


@encrypt_then_mac
def test_with_encrypt_then_mac_the_tag_is_checked_before_anything_is_decrypted(protection: Protection) -> None:
    opener = protection.opener()
    decrypted: list[int] = []

    def decrypt(data: memoryview) -> bytes:
        decrypted.append(len(data))
        return bytes(len(data))

    opener._update = decrypt  # type: ignore[attr-defined]
    sealed = padded(protection, data_for(protection, 0, 64), b"\0")
    with pytest.raises(BadRecordMac):
        opener.open(0, DATA, sealed[5:-1] + bytes([sealed[-1] ^ 1]))
    assert decrypted == []


@every_cbc
def test_a_ciphertext_that_is_not_whole_blocks_or_too_short_is_a_bad_record_mac(protection: Protection) -> None:
    block = protection.suite.cipher.block_length
    shortest = 2 * block  # with encrypt-then-MAC, which one time in 256 is well padded
    for length in {*range(3 * block), 5 * block + 1, 6 * block - 1} - {shortest}:
        body = os.urandom(length)
        if protection.encrypt_then_mac:
            body += protection.mac.compute(mac_header(0, DATA, length), body)
        with pytest.raises(BadRecordMac):
            protection.open(record(DATA, body))


# -- counted work ---------------------------------------------------------------------------------------------


class CountingHash:
    """A hash of hashlib that counts the calls of its compression function in `calls`."""

    calls = 0

    def __init__(self, name: str, data: bytes = b"") -> None:
        self.name = name
        self.hash = hashlib.new(name)
        self.waiting = 0
        self.update(data)

    def update(self, data: bytes | memoryview) -> None:
        self.hash.update(data)
        whole, self.waiting = divmod(self.waiting + len(data), HASHES[self.name].block)
        CountingHash.calls += whole

    def digest(self) -> bytes:
        CountingHash.calls += -(-(self.waiting + HASHES[self.name].suffix) // HASHES[self.name].block)
        return self.hash.digest()

    def copy(self) -> CountingHash:
        copied = CountingHash(self.name)
        copied.hash = self.hash.copy()
        copied.waiting = self.waiting
        return copied


def counting_mac(hash_name: str, key: bytes) -> RecordMac:
    return RecordMac(HASHES[hash_name]._replace(new=lambda data: CountingHash(hash_name, data)), key)


def calls_of_opening(protection: Protection, sealed: bytes) -> int:
    assert protection.suite.mac is not None
    keys = protection.keys
    opener = MacThenEncrypt(protection.suite.cipher, keys.key, counting_mac(protection.suite.mac, keys.mac_key))
    CountingHash.calls = 0
    try:
        opener.open(0, DATA, sealed[5:])
    except BadRecordMac:
        pass
    return CountingHash.calls


@mac_then_encrypt
@pytest.mark.parametrize("size", [128, 320, 512, 1024])
def test_the_calls_of_the_compression_function_depend_on_the_length_of_the_record_alone(
    protection: Protection, size: int
) -> None:
    room = size - protection.mac.length
    counts: set[int] = set()
    for length in range(min(256, room)):
        data, padding = data_for(protection, length, size), bytes([length]) * (length + 1)
        good = padded(protection, data, padding)
        wrong_mac = padded(protection, data, padding, mac=bytes(protection.mac.length))
        wrong_padding = padded(protection, data, bytes([length ^ 1]) + padding[1:])
        assert protection.open(good) == data
        counts.update(calls_of_opening(protection, sealed) for sealed in (good, wrong_mac, wrong_padding))
    for value in range(256):  # padding lengths that the record has no room for
        counts.add(calls_of_opening(protection, record(DATA, protection.encrypt(bytes([value]) * size))))
    assert len(counts) == 1
    assert counts.pop() > room // 128


def test_without_the_even_form_the_count_would_tell() -> None:
    mac = counting_mac("sha1", bytes(20))
    counts = set()
    for length in range(256):
        CountingHash.calls = 0
        mac.compute(bytes(13), bytes(400 - length))
        counts.add(CountingHash.calls)
    assert len(counts) > 3
