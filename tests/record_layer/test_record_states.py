"""The states of either direction: sequence numbers, and how much keys may protect; with and without the shortcuts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ends import our_client, our_server, talk
from tests.record_protections import AEAD, CBC, PROTECTIONS, Protection
from tls12 import CipherSuite, Limits, Policy
from tls12.crypto.limits import SEQUENCE_NUMBERS, USAGE_LIMITS
from tls12.crypto.suites import CIPHERS
from tls12.errors import BadRecordMac, KeysExhausted, LimitExceeded, RecordOverflow
from tls12.record_layer.states import ReadState, WriteState
from tls12.registry import Alert, ContentType
from tls12.wire.records import Buffer

DATA = ContentType.APPLICATION_DATA
ALERT = ContentType.ALERT

every = pytest.mark.parametrize("protection", PROTECTIONS, ids=str)
every_cbc = pytest.mark.parametrize("protection", CBC, ids=str)

Ends = Callable[[Protection], tuple[WriteState, ReadState]]


def plain(protection: Protection) -> tuple[WriteState, ReadState]:
    return WriteState(protection.sealer()), ReadState(protection.opener())


def quick(protection: Protection) -> tuple[WriteState, ReadState]:
    return protection.write_state(), protection.read_state()


both_ways = pytest.mark.parametrize("ends", [plain, quick])


def opened(state: ReadState, record: Buffer) -> bytes:
    return state.open(record[0], record[5:])


def split(wire: bytes | bytearray) -> list[bytes]:
    """Whole records, cut apart."""
    records = []
    while wire:
        end = 5 + int.from_bytes(wire[3:5], "big")
        records.append(bytes(wire[:end]))
        wire = wire[end:]
    return records


@every
@settings(max_examples=25)
@given(data=st.binary(min_size=1, max_size=300), size=st.integers(1, 64))
def test_a_larger_write_is_the_records_of_its_fragments(protection: Protection, data: bytes, size: int) -> None:
    single = WriteState(protection.sealer(bytes))
    expected = b"".join(single.seal(DATA, data[at : at + size]) for at in range(0, len(data), size))
    for together in (WriteState(protection.sealer(bytes)), protection.write_state(bytes)):
        wire = together.seal_many(DATA, data, size)
        assert wire == expected
        assert together.sequence == single.sequence
        reading = protection.read_state()
        assert b"".join(opened(reading, record) for record in split(wire)) == data
        wire.clear()  # the buffer belongs to the caller: no view of it is left


@both_ways
@every
def test_a_record_replayed_or_skipped_is_a_bad_record_mac(protection: Protection, ends: Ends) -> None:
    writing, reading = ends(protection)
    first, second = writing.seal(DATA, b"one"), writing.seal(DATA, b"two")
    with pytest.raises(BadRecordMac):
        opened(ends(protection)[1], second)
    assert opened(reading, first) == b"one"
    with pytest.raises(BadRecordMac):
        opened(reading, first)


# -- one record of application data alone -----------------------------------------------------------------------


@both_ways
@every
@pytest.mark.parametrize("length", [1, 64, 512, 513, 2**14])
def test_a_record_of_data_alone_is_sealed_and_opened_as_any_other(
    protection: Protection, length: int, ends: Ends
) -> None:
    alone, reading = ends(protection)[0], ends(protection)[1]
    alone.cipher, other = protection.sealer(bytes), WriteState(protection.sealer(bytes))
    for _ in range(3):
        sealed = alone.seal_alone(bytes(length))
        assert sealed == other.seal(DATA, bytes(length))
        assert reading.open_alone(sealed, 2**14) == bytes(length)
        assert alone.sequence == other.sequence == reading.sequence


@both_ways
@every
def test_what_is_not_exactly_one_record_of_data_is_left_to_open(protection: Protection, ends: Ends) -> None:
    writing, reading = ends(protection)
    sealed, alert = writing.seal(DATA, b"data"), ends(protection)[0].seal(ALERT, b"\1\0")
    long = b"\x17\x03\x03" + (2**14 + 2049).to_bytes(2, "big") + bytes(2**14 + 2049)
    other_version = sealed[:2] + b"\x02" + sealed[3:]
    for chunk in (b"", sealed[:4], sealed[:12], sealed[:-1], sealed + b"\0", sealed * 2, alert, long, other_version):
        assert reading.open_alone(chunk, 2**14) is None
    assert reading.open_alone(sealed, 2**14) == b"data"


@both_ways
@every
def test_an_empty_record_that_comes_alone_is_not_taken_for_data(protection: Protection, ends: Ends) -> None:
    writing, reading = ends(protection)
    assert not reading.open_alone(writing.seal(DATA, b""), 2**14)


@every
def test_a_plaintext_longer_than_agreed_that_comes_alone_is_refused(protection: Protection) -> None:
    writing, reading = plain(protection)
    assert reading.open_alone(writing.seal(DATA, bytes(100)), 100) == bytes(100)
    with pytest.raises(RecordOverflow, match="101") as caught:
        reading.open_alone(writing.seal(DATA, bytes(101)), 100)
    assert caught.value.alert is Alert.RECORD_OVERFLOW


@pytest.mark.parametrize("protection", AEAD, ids=str)
def test_an_aead_leaves_a_plaintext_longer_than_agreed_to_open(protection: Protection) -> None:
    writing, reading = quick(protection)
    assert reading.open_alone(writing.seal(DATA, bytes(100)), 100) == bytes(100)
    assert reading.open_alone(writing.seal(DATA, bytes(101)), 100) is None


@both_ways
@every
def test_a_damaged_or_surplus_record_that_comes_alone_is_refused(protection: Protection, ends: Ends) -> None:
    sealed = protection.sealer().seal(0, DATA, b"data")
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for chunk, limit, error in ((damaged, 1, BadRecordMac), (sealed, 0, KeysExhausted)):
        reading = ends(protection)[1]
        reading.limit = limit
        with pytest.raises(error):
            _ = reading.open_alone(chunk, 2**14) or opened(reading, chunk)


@pytest.mark.parametrize(
    "suite",
    [
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
    ],
)
def test_empty_records_that_come_alone_are_bounded_in_a_row_on_a_connection(suite: CipherSuite) -> None:
    policy = Policy.compatible().replace(cipher_suites=(suite,))
    client, server = our_client(policy=policy), our_server(policy=policy, limits=Limits(empty_records=3))
    talk(client, server)
    writing = client.connection._core.outgoing.writer.state
    assert writing is not None
    for _ in range(2):
        for _ in range(3):
            server.receive(writing.seal(DATA, b""))
        server.receive(writing.seal(DATA, b"x"))
    assert (server.data, server.error) == (b"xx", None)
    for _ in range(4):
        server.receive(writing.seal(DATA, b""))
    assert isinstance(server.error, LimitExceeded)


# -- limits ---------------------------------------------------------------------------------------------------


def test_every_cipher_has_a_limit_and_a_source() -> None:
    assert USAGE_LIMITS.keys() == CIPHERS.keys()
    assert all(limit.source for limit in USAGE_LIMITS.values())
    # 2^24.5 full-size records "(about 24 million)", RFC 8446 5.5
    assert 23_000_000 < USAGE_LIMITS["AES_128_GCM"].records < 24_000_000
    assert {name for name, limit in USAGE_LIMITS.items() if limit.volume} == {
        name for name, cipher in CIPHERS.items() if cipher.block_length
    }


@both_ways
@every
def test_at_the_limit_application_data_is_refused_and_alerts_still_pass(protection: Protection, ends: Ends) -> None:
    writing, reading = ends(protection)
    writing.limit = writing.attention = reading.limit = 2
    for _ in range(2):
        sealed = writing.seal_alone(b"data")
        assert sealed is not None
        opened(reading, sealed)
    assert writing.seal_alone(b"data") is None
    with pytest.raises(KeysExhausted) as caught:
        writing.seal(DATA, b"data")
    assert caught.value.alert is Alert.INTERNAL_ERROR
    assert opened(reading, writing.seal(ALERT, b"\x01\x00")) == b"\x01\x00"
    writing.limit = 100
    with pytest.raises(KeysExhausted):
        opened(reading, writing.seal(DATA, b"data"))


@every
@pytest.mark.parametrize("most", [1, 2, 8, 64])
def test_the_owner_should_look_again_when_seven_eighths_are_used_and_once_it_knows_at_the_limit(
    protection: Protection, most: int
) -> None:
    writing = protection.write_state(most_records=most)
    assert (writing.limit, writing.near_limit) == (most, False)
    near = most - most // 8
    for number in range(1, most + 1):
        assert (writing.seal_alone(b"data") is None) is (number == near)
        if number == near:
            writing.seal(DATA, b"data")
            assert writing.near_limit
            writing.acknowledge()
        assert not writing.near_limit
        assert writing.sequence == number
    assert writing.seal_alone(b"data") is None
    with pytest.raises(KeysExhausted):
        writing.seal(DATA, b"data")


def test_the_limit_of_the_cipher_holds_if_more_records_are_allowed() -> None:
    for protection in PROTECTIONS:
        records = USAGE_LIMITS[protection.suite.cipher.name].records
        assert protection.write_state(most_records=2**70).limit == records
        assert protection.read_state(most_records=2**70).limit == records


@both_ways
@every
def test_a_larger_write_that_would_pass_the_limit_seals_nothing(protection: Protection, ends: Ends) -> None:
    writing, _ = ends(protection)
    writing.limit = 2
    with pytest.raises(KeysExhausted):
        writing.seal_many(DATA, bytes(30), 10)
    assert writing.sequence == 0
    assert len(split(writing.seal_many(DATA, bytes(20), 10))) == 2


@both_ways
@every
def test_sequence_numbers_do_not_wrap(protection: Protection, ends: Ends) -> None:
    writing, reading = ends(protection)
    writing.sequence = reading.sequence = SEQUENCE_NUMBERS - 1
    writing.limit = reading.limit = SEQUENCE_NUMBERS
    assert opened(reading, writing.seal(ALERT, b"\x01\x00")) == b"\x01\x00"
    for kind in (DATA, ALERT):
        with pytest.raises(KeysExhausted):
            writing.seal(kind, b"\x01\x00")
        with pytest.raises(KeysExhausted):
            writing.seal_many(kind, b"\x01\x00", 1)
        with pytest.raises(KeysExhausted):
            opened(reading, bytes([kind]) + protection.sealer().seal(0, kind, b"\x01\x00")[1:])


@every_cbc
def test_a_cbc_key_is_limited_by_the_bytes_that_it_protects(protection: Protection) -> None:
    writing, reading = protection.write_state(), protection.read_state()
    volume = USAGE_LIMITS[protection.suite.cipher.name].volume
    assert volume in (2**30, 2**36)
    assert writing._room + writing._reserve == reading._room == volume
    sealed = writing.seal(DATA, bytes(100))
    used = len(sealed) - 5
    writing._room, writing._reserve, reading._room = used, 9 * used, 11 * used
    opened(reading, sealed)
    assert not writing.near_limit
    opened(reading, writing.seal(DATA, bytes(100)))
    assert writing.near_limit
    writing.acknowledge()
    for _ in range(8):
        assert not writing.near_limit
        opened(reading, writing.seal(DATA, bytes(100)))
    with pytest.raises(KeysExhausted):
        writing.seal_many(DATA, bytes(200), 100)
    opened(reading, writing.seal(DATA, bytes(100)))
    assert writing.seal_alone(bytes(100)) is None
    with pytest.raises(KeysExhausted):
        writing.seal(DATA, b"")
    opened(reading, writing.seal(ALERT, b"\1\0"))
    with pytest.raises(KeysExhausted):
        opened(reading, sealed)


@every_cbc
@pytest.mark.parametrize("known", [True, False])
def test_a_cbc_key_that_uses_its_bytes_up_at_once_is_near_its_limit_and_at_it(
    protection: Protection, known: bool
) -> None:
    writing = protection.write_state()
    writing._room, writing._reserve = 1, 0 if known else 1
    assert writing.seal_alone(b"data") is None
    writing.seal(DATA, b"data")
    assert writing.near_limit is not known
    writing.acknowledge()
    assert not writing.near_limit
    with pytest.raises(KeysExhausted):
        writing.seal(DATA, b"data")
