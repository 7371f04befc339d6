"""How the tests of this directory are built: each attack fails against the library and succeeds without its defence.

How it works: an attack is a function that really attacks and tells whether it got what it wanted. `assert_defended`
runs it against the library as it is, where it must fail, and then with the defence taken out, where it must succeed:
otherwise the test could not fail, and would prove nothing. Where two defences stop the same attack (the guard and the
story of the handshake, most often), either alone must be enough.

What stands in the place of a defence is what a careless library would have. Three ways lead there:

* The victims, made by `our_client` and `our_server` of this module, are given something careless in a public way:
  a configuration (`configured`), cryptography (`computing`), or a handshake with other steps (`careless_client`,
  `careless_server`, `careless_ends`).
* One more row passes the guard of the handshake (`allowed`).
* A check that nothing public switches off is replaced for a moment (`removed`), on purpose: a seam that took the check
  away would be a hole in the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from tests import pki
from tests.ends import Ours, Scripted, credential, talk
from tls12 import AcceptAnyPeer, ClientConfig, ClientConnection, ServerConfig, ServerConnection, Session
from tls12.connection.core import Core
from tls12.crypto.key_exchange import ExchangeInputs
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.crypto.suites import Suite
from tls12.handshake.client import ClientHandshake
from tls12.handshake.grammar import Conversation, Row
from tls12.handshake.server import ServerHandshake
from tls12.registry import ConnectionEnd
from tls12.trust.peer import PeerChain
from tls12.wire.key_exchange import ClientKeyExchange

Attack = Callable[[], bool]
Defence = Callable[[], AbstractContextManager[object]]


def removed(target: Any, name: str, replacement: Any) -> Defence:
    """The library with `target.name` replaced, until the context ends."""
    return lambda: mock.patch.object(target, name, replacement)


DATA_ONLY_BEHIND_A_HANDSHAKE = removed(
    Core, "_refresh", lambda self: self.incoming.let_data_come(True, inside_messages=True)
)
"""The library that takes application data at any moment, whatever the grammar and the handshakes so far say."""


def allowed(extra: Row) -> Defence:
    """The library with a guard that admits this row as well, whatever its own say."""
    honest = Conversation.admit

    def admit(self: Conversation, sender: ConnectionEnd, kind: int) -> Row:
        asked = (self.state, sender, kind) == (extra.at, extra.sender, extra.message)
        return extra if asked else honest(self, sender, kind)

    return removed(Conversation, "admit", admit)


def together(*defences: Defence) -> Defence:
    """Several replacements that are one defence."""

    @contextmanager
    def all_of_them() -> Iterator[None]:
        with ExitStack() as stack:
            for defence in defences:
                stack.enter_context(defence())
            yield

    return all_of_them


@dataclass
class Victim:
    """What the ends are made of that an attack makes."""

    config: dict[str, Any] = field(default_factory=dict)
    """Options of every configuration, in the place of those that the attack gives."""
    crypto: CryptoProvider = STANDARD
    client: type[ClientHandshake] = ClientHandshake
    server: type[ServerHandshake] = ServerHandshake


VICTIM = Victim()


def our_client(*, name: str | None = pki.NAME, session: Session | None = None, **config: Any) -> Ours:
    """A victim that accepts any certificate, unless a `verifier` is given."""
    config = {"verifier": AcceptAnyPeer(), "crypto": VICTIM.crypto, **config, **VICTIM.config}
    return Ours(ClientConnection(ClientConfig(**config), name, session=session, handshake=VICTIM.client))


def our_server(*kinds: str, **config: Any) -> Ours:
    """A victim with certificates for these kinds of keys, P-256 if none are named."""
    credentials = tuple(credential(kind) for kind in kinds or ("ecdsa-p256",))
    config = {"credentials": credentials, "crypto": VICTIM.crypto, **config, **VICTIM.config}
    return Ours(ServerConnection(ServerConfig(**config), handshake=VICTIM.server))


def configured(**config: Any) -> Defence:
    """The victims with these options in their configurations, whatever the attack gives them."""
    return removed(VICTIM, "config", config)


def computing(crypto: CryptoProvider) -> Defence:
    """The victims with cryptography that has a hole."""
    return removed(VICTIM, "crypto", crypto)


def careless_client(**steps: Any) -> Defence:
    """Clients whose handshake has these steps instead of its own."""
    return lambda: mock.patch.object(VICTIM, "client", type("CarelessClient", (VICTIM.client,), steps))


def careless_server(**steps: Any) -> Defence:
    """Servers whose handshake has these steps instead of its own."""
    return lambda: mock.patch.object(VICTIM, "server", type("CarelessServer", (VICTIM.server,), steps))


def careless_ends(**steps: Any) -> Defence:
    """Both."""
    return together(careless_client(**steps), careless_server(**steps))


def any_finite_field() -> Defence:
    """Clients that compute in a finite field of any size."""
    honest = ClientHandshake.exchange_inputs

    def exchange_inputs(self: ClientHandshake, suite: Suite, peer: PeerChain | None) -> ExchangeInputs:
        return replace(honest(self, suite, peer), minimum_dh_bits=1, maximum_dh_bits=1 << 20)

    return careless_client(exchange_inputs=exchange_inputs)


def assert_defended(attack: Attack, *defences: Defence) -> None:
    """The attack fails with all defences, and with any one of several missing; it succeeds without them."""
    assert not attack(), "the attack succeeds against the library as it is"
    for number, defence in enumerate(defences, 1):
        if len(defences) > 1:
            with defence():
                assert not attack(), f"without defence {number} the others should have been enough"
    with ExitStack() as stack:
        for defence in defences:
            stack.enter_context(defence())
        assert attack(), "the attack fails even without the defence: this test could not fail"


def finish_as_server(script: Scripted, client: Ours) -> bool:
    """The rest of an honest server's handshake; whether the client goes along."""
    talk(client, script)
    if script.last(ClientKeyExchange) is None:
        return False
    script.accept()
    script.finish()
    talk(client, script)
    return client.completed
