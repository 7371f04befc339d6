"""A crowd at a server of tls12.asyncio: who enters, who waits, who is closed, and what the log says of it."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tls12.asyncio
from tests.adapters.streams import Streams, closed, echo, opened, serving
from tests.adapters.streams import run as run_watched
from tests.ends.loopback import server_config
from tls12 import CipherSuite, ServerConfig, ServerConnection, UsageError
from tls12.asyncio import admission, pace
from tls12.driver import bounded_log, bounds
from tls12.lab.script import Script
from tls12.registry import ContentType
from tls12.wire import messages

MADE: list[admission.Admission] = []
"""Every Admission of the test that runs."""


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> list[admission.Admission]:
    """The same, as a test sees it."""
    before = admission.Admission.__init__

    def init(self: admission.Admission, *arguments: Any, **options: Any) -> None:
        before(self, *arguments, **options)
        MADE.append(self)

    MADE.clear()
    monkeypatch.setattr(admission.Admission, "__init__", init)
    return MADE


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, and let the server see the end of every connection that the test has dropped."""

    async def to_the_end() -> None:
        await main
        while any(one._connections for one in MADE):
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.01)  # those that were refused

    run_watched(to_the_end())


LONG_AGO = -1.0
"""A patience that every handshake exceeds."""


def log_lines(caplog: pytest.LogCaptureFixture, bound: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"{bound} is reached")]


@asynccontextmanager
async def raw(port: int, data: bytes = b"") -> AsyncIterator[Streams]:
    """A TCP connection that says this, and no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_cut(reader: asyncio.StreamReader) -> bool:
    """Waits until the server ends the connection, whether with a FIN or a reset."""
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass
    return True


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def served(port: int) -> None:
    """An honest client makes a connection, is answered, and leaves."""
    reader, writer = await opened(port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    await closed(writer)


# -- handshakes ----------------------------------------------------------------------------------------------


def test_above_the_bound_of_handshakes_a_connection_waits_for_a_place(
    caplog: pytest.LogCaptureFixture, counted: list[admission.Admission]
) -> None:
    async def main() -> None:
        async with serving(max_handshakes=2) as port, raw(port) as _, raw(port) as (_, second):
            await until(lambda: len(counted[0]._handshakes) == 2)
            honest = asyncio.create_task(served(port))
            await until(lambda: len(counted[0]._waiting) == 1)
            assert not honest.done()
            second.close()
            await honest

    run(main())
    (line,) = log_lines(caplog, "max_handshakes")
    assert "2 handshakes are open; new connections wait" in line


@pytest.mark.parametrize("handshake_timeout", [60.0, None])
def test_while_others_wait_a_handshake_that_takes_too_long_ends(
    monkeypatch: pytest.MonkeyPatch, counted: list[admission.Admission], handshake_timeout: float | None
) -> None:
    monkeypatch.setattr(admission, "PATIENCE", 0.02)
    failures: list[BaseException] = []

    async def main() -> None:
        options = {
            "max_handshakes": 2,
            "handshake_timeout": handshake_timeout,
            "on_failure": lambda _, error: failures.append(error),
        }
        async with serving(**options) as port, raw(port) as (first, _), raw(port) as (second, _):
            await until(lambda: len(counted[0]._handshakes) == 2)
            await served(port)
            await asyncio.wait(
                [asyncio.create_task(is_cut(one)) for one in (first, second)], return_when="FIRST_COMPLETED"
            )

    run(main())
    assert isinstance(failures[0], TimeoutError)
    assert "other connections waited" in str(failures[0])


def test_without_others_that_wait_a_handshake_has_all_its_time(
    monkeypatch: pytest.MonkeyPatch, counted: list[admission.Admission]
) -> None:
    monkeypatch.setattr(admission, "PATIENCE", LONG_AGO)

    async def main() -> None:
        async with serving(max_handshakes=2) as port, raw(port):
            await until(lambda: len(counted[0]._handshakes) == 1)
            for _ in range(3):
                await served(port)
            assert len(counted[0]._handshakes) == 1

    run(main())


def test_the_connection_that_came_last_enters_first(counted: list[admission.Admission]) -> None:
    order: list[str] = []

    async def main() -> None:
        async def come(name: str) -> None:
            await served(port)
            order.append(name)

        async with serving(max_handshakes=1) as port, raw(port) as (_, holder):
            await until(lambda: len(counted[0]._handshakes) == 1)
            tasks = []
            for place, name in enumerate(("first", "second", "third"), 1):
                tasks.append(asyncio.create_task(come(name)))
                await until(lambda place=place: len(counted[0]._waiting) == place)  # type: ignore[misc]
            holder.close()
            await asyncio.gather(*tasks)

    run(main())
    assert order == ["third", "second", "first"]


def test_a_connection_waits_no_longer_than_a_handshake_may_take(
    monkeypatch: pytest.MonkeyPatch, counted: list[admission.Admission]
) -> None:
    """Of two that wait, the place of the holder goes to one; the other is told by the end of its connection."""
    monkeypatch.setattr(admission, "PATIENCE", 0.2)

    async def main() -> None:
        options = {"max_handshakes": 1, "handshake_timeout": 0.1}
        async with serving(**options) as port, raw(port), raw(port) as (first, _), raw(port) as (second, _):
            await until(lambda: counted[0]._connections == 3)
            assert await is_cut(first)
            assert await is_cut(second)
            await until(lambda: not counted[0]._waiting)
            await served(port)

    run(main())


def test_what_a_connection_sends_while_it_waits_is_not_lost(counted: list[admission.Admission]) -> None:
    """A door may be given bytes that were on their way when it stopped reading."""

    async def main() -> None:
        async with serving(max_handshakes=1) as port, raw(port) as (_, holder):
            await until(lambda: len(counted[0]._handshakes) == 1)
            script = Script("client")
            script.send(script.hello())
            hello = script.data_to_send()
            async with raw(port, hello[7:]) as (reader, _):
                await until(lambda: len(counted[0]._waiting) == 1)
                (door,) = counted[0]._waiting
                door.data_received(hello[:7])
                assert door.eof_received()
                holder.close()
                assert (await reader.read(1)) == bytes([ContentType.HANDSHAKE])

    run(main())


# -- connections ---------------------------------------------------------------------------------------------


def test_above_the_bound_of_connections_a_new_one_is_closed_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with serving(max_connections=2) as port:
            first, second = await opened(port), await opened(port)
            for _ in range(3):
                with pytest.raises(OSError):
                    await opened(port)
            for reader, writer in (first, second):
                writer.write(b"still here")
                assert await reader.readexactly(10) == b"still here"
            await closed(first[1])
            await until_served(port)
            await closed(second[1])

    async def until_served(port: int) -> None:
        """Our end may know that the connection is gone a moment before the server does."""
        while True:
            with suppress(OSError):
                return await served(port)

    run(main())
    assert "2 connections are open; a new connection was closed" in log_lines(caplog, "max_connections")[0]


def test_above_the_bound_of_connections_a_handshake_that_takes_too_long_makes_room(
    monkeypatch: pytest.MonkeyPatch, counted: list[admission.Admission]
) -> None:
    monkeypatch.setattr(admission, "PATIENCE", LONG_AGO)

    async def main() -> None:
        async with serving(max_connections=2) as port, raw(port) as (oldest, _), raw(port):
            await until(lambda: len(counted[0]._handshakes) == 2)
            await served(port)
            assert await is_cut(oldest)

    run(main())


def test_above_the_bound_of_connections_who_waits_too_long_makes_room(
    monkeypatch: pytest.MonkeyPatch, counted: list[admission.Admission]
) -> None:
    async def main() -> None:
        async with serving(max_connections=2, max_handshakes=1) as port, raw(port), raw(port) as (waiting, _):
            await until(lambda: len(counted[0]._waiting) == 1)
            now = asyncio.get_running_loop().time()
            for transport in counted[0]._handshakes:
                counted[0]._handshakes[transport] = now + 1000  # has only begun
            monkeypatch.setattr(admission, "PATIENCE", LONG_AGO)
            async with raw(port):
                assert await is_cut(waiting)

    run(main())


def test_one_address_has_no_more_than_its_share(
    caplog: pytest.LogCaptureFixture, counted: list[admission.Admission]
) -> None:
    async def main() -> None:
        async with serving(max_per_address=1) as port:
            async with raw(port):
                await until(lambda: counted[0]._connections == 1)
                with pytest.raises(OSError):
                    await opened(port)
            await until(lambda: not counted[0]._shares.by_address)
            await served(port)
            await until(lambda: not counted[0]._shares.by_address)
        async with serving(max_per_address=2) as port, raw(port), raw(port) as (_, second):
            await until(lambda: counted[1]._shares.by_address.total() == 2)
            second.transport.abort()
            await until(lambda: counted[1]._shares.by_address.total() == 1)
            await served(port)

    run(main())
    assert "1 connections from 127.0.0.1 are open" in log_lines(caplog, "max_per_address")[0]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        ("", None),
        (None, None),
        ("/a/path", None),
    ],
)
def test_the_address_of_a_peer(peer: Any, address: str | None) -> None:
    assert bounds.address_of(peer) == address


def test_a_peer_without_an_address_is_not_bounded_by_it(tmp_path: Path) -> None:
    async def main() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "socket"))
        server = await tls12.asyncio.start_server(echo, config=server_config(), max_per_address=1, sock=listening)
        async with server:
            writers = [(await asyncio.open_unix_connection(tmp_path / "socket"))[1] for _ in range(2)]
            await until(lambda: len(MADE[0]._handshakes) == 2)
            for writer in writers:
                writer.transport.abort()

    run(main())


@pytest.mark.parametrize(("files", "bound"), [(256, 224), (1024, 896), (1 << 20, 10_000), (-1, 10_000), (1, 1)])
def test_the_default_bound_of_connections_leaves_files_for_other_things(
    monkeypatch: pytest.MonkeyPatch, files: int, bound: int
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert resource.RLIM_INFINITY == -1
    assert bounds.default_connections(admission.MAX_CONNECTIONS) == bound


def test_the_log_has_one_line_for_many_refusals_and_the_next_says_how_many(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serving(max_connections=1) as port, raw(port):
            for _ in range(5):
                async with raw(port) as (reader, _):
                    assert await is_cut(reader)
            monkeypatch.setattr(bounded_log, "PERIOD", LONG_AGO)
            async with raw(port) as (reader, _):
                assert await is_cut(reader)

    run(main())
    first, second = log_lines(caplog, "max_connections")
    assert "since" not in first
    assert second.endswith("(and 4 times since the last line)")
    assert {record.levelno for record in caplog.records if "is reached" in record.getMessage()} == {logging.WARNING}


@pytest.mark.parametrize(
    "bound", ["max_connections", "max_handshakes", "max_per_address", "idle_timeout", "minimum_rate"]
)
@pytest.mark.parametrize("value", [0, -1, "many"])
def test_a_bound_that_leaves_no_room_is_a_mistake_of_the_caller(bound: str, value: Any) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match=bound):
            await tls12.asyncio.start_server(echo, "127.0.0.1", 0, config=server_config(), **{bound: value})

    run(main())


def test_a_connection_that_cannot_be_made_is_closed_and_reported() -> None:
    def refuse(config: ServerConfig, **options: Any) -> ServerConnection:
        raise ValueError("no connections today")

    heard: list[Any] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, context: heard.append(context["exception"]))
        async with serving(make_connection=refuse) as port, raw(port) as (reader, _):
            assert await is_cut(reader)
        loop.set_exception_handler(before)

    run(main())
    assert [str(error) for error in heard] == ["no connections today"]


# -- pace ----------------------------------------------------------------------------------------------------


async def ended_by(handler_seen: list[BaseException], port: int, words: bytes, pause: float) -> bytes:
    """Connect, say the words again and again, and give what the server's last words are: b"" is close_notify."""
    reader, writer = await opened(port)
    while not handler_seen and not reader.at_eof():
        if words:
            writer.write(words)
        await asyncio.sleep(pause)
    last = await reader.read()
    writer.close()
    return last


def silent_handler(seen: list[BaseException]) -> Any:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(100):
                pass
        except TimeoutError as error:
            seen.append(error)
        writer.close()

    return handler


def test_an_idle_connection_is_closed_and_its_reader_told() -> None:
    seen: list[BaseException] = []

    async def main() -> None:
        async with serving(silent_handler(seen), idle_timeout=0.1) as port:
            assert await ended_by(seen, port, b"", 0.01) == b""
            await until(lambda: bool(seen))

    run(main())
    assert "idle for 0.1 s" in str(seen[0])


def test_a_slow_connection_is_closed_and_its_reader_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "RATE_PERIOD", 0.2)
    seen: list[BaseException] = []

    async def main() -> None:
        async with serving(silent_handler(seen), minimum_rate=1e6) as port:
            assert await ended_by(seen, port, b"x", 0.01) == b""
            await until(lambda: bool(seen))

    run(main())
    assert "1e+06 a second are due" in str(seen[0])


def watched(*events: tuple[float, int, bool], idle: float | None = None, rate: float | None = None) -> str | None:
    """The verdict on a connection that was looked at at these times, having moved so much, and being read or not."""

    async def judge() -> str | None:
        watch = pace.Watch(idle, rate)
        seen = pace._Progress(0.0, 0)
        for now, moved, reading in events:
            transport = SimpleNamespace(moved=moved, is_reading=lambda reading=reading: reading)
            if (verdict := watch._judge(transport, seen, now)) is not None:  # type: ignore[arg-type]
                return verdict
        return None

    return asyncio.run(judge())


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([(59.0, 0, True)], None),
        ([(60.0, 0, True)], "idle"),
        ([(59.0, 1, True), (118.0, 1, True)], None),
        ([(59.0, 1, True), (119.0, 1, True)], "idle"),
        ([(60.0, 0, False)], None),
        ([(60.0, 0, False), (100.0, 0, True)], None),
        ([(60.0, 0, False), (120.0, 0, True)], "idle"),
    ],
)
def test_when_a_connection_is_idle(events: list[tuple[float, int, bool]], words: str | None) -> None:
    verdict = watched(*events, idle=60.0)
    assert (verdict is None) if words is None else (words in (verdict or ""))


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([(9.0, 1, True)], None),
        ([(10.0, 999, True)], "moved 999 bytes in 10 s, and 100 a second are due"),
        ([(10.0, 1000, True)], None),
        ([(10.0, 1000, True), (20.0, 1999, True)], "999 bytes"),
        ([(10.0, 0, True)], None),
        ([(10.0, 999, False)], None),
    ],
)
def test_when_a_connection_is_slow(events: list[tuple[float, int, bool]], words: str | None) -> None:
    verdict = watched(*events, rate=100.0)
    if words is None:
        assert verdict is None
    else:
        assert verdict is not None
        assert words.split(", and")[0] in verdict


def test_a_busy_connection_is_neither_and_the_watch_ends_with_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[pace.Watch] = []
    before = pace.Watch.__init__

    def init(self: pace.Watch, *arguments: Any) -> None:
        before(self, *arguments)
        made.append(self)

    monkeypatch.setattr(pace.Watch, "__init__", init)

    async def main() -> None:
        async with serving(idle_timeout=0.2, minimum_rate=1.0) as port:
            reader, writer = await opened(port)
            for _ in range(60):
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
                await asyncio.sleep(0.01)
            await closed(writer)
            await until(lambda: not made[0]._watched)
            await until(lambda: made[0]._timer is None)
            await served(port)

    run(main())


# -- a crowd -------------------------------------------------------------------------------------------------


def hostile_words() -> list[bytes]:
    """What a crowd says: nothing, half a hello, a hello, one that is too large, garbage."""
    script = Script("client")
    hello = messages.serialize(script.hello())
    record = b"\x16\3\1" + len(hello).to_bytes(2) + hello
    many = b"".join(bytes(CipherSuite.of(number).to_bytes(2)) for number in range(0x2000, 0x2000 + 8_000))
    large = b"\3\3" + bytes(32) + b"\0" + len(many).to_bytes(2) + many + b"\1\0"
    large = b"\1" + len(large).to_bytes(3) + large
    return [
        b"",
        record[:100],
        record,
        b"\x16\3\1" + len(large).to_bytes(2) + large,
        b"\x16\3\1\0\2\1\1\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ]


def test_two_hundred_hostile_connections_keep_little_and_honest_clients_are_served() -> None:
    """Bytes are counted, not seconds: see benchmarks/crowd.py for those."""
    words = hostile_words()

    async def main() -> None:
        async with serving() as port:
            await served(port)
            gc.collect()
            tracemalloc.start()
            try:
                begin, _ = tracemalloc.get_traced_memory()
                crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
                for place, (_, writer) in enumerate(crowd):
                    writer.write(words[place % len(words)])
                for _ in range(10):
                    await served(port)
                gc.collect()
                end, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert end - begin < 200 * 24 * 1024  # both ends, of which the hostile one has buffers of its own
            for _, writer in crowd:
                writer.transport.abort()

    run(main())


def test_a_crowd_cannot_fill_the_log_with_handshakes_that_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(port: int) -> None:
        async with raw(port, b"GET / HTTP/1.1\r\n\r\n") as (reader, _):
            assert await is_cut(reader)

    async def main() -> None:
        async with serving() as port:
            for _ in range(15):
                await fail(port)
            monkeypatch.setattr(bounded_log, "PERIOD", LONG_AGO)
            await fail(port)

    run(main())
    lines = [line for record in caplog.records if "handshake with" in (line := record.getMessage())]
    assert len(lines) == 11
    assert all("HTTP" in line for line in lines)
    assert lines[-1].endswith("(and 5 times since the last line)")
