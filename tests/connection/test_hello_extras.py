"""GREASE, padding and the application's own extensions: sent by choice, answered, never tripped over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.ends import Ours, our_client, our_server, talk
from tls12 import AcceptAnyPeer, Alert, ClientConfig, ClientConnection, Policy
from tls12.crypto.randomness import CheckedRandom
from tls12.handshake.engine import Unit
from tls12.handshake.grease_and_padding import add_grease
from tls12.lab.hellos import with_extensions
from tls12.registry import ExtensionType
from tls12.wire import messages
from tls12.wire.extensions import Padding, RawExtension, SupportedGroups
from tls12.wire.hello import ClientHello

OWN = ExtensionType.of(0xFDE8)


def hello_of(client: Any) -> ClientHello:
    client.start()
    hello = messages.parse(client.take()[5:])
    assert isinstance(hello, ClientHello)
    return hello


def test_grease_stands_first_among_suites_groups_and_extensions_and_the_handshake_goes_through() -> None:
    policy = Policy.default().replace(send_grease=True)
    hello = hello_of(our_client(policy=policy))
    groups = hello.find(SupportedGroups)
    assert hello.extensions is not None
    assert groups is not None
    assert hello.cipher_suites[0].is_grease
    assert groups.named_group_list[0].is_grease
    assert hello.extensions[0].extension_type.is_grease
    assert hello.extensions[-1].extension_type.is_grease
    client, server = our_client(policy=policy), our_server()
    talk(client, server)
    assert client.negotiated is not None
    assert server.negotiated is not None


def test_grease_never_draws_the_same_extension_twice() -> None:
    plain = hello_of(our_client())
    for seed in range(300):
        hello = add_grease(plain, CheckedRandom(random.Random(seed).randbytes))
        types = [extension.extension_type for extension in hello.extensions or ()]
        assert len(set(types)) == len(types)
        assert types[0].is_grease
        assert types[-1].is_grease


def test_a_hello_between_256_and_511_bytes_is_padded_to_512_and_others_are_left() -> None:
    policy = Policy.default().replace(pad_client_hello=True)
    assert hello_of(our_client(policy=policy)).find(Padding) is None
    for filler in range(60, 330, 7):
        own = (RawExtension(OWN, bytes(filler)),)
        bare = len(messages.serialize(hello_of(our_client(extensions=own))))
        padded = messages.serialize(hello_of(our_client(policy=policy, extensions=own)))
        if 256 <= bare < 508:
            assert len(padded) == 512
        elif bare < 256 or bare >= 512:
            assert len(padded) == bare


@pytest.mark.parametrize(
    ("padding", "accepted"),
    [(b"", True), (bytes(1), True), (bytes(15_000), True), (b"\1", False), (bytes(15_000) + b"\xbe", False)],
    ids=["empty", "a zero", "many zeros", "a one", "a covert byte"],
)
def test_a_server_takes_only_zeros_as_padding(padding: bytes, accepted: bool) -> None:
    def pad(message: Unit) -> list[Unit]:
        return [with_extensions(message, Padding(padding)) if isinstance(message, ClientHello) else message]

    client, server = (
        Ours(ClientConnection(ClientConfig(verifier=AcceptAnyPeer()), "pad.test", rewrite=pad)),
        our_server(),
    )
    talk(client, server)
    assert server.completed is accepted
    assert accepted or (server.error is not None and server.error.alert is Alert.ILLEGAL_PARAMETER)


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        (ExtensionType.KEY_SHARE, True),
        (ExtensionType.ENCRYPTED_CLIENT_HELLO, True),
        (ExtensionType.PSK_KEY_EXCHANGE_MODES, True),
        (ExtensionType.HEARTBEAT, False),
        (ExtensionType.SUPPORTED_VERSIONS, False),
    ],
    ids=str,
)
def test_a_server_overlooks_a_malformed_extension_that_only_tls_1_3_gives_a_meaning(
    kind: ExtensionType, accepted: bool
) -> None:
    client, server = our_client(extensions=(RawExtension(kind, b"\xff\xff\xff"),)), our_server()
    talk(client, server)
    assert server.completed is accepted
    assert accepted or (server.error is not None and server.error.alert is Alert.DECODE_ERROR)


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "ignored"])
def test_an_extension_of_ones_own_travels_both_ways(answers: bool) -> None:
    def answer(hello: ClientHello) -> list[RawExtension]:
        asked = next(e for e in hello.extensions or () if e.extension_type == OWN)
        assert isinstance(asked, RawExtension)
        return [RawExtension(OWN, asked.body[::-1]), RawExtension(ExtensionType.of(0xFDE9), b"not offered")]

    client = our_client(extensions=(RawExtension(OWN, b"abc"),))
    server = our_server(extensions=answer if answers else None)
    talk(client, server)
    assert client.negotiated is not None
    assert client.negotiated.custom_extensions == ((RawExtension(OWN, b"cba"),) if answers else ())
