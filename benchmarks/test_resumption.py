"""What do sessions and tickets cost? `pytest benchmarks/test_resumption.py --benchmark-group-by=group`.

A session without certificates, as a server keeps it, and one with a verified chain, as a client does.
"""

from __future__ import annotations

import os

import pytest

from tls12.agreement import PeerIdentity, Terms
from tls12.lab.pki import ThrowawayCA
from tls12.registry import CipherSuite
from tls12.resumption.sessions import Session
from tls12.resumption.stores import MemorySessionStore
from tls12.resumption.tickets import TicketKeys


@pytest.fixture(params=["of a server", "of a client"])
def session(benchmark, request: pytest.FixtureRequest) -> Session:
    benchmark.group = f"session {request.param}"
    ca = ThrowawayCA()
    chain = ca.intermediate().issue("server.test").chain_der if request.param == "of a client" else ()
    return Session(
        terms=Terms(
            cipher_suite=CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            extended_master_secret=True,
            server_name="server.test",
        ),
        peer=PeerIdentity(certificates=chain, verified_chain=(*chain, ca.der) if chain else ()),
        session_id=os.urandom(32),
        master_secret=os.urandom(48),
        trust=bytes(32),
        policy=bytes(32),
        created=0.0,
        expires=1e12,
    )


def test_to_bytes(benchmark, session: Session) -> None:
    benchmark(session.to_bytes)


def test_from_bytes(benchmark, session: Session) -> None:
    assert benchmark(Session.from_bytes, session.to_bytes()) == session


def test_seal(benchmark, session: Session) -> None:
    benchmark(TicketKeys.generate().seal, session.to_bytes())


def test_open(benchmark, session: Session) -> None:
    keys = TicketKeys.generate()
    state = session.to_bytes()
    assert benchmark(keys.open, keys.seal(state)) == state


def test_store(benchmark, session: Session) -> None:
    store = MemorySessionStore(clock=lambda: 1.0)

    def put_and_get() -> Session | None:
        store.put(session.session_id, session)
        return store.get(session.session_id)

    assert benchmark(put_and_get) is session
