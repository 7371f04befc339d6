from __future__ import annotations

import pickle

import pytest

from tests.sessions import PLAIN, altered
from tls12.errors import UsageError
from tls12.resumption.sessions import Session
from tls12.resumption.stores import MemorySessionStore, SessionStore


def session(number: int = 0, expires: float = 200.0) -> Session:
    return altered(PLAIN, session_id=bytes([number]), expires=expires)


def test_a_store_gives_back_what_was_put_until_it_is_removed() -> None:
    store = MemorySessionStore(clock=lambda: 150.0)
    store.put(b"key", session())
    assert store.get(b"key") == session()
    assert store.get(b"other") is None
    store.remove(b"key")
    store.remove(b"key")
    assert store.get(b"key") is None


def test_a_store_forgets_the_least_recently_used_session_first() -> None:
    store = MemorySessionStore(2, clock=lambda: 150.0)
    for number in (1, 2):
        store.put(bytes([number]), session(number))
    assert store.get(b"\x01") is not None
    store.put(b"\x03", session(3))
    assert [store.get(bytes([n])) is not None for n in (1, 2, 3)] == [True, False, True]
    assert repr(store) == "<MemorySessionStore: 2 of 2 sessions>"


def test_an_expired_session_is_not_found_and_not_kept() -> None:
    now = 150.0
    store = MemorySessionStore(clock=lambda: now)
    store.put(b"key", session())
    now = 200.0
    assert store.get(b"key") is None
    assert len(store) == 0


def test_a_store_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="keeps nothing"):
        MemorySessionStore(0)


def test_a_store_refuses_to_be_pickled() -> None:
    with pytest.raises(TypeError, match="holds secrets"):
        pickle.dumps(MemorySessionStore())


def test_a_store_of_ones_own_may_keep_bytes() -> None:
    class Elsewhere:
        """What a store across the network does: it keeps bytes, and makes sessions of them."""

        def __init__(self) -> None:
            self.kept: dict[bytes, bytes] = {}

        def get(self, key: bytes) -> Session | None:
            data = self.kept.get(key)
            return None if data is None else Session.from_bytes(data)

        def put(self, key: bytes, session: Session) -> None:
            self.kept[key] = session.to_bytes()

        def remove(self, key: bytes) -> None:
            self.kept.pop(key, None)

    store: SessionStore = Elsewhere()
    store.put(b"key", session())
    assert store.get(b"key") == session()
    store.remove(b"key")
    assert store.get(b"key") is None
