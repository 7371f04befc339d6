"""Which cipher suites a configuration can use at all, and what it lacks where it can use none.

How it works: a suite with certificates needs a verifier (in a client) or a credential (in a server), and a PSK suite
needs a source of keys; `config.suites` holds what is left of the policy. Connections check this when they are made, and
a handshake when the application answers ClientHelloReceived with another configuration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from tls12.config import ClientConfig, ServerConfig
from tls12.crypto.suites import SUITES
from tls12.errors import UsageError
from tls12.events import PskLookupRequested
from tls12.policy import Policy

C = TypeVar("C", ClientConfig, ServerConfig)


def with_psk_lookups(config: C, pause_on: frozenset[type]) -> C:
    """The configuration with a source of PSKs where the application pauses on PskLookupRequested.

    PSK suites are then offered and accepted, whether or not `config.psk` is given.
    """
    if config.psk is None and PskLookupRequested in pause_on:
        return replace(config, psk=_no_psk)
    return config


def check_some_suite_possible(config: ServerConfig, pause_on: frozenset[type]) -> None:
    """Raises `UsageError` if a server with this configuration can choose no cipher suite, whatever a client offers."""
    if not with_psk_lookups(config, pause_on).suites:
        needed = what_suites_need(
            config.policy,
            "credentials=(Credential.from_pem_files(chain, key),)",
            "psk=..., or an answer to PskLookupRequested",
        )
        raise UsageError(f"this server has nothing to prove its identity with: {needed}")


def what_suites_need(policy: Policy, certificates: str, keys: str) -> str:
    """What a configuration must be given before it can use a suite of its policy, in words.

    `certificates` and `keys` say how to give what suites with certificates and with pre-shared keys need.
    """
    rows = [SUITES[suite] for suite in policy.cipher_suites]
    if not rows:
        return f"policy {policy.name!r} has no cipher suites"
    ways = [certificates] * any(row.uses_certificate for row in rows if not row.uses_psk)
    ways += [keys] * any(row.uses_psk for row in rows)
    return f"the suites of policy {policy.name!r} need {', or '.join(ways)}"


def _no_psk(_: bytes) -> None:
    """The source of PSKs where the application answers PskLookupRequested instead: it knows none."""
