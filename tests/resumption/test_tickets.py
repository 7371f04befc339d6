from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tests.ends import our_client, our_server, talk
from tests.fixed import Clock
from tls12 import ClientAuth, Credential, Limits
from tls12.errors import UsageError
from tls12.registry import HandshakeType
from tls12.resumption.tickets import TicketKeys
from tls12.trust.verifier import AcceptAnyPeer


def keys_and_clock(lifetime: float = 100.0) -> tuple[TicketKeys, Clock]:
    clock = Clock()
    return TicketKeys.generate(lifetime, clock), clock


@given(st.binary(max_size=2_000))
def test_a_ticket_gives_back_what_was_sealed_in_it(state: bytes) -> None:
    keys, _ = keys_and_clock()
    assert keys.open(keys.seal(state)) == state


def test_a_ticket_shows_nothing_of_what_is_in_it() -> None:
    keys, _ = keys_and_clock()
    state = b"a state that is long enough to be recognised"
    ticket = keys.seal(state)
    assert state not in ticket
    assert keys.seal(state) != ticket
    assert len(ticket) == len(state) + 52


def test_tickets_of_one_server_mean_nothing_to_another() -> None:
    ours, theirs = TicketKeys.generate(), TicketKeys.generate()
    assert theirs.open(ours.seal(b"state")) is None


@given(st.integers(0, 56), st.integers(0, 7))
def test_a_ticket_with_any_bit_changed_is_not_opened(at: int, bit: int) -> None:
    keys, _ = keys_and_clock()
    ticket = bytearray(keys.seal(b"state"))
    ticket[at] ^= 1 << bit
    assert keys.open(bytes(ticket)) is None


@given(st.binary(max_size=120))
def test_bytes_that_are_no_ticket_are_not_opened(ticket: bytes) -> None:
    keys, _ = keys_and_clock()
    assert keys.open(ticket) is None
    assert keys.open(keys.seal(b"")[:16] + ticket) is None


def test_a_truncated_ticket_is_not_opened() -> None:
    keys, _ = keys_and_clock()
    ticket = keys.seal(b"state")
    assert [keys.open(ticket[:cut]) for cut in range(len(ticket))] == [None] * len(ticket)


# --- lifetime and rotation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "opens"), [(0.0, True), (99.9, True), (100.0, False), (150.0, False), (1e6, False), (-0.1, False)]
)
def test_the_server_itself_enforces_the_lifetime_of_a_ticket(age: float, opens: bool) -> None:
    keys, clock = keys_and_clock(lifetime=100.0)
    ticket = keys.seal(b"state")
    clock.now += age
    assert keys.open(ticket) == (b"state" if opens else None)


def test_a_key_seals_for_one_lifetime_and_then_only_opens() -> None:
    keys, clock = keys_and_clock(lifetime=100.0)
    first = keys.seal(b"first")
    clock.now += 99
    last = keys.seal(b"last")
    assert last[:16] == first[:16]
    assert not keys.should_renew(last)
    clock.now += 1
    next_one = keys.seal(b"next")
    assert next_one[:16] != last[:16]
    assert keys.open(last) == b"last"  # sealed under the previous key
    assert keys.should_renew(last)
    assert not keys.should_renew(next_one)


def test_a_retired_key_is_forgotten_when_its_last_ticket_has_expired() -> None:
    keys, clock = keys_and_clock(lifetime=100.0)
    clock.now += 99
    last = keys.seal(b"last")
    for _ in range(10):
        clock.now += 100
        keys.seal(b"")
        assert len(keys._keys) <= 2
    assert keys.open(last) is None


def test_an_idle_servers_old_key_is_gone_at_its_next_use() -> None:
    keys, clock = keys_and_clock(lifetime=100.0)
    old = keys.seal(b"old")[:16]
    clock.now += 10_000
    assert keys.open(keys.seal(b"new")) == b"new"
    clock.now += 101
    keys.seal(b"newer")
    assert old not in {key.name for key in keys._keys}


def test_a_clock_that_is_set_back_costs_full_handshakes_and_nothing_else() -> None:
    keys, clock = keys_and_clock(lifetime=100.0)
    ticket = keys.seal(b"state")
    clock.now -= 5_000
    assert keys.open(ticket) is None
    assert keys.open(keys.seal(b"state")) == b"state"


def test_a_key_rotates_before_random_nonces_could_repeat() -> None:
    class Three(TicketKeys):
        MOST_SEALED = 3

    assert TicketKeys.MOST_SEALED == 2**32
    keys = Three.generate(clock=Clock())
    names = [keys.seal(b"state")[:16] for _ in range(7)]
    assert len(set(names)) == 3
    assert names[0] == names[2] != names[3]


def test_tickets_under_every_key_that_still_opens_are_accepted() -> None:
    class One(TicketKeys):
        MOST_SEALED = 1

    keys = One.generate(clock=Clock())
    sealed = [keys.seal(bytes([n])) for n in range(5)]
    assert [keys.open(ticket) for ticket in sealed] == [bytes([n]) for n in range(5)]


# --- the source of the keys -----------------------------------------------------------------------------


def test_keys_and_nonces_come_from_the_given_source() -> None:
    def seeded() -> Callable[[int], bytes]:
        return random.Random(7).randbytes

    one, same = (TicketKeys.generate(clock=Clock(), random=seeded()) for _ in range(2))
    assert one.seal(b"state") == same.seal(b"state")


def test_a_source_of_zeros_is_refused() -> None:
    # CVE-2020-13777: a server whose ticket key is all zeros seals for everybody to read.
    with pytest.raises(UsageError, match="only zeros"):
        TicketKeys.generate(random=bytes)


def test_keys_are_random_from_the_start() -> None:
    asked: list[int] = []

    def watched(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    TicketKeys.generate(random=watched)
    assert 32 in asked


@pytest.mark.parametrize("lifetime", [0.0, -1.0, float("nan")])
def test_a_lifetime_in_which_nothing_is_accepted_is_refused(lifetime: float) -> None:
    with pytest.raises(UsageError, match="accepts nothing"):
        TicketKeys.generate(lifetime)


def test_a_state_that_fits_no_ticket_becomes_an_empty_one() -> None:
    keys, _ = keys_and_clock()
    largest = keys.seal(bytes(0xFFFF - 52))
    assert len(largest) == 0xFFFF
    assert keys.open(largest) == bytes(0xFFFF - 52)
    assert keys.seal(bytes(0xFFFF - 51)) == b""


def test_keys_show_in_no_repr_and_in_no_pickle() -> None:
    keys = TicketKeys.generate(600)
    assert repr(keys) == "<TicketKeys: lifetime 600 s>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(keys)


def test_threads_may_seal_and_open_while_keys_rotate() -> None:
    ticking = Clock()
    keys = TicketKeys.generate(1.0, ticking)
    lost: list[bytes] = []

    def work(name: bytes) -> None:
        for n in range(400):
            ticket = keys.seal(name + bytes([n & 255]))
            ticking.now += 0.0005
            if keys.open(ticket) != name + bytes([n & 255]):
                lost.append(name)

    threads = [Thread(target=work, args=(bytes([n]),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []


@pytest.mark.parametrize("certificates", [2, 13])
def test_a_client_gets_no_ticket_that_its_next_hello_could_not_bring_back(certificates: int) -> None:
    """A ticket holds the chain of a client; a hello that is longer than our limit would be refused."""
    chain = pki.client()
    long_chain = (*chain.certificates, *(pki.intermediate().certificate,) * certificates)
    client = our_client(credentials=(Credential.from_objects(long_chain, chain.private_key),))
    server = our_server(
        client_auth=ClientAuth.REQUIRED,
        verifier=AcceptAnyPeer(),
        ticket_keys=TicketKeys.generate(),
        limits=Limits(message_sizes={**Limits().message_sizes, HandshakeType.CLIENT_HELLO: 10_000}),
    )
    talk(client, server)
    assert client.completed
    session = client.connection.session
    assert (session is not None) is (certificates == 2)
    assert session is None or len(session.ticket) <= 5_000
