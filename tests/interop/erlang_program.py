"""Erlang's ssl as a peer of the matrix: for the suites of RFC 8442, which neither OpenSSL nor GnuTLS has.

How it works: `erlang_ssl.escript` beside this file is its client and its server, run by Debian's erlang-ssl. Its TLS is
written in Erlang and shares no code with the other peers. It does not speak RFC 7627.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests import peers
from tests.interop.matrix import PSK, Meeting, Peer
from tests.interop.programs import Program, accepted_from
from tls12 import CipherSuite, NamedGroup, SignatureScheme

SCRIPT = Path(__file__).with_name("erlang_ssl.escript")

RFC_8442 = (
    CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
    CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256,
    CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256,
)


class ErlangPrograms:
    """The script's two roles."""

    name = "Erlang"
    echoes = True

    groups: tuple[NamedGroup, ...] = ()
    schemes: tuple[SignatureScheme, ...] = ()

    def client_crashes(self, meeting: Meeting) -> bool:
        """Never."""
        return False

    def version(self) -> str:
        """The release of Erlang/OTP."""
        return (_listed() or peers.missing("escript"))[-1]

    def suites(self) -> frozenset[CipherSuite]:
        """Those of RFC 8442 that it lists: OTP 25 three, and one of them twice."""
        listed = _listed() or [str(suite) for suite in RFC_8442]
        return frozenset(suite for suite in RFC_8442 if str(suite) in listed)

    @contextmanager
    def server(self, meeting: Meeting) -> Iterator[tuple[Program, int]]:
        """A server that has nothing else."""
        program = Program(*_script(), "server", *self._options(meeting))
        try:
            yield program, int(program.wait_for(rb"port (\d+)\n")[1])
        finally:
            program.stop()

    @contextmanager
    def client(self, meeting: Meeting) -> Iterator[tuple[Program, socket.socket]]:
        """A client that offers nothing else."""
        with accepted_from(*_script(), "client", "PORT", *self._options(meeting), port="PORT") as started:
            yield started

    def _options(self, meeting: Meeting) -> list[str]:
        return [str(meeting.parameters.suite), PSK.identity.decode(), PSK.key.hex()]


@cache
def _listed() -> list[str]:
    """The suites that Erlang's ssl has, and its version; nothing where Erlang, or its ssl, is not installed."""
    program = peers.find("escript")
    if program is None:
        return []
    listing = subprocess.run((program, str(SCRIPT), "suites"), capture_output=True, text=True, check=False, timeout=60)
    return listing.stdout.split() if listing.returncode == 0 else []


def _script() -> tuple[str, str]:
    return peers.program("escript") if _listed() else peers.missing("escript"), str(SCRIPT)


ERLANG: Peer = ErlangPrograms()
