"""The `openssl` program at the other end of a loopback socket.

How it works: `s_server` runs the program as a server and gives the port that it chose; `s_client` runs it against a
listening socket of ours.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests import peers, pki
from tests.ends import files_of, intermediates_of, trusted_file
from tests.interop.programs import Program, accepted_from
from tls12.lab.pki import IssuedCertificate


@contextmanager
def s_server(*options: str, credential: IssuedCertificate | None = None) -> Iterator[tuple[Program, int]]:
    """`openssl s_server` for TLS 1.2 with this certificate (P-256 by default; PSK suites ignore it)."""
    program = Program(
        peers.program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-tls1_2",
        *certificate_options(credential or pki.server()), "-CAfile", trusted_file(), *options,
    )  # fmt: skip
    try:
        yield program, int(program.wait_for(rb"ACCEPT .*:(\d+)\n")[1])
    finally:
        program.stop()


def certificate_options(issued: IssuedCertificate) -> tuple[str, ...]:
    """How either program is told to use this certificate, its chain and its key."""
    chain, key = files_of(issued)
    intermediates = ("-cert_chain", intermediates_of(issued)) if len(issued.certificates) > 1 else ()
    return "-cert", chain, "-key", key, *intermediates


@contextmanager
def s_client(*options: str) -> Iterator[tuple[Program, socket.socket]]:
    """`openssl s_client` for TLS 1.2, and the socket on which its connection came in."""
    command = ("s_client", "-connect", "127.0.0.1:PORT", "-tls1_2", "-CAfile", trusted_file(), *options)
    with accepted_from(peers.program("openssl"), *command, port="PORT") as (program, sock):
        yield program, sock
