"""`lab.NullCrypto`: the protocol whole, and nothing computed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.ends import Ours, Scripted, client_credential, our_client, our_server, talk
from tls12 import (
    Alert,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    KeyLog,
    MemorySessionStore,
    NamedGroup,
    Policy,
    Psk,
    TicketKeys,
)
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.crypto.randomness import Purpose
from tls12.crypto.suites import SUITES
from tls12.errors import BadSignature, UsageError
from tls12.lab import NullCrypto, Observer
from tls12.lab import policy as lab_policy
from tls12.lab.null_crypto import PUBLIC_KEY, SIGNATURE, TICKET_MAC
from tls12.lab.observer import ApplicationDataSeen, MessageSeen, RuleBroken, Undecryptable
from tls12.policy import Renegotiation
from tls12.registry import SignatureScheme
from tls12.wire.closing import Finished
from tls12.wire.hello import ServerHelloDone
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.key_exchange import ServerKeyExchange
from tls12.wire.memory import Memory

NULL = NullCrypto()
SUITE = {row.key_exchange: row.suite for row in SUITES.values() if row.is_aead or row.authentication.value == "anon"}
EVERY_KIND = pytest.mark.parametrize("kx", SUITE, ids=lambda kx: kx.value)


def policy(kx: Kx) -> Policy:
    return lab_policy().replace(cipher_suites=(SUITE[kx],), renegotiation=Renegotiation.ALLOW)


def options(kx: Kx, crypto: CryptoProvider, memory: Memory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of a client and a server; the server asks for a certificate where that is possible."""
    both = {"crypto": crypto, "policy": policy(kx), "memory": memory}
    client = {**both, "sessions": MemorySessionStore(), "credentials": (client_credential(),)}
    server = {**both, "ticket_keys": TicketKeys.generate(crypto=crypto), "client_auth": ClientAuth.OPTIONAL}
    server["verifier"] = our_client().connection.config.verifier
    if SUITES[SUITE[kx]].uses_psk:
        client["psk"], server["psk"] = Psk(b"me", b"key"), {b"me": b"key"}
    return client, server


def converse(kx: Kx, crypto: CryptoProvider, memory: Memory) -> tuple[Ours, Ours]:
    """A full handshake, data both ways, a renegotiation, and a resumption with more data."""
    ours, theirs = options(kx, crypto, memory)
    for _ in range(2):
        client, server = our_client(**ours), our_server("rsa-2048", "ecdsa-p256", **theirs)
        talk(client, server)
        assert client.completed, (client.error, server.error)
        client.send(b"a" * 40_000)
        server.send(b"b" * 100)
        talk(client, server)
        assert (server.data, client.data) == (b"a" * 40_000, b"b" * 100)
    assert client.negotiated.resumed
    client.connection.renegotiate()
    talk(client, server)
    client.close()
    talk(client, server)
    assert server.closed_cleanly
    return client, server


class Calls:
    """The operations of `cryptography` that are called: of asymmetric keys, ciphers and AEADs."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, frame: object, event: str, function: Any) -> None:
        if event == "c_call":
            owner = getattr(function, "__self__", None)
            kind = owner if isinstance(owner, type) else type(owner)
            if kind.__module__.startswith("cryptography") or str(getattr(function, "__module__", "")).startswith(
                "cryptography"
            ):
                self.seen.add(f"{kind.__module__}.{kind.__qualname__}.{function.__name__}")


@contextmanager
def watched() -> Iterator[Calls]:
    calls, before = Calls(), sys.getprofile()
    sys.setprofile(calls)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@EVERY_KIND
def test_every_kind_of_key_exchange_is_spoken_without_a_call_of_the_backend(kx: Kx) -> None:
    memory = Memory()
    converse(kx, NULL, memory)  # certificates are read once, and remembered
    with watched() as calls:
        converse(kx, NULL, memory)
    assert {call.rpartition(".")[2] for call in calls.seen} <= {"public_numbers"}, "how long a certificate's key is"


def test_the_same_conversation_with_the_standard_one_computes_a_lot() -> None:
    with watched() as calls:
        converse(Kx.ECDHE, STANDARD, Memory())
    names = " ".join(calls.seen)
    for operation in ("exchange", "encrypt", "decrypt", "sign", "verify"):
        assert operation in names


def overheard(kx: Kx) -> list[bytes]:
    """Everything that goes over the wire in a full handshake with data."""
    ours, theirs = options(kx, NULL, Memory())
    client, server = our_client(**ours, clock=lambda: 0.0), our_server("rsa-2048", "ecdsa-p256", **theirs)
    client.start()
    said: list[bytes] = []
    for _ in range(3):
        for one, other in ((client, server), (server, client)):
            said.append(one.take())
            other.receive(said[-1])
        if len(said) == 4:
            client.send(b"data in the clear")
    assert client.completed
    assert server.data == b"data in the clear"
    return said


@EVERY_KIND
def test_two_conversations_are_the_same_to_the_byte(kx: Kx) -> None:
    once, again = (b"".join(overheard(kx)) for _ in range(2))
    ticket = once.find(TICKET_MAC)  # holds the time at which it was made
    assert ticket > 0
    length = len(TICKET_MAC)
    same = sum(a == b for a, b in zip(once, again, strict=True))
    assert len(once) - same <= 8 + length
    assert b"data in the clear" in once


def test_what_is_constant_can_be_recognised_in_a_dump() -> None:
    said = b"".join(overheard(Kx.ECDHE))
    for word in (b"client_random", b"server_random", PUBLIC_KEY, SIGNATURE, b"client finis", b"server finis"):
        assert word in said


def ends(kx: Kx, client_crypto: CryptoProvider, server_crypto: CryptoProvider) -> tuple[Ours, Ours]:
    ours, _ = options(kx, client_crypto, Memory())
    _, theirs = options(kx, server_crypto, Memory())
    client, server = our_client(**ours), our_server("rsa-2048", "ecdsa-p256", **theirs)
    talk(client, server)
    return client, server


@EVERY_KIND
@pytest.mark.parametrize("ordinary", ["client", "server"])
def test_with_an_ordinary_peer_no_handshake_completes(kx: Kx, ordinary: str) -> None:
    client, server = ends(kx, *((STANDARD, NULL) if ordinary == "client" else (NULL, STANDARD)))
    assert not client.completed
    assert not server.completed
    if client.error is server.error is None:  # ciphertext, read in the clear, begins like a message that goes on
        client.receive(b"")
    assert client.error or server.error


def test_only_the_constant_is_a_signature() -> None:
    scheme = SignatureScheme.ED25519
    NULL.verify(None, scheme, SIGNATURE, b"data")
    with pytest.raises(BadSignature, match="not that of NullCrypto"):
        NULL.verify(None, scheme, SIGNATURE + b"!", b"data")


def test_a_ticket_without_the_constant_means_a_full_handshake() -> None:
    keys = TicketKeys.generate(crypto=NULL)
    ticket = keys.seal(b"a long enough state to be one")
    assert b"a long enough state" in ticket
    assert keys.open(ticket) == b"a long enough state to be one"
    assert keys.open(ticket[:-1] + b"!") is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_its_sessions_are_not_resumed_by_who_computes(role: str) -> None:
    ours, theirs = options(Kx.ECDHE, NULL, Memory())
    first, second = our_client(**ours), our_server(**theirs)
    talk(first, second)
    session = first.connection.session
    assert session is not None
    if role == "client":
        honest = our_client(**{**ours, "crypto": STANDARD, "sessions": None}, session=session)
        honest.start()
        assert b"client_random" not in honest.take()
        assert honest.connection._core.handshakes.current.session is None  # type: ignore[union-attr]
    else:
        again = our_client(**ours)
        talk(again, our_server(**{**theirs, "crypto": STANDARD}))
        assert not again.completed


def test_a_fixed_random_takes_the_place_of_the_constants() -> None:
    client, server = our_client(crypto=NULL, random=lambda count: b"\x05" * count), our_server(crypto=NULL)
    talk(client, server)
    assert client.negotiated.client_random == b"\x05" * 32
    assert client.negotiated.server_random.startswith(b"server_random")


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_script_speaks_with_such_an_end(role: str) -> None:
    script = Scripted("server" if role == "client" else "client", crypto=NULL)
    ours = our_client(crypto=NULL) if role == "client" else our_server(crypto=NULL)
    if role == "client":
        ours.start()
        script.receive_data(ours.take())
        script.send(script.answer(), ours_certificate())
        share = script.offer(NamedGroup.X25519, object(), SignatureScheme.ECDSA_SECP256R1_SHA256)
        assert isinstance(share, ServerKeyExchange)
        script.send(share, ServerHelloDone())
        talk(ours, script)
        script.accept()
    else:
        script.send(script.hello())
        talk(ours, script)
        script.send(script.respond())
        script.derive()
    script.finish()
    talk(ours, script)
    assert ours.completed
    assert script.last(Finished) == Finished(f"{role} finished"[:12].encode())
    script.send_data(b"hello")
    talk(ours, script)
    assert ours.data == b"hello"


def ours_certificate() -> Any:
    return our_server().connection.config.credentials[0].certificate_message


def test_a_wrong_finished_is_still_refused() -> None:
    script, ours = Scripted("client", crypto=NULL), our_server(crypto=NULL)
    script.send(script.hello())
    talk(ours, script)
    script.send(script.respond())
    script.derive()
    script.change_cipher_spec()
    script.send(Finished(b"client finiS"))
    talk(ours, script)
    assert ours.error is not None
    assert ours.error.alert is Alert.DECRYPT_ERROR


def test_it_is_named_in_the_configuration_and_has_no_state() -> None:
    config = ClientConfig(verifier=None, policy=Policy.psk(), psk=Psk(b"me", b"key"), crypto=NULL)
    assert "crypto=<NullCrypto>" in repr(config)
    assert NullCrypto() == NULL
    assert {len(NULL.random(purpose, 46)) for purpose in Purpose} == {46}
    assert isinstance(NULL, CryptoProvider)


def test_an_observer_without_a_key_log_does_not_take_it_for_readable() -> None:
    observer = Observer()
    client, server = our_client(crypto=NULL), our_server(crypto=NULL)
    client.start()
    for _ in range(2):
        for one, other, name in ((client, server, "client"), (server, client, "server")):
            data = one.take()
            observer.feed(name, data)
            other.receive(data)
    assert client.completed
    assert [type(seen).__name__ for seen in observer.events()].count("Undecryptable") == 2


def test_an_observer_with_the_same_provider_reads_it_and_one_with_another_does_not() -> None:
    keylog = KeyLog()
    observer, other = Observer(keylog, details=True, crypto=NULL), Observer(keylog)
    client, server = our_client(crypto=NULL, keylog=keylog), our_server(crypto=NULL)
    client.start()
    for _ in range(2):
        for sender, receiver, name in ((client, server, "client"), (server, client, "server")):
            data = sender.take()
            for each in (observer, other):
                each.feed(name, data)
            receiver.receive(data)
    client.send(b"in the clear")
    for each in (observer, other):
        each.feed("client", bytes(client.connection.data_to_send()))
    seen = observer.events()
    assert not any(isinstance(each, Undecryptable | RuleBroken) for each in seen)
    assert [each.verified for each in seen if isinstance(each, MessageSeen) and isinstance(each.message, Finished)] == [
        True,
        True,
    ]
    assert [each.data for each in seen if isinstance(each, ApplicationDataSeen)] == [b"in the clear"]
    assert any(isinstance(each, Undecryptable) for each in other.events())


def test_an_observer_takes_a_provider_and_nothing_else() -> None:
    wrong: Any = "null"
    with pytest.raises(UsageError, match=r"crypto is a str; give a CryptoProvider"):
        Observer(crypto=wrong)


def test_every_suite_that_can_be_computed_is_spoken() -> None:
    suites = [suite for suite, row in SUITES.items() if not row.uses_psk and row.authentication.value != "DSS"]
    for suite in suites:
        chosen = lab_policy().replace(cipher_suites=(suite,))
        client = our_client(policy=chosen, crypto=NULL)
        server = our_server("rsa-2048", "ecdsa-p256", policy=chosen, crypto=NULL)
        talk(client, server)
        assert client.completed, (suite, client.error, server.error)
    assert CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA in suites
