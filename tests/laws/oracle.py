"""What every failed connection has in common, whatever made it fail."""

from __future__ import annotations

from tests.ends import Ours, records
from tls12 import ConnectionFailed, PeerAlert, TruncatedError

ALERT = 21


def check_failure(ours: Ours, sent: bytes) -> None:
    """One ConnectionFailed, last of all events; both directions ended; the alert that is owed was sent, no other."""
    failures = [event for event in ours.events if isinstance(event, ConnectionFailed)]
    assert len(failures) == 1, ours.events
    assert ours.events[-1] is failures[0]
    assert ours.connection.closed
    error = ours.error
    assert error is not None
    assert ours.connection.error is error
    assert str(error)
    if isinstance(error, TruncatedError | PeerAlert):
        assert error.alert is None
        return
    assert error.alert is not None
    *earlier, last = records(sent)
    assert last[0] == ALERT, f"{error!r} owes an alert, and the last record sent is of type {last[0]}"
    assert all(record[0] != ALERT for record in earlier)
    encrypted = any(record[0] == 20 for record in earlier)
    if not encrypted:
        assert last[5:] == bytes([2, error.alert])
