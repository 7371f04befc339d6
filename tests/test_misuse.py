"""Mistakes of the caller: whatever is given to whatever is public, a sentence comes out that names the argument."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

import tls12
from tests import pki
from tests.ends import credential, our_client, our_server, talk
from tls12 import (
    AcceptAnyPeer,
    ClientConfig,
    ClientConnection,
    KeyLog,
    Limits,
    MemorySessionStore,
    Policy,
    Psk,
    Refuse,
    ServerConfig,
    ServerConnection,
    TicketKeys,
    TLSError,
    UsageError,
    lab,
)
from tls12.wire import messages

ODD: dict[str, Any] = {
    "None": None,
    "text": "text",
    "bytes": b"bytes",
    "negative": -1,
    "huge": 1 << 70,
    "a fraction": 1.5,
    "an object": object(),
    "a list": [],
    "a mapping": {},
    "a tuple of None": (None,),
    "a list of text": ["x"],
    "a list of lists": [[]],
    "a class": int,
    "True": True,
    "a function": lambda *given: None,
}
CLIENT = ClientConfig(verifier=AcceptAnyPeer())
SERVER = ServerConfig(credentials=(credential(),))


def established(role: str) -> Any:
    client, server = our_client(), our_server()
    talk(client, server)
    return (client if role == "client" else server).connection


def fresh(role: str) -> Any:
    return ClientConnection(CLIENT, pki.NAME) if role == "client" else ServerConnection(SERVER)


def with_field(make: Callable[..., object], base: Mapping[str, Any], name: str) -> Callable[[Any], object]:
    return lambda value: make(**{**base, name: value})


def arguments() -> Iterator[tuple[str, Callable[[Any], object]]]:
    """Everything public that takes an argument, by name, as a function of that argument."""
    for cls, base in (
        (ClientConfig, {"verifier": AcceptAnyPeer()}),
        (ServerConfig, {"credentials": (credential(),)}),
        (Limits, {}),
        (Policy, {f.name: getattr(Policy.default(), f.name) for f in fields(Policy) if f.init}),
    ):
        for f in fields(cls):
            if f.init:
                yield f"{cls.__name__}({f.name})", with_field(cls, base, f.name)
    yield "Policy.diff", Policy.default().diff
    for name in ("config", "server_name", "session", "rewrite", "pause_on", "on_message", "handshake"):
        base = {"config": CLIENT, "server_name": pki.NAME}
        yield f"ClientConnection({name})", with_field(ClientConnection, base, name)
    for name in ("config", "rewrite", "pause_on", "on_message", "handshake"):
        yield f"ServerConnection({name})", with_field(ServerConnection, {"config": SERVER}, name)
    for role in ("client", "server"):
        for state in (fresh, established):
            for act in ("receive_data", "send_data", "data_to_send", "abort", "answer", "channel_binding"):
                yield (
                    f"{act} of a {state.__name__} {role}",
                    lambda value, role=role, state=state, act=act: getattr(state(role), act)(value),
                )
    for name in ("label", "context", "length", "for_authentication"):
        base = {"label": "EXPORTER-x", "context": None, "length": 32}
        yield (
            f"export_keying_material({name})",
            lambda value, name=name, base=base: established("client").export_keying_material(**{**base, name: value}),
        )
    yield "Psk(identity)", lambda value: Psk(value, b"k" * 16)
    yield "Psk(key)", lambda value: Psk(b"me", value)
    yield "Refuse", Refuse
    yield "MemorySessionStore(capacity)", MemorySessionStore
    yield "TicketKeys.generate(lifetime)", TicketKeys.generate
    yield "messages.parse", messages.parse
    yield "messages.serialize", messages.serialize
    yield "Observer(keylog)", lab.Observer
    yield "Observer(crypto)", lambda value: lab.Observer(crypto=value)
    yield "Observer.feed(sender)", lambda value: lab.Observer().feed(value, b"")
    yield "Observer.feed(data)", lambda value: lab.Observer().feed("client", value)
    yield "Script(role)", lab.Script  # type: ignore[arg-type]
    for act in ("send_data", "send_bytes", "receive_data"):
        yield f"Script.{act}", lambda value, act=act: getattr(lab.Script("client"), act)(value)
    yield "sync.wrap(sock)", lambda value: tls12.sync.wrap(value, fresh("client"))
    yield "sync.wrap(connection)", on_a_socket
    for name in ("host", "port", "config", "timeout", "handshake_timeout", "answers", "pause"):
        base = {"host": "127.0.0.1", "port": 1, "config": CLIENT, "timeout": 1.0}
        if name != "pause":
            yield f"sync.connect({name})", with_field(tls12.sync.connect, base, name)
    for name in ("config", "answers", "handshake_timeout", "close_timeout"):
        base = {"handler": print, "host": "127.0.0.1", "port": 0, "config": SERVER}
        yield f"asyncio.start_server({name})", with_field(running(tls12.asyncio.start_server), base, name)
        base = {"host": "127.0.0.1", "port": 1, "config": CLIENT}
        yield f"asyncio.open_connection({name})", with_field(running(tls12.asyncio.open_connection), base, name)
    yield "asyncio.wrap", lambda value: running(tls12.asyncio.wrap)(value, value, value)


def on_a_socket(connection: Any) -> None:
    one, other = socket.socketpair()
    with one, other:
        tls12.sync.wrap(one, connection)


def running(function: Callable[..., Any]) -> Callable[..., None]:
    async def main(*given: Any, **named: Any) -> None:
        made = await function(*given, **named)
        if hasattr(made, "close"):
            made.close()

    return lambda *given, **named: asyncio.run(main(*given, **named))


ARGUMENTS = dict(arguments())


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_an_argument_is_taken_or_refused_with_a_sentence(argument: str) -> None:
    for odd, value in ODD.items():
        if argument == "Policy(name)" or (argument == "sync.connect(host)" and odd in ("text", "bytes")):
            continue  # a name may be anything that is text; and the second would ask the name service
        sentence = None
        try:
            ARGUMENTS[argument](value)
        except UsageError as error:
            sentence = str(error)
        except (TLSError, ConnectionRefusedError, socket.gaierror):
            continue  # taken, and then nothing is there: port 1 has no server, bytes are no message
        except Exception as error:
            pytest.fail(f"{argument} of {odd}: {type(error).__name__}: {error}")
        assert sentence is None or len(sentence.split()) >= 3, f"{argument} of {odd}: {sentence}"


@pytest.mark.parametrize("path", [None, 5, {}, ["keys.log"]], ids=repr)
@pytest.mark.parametrize("act", [KeyLog.load, KeyLog.to_file])
def test_a_key_log_is_at_a_path(act: Callable[[Any], object], path: Any) -> None:
    with pytest.raises(UsageError, match="give the path of a file"):
        act(path)


def test_what_is_exported_at_once_is_bounded() -> None:
    connection = established("client")
    assert len(connection.export_keying_material("EXPORTER-x", None, 1 << 16)) == 1 << 16
    with pytest.raises(UsageError, match="1 to 65536 bytes, not 65537"):
        connection.export_keying_material("EXPORTER-x", None, (1 << 16) + 1)
    with pytest.raises(UsageError, match="65,535"):
        connection.export_keying_material("EXPORTER-x", bytes(1 << 16), 32)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([("event", print)], "answers is a list; give a mapping from event classes to functions"),
        ({tls12.PskLookupRequested: None}, "answers has None for PskLookupRequested; give a function"),
        ({tls12.DataReceived: print}, "pause_on names DataReceived, which cannot pause"),
    ],
)
def test_what_decides_is_a_function_for_each_event_class(answers: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        tls12.sync.connect("127.0.0.1", 1, CLIENT, answers=answers)
    with pytest.raises(UsageError, match=words):
        asyncio.run(tls12.asyncio.start_server(print, "127.0.0.1", 0, config=SERVER, answers=answers))


def test_no_time_at_all_for_a_handshake_is_refused_before_anything_is_opened() -> None:
    words = "handshake_timeout is 0, .*; give seconds, or None for no bound"
    with pytest.raises(UsageError, match=words):
        tls12.sync.connect("127.0.0.1", 1, CLIENT, handshake_timeout=0)
    with pytest.raises(UsageError, match=words):
        asyncio.run(tls12.asyncio.start_server(print, "127.0.0.1", 0, config=SERVER, handshake_timeout=0))
