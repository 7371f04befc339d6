"""Erlang's ssl as a peer of the matrix: for the suites of RFC 8442, which neither OpenSSL nor GnuTLS has.

How it works: `erlang_ssl.escript` beside this file is its client and its server, run by Debian's erlang-ssl. Its TLS is
written in Erlang and shares no code with the other peers. It does not speak RFC 7627.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import peers
from matrix import PSK, Meeting, Peer, printed
from programs import Program, accepted_from

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
        return printed(peers.program("escript"), str(SCRIPT), "suites").split()[-1]

    @cache  # noqa: B019
    def suites(self) -> frozenset[CipherSuite]:
        """Those of RFC 8442 that it lists: OTP 25 three, and one of them twice."""
        program = peers.find("escript")
        if program is None:
            return frozenset(RFC_8442)
        listed = printed(program, str(SCRIPT), "suites").split()
        return frozenset(suite for suite in RFC_8442 if str(suite) in listed)

    @contextmanager
    def server(self, meeting: Meeting) -> Iterator[tuple[Program, int]]:
        """A server that has nothing else."""
        program = Program(peers.program("escript"), str(SCRIPT), "server", *self._options(meeting))
        try:
            yield program, int(program.wait_for(rb"port (\d+)\n")[1])
        finally:
            program.stop()

    @contextmanager
    def client(self, meeting: Meeting) -> Iterator[tuple[Program, socket.socket]]:
        """A client that offers nothing else."""
        command = (peers.program("escript"), str(SCRIPT), "client", "PORT", *self._options(meeting))
        with accepted_from(*command, port="PORT") as started:
            yield started

    def _options(self, meeting: Meeting) -> list[str]:
        return [str(meeting.suite.suite), PSK.identity.decode(), PSK.key.hex()]


ERLANG: Peer = ErlangPrograms()
