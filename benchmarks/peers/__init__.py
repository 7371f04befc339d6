"""The libraries that are measured, each behind the same small interface.

How it works: a `Scenario` says what is negotiated. `Peer.prepare` turns it into `Endpoints`, which hold all
that a program would make once (configs, contexts, parsed keys). From there on everything is timed:
`Endpoints.full()` and `.resumed()` do a whole handshake, client and server, in memory, and give the `Pair`;
`Pair.transfer()` gives a function that seals and opens one message.

Rules of fairness. Every adapter writes the flights of the handshake out straight, without a general loop.
Every `transfer` is a closure over bound methods. A peer is used in the way that is fastest for it:
`transfer(n)` may know that exactly n bytes will arrive, so CPython's ssl is asked with `read(n)`;
`transfer_until_empty` may not know, as a program that reads a stream does not, and ends by the peer's own
"nothing more" signal.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from tls12.lab.pki import IssuedCertificate, ThrowawayCA

NAME = "benchmark.test"
"""The name in the server's certificate, asked for by every client."""
OTHER_NAME = "other.benchmark.test"
"""A second name in it."""

MAX_PLAINTEXT = 16384
"""No library returns more from one read, and a larger buffer only costs them its allocation."""

Transfer = Callable[[bytes], int]
"""Seals these bytes at the client, opens them at the server, and returns how many arrived."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is negotiated, and how much of it is checked."""

    suite: str = "ECDHE-ECDSA-AES128-GCM-SHA256"
    """In OpenSSL's spelling."""
    key: str = "ecdsa-p256"
    """The kind of every key of the certificate chain, as `tls12.lab.pki` names it."""
    intermediates: int = 1
    """CAs between the root and the server's certificate."""
    verify: bool = False
    """The client verifies a chain of leaf, intermediate and root, and the name."""
    resume_by: str = "id"
    """How `Endpoints.resumed` resumes: "id" or "ticket"."""
    encrypt_then_mac: bool = True
    """Offer RFC 7366, which only matters to CBC suites."""
    pack_small_writes: bool = False
    """Several writes share a record, where the library can do that: only tls12."""
    cold: bool = False
    """Nothing about the certificate chain may be remembered from an earlier handshake."""


class Pair(Protocol):
    """Two connected ends."""

    @property
    def server(self) -> object:
        """What a program has to keep of the server's end while the connection is idle."""
        ...

    def seal(self) -> Transfer:
        """The client's half of a transfer: how many bytes of records come out."""
        ...

    def transfer(self) -> Transfer:
        """From client to server, reading in the way that is fastest when the number of bytes is known."""
        ...

    def transfer_often(self, writes: int) -> Transfer:
        """The same bytes written so many times, flushed once, and read in the way of `transfer`."""
        ...

    def transfer_until_empty(self) -> Transfer:
        """From client to server, reading until the library says that nothing more is there."""
        ...


class Endpoints(Protocol):
    """A client's and a server's configuration."""

    def full(self) -> Pair:
        """One full handshake."""
        ...

    def resumed(self) -> None:
        """One abbreviated handshake, from the session of an earlier full one; asserts that it was one."""
        ...


class Peer(Protocol):
    """A library."""

    @property
    def name(self) -> str:
        """As it stands in the table."""
        ...

    def prepare(self, scenario: Scenario) -> Endpoints:
        """All that is made once. Raises `NotSupported` for what the library cannot do."""
        ...


OP_NO_ENCRYPT_THEN_MAC = 1 << 19
"""SSL_OP_NO_ENCRYPT_THEN_MAC, which neither CPython's ssl nor pyOpenSSL names."""


class NotSupported(Exception):
    """This library cannot do that."""


@dataclass(frozen=True, slots=True)
class Material:
    """A root and a server certificate with its chain, in memory and as files."""

    root_pem: bytes
    issued: IssuedCertificate
    root_file: Path
    chain_file: Path
    key_file: Path


_DIRECTORY = tempfile.TemporaryDirectory(prefix="tls12-benchmarks-")
atexit.register(_DIRECTORY.cleanup)


@cache
def material(key: str, intermediates: int = 1) -> Material:
    """The certificates of this kind of key, made once per process."""
    issuer = root = ThrowawayCA("Benchmark root", key=key)
    for number in range(intermediates):
        issuer = issuer.intermediate(f"Benchmark intermediate {number}", key=key)
    issued = issuer.issue(NAME, OTHER_NAME, key=key)
    directory = Path(_DIRECTORY.name)
    root_file = directory / f"{key}-{intermediates}-root.pem"
    root_file.write_bytes(root.pem)
    chain_file, key_file = issued.write(directory, f"{key}-{intermediates}")
    return Material(root.pem, issued, root_file, chain_file, key_file)
