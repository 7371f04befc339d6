"""`SSLContext.session_stats`: how many handshakes began, were complete and were resumed, as OpenSSL counts them."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Statistics:
    """The counts of one context."""

    number: int = 0
    """Sessions in a cache of the context: there is none, for what resumes is in tickets and with the application."""
    connect: int = 0
    connect_good: int = 0
    connect_renegotiate: int = 0
    accept: int = 0
    accept_good: int = 0
    accept_renegotiate: int = 0
    hits: int = 0
    """Handshakes that were resumed."""
    misses: int = 0
    timeouts: int = 0
    cache_full: int = 0

    def begun(self, server_side: bool) -> None:
        """A handshake begins."""
        if server_side:
            self.accept += 1
        else:
            self.connect += 1

    def completed(self, server_side: bool, resumed: bool) -> None:
        """A handshake is complete."""
        if server_side:
            self.accept_good += 1
        else:
            self.connect_good += 1
        self.hits += resumed

    def as_dictionary(self) -> dict[str, int]:
        """As `session_stats` gives them."""
        return asdict(self)
