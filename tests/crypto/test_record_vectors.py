"""Records that others made, opened and made again."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from vectors_loader import Case, params

from tls12.crypto.cbc import BLOCK_CIPHERS
from tls12.crypto.key_schedule import DirectionKeys, key_block
from tls12.crypto.protection import make_opener, make_sealer
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import BadRecordMac
from tls12.registry import CipherSuite


def ivs_of(suite: Suite, keys: DirectionKeys, iv: bytes) -> bytes:
    """What to draw at random so that the first record of a CBC sealer has this IV."""
    context = Cipher(BLOCK_CIPHERS[suite.cipher.name](keys.key), modes.ECB()).decryptor()
    return context.update(iv)


def check(case: Case, keys: DirectionKeys) -> None:
    suite = SUITES[CipherSuite[case["suite"]]]
    record = case.hex("record")
    opener = make_opener(suite, keys, encrypt_then_mac=case["encrypt_then_mac"])
    opener.sequence = case["sequence"]
    assert opener.open(record) == case.hex("plaintext")
    assert opener.sequence == case["sequence"] + 1

    explicit = record[5 : 5 + suite.cipher.block_length]
    sealer = make_sealer(
        suite,
        keys,
        encrypt_then_mac=case["encrypt_then_mac"],
        random=lambda length: ivs_of(suite, keys, explicit),
    )
    sealer.sequence = case["sequence"]
    assert sealer.seal(case["type"], case.hex("plaintext")) == record


@pytest.mark.parametrize("case", params("protected_records"))
def test_a_published_record_opens_and_is_reproduced_from_the_master_secret(case: Case) -> None:
    suite = SUITES[CipherSuite[case["suite"]]]
    block = key_block(suite, case.hex("master_secret"), case.hex("client_random"), case.hex("server_random"))
    check(case, block.client if case["sender"] == "client" else block.server)


@pytest.mark.parametrize("case", params("cbc_records"))
def test_a_published_cbc_record_opens_and_is_reproduced(case: Case) -> None:
    check(case, DirectionKeys(case.hex("mac_key"), case.hex("key"), b""))


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
    mac = RecordMac("sha1", keys.mac_key).compute(bytes(8) + b"\x17\x03\x03" + len(body).to_bytes(2, "big"), body)
    record = b"\x17\x03\x03" + (len(body) + len(mac)).to_bytes(2, "big") + body + mac
    opener = make_opener(suite, keys, encrypt_then_mac=True)
    if case["padding"]:
        assert opener.open(record) == whole[: -case["padding"]]
    else:
        with pytest.raises(BadRecordMac):
            opener.open(record)


@pytest.mark.parametrize("case", params("record_macs"))
def test_a_published_record_mac_is_the_one_computed(case: Case) -> None:
    mac = RecordMac(case["hash"], case.hex("key")).compute(case.hex("header"), case.hex("data"))
    assert (mac == case.hex("mac")) is case["valid"]
