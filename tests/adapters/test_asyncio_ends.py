"""Every reading call of asyncio streams, at every kind of end: what arrived is given out, then the end is told.

A table of calls meets the table of ends (`ends_told.py`, shared with sync). Then every wait is
cancelled, which loses nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.adapters.ends_told import ENDS, FORGED, RESET, SENT, Told, check
from tests.adapters.streams import both_ends, closed, echo, opened, run, serving, transport_of
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, listening
from tls12 import Alert, ClientHelloReceived, Policy, Renegotiation, TruncatedError, UsageError
from tls12.asyncio import TLSStreamReader, TLSStreamWriter
from tls12.connection import Connection
from tls12.errors import PeerIncompatible

# --- the calls: each reads until the end or an error


async def by_read_to_end(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    got.append(await reader.read())


async def by_read(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    while data := await reader.read(1000):
        got.append(data)


async def by_at_eof(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    while not reader.at_eof():
        got.append(await reader.read(1000))


async def by_at_eof_slowly(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    while not reader.at_eof():
        got.append(await reader.read(10_000))
        await asyncio.sleep(0.02)


async def by_readline(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    while line := await reader.readline():
        got.append(line)


async def by_iteration(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    async for line in reader:
        got.append(line)


async def by_readuntil(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    await until_incomplete(lambda: reader.readuntil(b"\n"), got)


async def by_readexactly(reader: asyncio.StreamReader, got: list[bytes]) -> None:
    await until_incomplete(lambda: reader.readexactly(777), got)


async def until_incomplete(read: Callable[[], Awaitable[bytes]], got: list[bytes]) -> None:
    try:
        while True:
            got.append(await read())
    except asyncio.IncompleteReadError as end:
        got.append(end.partial)


CALLS = [function for name, function in list(globals().items()) if name.startswith("by_")]


# --- the ends: how the peer ends as each name of the table says


def close_notify(writer: asyncio.StreamWriter) -> None:
    connection_of(writer).close()
    transport_of(writer).flush()


def close_notify_and_fin(writer: asyncio.StreamWriter) -> None:
    writer.close()


def fin(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").shutdown(socket.SHUT_WR)


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport_of(writer).abort()


def fatal_alert(writer: asyncio.StreamWriter) -> None:
    transport_of(writer).abort_with(Alert.ACCESS_DENIED)


def forged_record(writer: asyncio.StreamWriter) -> None:
    transport_of(writer)._raw.write(FORGED)


MAKE_END = {act.__name__: act for act in (close_notify, close_notify_and_fin, fin, reset, fatal_alert, forged_record)}


def connection_of(writer: asyncio.StreamWriter) -> Connection:
    connection: Connection = writer.get_extra_info("connection")
    return connection


async def outcome_of(call: Any, reader: asyncio.StreamReader, got: list[bytes]) -> Told:
    try:
        await call(reader, got)
    except OSError as error:
        return Told.by(error)
    return Told(None)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("late", [False, True], ids=["all is there", "the reader waits"])
def test_a_read_gives_out_what_arrived_and_then_tells_the_end(call: Any, end: str, late: bool) -> None:
    async def main() -> None:
        got: list[bytes] = []
        async with both_ends() as ((reader, _), (_, theirs)):

            async def send() -> None:
                theirs.write(SENT)
                await asyncio.sleep(0.03)
                MAKE_END[end](theirs)

            sending = asyncio.create_task(send())
            if not late:
                await sending
                await asyncio.sleep(0.05)
            told = await outcome_of(call, reader, got)
            await sending
            check(told, end, got)
            assert reader.at_eof()
            if told.kind is None:
                assert await reader.read() == b""
                return
            for again in (reader.read, lambda: reader.read(1), reader.readline, lambda: reader.readexactly(1)):
                with pytest.raises(told.kind):
                    await again()
            assert isinstance(reader.exception(), told.kind)

    run(main())


def test_the_end_of_a_truncated_stream_is_not_reached_before_a_read_has_raised() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, _), (_, theirs)):
            fin(theirs)
            await asyncio.sleep(0.05)
            assert not reader.at_eof()
            with pytest.raises(TruncatedError):
                await reader.read(1)
            assert reader.at_eof()

    run(main())


def test_a_failure_behind_the_peers_close_notify_takes_nothing_back() -> None:
    async def main() -> None:
        reader = TLSStreamReader()
        reader.feed_data(b"all")
        reader.feed_eof()
        reader.set_exception(ConnectionResetError())
        assert await reader.read() == b"all"
        assert await reader.read(1) == b""
        assert isinstance(reader.exception(), ConnectionResetError)

    run(main())


def test_openssl_without_close_notify_is_a_truncation_behind_all_that_it_sent() -> None:
    def serve(sock: socket.socket) -> None:
        tls = loopback.openssl_server().wrap_socket(sock, server_side=True)
        tls.sendall(SENT * 10)
        socket.socket(fileno=tls.detach()).close()

    async def main() -> None:
        with listening(serve) as (port, _):
            reader, writer = await opened(port)
            told = await outcome_of(by_read_to_end, reader, [])
            assert (told.kind, told.partial) == (TruncatedError, SENT * 10)
            writer.close()

    run(main())


@pytest.mark.parametrize("by", ["close", "abort"])
def test_what_another_task_of_this_side_closes_is_not_blamed_on_the_peer(by: str) -> None:
    async def main() -> None:
        async with both_ends() as ((reader, writer), (_, theirs)):
            theirs.write(b"half")
            reading = asyncio.create_task(reader.read())
            await asyncio.sleep(0.05)
            getattr(transport_of(writer), by)()
            assert await asyncio.wait_for(reading, PATIENCE) == b"half"

    run(main())


# --- cancellation


@pytest.mark.parametrize(
    "read",
    [
        lambda reader: reader.read(),
        lambda reader: reader.read(100),
        lambda reader: reader.readline(),
        lambda reader: reader.readexactly(30_000),
        lambda reader: reader.readuntil(b"!"),
    ],
    ids=["read to end", "read", "readline", "readexactly", "readuntil"],
)
@pytest.mark.parametrize("bound", [asyncio.wait_for, None], ids=["wait_for", "timeout"])
def test_a_read_that_is_cancelled_again_and_again_loses_nothing(read: Any, bound: Any) -> None:
    total = b"".join(b"piece %d\n" % number * 9 for number in range(60)) * 3

    async def main() -> None:
        async with both_ends() as ((reader, _), (_, theirs)):

            async def send() -> None:
                for start in range(0, len(total), 97):
                    theirs.write(total[start : start + 97])
                    await asyncio.sleep(0.003)  # several times as long as a read may take
                theirs.close()

            async def once() -> bytes:
                if bound is not None:
                    return await bound(read(reader), 0.0007)
                async with asyncio.timeout(0.0007):
                    return await read(reader)

            sending = asyncio.create_task(send())
            got, cancelled = [], 0
            while not reader.at_eof():
                try:
                    got.append(await once())
                except TimeoutError:
                    cancelled += 1
                except asyncio.IncompleteReadError as end:
                    got.append(end.partial)
            await sending
            assert b"".join(got) == total
            assert cancelled

    run(main())


def test_a_drain_that_is_cancelled_again_and_again_sends_each_byte_once() -> None:
    block = bytes(range(256)) * 1024

    async def main() -> None:
        async with both_ends() as ((_, writer), (theirs, _)):

            async def receive() -> bytes:
                received = bytearray()
                while data := await theirs.read(65536):
                    received += data
                    await asyncio.sleep(0.001)
                return bytes(received)

            receiving = asyncio.create_task(receive())
            cancelled = 0
            for _ in range(40):
                writer.write(block)
                while True:
                    try:
                        await asyncio.wait_for(writer.drain(), 0.001)
                        break
                    except TimeoutError:
                        cancelled += 1
            writer.close()
            assert await receiving == block * 40
            assert cancelled

    run(main())


def test_a_wait_for_the_end_that_is_cancelled_does_not_spoil_the_next() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), _):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 0.01)
            await closed(writer)

    run(main())


@pytest.mark.parametrize("seconds", [0, 0.001, 0.002, 0.004])
def test_a_handshake_that_is_cancelled_leaves_nothing_behind(seconds: float) -> None:
    async def main() -> None:
        async with serving() as port:
            try:
                _, writer = await asyncio.wait_for(opened(port), seconds)
            except TimeoutError:
                await asyncio.sleep(0.05)
            else:
                await closed(writer)
            reader, writer = await opened(port)
            writer.write(b"still served")
            assert await reader.readexactly(12) == b"still served"
            await closed(writer)

    run(main())


def test_an_exception_that_is_none_in_the_middle_of_a_step_ends_the_connection_and_goes_on() -> None:
    class Interrupted(BaseException):
        pass

    async def main() -> None:
        async with both_ends() as ((reader, writer), (_, theirs)):
            theirs.write(b"before")
            assert await reader.read(100) == b"before"
            transport = transport_of(writer)

            def interrupted(data: bytes) -> None:
                raise Interrupted

            driver = transport._driver
            driver.connection = Interrupting(driver.connection, interrupted)  # type: ignore[assignment]
            with pytest.raises(Interrupted):
                transport.data_received(b"whatever")
            with pytest.raises(ConnectionAbortedError, match="an exception interrupted"):
                await reader.read(100)

    run(main())


class Interrupting:
    """A connection one of whose methods is replaced."""

    def __init__(self, connection: Connection, receive_data: Callable[[bytes], None]) -> None:
        self._connection = connection
        self.receive_data = receive_data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


# --- renegotiation

ALLOW = Policy.default().replace(renegotiation=Renegotiation.ALLOW)


def config(side: str, policy: Policy) -> Any:
    return loopback.client_config(policy=policy) if side == "client" else loopback.server_config(policy=policy)


@pytest.mark.parametrize("side", ["client", "server"])
def test_the_end_of_a_renegotiation_can_be_awaited(side: str) -> None:
    async def main() -> None:
        async with both_ends(config("client", ALLOW), config("server", ALLOW)) as (ours, theirs):
            (reader, writer), (other_reader, other_writer) = (ours, theirs) if side == "client" else (theirs, ours)
            assert isinstance(writer, TLSStreamWriter)
            before = writer.get_extra_info("negotiated")
            after = await asyncio.wait_for(writer.renegotiate(), PATIENCE)
            assert after is writer.get_extra_info("negotiated")
            assert after.client_random != before.client_random
            writer.write(b"behind it")
            assert await other_reader.readexactly(9) == b"behind it"
            other_writer.write(b"so am I")
            assert await reader.readexactly(7) == b"so am I"

    run(main())


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_renegotiation_that_the_peer_refuses_is_told_and_the_connection_goes_on(side: str) -> None:
    refusing = "server" if side == "client" else "client"
    policies = {side: ALLOW, refusing: Policy.default()}

    async def main() -> None:
        async with both_ends(*(config(name, policies[name]) for name in ("client", "server"))) as (ours, theirs):
            (reader, writer), (other_reader, other_writer) = (ours, theirs) if side == "client" else (theirs, ours)
            assert isinstance(writer, TLSStreamWriter)
            with pytest.raises(PeerIncompatible, match="refused to renegotiate"):
                await asyncio.wait_for(writer.renegotiate(), PATIENCE)
            writer.write(b"go on")
            assert await other_reader.readexactly(5) == b"go on"
            other_writer.write(b"yes")
            assert await reader.readexactly(3) == b"yes"

    run(main())


def test_a_renegotiation_ends_with_its_connection_for_whoever_waits() -> None:
    async def main() -> None:
        async with both_ends(config("client", ALLOW), config("server", ALLOW)) as ((_, writer), (_, theirs)):
            assert isinstance(writer, TLSStreamWriter)
            transport_of(theirs)._raw.pause_reading()
            waiting = asyncio.create_task(writer.renegotiate())
            await asyncio.sleep(0.02)
            transport_of(theirs).abort()
            with pytest.raises(OSError):
                await asyncio.wait_for(waiting, PATIENCE)

    run(main())


def test_a_renegotiation_that_the_policy_forbids_is_a_mistake() -> None:
    async def main() -> None:
        async with both_ends() as ((_, writer), _):
            assert isinstance(writer, TLSStreamWriter)
            with pytest.raises(UsageError, match="renegotiation"):
                await writer.renegotiate()

    run(main())


def test_a_wait_for_a_renegotiation_can_be_cancelled_and_the_handshake_goes_on() -> None:
    async def main() -> None:
        async with both_ends(config("client", ALLOW), config("server", ALLOW)) as ((_, writer), (reader, _)):
            assert isinstance(writer, TLSStreamWriter)
            before = writer.get_extra_info("negotiated")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(writer.renegotiate(), 0)
            writer.write(b"behind it")
            assert await reader.readexactly(9) == b"behind it"
            del before

    run(main())


# --- answers


def test_an_answer_that_takes_two_arguments_gets_the_connection() -> None:
    seen: list[tuple[Any, Any]] = []

    def decide(event: ClientHelloReceived, connection: Connection) -> None:
        seen.append((event, connection))

    async def slowly(event: ClientHelloReceived, connection: Connection) -> None:
        await asyncio.sleep(0.01)
        decide(event, connection)

    async def main() -> None:
        for answer in (decide, slowly):
            connections: list[Any] = []

            async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connections.append(writer.get_extra_info("connection"))  # noqa: B023
                await echo(reader, writer)

            async with serving(handler, answers={ClientHelloReceived: answer}) as port:
                reader, writer = await opened(port)
                writer.write(b"?")
                assert await reader.readexactly(1) == b"?"
                await closed(writer)
            assert seen.pop()[1] is connections[0]

    run(main())


def test_a_default_of_an_answers_function_is_not_taken_for_a_wish_for_the_connection() -> None:
    given: list[Any] = []

    async def main() -> None:
        answers = {ClientHelloReceived: lambda event, key=None: given.append(key)}
        async with serving(answers=answers) as port:
            _, writer = await opened(port)
            await closed(writer)

    run(main())
    assert given == [None]
