"""Recordings between GnuTLS and itself: its key exchange, key schedule and protections are ours, byte for byte."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest

from tests.vectors_loader import Case, load, params
from tls12 import CipherSuite, KeyLog
from tls12.crypto import key_schedule
from tls12.crypto.prf import make_prf
from tls12.crypto.suites import SUITES, CipherKind
from tls12.lab.observer import AlertSeen, ApplicationDataSeen, MessageSeen, Observer, Seen
from tls12.registry import Alert, ConnectionEnd
from tls12.wire.closing import Finished
from tls12.wire.extensions import EncryptThenMac, ExtendedMasterSecret
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ClientKeyExchange

CASES = params("psk_conversations")

LINES = b"hello from the client\n" + bytes(33 + i % 90 for i in range(300)) + b"\n"


def observed(case: Case, *, damaged: bool = False) -> list[Seen]:
    """What an observer sees who has the master secret, or a wrong one."""
    keylog = KeyLog()
    flows = [bytearray.fromhex(flow) for flow in case["flows"]]
    random = bytes(flows[0][11:43])  # behind the headers of record and message, and the version
    secret = bytearray(case.hex("master_secret"))
    secret[0] ^= damaged
    keylog.log("CLIENT_RANDOM", random, bytes(secret))
    observer = Observer(keylog)
    senders: tuple[ConnectionEnd, ConnectionEnd] = ("client", "server")
    for number, flow in enumerate(flows):
        observer.feed(senders[number % 2], flow)
    return observer.events()


@cache
def messages(name: str) -> list[MessageSeen]:
    """The messages of the recording with this name."""
    (case,) = (case for case in load("psk_conversations") if case["name"] == name)
    return [seen for seen in observed(case) if isinstance(seen, MessageSeen)]


@pytest.mark.parametrize("case", CASES)
def test_every_record_opens_and_both_finished_are_right(case: Case) -> None:
    seen = observed(case)
    assert {type(item) for item in seen} == {MessageSeen, ApplicationDataSeen, AlertSeen}
    finished = [item for item in seen if isinstance(item, MessageSeen) and isinstance(item.message, Finished)]
    assert [(item.sender, item.verified) for item in finished] == [("client", True), ("server", True)]
    for sender in ("client", "server"):
        said = [item.data for item in seen if isinstance(item, ApplicationDataSeen) and item.sender == sender]
        assert b"".join(said) == LINES
    alerts = {item.description for item in seen if isinstance(item, AlertSeen)}
    assert alerts == {Alert.CLOSE_NOTIFY}


@pytest.mark.parametrize("case", CASES)
def test_the_hellos_agreed_on_what_the_case_says(case: Case) -> None:
    (answer,) = (seen.message for seen in messages(case["name"]) if isinstance(seen.message, ServerHello))
    assert answer.cipher_suite is CipherSuite[case["suite"]]
    assert (answer.find(EncryptThenMac) is not None) is case["encrypt_then_mac"]
    assert (answer.find(ExtendedMasterSecret) is not None) is case["extended_master_secret"]


@pytest.mark.parametrize("case", CASES)
def test_the_master_secret_follows_from_the_pre_shared_key(case: Case) -> None:
    psk, prf_hash = case.hex("psk"), SUITES[CipherSuite[case["suite"]]].prf_hash
    length = len(psk).to_bytes(2)
    premaster = length + bytes(len(psk)) + length + psk
    transcript, randoms = b"", []
    for seen in messages(case["name"]):
        transcript += seen.data
        if isinstance(seen.message, ClientHello | ServerHello):
            randoms.append(seen.message.random)
        if isinstance(seen.message, ClientKeyExchange):
            break
    prf = make_prf(prf_hash, premaster)
    if case["extended_master_secret"]:
        session_hash = hashlib.new(prf_hash, transcript).digest()
        master = key_schedule.extended_master_secret(prf, session_hash)
    else:
        master = key_schedule.master_secret(prf, *randoms)
    assert master == case.hex("master_secret")


@pytest.mark.parametrize("case", CASES)
def test_with_another_secret_nothing_opens(case: Case) -> None:
    kinds = {type(item) for item in observed(case, damaged=True)}
    assert ApplicationDataSeen not in kinds


def test_every_protection_of_a_psk_suite_was_recorded_in_every_order() -> None:
    recorded = {(CipherSuite[case["suite"]], case["encrypt_then_mac"]) for case in load("psk_conversations")}
    there = {(SUITES[suite].cipher.name, SUITES[suite].mac, inside) for suite, inside in recorded}
    for row in SUITES.values():
        if row.uses_psk:
            orders = (False, True) if row.cipher.kind is CipherKind.CBC else (False,)
            assert {(row.cipher.name, row.mac, order) for order in orders} <= there
