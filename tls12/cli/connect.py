"""`tls12 connect HOST:PORT`: a TLS connection from the shell, as `openssl s_client` makes one.

How it works: the handshake, then two directions. A thread copies standard input to the peer; the main
thread copies what the peer sends to standard output, byte for byte, so that `... | tls12 connect host:443 >
file` is a clean copy: everything that the program itself says goes to standard error (with `--json`,
everything goes to standard output as JSON lines).

When standard input ends, the answer may still be on its way. So a terminal's Ctrl-D and an input that was
empty from the start close at once; after any other input the program waits until the peer closes, or has
been silent for `--wait` seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import sys
import threading
import time
from typing import Any

from tls12 import sync
from tls12.cli import options
from tls12.cli.facts import certificate_facts, message_facts, message_name, negotiated_facts
from tls12.cli.output import CommandError, Exit, Json, Output, OutputGone, add_output_options, choose
from tls12.config import ClientConfig
from tls12.errors import TruncatedError, UsageError
from tls12.sync.starttls import PROTOCOLS
from tls12.trust.verifier import AcceptAnyPeer, Verifier, X509Verifier

_STANDARD_INPUT = 0
_INPUT_CHECK = 0.1  # seconds between two checks whether the input has ended


def add_parser(subparsers: Any) -> None:
    """The command's own options."""
    parser = subparsers.add_parser(
        "connect",
        help="connect to a server: show what was agreed, then copy standard input and output",
        description=__doc__.partition("\n\n")[0],
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "address", metavar="HOST:PORT", help="where to connect to (port 443, or that of --starttls, unless given)"
    )
    parser.add_argument(
        "--starttls",
        choices=PROTOCOLS,
        help="begin plain with a server of this protocol, and demand TLS; --show-handshake shows that dialogue too",
    )
    parser.add_argument(
        "--timeout",
        type=options.some_seconds,
        default=10.0,
        metavar="SECONDS",
        help="for connecting (default 10)",
    )
    parser.add_argument(
        "--wait",
        type=options.seconds,
        default=5.0,
        metavar="SECONDS",
        help="for more data after the end of input (default 5)",
    )
    options.add_tls_options(parser)
    trust = parser.add_argument_group("trust")
    trust.add_argument("--server-name", metavar="NAME", help="the name to ask for and to verify (default: HOST)")
    roots = trust.add_mutually_exclusive_group()
    roots.add_argument("--ca", metavar="FILE", help="trust these CA certificates, PEM (default: the system's)")
    roots.add_argument(
        "--pin",
        metavar="FILE|SHA256",
        help="trust this certificate alone, whatever its issuer, names and dates: PEM, or the SHA-256 of its key",
    )
    roots.add_argument(
        "--insecure",
        action="store_true",
        help="accept ANY certificate: an attacker between client and server can read and change everything",
    )
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Connect, report, and copy."""
    output = choose(arguments, sys.stdout if arguments.json else sys.stderr)
    default_port = 443 if arguments.starttls is None else PROTOCOLS[arguments.starttls].port
    host, port = options.address(arguments.address, default_host="localhost", default_port=default_port)
    credential = options.credential(arguments)
    config = ClientConfig(
        verifier=_verifier(arguments, output),
        policy=options.policy(arguments),
        alpn_protocols=options.alpn_protocols(arguments),
        credentials=(credential,) if credential else (),
        psk=options.psk(arguments),
        keylog=options.keylog(arguments),
    )

    def show(sender: str, message: Any, size: int) -> None:
        output.message(sender, message_name(message), size, message_facts(message))

    def show_plain(sender: str, data: bytes) -> None:
        text = data.decode("utf-8", "backslashreplace").rstrip("\r\n")
        output.message(sender, "without TLS", len(data), {"text": text})

    if arguments.show_handshake:
        output.title(f"handshake with {host} port {port}")
    settings: dict[str, Any] = {
        "server_name": arguments.server_name,
        "timeout": arguments.timeout,
        "handshake_timeout": arguments.timeout,
        "on_message": show if arguments.show_handshake else None,
    }
    if arguments.starttls is None:
        opened = sync.connect(host, port, config, **settings)
    else:
        on_plain = show_plain if arguments.show_handshake else None
        opened = sync.starttls(arguments.starttls, (host, port), config, on_plain=on_plain, **settings)
    with opened as tls:
        tls.settimeout(None)
        output.facts("agreed", negotiated_facts(tls.negotiated))
        for der in tls.negotiated.peer_certificates[:1]:
            output.facts("certificate", certificate_facts(der))
        _converse(tls, output, arguments.wait)
    return Exit.OK


def _verifier(arguments: argparse.Namespace, output: Output) -> Verifier:
    if arguments.insecure:
        output.warning("--insecure: the peer is NOT authenticated; do not send it anything that matters")
        return AcceptAnyPeer()
    if arguments.pin is not None:
        return options.pinned("--pin", arguments.pin)
    if arguments.server_name == "":
        raise CommandError("--server-name is empty", "give the name to verify, or say with --pin whom to trust")
    if arguments.ca is not None:
        return X509Verifier(options.trust_store("--ca", arguments.ca))
    return X509Verifier.from_system()


class _Sender(threading.Thread):
    """Copies standard input to the peer, and says when it has ended."""

    def __init__(self, tls: sync.TLSSocket) -> None:
        super().__init__(daemon=True)
        self.tls = tls
        self.sent = False
        self.ended = False
        self.closed = False
        self.complaint: CommandError | None = None

    def run(self) -> None:
        # os.read, not sys.stdin.buffer: a daemon thread in a buffered read would hold its lock at exit.
        with contextlib.suppress(OSError, UsageError):  # the connection is over; the receiving side reports why
            while data := self._read():
                self.tls.sendall(data)
                self.sent = True
            if self.complaint is None and (os.isatty(_STANDARD_INPUT) or not self.sent):
                self.closed = True
                self.tls.shutdown(socket.SHUT_WR)
        self.ended = True

    def _read(self) -> bytes:
        try:
            return os.read(_STANDARD_INPUT, 65536)
        except OSError as error:
            self.complaint = CommandError(f"standard input cannot be read: {error.strerror}", "name another with <")
            return b""


def _converse(tls: sync.TLSSocket, output: Output, wait: float) -> None:
    sender = _Sender(tls)
    sender.start()
    silent_since = time.monotonic()
    while True:
        if sender.complaint is not None:
            raise sender.complaint
        if not tls.pending() and not select.select([tls], [], [], _INPUT_CHECK)[0]:
            if not sender.ended:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > wait:
                output.note(f"closed: the peer was silent for {wait:g} s")
                return
            continue
        try:
            data = tls.recv()
        except TruncatedError:
            if sender.closed:  # our close_notify came first, so the peer need not answer (RFC 5246 7.2.1)
                return
            raise
        if not data:
            output.note("closed by the peer with close_notify")
            return
        silent_since = time.monotonic()
        if isinstance(output, Json):
            output.data(data)
        else:
            _write_out(data)


def _write_out(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OutputGone(error) from None
