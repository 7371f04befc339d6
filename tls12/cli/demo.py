"""`tls12 demo`: shows TLS 1.2 connections on this machine alone, and checks each step.

How it works: each step is a function that makes connections over loopback sockets or in memory and reports
what it checked. The peer is OpenSSL, through CPython's `ssl`, limited to TLS 1.2. Each step declares how many
checks it makes, so that a check which is skipped counts as failed. A step that raises is a failed check with its
reason, and the demo goes on. The last line is `N passed, 0 failed`, and the exit code says the same.

Certificates come from a CA that is made when the demo starts and forgotten when it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import platform
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tls12.asyncio
from tls12 import errors, sync
from tls12.cli.facts import message_facts, message_name, negotiated_facts
from tls12.cli.output import Exit, Output, add_output_options, choose
from tls12.config import ClientConfig, ServerConfig
from tls12.connection import ClientConnection, Connection, ServerConnection
from tls12.events import ConnectionFailed, DataReceived
from tls12.lab.pki import IssuedCertificate, ThrowawayCA
from tls12.registry import Alert, ContentType
from tls12.trust.credentials import Credential
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier

_NAME = "localhost"
_PAGE = b"<h1>This page came over TLS 1.2</h1>\n"
_RESPONSE = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_PAGE),
    _PAGE,
)
_REQUEST = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
_TIMEOUT = 10.0  # seconds that anything here may take before it counts as failed
_BULK_SECONDS = 0.25  # how long each library moves data, in each of the rounds
_BULK_ROUNDS = 3


def add_parser(subparsers: Any) -> None:
    """The command's own options."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work, both roles against OpenSSL, on this machine alone",
        description=__doc__.partition("\n\n")[0],
    )
    parser.set_defaults(run=run)
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """All steps; the exit code is 0 only if every check was made and passed."""
    with tempfile.TemporaryDirectory(prefix="tls12-demo-") as directory:
        return Demo(choose(arguments), Path(directory)).play_all(STEPS)


class Demo:
    """What the steps share: the CA and its certificate, the output, the count."""

    def __init__(self, output: Output, directory: Path) -> None:
        self.output = output
        self.directory = directory
        self.ca = ThrowawayCA("tls12 demo: throw-away CA")
        self.issued = self.ca.issue(_NAME, "127.0.0.1")
        self.passed = 0
        self.failed = 0

    def play_all(self, steps: Iterable[Step]) -> int:
        """Run these steps, and give the exit code."""
        for step in steps:
            self.play(step)
        self.output.summary(self.passed, self.failed)
        return Exit.FAILED if self.failed else Exit.OK

    def play(self, step: Step) -> None:
        """Run one step; the checks that it leaves out count as failed."""
        self.output.title(step.title)
        before = self.passed + self.failed
        try:
            step.run(self)
        except Exception as error:
            self.check("the step broke off", False, f"{type(error).__name__}: {error}")
        made = self.passed + self.failed - before
        if made < step.checks:
            self.check(f"only {made} of {step.checks} checks were made", False)

    def check(self, text: str, passed: bool, detail: str = "") -> None:
        """Count and report one check."""
        if passed:
            self.passed += 1
        else:
            self.failed += 1
        self.output.check(text, passed, detail)

    def client_config(self, ca: ThrowawayCA | None = None, **settings: Any) -> ClientConfig:
        """A client that trusts one CA: ours, unless another is given."""
        store = TrustStore.from_pem((ca or self.ca).pem)
        return ClientConfig(verifier=X509Verifier(store), **settings)

    def server_config(self, **settings: Any) -> ServerConfig:
        """A server with our certificate."""
        credential = Credential.from_objects(self.issued.certificates, self.issued.private_key)
        return ServerConfig(credentials=(credential,), **settings)

    def openssl_server_context(self, issued: IssuedCertificate | None = None) -> ssl.SSLContext:
        """An OpenSSL server's context, TLS 1.2 only."""
        chain, key = (issued or self.issued).write(self.directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(chain, key)
        context.set_alpn_protocols(["http/1.0"])
        return context

    def openssl_client_context(self) -> ssl.SSLContext:
        """An OpenSSL client's context that trusts our CA, TLS 1.2 only."""
        context = ssl.create_default_context(cadata=self.ca.pem.decode())
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.0"])
        return context

    def show(self, sender: str, message: Any, size: int) -> None:
        """The hook that watches a connection's messages."""
        self.output.message(sender, message_name(message), size, message_facts(message))


@dataclass
class OpenSSLServer:
    """An OpenSSL server for one connection, in a thread; it serves a page, or keeps the reason why it could not."""

    context: ssl.SSLContext
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    request: bytes = b""
    cipher: str = ""
    complaint: str = ""
    respond: Callable[[ssl.SSLSocket], None] = lambda tls: tls.sendall(_RESPONSE)

    @property
    def told(self) -> Alert | None:
        """The alert of the client, by the RFC's name: OpenSSL calls it SSLV3_ALERT_BAD_RECORD_MAC, for example."""
        _, is_alert, name = self.complaint.partition("_ALERT_")
        return Alert[name] if is_alert and name in Alert.__members__ else None

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.listener.getsockname()[1]
        return port

    def serve_one(self) -> None:
        """Accept one client, answer it, and remember how it went."""
        try:
            plain, _ = self.listener.accept()
            plain.settimeout(_TIMEOUT)
            with plain, self.context.wrap_socket(plain, server_side=True) as tls:
                self.cipher = (tls.cipher() or ("",))[0]
                self.request = tls.recv(4096)
                self.respond(tls)
                with contextlib.suppress(TimeoutError):
                    tls.unwrap()
        except OSError as error:
            self.complaint = getattr(error, "reason", None) or str(error)


@contextlib.contextmanager
def _openssl_server(context: ssl.SSLContext, **settings: Any) -> Iterator[OpenSSLServer]:
    server = OpenSSLServer(context, **settings)
    server.listener.settimeout(_TIMEOUT)
    thread = threading.Thread(target=server.serve_one, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        thread.join(_TIMEOUT)
        server.listener.close()


# -- the steps


def our_client(demo: Demo) -> None:
    """Our client, over a blocking socket, fetches a page from OpenSSL."""
    with _openssl_server(demo.openssl_server_context()) as server:
        config = demo.client_config(alpn_protocols=("http/1.0",))
        with sync.connect(
            "127.0.0.1", server.port, config, server_name=_NAME, timeout=_TIMEOUT, on_message=demo.show
        ) as tls:
            agreed = tls.negotiated
            tls.sendall(_REQUEST)
            page = b"".join(iter(tls.recv, b""))
    suite = agreed.cipher_suite
    demo.check("the handshake is complete", agreed.version.name == "TLS_1_2", f"{agreed.version}, {suite}")
    demo.check("OpenSSL agrees on the cipher suite", server.cipher == suite.openssl_name, server.cipher)
    demo.check(
        "the chain leads to the throw-away CA, and the name is right",
        agreed.verified_chain == (*demo.issued.chain_der, demo.ca.der) and agreed.server_name == _NAME,
        f"{len(agreed.verified_chain)} certificates, name {agreed.server_name}",
    )
    demo.check("the application protocol is agreed", agreed.alpn_protocol == "http/1.0", str(agreed.alpn_protocol))
    demo.check("the page arrived whole", page == _RESPONSE, f"{len(page)} bytes, ended by close_notify")


def our_server(demo: Demo) -> None:
    """OpenSSL fetches a page from our server under asyncio."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("negotiated"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_RESPONSE)
        await writer.drain()
        writer.close()

    async def serve_and_fetch() -> tuple[bytes, str]:
        server = await tls12.asyncio.start_server(
            handler,
            "127.0.0.1",
            0,
            config=demo.server_config(alpn_protocols=("http/1.0",)),
            make_connection=lambda config, **settings: ServerConnection(config, on_message=demo.show, **settings),
        )
        async with server:
            return await asyncio.to_thread(fetch, server.sockets[0].getsockname()[1])

    def fetch(port: int) -> tuple[bytes, str]:
        plain = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        with plain, demo.openssl_client_context().wrap_socket(plain, server_hostname=_NAME) as tls:
            tls.sendall(_REQUEST)
            page = b"".join(iter(lambda: tls.recv(4096), b""))
            return page, (tls.cipher() or ("",))[0]

    seen: list[Any] = []
    page, cipher = asyncio.run(serve_and_fetch())
    agreed = seen[0]
    demo.check("OpenSSL verified our certificate and its name", True, f"{_NAME}, by the throw-away CA")
    demo.check("OpenSSL agrees on the cipher suite", cipher == agreed.cipher_suite.openssl_name, cipher)
    demo.check(
        "our server saw the name and protocol asked for",
        agreed.server_name == _NAME,
        str(agreed.alpn_protocol),
    )
    demo.check("OpenSSL got the whole page", page == _RESPONSE, f"{len(page)} bytes, ended by close_notify")


def in_memory(demo: Demo) -> None:
    """Both ends ours, no sockets: the sans-IO core by hand, and how fast it moves data."""
    client, server = ClientConnection(demo.client_config(), _NAME), ServerConnection(demo.server_config())
    client.initiate_handshake()
    while data := client.data_to_send():
        server.receive_data(data)
        client.receive_data(server.data_to_send())
    client.events()
    server.events()
    agreed = client.negotiated
    assert agreed is not None, client.error
    demo.output.facts("agreed", {n: v for n, v in negotiated_facts(agreed).items() if v})
    demo.check("the handshake is complete, without I/O", server.negotiated is not None)
    label = "EXPERIMENTAL-tls12-demo"
    demo.check(
        "both ends export the same key material",
        client.export_keying_material(label, None, 32) == server.export_keying_material(label, None, 32),
    )
    ours, theirs = _throughput(client, server, demo)
    demo.check("16 KiB records arrive unchanged", ours > 0)
    demo.output.note(
        f"  throughput, sealing and opening 16 KiB records: tls12 {ours:,.0f} MB/s, ssl of CPython "
        f"{platform.python_version()} ({ssl.OPENSSL_VERSION}) {theirs:,.0f} MB/s: {ours / theirs:.2f} times",
        tls12_megabytes_per_second=round(ours, 1),
        ssl_megabytes_per_second=round(theirs, 1),
    )


def what_goes_wrong(demo: Demo) -> None:
    """An untrusted CA, a wrong name, a flipped bit, a missing end, a server that is not TLS: each caught."""
    stranger = ThrowawayCA("somebody else's CA")
    for title, ca, name, expected, complaint in (
        ("an untrusted CA", stranger, _NAME, errors.UnknownIssuer, Alert.UNKNOWN_CA),
        ("a wrong name", demo.ca, "example.org", errors.NameMismatch, Alert.BAD_CERTIFICATE),
    ):
        with _openssl_server(demo.openssl_server_context()) as server:
            error = _failure_of_connect(server.port, demo.client_config(ca), name)
        _check_failure(demo, title, error, expected, server, complaint)

    with _openssl_server(demo.openssl_server_context(), respond=_respond_and_listen) as server:
        error = _fetch_with_a_flipped_bit(server.port, demo.client_config())
    _check_failure(demo, "a flipped bit on the way", error, errors.BadRecordMac, server, Alert.BAD_RECORD_MAC)

    with _openssl_server(demo.openssl_server_context(), respond=_hang_up) as server:
        error = _failure_of_connect(server.port, demo.client_config(), _NAME)
    _check_failure(demo, "a connection cut short", error, errors.TruncatedError)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_speak_http, args=(listener,), daemon=True).start()
        error = _failure_of_connect(listener.getsockname()[1], demo.client_config(), _NAME)
    _check_failure(demo, "a server that does not speak TLS", error, errors.NotTLS)


def _check_failure(
    demo: Demo,
    title: str,
    error: Exception | None,
    expected: type[errors.TLSError],
    server: OpenSSLServer | None = None,
    alert: Alert | None = None,
) -> None:
    told = "" if server is None else f" [OpenSSL was told: {server.told or server.complaint}]"
    passed = isinstance(error, expected) and (server is None or server.told is alert)
    demo.check(title, passed, f"{error or 'nothing was noticed'}{told}")


def _failure_of_connect(port: int, config: ClientConfig, name: str) -> Exception | None:
    try:
        with sync.connect("127.0.0.1", port, config, server_name=name, timeout=_TIMEOUT) as tls:
            tls.sendall(_REQUEST)
            while tls.recv():
                pass
    except errors.TLSError as error:
        return error
    return None


def _fetch_with_a_flipped_bit(port: int, config: ClientConfig) -> Exception | None:
    """The loop of an application that has its own I/O, with bytes that are changed on the way."""
    connection = ClientConnection(config, _NAME)
    connection.initiate_handshake()
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as sock:
        sock.sendall(connection.data_to_send())
        while not connection.closed:
            data = bytearray(sock.recv(65536))
            if data and data[0] == ContentType.APPLICATION_DATA:
                data[-1] ^= 0x01
            handshaking = connection.negotiated is None
            connection.receive_data(data)
            if handshaking and connection.negotiated is not None:
                connection.send_data(_REQUEST)
            sock.sendall(connection.data_to_send())
    return next((event.error for event in connection.events() if isinstance(event, ConnectionFailed)), None)


def _respond_and_listen(tls: ssl.SSLSocket) -> None:
    """Send the page, and wait for what the client sends next: an alert."""
    tls.sendall(_RESPONSE)
    tls.recv(1)


def _hang_up(tls: ssl.SSLSocket) -> None:
    """Half a page, and the end of the TCP connection without a close_notify."""
    tls.sendall(_RESPONSE[:20])
    socket.socket(fileno=tls.detach()).close()
    raise ConnectionError("hung up on purpose")


def _speak_http(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock, _ = listener.accept()
        with sock:
            sock.recv(4096)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


# -- how fast


def _throughput(client: Connection, server: Connection, demo: Demo) -> tuple[float, float]:
    """Megabytes per second, sealed and opened: ours and those of CPython's ssl with the same suite; 0 for damage."""
    assert client.negotiated is not None
    suite = client.negotiated.cipher_suite.openssl_name
    assert suite is not None
    block = bytes(range(256)) * 64
    their_client, to_server, their_server = _openssl_pair(demo, suite)

    def ours() -> bool:
        client.send_data(block)
        server.receive_data(client.data_to_send())
        event = server.events()[0]
        return isinstance(event, DataReceived) and event.data == block

    def theirs() -> bool:
        their_client.write(block)
        to_server()
        return their_server.read(len(block)) == block

    best = [0.0, 0.0]
    for _ in range(_BULK_ROUNDS):
        for which, move in enumerate((ours, theirs)):
            count, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < _BULK_SECONDS:
                if not move():
                    return 0.0, 0.0
                count += 1
            best[which] = max(best[which], count * len(block) / elapsed / 1e6)
    return best[0], best[1]


def _openssl_pair(demo: Demo, suite: str) -> tuple[ssl.SSLObject, Callable[[], None], ssl.SSLObject]:
    """Two ends of CPython's ssl in memory, past their handshake, and what carries bytes to the server."""
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client_context = demo.openssl_client_context()
    client_context.set_ciphers(suite)
    client = client_context.wrap_bio(client_in, client_out, server_hostname=_NAME)
    server = demo.openssl_server_context().wrap_bio(server_in, server_out, server_side=True)
    for _ in range(3):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            server_in.write(client_out.read())
            client_in.write(server_out.read())

    def to_server() -> None:
        server_in.write(client_out.read())

    return client, to_server, server


@dataclass(frozen=True)
class Step:
    """A part of the demo: its title, what it does, and how many checks it must make."""

    title: str
    run: Callable[[Demo], None]
    checks: int


STEPS = (
    Step("Our client, over a blocking socket; OpenSSL serves", our_client, 5),
    Step("Our server, under asyncio; OpenSSL connects", our_server, 4),
    Step("Both ends ours, in memory", in_memory, 3),
    Step("When things go wrong", what_goes_wrong, 5),
)
