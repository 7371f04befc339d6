"""The part of an adapter that does no I/O: what to do with a connection's events, its answers and its ends.

An adapter makes a `Driver` of a connection, carries bytes to and from it, and does what its attributes ask for.
`tls12.sync` and `tls12.asyncio` are such adapters; docs/embedding.md shows how to write another.
"""

from __future__ import annotations

from tls12.driver.answers import Answers
from tls12.driver.descriptions import described
from tls12.driver.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Driver, Renewal
from tls12.driver.ends import Ending, TimeBound, closed_by_this_side, incomplete
from tls12.driver.facts import TLSFacts, TLSObject
from tls12.driver.opening import check_timeouts, client_connection, name_to_prove, server_connection
from tls12.driver.plaintext import Plaintext

__all__ = [
    "CLOSE_TIMEOUT",
    "HANDSHAKE_TIMEOUT",
    "Answers",
    "Driver",
    "Ending",
    "Plaintext",
    "Renewal",
    "TLSFacts",
    "TLSObject",
    "TimeBound",
    "check_timeouts",
    "client_connection",
    "closed_by_this_side",
    "described",
    "incomplete",
    "name_to_prove",
    "server_connection",
]
