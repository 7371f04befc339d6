"""Server, protected records: section S2 of the checklists."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel
from tests.checklists.forge import BLOCK, Forger, pad
from tests.ends import record
from tls12 import Alert, CipherSuite, DataReceived, Policy, Renegotiation
from tls12.errors import KeysExhausted
from tls12.lab.hellos import with_extensions
from tls12.registry import ContentType
from tls12.wire import messages
from tls12.wire.closing import ChangeCipherSpec
from tls12.wire.extensions import EncryptThenMac
from tls12.wire.records import split_records

DATA, HANDSHAKE, ALERT = ContentType.APPLICATION_DATA, ContentType.HANDSHAKE, ContentType.ALERT

GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
CCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM
CCM_8 = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8
CHACHA = CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
AEADS = [GCM, CCM, CCM_8, CHACHA]
SHA1 = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
SHA256 = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
SHA384 = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384
CBCS = [SHA1, SHA256, SHA384]
ALL = [*AEADS, *CBCS]
ETM = "encrypt-then-MAC"
MTE = "MAC-then-encrypt"


def connected(suite: CipherSuite = GCM, order: str = MTE) -> tuple[AgainstServer, Forger]:
    """A finished handshake, and a forger of the client's records."""
    duel = at_change_cipher_spec(suite, order)[0]
    duel.script.send(duel.script.finished())
    duel.carry()
    return duel, Forger(duel.script)


def at_change_cipher_spec(suite: CipherSuite = GCM, order: str = MTE) -> tuple[AgainstServer, Forger]:
    """The client's Finished is due."""
    duel = AgainstServer()
    hello = duel.script.hello(suite)
    duel.hello(hello=with_extensions(hello, EncryptThenMac()) if order == ETM else hello).key_exchange()
    duel.script.change_cipher_spec()
    return duel, Forger(duel.script)


def saying(duel: AgainstServer, *records: bytes) -> AgainstServer:
    for one in records:
        duel.script.send_bytes(one)
    return duel.carry()


def delivered(duel: Duel) -> list[bytes]:
    return [event.data for event in duel.subject.events if isinstance(event, DataReceived)]


# -- S2.1 sequence numbers and the moment of protection -----------------------------------------------------


@accepts("S2.1")
def test_sequence_numbers_begin_anew_behind_each_change_cipher_spec() -> Duel:
    duel = AgainstServer(policy=Policy.compatible().replace(renegotiation=Renegotiation.ALLOW)).handshake()
    for _ in range(3):
        duel.script.send_data(b"some")
    duel.handshake()
    assert duel.script.sealer is not None
    assert duel.script.opener is not None
    assert (duel.script.sealer.sequence, duel.script.opener.sequence) == (1, 1)
    return duel


@shows("S2.1", "KeysExhausted")
def test_a_sequence_number_never_wraps() -> None:
    duel = AgainstServer().handshake()
    assert duel.script.sealer is not None
    duel.script.sealer.sequence = 2**64
    for kind in (DATA, ALERT, HANDSHAKE):
        with pytest.raises(KeysExhausted):
            duel.script.protect(kind, b"one more")


@shows("S2.1", "protected")
def test_our_alerts_behind_our_change_cipher_spec_are_protected() -> None:
    duel, _ = connected()
    duel.script.send(ChangeCipherSpec())
    duel.subject.receive(duel.script.data_to_send())
    (alert,) = split_records(duel.subject.take())
    assert alert.type is ALERT
    assert len(alert.fragment) == 8 + 2 + 16
    assert duel.script.opener is not None
    assert duel.script.opener.open(ALERT, alert.fragment) == bytes((2, Alert.UNEXPECTED_MESSAGE))


@pytest.mark.parametrize("suite", ALL, ids=str)
@refuses("S2.1", Alert.BAD_RECORD_MAC)
def test_application_data_in_the_clear_does_not_authenticate(suite: CipherSuite) -> Duel:
    duel, _ = connected(suite)
    return saying(duel, record(DATA, b"data in the clear, as long as many a record is" * 2))


@refuses("S2.1", Alert.BAD_RECORD_MAC)
def test_a_finished_in_the_clear_does_not_authenticate() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.send(ChangeCipherSpec())
    duel.script.send(duel.script.finished())
    return duel


@refuses("S2.1", Alert.BAD_RECORD_MAC)
def test_a_fatal_alert_in_the_clear_does_not_authenticate() -> Duel:
    duel, _ = connected()
    return saying(duel, record(ALERT, bytes((2, 40))))


# -- S2.2 what is authenticated -----------------------------------------------------------------------------


@pytest.mark.parametrize("suite", AEADS, ids=str)
@accepts("S2.2")
def test_an_aead_authenticates_the_length_of_the_plaintext(suite: CipherSuite) -> Duel:
    duel, forger = connected(suite)
    saying(duel, forger.aead(b"some data"))
    assert delivered(duel) == [b"some data"]
    return duel


@pytest.mark.parametrize("suite", AEADS, ids=str)
@refuses("S2.2", Alert.BAD_RECORD_MAC)
def test_an_aead_over_the_length_of_the_ciphertext_does_not_authenticate(suite: CipherSuite) -> Duel:
    duel, forger = connected(suite)
    return saying(duel, forger.aead(b"some data", length=len(b"some data") + forger.tag))


@pytest.mark.parametrize("suite", CBCS, ids=str)
@accepts("S2.2")
def test_a_mac_inside_covers_the_length_of_the_plaintext(suite: CipherSuite) -> Duel:
    duel, forger = connected(suite)
    saying(duel, forger.cbc(b"some data"))
    assert delivered(duel) == [b"some data"]
    return duel


@pytest.mark.parametrize("suite", CBCS, ids=str)
@accepts("S2.2")
def test_a_mac_outside_covers_the_length_of_iv_and_ciphertext(suite: CipherSuite) -> Duel:
    duel, forger = connected(suite, ETM)
    saying(duel, forger.etm(b"some data"))
    assert delivered(duel) == [b"some data"]
    return duel


@pytest.mark.parametrize("length", [len(b"some data"), 16, 32 + 32])
@refuses("S2.2", Alert.BAD_RECORD_MAC)
def test_a_mac_outside_over_another_length_does_not_authenticate(length: int) -> Duel:
    duel, forger = connected(SHA256, ETM)
    return saying(duel, forger.etm(b"some data", length=length))


# -- S2.3 and S2.4 small records ----------------------------------------------------------------------------


@pytest.mark.parametrize("suite", ALL, ids=str)
@accepts("S2.3")
def test_empty_application_data_delivers_nothing(suite: CipherSuite) -> Duel:
    duel, _ = connected(suite)
    for data in (b"", b"", b"data", b""):
        duel.script.send_record(DATA, data)
    duel.carry()
    assert delivered(duel) == [b"data"]
    return duel


@refuses("S2.3", Alert.UNEXPECTED_MESSAGE)
def test_a_very_long_run_of_empty_application_data_is_refused() -> Duel:
    duel, _ = connected()
    for _ in range(33):
        duel.script.send_record(DATA, b"")
    return duel


@pytest.mark.parametrize("suite", CBCS, ids=str)
@accepts("S2.4")
def test_application_data_split_into_one_byte_and_the_rest_is_read(suite: CipherSuite) -> Duel:
    duel, _ = connected(suite)
    for data in (b"G", b"ET / HTTP/1.1", b"", b"more"):
        duel.script.send_record(DATA, data)
    duel.carry()
    assert delivered(duel) == [b"G", b"ET / HTTP/1.1", b"more"]
    return duel


# -- S2.5 and S2.6 large records ----------------------------------------------------------------------------


@pytest.mark.parametrize("suite", ALL, ids=str)
@accepts("S2.5")
def test_16_kib_of_plaintext_are_accepted(suite: CipherSuite) -> Duel:
    duel, _ = connected(suite)
    duel.script.send_record(DATA, bytes(2**14))
    return duel.carry()


@pytest.mark.parametrize("length", [2**14 + 1, 2**14 + 500])
@pytest.mark.parametrize("suite", ALL, ids=str)
@refuses("S2.5", Alert.RECORD_OVERFLOW)
def test_more_than_16_kib_of_plaintext_are_refused(suite: CipherSuite, length: int) -> Duel:
    duel, _ = connected(suite)
    duel.script.send_record(DATA, bytes(length))
    return duel


@pytest.mark.parametrize("length", [2**14 + 2049, 65_535])
@pytest.mark.parametrize("suite", [GCM, SHA1, CHACHA], ids=str)
@refuses("S2.5", Alert.RECORD_OVERFLOW)
def test_a_ciphertext_that_no_plaintext_can_have_is_refused_by_its_header(suite: CipherSuite, length: int) -> Duel:
    duel, _ = connected(suite)
    return saying(duel, bytes((23, 3, 3)) + length.to_bytes(2))


@pytest.mark.parametrize("order", [MTE, ETM])
@pytest.mark.parametrize("suite", CBCS, ids=str)
@accepts("S2.6")
def test_16_kib_with_their_mac_and_256_bytes_of_padding_fit(suite: CipherSuite, order: str) -> Duel:
    duel, forger = connected(suite, order)
    data = b"x" * (2**14 - (0 if order == ETM else -(2**14) % 16))
    if order == ETM:
        saying(duel, forger.etm(data, bytes([255]) * 256))
    else:
        mac = {SHA1: 20, SHA256: 32, SHA384: 48}[suite]
        longest = pad(len(data) + mac, 15)
        assert len(longest) > 240
        saying(duel, forger.cbc(data, longest))
    assert delivered(duel) == [data]
    return duel


# -- S2.7 to S2.10 CBC --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [MTE, ETM])
@pytest.mark.parametrize("suite", CBCS, ids=str)
@accepts("S2.7")
def test_padding_of_every_length_is_accepted(suite: CipherSuite, order: str) -> Duel:
    duel, forger = connected(suite, order)
    make, inside = (forger.etm, 0) if order == ETM else (forger.cbc, {SHA1: 20, SHA256: 32, SHA384: 48}[suite])
    for length in range(256):
        data = bytes([length]) * (1 + -(inside + length + 2) % BLOCK)
        saying(duel, make(data, bytes([length]) * (length + 1)))
        assert delivered(duel)[-1] == data
    assert len(delivered(duel)) == 256
    return duel


def wrong_records(suite: CipherSuite) -> dict[str, Callable[[Forger, bytes, int], bytes]]:
    """Everything that a MAC-then-encrypt record can get wrong: from forger, content and type to a record."""
    length = {SHA1: 20, SHA256: 32, SHA384: 48}[suite]

    def padded(change: Callable[[bytearray], None], extra: int = 2) -> Callable[[Forger, bytes, int], bytes]:
        def make(forger: Forger, data: bytes, kind: int) -> bytes:
            padding = bytearray(pad(len(data) + length, extra))
            change(padding)
            return forger.cbc(data, bytes(padding), kind=kind)

        return make

    def flip(index: int) -> Callable[[bytearray], None]:
        def change(padding: bytearray) -> None:
            padding[index] ^= 0x80

        return change

    def longer(padding: bytearray) -> None:
        padding[:] = bytes([len(padding)]) * len(padding)

    def shorter(padding: bytearray) -> None:
        padding[:] = bytes([len(padding) - 2]) * len(padding)

    def beyond(padding: bytearray) -> None:
        padding[:] = b"\xff" * len(padding)

    def zeros(padding: bytearray) -> None:
        padding[:-1] = bytes(len(padding) - 1)

    return {
        "first byte of padding": padded(flip(0)),
        "middle byte of padding": padded(flip(20)),
        "last byte before the length": padded(flip(-2)),
        "length of padding": padded(flip(-1)),
        "padding one longer than it is": padded(longer),
        "padding one shorter than it is": padded(shorter),
        "padding longer than the record": padded(beyond, 0),
        "padding of zeros, as in SSL 3.0": padded(zeros),
        "first byte of the MAC": lambda forger, data, kind: forger.cbc(data, kind=kind, flip=1),
        "a MAC of zeros": lambda forger, data, kind: forger.cbc(data, kind=kind, mac=bytes(length)),
        "no MAC": lambda forger, data, kind: forger.cbc(data, kind=kind, mac=b""),
        "padding over the MAC": lambda forger, data, kind: forger.cbc_raw(data[:1] + b"\x5f" * 95, kind=kind),
        "less than a MAC": lambda forger, data, kind: forger.cbc_raw(b"\x00" * 16, kind=kind),
        "all padding": lambda forger, data, kind: forger.cbc_raw(b"\xff" * 256, kind=kind),
    }


WRONG = list(wrong_records(SHA1))


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("suite", CBCS, ids=str)
@refuses("S2.8", Alert.BAD_RECORD_MAC)
def test_application_data_with_wrong_padding_or_mac_does_not_authenticate(suite: CipherSuite, what: str) -> Duel:
    duel, forger = connected(suite)
    return saying(duel, wrong_records(suite)[what](forger, b"some application data", DATA))


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("suite", CBCS, ids=str)
@refuses("S2.8", Alert.BAD_RECORD_MAC)
def test_a_finished_with_wrong_padding_or_mac_does_not_authenticate(suite: CipherSuite, what: str) -> Duel:
    duel, forger = at_change_cipher_spec(suite)
    finished = messages.serialize(duel.script.finished())
    return saying(duel, wrong_records(suite)[what](forger, finished, HANDSHAKE))


@pytest.mark.parametrize("length", [16, 32, 48, 64, 256, 272, 1024, 10_000, 16_384 + 304])
@pytest.mark.parametrize("value", [0x00, 0x0F, 0x3F, 0xFF])
@refuses("S2.8", Alert.BAD_RECORD_MAC)
def test_a_plaintext_of_one_repeated_byte_does_not_authenticate(value: int, length: int) -> Duel:
    duel, forger = connected(SHA1)
    return saying(duel, forger.cbc_raw(bytes([value]) * (length // 16 * 16)))


@shows("S2.8", "one text for all")
def test_every_cause_ends_in_the_same_words() -> None:
    texts = set()
    for make in wrong_records(SHA256).values():
        duel, forger = connected(SHA256)
        saying(duel, make(forger, b"data", DATA))
        texts.add(str(duel.subject.error))
    assert len(texts) == 1


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 33, 47, 49, 63, 65, 127])
@pytest.mark.parametrize("order", [MTE, ETM])
@refuses("S2.9", Alert.BAD_RECORD_MAC)
def test_a_cbc_record_that_is_no_whole_number_of_blocks_or_too_short_does_not_authenticate(
    order: str, length: int
) -> Duel:
    duel, _ = connected(SHA256, order)
    return saying(duel, record(DATA, bytes(length)))


@shows("S2.9", "never twice")
def test_our_ivs_cannot_be_predicted() -> None:
    duel, _ = connected(SHA1)
    seen = set()
    for _ in range(64):
        duel.subject.send(b"the same data")
        (sent,) = split_records(duel.subject.take())
        seen |= {sent.fragment[i : i + 16] for i in range(0, len(sent.fragment), 16)}
    assert len(seen) == 64 * len(sent.fragment) // 16


@pytest.mark.parametrize("place", ["IV", "ciphertext", "MAC"])
@pytest.mark.parametrize("suite", CBCS, ids=str)
@refuses("S2.10", Alert.BAD_RECORD_MAC)
def test_a_changed_byte_under_encrypt_then_mac_does_not_authenticate(suite: CipherSuite, place: str) -> Duel:
    duel, forger = connected(suite, ETM)
    sealed = bytearray(forger.etm(b"some data"))
    sealed[{"IV": 5, "ciphertext": 5 + 16, "MAC": len(sealed) - 1}[place]] ^= 1
    return saying(duel, bytes(sealed))


@pytest.mark.parametrize(
    "padding", [b"\x00" * 6 + b"\x06", b"\xff" * 7, b"\x20" * 7], ids=["bytes", "far too long", "too long"]
)
@refuses("S2.10", Alert.BAD_RECORD_MAC)
def test_bad_padding_under_a_good_mac_does_not_authenticate(padding: bytes) -> Duel:
    duel, forger = connected(SHA256, ETM)
    return saying(duel, forger.etm(b"some data", padding))


# -- S2.11 AEAD ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["start", "ciphertext", "end"])
@pytest.mark.parametrize("suite", AEADS, ids=str)
@refuses("S2.11", Alert.BAD_RECORD_MAC)
def test_a_flipped_bit_in_nonce_ciphertext_or_tag_does_not_authenticate(suite: CipherSuite, place: str) -> Duel:
    duel, _ = connected(suite)
    sealed = bytearray(duel.script.protect(DATA, b"some data"))
    sealed[{"start": 5, "ciphertext": 5 + 10, "end": len(sealed) - 1}[place]] ^= 0x80
    return saying(duel, bytes(sealed))


@pytest.mark.parametrize("length", [0, 1, 7, 8, 15])
@pytest.mark.parametrize("suite", AEADS, ids=str)
@refuses("S2.11", Alert.BAD_RECORD_MAC)
def test_a_record_too_short_for_nonce_and_tag_does_not_authenticate(suite: CipherSuite, length: int) -> Duel:
    duel, _ = connected(suite)
    return saying(duel, record(DATA, bytes(length)))


@refuses("S2.11", Alert.BAD_RECORD_MAC)
def test_a_finished_with_a_flipped_bit_does_not_authenticate() -> Duel:
    duel, forger = at_change_cipher_spec()
    sealed = forger.aead(messages.serialize(duel.script.finished()), kind=HANDSHAKE)
    return saying(duel, sealed[:-1] + bytes([sealed[-1] ^ 1]))


@pytest.mark.parametrize("suite", [GCM, CCM, CCM_8], ids=str)
@accepts("S2.11")
def test_any_explicit_nonce_of_the_peer_is_accepted(suite: CipherSuite) -> Duel:
    duel, forger = connected(suite)
    for nonce in (b"\xff" * 8, b"whatever", b"whatever", bytes(8)):
        saying(duel, forger.aead(nonce, explicit=nonce))
    assert delivered(duel) == [b"\xff" * 8, b"whatever", b"whatever", bytes(8)]
    return duel


@pytest.mark.parametrize(("suite", "explicit", "tag"), [(GCM, 8, 16), (CCM, 8, 16), (CCM_8, 8, 8), (CHACHA, 0, 16)])
@shows("S2.11", "the sequence number")
def test_our_explicit_nonces_are_the_sequence_number(suite: CipherSuite, explicit: int, tag: int) -> None:
    duel, _ = connected(suite)
    for number in range(1, 5):  # 0 was our Finished
        duel.subject.send(b"data")
        (sent,) = split_records(duel.subject.take())
        assert len(sent.fragment) == explicit + 4 + tag
        assert sent.fragment[:explicit] == number.to_bytes(8)[:explicit]
