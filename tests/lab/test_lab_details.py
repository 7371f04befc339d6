"""How it was said: each record of a conversation made again by hand, and each step of its key schedule.

How it works: everything that `Observer(keylog, details=True)` tells is taken from it, and only from it, and put
together again with `cryptography` and `hmac`. What comes out must be the bytes that went over the wire.
"""

from __future__ import annotations

import hashlib
import hmac
import pickle
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from tests.ends import our_client, our_server, talk
from tests.lab.test_lab_observer import KINDS, Flow, Tap, converse, everything, observe, only
from tests.vectors_loader import Case, load, params
from tls12 import CipherSuite, KeyLog, MemorySessionStore, Policy, Renegotiation, TicketKeys
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.suites import SUITES
from tls12.lab import NullCrypto
from tls12.lab.observer import (
    KeyScheduleSeen,
    MessageSeen,
    Observer,
    PrfCall,
    RecordProtection,
    RecordSeen,
    Seen,
    Undecryptable,
    VerifyDataSeen,
)
from tls12.lab.protected import PatientOpener, RecordKeys
from tls12.registry import ConnectionEnd, ContentType
from tls12.wire.closing import ChangeCipherSpec, Finished
from tls12.wire.hello import ClientHello, HelloRequest
from tls12.wire.key_exchange import ClientKeyExchange

MACS = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
BLOCKS = {"AES": AES, "CAMELLIA": Camellia, "3DES": TripleDES}


def prf(hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """P_hash of RFC 5246 5, by hand."""
    out, a = b"", label + seed
    while len(out) < length:
        a = hmac.digest(secret, a, hash_name)
        out += hmac.digest(secret, a + label + seed, hash_name)
    return out[:length]


class ByHand:
    """Seals what one end said once more, with what was seen of its records."""

    def __init__(self, schedule: KeyScheduleSeen, keys: DirectionKeys) -> None:
        self.keys, self.schedule = keys, schedule
        self.cipher, self.mac = str(schedule.cipher_suite).split("_WITH_")[1].rsplit("_", 1)
        if self.cipher.startswith("RC4"):
            self.rc4 = Cipher(ARC4(keys.key), None).encryptor()

    def body(self, record: RecordSeen) -> bytes:
        seen = record.protection
        assert isinstance(seen, RecordProtection)
        suite = str(self.schedule.cipher_suite)
        aead = [maker for name, maker in AEADS.items() if name in suite]
        if aead:
            sealed = aead[-1](self.keys.key).encrypt(seen.nonce, record.fragment, seen.additional_data)
            assert sealed == seen.ciphertext + seen.tag
            return (b"" if "CHACHA20" in suite else seen.nonce[4:]) + sealed
        if "CBC" not in suite:
            assert seen.tag == self.authenticate(seen, record.fragment)
            encrypted = self.rc4.update(record.fragment + seen.tag) if "RC4" in suite else record.fragment + seen.tag
            assert encrypted == seen.ciphertext
            return encrypted
        if self.schedule.encrypt_then_mac:
            encrypted = seen.nonce + self.encrypt(seen, record.fragment + seen.padding)
            assert seen.tag == self.authenticate(seen, encrypted)
            return encrypted + seen.tag
        assert seen.tag == self.authenticate(seen, record.fragment)
        return seen.nonce + self.encrypt(seen, record.fragment + seen.tag + seen.padding)

    def authenticate(self, seen: RecordProtection, data: bytes) -> bytes:
        return hmac.digest(self.keys.mac_key, seen.additional_data + data, MACS[self.mac])

    def encrypt(self, seen: RecordProtection, data: bytes) -> bytes:
        block = BLOCKS[self.cipher.split("_")[0]]
        encrypted = Cipher(block(self.keys.key), modes.CBC(seen.nonce)).encryptor().update(data)
        assert encrypted == seen.ciphertext
        return encrypted


AEADS: dict[str, Any] = {
    "GCM": AESGCM,
    "CHACHA20": ChaCha20Poly1305,
    "CCM": AESCCM,
    "CCM_8": lambda key: AESCCM(key, tag_length=8),
}


def make_again(flow: Flow, seen: list[Seen]) -> int:
    """Compare every protected record with one made by hand; how many there were."""
    hands: dict[ConnectionEnd, ByHand] = {}
    schedule: KeyScheduleSeen | None = None
    wire: dict[ConnectionEnd, bytes] = dict.fromkeys(ConnectionEnd, b"")
    number, made = dict.fromkeys(ConnectionEnd, 0), 0
    for item in seen:
        match item:
            case KeyScheduleSeen():
                schedule = item
            case MessageSeen(message=ChangeCipherSpec(), sender=sender):
                assert schedule is not None
                hands[sender] = ByHand(schedule, schedule.keys.client if sender == "client" else schedule.keys.server)
                number[sender] = 0
            case RecordSeen(sender=sender, protected=True):
                assert item.sequence == number[sender]
                assert hands[sender].body(item) == item.body
                number[sender] += 1
                made += 1
            case RecordSeen():
                assert item.fragment == item.body
                assert item.sequence is item.protection is None
        if isinstance(item, RecordSeen):
            wire[item.sender] += item.header + item.body
    for end, said in wire.items():
        assert said == b"".join(data for sender, data in flow if sender == end)
    return made


def check_schedule(seen: list[Seen]) -> None:
    """Every call of the PRF that was seen, made by hand."""
    schedule: KeyScheduleSeen | None = None
    transcript = b""
    for item in seen:
        match item:
            case KeyScheduleSeen():
                schedule = item
                block = item.keys
                parts = [getattr(k, n) for n in ("mac_key", "key", "iv") for k in (block.client, block.server)]
                assert item.expansion.output == b"".join(parts)
                check(item, item.expansion)
                assert item.expansion.secret == item.master_secret
                if item.derivation is not None and item.premaster is not None:
                    check(item, item.derivation)
                    assert item.derivation.output == item.master_secret
            case VerifyDataSeen():
                assert schedule is not None
                check(schedule, item.derivation)
                assert item.derivation.seed == hashlib.new(schedule.prf_hash, transcript).digest()
            case MessageSeen(message=ClientHello()):
                transcript = item.data
            case MessageSeen(message=message) if not isinstance(message, ChangeCipherSpec | HelloRequest):
                transcript += item.data


def check(schedule: KeyScheduleSeen, call: PrfCall) -> None:
    assert call.secret is not None
    assert call.output == prf(schedule.prf_hash, call.secret, call.label, call.seed, len(call.output))


@pytest.mark.parametrize(
    "suite",
    [
        *KINDS,
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        CipherSuite.TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256,
        CipherSuite.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
        CipherSuite.TLS_DHE_RSA_WITH_AES_256_CCM,
        CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ],
    ids=str,
)
def test_every_record_is_made_again_from_what_was_seen_of_it(suite: CipherSuite) -> None:
    flow, keylog, _ = everything(suite)
    seen = observe(flow, keylog, details=True)
    assert make_again(flow, seen) >= 7  # two Finished, three records of data, two alerts
    check_schedule(seen)


# --- recorded conversations -------------------------------------------------------------------------------


def recorded(case: Case) -> Flow:
    """The flows of a case; they alternate, and the client begins."""
    ends = tuple(ConnectionEnd)
    return [(ends[i % 2], bytes.fromhex(flow)) for i, flow in enumerate(case["flows"])]


def client_random(flow: Flow) -> bytes:
    """It follows the headers of record and message, and the version."""
    return flow[0][1][11:43]


@pytest.mark.parametrize("case", params("psk_conversations"))
@pytest.mark.parametrize("label", ["CLIENT_RANDOM", "PMS_CLIENT_RANDOM"])
def test_every_record_between_gnutls_and_itself_is_made_again_from_master_or_premaster_secret(
    case: Case, label: str
) -> None:
    flow, keylog, psk = recorded(case), KeyLog(), case.hex("psk")
    length = len(psk).to_bytes(2)
    premaster = length + bytes(len(psk)) + length + psk  # RFC 4279 2
    keylog.log(label, client_random(flow), case.hex("master_secret") if label == "CLIENT_RANDOM" else premaster)
    seen = observe(flow, keylog, details=True)
    assert make_again(flow, seen) >= 8
    check_schedule(seen)
    (schedule,) = only(seen, KeyScheduleSeen)
    assert schedule.cipher_suite is CipherSuite[case["suite"]]
    assert schedule.encrypt_then_mac is case["encrypt_then_mac"]
    assert schedule.master_secret == case.hex("master_secret")
    assert schedule.premaster == (None if label == "CLIENT_RANDOM" else premaster)
    extended = case["extended_master_secret"]
    assert schedule.derivation.label == (b"extended master secret" if extended else b"master secret")
    assert [item.sender for item in only(seen, VerifyDataSeen)] == ["client", "server"]
    assert all(item.verified for item in only(seen, MessageSeen) if isinstance(item.message, Finished))


FLOWS = {case["name"]: recorded(case) for case in load("go_conversations")}
FLOWS["illustrated"] = recorded(load("illustrated_handshake")[0])


@pytest.mark.parametrize("case", params("recorded_key_schedules"))
def test_the_published_key_schedules_of_recorded_conversations_are_seen(case: Case) -> None:
    flow, keylog = FLOWS[case["name"]], KeyLog()
    keylog.log("PMS_CLIENT_RANDOM", client_random(flow), case.hex("premaster"))
    seen = observe(flow, keylog, details=True)
    schedule = only(seen, KeyScheduleSeen)[0]
    assert schedule.cipher_suite is CipherSuite[case["suite"]]
    assert schedule.premaster == case.hex("premaster")
    assert schedule.master_secret == case.hex("master_secret")
    assert schedule.expansion.output == case.hex("key_block")
    assert schedule.expansion.seed == case.hex("server_random") + case.hex("client_random")
    assert make_again(flow, seen)
    check_schedule(seen)
    assert not only(seen, Undecryptable)


# --- what is not seen -------------------------------------------------------------------------------------


def test_an_encrypted_premaster_secret_is_found_by_its_first_bytes_in_the_key_log_of_the_server() -> None:
    (case,) = (case for case in load("recorded_key_schedules") if case["name"] == "Client-TLSv12-AES128-SHA256")
    flow, keylog = FLOWS[case["name"]], KeyLog()
    exchange = next(
        item.message for item in only(observe(flow, keylog, details=True), MessageSeen) if is_key_exchange(item)
    )
    keylog.log("RSA", exchange.exchange_keys.ciphertext[:8], case.hex("premaster"))
    seen = observe(flow, keylog, details=True)
    assert [item.premaster for item in only(seen, KeyScheduleSeen)] == [case.hex("premaster")]
    assert not only(seen, Undecryptable)


def is_key_exchange(item: MessageSeen) -> bool:
    return isinstance(item.message, ClientKeyExchange)


def test_a_resumed_handshake_has_keys_of_its_own_from_a_master_secret_that_was_not_made_in_it() -> None:
    keylog, sessions, tickets = KeyLog(), MemorySessionStore(), TicketKeys.generate()
    for resumed in (False, True):
        client = our_client(keylog=keylog, sessions=sessions)
        flow = converse(client, our_server(ticket_keys=tickets))
        assert client.negotiated.resumed is resumed
        seen = observe(flow, keylog, details=True)
        (schedule,) = only(seen, KeyScheduleSeen)
        assert (schedule.derivation is None) is resumed
        assert schedule.premaster is None
        assert make_again(flow, seen) >= 7
        check_schedule(seen)


def test_each_handshake_on_a_connection_has_its_key_schedule() -> None:
    keylog = KeyLog()
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    client, server = our_client(policy=policy, keylog=keylog), our_server(policy=policy)
    flow: Flow = []
    ends: tuple[Any, Any] = Tap("client", client, flow), Tap("server", server, flow)
    talk(*ends)
    client.connection.renegotiate()
    talk(*ends)
    client.send(b"afterwards")
    talk(*ends)
    seen = observe(flow, keylog, details=True)
    assert len(only(seen, KeyScheduleSeen)) == 2
    assert len(only(seen, VerifyDataSeen)) == 4
    assert make_again(flow, seen) >= 10
    check_schedule(seen)


def test_of_a_record_that_stays_closed_its_number_is_known_and_why() -> None:
    flow, _, _ = everything()
    seen = observe(flow, KeyLog(), details=True)
    assert not only(seen, KeyScheduleSeen)
    assert not only(seen, VerifyDataSeen)
    closed = [item for item in only(seen, RecordSeen) if item.protected]
    assert {item.protection for item in closed} == {None}
    assert {item.reason for item in closed} == {"the key log has no secret for this ClientHello"}
    for sender in ("client", "server"):
        numbers = [item.sequence for item in closed if item.sender == sender]
        assert numbers == list(range(len(numbers)))
    assert [item.fragment for item in closed] == [item.fragment for item in only(seen, Undecryptable)]


def test_no_secret_is_shown_or_pickled() -> None:
    flow, keylog, _ = everything(CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA)
    seen = observe(flow, keylog, details=True)
    (schedule,) = only(seen, KeyScheduleSeen)
    keys = schedule.keys
    secrets = [schedule.master_secret, schedule.expansion.output]
    secrets += [part for half in (keys.client, keys.server) for part in (half.mac_key, half.key)]
    told = [schedule, schedule.derivation, schedule.expansion, *only(seen, VerifyDataSeen)]
    for secret in secrets:
        assert not any(repr(secret)[2:-1] in repr(item) or secret.hex() in repr(item) for item in told)
    for item in told:
        with pytest.raises(TypeError):
            pickle.dumps(item)


def test_details_are_told_only_if_asked_for() -> None:
    flow, keylog, _ = everything()
    plain = Observer(keylog)
    for sender, data in flow:
        plain.feed(sender, data)
    details = (RecordSeen, KeyScheduleSeen, VerifyDataSeen)
    assert plain.events() == [item for item in observe(flow, keylog, details=True) if not isinstance(item, details)]


def test_a_record_that_is_not_protected_at_all_has_no_nonce_and_no_tag() -> None:
    row = SUITES[CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
    opener = PatientOpener(RecordKeys(row, DirectionKeys(b"", bytes(16), bytes(4)), False, NullCrypto()))
    assert opener.open(0, ContentType.APPLICATION_DATA, b"as it is") == b"as it is"
    assert opener.keys is not None
    parts = opener.keys.take_apart(opener, 0, ContentType.APPLICATION_DATA, b"as it is", b"as it is")
    assert parts == RecordProtection(b"", b"", b"as it is", b"", b"")
