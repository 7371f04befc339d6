"""What a callback may do with its own connection: ask everything, and end it; nothing follows close_notify or an alert.

Every object that a connection calls (hooks, verifier, signer, key log, store, randomness, clock, PSK source) does every
act at every place where it is called in a conversation of handshake, data, renegotiation and close.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests import pki
from tests.ends import PSK, ROLES, Ours, client_credential, connected, credential_of, pair, renegotiable, talk
from tls12 import (
    AcceptAnyPeer,
    Alert,
    CipherSuite,
    ClientAuth,
    ClientConnection,
    ConnectionFailed,
    ConnectionState,
    Credential,
    KeyLog,
    Limits,
    MemorySessionStore,
    PeerAlert,
    Policy,
    Session,
    TicketKeys,
    UsageError,
)
from tls12.events import ConnectionClosed
from tls12.handshake.engine import Unit
from tls12.lab.pki import generate_key

INSIDE = b"said inside"
ACTS: dict[str, Callable[[Any], object]] = {
    "close": lambda c: c.close(),
    "abort": lambda c: c.abort(),
    "send_data": lambda c: c.send_data(INSIDE),
    "send_data, much": lambda c: c.send_data(INSIDE * 3000),
    "receive_data": lambda c: c.receive_data(b"\x17\x03\x03\0\x40" + bytes(64)),
    "receive_data, the end": lambda c: c.receive_data(b""),
    "renegotiate": lambda c: c.renegotiate(),
    "answer": lambda c: c.answer(None),
    "data_to_send": lambda c: c.data_to_send(),
    "data_to_send, some": lambda c: c.data_to_send(7),
    "events": lambda c: c.events(),
    "next_event": lambda c: c.next_event(),
    "facts": lambda c: (c.state, c.expecting, c.negotiated, c.session, c.error, c.closed, c.can_renegotiate),
}
ENDS = ("close", "abort")
REFUSED = ("receive_data", "receive_data, the end", "renegotiate", "answer")
"""Acts that would begin a step in the middle of another."""
CBC = (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,)
"""Whose records need randomness."""


@dataclass
class Meddler:
    """Does one act at one of the places where the connection calls out; without an act it lists the places."""

    place: str = ""
    act: str = ""
    connection: Any = None
    places: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    refused: UsageError | None = None
    done: bool = False

    def called(self, where: str) -> None:
        """A callback runs."""
        self.places.append(where)
        if where != self.place or self.done or self.connection is None:
            return
        self.done = True
        try:
            result = ACTS[self.act](self.connection)
        except UsageError as error:
            self.refused = error
            return
        if self.act.startswith("data_to_send"):
            assert isinstance(result, bytes | bytearray)
            self.taken.append(bytes(result))
        elif self.act == "events":
            assert isinstance(result, list)
            self.events += result
        elif self.act == "next_event" and result is not None:
            self.events.append(result)

    # The objects of the application.

    def watch(self, sender: str, message: Unit, _: int) -> None:
        self.called(f"on_message of the {sender}'s {type(message).__name__}")

    def rewrite(self, message: Unit) -> list[Unit]:
        self.called(f"rewrite of {type(message).__name__}")
        return [message]

    def random(self, size: int) -> bytes:
        self.called(f"random, {size} bytes")
        return os.urandom(size)

    def clock(self) -> float:
        self.called("clock")
        return time.time()

    def psk(self, _: bytes) -> Any:
        self.called("psk")
        return PSK if isinstance(self.connection, ClientConnection) else PSK.key

    @property
    def fingerprint(self) -> bytes:
        return b"anyone"

    def verify(self, peer: Any) -> tuple[bytes, ...]:
        self.called("verifier")
        return AcceptAnyPeer().verify(peer)

    def credential(self) -> Credential:
        key = generate_key("ecdsa-p256")
        issued = pki.intermediate().issue(*pki.NAMES, key=key, purposes=None)
        inner = credential_of(issued)
        meddler = self

        class Signer:
            public_key = key.public_key()

            def sign(self, scheme: Any, data: bytes) -> bytes:
                meddler.called("signer")
                return inner.sign(scheme, data)

        return Credential.from_objects(issued.certificates, Signer())

    def options(self, role: str) -> dict[str, Any]:
        """For `pair`: our end with all of these objects, and a peer that can talk to it."""
        meddler = self

        class Log(KeyLog):
            def log(self, label: str, client_random: bytes, secret: bytes) -> None:
                meddler.called("key log")

        class Store(MemorySessionStore):
            def get(self, key: bytes) -> Session | None:
                meddler.called("store: get")
                return super().get(key)

            def put(self, key: bytes, session: Session) -> None:
                meddler.called("store: put")
                super().put(key, session)

            def remove(self, key: bytes) -> None:
                meddler.called("store: remove")
                super().remove(key)

        ours = {
            "verifier": self, "random": self.random, "clock": self.clock, "keylog": Log(), "sessions": Store(),
            "credentials": (self.credential(),),
        }  # fmt: skip
        client: dict[str, Any] = {"credentials": (client_credential(),)}
        server: dict[str, Any] = {"client_auth": ClientAuth.REQUIRED, "verifier": AcceptAnyPeer()}
        return {
            "mine": {"on_message": self.watch, "rewrite": self.rewrite},
            "client": client | (ours if role == "client" else {}),
            "server": server | (ours if role == "server" else {"ticket_keys": TicketKeys.generate()}),
        }


PSK_SUITES = (CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,)


def scene(name: str, role: str, meddler: Meddler, **both: Any) -> tuple[Ours, Ours]:
    """Our end with the meddler in it, and its peer; what else is given is in the configurations of both."""
    options = meddler.options(role) | both
    suites = PSK_SUITES if name == "psk" else CBC
    options["policy"] = renegotiable(Policy.compatible().replace(cipher_suites=suites))
    if name == "psk":
        for each in ROLES:
            options[each] = dict(options[each])
            options[each]["psk"] = meddler.psk if each == role else PSK if each == "client" else {PSK.identity: PSK.key}
    ours, theirs = pair(role, **options)
    meddler.connection = ours.connection
    return ours, theirs


class Wire:
    """What our end has sent, record by record; finds out at which record the peer saw the end."""

    def __init__(self, ours: Ours, theirs: Ours, meddler: Meddler) -> None:
        self.ours, self.theirs, self.meddler = ours, theirs, meddler
        self.behind_the_end = b""
        self.ended = False

    def take(self) -> bytes:
        """The output, with what a callback has fetched before it."""
        late = self.ours.take()  # first: fetching may call back
        fetched, self.meddler.taken = b"".join(self.meddler.taken), []
        return fetched + late

    def carry(self) -> bool:
        """Everything to the peer, and its answers back; whether there was anything."""
        data = self.take()
        for record in records(data):
            if self.ended:
                self.behind_the_end += record
            else:
                self.theirs.receive(record)
                self.ended = any(isinstance(e, ConnectionClosed | ConnectionFailed) for e in self.theirs.events)
        answer = self.theirs.take()
        if answer:
            self.ours.receive(answer)
        return bool(data or answer)

    def talk(self) -> None:
        for _ in range(50):
            if not self.carry():
                return
        raise AssertionError("the two ends never come to rest")


def records(data: bytes) -> Iterator[bytes]:
    """The records in this output, which holds whole ones."""
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        assert len(data) >= size, "a record is torn"
        yield data[:size]
        data = data[size:]


def conversation(name: str, role: str, meddler: Meddler) -> Wire:
    """Handshake, data, a renegotiation at the peer's wish, data, and the end."""
    ours, theirs = scene(name, role, meddler)
    wire = Wire(ours, theirs, meddler)
    ours.start()
    theirs.start()
    wire.talk()
    for step in ("first", "second", "last"):
        if ours.connection.state is not ConnectionState.ESTABLISHED:
            break
        if step == "second" and theirs.connection.can_renegotiate:
            theirs.connection.renegotiate()
            wire.talk()
            continue
        ours.send(b"to them, " + step.encode() + b" " * 20_000)
        theirs.send(b"to us, " + step.encode())
        wire.talk()
    try:
        ours.send(b"the end")
    except UsageError:
        assert meddler.act == "close" or not ours.completed
    ours.close()
    wire.talk()
    return wire


def places(name: str, role: str) -> list[str]:
    meddler = Meddler()
    conversation(name, role, meddler)
    return list(dict.fromkeys(meddler.places))


def in_order(text: bytes, parts: list[bytes]) -> bool:
    """Whether the parts make the text, in this order, with INSIDE anywhere between."""
    return text.replace(INSIDE, b"") == b"".join(parts)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["certificates", "psk"])
def test_whatever_a_callback_does_nothing_follows_the_end_and_no_byte_is_lost(name: str, role: str, act: str) -> None:
    everywhere = places(name, role)
    if name == "psk":  # the other places are those of the other scene
        everywhere = ["psk"]
    for place in everywhere:
        meddler = Meddler(place, act)
        wire = conversation(name, role, meddler)
        ours, theirs = wire.ours, wire.theirs
        assert meddler.done, place
        assert wire.behind_the_end == b"", (place, act)
        assert theirs.connection.trailing_data == b""
        assert ours.connection.closed
        assert ours.connection.data_to_send() == b""
        if act in REFUSED:
            assert meddler.refused is not None, (place, act)
        if act in ENDS and meddler.refused is None:
            assert isinstance(theirs.error, PeerAlert) if act == "abort" else not isinstance(ours.error, PeerAlert)
            continue
        assert ours.error is None, (place, act, ours.error)
        assert theirs.error is None, (place, act, theirs.error)
        assert ours.closed_cleanly or any(isinstance(e, ConnectionClosed) for e in meddler.events)
        sent = [b"to them, " + step + b" " * 20_000 for step in (b"first", b"last")] + [b"the end"]
        assert in_order(theirs.data, sent), (place, act)
        ours.events = meddler.events + ours.events
        assert sorted(itertools.chain(ours.data)) == sorted(b"to us, firstto us, last"), (place, act)


def test_an_act_that_a_callback_may_not_do_names_itself_and_what_may_be_done() -> None:
    told: list[str] = []

    def watch(*_: object) -> None:
        with pytest.raises(UsageError) as refused:
            ours.connection.receive_data(b"x")
        told.append(str(refused.value))

    ours, theirs = pair("client", mine={"on_message": watch})
    talk(ours, theirs)
    assert ours.completed
    assert "receive_data() was called inside a callback" in told[0]
    assert "close() or abort()" in told[0]


def test_data_behind_a_close_inside_a_callback_is_refused() -> None:
    """The client is told of the server's Finished, says close(), and then wants to send."""

    def watch(sender: str, message: Unit, _: int) -> None:
        if sender == "server" and type(message).__name__ == "Finished":
            ours.connection.close()

    ours, theirs = pair("client", mine={"on_message": watch})
    talk(ours, theirs)
    assert ours.connection.state is ConnectionState.CLOSED
    assert not ours.completed
    with pytest.raises(UsageError, match="after close"):
        ours.send(b"too late")
    assert ours.take() == b""


def test_events_that_a_callback_fetches_do_not_take_later_data_along() -> None:
    """Fetched in the middle of a chunk, they must not leave the list that the rest of it is put into."""
    fetched: list[Any] = []

    def watch(sender: str, message: Unit, _: int) -> None:
        fetched.extend(ours.connection.events())

    ours, theirs = pair("client", mine={"on_message": watch})
    ours.start()
    while not theirs.completed:
        theirs.receive(ours.take())
        if not theirs.completed:
            ours.connection.receive_data(theirs.take())
    theirs.send(b"right behind Finished")
    ours.receive(theirs.take())
    assert ours.data == b"right behind Finished"


@pytest.mark.parametrize("act", [*ENDS, "send_data"])
def test_randomness_that_is_asked_for_in_the_middle_of_a_record_may_not_send_another(act: str) -> None:
    meddler = Meddler("random, 16 bytes", act)
    policy = Policy.compatible().replace(cipher_suites=CBC)
    ours, theirs = connected("client", policy=policy, client={"random": meddler.random})
    meddler.connection = ours.connection
    ours.send(b"x" * 40_000)
    talk(ours, theirs)
    assert meddler.refused is not None
    assert "random=" in str(meddler.refused)
    assert theirs.data == b"x" * 40_000


def test_after_an_abort_inside_a_callback_the_peers_fault_is_no_news() -> None:
    def watch(sender: str, message: Unit, _: int) -> None:
        if sender == "server":
            ours.connection.abort(Alert.USER_CANCELED)

    ours, theirs = pair("client", mine={"on_message": watch}, theirs={"rewrite": lambda message: [message, message]})
    ours.start()
    theirs.receive(ours.take())
    ours.receive(theirs.take())
    assert ours.events == []
    assert ours.connection.error is not None
    assert ours.connection.error.alert is Alert.USER_CANCELED


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_clock_that_ends_the_connection_ends_it_before_anything_is_answered(role: str, call: int) -> None:
    def clock() -> float:
        if ends:
            calls.append(0)
        if len(calls) == call:
            ends[0].connection.abort(Alert.USER_CANCELED)
        return 0.0

    calls: list[int] = []

    ends: list[Ours] = []
    ours, theirs = pair(role, **{role: {"limits": Limits(handshake_seconds=10), "clock": clock}})
    if role == "server":
        theirs.start()
    ends.append(ours)
    if role == "client":
        ours.start()
        theirs.receive(ours.take())
    ours.receive(theirs.take())
    if role == "server" or call == 1:
        assert ours.connection.state is ConnectionState.FAILED
        assert ours.events == []
        assert ours.connection._core.handshakes.current is None
