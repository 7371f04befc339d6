"""tls12.asyncio over real sockets: against OpenSSL, against ourselves, and against peers that misbehave."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import tls12.asyncio
from tests import ends, pki
from tests.adapters.streams import both_ends, closed, echo, opened, run, serving, transport_of
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, listening, outcome_of_openssl, read_to_end, server_config
from tls12 import (
    Accept,
    Alert,
    ClientAuth,
    ClientHelloReceived,
    Limits,
    PeerAlert,
    PeerCertificateReceived,
    Policy,
    Refuse,
    Renegotiation,
    ServerConnection,
    TicketKeys,
    TLSError,
    TruncatedError,
    UsageError,
)
from tls12.asyncio import TLSTransport
from tls12.errors import ApplicationRefused, BadRecordMac, KeysExhausted, NameMismatch, NotTLS, UnknownIssuer
from tls12.registry import ContentType

LONG = bytes(range(256)) * 4096
"""1 MiB."""


# --- the everyday


def test_a_client_talks_to_openssl_and_both_know_what_was_agreed() -> None:
    def serve(sock: socket.socket) -> bytes:
        with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
            asked = tls.recv(65536)
            tls.sendall(LONG)
            tls.unwrap()
            return asked

    async def main() -> None:
        with listening(serve) as (port, asked):
            reader, writer = await opened(port)
            negotiated = writer.get_extra_info("negotiated")
            assert negotiated.server_name == pki.NAME
            assert writer.get_extra_info("peername") == ("127.0.0.1", port)
            assert writer.get_extra_info("connection").negotiated is negotiated
            assert writer.get_extra_info("nothing", "default") == "default"
            writer.write(b"question")
            assert await reader.read() == LONG
            assert reader.at_eof()
            await closed(writer)
            assert asked.result() == b"question"

    run(main())


def test_openssl_talks_to_our_server() -> None:
    def ask(port: int) -> bytes:
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with loopback.openssl_client().wrap_socket(sock, server_hostname=pki.NAME) as tls:
            tls.sendall(b"line one\nline two\n")
            return read_to_end(tls)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines([await reader.readline(), b"and ", await reader.readline()])
        await writer.drain()
        writer.close()

    async def main() -> None:
        async with serving(handler) as port:
            assert await asyncio.to_thread(ask, port) == b"line one\nand line two\n"

    run(main())


def test_many_clients_at_once() -> None:
    async def one(port: int, number: int) -> None:
        reader, writer = await opened(port)
        message = f"client {number}\n".encode() * 1000
        writer.write(message)
        assert await reader.readexactly(len(message)) == message
        await closed(writer)

    async def main() -> None:
        async with serving() as port:
            await asyncio.gather(*(one(port, number) for number in range(20)))

    run(main())


def test_a_handler_may_be_a_plain_function() -> None:
    def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"at once")
        writer.close()

    async def main() -> None:
        async with serving(handler) as port:
            reader, writer = await opened(port)
            assert await reader.read() == b"at once"
            await closed(writer)

    run(main())


def test_a_second_connection_resumes_the_session_of_the_first() -> None:
    async def main() -> None:
        async with serving(config=server_config(ticket_keys=TicketKeys.generate())) as port:
            _, writer = await opened(port)
            session = writer.get_extra_info("connection").session
            await closed(writer)
            _, writer = await opened(port, session=session)
            assert writer.get_extra_info("negotiated").resumed
            await closed(writer)

    run(main())


def test_protocols_without_streams() -> None:
    class Upper(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data.upper())

    async def main() -> None:
        server = await tls12.asyncio.create_server(Upper, "127.0.0.1", 0, config=server_config())
        async with server:
            reader, writer = await opened(server.sockets[0].getsockname()[1])
            writer.write(b"quiet")
            assert await reader.readexactly(5) == b"QUIET"
            await closed(writer)

    run(main())


# --- flow control


def test_drain_waits_for_a_reader_that_is_slow_and_nothing_is_lost() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), (reader, _)):
            for _ in range(64):
                writer.write(LONG)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.1)
            held = transport_of(writer).get_write_buffer_size()
            assert held > transport_of(writer).get_write_buffer_limits()[1]
            await asyncio.sleep(0.05)
            assert transport_of(writer).get_write_buffer_size() == held  # the reader has stopped the peer
            received = 0
            while received < 64 * len(LONG):
                received += len(await reader.read(1 << 20))
            await writer.drain()

    run(main())


def test_readexactly_may_ask_for_more_than_the_reader_holds() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), (reader, _)):
            for _ in range(4):
                writer.write(LONG)
            assert await reader.readexactly(4 * len(LONG)) == 4 * LONG

    run(main())


def test_resuming_delivers_later_and_not_to_a_protocol_that_is_still_calling() -> None:
    async def main() -> None:
        async with serving(three_at_once) as port:
            transport, protocol = await opened_paused(port)
            await protocol.saw(1)
            transport.resume_reading()
            assert protocol.seen == [b"one"]
            await protocol.saw(2)
            transport.abort()

    run(main())


class Pausing(asyncio.Protocol):
    """A protocol that stops reading after every piece."""

    def __init__(self) -> None:
        self.seen: list[bytes | None] = []

    def connection_made(self, transport: Any) -> None:
        self.transport: TLSTransport = transport

    def data_received(self, data: bytes) -> None:
        self.seen.append(data)
        self.transport.pause_reading()

    def eof_received(self) -> None:
        self.seen.append(None)

    async def saw(self, count: int) -> None:
        """Wait for that many pieces."""
        while len(self.seen) < count:
            await asyncio.sleep(0.01)


async def three_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Three records and, when told, the end, each batch in one write to the network."""
    writer.writelines([b"one", b"two", b"three"])
    await reader.read(1)
    writer.writelines([b"four", b"five"])
    writer.close()


async def opened_paused(port: int) -> tuple[TLSTransport, Pausing]:
    """A client whose protocol pauses."""
    transport, protocol = await tls12.asyncio.create_connection(
        Pausing, "127.0.0.1", port, config=client_config(), server_name=pki.NAME
    )
    assert isinstance(protocol, Pausing)
    assert transport.get_protocol() is protocol
    return transport, protocol


class Records(asyncio.Protocol):
    """A protocol that keeps what it receives, record by record."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.seen.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


@asynccontextmanager
async def packing() -> AsyncIterator[tuple[asyncio.StreamWriter, Records]]:
    """A client that packs small writes, and what its server receives."""
    records = Records()
    server = await tls12.asyncio.create_server(lambda: records, "127.0.0.1", 0, config=server_config())
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await opened(port, client_config(pack_small_writes=True))
        yield writer, records
        writer.close()
        await records.ended.wait()


def test_small_writes_of_one_turn_of_the_loop_share_a_record_if_the_config_says_so() -> None:
    async def main() -> None:
        async with packing() as (writer, records):
            writer.write(b"one")
            writer.write(b"two")
            assert transport_of(writer).get_write_buffer_size() == 6
            await asyncio.sleep(0)
            assert transport_of(writer).get_write_buffer_size() == 0
            writer.write(b"three")
            writer.write(b"four")
            writer.close()  # behind them
            await records.ended.wait()
            assert records.seen == [b"onetwo", b"threefour"]

    run(main())


def test_packed_writes_feel_a_slow_network_though_the_loop_never_turns() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(100))
            await writer.drain()

    async def main() -> None:
        async with both_ends(client_config(pack_small_writes=True)) as ((_, writer), _):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(write(writer), 0.1)
            limit = transport_of(writer).get_write_buffer_limits()[1]
            assert limit < transport_of(writer).get_write_buffer_size() < limit + 40_000
            transport_of(writer).abort()

    run(main())


def test_an_abort_takes_packed_writes_with_it() -> None:
    async def main() -> None:
        async with packing() as (writer, records):
            writer.write(b"never sent")
            transport_of(writer).abort()
            await records.ended.wait()
            assert records.seen == []

    run(main())


def test_data_is_held_while_reading_is_paused_and_comes_in_order() -> None:
    async def main() -> None:
        async with serving(three_at_once) as port:
            transport, protocol = await opened_paused(port)
            for count in (1, 2, 3):
                await protocol.saw(count)
                await asyncio.sleep(0.02)
                assert protocol.seen == [b"one", b"two", b"three"][:count]
                assert not transport.is_reading()
                transport.resume_reading()
            assert transport.is_reading()
            transport.close()

    run(main())


def test_what_is_held_comes_before_the_end() -> None:
    async def main() -> None:
        async with serving(three_at_once) as port:
            transport, protocol = await opened_paused(port)
            for count in (1, 2, 3):
                await protocol.saw(count)
                transport.resume_reading()
            transport.write(b"!")
            await protocol.saw(6)
            assert protocol.seen[3:] == [b"four", b"five", None]
            assert transport.is_closing()

    run(main())


def test_a_connection_may_be_given_to_another_protocol() -> None:
    async def main() -> None:
        async with serving(three_at_once) as port:
            transport, first = await opened_paused(port)
            await first.saw(1)
            second = Pausing()
            second.connection_made(transport)
            transport.set_protocol(second)
            transport.resume_reading()
            await second.saw(1)
            assert (first.seen, second.seen) == ([b"one"], [b"two"])
            transport.abort()

    run(main())


def test_write_buffer_limits_are_those_of_the_tcp_transport() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), _):
            transport_of(writer).set_write_buffer_limits(high=1000, low=10)
            assert transport_of(writer).get_write_buffer_limits() == (10, 1000)

    run(main())


# --- the end, told apart


def truncating(sock: socket.socket, sent: bytes) -> None:
    """An OpenSSL server that is cut off without close_notify."""
    tls = loopback.openssl_server().wrap_socket(sock, server_side=True)
    tls.sendall(sent)
    socket.socket(fileno=tls.detach()).close()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"abc", lambda reader: reader.read(100)),
        (b"abc\n", lambda reader: reader.readline()),
        (b"abc|", lambda reader: reader.readuntil(b"|")),
        (b"abc", lambda reader: reader.readexactly(3)),
    ],
)
def test_bytes_before_a_truncation_are_given_out_before_it_is_raised(
    sent: bytes, read: Callable[[asyncio.StreamReader], Awaitable[bytes]]
) -> None:
    async def main() -> None:
        with listening(functools.partial(truncating, sent=sent)) as (port, _):
            reader, writer = await opened(port)
            await asyncio.sleep(0.1)  # both the data and the end are there before anybody reads
            assert await read(reader) == sent
            for again in (lambda: reader.read(1), reader.readline, lambda: reader.readexactly(1), reader.read):
                with pytest.raises(TruncatedError):
                    await again()
            assert isinstance(reader.exception(), TruncatedError)
            with pytest.raises(TruncatedError):
                await closed(writer)

    run(main())


@pytest.mark.parametrize("read", ["readline", "readexactly"])
def test_half_a_line_before_a_truncation_is_the_cause_of_the_error(read: str) -> None:
    async def main() -> None:
        with listening(functools.partial(truncating, sent=b"half a l")) as (port, _):
            reader, writer = await opened(port)
            with pytest.raises(TruncatedError) as cut:
                await (reader.readline() if read == "readline" else reader.readexactly(100))
            assert isinstance(cut.value.__cause__, asyncio.IncompleteReadError)
            assert cut.value.__cause__.partial == b"half a l"
            writer.close()

    run(main())


def test_a_clean_end_before_enough_bytes_is_an_incomplete_read() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, _), (_, server)):
            server.write(b"abc")
            server.close()
            with pytest.raises(asyncio.IncompleteReadError):
                await reader.readexactly(4)
            with pytest.raises(asyncio.IncompleteReadError):
                await reader.readuntil(b"\n")
            assert await reader.readline() == b""

    run(main())


def test_half_close_lets_the_other_direction_go_on() -> None:
    async def main() -> None:
        async with both_ends(client_config(half_close=True), server_config(half_close=True)) as ends:
            (reader, writer), (server_reader, server_writer) = ends
            assert writer.can_write_eof()
            writer.write(b"the question")
            writer.write_eof()
            writer.write_eof()
            for write in (lambda: writer.write(b"more"), lambda: writer.writelines([b"more"])):
                with pytest.raises(RuntimeError, match="after write_eof"):
                    write()
            assert await server_reader.read() == b"the question"
            server_writer.write(b"the answer")
            server_writer.write_eof()
            assert await reader.read() == b"the answer"
            await writer.wait_closed()

    run(main())


def test_write_eof_needs_a_config_that_allows_half_close() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), _):
            assert not writer.can_write_eof()
            with pytest.raises(NotImplementedError):
                writer.write_eof()

    run(main())


def test_writing_while_closing_does_nothing_and_drain_tells() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), _):
            writer.close()
            writer.close()
            assert writer.is_closing()
            writer.write(b"too late")
            writer.writelines([b"too late"])
            await writer.wait_closed()
            with pytest.raises(ConnectionResetError):
                await writer.drain()

    run(main())


def test_everything_written_arrives_before_the_close_notify() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), (reader, _)):
            for _ in range(32):
                writer.write(LONG)
            writer.close()
            assert len(await reader.read()) == 32 * len(LONG)
            await writer.wait_closed()

    run(main())


def test_an_abort_is_seen_as_a_truncation() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), (reader, _)):
            transport_of(writer).abort()
            with pytest.raises((TruncatedError, ConnectionResetError)):
                await reader.read()

    run(main())


def test_a_closing_connection_does_not_wait_for_a_peer_that_never_closes() -> None:
    def serve(sock: socket.socket) -> None:
        tls = loopback.openssl_server().wrap_socket(sock, server_side=True)
        time.sleep(0.5)
        tls.close()

    async def main() -> None:
        with listening(serve) as (port, _):
            _, writer = await opened(port, close_timeout=0.1)
            started = time.monotonic()
            await closed(writer)
            assert 0.05 < time.monotonic() - started < 0.45

    run(main())


def test_a_closing_connection_gives_up_on_a_peer_that_takes_nothing_and_says_that_data_was_lost() -> None:
    async def main() -> None:
        async with both_ends(close_timeout=0.1) as ((_, writer), (_, server_writer)):
            transport_of(server_writer).pause_reading()
            for _ in range(32):
                writer.write(LONG)
            writer.close()
            with pytest.raises(TimeoutError, match="took none of the last"):
                await writer.wait_closed()

    run(main())


def test_a_closing_connection_is_patient_with_a_peer_that_is_slow() -> None:
    async def main() -> None:
        async with both_ends(close_timeout=0.5) as ((_, writer), (reader, _)):
            for _ in range(32):
                writer.write(LONG)
            writer.close()
            received = 0
            while data := await reader.read(1 << 20):
                received += len(data)
                await asyncio.sleep(0.005)
            assert received == 32 * len(LONG)
            await writer.wait_closed()

    run(main())


def test_a_tcp_connection_that_goes_away_underneath_is_no_clean_end() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, writer), _):
            transport_of(writer)._raw.abort()
            with pytest.raises(ConnectionAbortedError):
                await reader.read()

    run(main())


# --- failures


@pytest.mark.parametrize(
    ("settings", "name", "error", "told"),
    [
        ({}, "other.test", NameMismatch, "SSLV3_ALERT_BAD_CERTIFICATE"),
        (
            {"verifier": tls12.X509Verifier(tls12.TrustStore.from_pem(pki.root(name="Unknown root").pem))},
            pki.NAME,
            UnknownIssuer,
            "TLSV1_ALERT_UNKNOWN_CA",
        ),
    ],
)
def test_the_alert_is_out_before_the_handshake_fails(
    settings: dict[str, Any], name: str, error: type[Exception], told: str
) -> None:
    async def main() -> None:
        with listening(outcome_of_openssl) as (port, complaint):
            with pytest.raises(error):
                await tls12.asyncio.open_connection(
                    "127.0.0.1", port, config=client_config(**settings), server_name=name
                )
            assert complaint.result() == told

    run(main())


def test_the_alert_is_out_even_if_the_loop_ends_at_once() -> None:
    async def main(port: int) -> None:
        await tls12.asyncio.open_connection("127.0.0.1", port, config=client_config(), server_name="other.test")

    with listening(outcome_of_openssl) as (port, complaint):
        with pytest.raises(NameMismatch):
            asyncio.run(main(port))
        assert complaint.result() == "SSLV3_ALERT_BAD_CERTIFICATE"


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_flipped_bit_is_caught_after_what_came_before_and_the_peer_is_told(role: str) -> None:
    async def main() -> None:
        async with both_ends() as ends:
            (honest_reader, honest), (victim_reader, _) = ends if role == "server" else reversed(ends)
            honest.write(b"before")
            connection = honest.get_extra_info("connection")
            connection.send_data(b"to be altered")
            sealed = bytearray(connection.data_to_send())
            sealed[-1] ^= 0x80
            transport_of(honest)._raw.write(sealed)
            with pytest.raises(PeerAlert) as told:
                await honest_reader.read()
            assert told.value.received is Alert.BAD_RECORD_MAC
            assert await victim_reader.read(100) == b"before"
            with pytest.raises(BadRecordMac):
                await victim_reader.read(100)

    run(main())


@pytest.mark.usefixtures("patient")
def test_a_writer_whose_keys_are_used_up_is_told_even_if_the_peer_says_nothing() -> None:
    async def main() -> None:
        limits = Limits(records_per_key=3)
        async with both_ends(client_config(limits=limits), close_timeout=3600.0) as ((reader, writer), (_, theirs)):
            transport_of(theirs).pause_reading()
            for data in (b"one", b"two", b"three"):
                writer.write(data)
            assert writer.is_closing()
            with pytest.raises(KeysExhausted):
                await reader.read()
            transport_of(theirs).resume_reading()

    run(main())


def test_what_its_owner_aborts_is_over_for_readers_too() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, writer), (their_reader, _)):
            writer.get_extra_info("connection").abort(Alert.ACCESS_DENIED)
            transport_of(writer).flush()
            with pytest.raises(TLSError, match="aborted by its owner"):
                await reader.read()
            with pytest.raises(PeerAlert) as told:
                await their_reader.read()
            assert told.value.received is Alert.ACCESS_DENIED

    run(main())


def test_a_handshake_that_its_owner_gives_up_ends() -> None:
    def give_up(_: PeerCertificateReceived) -> Accept:
        made[0].close()
        return Accept()

    made: list[ServerConnection] = []

    def make(config: Any, **settings: Any) -> ServerConnection:
        made.append(ServerConnection(config, **settings))
        return made[0]

    async def main() -> None:
        failures: list[BaseException] = []
        async with serving(
            config=server_config(client_auth=ClientAuth.REQUIRED, verifier=ends.verifier()),
            answers={PeerCertificateReceived: give_up},
            make_connection=make,
            on_failure=lambda _, error: failures.append(error),
        ) as port:
            credential = ends.credential_of(pki.client())
            with pytest.raises((tls12.TLSError, OSError)):
                await opened(port, client_config(credentials=(credential,)))
            while not failures:
                await asyncio.sleep(0.01)
        assert isinstance(failures[0], ConnectionAbortedError)

    run(main())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed connections linger for longer than any test."""
    monkeypatch.setattr("tls12.driver.driver.LINGER", 3600.0)


@pytest.mark.usefixtures("patient")
def test_a_handshake_that_fails_says_so_before_the_peer_hangs_up() -> None:
    told = threading.Event()

    def serve(sock: socket.socket) -> bytes:
        sock.sendall(b"SSH-2.0-a-server-that-waits\r\n")
        assert told.wait(PATIENCE)
        return read_to_end(sock)

    async def main() -> None:
        with listening(serve) as (port, heard):
            with pytest.raises(NotTLS):
                await opened(port, close_timeout=3600.0)
            told.set()
            said = await asyncio.to_thread(heard.result)
            assert said[-7:] == bytes((ContentType.ALERT, 3, 3, 0, 2, 2, Alert.UNEXPECTED_MESSAGE))

    run(main())


@pytest.mark.usefixtures("patient")
def test_a_connection_that_fails_says_so_before_the_peer_hangs_up() -> None:
    async def main() -> None:
        async with both_ends(close_timeout=3600.0) as ((reader, writer), (_, honest)):
            transport_of(honest).pause_reading()  # so it hears no alert, and does not hang up
            transport_of(honest)._raw.write(bytes((ContentType.APPLICATION_DATA, 3, 3, 0, 32)) + bytes(32))
            with pytest.raises(BadRecordMac):
                await reader.read()
            with pytest.raises(BadRecordMac):
                await closed(writer)
            transport_of(honest).resume_reading()

    run(main())


@pytest.mark.usefixtures("patient")
def test_a_failure_is_told_only_when_the_alert_is_out() -> None:
    """The peer takes nothing for a while, so the alert waits behind megabytes of data."""

    async def main() -> None:
        async with both_ends(close_timeout=3600.0) as ((reader, writer), (their_reader, honest)):
            transport_of(honest).pause_reading()
            for _ in range(16):
                writer.write(LONG)
            transport_of(honest)._raw.write(bytes((ContentType.APPLICATION_DATA, 3, 3, 0, 32)) + bytes(32))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.2)
            assert writer.transport.is_closing()
            transport_of(honest).resume_reading()
            assert await their_reader.readexactly(16 * len(LONG)) == 16 * LONG
            with pytest.raises(PeerAlert) as told:
                await their_reader.read()
            assert told.value.received is Alert.BAD_RECORD_MAC
            with pytest.raises(BadRecordMac):
                await reader.read()

    run(main())


@pytest.mark.usefixtures("patient")
def test_a_loop_that_ends_takes_lingering_connections_with_it() -> None:
    async def main() -> None:
        async with both_ends(close_timeout=3600.0) as ((reader, _), (_, honest)):
            transport_of(honest).pause_reading()
            transport_of(honest)._raw.write(bytes((ContentType.APPLICATION_DATA, 3, 3, 0, 32)) + bytes(32))
            with pytest.raises(BadRecordMac):
                await reader.read()
            honest.transport.abort()

    run(main())
    gc.collect()  # a transport that was forgotten would warn, and a warning fails the test


def test_an_uploading_peer_learns_the_reason_and_not_just_a_reset() -> None:
    """The victim of a damaged upload reads on for a moment, so that its alert is not overtaken by a reset."""

    async def main() -> None:
        async with both_ends() as ((reader, writer), _):
            connection = writer.get_extra_info("connection")
            connection.send_data(b"to be altered")
            sealed = bytearray(connection.data_to_send())
            sealed[-1] ^= 0x80
            transport_of(writer)._raw.write(sealed)

            async def upload() -> None:
                while True:
                    writer.write(LONG)
                    await writer.drain()

            with pytest.raises(PeerAlert) as told:
                await upload()
            assert told.value.received is Alert.BAD_RECORD_MAC
            with pytest.raises(PeerAlert):
                await reader.read()

    run(main())


BAD_CLIENTS: dict[str, bytes | None] = {
    "an HTTP request": b"GET / HTTP/1.1\r\n\r\n",
    "noise": bytes(range(200)),
    "an alert": bytes((ContentType.ALERT, 3, 3, 0, 2, 2, Alert.HANDSHAKE_FAILURE)),
    "nothing and the end": b"",
}


@pytest.mark.parametrize("kind", BAD_CLIENTS)
def test_a_client_that_fails_takes_nothing_down(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        failures: list[BaseException] = []
        async with serving(on_failure=lambda transport, error: failures.append(error)) as port:
            bad_reader, bad_writer = await asyncio.open_connection("127.0.0.1", port)
            bad_writer.write(BAD_CLIENTS[kind] or b"")
            if not BAD_CLIENTS[kind]:
                bad_writer.close()
            answer = await bad_reader.read()
            if kind in ("an HTTP request", "noise"):
                assert answer[0] == ContentType.ALERT
            bad_writer.close()
            reader, writer = await opened(port)
            writer.write(b"still there?")
            assert await reader.readexactly(12) == b"still there?"
            await closed(writer)
            assert len(failures) == 1

    run(main())


def test_a_failed_handshake_is_logged_unless_somebody_listens(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"SSH-2.0-OpenSSH\r\n")
            await reader.read()
            writer.close()
            await asyncio.sleep(0.05)

    with caplog.at_level(logging.INFO, "tls12"):
        run(main())
    assert "SSH" in caplog.text


def test_a_handler_that_raises_ends_its_connection_with_internal_error() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"half an ans")
        raise ZeroDivisionError("a bug of the application")

    async def main() -> None:
        heard: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        async with serving(handler) as port:
            for _ in range(2):
                reader, writer = await opened(port)
                assert await reader.read(100) == b"half an ans"
                with pytest.raises(PeerAlert) as told:
                    await reader.read(100)
                assert told.value.received is Alert.INTERNAL_ERROR
                writer.close()
        assert [type(context["exception"]) for context in heard] == [ZeroDivisionError] * 2

    asyncio.run(main())


def test_a_handler_that_lets_a_failure_through_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving() as port:
            _, writer = await opened(port)
            transport_of(writer).abort_with(Alert.ACCESS_DENIED)
            await writer.wait_closed()
            await asyncio.sleep(0.05)

    with caplog.at_level(logging.INFO, "tls12"):
        run(main())
    assert "access_denied" in caplog.text


def test_a_protocol_that_does_not_want_its_connection_fails_the_caller_too() -> None:
    class Unwilling(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            raise RuntimeError("not now")

    async def main() -> None:
        async with serving() as port:
            with pytest.raises(RuntimeError, match="not now"):
                await tls12.asyncio.create_connection(
                    Unwilling, "127.0.0.1", port, config=client_config(), server_name=pki.NAME
                )

    run(main())


def test_a_handler_that_finds_its_client_gone_while_it_writes_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    ended = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(LONG)
                await writer.drain()
        finally:
            ended.set()

    async def main() -> None:
        async with serving(handler) as port:
            _, writer = await opened(port)
            writer.get_extra_info("connection").abort(Alert.USER_CANCELED)
            transport_of(writer).flush()
            await ended.wait()

    with caplog.at_level(logging.INFO, "tls12.asyncio"):
        run(main())
    assert "the peer sent the fatal alert user_canceled" in caplog.text


def test_a_protocol_that_raises_fails_its_own_connection_with_an_alert() -> None:
    class Broken(asyncio.Protocol):
        lost: list[Exception | None]

        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

        def connection_lost(self, exc: Exception | None) -> None:
            outcomes.append(exc)

    outcomes: list[Exception | None] = []

    async def main() -> None:
        server = await tls12.asyncio.create_server(Broken, "127.0.0.1", 0, config=server_config())
        async with server:
            reader, writer = await opened(server.sockets[0].getsockname()[1])
            writer.write(b"boom")
            with pytest.raises(PeerAlert) as told:
                await reader.read()
            assert told.value.received is Alert.INTERNAL_ERROR
            writer.close()
            while not outcomes:
                await asyncio.sleep(0.01)
            assert isinstance(outcomes[0], ZeroDivisionError)

    run(main())


def test_what_a_verifier_raises_comes_through_after_the_alert() -> None:
    class Broken(tls12.AcceptAnyPeer):
        def verify(self, peer: Any) -> tuple[bytes, ...]:
            raise ZeroDivisionError("a bug of the application")

    async def main() -> None:
        with listening(outcome_of_openssl) as (port, complaint):
            with pytest.raises(ZeroDivisionError):
                await opened(port, client_config(verifier=Broken()))
            assert complaint.result() == "TLSV1_ALERT_INTERNAL_ERROR"

    run(main())


# --- time and cancellation


@pytest.mark.parametrize("stop", ["its own time-out", "cancellation"])
def test_a_silent_server_cannot_hold_a_client(stop: str) -> None:
    async def main() -> None:
        with listening(lambda sock: read_to_end(sock)) as (port, received):
            attempt = (
                asyncio.wait_for(opened(port), 0.1) if stop == "cancellation" else opened(port, handshake_timeout=0.1)
            )
            with pytest.raises(TimeoutError):
                await attempt
            assert (await asyncio.wrap_future(received))[0] == ContentType.HANDSHAKE  # the end has arrived there

    run(main())


def test_a_silent_client_cannot_hold_a_server() -> None:
    async def main() -> None:
        failures: list[BaseException] = []
        options: dict[str, Any] = {"on_failure": lambda transport, error: failures.append(error)}
        async with serving(handshake_timeout=0.1, **options) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
            assert isinstance(failures[0], TimeoutError)

    run(main())


def test_without_a_handshake_timeout_nobody_is_hurried() -> None:
    async def main() -> None:
        async with serving(handshake_timeout=None) as port:
            _, writer = await opened(port, handshake_timeout=None)
            await closed(writer)

    run(main())


def test_a_cancelled_handler_cuts_its_connection_and_the_client_can_tell() -> None:
    async def main() -> None:
        running: list[asyncio.Task[None]] = []

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            running.append(task)
            await asyncio.sleep(PATIENCE)

        async with serving(handler) as port:
            reader, writer = await opened(port)
            while not running:
                await asyncio.sleep(0.01)
            running[0].cancel()
            with pytest.raises((TruncatedError, ConnectionResetError)):
                await reader.read()
            writer.close()

    run(main())


def test_a_cancelled_read_loses_nothing() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, _), (_, server)):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(6), 0.05)
            server.write(b"abcdef")
            assert await reader.readexactly(6) == b"abcdef"

    run(main())


# --- pausing, renegotiating


def test_an_answer_may_be_a_coroutine_that_takes_its_time() -> None:
    async def look_up(event: ClientHelloReceived) -> Any:
        await asyncio.sleep(0.05)
        return server_config(alpn_protocols=("chosen",)) if event.server_name == pki.NAME else None

    async def main() -> None:
        async with serving(answers={ClientHelloReceived: look_up}) as port:
            _, writer = await opened(port, client_config(alpn_protocols=("other", "chosen")))
            assert writer.get_extra_info("negotiated").alpn_protocol == "chosen"
            await closed(writer)

    run(main())


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="tasks are never eager before CPython 3.12")
def test_an_answer_may_come_at_once_out_of_an_eager_task() -> None:
    async def no_other_config(_: ClientHelloReceived) -> None:
        """Nothing to wait for."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(len(LONG) // 1024):
            await reader.readexactly(1024)  # so that the reader pauses now and then
        writer.write(b"everything came")
        writer.close()

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with serving(slow, answers={ClientHelloReceived: no_other_config}) as port:
            reader, writer = await opened(port)
            writer.write(LONG)
            assert await reader.read() == b"everything came"
            await closed(writer)

    run(main())


def test_a_client_may_look_at_the_certificate_before_it_goes_on() -> None:
    seen: list[PeerCertificateReceived] = []

    async def refuse(event: PeerCertificateReceived) -> Refuse:
        seen.append(event)
        return Refuse(Alert.CERTIFICATE_UNKNOWN)

    async def main() -> None:
        with listening(outcome_of_openssl) as (port, complaint):
            with pytest.raises(ApplicationRefused):
                await opened(port, answers={PeerCertificateReceived: refuse})
            assert complaint.result() == "SSLV3_ALERT_CERTIFICATE_UNKNOWN"
            assert len(seen[0].verified_chain) == 3

    run(main())


@pytest.mark.parametrize("later", [False, True])
def test_an_answer_that_raises_fails_the_handshake_with_internal_error(later: bool) -> None:
    async def broken_later(event: ClientHelloReceived) -> None:
        raise ZeroDivisionError

    def broken(event: ClientHelloReceived) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        failures: list[BaseException] = []
        async with serving(
            answers={ClientHelloReceived: broken_later if later else broken},
            on_failure=lambda transport, error: failures.append(error),
        ) as port:
            with pytest.raises(PeerAlert) as told:
                await opened(port)
            assert told.value.received is Alert.INTERNAL_ERROR
            while not failures:
                await asyncio.sleep(0.01)
            assert isinstance(failures[0], ZeroDivisionError)

    run(main())


def test_a_connection_lost_while_an_answer_is_awaited_cancels_it() -> None:
    async def main() -> None:
        cancelled = asyncio.Event()

        async def look_up(event: ClientHelloReceived) -> None:
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        async with serving(answers={ClientHelloReceived: look_up}, handshake_timeout=0.1) as port:
            with pytest.raises((TruncatedError, ConnectionResetError)):
                await opened(port)
            await cancelled.wait()

    run(main())


def test_client_certificates_under_asyncio() -> None:
    async def main() -> None:
        config = server_config(client_auth=ClientAuth.REQUIRED, verifier=ends.verifier())
        ours = client_config(credentials=(ends.credential_of(pki.client()),))
        async with both_ends(ours, config) as (_, (_, server)):
            assert server.get_extra_info("negotiated").peer_certificates[0] == pki.client().chain_der[0]

    run(main())


def test_a_renegotiation_that_the_policy_does_not_allow_is_declined_and_nothing_is_lost() -> None:
    async def main() -> None:
        asking = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
        async with both_ends(server=server_config(policy=asking)) as ((reader, writer), (their_reader, server)):
            server.get_extra_info("connection").renegotiate()
            transport_of(server).flush()
            server.write(b"before the answer")
            assert await reader.readexactly(17) == b"before the answer"
            writer.write(b"no, thank you")
            assert await their_reader.readexactly(13) == b"no, thank you"

    run(main())


def test_a_renegotiation_that_the_policy_allows_happens_by_itself() -> None:
    async def main() -> None:
        policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
        async with both_ends(client_config(policy=policy), server_config(policy=policy)) as ends:
            (reader, _), (_, server) = ends
            before = server.get_extra_info("negotiated")
            server.get_extra_info("connection").renegotiate()
            transport_of(server).flush()
            while server.get_extra_info("negotiated") is before:
                await asyncio.sleep(0.01)
            server.write(b"new keys")
            assert await reader.readexactly(8) == b"new keys"

    run(main())


def test_a_connection_of_ones_own_making() -> None:
    seen: list[str] = []
    make = functools.partial(ServerConnection, on_message=lambda sender, message, size: seen.append(sender))

    async def main() -> None:
        async with serving(make_connection=make) as port:
            _, writer = await opened(port)
            await closed(writer)

    run(main())
    assert set(seen) == {"client", "server"}


def test_a_mistake_in_the_name_or_the_config_is_found_before_anything_is_sent() -> None:
    async def main() -> None:
        with pytest.raises(UsageError):
            await tls12.asyncio.open_connection("127.0.0.1", 1, config=client_config(), server_name="no name")
        with pytest.raises(UsageError, match="handler is None; give a function that takes a reader and a writer"):
            await tls12.asyncio.start_server(None, "127.0.0.1", 0, config=server_config())  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="a server needs a ServerConfig"):
            await tls12.asyncio.start_server(echo, "127.0.0.1", 0, config=client_config())

    run(main())


def test_its_printed_form_says_where_it_stands() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), _):
            assert repr(writer.transport) == "<TLSTransport ESTABLISHED>"
            writer.close()
            assert "closing" in repr(writer.transport)

    run(main())
