"""The remedy of an error: the smallest change of the policy that would have helped, as an expression to type.

How it works: the code that raises an error knows which fields of the policy led to it. `replacing` writes the change
of single fields: `Policy.default().replace(require_extended_master_secret=False)`. Where client and server have no
suite in common, the policy is compared with `Policy.compatible()`, because no ordinary policy offers more: a server
tries which of its fields would have led to a choice (`smallest_addition`), a client says which of them it did not offer
(`offering_more`). Both say so when nothing would help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum

from tls12.config import ClientConfig
from tls12.crypto.suites import SUITES
from tls12.policy import Policy
from tls12.registry import CodePoint
from tls12.wire.memory import Memory, remembered

_BASES = {
    base().fingerprint: f"Policy.{base.__name__}()"
    for base in (Policy.default, Policy.strict, Policy.compatible, Policy.legacy_device, Policy.psk)
}
_OFFERED = ("cipher_suites", "groups", "signature_schemes")
"""The fields of a policy that say what is offered."""
_FREE = frozenset({*_OFFERED, "max_fragment_length"})
"""The fields in which a wider policy may differ without giving up a protection."""
_TRIES = (("cipher_suites",), ("groups", "signature_schemes"), _OFFERED)
"""What to widen, the smallest change first."""


def spelled(policy: Policy) -> str:
    """How a program names this policy: by the function that makes it, or as a variable `policy`."""
    return _BASES.get(policy.fingerprint, "policy")


def replacing(policy: Policy, **changes: bool | int | Enum) -> str:
    """The expression that changes these fields of the policy in force, and no others."""
    return _replace(policy, {name: _value(value) for name, value in changes.items()})


def permit(policy: Policy, risk: str, **changes: bool | int | Enum) -> str:
    """The remedy that changes these fields of the policy in force, and says what that risks."""
    return f"allow it with {replacing(policy, **changes)}; risk: {risk}"


_POLICY_BYTES = 4_096
"""The size at which a memory counts a policy: more than it takes."""


def smallest_addition(
    policy: Policy, choose: Callable[[Policy], Mapping[str, CodePoint | None] | None], memory: Memory | None
) -> str:
    """The remedy of a server that has no suite in common with its client.

    `choose` gives what would be chosen under a wider policy, by the field that must have it, or None.
    """
    for fields in _TRIES:
        chosen = choose(remembered(memory, _widened, (policy, fields), _POLICY_BYTES))
        if chosen is not None:
            new = {
                name: value
                for name, value in chosen.items()
                if value is not None and value not in getattr(policy, name)
            }
            own = spelled(policy)
            return f"accept it with {_replace(policy, {n: f'(*{own}.{n}, {_value(v)})' for n, v in new.items()})}"
    return "no ordinary policy of this library would change that"


def offering_more(config: ClientConfig) -> str:
    """The remedy of a client whose server finds nothing in its offer."""
    policy = config.policy
    wider = []
    for base in (Policy.default(), Policy.compatible()):
        fields = _extended(config, base)
        if fields:
            changes = {name: f"{spelled(base)}.{name}" for name in fields}
            wider.append(spelled(base) if policy.diff(base).keys() <= _FREE else _replace(policy, changes))
    offers = [f"{expression} offers more" for expression in wider]
    if config.verifier is None:
        offers.append(_offering_certificates(policy))
    return ", ".join(offers) or "no ordinary policy of this library offers more; the server's log may say what it wants"


def _offering_certificates(policy: Policy) -> str:
    """What a client without a verifier needs for a server that authenticates with a certificate."""
    rows = (SUITES[suite] for suite in policy.cipher_suites)
    has_some = any(row.uses_certificate and not row.uses_psk for row in rows)
    suites = "" if has_some else ", and a policy with suites for certificates, such as Policy.default()"
    return f"a server with a certificate needs verifier=X509Verifier(...){suites}"


def _extended(config: ClientConfig, base: Policy) -> list[str]:
    """The fields in which this base has all that the policy in force has, and more that this client can use."""
    policy = config.policy
    suites = replace(config, policy=base).suites
    useful = {
        "cipher_suites": bool(set(suites) - set(config.suites)),
        "groups": any(row.is_ephemeral for row in suites),
        "signature_schemes": any(row.uses_certificate for row in suites),
    }
    return [name for name in _OFFERED if useful[name] and set(getattr(policy, name)) < set(getattr(base, name))]


def _widened(of: tuple[Policy, tuple[str, ...]]) -> Policy:
    """A policy to whose given fields everything of `Policy.compatible()` is appended."""
    policy, fields = of
    widest = Policy.compatible()
    return policy.replace(**{name: dict.fromkeys((*getattr(policy, name), *getattr(widest, name))) for name in fields})


def _replace(policy: Policy, arguments: Mapping[str, str]) -> str:
    return f"{spelled(policy)}.replace({', '.join(f'{name}={value}' for name, value in arguments.items())})"


def _value(value: bool | int | Enum) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum | CodePoint) else repr(value)
