from __future__ import annotations

import copy
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tests.sessions import altered
from tls12.agreement import PeerIdentity, Terms
from tls12.errors import DecodeError, EncodeError, UsageError
from tls12.registry import CipherSuite
from tls12.resumption.sessions import MAGIC, MAXIMUM_LIFETIME, UNSPECIFIED_LIFETIME, Session, expiry

SECRET = bytes(range(48))
SUITE = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256


A_SESSION = Session(
    terms=Terms(cipher_suite=SUITE, extended_master_secret=True, server_name="server.test", alpn_protocol="h2"),
    peer=PeerIdentity(
        certificates=pki.server().chain_der,
        verified_chain=(*pki.server().chain_der, pki.root().der),
        ocsp_response=b"staple",
        scts=(b"one", b"two"),
    ),
    session_id=b"\x01" * 32,
    master_secret=SECRET,
    created=1_000.25,
    expires=8_200.5,
    ticket=b"a ticket",
    ticket_lifetime=7_200,
    alpn_protocols=("h2", "http/1.1"),
    trust=b"\x02" * 32,
    policy=b"\x03" * 32,
)


def a_session(**changes: Any) -> Session:
    return altered(A_SESSION, **changes)


def some_bytes(longest: int) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=longest)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
TIME = st.floats(allow_nan=False)
SESSIONS = st.builds(
    Session,
    terms=st.builds(
        Terms,
        cipher_suite=st.integers(0, 0xFFFF).map(CipherSuite.of),
        extended_master_secret=st.booleans(),
        encrypt_then_mac=st.booleans(),
        server_name=st.none() | TEXT,
        alpn_protocol=st.none() | TEXT,
        max_fragment_length=st.none() | st.integers(1, 4),
    ),
    peer=st.builds(
        PeerIdentity,
        certificates=st.lists(some_bytes(40), max_size=3).map(tuple),
        verified_chain=st.lists(some_bytes(40), max_size=3).map(tuple),
        ocsp_response=st.none() | some_bytes(40),
        scts=st.lists(some_bytes(40), max_size=3).map(tuple),
        psk_identity=st.none() | some_bytes(20),
    ),
    session_id=some_bytes(32),
    master_secret=st.binary(min_size=48, max_size=48),
    created=TIME,
    expires=TIME,
    ticket=some_bytes(80),
    ticket_lifetime=st.integers(0, 2**32 - 1),
    alpn_protocols=st.lists(TEXT, max_size=3).map(tuple),
    trust=some_bytes(32),
    policy=some_bytes(32),
    identity=some_bytes(64),
    psk_digest=some_bytes(32),
    psk_identity_hint=st.none() | some_bytes(20),
    end_point=st.none() | some_bytes(32),
)


@given(SESSIONS)
def test_every_session_comes_back_from_its_bytes(session: Session) -> None:
    assert Session.from_bytes(session.to_bytes()) == session


@pytest.mark.parametrize("field", ["ticket_lifetime", "cipher_suite", "max_fragment_length"])
def test_a_number_that_does_not_fit_is_refused_when_it_is_written(field: str) -> None:
    with pytest.raises(EncodeError, match="does not fit"):
        a_session(**{field: 2**40}).to_bytes()


def test_absent_and_empty_are_told_apart() -> None:
    for empty in (
        a_session(server_name="", psk_identity=b"", ocsp_response=b""),
        a_session(alpn_protocol="", psk_identity_hint=b""),
        a_session(end_point=b""),
    ):
        assert Session.from_bytes(empty.to_bytes()) == empty
    absent = a_session(server_name=None, psk_identity=None, ocsp_response=None)
    assert Session.from_bytes(absent.to_bytes()) == absent


def test_the_format_of_version_2_does_not_change() -> None:
    session = Session(
        terms=Terms(cipher_suite=SUITE, extended_master_secret=True, server_name="a"),
        peer=PeerIdentity(certificates=(b"\xdd",)),
        session_id=b"\xaa",
        ticket=b"\xbb\xbb",
        ticket_lifetime=300,
        master_secret=b"\xcc" * 48,
        alpn_protocols=("h2",),
        trust=b"\xee",
        created=1.0,
        expires=2.0,
        identity=b"\x99",
        psk_digest=b"\x88",
        psk_identity_hint=b"\x77",
        end_point=b"\x66",
    )
    numbers = "0200c500c02b0000012c3ff000000000000040000000000000000001000100000000"
    items = ("aa", "bbbb", "cc" * 48, "ee", "", "99", "88", "61", "77", "66", "6832", "dd")
    assert session.to_bytes() == b"tls12 session" + bytes.fromhex(
        numbers + "".join(f"{len(item) // 2:08x}{item}" for item in items)
    )


def test_a_truncated_session_does_not_load() -> None:
    data = a_session(certificates=(), verified_chain=()).to_bytes()
    for cut in range(len(data)):
        with pytest.raises(DecodeError):
            Session.from_bytes(data[:cut])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a session of tls12, or not a whole one"),
        (b"something else altogether, and as long as the head of a session", "not a session of tls12"),
        (MAGIC + b"\x01" + a_session().to_bytes()[14:], "version 1, and this release reads 2"),
        (MAGIC + b"\x03" + a_session().to_bytes()[14:], "version 3, and this release reads 2"),
        (MAGIC + b"\x02\x01\x00" + a_session().to_bytes()[16:], "unknown flags"),
        (a_session(created=float("nan")).to_bytes(), "a time that is not a number"),
        (a_session(expires=float("nan")).to_bytes(), "a time that is not a number"),
        (a_session().to_bytes() + b"\x00", "the end of the data is in a length, offset"),
        (a_session().to_bytes() + b"\x00\x00\x00\x01", "an item is longer than the data, offset"),
        (a_session().to_bytes() + bytes(4), "20 items are not what the head announces"),
        (a_session().to_bytes().replace(b"server.test", b"server.\xff\xff\xff\xff", 1), "a name that is not UTF-8"),
        (a_session().to_bytes().replace(b"http/1.1", b"http/1.\xff", 1), "a name that is not UTF-8"),
    ],
)
def test_bytes_that_are_no_session_of_this_version_do_not_load(data: bytes, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        Session.from_bytes(data)


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: MAGIC + b"\x02" + tail))
def test_any_bytes_load_or_raise_a_decode_error(data: bytes) -> None:
    try:
        session = Session.from_bytes(data)
    except DecodeError:
        return
    assert session.to_bytes() == data


@given(st.data())
def test_a_damaged_session_loads_as_another_one_or_not_at_all(data: st.DataObject) -> None:
    whole = bytearray(a_session().to_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        session = Session.from_bytes(bytes(whole))
    except DecodeError:
        return
    assert session != a_session()


def test_the_master_secret_shows_in_no_repr_and_in_no_pickle() -> None:
    session = a_session()
    for shown in (repr(session), str(session), f"{session}"):
        assert repr(SECRET) not in shown
        assert SECRET.hex() not in shown
        assert " master_secret" not in shown
        assert "a ticket" not in shown
    assert "server.test" in repr(session)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=r"cannot be pickled; use to_bytes"):
            pickle.dumps(session, protocol)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(session)


def test_sessions_compare_and_hash_by_value() -> None:
    assert a_session() == a_session()
    assert hash(a_session()) == hash(a_session())
    assert a_session() != a_session(trust=b"other")
    assert a_session() != a_session(server_name="other.test")
    assert a_session() != a_session(psk_identity=b"another")


@pytest.mark.parametrize(
    ("now", "fresh"), [(1_000.25, True), (8_200.4, True), (8_200.5, False), (9_000.0, False), (1_000.0, False)]
)
def test_a_session_is_fresh_from_its_making_to_its_end(now: float, fresh: bool) -> None:
    assert a_session().is_fresh(now) is fresh


# --- how long it lives ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "lives"),
    [
        (1, 1),
        (7_200, 7_200),
        (0, UNSPECIFIED_LIFETIME),
        (MAXIMUM_LIFETIME, MAXIMUM_LIFETIME),
        (MAXIMUM_LIFETIME + 1, MAXIMUM_LIFETIME),
        (2**32 - 1, MAXIMUM_LIFETIME),
    ],
)
def test_a_session_lives_as_long_as_the_server_grants_within_bounds(granted: int, lives: int) -> None:
    assert expiry(1_000.0, granted, ()) == 1_000.0 + lives


def test_a_session_ends_with_the_first_certificate_of_its_chain() -> None:
    leaf = pki.server().leaf.not_valid_after_utc.timestamp()
    chain = (*pki.server().chain_der, pki.root().der)
    assert expiry(leaf - 100, 7_200, chain) == leaf
    assert expiry(leaf - 9_000, 7_200, chain) == leaf - 1_800


def test_times_survive_to_the_last_bit() -> None:
    odd = a_session(created=struct.unpack(">d", b"\x41\xd9\x12\x34\x56\x78\x9a\xbc")[0], expires=float("inf"))
    assert Session.from_bytes(odd.to_bytes()) == odd


@pytest.mark.parametrize("data", ["text", None, 7])
def test_a_session_is_read_from_bytes_only(data: Any) -> None:
    with pytest.raises(UsageError, match=r"data is .*; give the bytes of to_bytes\(\)"):
        Session.from_bytes(data)
