"""The life cycle of a connection: the table walked exhaustively, by itself and by real connections."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ends import CLOSE_NOTIFY, ROLES, Ours, alert, connected, pair, renegotiable
from tls12 import Alert, ConnectionState
from tls12.connection.lifecycle import (
    DATA_FLOWS_OUT,
    IN_HANDSHAKE,
    MAY_READ,
    MAY_WRITE,
    STATES,
    TRANSITIONS,
    Conditions,
    Happening,
    Lifecycle,
    Owed,
    Phase,
    Transition,
    mermaid,
)
from tls12.registry import ContentType

EVERY_CONDITION = [Conditions(half, waits) for half in (False, True) for waits in (False, True)]
PLACES = [(phase, happening) for phase in Phase for happening in Happening]

IMPOSSIBLE = {
    # Only an idle or an open connection begins a handshake, and only one that is going on can end.
    *((phase, Happening.BEGINS) for phase in Phase if phase not in {Phase.IDLE, Phase.OPEN}),
    *((phase, Happening.COMPLETES) for phase in Phase if phase not in IN_HANDSHAKE),
    *((phase, Happening.IS_REFUSED) for phase in Phase if phase is not Phase.RENEGOTIATING),
    # The peer's records are not read any more.
    *((phase, Happening.PEER_CLOSES) for phase in Phase if phase not in MAY_READ),
    # A connection fails once.
    (Phase.FAILED, Happening.FAILS),
}


def moved(phase: Phase, happening: Happening, now: Conditions) -> tuple[Phase, Owed]:
    """Where a happening leads from this phase."""
    lifecycle = Lifecycle()
    lifecycle.enter(phase)
    owed = lifecycle.move(happening, lambda: now)
    return lifecycle.phase, owed


# --- the table --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("now", EVERY_CONDITION, ids=str)
@pytest.mark.parametrize(("phase", "happening"), PLACES)
def test_everything_that_can_happen_leads_to_exactly_one_phase(
    phase: Phase, happening: Happening, now: Conditions
) -> None:
    rows = [row for row in TRANSITIONS if (row.at, row.happening) == (phase, happening) and row.only_if(now)]
    assert len(rows) == (0 if (phase, happening) in IMPOSSIBLE else 1)
    if not rows:
        with pytest.raises(KeyError):
            moved(phase, happening, now)
    else:
        assert moved(phase, happening, now) == (rows[0].to, rows[0].owed)


def test_every_phase_can_be_reached_and_all_but_a_failure_can_be_left() -> None:
    reached = {Phase.IDLE}
    while more := {row.to for row in TRANSITIONS if row.at in reached} - reached:
        reached |= more
    assert reached == set(Phase)
    assert {row.at for row in TRANSITIONS if row.to is not row.at} == set(Phase) - {Phase.FAILED}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.at.name}-{row.happening.name}-{row.to.name}")
def test_a_direction_that_has_ended_never_opens_again_and_what_is_owed_ends_ours(row: Transition) -> None:
    for directions in (MAY_READ, MAY_WRITE):
        assert row.at in directions or row.to not in directions
    if row.owed is not Owed.NOTHING:
        assert row.at in MAY_WRITE
        assert row.to not in MAY_WRITE
    elif row.at in MAY_WRITE and row.to not in MAY_WRITE:
        assert row.at is Phase.IDLE  # only a connection that has said nothing may leave without a word


def test_application_data_is_sealed_only_where_records_may_go_out() -> None:
    assert DATA_FLOWS_OUT < MAY_WRITE
    assert not DATA_FLOWS_OUT & IN_HANDSHAKE


def test_every_phase_has_a_word_for_the_owner() -> None:
    assert set(STATES) == set(Phase)
    assert set(STATES.values()) == set(ConnectionState) - {ConnectionState.PAUSED}


# --- its drawing ------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"


def test_the_documented_diagram_is_drawn_from_the_table() -> None:
    diagram = PAGE.read_text().split("```mermaid\n")[2].split("```")[0]
    assert diagram.splitlines() == list(mermaid())


def test_the_diagram_has_a_line_for_every_row() -> None:
    lines = list(mermaid())[1:]
    for row, line in zip(TRANSITIONS, lines, strict=True):
        assert re.match(rf" +{row.at.name} --> {row.to.name}: {re.escape(row.happening.value)}( \[| /|$)", line)


# --- real connections -------------------------------------------------------------------------------------


def idle(role: str, half_close: bool) -> tuple[Ours, Ours]:
    return pair(role, half_close=half_close)


def handshaking(role: str, half_close: bool) -> tuple[Ours, Ours]:
    ours, theirs = pair(role, half_close=half_close)
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.start()
    if role == "server":
        server.receive(client.take())
    ours.take()
    return ours, theirs


def is_open(role: str, half_close: bool) -> tuple[Ours, Ours]:
    return connected(role, policy=renegotiable(), half_close=half_close)


def renegotiating(role: str, half_close: bool) -> tuple[Ours, Ours]:
    ours, theirs = is_open(role, half_close)
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    if role == "server":
        server.receive(client.take())
    ours.take()
    return ours, theirs


def read_ended(role: str, half_close: bool) -> tuple[Ours, Ours]:
    ours, theirs = is_open(role, half_close=True)
    theirs.close()
    ours.receive(theirs.take())
    return ours, theirs


def write_ended(role: str, half_close: bool) -> tuple[Ours, Ours]:
    ours, theirs = is_open(role, half_close)
    ours.close()
    ours.take()
    return ours, theirs


WAYS: dict[Phase, Callable[[str, bool], tuple[Ours, Ours]]] = {
    Phase.IDLE: idle,
    Phase.HANDSHAKING: handshaking,
    Phase.OPEN: is_open,
    Phase.RENEGOTIATING: renegotiating,
    Phase.READ_ENDED: read_ended,
    Phase.WRITE_ENDED: write_ended,
}
"""How a real connection gets to each phase in which something of its two ends is still open."""


def let_happen(happening: Happening, ours: Ours, theirs: Ours) -> None:
    if happening is Happening.OWNER_CLOSES:
        ours.close()
    elif happening is Happening.FAILS:
        ours.connection.abort(Alert.INTERNAL_ERROR)
    else:
        ours.receive(alert(theirs, CLOSE_NOTIFY))


ENDS = [
    (phase, happening, data_waits)
    for phase in WAYS
    for happening in (Happening.OWNER_CLOSES, Happening.PEER_CLOSES, Happening.FAILS)
    for data_waits in (False, True)
    if (phase, happening) not in IMPOSSIBLE and not (data_waits and phase is not Phase.RENEGOTIATING)
]


@pytest.mark.parametrize("half_close", [False, True])
@pytest.mark.parametrize(("phase", "happening", "data_waits"), ENDS)
@pytest.mark.parametrize("role", ROLES)
def test_a_real_connection_goes_where_the_table_says_and_sends_what_it_owes(
    role: str, phase: Phase, happening: Happening, data_waits: bool, half_close: bool
) -> None:
    ours, theirs = WAYS[phase](role, half_close)
    assert ours.connection._core.lifecycle.phase is phase
    if data_waits:
        ours.send(b"waits")
    to, owed = moved(phase, happening, Conditions(half_close, data_waits))
    let_happen(happening, ours, theirs)
    assert ours.connection._core.lifecycle.phase is to
    assert ours.connection.state is STATES[to]
    sent = bytes(ours.connection.data_to_send())
    assert bool(sent) is (owed is not Owed.NOTHING)
    if sent:
        assert sent[0] == ContentType.ALERT
        assert len(sent) == 5 + int.from_bytes(sent[3:5])  # one record, and nothing behind it
