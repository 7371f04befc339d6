"""`tls12 serve`: a TLS server from the shell, as `openssl s_server` makes one: an echo, or a status page.

How it works: `tls12.asyncio` with one of two handlers. Each connection keeps a list of the handshake
messages that it saw; they are printed together when its handshake ends, so that connections never
interleave. A handshake that fails is one line of output, and the server goes on.

Without `--cert` the server makes a CA and a certificate of its own, valid for as long as it runs; the CA
goes to a file, so that a client can be told to trust it. All of it is removed at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import itertools
import json
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tls12.asyncio
from tls12.asyncio import TLSTransport
from tls12.cli import options
from tls12.cli.facts import certificate_facts, message_facts, message_name, negotiated_facts
from tls12.cli.output import CommandError, Exit, Output, add_output_options, as_words, choose
from tls12.config import ClientAuth, ServerConfig
from tls12.connection import ServerConnection
from tls12.errors import TLSError
from tls12.events import Negotiated
from tls12.lab.pki import ThrowawayCA
from tls12.resumption.stores import MemorySessionStore
from tls12.resumption.tickets import TicketKeys
from tls12.trust.credentials import Credential
from tls12.trust.names import normalise_server_name
from tls12.trust.verifier import X509Verifier

_HEAD_LIMIT = 16 * 1024  # bytes of an HTTP request before its empty line
_IDLE_SECONDS = 300.0


def add_parser(subparsers: Any) -> None:
    """The command's own options."""
    parser = subparsers.add_parser(
        "serve",
        help="serve TLS: echo everything back, or show a status page",
        description=__doc__.partition("\n\n")[0],
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "address", metavar="[HOST:]PORT", nargs="?", default=":4433", help="where to listen (127.0.0.1:4433)"
    )
    parser.add_argument("--www", action="store_true", help="answer HTTP: a page that says what was negotiated")
    parser.add_argument("--name", metavar="NAME", default="localhost", help="the throw-away certificate's name")
    options.add_tls_options(parser)
    clients = parser.add_argument_group("client certificates")
    clients.add_argument("--client-ca", metavar="FILE", help="ask for one, issued by these CA certificates, PEM")
    clients.add_argument("--require-client-cert", action="store_true", help="refuse clients that have none")
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    output = choose(arguments)
    host, port = options.address(arguments.address, default_host="127.0.0.1", default_port=4433)
    psk = options.psk(arguments)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    client_auth = _client_auth(arguments)
    config = ServerConfig(
        credentials=(),  # ours is known once the name is, below
        policy=options.policy(arguments),
        alpn_protocols=options.alpn_protocols(arguments),
        sessions=MemorySessionStore(),
        ticket_keys=TicketKeys.generate(),
        psk=None if psk is None else {psk.identity: psk.key},
        keylog=options.keylog(arguments),
        **client_auth,
    )
    with (
        socket.create_server((host, port), family=family) as listener,
        _credential(arguments, host, output) as credential,
    ):
        config = replace(config, credentials=(credential,))
        reporter = Reporter(output, arguments.show_handshake)
        asyncio.run(_serve(listener, config, answer_http if arguments.www else echo, reporter))
    return Exit.OK


@contextlib.contextmanager
def _credential(arguments: argparse.Namespace, host: str, output: Output) -> Iterator[Credential]:
    given = options.credential(arguments)
    if given is not None:
        yield given
        return
    ca = ThrowawayCA("tls12 serve: throw-away CA")
    issued = ca.issue(*dict.fromkeys((options.certificate_name(arguments.name), normalise_server_name(host))))
    with tempfile.TemporaryDirectory(prefix="tls12-serve-") as directory:
        path = Path(directory, "ca.pem")
        path.write_bytes(ca.pem)
        output.note(f"a throw-away certificate for {arguments.name}; clients trust it with --ca {path}", ca=str(path))
        yield Credential.from_objects(issued.certificates, issued.private_key)


def _client_auth(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.client_ca is None:
        if arguments.require_client_cert:
            raise CommandError("--require-client-cert without --client-ca", "name the CAs with --client-ca FILE")
        return {}
    return {
        "client_auth": ClientAuth.REQUIRED if arguments.require_client_cert else ClientAuth.OPTIONAL,
        "verifier": X509Verifier(options.trust_store("--client-ca", arguments.client_ca)),
    }


class Reporter:
    """Says what happens on each connection, one connection at a time."""

    def __init__(self, output: Output, show_handshake: bool) -> None:
        self.output = output
        self.show_handshake = show_handshake
        self._numbers = itertools.count(1)
        self._messages: dict[int, list[tuple[str, Any, int]]] = {}

    def make_connection(self, config: ServerConfig, **settings: Any) -> ServerConnection:
        """A connection whose messages are kept until its handshake ends."""
        messages: list[tuple[str, Any, int]] = []
        connection = ServerConnection(config, on_message=lambda *seen: messages.append(seen), **settings)
        self._messages[id(connection)] = messages
        return connection

    def opened(self, transport: TLSTransport) -> int:
        """A handshake is complete; gives the number of the connection."""
        negotiated: Negotiated = transport.get_extra_info("negotiated")
        number = self._handshake_ended(transport)
        self.output.facts("agreed", negotiated_facts(negotiated))
        for der in negotiated.peer_certificates[:1]:
            self.output.facts("client certificate", certificate_facts(der))
        return number

    def handshake_failed(self, transport: TLSTransport, error: BaseException) -> None:
        """A handshake has failed, so that there is no connection."""
        self._failed(self._handshake_ended(transport), str(error), error)

    def failed(self, number: int, error: Exception) -> None:
        """An established connection has failed; others may have reported since it was opened."""
        if isinstance(error, TLSError):
            reason = str(error)
        elif isinstance(error, TimeoutError):
            reason = f"the client asked for nothing in {_IDLE_SECONDS:g} s"
        else:
            reason = "the client was gone before it had everything"
        self._failed(number, f"connection {number}: {reason}", error)

    def _failed(self, number: int, sentence: str, error: BaseException) -> None:
        alert = getattr(error, "alert", None)
        name = None if alert is None else str(alert)
        self.output.failure(sentence, kind=type(error).__name__, alert=name, connection=number)

    def _handshake_ended(self, transport: TLSTransport) -> int:
        messages = self._messages.pop(id(transport.get_extra_info("connection")), ())
        peer = as_words(transport.get_extra_info("peername") or "a client that has gone")
        number = next(self._numbers)
        self.output.title(f"connection {number} from {peer}")
        if self.show_handshake:
            for sender, message, size in messages:
                self.output.message(sender, message_name(message), size, message_facts(message))
        return number


async def _serve(
    listener: socket.socket, config: ServerConfig, talk: tls12.asyncio.Handler, reporter: Reporter
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        assert isinstance(transport, TLSTransport)
        number = reporter.opened(transport)
        try:
            result = talk(reader, writer)
            assert result is not None
            await result
            writer.close()
            await writer.wait_closed()
        except TimeoutError as error:
            reporter.failed(number, error)
            transport.abort()
        except OSError as error:
            reporter.failed(number, error)
            transport.close()

    server = await tls12.asyncio.start_server(
        handler,
        sock=listener,
        config=config,
        make_connection=reporter.make_connection,
        on_failure=reporter.handshake_failed,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # no signal handlers in this loop: Ctrl-C still interrupts
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bound = listener.getsockname()
    reporter.output.note(f"serving on {bound[0]} port {bound[1]}; stop with Ctrl-C", host=bound[0], port=bound[1])
    await stop.wait()
    server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back, until the client closes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One HTTP request, one page: HTML, or JSON for `/json`."""
    async with asyncio.timeout(_IDLE_SECONDS):
        request = await reader.readline()
        method, _, rest = request.decode("latin-1").partition(" ")
        size = len(request)
        while (line := await reader.readline()) not in (b"\r\n", b"\n", b""):
            size += len(line)
            if size > _HEAD_LIMIT:
                return
    facts = negotiated_facts(writer.get_extra_info("negotiated"))
    if method not in ("GET", "HEAD"):
        status, kind, body = "405 Method Not Allowed", "text/plain", "only GET and HEAD\n"
    elif rest.startswith("/json"):
        status, kind, body = "200 OK", "application/json", json.dumps(facts) + "\n"
    else:
        status, kind, body = "200 OK", "text/html; charset=utf-8", _page(facts)
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + (b"" if method == "HEAD" else content))
    await writer.drain()


def _page(facts: Any) -> str:
    rows = "".join(f"<tr><th>{html.escape(n)}<td>{html.escape(as_words(v))}\n" for n, v in facts.items())
    return f"<!doctype html><title>tls12</title><h1>This page came over TLS 1.2</h1>\n<table>\n{rows}</table>\n"
