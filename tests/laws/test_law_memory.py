"""Without a memory the same input takes the same path through the code each time; a memory is one configuration's."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings

import tls12
from tests import pki
from tests.ends import PSK, credential_of, our_client, our_server, talk
from tls12 import ClientConfig, Policy, ServerConfig
from tls12.errors import PeerIncompatible
from tls12.lab import strategies
from tls12.trust.verifier import AcceptAnyPeer
from tls12.wire import messages
from tls12.wire.context import Context
from tls12.wire.memory import Memory
from tls12.wire.messages import Message
from tls12.wire.mode import LENIENT, STRICT, Mode

PACKAGE = str(Path(tls12.__file__).parent)

Line = tuple[str, int]


def lines(call: Callable[[], object]) -> set[Line]:
    """The lines of the library that a call executes."""
    executed: set[Line] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        executed.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(outer)
    return executed


@pytest.mark.parametrize("mode", [STRICT, LENIENT, Mode(tls12_only=True)], ids=["strict", "lenient", "of an endpoint"])
@settings(max_examples=150)
@given(pair=strategies.messages())
def test_parsing_the_same_message_again_executes_the_same_lines(
    mode: Mode, pair: tuple[Message, Context | None]
) -> None:
    message, context = pair
    data = messages.serialize(message)
    first, second = (lines(lambda: messages.parse(data, context, mode)) for _ in range(2))
    assert first == second
    assert first


def handshake(memory: Memory | None, name: str, kind: str) -> set[Line]:
    """The lines of a full handshake, of both ends, with seeded randomness."""
    credentials = (credential_of(pki.server(kind)),)  # new, since a Credential reads and writes itself once
    common = {"memory": memory, "clock": pki.NOW.timestamp, "alpn_protocols": (name[:5],)}
    client = our_client(name=name, random=random.Random(1).randbytes, **common)
    server = our_server(credentials=credentials, random=random.Random(2).randbytes, **common)
    found = lines(lambda: talk(client, server))
    assert client.completed
    assert server.completed
    return found


def test_a_handshake_that_comes_again_executes_the_same_lines_without_a_memory() -> None:
    handshake(None, "warming.test", "rsa-2048")  # what Python itself does once, such as an import, is done
    handshake(None, "warmer.test", "ecdsa-p256")
    first, second = (handshake(None, "never-seen.test", "ecdsa-p384") for _ in range(2))
    assert first == second


def test_a_hello_that_is_refused_again_executes_the_same_lines_without_a_memory() -> None:
    def refused() -> set[Line]:
        client = our_client(policy=Policy.psk(), psk=PSK, random=random.Random(1).randbytes)
        server = our_server(credentials=(credential_of(pki.server()),), memory=None, random=random.Random(2).randbytes)
        found = lines(lambda: talk(client, server))
        assert isinstance(server.error, PeerIncompatible)
        return found

    first, second = refused(), refused()
    assert first == second


def test_a_handshake_that_comes_again_executes_fewer_lines_with_a_memory() -> None:
    memory = Memory()
    first, second = (handshake(memory, pki.NAME, "ecdsa-p256") for _ in range(2))
    assert len(second) < len(first)


def test_each_configuration_has_a_memory_of_its_own_unless_told_otherwise() -> None:
    verifier = AcceptAnyPeer()
    configs = [ClientConfig(verifier=verifier) for _ in range(2)]
    servers = [ServerConfig(credentials=()) for _ in range(2)]
    memories = [config.memory for config in (*configs, *servers)]
    assert all(isinstance(memory, Memory) for memory in memories)
    assert len({*map(id, memories)}) == 4
    assert configs[0] == configs[1]
    shared = ClientConfig(verifier=AcceptAnyPeer(), memory=servers[0].memory)
    assert shared.memory is servers[0].memory
    assert replace(shared, half_close=True).memory is shared.memory
    assert replace(shared, memory=None).mode.memory is None


def test_what_one_connection_read_is_in_its_own_configuration_only() -> None:
    client, server, stranger = our_client(), our_server(), our_server()
    talk(client, server)
    for end in (client, server):
        memory = end.connection.config.memory
        assert memory is not None
        assert len(memory)
    assert stranger.connection.config.memory is not None
    assert not len(stranger.connection.config.memory)
