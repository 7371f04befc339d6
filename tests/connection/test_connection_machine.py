"""Two live ends under arbitrary use: whatever their owners do, in whatever order, the contract holds.

How it works: hypothesis calls the rules in any order and finds the shortest sequence that breaks an invariant. A
model keeps what each side said; what arrives has to be a prefix of it, and nothing but UsageError may be raised.
"""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.ends import AUTHENTICATED, Ours, client_credential, other, pair
from tls12 import (
    Accept,
    Alert,
    CertificateRequested,
    ClientConnection,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionState,
    DataReceived,
    Event,
    HandshakeCompleted,
    Limits,
    MemorySessionStore,
    PeerAlert,
    PeerCertificateReceived,
    Policy,
    PskLookupRequested,
    Renegotiation,
    RenegotiationRequested,
    SignatureRequested,
    TicketKeys,
    UsageError,
)
from tls12.events import PAUSABLE

roles = st.sampled_from(("client", "server"))
WISHES = st.sampled_from([Renegotiation.ALLOW, Renegotiation.ALLOW, Renegotiation.WARN, Renegotiation.FATAL])
ASKED = tuple(sorted(PAUSABLE - {PskLookupRequested}, key=lambda event: event.__name__))
"""Looking PSKs up would change what is offered."""


def decide(event: Event) -> object:
    """What the configuration would have done."""
    match event:
        case CertificateRequested():
            return client_credential()
        case PeerCertificateReceived():
            return Accept()
        case SignatureRequested(credential=credential, scheme=scheme, data=data):
            return credential.sign(scheme, data)
        case _:
            return None


class TwoEnds(RuleBasedStateMachine):
    """A client, a server, and the bytes between them."""

    @initialize(
        wishes=st.tuples(WISHES, WISHES),
        half_close=st.booleans(),
        packs=st.booleans(),
        authenticated=st.booleans(),
        pauses=st.fixed_dictionaries(dict.fromkeys(("client", "server"), st.frozensets(st.sampled_from(ASKED)))),
        from_the_start=st.booleans(),
    )
    def begin(
        self,
        wishes: tuple[Renegotiation, Renegotiation],
        half_close: bool,
        packs: bool,
        authenticated: bool,
        pauses: dict[str, frozenset[type]],
        from_the_start: bool,
    ) -> None:
        options = {
            role: {
                **(AUTHENTICATED[role] if authenticated else {}),
                "policy": Policy.default().replace(renegotiation=wish),
                "half_close": half_close,
                "pack_small_writes": packs,
                "sessions": MemorySessionStore(),
                "limits": Limits(renegotiations=1000, hello_requests=1000),
            }
            for role, wish in zip(("client", "server"), wishes, strict=True)
        }
        options["server"]["ticket_keys"] = TicketKeys.generate()
        self.ends: dict[str, Ours] = {
            role: pair(role, mine={"pause_on": pauses[role]}, **options)[0] for role in options
        }
        self.wires = {role: deque[bytes]() for role in self.ends}
        self.sent = dict.fromkeys(self.ends, b"")
        self.states = {role: [ConnectionState.IDLE] for role in self.ends}
        self.aborted = False
        self.closed_by_us: set[str] = set()
        self.steps = 0
        if not from_the_start:
            self.initiate()
            self.come_to_rest()
            assert all(end.completed for end in self.ends.values())

    def end(self, role: str) -> ClientConnection:
        return self.ends[role].connection  # type: ignore[return-value]

    @precondition(lambda self: self.end("client").state is ConnectionState.IDLE)
    @rule()
    def initiate(self) -> None:
        self.end("client").initiate_handshake()

    @rule(role=roles, amount=st.one_of(st.none(), st.integers(0, 5000)))
    def flush(self, role: str, amount: int | None) -> None:
        data = bytes(self.end(role).data_to_send(amount))
        assert amount is None or len(data) <= amount
        if data:
            self.wires[other(role)].append(data)

    @rule(role=roles, size=st.one_of(st.just(1 << 20), st.integers(1, 3000)))
    def deliver(self, role: str, size: int) -> None:
        wire = self.wires[role]
        if wire:
            data = wire.popleft()
            if data[size:]:
                wire.appendleft(data[size:])
            self.ends[role].receive(data[:size])

    @rule(flights=st.integers(1, 5))
    def carry(self, flights: int) -> None:
        for _ in range(flights):
            for role in self.ends:
                self.flush(role, None)
                while self.wires[role]:
                    self.ends[role].receive(self.wires[role].popleft())

    @rule(role=roles, data=st.binary(max_size=40) | st.integers(15_000, 40_000).map(bytes))
    def send(self, role: str, data: bytes) -> None:
        end = self.end(role)
        ready = end.negotiated is not None and role not in self.closed_by_us
        over = end.error is not None or (end.closed and role not in self.closed_by_us)
        try:
            end.send_data(data)
        except UsageError:
            assert not ready
        else:
            assert ready or over
            self.sent[role] += data

    @precondition(lambda self: self.steps > 12)
    @rule(role=roles)
    def close(self, role: str) -> None:
        self.closed_by_us.add(role)
        self.end(role).close()

    @precondition(lambda self: self.steps > 12)
    @rule(role=roles, alert=st.sampled_from([Alert.USER_CANCELED, Alert.INTERNAL_ERROR, Alert.ACCESS_DENIED]))
    def abort(self, role: str, alert: Alert) -> None:
        self.aborted = self.aborted or not self.end(role).closed
        self.end(role).abort(alert)

    @rule(role=roles)
    def renegotiate(self, role: str) -> None:
        end = self.end(role)
        try:
            end.renegotiate()
        except UsageError:
            allowed = end.config.policy.renegotiation is Renegotiation.ALLOW
            assert not allowed or end.state is not ConnectionState.ESTABLISHED
        else:
            assert end.config.policy.renegotiation is Renegotiation.ALLOW

    @rule(role=roles)
    def answer(self, role: str) -> None:
        end = self.end(role)
        if end.state is ConnectionState.PAUSED:
            handshake = end._core.handshakes.current
            assert handshake is not None
            assert handshake.asking is not None
            end.answer(decide(handshake.asking))
            self.ends[role].events += end.events()
        elif not end.closed:
            with pytest.raises(UsageError, match="not paused"):
                end.answer(None)

    def come_to_rest(self) -> None:
        """Carry and answer until nothing is left to do."""
        for _ in range(12):
            self.carry(3)
            for role, end in self.ends.items():
                while end.connection.state is ConnectionState.PAUSED:
                    self.answer(role)

    @invariant()
    def steps_are_counted(self) -> None:
        self.steps = getattr(self, "steps", 0) + 1

    @invariant()
    def what_arrives_is_what_was_said(self) -> None:
        for role, end in getattr(self, "ends", {}).items():
            assert self.sent[other(role)].startswith(end.data)

    @invariant()
    def events_come_in_an_order_that_makes_sense(self) -> None:
        for end in getattr(self, "ends", {}).values():
            kinds = [type(event) for event in end.events]
            assert kinds.count(ConnectionFailed) + kinds.count(ConnectionClosed) <= 2
            assert kinds.count(ConnectionClosed) <= 1
            assert ConnectionFailed not in kinds or kinds.index(ConnectionFailed) == len(kinds) - 1
            for kind in (DataReceived, RenegotiationRequested):
                assert kind not in kinds or kinds.index(HandshakeCompleted) < kinds.index(kind)

    @invariant()
    def nobody_finds_fault_with_the_other(self) -> None:
        """Both are honest: only an owner's abort, or a renegotiation that is forbidden, ends it with an error."""
        for end in getattr(self, "ends", {}).values():
            error = end.error
            if error is None or isinstance(error, PeerAlert):
                continue
            assert error.alert is None or "asked for a renegotiation" in str(error) or "began a reneg" in str(error)

    @invariant()
    def states_agree_with_facts(self) -> None:
        for role, end in getattr(self, "ends", {}).items():
            connection = end.connection
            state = connection.state
            assert connection.closed is (state in (ConnectionState.CLOSED, ConnectionState.FAILED))
            assert (connection.error is not None) is (state is ConnectionState.FAILED)
            if state is ConnectionState.ESTABLISHED:
                assert connection.negotiated is not None
            if connection.closed:
                assert connection.expecting == ()
            last = self.states[role]
            if last[-1] in (ConnectionState.CLOSED, ConnectionState.FAILED):
                assert state in (last[-1], ConnectionState.FAILED)
            if last[-1] is not state:
                last.append(state)

    def teardown(self) -> None:
        """Left alone, both come to rest, and all that was said before a clean end arrives."""
        if not hasattr(self, "ends"):
            return
        self.come_to_rest()
        for role, end in self.ends.items():
            assert bytes(end.connection.data_to_send()) == b""
            peer = self.ends[other(role)]
            quiet = end.connection.error is peer.connection.error is None and not self.closed_by_us
            if quiet and end.completed:
                assert end.data == self.sent[other(role)]


class TestTwoEnds(TwoEnds.TestCase):  # type: ignore[misc, valid-type]
    """As part of every run."""

    settings = settings(max_examples=40, stateful_step_count=30)


@pytest.mark.slow
class TestTwoEndsForLonger(TwoEnds.TestCase):  # type: ignore[misc, valid-type]
    """With a longer breath."""

    settings = settings(max_examples=1000, stateful_step_count=60)
