"""What holds for every protection of records, as a function of its keys, a sequence number and a record."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.record_protections import AEAD, CBC, PROTECTIONS, Protection, mac_header
from tls12.crypto.aead import AEADS
from tls12.crypto.cbc import BLOCK_CIPHERS
from tls12.crypto.null import NullCipher
from tls12.errors import BadRecordMac
from tls12.registry import Alert, ContentType

DATA = ContentType.APPLICATION_DATA

every = pytest.mark.parametrize("protection", PROTECTIONS, ids=str)
every_cbc = pytest.mark.parametrize("protection", CBC, ids=str)
explicit = pytest.mark.parametrize("protection", [one for one in AEAD if one.suite.cipher.record_iv_length], ids=str)


@every
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 64, 511, 512, 513, 2**14 - 1, 2**14])
def test_what_is_sealed_opens(protection: Protection, length: int) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    data = bytes(i % 251 for i in range(length))
    for sequence in range(3):
        sealed = sealer.seal(sequence, DATA, data)
        assert sealed[:3] == b"\x17\x03\x03"
        assert int.from_bytes(sealed[3:5], "big") == len(sealed) - 5
        assert len(sealed) == sealer.record_length(length)
        assert opener.open(sequence, DATA, sealed[5:]) == data


@every
def test_data_of_every_buffer_type_seals_and_opens_alike(protection: Protection) -> None:
    for length in (20, 2000):
        data = bytes(length)
        sealed = protection.sealer(bytes).seal(0, DATA, data)
        for buffer in (bytearray, memoryview):
            assert protection.sealer(bytes).seal(0, DATA, buffer(data)) == sealed
            opened = protection.open(buffer(sealed))
            assert opened == data
            assert type(opened) is bytes


@every
def test_every_flipped_bit_is_a_bad_record_mac(protection: Protection) -> None:
    sealed = protection.sealer().seal(0, DATA, b"attack at dawn")
    for index in (0, *range(5, len(sealed))):  # version and length are the reader's to check
        for bit in range(8):
            damaged = bytearray(sealed)
            damaged[index] ^= 1 << bit
            with pytest.raises(BadRecordMac) as caught:
                protection.open(damaged)
            assert caught.value.alert is Alert.BAD_RECORD_MAC


@every
def test_a_record_shortened_or_lengthened_is_a_bad_record_mac(protection: Protection) -> None:
    body = protection.sealer().seal(0, DATA, bytes(40))[5:]
    for length in range(len(body)):
        with pytest.raises(BadRecordMac):
            protection.opener().open(0, DATA, body[:length])
    for extra in range(1, 40):
        with pytest.raises(BadRecordMac):
            protection.opener().open(0, DATA, body + bytes(extra))


@every
@settings(max_examples=25)
@given(body=st.binary(max_size=120))
def test_any_bytes_are_a_bad_record_mac(protection: Protection, body: bytes) -> None:
    with pytest.raises(BadRecordMac):
        protection.opener().open(0, DATA, body)


@every
def test_a_record_under_another_number_is_a_bad_record_mac(protection: Protection) -> None:
    first = protection.sealer().seal(7, DATA, b"one")
    for sequence in (0, 6, 8, 2**32 + 7, 2**64 - 1):
        with pytest.raises(BadRecordMac):
            protection.open(first, sequence)
    assert protection.open(first, 7) == b"one"


@every
def test_every_cause_has_the_same_text(protection: Protection) -> None:
    sealed = protection.sealer().seal(0, DATA, bytes(40))
    texts = set()
    for damaged in (sealed[:7], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:-16]):
        with pytest.raises(BadRecordMac) as caught:
            protection.open(damaged)
        texts.add(str(caught.value))
    assert len(texts) == 1


# -- nonces, IVs, tags, additional data -----------------------------------------------------------------------


@pytest.mark.parametrize("protection", AEAD, ids=str)
def test_our_explicit_nonce_is_the_sequence_number(protection: Protection) -> None:
    cipher = protection.suite.cipher
    sealer = protection.sealer()
    for sequence in (0, 1, 2, 2**64 - 1):
        sealed = sealer.seal(sequence, DATA, b"data")
        assert len(sealed) == 5 + cipher.record_iv_length + 4 + cipher.tag_length
        if cipher.record_iv_length:
            assert sealed[5:13] == sequence.to_bytes(8, "big")
    assert {"CHACHA20_POLY1305": 0}.get(cipher.name, 8) == cipher.record_iv_length
    assert (8 if cipher.name.endswith("CCM_8") else 16) == cipher.tag_length


@explicit
@settings(max_examples=25)
@given(nonce=st.binary(min_size=8, max_size=8), length=st.sampled_from([0, 1, 600]))
def test_any_explicit_nonce_is_taken_from_the_peer(protection: Protection, nonce: bytes, length: int) -> None:
    data = bytes(length)
    aead = AEADS[protection.suite.cipher.name](protection.keys.key)
    sealed = aead.encrypt(protection.keys.iv + nonce, data, mac_header(0, DATA, length))
    assert protection.opener().open(0, DATA, nonce + sealed) == data


@pytest.mark.parametrize("protection", AEAD, ids=str)
@pytest.mark.parametrize("sequence", [0, 1, 255, 2**40 + 5, 2**64 - 1])
def test_an_aead_tells_the_nonce_and_the_additional_data_that_decrypt_its_record(
    protection: Protection, sequence: int
) -> None:
    cipher, sealer, opener = protection.suite.cipher, protection.sealer(), protection.opener()
    body = sealer.seal(sequence, DATA, b"data")[5:]
    aead = AEADS[cipher.name](protection.keys.key)
    for one in (sealer, opener):
        nonce, additional = one.nonce(sequence, body), one.additional_data(sequence, DATA, body, 4)
        assert aead.decrypt(nonce, body[cipher.record_iv_length :], additional) == b"data"
    implicit = bytes(a ^ b for a, b in zip(protection.keys.iv, sequence.to_bytes(12, "big"), strict=False))
    assert sealer.nonce(sequence, body) == (protection.keys.iv + body[:8] if cipher.record_iv_length else implicit)


@pytest.mark.parametrize("protection", [one for one in PROTECTIONS if one not in AEAD], ids=str)
def test_a_protection_with_a_mac_tells_its_iv_and_what_the_mac_covers(protection: Protection) -> None:
    block, sealer, opener = protection.suite.cipher.block_length, protection.sealer(), protection.opener()
    body = sealer.seal(5, DATA, b"data")[5:]
    for one in (sealer, opener):
        iv, additional = one.nonce(5, body), one.additional_data(5, DATA, body, 4)
        assert iv == body[:block]
        if protection.encrypt_then_mac:
            encrypted, mac = body[: -protection.mac.length], body[-protection.mac.length :]
            assert mac == protection.mac.compute(additional, encrypted)
            assert additional == mac_header(5, DATA, len(encrypted))
            continue
        assert additional == mac_header(5, DATA, 4)
        plain = body
        if block:
            algorithm = BLOCK_CIPHERS[protection.suite.cipher.name](protection.keys.key)
            plain = Cipher(algorithm, modes.CBC(iv)).decryptor().update(body[block:])
        if block or protection.suite.cipher.name == "NULL":
            assert plain.startswith(b"data" + protection.mac.compute(additional, b"data"))


@every_cbc
def test_the_iv_of_each_cbc_record_is_as_unpredictable_as_the_random_bytes(protection: Protection) -> None:
    block = protection.suite.cipher.block_length
    drawn: list[int] = []

    def random(length: int) -> bytes:
        drawn.append(length)
        return len(drawn).to_bytes(length, "big")

    sealer, other = protection.sealer(random), protection.sealer(lambda length: bytes(length))
    ivs = {sealer.seal(sequence, DATA, b"data")[5 : 5 + block] for sequence in range(50)}
    assert len(ivs) == 50
    assert drawn == [block] * 50
    first = other.seal(0, DATA, b"data")
    second = other.seal(1, DATA, b"data")
    assert second[5 : 5 + block] != first[-block:]  # not the chained IV of TLS 1.0
    assert second[5 : 5 + block] not in ivs


def test_the_null_cipher_only_frames() -> None:
    null = NullCipher()
    assert null.seal(9, DATA, b"data") == b"\x17\3\3\0\4data"
    assert null.record_length(4) == len(null.seal(9, DATA, b"data"))
    assert null.open(9, DATA, memoryview(b"data")) == b"data"
    assert null.nonce(9, b"data") == null.additional_data(9, DATA, b"data", 4) == b""


def test_keys_are_not_shown() -> None:
    for protection in PROTECTIONS:
        states = (protection.write_state(), protection.read_state())
        for shown in map(repr, (protection.sealer(), protection.opener(), protection, *states)):
            for secret in (protection.keys.key, protection.keys.mac_key, protection.keys.iv):
                assert not secret or (secret.hex() not in shown and repr(secret)[2:-1] not in shown)
