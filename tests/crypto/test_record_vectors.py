"""Records that others made, opened and made again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from tests.vectors_loader import Case, params
from tls12.crypto.cbc import BLOCK_CIPHERS
from tls12.crypto.hashes import HASHES
from tls12.crypto.key_schedule import DirectionKeys, key_block
from tls12.crypto.prf import make_prf
from tls12.crypto.protection import make_opener, make_sealer
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import BadRecordMac
from tls12.registry import CipherSuite


def draws(suite: Suite, keys: DirectionKeys, records: list[bytes]) -> Callable[[int], bytes]:
    """A source of random bytes that makes a CBC sealer send these records, IVs and all.

    The IV is what the drawn block encrypts to, behind the last block of the record before (see `cbc.py`).
    """
    block = suite.cipher.block_length
    context = Cipher(BLOCK_CIPHERS[suite.cipher.name](keys.key), modes.ECB()).decryptor() if block else None
    drawn = []
    previous = bytes(block)
    for record in records if context else []:
        assert context
        decrypted = context.update(record[5 : 5 + block])
        drawn.append(bytes(a ^ b for a, b in zip(decrypted, previous, strict=True)))
        previous = record[-block:]
    return lambda length: drawn.pop(0)


def opened(suite: Suite, keys: DirectionKeys, case: Case, records: list[bytes], sequence: int) -> list[bytes]:
    opener = make_opener(suite, keys, encrypt_then_mac=case["encrypt_then_mac"])
    return [opener.open(number, record[0], record[5:]) for number, record in enumerate(records, sequence)]


def sealed(
    suite: Suite, keys: DirectionKeys, case: Case, records: list[bytes], plaintexts: list[bytes], sequence: int
) -> list[bytes]:
    random = draws(suite, keys, records)
    sealer = make_sealer(suite, keys, encrypt_then_mac=case["encrypt_then_mac"], random=random)
    return [
        sealer.seal(number, record[0], data)
        for number, record, data in zip(count(sequence), records, plaintexts, strict=False)
    ]


def keys_of(case: Case) -> tuple[Suite, DirectionKeys]:
    suite = SUITES[CipherSuite[case["suite"]]]
    if "key" in case:
        return suite, DirectionKeys(case.hex("mac_key"), case.hex("key"), b"")
    block = key_block(
        suite, make_prf(suite.prf_hash, case.hex("master_secret")), case.hex("client_random"), case.hex("server_random")
    )
    return suite, block.client if case["sender"] == "client" else block.server


@pytest.mark.parametrize("case", params("protected_records") + params("cbc_records"))
def test_a_published_record_opens_and_is_reproduced(case: Case) -> None:
    suite, keys = keys_of(case)
    record, plaintext, sequence = case.hex("record"), case.hex("plaintext"), case["sequence"]
    assert record[0] == case["type"]
    assert opened(suite, keys, case, [record], sequence) == [plaintext]
    assert sealed(suite, keys, case, [record], [plaintext], sequence) == [record]


@pytest.mark.parametrize("case", params("record_streams"))
def test_everything_that_one_side_sent_opens_and_is_reproduced(case: Case) -> None:
    suite, keys = keys_of(case)
    records = [bytes.fromhex(record) for record in case["records"]]
    plaintexts = [bytes.fromhex(plaintext) for plaintext in case["plaintexts"]]
    assert opened(suite, keys, case, records, 0) == plaintexts
    again = sealed(suite, keys, case, records, plaintexts, 0)
    if case["made_by"] == "openssl" and "GCM" in case["suite"]:
        assert again[0][5:13] == bytes(8) != records[0][5:13]  # OpenSSL's explicit nonces start anywhere
    else:
        assert again == records


@pytest.mark.parametrize("case", params("cbc_padding"))
def test_a_published_padding_is_judged_as_published(case: Case) -> None:
    suite = SUITES[CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA]
    keys = DirectionKeys(bytes(20), bytes(16), b"")
    plaintext = case.hex("plaintext")
    # Whole blocks, filled up in front with a byte that cannot pass for padding.
    filler = bytes([plaintext[-1] ^ 0x55])
    whole = filler * (-len(plaintext) % 16) + plaintext
    iv = bytes(range(16))
    context = Cipher(BLOCK_CIPHERS[suite.cipher.name](keys.key), modes.CBC(iv)).encryptor()
    body = iv + context.update(whole)
    mac = RecordMac(HASHES["sha1"], keys.mac_key).compute(
        bytes(8) + b"\x17\x03\x03" + len(body).to_bytes(2, "big"), body
    )
    opener = make_opener(suite, keys, encrypt_then_mac=True)
    if case["padding"]:
        assert opener.open(0, 23, body + mac) == whole[: -case["padding"]]
    else:
        with pytest.raises(BadRecordMac):
            opener.open(0, 23, body + mac)


@pytest.mark.parametrize("case", params("record_macs"))
def test_a_published_record_mac_is_the_one_computed(case: Case) -> None:
    mac = RecordMac(HASHES[case["hash"]], case.hex("key")).compute(case.hex("header"), case.hex("data"))
    assert (mac == case.hex("mac")) is case["valid"]
