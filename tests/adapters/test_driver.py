"""The driver by itself: what it asks an adapter to do, and what each read gives at each kind of end.

The two ends are drivers in one process. `carry` moves what they want written, as an adapter would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests import pki
from tests.adapters.ends_told import ENDS, FORGED
from tests.ends import verifier
from tests.ends.loopback import client_config, server_config
from tls12 import (
    Accept,
    AcceptAnyPeer,
    Alert,
    ClientAuth,
    ClientHelloReceived,
    PeerAlert,
    PeerCertificateReceived,
    Policy,
    Refuse,
    Renegotiation,
    ServerConnection,
    TLSError,
    TruncatedError,
    UsageError,
)
from tls12.connection import Connection
from tls12.driver import Driver, Plaintext, client_connection, server_connection
from tls12.errors import PeerIncompatible
from tls12.events import HandshakeCompleted, Negotiated

ALLOW = Policy.default().replace(renegotiation=Renegotiation.ALLOW)


def a_client(config: Any = None, answers: Any = None, **options: Any) -> Driver:
    return Driver(client_connection(config or client_config(), pki.NAME, answers=answers), answers, **options)


def a_server(config: Any = None, answers: Any = None, **options: Any) -> Driver:
    return Driver(server_connection(config or server_config(), answers=answers), answers, **options)


def carry(*ends: Driver) -> None:
    """What both ends want written, to and fro until both are silent."""
    one, other = ends
    while one.output or other.output:
        for end, peer in ((one, other), (other, one)):
            while end.output:
                peer.receive(bytes(end.output.popleft()))


def talking(client: Driver | None = None, server: Driver | None = None) -> tuple[Driver, Driver]:
    """Two ends after their handshake."""
    client, server = client or a_client(), server or a_server()
    server.begin()
    client.begin()
    carry(client, server)
    return client, server


def both_ways(client: Any = None, server: Any = None) -> tuple[Driver, Driver]:
    """Two ends that may renegotiate."""
    return talking(a_client(client or client_config(policy=ALLOW)), a_server(server or server_config(policy=ALLOW)))


# --- reading


def test_a_read_gives_data_of_one_record_then_nothing_yet_and_an_empty_end_at_a_close_notify() -> None:
    client, server = talking()
    assert client.is_established
    assert server.is_established
    client.send(b"one record")
    client.send(b"another")
    carry(client, server)
    assert server.read(3) == b"one"
    assert server.read(100) == b" record"
    assert server.read(100) == b"another"
    assert server.read(100) is None
    client.end_writing()
    carry(client, server)
    assert server.read(100) == b""
    assert server.read(100) == b""


def end_by(end: str, theirs: Driver, ours: Driver) -> None:
    """Let `theirs` end as the table says, as far as bytes can tell."""
    match end:
        case "close_notify":
            theirs.end_writing()
        case "close_notify_and_fin":
            theirs.close()
        case "fatal_alert":
            theirs.abort(Alert.ACCESS_DENIED)
        case "reset":
            ours.lose(ConnectionResetError())
        case "forged_record":
            ours.receive(FORGED)
    carry(theirs, ours)
    if end in ("fin", "close_notify_and_fin"):
        ours.receive(b"")


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("end", ENDS)
def test_a_read_gives_out_what_arrived_and_then_tells_the_end(end: str, role: str) -> None:
    client, server = talking()
    ours, theirs = (client, server) if role == "client" else (server, client)
    theirs.send(b"all of it")
    carry(theirs, ours)
    end_by(end, theirs, ours)
    assert ours.read(100) == b"all of it"
    for _ in range(2):
        kind = ENDS[end]
        if kind is None:
            assert ours.read(100) == b""
            assert ours.failure is None
        else:
            with pytest.raises(kind):
                ours.read(100)
            with pytest.raises(kind):
                ours.send(b"an answer")


def test_a_reset_is_told_instead_of_the_truncation_that_it_looks_like() -> None:
    ours, _ = talking()
    ours.receive(b"")
    assert isinstance(ours.failure, TruncatedError)
    ours.lose(ConnectionResetError())
    assert isinstance(ours.failure, ConnectionResetError)
    ours.lose(BrokenPipeError())
    assert isinstance(ours.failure, ConnectionResetError)


@pytest.mark.parametrize("already_closed", [False, True])
def test_after_a_stop_by_this_side_an_end_of_the_transport_is_not_blamed_on_the_peer(already_closed: bool) -> None:
    ours, theirs = talking()
    ours.stop(reading=True, writing=True)
    if already_closed:
        theirs.end_writing()
        carry(theirs, ours)
        assert ours.read(1) == b""
    else:
        ours.receive(b"")
        with pytest.raises(ConnectionAbortedError, match="this side has closed"):
            ours.read(1)
    with pytest.raises(ConnectionAbortedError, match="this side has closed"):
        ours.send(b"x")


def test_the_alert_waits_in_the_output_when_the_failure_is_told() -> None:
    ours, theirs = talking()
    ours.receive(FORGED)
    assert ours.failure is not None
    carry(ours, theirs)
    assert isinstance(theirs.failure, PeerAlert)
    assert theirs.failure.received is Alert.BAD_RECORD_MAC


# --- steps and what follows


def test_only_steps_that_bring_something_else_than_data_count_as_changes() -> None:
    ours, theirs = talking()
    theirs.send(b"data")
    before = ours.changes
    carry(theirs, ours)
    assert ours.changes == before
    theirs.close()
    carry(theirs, ours)
    assert ours.changes > before


def test_packed_writes_share_a_record_at_the_next_flush() -> None:
    ours, theirs = talking(a_client(client_config(pack_small_writes=True)))
    for letter in (b"a", b"b", b"c"):
        ours.pack(letter)
    assert not ours.output
    ours.flush()
    carry(ours, theirs)
    assert theirs.read(100) == b"abc"


def test_after_the_peers_close_notify_a_writer_is_told() -> None:
    ours, theirs = talking()
    theirs.close()
    carry(theirs, ours)
    for write in (ours.send, ours.pack):
        with pytest.raises(BrokenPipeError, match="the peer has closed"):
            write(b"too late")


def test_writing_before_the_handshake_or_after_ones_own_end_is_a_mistake_that_changes_nothing() -> None:
    early = a_client()
    early.begin()
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        early.send(b"x")
    assert early.failure is None
    ours, theirs = talking()
    ours.end_writing()
    with pytest.raises(UsageError, match="after close"):
        ours.send(b"x")
    theirs.send(b"it reads on")
    carry(theirs, ours)
    assert ours.read(100) == b"it reads on"


def test_what_its_owner_aborts_directly_is_found_by_the_next_flush() -> None:
    ours, _ = talking()
    ours.connection.abort(Alert.ACCESS_DENIED)
    ours.flush()
    assert isinstance(ours.failure, TLSError)
    assert "aborted by its owner" in str(ours.failure)


def test_a_close_notify_in_the_handshake_is_a_failure_and_no_end() -> None:
    ours = a_client()
    ours.begin()
    ours.receive(b"\x15\3\3\0\2\1\0")
    with pytest.raises(ConnectionAbortedError, match="closed during the TLS handshake"):
        ours.read(1)


@pytest.mark.parametrize("act", ["receive", "send", "pack", "flush", "close"])
def test_a_step_that_was_interrupted_is_the_last_one(act: str) -> None:
    class Interrupted(BaseException):
        pass

    class Interrupting:
        def __init__(self, connection: Connection) -> None:
            self.connection = connection

        def __getattr__(self, name: str) -> Any:
            if name in ("receive_data", "send_data", "data_to_send", "close"):
                return interrupt
            return getattr(self.connection, name)

    def interrupt(*arguments: object) -> None:
        raise Interrupted

    ours, theirs = talking()
    theirs.send(b"later")
    honest = ours.connection
    ours.connection = Interrupting(honest)  # type: ignore[assignment]
    calls: dict[str, Callable[[], object]] = {
        "receive": lambda: ours.receive(b"x"),
        "send": lambda: ours.send(b"x"),
        "pack": lambda: ours.pack(b"x"),
        "flush": ours.flush,
        "close": ours.close,
    }
    with pytest.raises(Interrupted):
        calls[act]()
    ours.connection = honest
    assert ours.is_interrupted
    carry(theirs, ours)  # is not read any more
    for again in (lambda: ours.read(1), lambda: ours.send(b"x"), lambda: ours.pack(b"x")):
        with pytest.raises(ConnectionAbortedError, match="an exception interrupted"):
            again()
    ours.flush()
    assert not ours.output


def test_randomness_that_raises_while_a_record_is_sealed_ends_the_connection_and_the_peer_is_told() -> None:
    def random(count: int) -> bytes:
        if out:
            raise ZeroDivisionError
        return b"\x07" * count

    out: list[bool] = []
    policy = Policy.legacy_device().replace(cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",))
    ours, _ = talking(a_client(client_config(policy=policy, random=random)), a_server(server_config(policy=policy)))
    out.append(True)
    with pytest.raises(ZeroDivisionError):
        ours.send(b"x")
    assert isinstance(ours.failure, ZeroDivisionError)


# --- answers


def test_an_answer_decides_at_once_where_it_can() -> None:
    asked: list[str | None] = []

    def choose(event: ClientHelloReceived, connection: Connection) -> None:
        asked.append(event.server_name)

    talking(server=a_server(answers={ClientHelloReceived: choose}))
    assert asked == [pki.NAME]


@pytest.mark.parametrize("outcome", ["answer", "refusal", "error", "mistake"])
def test_an_answer_that_must_be_awaited_is_a_question_meanwhile(outcome: str) -> None:
    async def look(event: PeerCertificateReceived) -> object:
        await asyncio.sleep(0)
        if outcome == "error":
            raise ZeroDivisionError
        return {"answer": Accept(), "refusal": Refuse(Alert.ACCESS_DENIED)}.get(outcome, 5)

    ours, theirs = talking(a_client(answers={PeerCertificateReceived: look}, awaits=True))
    assert ours.question is not None
    assert not ours.is_established
    asyncio.run(ours.await_answer(ours.question))
    carry(ours, theirs)
    assert ours.question is None
    if outcome == "answer":
        assert ours.is_established
        assert theirs.is_established
        return
    expected = {"refusal": TLSError, "error": ZeroDivisionError, "mistake": UsageError}[outcome]
    assert isinstance(ours.failure, expected)
    assert isinstance(theirs.failure, PeerAlert)
    assert theirs.failure.received is (Alert.ACCESS_DENIED if outcome == "refusal" else Alert.INTERNAL_ERROR)


def test_output_that_the_transport_takes_in_portions_goes_out_once_and_in_order() -> None:
    ours, theirs = talking()
    ours.send(b"one")
    ours.send(b"another")
    while ours.output:
        portion = bytes(ours.output[0][:5])
        theirs.receive(portion)
        ours.sent(len(portion))
    assert (theirs.read(100), theirs.read(100)) == (b"one", b"another")


def test_an_adapter_that_does_not_await_refuses_what_would_have_to_be_awaited() -> None:
    async def look(event: PeerCertificateReceived) -> Accept:
        return Accept()

    made: list[Any] = []

    def keep(event: PeerCertificateReceived) -> Any:
        made.append(look(event))
        return made[0]

    ours, _ = talking(a_client(answers={PeerCertificateReceived: keep}))
    made[0].close()
    assert isinstance(ours.failure, UsageError)


# --- time bounds


def test_a_handshake_is_bounded_until_it_is_complete() -> None:
    ours = a_client(handshake_timeout=7.0)
    ours.begin()
    assert ours.time_bound is not None
    assert ours.time_bound.seconds == 7.0
    ours.time_out()
    assert ours.ending is not None
    assert ours.ending.is_abrupt
    with pytest.raises(TimeoutError, match="the TLS handshake was not complete within 7 s"):
        ours.read(1)
    established, _ = talking()
    assert established.time_bound is None
    established.time_out()  # too late: there is no bound any more
    assert established.failure is None


def test_without_a_time_out_nothing_is_bounded() -> None:
    ours, _ = talking(a_client(client_config(policy=ALLOW), handshake_timeout=None))
    ours.renegotiate()
    assert ours.time_bound is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("handshake_timeout", 0), ("handshake_timeout", -1), ("handshake_timeout", "5"), ("close_timeout", -1)],
)
def test_a_time_out_that_cannot_be_meant_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*; give seconds"):
        a_client(**{name: value})


def test_a_server_needs_a_server_config() -> None:
    with pytest.raises(UsageError, match="a server needs a ServerConfig"):
        server_connection(client_config())  # type: ignore[arg-type]


# --- renegotiation


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_renegotiation_is_bounded_holds_writers_up_and_is_told_when_it_ends(role: str) -> None:
    client, server = both_ways()
    ours, theirs = (client, server) if role == "client" else (server, client)
    renewal = ours.renegotiate()
    if role == "client":
        assert ours.is_renegotiating
        assert ours.time_bound is not None
        assert ours.time_bound.what == "renegotiation"
        ours.send(b"held")
        assert ours.is_held_up(3)
        assert not ours.is_held_up(4)
    assert renewal.outcome is None
    carry(ours, theirs)
    assert isinstance(renewal.outcome, Negotiated)
    assert renewal.outcome is ours.connection.negotiated
    assert ours.time_bound is None
    assert not ours.is_held_up(0)
    if role == "client":
        assert theirs.read(100) == b"held"


def test_a_renegotiation_that_the_peer_refuses_is_told_and_the_connection_goes_on() -> None:
    ours, theirs = both_ways(server=server_config())
    renewal = ours.renegotiate()
    carry(ours, theirs)
    assert isinstance(renewal.outcome, PeerIncompatible)
    ours.send(b"go on")
    carry(ours, theirs)
    assert theirs.read(100) == b"go on"


def test_a_renegotiation_that_takes_too_long_ends_the_connection_with_an_alert() -> None:
    ours, _ = both_ways()
    ours.renegotiate()
    ours.output.clear()  # the peer hears nothing of it
    ours.time_out()
    with pytest.raises(TimeoutError, match="the renegotiation was not complete within 60 s"):
        ours.read(1)
    assert ours.output


# --- ends of this side


def test_a_close_says_how_the_transport_ends_and_drops_what_comes() -> None:
    ours, theirs = talking(a_client(close_timeout=3.0))
    theirs.send(b"unread")
    carry(theirs, ours)
    ours.close()
    assert ours.ending is not None
    assert (ours.ending.seconds, ours.ending.awaits_peer, ours.ending.is_abrupt) == (3.0, True, False)
    theirs.send(b"on its way")
    carry(theirs, ours)
    assert ours.read(100) == b""
    assert theirs.read(100) == b""
    assert ours.failure is None


def test_a_close_after_the_peers_needs_no_wait() -> None:
    ours, theirs = talking()
    theirs.close()
    carry(theirs, ours)
    assert ours.ending is None
    ours.close()
    assert ours.ending is not None
    assert not ours.ending.awaits_peer


def test_a_close_waits_for_a_renegotiation_while_data_is_held_and_then_ends() -> None:
    ours, theirs = both_ways()
    ours.renegotiate()
    ours.send(b"held")
    ours.close()
    assert ours.ending is None
    assert ours.time_bound is not None
    assert ours.time_bound.seconds == 5.0
    carry(ours, theirs)
    assert ours.ending is not None
    assert theirs.read(100) == b"held"
    assert theirs.read(100) == b""


@pytest.mark.parametrize("what", ["failure", "abort", "nothing to say"])
def test_after_a_failure_the_transport_stays_while_an_alert_may_be_read(what: str) -> None:
    ours, _ = talking()
    if what == "failure":
        ours.receive(FORGED)
    elif what == "abort":
        ours.abort(Alert.INTERNAL_ERROR)
    else:
        ours.receive(b"")
    assert ours.ending is not None
    assert ours.ending.seconds == 1.0
    assert ours.ending.awaits_peer is (what != "nothing to say")
    assert (ours.failure is None) is (what == "abort")


def test_a_connection_that_is_ending_does_not_fail_any_more() -> None:
    ours, _ = talking()
    ours.close()
    ours.receive(FORGED)
    ours.fail(ZeroDivisionError())
    assert ours.failure is None


def test_a_connection_that_is_given_up_says_nothing() -> None:
    ours, _ = talking()
    ours.give_up(None)
    assert not ours.output
    assert ours.ending is not None
    assert ours.ending.is_abrupt
    assert ours.failure is None


# --- beginnings


def test_what_a_server_was_given_before_it_began_is_not_lost() -> None:
    client = a_client()
    client.begin()
    connection = ServerConnection(server_config())
    connection.receive_data(client.output.popleft())  # read ahead by a plain protocol, as with STARTTLS
    server = Driver(connection)
    server.begin()
    carry(server, client)
    assert client.is_established


def test_data_from_before_the_handshake_is_never_given_out() -> None:
    ours = a_client()
    ours.plaintext.append(b"injected")
    ours._take([HandshakeCompleted(None)])  # type: ignore[arg-type]
    assert ours.read(100) is None


def test_an_answer_whose_arguments_cannot_be_told_is_given_the_event_alone() -> None:
    given: list[tuple[Any, ...]] = []

    class Silent:
        __signature__ = "none"  # as some functions of C libraries have none

        def __call__(self, *arguments: Any) -> None:
            given.append(arguments)

    talking(server=a_server(answers={ClientHelloReceived: Silent()}))
    ((event,),) = given
    assert isinstance(event, ClientHelloReceived)


def test_a_connection_may_be_made_without_a_host() -> None:
    assert client_connection(client_config(verifier=AcceptAnyPeer()), None).state.name == "IDLE"


def test_a_list_of_event_classes_may_pause_a_connection() -> None:
    config = server_config(client_auth=ClientAuth.REQUIRED, verifier=verifier())
    for classes in ([ClientHelloReceived], (ClientHelloReceived,), iter([ClientHelloReceived])):
        server = ServerConnection(config, pause_on=classes)
        client = a_client()
        client.begin()
        server.receive_data(client.output.popleft())
        assert server.state.name == "PAUSED"


def test_plaintext_is_taken_by_records_by_lines_and_by_pieces() -> None:
    plaintext = Plaintext()
    plaintext.append(b"one\ntwo\n")
    plaintext.append(b"three")
    assert plaintext.take_line() == b"one\n"
    assert plaintext.first(2) == b"tw"
    assert plaintext.pop() == b"two\n"
    assert plaintext.size == 5
    assert plaintext.first(100) == b"three"
    plaintext.clear()
    assert plaintext.size == 0
    assert plaintext.first(100) == b""
