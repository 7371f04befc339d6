from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors_loader import Case, load, params
from tls12.crypto.key_schedule import (
    DirectionKeys,
    export_keying_material,
    extended_master_secret,
    key_block,
    master_secret,
    verify_data,
)
from tls12.crypto.prf import make_prf
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import UsageError
from tls12.registry import CipherSuite

MASTER = bytes(range(48))
CLIENT, SERVER = bytes(range(32)), bytes(range(100, 132))


def in_wire_order(suite: Suite, master: bytes, client_random: bytes, server_random: bytes) -> bytes:
    """Our cut-up key block, put together again as RFC 5246 6.3 lists it."""
    block = key_block(suite, make_prf(suite.prf_hash, master), client_random, server_random)
    c, s = block.client, block.server
    return c.mac_key + s.mac_key + c.key + s.key + c.iv + s.iv


@pytest.mark.parametrize("case", params("master_secret"))
def test_published_master_secrets_and_key_expansions_are_reproduced(case: Case) -> None:
    master = case.hex("master_secret")
    hellos = case.hex("client_hello_random"), case.hex("server_hello_random")
    assert master_secret(make_prf(case["hash"], case.hex("premaster")), *hellos) == master
    expanded = make_prf(case["hash"], master)(
        b"key expansion", case.hex("server_random") + case.hex("client_random"), 128
    )
    assert expanded == case.hex("key_block")


@pytest.mark.parametrize("case", params("extended_master_secret"))
def test_published_extended_master_secrets_are_reproduced(case: Case) -> None:
    master = case.hex("master_secret")
    assert extended_master_secret(make_prf(case["hash"], case.hex("premaster")), case.hex("session_hash")) == master
    expanded = make_prf(case["hash"], master)(
        b"key expansion", case.hex("server_random") + case.hex("client_random"), 128
    )
    assert expanded == case.hex("key_block")


@pytest.mark.parametrize("case", params("recorded_key_schedules"))
def test_the_keys_of_recorded_connections_are_reproduced(case: Case) -> None:
    suite = SUITES[CipherSuite.from_name(case["suite"])]
    randoms = case.hex("client_random"), case.hex("server_random")
    master = case.hex("master_secret")
    if not case["extended"]:
        assert master_secret(make_prf(suite.prf_hash, case.hex("premaster")), *randoms) == master
    assert in_wire_order(suite, master, *randoms) == case.hex("key_block")


@pytest.mark.parametrize("suite", SUITES.values(), ids=map(str, SUITES))
def test_a_key_block_is_cut_into_keys_of_the_length_that_the_suite_needs(suite: Suite) -> None:
    block = key_block(suite, make_prf(suite.prf_hash, MASTER), CLIENT, SERVER)
    for keys in (block.client, block.server):
        assert len(keys.mac_key) == suite.mac_length
        assert len(keys.key) == suite.cipher.key_length
        assert len(keys.iv) == suite.cipher.fixed_iv_length
    length = 2 * (suite.mac_length + suite.cipher.key_length + suite.cipher.fixed_iv_length)
    expanded = make_prf(suite.prf_hash, MASTER)(b"key expansion", SERVER + CLIENT, length)
    assert in_wire_order(suite, MASTER, CLIENT, SERVER) == expanded


def test_the_two_finished_messages_differ_by_their_label_only() -> None:
    digest = bytes(32)
    assert verify_data(make_prf("sha256", MASTER), "client", digest) == make_prf("sha256", MASTER)(
        b"client finished", digest, 12
    )
    assert verify_data(make_prf("sha256", MASTER), "server", digest) == make_prf("sha256", MASTER)(
        b"server finished", digest, 12
    )
    assert len(verify_data(make_prf("sha384", MASTER), "server", digest, 20)) == 20


def test_record_keys_are_neither_shown_nor_pickled() -> None:
    keys = DirectionKeys(b"mac key", b"key", b"iv")
    assert repr(keys) == "DirectionKeys()"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(keys)
    block = key_block(SUITES[CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA], make_prf("sha256", MASTER), CLIENT, SERVER)
    assert repr(block) == "KeyBlock(client=DirectionKeys(), server=DirectionKeys())"


@pytest.mark.parametrize("case", [case for case in params("exporter") if "output" in case.values[0]])
def test_published_exporter_outputs_are_reproduced(case: Case) -> None:
    context = None if case["context"] is None else case.hex("context")
    assert export_keying_material(
        make_prf(case["hash"], case.hex("master_secret")),
        case["label"].encode(),
        case.hex("client_random"),
        case.hex("server_random"),
        context,
        case["length"],
    ) == case.hex("output")


@pytest.mark.parametrize("label", [case["label"].encode() for case in load("exporter") if "refuse" in case])
def test_labels_of_tls_itself_are_refused_also_when_the_client_random_completes_them(label: bytes) -> None:
    random = b"secret".ljust(32, b"\0")
    with pytest.raises(UsageError, match="collide"):
        export_keying_material(make_prf("sha256", MASTER), label, random, SERVER, None, 32)


@pytest.mark.parametrize("label", [b"", b"exte", b"extended master secret"])
def test_a_client_random_cannot_spell_a_label_of_tls_behind_a_short_one(label: bytes) -> None:
    random = b"extended master secret".removeprefix(label).ljust(32, b"\0")
    with pytest.raises(UsageError, match="collide"):
        export_keying_material(make_prf("sha256", MASTER), label, random, SERVER, b"", 32)


@given(st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=9))
def test_different_contexts_give_different_keys_and_none_is_not_the_empty_one(
    one: bytes | None, other: bytes | None
) -> None:
    first, second = (
        export_keying_material(make_prf("sha256", MASTER), b"EXPORTER-x", CLIENT, SERVER, context, 32)
        for context in (one, other)
    )
    assert (first == second) == (one == other)


def test_a_context_longer_than_its_length_field_is_refused() -> None:
    with pytest.raises(UsageError, match="65,535"):
        export_keying_material(make_prf("sha256", MASTER), b"EXPORTER-x", CLIENT, SERVER, bytes(65_536), 32)
    assert (
        len(export_keying_material(make_prf("sha256", MASTER), b"EXPORTER-x", CLIENT, SERVER, bytes(65_535), 32)) == 32
    )
