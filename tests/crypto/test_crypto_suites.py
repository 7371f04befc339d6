from __future__ import annotations

import copy
import pickle
import re
from collections import Counter

import pytest

from tls12.crypto.suites import CIPHERS, SUITES, Authentication, CipherKind, Suite
from tls12.registry import CipherSuite
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

EVERY_SUITE = pytest.mark.parametrize("row", SUITES.values(), ids=map(str, SUITES))

# What cannot be computed, or is not worth it: each suite that is missing has one of these words.
LEFT_OUT = re.compile(
    r"TLS_(ECDH_(RSA|ECDSA)|DH_(RSA|DSS)|SRP_SHA|KRB5|ECCPWD|GOST\w*)_|_EXPORT_|ARIA|SEED|IDEA|_DES_CBC|_RC4_40"
    r"|CAMELLIA_\d+_GCM|28147|KUZNYECHIK|MAGMA|_NULL_NULL|_SCSV|_IMIT"
)


def test_158_suites_are_spoken_and_61_of_them_belong_to_the_laboratory() -> None:
    # 156 by spelling, and the two that RFC 6655 6.2 calls PSK_DHE where everybody else says DHE_PSK.
    assert len(SUITES) == 158
    assert sum(row.lab_only for row in SUITES.values()) == 61
    assert sum("_PSK_DHE_" in suite.name for suite in SUITES) == 2


def test_each_key_exchange_has_the_suites_that_its_rfcs_define() -> None:
    assert Counter(row.key_exchange for row in SUITES.values()) == {
        Kx.RSA: 20,
        Kx.DHE: 27,
        Kx.ECDHE: 28,
        Kx.DH_ANON: 12,
        Kx.ECDH_ANON: 5,
        Kx.PSK: 18,
        Kx.DHE_PSK: 18,
        Kx.ECDHE_PSK: 16,
        Kx.RSA_PSK: 14,
    }


@pytest.mark.parametrize("suite", [suite for suite in CipherSuite if suite not in SUITES], ids=str)
def test_a_suite_is_left_out_only_for_a_word_that_is_out_of_scope(suite: CipherSuite) -> None:
    assert LEFT_OUT.search(suite.name) or "_WITH_" not in suite.name


@EVERY_SUITE
def test_no_suite_with_a_word_that_is_out_of_scope_is_spoken(row: Suite) -> None:
    assert not LEFT_OUT.search(row.suite.name)


@EVERY_SUITE
def test_the_laboratory_has_what_is_broken_or_authenticates_nobody(row: Suite) -> None:
    assert row.lab_only == bool(re.search(r"anon|DSS|NULL|RC4|3DES|MD5", str(row.suite)))


@EVERY_SUITE
def test_the_prf_uses_sha256_unless_the_name_ends_in_sha384(row: Suite) -> None:
    assert row.prf_hash == ("sha384" if row.suite.name.endswith("SHA384") else "sha256")


@EVERY_SUITE
def test_the_last_word_is_the_record_mac_unless_an_aead_has_none(row: Suite) -> None:
    word = row.suite.name.rpartition("_")[2]
    by_word = {"MD5": ("md5", 16), "SHA": ("sha1", 20), "SHA256": ("sha256", 32), "SHA384": ("sha384", 48)}
    aead = re.search("GCM|CCM|POLY1305", row.suite.name) is not None
    assert (row.mac, row.mac_length) == ((None, 0) if aead else by_word[word])
    assert row.is_aead == aead
    assert row.is_cbc == ("_CBC" in row.suite.name)


# RFC 5246 C, 5288 3, 6655 3, 7905 2: key, implicit IV, explicit IV, tag, block
LENGTHS = {
    "AES_128_GCM": (16, 4, 8, 16, 0),
    "AES_256_GCM": (32, 4, 8, 16, 0),
    "AES_128_CCM": (16, 4, 8, 16, 0),
    "AES_256_CCM": (32, 4, 8, 16, 0),
    "AES_128_CCM_8": (16, 4, 8, 8, 0),
    "AES_256_CCM_8": (32, 4, 8, 8, 0),
    "CHACHA20_POLY1305": (32, 12, 0, 16, 0),
    "AES_128_CBC": (16, 0, 16, 0, 16),
    "AES_256_CBC": (32, 0, 16, 0, 16),
    "CAMELLIA_128_CBC": (16, 0, 16, 0, 16),
    "CAMELLIA_256_CBC": (32, 0, 16, 0, 16),
    "3DES_EDE_CBC": (24, 0, 8, 0, 8),
    "RC4_128": (16, 0, 0, 0, 0),
    "NULL": (0, 0, 0, 0, 0),
}


def test_ciphers_have_the_lengths_of_their_rfcs() -> None:
    assert {
        name: (c.key_length, c.fixed_iv_length, c.record_iv_length, c.tag_length, c.block_length)
        for name, c in CIPHERS.items()
    } == LENGTHS
    assert CIPHERS.keys() == {row.cipher.name for row in SUITES.values()}
    assert CIPHERS["RC4_128"].kind is CipherKind.STREAM
    assert CIPHERS["NULL"].kind is CipherKind.NULL


# what is: ECDHE, DHE, signed, encrypted premaster, with certificate, with PSK
FACTS = {
    Kx.RSA: (False, False, False, True, True, False),
    Kx.DHE: (False, True, True, False, True, False),
    Kx.ECDHE: (True, False, True, False, True, False),
    Kx.DH_ANON: (False, True, False, False, False, False),
    Kx.ECDH_ANON: (True, False, False, False, False, False),
    Kx.PSK: (False, False, False, False, False, True),
    Kx.DHE_PSK: (False, True, False, False, False, True),
    Kx.ECDHE_PSK: (True, False, False, False, False, True),
    Kx.RSA_PSK: (False, False, False, True, True, True),
}


@EVERY_SUITE
def test_the_key_exchange_decides_which_messages_a_suite_has(row: Suite) -> None:
    facts = FACTS[row.key_exchange]
    assert (
        row.is_ecdhe,
        row.is_dhe,
        row.is_signed,
        row.encrypts_premaster,
        row.uses_certificate,
        row.uses_psk,
    ) == facts
    assert row.is_ephemeral == (row.is_ecdhe or row.is_dhe)


@pytest.mark.parametrize(
    ("name", "authentication"),
    [
        ("TLS_RSA_WITH_AES_128_CBC_SHA", Authentication.RSA),
        ("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Authentication.RSA),
        ("TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Authentication.DSS),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Authentication.ECDSA),
        ("TLS_RSA_PSK_WITH_AES_128_CBC_SHA", Authentication.RSA),
        ("TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", Authentication.PSK),
        ("TLS_PSK_DHE_WITH_AES_128_CCM_8", Authentication.PSK),
        ("TLS_DH_anon_WITH_AES_128_CBC_SHA", Authentication.ANON),
        ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Authentication.ANON),
    ],
)
def test_the_name_says_who_authenticates(name: str, authentication: Authentication) -> None:
    assert SUITES[CipherSuite.from_name(name)].authentication is authentication


def test_there_is_one_row_for_each_suite_in_copies_and_pickles_too() -> None:
    for row in SUITES.values():
        assert copy.deepcopy(row) is row
        assert pickle.loads(pickle.dumps(row)) is row
