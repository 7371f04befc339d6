"""The shortcuts of AEADs: the same bytes, the same refusals, and no record decrypted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ends import Ours, our_client, our_server, talk
from tests.providers import WithoutShortcuts
from tests.record_protections import AEAD, Protection
from tls12 import CipherSuite, Policy
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.errors import BadRecordMac
from tls12.record_layer.shortcuts import AeadReadState, AeadWriteState
from tls12.record_layer.states import WriteState
from tls12.registry import ContentType

DATA = ContentType.APPLICATION_DATA
ALERT = ContentType.ALERT

every_aead = pytest.mark.parametrize("protection", AEAD, ids=str)


def quick_reader(protection: Protection) -> AeadReadState:
    state = protection.read_state()
    assert isinstance(state, AeadReadState)
    return state


@every_aead
@settings(max_examples=50)
@given(
    data=st.binary(min_size=1, max_size=700),
    sequence=st.one_of(st.integers(0, 300), st.integers(0, 2**20 - 1)),
    size=st.integers(1, 300),
)
def test_a_shortcut_seals_and_opens_the_bytes_of_the_cipher(
    protection: Protection, data: bytes, sequence: int, size: int
) -> None:
    slow, quick = WriteState(protection.sealer()), protection.write_state()
    assert isinstance(quick, AeadWriteState)
    slow.sequence = quick.sequence = sequence
    sealed = quick.seal_alone(data)
    assert sealed == slow.seal(DATA, data)
    assert quick.seal_many(ALERT, data, size) == slow.seal_many(ALERT, data, size)
    assert quick.sequence == slow.sequence
    opening = quick_reader(protection)
    opening.sequence = sequence
    assert opening.open_alone(sealed, 2**14) == data


@every_aead
@settings(max_examples=25)
@given(lengths=st.lists(st.integers(1, 600), max_size=6), before=st.integers(0, 20), behind=st.binary(max_size=30))
def test_a_run_of_records_opens_as_one_by_one(
    protection: Protection, lengths: list[int], before: int, behind: bytes
) -> None:
    writing, reading = protection.write_state(), quick_reader(protection)
    run = b"".join(writing.seal(DATA, bytes(length)) for length in lengths)
    told: list[tuple[int]] = []
    end = reading.open_run(memoryview(bytes(before) + run + behind), before, 600, told, lambda data: (len(data),))
    assert end == before + len(run)
    assert told == [(length,) for length in lengths]
    assert reading.sequence == len(lengths)


@every_aead
@pytest.mark.parametrize("obstacle", ["alert", "empty", "too long", "cut", "beyond the limit", "version"])
def test_a_run_ends_before_anything_unusual_and_open_takes_it_from_there(protection: Protection, obstacle: str) -> None:
    writing, reading = protection.write_state(), quick_reader(protection)
    good = writing.seal(DATA, b"good")
    kind, data = ALERT if obstacle == "alert" else DATA, {"empty": b"", "too long": bytes(101)}.get(obstacle, b"odd")
    odd = sealed = writing.seal(kind, data)
    if obstacle == "cut":
        odd = odd[:-1]
    if obstacle == "version":
        odd = odd[:2] + b"\2" + odd[3:]
    if obstacle == "beyond the limit":
        reading.limit = 1
    late = b"" if obstacle == "cut" else writing.seal(DATA, b"late")
    told: list[bytes] = []
    assert reading.open_run(good + odd + late, 0, 100, told, bytes) == len(good)
    assert (told, reading.sequence) == ([b"good"], 1)
    reading.limit = 2
    assert reading.open(kind, sealed[5:]) == data


@every_aead
def test_a_run_ends_with_a_bad_record_mac_behind_what_was_good(protection: Protection) -> None:
    writing, reading = protection.write_state(), quick_reader(protection)
    good, bad = writing.seal(DATA, b"good"), bytearray(writing.seal(DATA, b"bad"))
    bad[-1] ^= 1
    told: list[bytes] = []
    with pytest.raises(BadRecordMac):
        reading.open_run(good + bad, 0, 100, told, bytes)
    assert told == [b"good"]


# -- on a connection --------------------------------------------------------------------------------------------


class Counting:
    """An AEAD that counts its decryptions, and those that failed."""

    def __init__(self, aead: Any) -> None:
        self.aead = aead
        self.decrypted = self.failed = 0

    def decrypt(self, nonce: bytes, data: bytes, additional: bytes) -> bytes:
        self.decrypted += 1
        try:
            opened: bytes = self.aead.decrypt(nonce, data, additional)
        except InvalidTag:
            self.failed += 1
            raise
        return opened


SUITES = [
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
]
every_suite = pytest.mark.parametrize("suite", SUITES)


def connected(suite: CipherSuite) -> tuple[Ours, Ours, Counting]:
    """Two ends, and the count of what the server decrypts."""
    policy = Policy.default().replace(cipher_suites=(suite,))
    client, server = our_client(policy=policy), our_server(policy=policy)
    talk(client, server)
    state: Any = server.connection._core.incoming.reader.state
    state.cipher.aead = counting = Counting(state.cipher.aead)
    return client, server, counting


def records_of(client: Ours, *fragments: bytes) -> list[bytes]:
    sealed = []
    for fragment in fragments:
        client.connection.send_data(fragment)
        sealed.append(bytes(client.connection.data_to_send()))
    return sealed


def forged(record: bytes) -> bytes:
    return record[:-1] + bytes([record[-1] ^ 1])


def one_chunk(*records: bytes) -> list[bytes]:
    return [b"".join(records)]


def chunks_of(size: int) -> Callable[..., list[bytes]]:
    def cut(*records: bytes) -> list[bytes]:
        wire = b"".join(records)
        return [wire[at : at + size] for at in range(0, len(wire), size)]

    return cut


@every_suite
@pytest.mark.parametrize("length", [1, 64, 5000])
@pytest.mark.parametrize(
    ("good_before", "good_behind", "chunks"),
    [
        pytest.param(0, 0, one_chunk, id="alone"),
        pytest.param(0, 2, one_chunk, id="at the start of a run"),
        pytest.param(2, 0, one_chunk, id="at the end of a run"),
        pytest.param(2, 2, one_chunk, id="within a run"),
        pytest.param(0, 0, chunks_of(7), id="split over chunks"),
        pytest.param(1, 1, chunks_of(40), id="split over chunks behind another"),
        pytest.param(0, 0, lambda record: [bytearray(record)], id="alone in a bytearray"),
    ],
)
def test_a_forged_record_is_decrypted_once(
    suite: CipherSuite, length: int, good_before: int, good_behind: int, chunks: Callable[..., list[bytes]]
) -> None:
    client, server, counting = connected(suite)
    records = records_of(client, *(bytes(length) for _ in range(good_before + 1 + good_behind)))
    records[good_before] = forged(records[good_before])
    for chunk in chunks(*records):
        server.receive(chunk)
    assert (counting.decrypted, counting.failed) == (good_before + 1, 1)
    assert server.data == bytes(length) * good_before
    assert isinstance(server.error, BadRecordMac)


@every_suite
@pytest.mark.parametrize("kind", ["an empty record", "an alert"])
def test_a_forged_record_of_another_kind_is_decrypted_once(suite: CipherSuite, kind: str) -> None:
    client, server, counting = connected(suite)
    state = client.connection._core.outgoing.writer.state
    assert state is not None
    record = state.seal(DATA, b"") if kind == "an empty record" else state.seal(ALERT, b"\1\0")
    server.receive(forged(record))
    assert (counting.decrypted, counting.failed) == (1, 1)
    assert isinstance(server.error, BadRecordMac)


@every_suite
@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(0, 40_000), max_size=5), cuts=st.integers(1, 50_000))
def test_every_honest_record_is_decrypted_once(suite: CipherSuite, sizes: list[int], cuts: int) -> None:
    client, server, counting = connected(suite)
    records = records_of(client, *(bytes(size) for size in sizes))
    for chunk in chunks_of(cuts)(*records):
        server.receive(chunk)
    assert server.data == bytes(sum(sizes))
    assert counting.decrypted == sum(-(-size // 2**14) for size in sizes)


@every_suite
def test_a_connection_without_shortcuts_says_and_hears_the_same(suite: CipherSuite) -> None:
    def conversation(crypto: CryptoProvider) -> tuple[bytes, list[int]]:
        policy = Policy.default().replace(cipher_suites=(suite,))
        client, server = our_client(policy=policy, crypto=crypto), our_server(policy=policy, crypto=crypto)
        talk(client, server)
        lengths = []
        for data in (b"x", bytes(600), bytes(100_000), b"y" * 2**14, bytes(10)):
            client.connection.send_data(data)
            chunk = client.take()
            lengths.append(len(chunk))
            server.receive(chunk)
        client.connection.send_data(b"one")
        client.connection.send_data(b"two")
        client.connection.close()
        server.receive(client.take())
        assert server.closed_cleanly
        return server.data, lengths

    assert conversation(WithoutShortcuts()) == conversation(STANDARD)
