"""An exception out of nowhere, at any instruction: what was taken half is not gone on with, and no loss is silent.

KeyboardInterrupt stands for all that is no `Exception`: SystemExit, a time-out of gevent, asyncio.CancelledError.
"""

from __future__ import annotations

import asyncio
import dis
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FrameType
from typing import Any

import pytest

import tls12
from tests.ends import PSK, PSK_POLICY, ROLES, Ours, alert, connected, pair, renegotiable, talk
from tls12 import (
    CipherSuite,
    ClientConnection,
    ConnectionFailed,
    ConnectionState,
    DataReceived,
    KeyLog,
    MemorySessionStore,
    PeerAlert,
    Policy,
    TLSError,
)
from tls12.errors import InternalError
from tls12.handshake.client import ClientHandshake
from tls12.handshake.engine import Output
from tls12.registry import Alert

PROTECTIONS = (
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
)
UNTOUCHED = frozenset(
    {"initiate_handshake", "receive_data", "receive", "refuse_inside", "run"}
    | {"send_data", "_send", "refuse_while_sealing"}
)
"""Where an exception may come before anything was done: the call is as if it had not been made."""
PACKAGE = tls12.__path__[0]
_TOOL = 3
"""The number of these tests among the users of `sys.monitoring`."""


def _is_counted(code: CodeType) -> bool:
    """Whether interrupts come in this code: in the library's, the laboratory's left out."""
    return code.co_filename.startswith(PACKAGE) and not code.co_filename.startswith(f"{PACKAGE}/lab/")


@cache
def _never_interrupted(code: CodeType) -> frozenset[int]:
    """The instructions before which CPython takes no signal, and an exception would do what no signal can do.

    These interrupts come between any two instructions. Before one that ends a generator, some of which belong to no
    line, the exception would reach no caller. Between the body of `with lock:` and the release it would leave the lock
    taken, and the next connection would wait for ever; inside the body the lock is released.
    """
    guarded = [range(entry.start, entry.end) for entry in dis.Bytecode(code).exception_entries]  # type: ignore[attr-defined]
    takes_lock = "_lock" in code.co_names
    return frozenset(
        instruction.offset
        for instruction in dis.get_instructions(code)
        if instruction.opname == "CLEANUP_THROW"
        or instruction.positions is None
        or instruction.positions.lineno is None
        or (takes_lock and not any(instruction.offset in each for each in guarded))
    )


class Interrupt:
    """Raises KeyboardInterrupt before one of the instructions that tls12 executes, and remembers where."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.function = ""

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Count, and raise, inside.

        CPython 3.12 sends no opcode event until some frame has asked for them before `settrace`: this one asks. The
        trace functions of 3.13 miss most instructions, so `sys.monitoring` counts there.
        """
        if sys.version_info >= (3, 13):
            with self._monitored():
                yield
            return
        before = sys.gettrace()
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    @contextmanager
    def _monitored(self) -> Iterator[None]:
        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "interrupts")
        monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, self._instruction)
        monitoring.set_events(_TOOL, monitoring.events.INSTRUCTION)
        try:
            yield
        finally:
            monitoring.set_events(_TOOL, 0)
            monitoring.free_tool_id(_TOOL)

    def _instruction(self, code: CodeType, offset: int) -> None:
        if not _is_counted(code):
            return
        self.left -= 1
        if self.left <= 0 and not self.function and offset not in _never_interrupted(code):
            self.function = code.co_name
            sys.monitoring.set_events(_TOOL, 0)
            raise KeyboardInterrupt

    def _enter(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if not _is_counted(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "opcode":
            self.left -= 1
            if self.left <= 0 and not self.function and frame.f_lasti not in _never_interrupted(frame.f_code):
                self.function = frame.f_code.co_name
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._step


def interrupted(at: int, act: Callable[[], object]) -> Interrupt | None:
    """Do it with an interrupt at this instruction; None if it has fewer."""
    interrupt = Interrupt(at)
    try:
        with interrupt.armed():
            act()
    except KeyboardInterrupt:
        assert interrupt.function
    return interrupt if interrupt.function else None


STRIDE = int(os.environ.get("TLS12_STRIDE", "5"))
"""How many instructions lie between two that are tried; 1, as in the long runs, tries all of them."""


def every(step: int, attempt: Callable[[int], bool]) -> None:
    """Attempt it with an interrupt at each `step`th instruction, until there are no more."""
    at = 1
    while attempt(at):
        at += step
    assert at > 1


def pair_with(suite: CipherSuite, role: str, **options: Any) -> tuple[Ours, Ours]:
    return connected(role, policy=Policy.compatible().replace(cipher_suites=(suite,)), **options)


# --- data -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("suite", PROTECTIONS, ids=str)
def test_no_record_is_lost_without_a_word_when_reading_is_interrupted(suite: CipherSuite, together: bool) -> None:
    def attempt(at: int) -> bool:
        ours, theirs = pair_with(suite, "server")
        records = []
        for word in (b"one", b"two", b"three", b"four"):
            theirs.send(word)
            records.append(theirs.take())
        first = records[0] + records[1] if together else records[0]
        interrupt = interrupted(at, lambda: ours.connection.receive_data(first))
        for record in records[2 if together else 1 :]:
            ours.receive(record)
        ours.events += ours.connection.events()
        if ours.error is None:
            assert ours.data == b"onetwothreefour"
        else:
            assert b"onetwothreefour".startswith(ours.data)
            assert ours.connection.state is ConnectionState.FAILED
        return interrupt is not None

    every(STRIDE, attempt)


@pytest.mark.parametrize("size", [5, 40_000])
@pytest.mark.parametrize("suite", PROTECTIONS, ids=str)
def test_no_write_is_lost_without_a_word_when_it_is_interrupted(suite: CipherSuite, size: int) -> None:
    def attempt(at: int) -> bool:
        ours, theirs = pair_with(suite, "client")
        interrupt = interrupted(at, lambda: ours.send(b"x" * size))
        ours.send(b"next")
        talk(ours, theirs)
        if interrupt is not None and interrupt.function in UNTOUCHED and ours.connection.error is None:
            assert theirs.data in (b"next", b"x" * size + b"next")
        elif ours.connection.error is None:
            assert theirs.data == b"x" * size + b"next"
        else:
            assert theirs.data in (b"", b"x" * size)
            assert theirs.connection.state is ConnectionState.FAILED
        return interrupt is not None

    every(STRIDE, attempt)


@pytest.mark.parametrize("amount", [None, 5, 1000])
def test_what_waits_to_be_sent_is_not_lost_when_fetching_it_is_interrupted(amount: int | None) -> None:
    """But for the instruction that returns it, which no signal can come before."""

    def attempt(at: int) -> bool:
        ours, theirs = connected("client")
        for word in (b"one", b"two"):
            ours.send(word)
        fetched: list[bytes | bytearray] = []
        interrupt = interrupted(at, lambda: fetched.append(ours.connection.data_to_send(amount)))
        returned = interrupt is not None and not fetched and ours.connection._core.outgoing.queue == []
        for data in (*fetched, ours.take()):
            theirs.receive(bytes(data))
        assert returned or amount == 5 or theirs.data == b"onetwo"
        return interrupt is not None

    every(STRIDE, attempt)


def test_no_event_is_lost_when_fetching_it_is_interrupted_by_a_signal() -> None:
    """The interpreter looks for signals after a call: there must be none between taking an event and returning it."""
    ours, theirs = connected("client")
    theirs.send(b"one")
    ours.connection.receive_data(theirs.take())
    code = type(ours.connection).next_event.__code__
    names = [instruction.opname for instruction in dis.get_instructions(code)]
    taken = max(index for index, name in enumerate(names) if name == "DELETE_SUBSCR")
    assert not any(name.startswith("CALL") for name in names[taken:])
    event = ours.connection.next_event()
    assert isinstance(event, DataReceived)
    assert ours.connection.next_event() is None


# --- handshakes -------------------------------------------------------------------------------------------


SCENES: dict[str, dict[str, Any]] = {
    "full": {"client": {"keylog": KeyLog(), "sessions": MemorySessionStore()}, "server": {"keylog": KeyLog()}},
    "psk": {"policy": PSK_POLICY, "client": {"psk": PSK}, "server": {"psk": {PSK.identity: PSK.key}}},
}


def ends_well_or_is_told(ours: Ours, theirs: Ours) -> None:
    """Either both can talk, or both know that they cannot."""
    talk(ours, theirs)
    if ours.connection.error is None:
        ours.send(b"all is well")
        theirs.send(b"here too")
        talk(ours, theirs)
    ours.events += ours.connection.events()
    if ours.connection.error is None:
        assert theirs.data == b"all is well"
        assert ours.data == b"here too"
    else:
        assert isinstance(ours.connection.error, InternalError)
        assert isinstance(ours.connection.error.__cause__, KeyboardInterrupt)
        assert isinstance(ours.events[-1], ConnectionFailed)
        talk(ours, theirs)
        assert isinstance(theirs.error, TLSError)


class Flaky(Ours):
    """An end whose work, counted over all of its calls, is interrupted at one instruction."""

    def __init__(self, ours: Ours, at: int) -> None:
        super().__init__(ours.connection)
        self.interrupt = Interrupt(at)

    def _do(self, act: Callable[[], object]) -> None:
        if self.interrupt.function:
            act()
            return
        before = self._progress()
        try:
            with self.interrupt.armed():
                act()
        except KeyboardInterrupt:
            if self.interrupt.function in UNTOUCHED and self._progress() == before:
                act()

    def _progress(self) -> tuple[object, ...]:
        end = self.connection
        opened = end._core.incoming.reader.state.sequence if end._core.incoming.reader.state is not None else 0
        return (
            end.state,
            end._core.handshakes.conversation.state,
            len(end._core.events),
            len(end._core.outgoing.queue),
            end._core.incoming.reader.buffered,
            opened,
        )

    def start(self) -> None:
        if isinstance(self.connection, ClientConnection) and self.connection.state is ConnectionState.IDLE:
            self._do(self.connection.initiate_handshake)

    def receive(self, data: bytes) -> None:
        self._do(lambda: self.connection.receive_data(data))
        self.events += self.connection.events()


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("role", ROLES)
def test_a_handshake_that_is_interrupted_fails_and_never_goes_on_for_ever(role: str, scene: str) -> None:
    def attempt(at: int) -> bool:
        end, theirs = pair(role, **SCENES[scene])
        ours = Flaky(end, at)
        ends_well_or_is_told(ours, theirs)
        return bool(ours.interrupt.function)

    every(113, attempt)


@pytest.mark.parametrize("role", ROLES)
def test_a_renegotiation_that_is_interrupted_fails_and_never_goes_on_for_ever(role: str) -> None:
    def attempt(at: int) -> bool:
        end, theirs = connected(role, policy=renegotiable())
        ours = Flaky(end, at)
        theirs.connection.renegotiate()
        ends_well_or_is_told(ours, theirs)
        return bool(ours.interrupt.function)

    every(151, attempt)


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, asyncio.CancelledError, KeyboardInterrupt])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_no_exception_fails_the_connection_and_goes_on_up(role: str, kind: type[BaseException]) -> None:
    def stop(*_: object) -> None:
        raise kind

    ours, theirs = pair(role, mine={"on_message": stop})
    with pytest.raises(kind):
        talk(ours, theirs)
    assert ours.connection.state is ConnectionState.FAILED
    assert kind.__name__ in str(ours.connection.error)
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.INTERNAL_ERROR


@pytest.mark.parametrize("role", ROLES)
def test_a_store_that_is_interrupted_while_it_forgets_a_session_does_not_hide_the_failure(role: str) -> None:
    class Store(MemorySessionStore):
        def remove(self, key: bytes) -> None:
            raise KeyboardInterrupt

    ours, theirs = connected(role, **{role: {"sessions": Store()}})
    with pytest.raises(KeyboardInterrupt):
        ours.connection.receive_data(alert(theirs, b"\x02\x50"))
    assert isinstance(ours.connection.error, PeerAlert)
    assert isinstance(ours.connection.events()[-1], ConnectionFailed)
    assert ours.connection.closed


def test_the_peers_fault_is_told_though_an_interrupt_comes_while_it_is_dealt_with() -> None:
    """Nothing that is no data either way: the connection has failed, of the one or of the other."""

    def attempt(at: int) -> bool:
        ours, theirs = connected("server")
        bad = alert(theirs, b"\x02\x50")
        interrupt = interrupted(at, lambda: ours.connection.receive_data(bad))
        if interrupt is not None and interrupt.function in UNTOUCHED and ours.connection.error is None:
            return True
        if interrupt is None or interrupt.function != "fail":
            assert ours.connection.state is ConnectionState.FAILED
            assert ours.connection.closed
        return interrupt is not None

    every(STRIDE, attempt)


def test_a_second_exception_while_the_first_is_dealt_with_finds_or_makes_a_failed_connection() -> None:
    started = False
    raised: list[KeyboardInterrupt] = []

    class InterruptedOnce(ClientHandshake):
        def drain(self) -> list[Output]:
            if started and not raised:
                raised.append(KeyboardInterrupt())
                raise raised[0]
            return super().drain()

    ours, _ = pair("client", mine={"handshake": InterruptedOnce})
    ours.start()
    ours.take()
    started = True
    with pytest.raises(KeyboardInterrupt):
        ours.connection.receive_data(b"\x15\x03\x03\0\x02\x02\x28")
    assert raised != []
    assert ours.connection.state is ConnectionState.FAILED
    assert ours.connection.closed
    assert isinstance(ours.connection.error, InternalError)
    assert isinstance(ours.connection.events()[-1], ConnectionFailed)


def test_a_callback_that_aborts_and_then_raises_has_aborted() -> None:
    def watch(sender: str, *_: object) -> None:
        if sender == "server":
            ours.connection.abort(Alert.ACCESS_DENIED)
            raise SystemExit

    ours, theirs = pair("client", mine={"on_message": watch})
    with pytest.raises(SystemExit):
        talk(ours, theirs)
    assert ours.connection.error is not None
    assert ours.connection.error.alert is Alert.ACCESS_DENIED
    assert ours.connection.events() == []
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.ACCESS_DENIED
