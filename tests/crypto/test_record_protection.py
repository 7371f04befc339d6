"""What holds for every protection of records."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_protections import AEAD, CBC, PROTECTIONS, Protection, mac_header, record

from tls12.crypto.aead import AEADS
from tls12.crypto.limits import SEQUENCE_NUMBERS, USAGE_LIMITS
from tls12.crypto.suites import CIPHERS
from tls12.errors import BadRecordMac, KeysExhausted
from tls12.registry import Alert, ContentType

DATA = ContentType.APPLICATION_DATA
ALERT = ContentType.ALERT

every = pytest.mark.parametrize("protection", PROTECTIONS, ids=str)
every_aead = pytest.mark.parametrize("protection", AEAD, ids=str)
every_cbc = pytest.mark.parametrize("protection", CBC, ids=str)


def split(wire: bytes | bytearray) -> list[bytes]:
    """Whole records, cut apart."""
    records = []
    while wire:
        end = 5 + int.from_bytes(wire[3:5], "big")
        records.append(bytes(wire[:end]))
        wire = wire[end:]
    return records


@every
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 64, 511, 512, 513, 2**14 - 1, 2**14])
def test_what_is_sealed_opens(protection: Protection, length: int) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    data = bytes(i % 251 for i in range(length))
    for _ in range(3):
        sealed = sealer.seal(DATA, data)
        assert sealed[:3] == b"\x17\x03\x03"
        assert int.from_bytes(sealed[3:5], "big") == len(sealed) - 5
        assert opener.open(sealed) == data


@every
@settings(max_examples=25)
@given(data=st.binary(min_size=1, max_size=300), size=st.integers(1, 64))
def test_a_larger_write_is_the_records_of_its_fragments(protection: Protection, data: bytes, size: int) -> None:
    together, single = protection.sealer(bytes), protection.sealer(bytes)
    wire = together.seal_many(DATA, data, size)
    assert wire == b"".join(single.seal(DATA, data[at : at + size]) for at in range(0, len(data), size))
    assert together.sequence == single.sequence
    opener = protection.opener()
    assert b"".join(map(opener.open, split(wire))) == data
    wire.clear()  # the buffer belongs to the caller: no view of it is left


@every
def test_data_of_every_buffer_type_seals_and_opens_alike(protection: Protection) -> None:
    for length in (20, 2000):
        data = bytes(length)
        sealed = protection.sealer(bytes).seal(DATA, data)
        for buffer in (bytearray, memoryview):
            assert protection.sealer(bytes).seal(DATA, buffer(data)) == sealed
            opened = protection.opener().open(buffer(sealed))
            assert opened == data
            assert type(opened) is bytes


@every
def test_every_flipped_bit_is_a_bad_record_mac(protection: Protection) -> None:
    sealed = protection.sealer().seal(DATA, b"attack at dawn")
    for index in (0, *range(5, len(sealed))):  # version and length are the reader's to check
        for bit in range(8):
            damaged = bytearray(sealed)
            damaged[index] ^= 1 << bit
            with pytest.raises(BadRecordMac) as caught:
                protection.opener().open(damaged)
            assert caught.value.alert is Alert.BAD_RECORD_MAC


@every
def test_a_record_shortened_or_lengthened_is_a_bad_record_mac(protection: Protection) -> None:
    sealed = protection.sealer().seal(DATA, bytes(40))
    for length in range(len(sealed) - 5):
        with pytest.raises(BadRecordMac):
            protection.opener().open(record(DATA, sealed[5 : 5 + length]))
    for extra in range(1, 40):
        with pytest.raises(BadRecordMac):
            protection.opener().open(record(DATA, sealed[5:] + bytes(extra)))


@every
@settings(max_examples=25)
@given(body=st.binary(max_size=120))
def test_any_bytes_are_a_bad_record_mac(protection: Protection, body: bytes) -> None:
    with pytest.raises(BadRecordMac):
        protection.opener().open(record(DATA, body))


@every
def test_a_record_replayed_skipped_or_swapped_is_a_bad_record_mac(protection: Protection) -> None:
    sealer = protection.sealer()
    first, second = sealer.seal(DATA, b"one"), sealer.seal(DATA, b"two")
    opener = protection.opener()
    with pytest.raises(BadRecordMac):
        protection.opener().open(second)
    assert opener.open(first) == b"one"
    with pytest.raises(BadRecordMac):
        opener.open(first)


@every
def test_every_cause_has_the_same_text(protection: Protection) -> None:
    sealed = protection.sealer().seal(DATA, bytes(40))
    texts = set()
    for damaged in (sealed[:7], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:-16]):
        with pytest.raises(BadRecordMac) as caught:
            protection.opener().open(damaged)
        texts.add(str(caught.value))
    assert len(texts) == 1


# -- application data alone, and in runs ----------------------------------------------------------------------


@every
@pytest.mark.parametrize("length", [0, 1, 64, 512, 513, 2**14])
def test_a_record_of_data_that_comes_alone_opens_as_any_other(protection: Protection, length: int) -> None:
    sealer, alone, other = protection.sealer(), protection.opener(), protection.opener()
    for _ in range(3):
        sealed = sealer.seal(DATA, bytes(length))
        assert alone.open_alone(sealed) == other.open(sealed) == bytes(length)
        assert alone.sequence == other.sequence


@every
def test_what_is_not_exactly_one_record_of_data_is_left_to_open(protection: Protection) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    sealed, alert = sealer.seal(DATA, b"data"), protection.sealer().seal(ALERT, b"\1\0")
    long = b"\x17\x03\x03" + (2**14 + 2049).to_bytes(2, "big") + bytes(2**14 + 2049)
    other_version = sealed[:2] + b"\x02" + sealed[3:]
    for chunk in (b"", sealed[:4], sealed[:12], sealed[:-1], sealed + b"\0", sealed * 2, alert, long, other_version):
        assert opener.open_alone(chunk) is None
    assert opener.open_alone(sealed) == b"data"


@every
def test_a_damaged_or_surplus_record_that_comes_alone_is_refused_by_open(protection: Protection) -> None:
    sealed = protection.sealer().seal(DATA, b"data")
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for chunk, limit, error in ((damaged, 1, BadRecordMac), (sealed, 0, KeysExhausted)):
        opener = protection.opener()
        opener.limit = limit
        with pytest.raises(error):
            _ = opener.open_alone(chunk) or opener.open(chunk)


@every_aead
@settings(max_examples=25)
@given(lengths=st.lists(st.integers(1, 600), max_size=6), before=st.integers(0, 20), behind=st.binary(max_size=30))
def test_a_run_of_records_opens_as_one_by_one(
    protection: Protection, lengths: list[int], before: int, behind: bytes
) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    run = b"".join(sealer.seal(DATA, bytes(length)) for length in lengths)
    told: list[tuple[int]] = []
    end = opener.open_run(memoryview(bytes(before) + run + behind), before, 600, told, lambda data: (len(data),))
    assert end == before + len(run)
    assert told == [(length,) for length in lengths]
    assert opener.sequence == len(lengths)


@every_aead
@pytest.mark.parametrize("obstacle", ["alert", "empty", "too long", "cut", "damaged", "beyond the limit", "version"])
def test_a_run_ends_before_anything_unusual_and_open_takes_it_from_there(protection: Protection, obstacle: str) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    good = sealer.seal(DATA, b"good")
    kind, data = ALERT if obstacle == "alert" else DATA, {"empty": b"", "too long": bytes(101)}.get(obstacle, b"odd")
    odd = sealed = sealer.seal(kind, data)
    if obstacle == "cut":
        odd = odd[:-1]
    if obstacle == "damaged":
        odd = odd[:-1] + bytes([odd[-1] ^ 1])
    if obstacle == "version":
        odd = odd[:2] + b"\2" + odd[3:]
    if obstacle == "beyond the limit":
        opener.limit = 1
    told: list[bytes] = []
    assert opener.open_run(good + odd + sealer.seal(DATA, b"late"), 0, 100, told, bytes) == len(good)
    assert (told, opener.sequence) == ([b"good"], 1)
    opener.limit = 2
    assert opener.open(sealed) == data


# -- limits ---------------------------------------------------------------------------------------------------


def test_every_cipher_has_a_limit_and_a_source() -> None:
    assert USAGE_LIMITS.keys() == CIPHERS.keys()
    assert all(limit.source for limit in USAGE_LIMITS.values())
    # 2^24.5 full-size records "(about 24 million)", RFC 8446 5.5
    assert 23_000_000 < USAGE_LIMITS["AES_128_GCM"].records < 24_000_000


@every
def test_at_the_limit_application_data_is_refused_and_alerts_still_pass(protection: Protection) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    sealer.limit = opener.limit = 2
    assert not sealer.near_limit
    for _ in range(2):
        assert not sealer.exhausted
        opener.open(sealer.seal(DATA, b"data"))
    assert sealer.exhausted
    assert sealer.near_limit
    assert opener.near_limit
    with pytest.raises(KeysExhausted) as caught:
        sealer.seal(DATA, b"data")
    assert caught.value.alert is Alert.INTERNAL_ERROR
    assert opener.open(sealer.seal(ALERT, b"\x01\x00")) == b"\x01\x00"
    sealer.limit = 100
    with pytest.raises(KeysExhausted):
        opener.open(sealer.seal(DATA, b"data"))


@every
def test_a_larger_write_that_would_pass_the_limit_seals_nothing(protection: Protection) -> None:
    sealer = protection.sealer()
    sealer.limit = 2
    with pytest.raises(KeysExhausted):
        sealer.seal_many(DATA, bytes(30), 10)
    assert sealer.sequence == 0
    assert len(split(sealer.seal_many(DATA, bytes(20), 10))) == 2


@every
def test_sequence_numbers_do_not_wrap(protection: Protection) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    sealer.sequence = opener.sequence = SEQUENCE_NUMBERS - 1
    sealer.limit = opener.limit = SEQUENCE_NUMBERS
    assert opener.open(sealer.seal(ALERT, b"\x01\x00")) == b"\x01\x00"
    for kind in (DATA, ALERT):
        with pytest.raises(KeysExhausted):
            sealer.seal(kind, b"\x01\x00")
        with pytest.raises(KeysExhausted):
            sealer.seal_many(kind, b"\x01\x00", 1)
        with pytest.raises(KeysExhausted):
            opener.open(bytes([kind]) + protection.sealer().seal(kind, b"\x01\x00")[1:])


@every_cbc
def test_a_cbc_key_is_limited_by_the_blocks_that_it_encrypts(protection: Protection) -> None:
    sealer, opener = protection.sealer(), protection.opener()
    volume = USAGE_LIMITS[protection.suite.cipher.name].blocks * protection.suite.cipher.block_length
    assert volume in (2**30, 2**36)
    sealed = sealer.seal(DATA, bytes(100))
    encrypted = len(sealed) - 5 - (protection.mac.length if protection.encrypt_then_mac else 0)
    sealer._left, opener._left = 10 * encrypted, 11 * encrypted  # type: ignore[attr-defined]
    assert sealer.near_limit
    assert opener.near_limit
    opener.open(sealed)
    for _ in range(9):
        opener.open(sealer.seal(DATA, bytes(100)))
    with pytest.raises(KeysExhausted):
        sealer.seal_many(DATA, bytes(200), 100)
    assert not sealer.exhausted
    opener.open(sealer.seal(DATA, bytes(100)))
    with pytest.raises(KeysExhausted):
        sealer.seal(DATA, bytes(100))
    assert sealer.exhausted
    with pytest.raises(KeysExhausted):
        sealer.seal(DATA, b"")
    with pytest.raises(KeysExhausted):
        opener.open(sealed)


# -- nonces, IVs, tags ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("protection", AEAD, ids=str)
def test_our_explicit_nonce_is_the_sequence_number(protection: Protection) -> None:
    cipher = protection.suite.cipher
    sealer = protection.sealer()
    for sequence in range(3):
        sealed = sealer.seal(DATA, b"data")
        assert len(sealed) == 5 + cipher.record_iv_length + 4 + cipher.tag_length
        if cipher.record_iv_length:
            assert sealed[5:13] == sequence.to_bytes(8, "big")
    assert {"CHACHA20_POLY1305": 0}.get(cipher.name, 8) == cipher.record_iv_length
    assert (8 if cipher.name.endswith("CCM_8") else 16) == cipher.tag_length


@pytest.mark.parametrize("protection", [one for one in AEAD if one.suite.cipher.record_iv_length], ids=str)
@settings(max_examples=25)
@given(nonce=st.binary(min_size=8, max_size=8), length=st.sampled_from([0, 1, 600]))
def test_any_explicit_nonce_is_taken_from_the_peer(protection: Protection, nonce: bytes, length: int) -> None:
    data = bytes(length)
    aead = AEADS[protection.suite.cipher.name](protection.keys.key)
    sealed = aead.encrypt(protection.keys.iv + nonce, data, mac_header(0, DATA, length))
    assert protection.opener().open(record(DATA, nonce + sealed)) == data


@every_cbc
def test_the_iv_of_each_cbc_record_is_as_unpredictable_as_the_random_bytes(protection: Protection) -> None:
    block = protection.suite.cipher.block_length
    drawn: list[int] = []

    def random(length: int) -> bytes:
        drawn.append(length)
        return len(drawn).to_bytes(length, "big")

    sealer, other = protection.sealer(random), protection.sealer(lambda length: bytes(length))
    ivs = {sealer.seal(DATA, b"data")[5 : 5 + block] for _ in range(50)}
    assert len(ivs) == 50
    assert drawn == [block] * 50
    first = other.seal(DATA, b"data")
    second = other.seal(DATA, b"data")
    assert second[5 : 5 + block] != first[-block:]  # not the chained IV of TLS 1.0
    assert second[5 : 5 + block] not in ivs


def test_keys_are_not_shown() -> None:
    for protection in PROTECTIONS:
        for shown in (repr(protection.sealer()), repr(protection.opener()), repr(protection)):
            for secret in (protection.keys.key, protection.keys.mac_key, protection.keys.iv):
                assert not secret or (secret.hex() not in shown and repr(secret)[2:-1] not in shown)
