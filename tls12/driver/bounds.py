"""The bounds of a server, so that a crowd of hostile clients leaves room for the honest ones: what adapters share.

`tls12/asyncio/admission.py` and `tls12/sync/crowd.py` hold them, and say what each bound is for.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

from tls12.errors import UsageError

MAX_HANDSHAKES = 512
"""Handshakes that a server has open at the same time, unless the caller says otherwise."""

PATIENCE = 5.0
"""Seconds that a handshake may take while other connections wait for its place."""

BACKLOG = 1024
"""Connections that the kernel keeps for a server until it accepts them. asyncio's 100 overflow while a crowd connects;
honest clients then wait for a second, until they try again."""

FAILURES_LOGGED = 10
"""Failed handshakes that a server logs one by one in ten seconds; of the others it logs only how many they were."""


class Shares:
    """How many connections each address has open; none has more than `most`, if that is given."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.by_address: Counter[str] = Counter()

    def address_of(self, peer: Any) -> str | None:
        """The address to count a connection of `peer` to; None where shares are not bounded, or it has none."""
        return None if self._most is None else address_of(peer)

    def objection(self, address: str | None) -> str | None:
        """Why this address may open no more connections, or None if it may."""
        if self._most is None or address is None or self.by_address[address] < self._most:
            return None
        return f"{self._most} connections from {address} are open"

    def take(self, address: str | None) -> None:
        """A connection is open."""
        if address is not None:
            self.by_address[address] += 1

    def give_back(self, address: str | None) -> None:
        """A connection has ended."""
        if address is not None:
            self.by_address[address] -= 1
            if not self.by_address[address]:
                del self.by_address[address]


def default_connections(most: int) -> int:
    """The bound on connections where the caller gives none: `most`, or seven eighths of the files if they are fewer."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows
        return min(most, 500)  # what select() can watch there is 512
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if files == resource.RLIM_INFINITY else max(1, min(most, files * 7 // 8))


def check_bounds(**bounds: int | None) -> None:
    """Raises `UsageError` for a bound that is no number of connections, or leaves no room."""
    for name, bound in bounds.items():
        if bound is not None and (not isinstance(bound, int) or bound < 1):
            raise UsageError(f"{name} is {bound!r}; give a number of connections, 1 or more")


def address_of(peer: Any) -> str | None:
    """The IP address of what `getpeername` gave; of IPv6, the network that one client has for itself (RFC 6177).

    None for other sockets.
    """
    try:
        address = ipaddress.ip_address(peer[0])
    except (ValueError, TypeError, IndexError):
        return None
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
