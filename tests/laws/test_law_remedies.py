"""A remedy that names a policy is true: typed in, it takes the handshake further, and it was not in force already.

How it works: a `Case` is a peer that something is wrong with, and the end that judges it under the policy given. Each
case is run under every policy of the library and some narrower ones. The expressions in the remedy are evaluated as a
user would type them, and the same case is run again under each. Where the remedy says that no policy would help, all of
them are tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests import pki
from tests.ends import Ours, credential, credential_of, talk
from tls12 import (
    AcceptAnyPeer,
    Alert,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    Credential,
    NamedGroup,
    Policy,
    Psk,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    SignatureScheme,
    UsageError,
)
from tls12.handshake.engine import Rewrite, Unit
from tls12.lab import policy as lab_policy
from tls12.lab.hellos import without_extensions
from tls12.lab.pki import CLIENT
from tls12.registry import ContentType
from tls12.wire.extensions import ExtendedMasterSecret, RenegotiationInfo
from tls12.wire.hello import ClientHello, HelloRequest, ServerHello
from tls12.wire.key_exchange import DheParams, ServerKeyExchange
from tls12.wire.messages import serialize

C = CipherSuite
POLICIES = [
    Policy.default(),
    Policy.strict(),
    Policy.compatible(),
    Policy.legacy_device(),
    Policy.psk(),
    lab_policy(),
    Policy.default().replace(groups=(NamedGroup.SECP384R1,)),
    Policy.default().replace(signature_schemes=(SignatureScheme.RSA_PSS_RSAE_SHA512,)),
    Policy.default().replace(renegotiation=Renegotiation.FATAL),
    Policy.compatible().replace(
        require_extended_master_secret=True,
        require_secure_renegotiation_of_clients=True,
        require_known_server_name=True,
        accept_custom_dh=False,
        minimum_dh_bits=3072,
    ),
]
ORDINARY = (Policy.default(), Policy.strict(), Policy.compatible(), Policy.legacy_device(), Policy.psk())
OFFERS_MORE, NO_POLICY = "offers more", "no ordinary policy"
Outcome = tuple[str, str]
"""What went wrong, and the remedy; both empty if nothing did."""


def rewriting(kind: type[Any], change: Callable[[Any], Any]) -> Rewrite:
    """A hook that changes the messages of one class."""

    def rewrite(message: Unit) -> Iterable[Unit]:
        return [change(message) if isinstance(message, kind) else message]

    return rewrite


def without(*extensions: type[Any], of: type[Any]) -> Rewrite:
    return rewriting(of, lambda hello: without_extensions(hello, *extensions))


def outcome(ours: Ours) -> Outcome:
    error = ours.error
    return (error.message, error.remedy) if error is not None else ("", "")


@cache
def small_key() -> Credential:
    return credential_of(pki.small_rsa_leaf())


@cache
def small_curve() -> Credential:
    issued = pki.intermediate().issue(key=ec.generate_private_key(ec.SECP192R1()), purposes=CLIENT)
    return credential_of(issued)


def serving(policy: Policy, *kinds: str, rewrite: Rewrite | None = None, **config: Any) -> Ours:
    config.setdefault("credentials", tuple(map(credential, kinds or ("rsa-2048",))))
    config.setdefault("psk", {})  # a server that knows no device: without any source of PSKs, some policies are refused
    return Ours(ServerConnection(ServerConfig(policy=policy, **config), rewrite=rewrite))


def asking(policy: Policy, *, name: str = pki.NAME, rewrite: Rewrite | None = None, **config: Any) -> Ours:
    config.setdefault("psk", Psk(b"me", bytes(16)))
    return Ours(
        ClientConnection(ClientConfig(verifier=AcceptAnyPeer(), policy=policy, **config), name, rewrite=rewrite)
    )


def narrow(*suites: CipherSuite, **changes: Any) -> Policy:
    """A peer that speaks only this, whatever it is."""
    return lab_policy().replace(cipher_suites=suites, **changes)


# -- the end under test is the server -----------------------------------------------------------------------------


def server_meets(client: Callable[[], Ours], *kinds: str, **config: Any) -> Callable[[Policy], Outcome]:
    def run(policy: Policy) -> Outcome:
        server = serving(policy, *kinds, **config)
        talk(client(), server)
        return outcome(server)

    return run


def server_is_asked_again(policy: Policy) -> Outcome:
    """By a client that renegotiates."""
    client, server = asking(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)), serving(policy)
    talk(client, server)
    if server.completed:
        client.connection.renegotiate()
        talk(client, server)
    return outcome(server)


# -- the end under test is the client -----------------------------------------------------------------------------


def client_meets(server: Callable[[], Ours], **config: Any) -> Callable[[Policy], Outcome]:
    def run(policy: Policy) -> Outcome:
        client = asking(policy, **config)
        talk(client, server())
        return outcome(client)

    return run


def own_group(bits: int) -> Rewrite:
    """A hook that makes the server use a modulus of its own; that it is no prime is noticed after its size."""

    def change(exchange: ServerKeyExchange) -> ServerKeyExchange:
        size = bits // 8
        return replace(exchange, params=DheParams(((1 << bits) - 1).to_bytes(size), b"\x02", (4).to_bytes(size)))

    return rewriting(ServerKeyExchange, change)


def client_is_asked_again(give_up: Callable[[Ours, Ours], None], **changes: Any) -> Callable[[Policy], Outcome]:
    """By a server that gives up when nothing follows its HelloRequest."""

    def run(policy: Policy) -> Outcome:
        hook = without(*changes.get("without", ()), of=ServerHello)
        client = asking(policy)
        server = serving(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), rewrite=hook)
        talk(client, server)
        if client.completed:
            client.receive(serialized_hello_request(server))
            if client.connection.can_renegotiate:
                client.connection.renegotiate()
                talk(client, server)
            else:
                give_up(client, server)
        return outcome(client)

    return run


def serialized_hello_request(server: Ours) -> bytes:
    """A HelloRequest under the server's keys, whatever it thinks of renegotiation."""
    return bytes(server.connection._core.outgoing.writer.write(ContentType.HANDSHAKE, serialize(HelloRequest())))


def complain(client: Ours, server: Ours) -> None:
    server.connection.abort(Alert.HANDSHAKE_FAILURE)
    client.receive(server.take())


def hang_up(client: Ours, server: Ours) -> None:
    client.receive(b"")


CASES: dict[str, Callable[[Policy], Outcome]] = {
    **{
        f"a client that speaks only {suite}": server_meets(lambda suite=suite: asking(narrow(suite)), *kinds)
        for suite, kinds in (
            (C.TLS_RSA_WITH_AES_128_GCM_SHA256, ("rsa-2048",)),
            (C.TLS_RSA_WITH_3DES_EDE_CBC_SHA, ("rsa-2048",)),
            (C.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256, ("rsa-2048",)),
            (C.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, ("ecdsa-p256",)),
            (C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ("ecdsa-p256",)),
            (C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ("rsa-2048",)),
        )
    },
    "a client that speaks only brainpool": server_meets(
        lambda: asking(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, groups=(NamedGroup.BRAINPOOLP256R1,)))
    ),
    "a client with CBC on brainpool only": server_meets(
        lambda: asking(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, groups=(NamedGroup.BRAINPOOLP256R1,)))
    ),
    "a client that verifies SHA-256 only": server_meets(
        lambda: asking(
            narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, signature_schemes=(SignatureScheme.RSA_PSS_RSAE_SHA256,))
        )
    ),
    "a client with a PSK": server_meets(
        lambda: asking(narrow(C.TLS_PSK_WITH_AES_128_GCM_SHA256), psk=Psk(b"me", bytes(16)))
    ),
    "a client with a PSK of a server with one": server_meets(
        lambda: asking(narrow(C.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256), psk=Psk(b"me", bytes(16))),
        psk={b"me": bytes(16)},
    ),
    "a client without RFC 7627": server_meets(
        lambda: asking(lab_policy(), rewrite=without(ExtendedMasterSecret, of=ClientHello))
    ),
    "a client without RFC 5746": server_meets(
        lambda: asking(lab_policy(), rewrite=without(RenegotiationInfo, of=ClientHello))
    ),
    "a client that asks for another name": server_meets(lambda: asking(lab_policy(), name="other.test")),
    "a client with a small RSA key": server_meets(
        lambda: asking(lab_policy(), credentials=(small_key(),)),
        client_auth=ClientAuth.REQUIRED,
        verifier=AcceptAnyPeer(),
    ),
    "a client with a small curve": server_meets(
        lambda: asking(lab_policy(), credentials=(small_curve(),)),
        client_auth=ClientAuth.REQUIRED,
        verifier=AcceptAnyPeer(),
    ),
    **{
        f"a server that speaks only {suite}": client_meets(lambda suite=suite: serving(narrow(suite)))
        for suite in (
            C.TLS_RSA_WITH_AES_128_GCM_SHA256,
            C.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
            C.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
            C.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
            C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            C.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA,
        )
    },
    "a server that speaks only brainpool": client_meets(
        lambda: serving(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, groups=(NamedGroup.BRAINPOOLP256R1,)))
    ),
    "a server without RFC 7627": client_meets(
        lambda: serving(lab_policy(), rewrite=without(ExtendedMasterSecret, of=ServerHello))
    ),
    "a server without RFC 5746": client_meets(
        lambda: serving(lab_policy(), rewrite=without(RenegotiationInfo, of=ServerHello))
    ),
    **{
        f"a server with a group of its own of {bits} bits": client_meets(
            lambda bits=bits: serving(narrow(C.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256), rewrite=own_group(bits))
        )
        for bits in (512, 1024, 3072)
    },
    "a server with a small RSA key": client_meets(lambda: serving(lab_policy(), credentials=(small_key(),))),
    "a server that wants to renegotiate and complains": client_is_asked_again(complain),
    "a server that wants to renegotiate and hangs up": client_is_asked_again(hang_up),
    "a client that renegotiates": server_is_asked_again,
}
"""The peer that something is wrong with, and what becomes of it under a policy: the error, and its remedy."""

EXPRESSION = re.compile(r"Policy\.\w+\(\)(?:\.replace\()?|\bpolicy\.replace\(")
NAMES = {
    "Policy": Policy,
    "CipherSuite": CipherSuite,
    "NamedGroup": NamedGroup,
    "SignatureScheme": SignatureScheme,
    "Renegotiation": Renegotiation,
}


def expressions(remedy: str) -> list[str]:
    """What of a remedy can be typed: a policy, with the call of `replace` that follows it."""
    found, pos = [], 0
    while match := EXPRESSION.search(remedy, pos):
        pos, depth = match.end(), match[0].endswith("replace(")
        while depth:
            depth += {"(": 1, ")": -1}.get(remedy[pos], 0)
            pos += 1
        found.append(remedy[match.start() : pos])
    return found


def met(run: Callable[[Policy], Outcome], policy: Policy) -> Outcome:
    """What becomes of a case under this policy; some cases leave a server nothing to prove its identity with."""
    try:
        return run(policy)
    except UsageError as mistake:
        return str(mistake), ""


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("case", CASES)
def test_a_remedy_that_names_a_policy_takes_the_handshake_further(case: str, policy: Policy) -> None:
    run = CASES[case]
    message, remedy = met(run, policy)
    named = {text: eval(text, {**NAMES, "policy": policy}) for text in expressions(remedy)}
    for text, wider in named.items():
        assert policy.diff(wider), f"{text} is in force already"
    further = {text for text, wider in named.items() if met(run, wider)[0] != message}
    helpful = [f"Policy.{other.name}()" for other in ORDINARY if not met(run, other)[0]]
    if OFFERS_MORE in remedy:  # an alert has no reason: what is wider is known, and not whether that was it
        assert further or not helpful, f"{helpful} would have helped, and {list(named)} does not"
    else:
        assert further == set(named), f"{named.keys() - further} changes nothing"
    if NO_POLICY in remedy:
        assert not helpful


def test_every_kind_of_remedy_is_met() -> None:
    """The law above says nothing about a remedy that no case leads to."""
    remedies = " ".join(met(run, policy)[1] for run in CASES.values() for policy in POLICIES)
    changes = {
        "require_extended_master_secret=False", "require_secure_renegotiation=False", "minimum_dh_bits=1024",
        "require_secure_renegotiation_of_clients=False", "require_known_server_name=False", "minimum_rsa_bits=1024",
        "accept_custom_dh=True", "renegotiation=Renegotiation.ALLOW", "renegotiation=Renegotiation.WARN",
        "cipher_suites=", "groups=", "signature_schemes=", OFFERS_MORE, NO_POLICY,
    }  # fmt: skip
    assert {change for change in changes if change not in remedies} == set()


@pytest.mark.parametrize(
    ("policy", "remedy"),
    [
        (
            Policy.psk(),
            "verifier=X509Verifier(...), and a policy with suites for certificates, such as Policy.default()",
        ),
        (
            Policy.default(),
            "Policy.compatible() offers more, a server with a certificate needs verifier=X509Verifier(...)",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_client_with_a_psk_alone_is_told_what_a_server_with_a_certificate_needs(policy: Policy, remedy: str) -> None:
    config = ClientConfig(verifier=None, policy=policy, psk=Psk(b"me", bytes(16)))
    client = Ours(ClientConnection(config, pki.NAME))
    talk(client, serving(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)))
    assert client.error is not None
    assert client.error.remedy.endswith(remedy)
    assert NO_POLICY not in client.error.remedy
    meant = replace(config, verifier=AcceptAnyPeer(), policy=Policy.default())
    client = Ours(ClientConnection(meant, pki.NAME))
    talk(client, serving(narrow(C.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)))
    assert client.completed
