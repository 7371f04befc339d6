"""The two ends of a connection, under one name for the whole library.

How it works: the members are strings, so that `sender == "client"` is true of an event's sender and an f-string shows
the word. A public argument takes either form (`EndName`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias


class ConnectionEnd(StrEnum):
    """The client or the server (ConnectionEnd in RFC 5246 A.6)."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> ConnectionEnd:
        """The end at the other side of the connection."""
        return ConnectionEnd.SERVER if self is ConnectionEnd.CLIENT else ConnectionEnd.CLIENT


EndName: TypeAlias = ConnectionEnd | Literal["client", "server"]
"""An end as an argument: the member, or the word."""
