"""`--set NAME=VALUE`: single fields of a policy, and what a remedy of the library is called on the command line.

How it works: the library's remedies are expressions, `Policy.default().replace(minimum_rsa_bits=1024)`. `changed` does
what such an expression does, for fields given as text; `in_options` turns the expressions of a remedy into the options
that say the same. A field that lists suites, groups or schemes takes their names, `+NAME` for one more, or the name of
the policy to take all of them from.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tls12.cli.output import CommandError
from tls12.policy import Policy, Renegotiation
from tls12.registry import CipherSuite, CodePoint, NamedGroup, SignatureScheme

_LISTS: Mapping[str, type[CodePoint]] = {
    "cipher_suites": CipherSuite,
    "groups": NamedGroup,
    "signature_schemes": SignatureScheme,
    "certificate_schemes": SignatureScheme,
}
_PLAIN: Mapping[type, Callable[[str], Any]] = {
    bool: {"true": True, "false": False}.__getitem__,
    int: int,
    Renegotiation: lambda text: Renegotiation[text.upper()],
}
_EXPRESSION = re.compile(r"(?:Policy\.\w+\(\)|\bpolicy)\.replace\(")


def changed(policy: Policy, settings: Iterable[str], policies: Mapping[str, Callable[[], Policy]]) -> Policy:
    """The policy with these fields changed, each given as `NAME=VALUE`. Raises `CommandError`."""
    fields = {field.name for field in dataclasses.fields(policy) if field.init} - {"name", "equal_preference"}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in fields:
            raise CommandError(
                f"--set {setting}: a policy has no such field", f"name one of {', '.join(sorted(fields))}"
            )
        before = getattr(policy, name)
        try:
            if name in _LISTS:
                value = _listed(_LISTS[name], before, text, policies, name)
            else:
                value = _PLAIN[type(before)](text if type(before) is not bool else text.lower())
            policy = policy.replace(**{name: value})
        except (KeyError, ValueError) as error:
            reason = f"{error.args[0]!r} is not a value of it" if isinstance(error, KeyError) else str(error)
            raise CommandError(f"--set {setting}: {reason}", "see `tls12 suites` and docs/embedding.md") from None
    return policy


def _listed(
    kind: type[CodePoint],
    before: tuple[CodePoint, ...],
    text: str,
    policies: Mapping[str, Callable[[], Policy]],
    name: str,
) -> tuple[CodePoint, ...]:
    if text in policies:
        return getattr(policies[text](), name)  # type: ignore[no-any-return]
    listed = tuple(kind[word] for word in text.removeprefix("+").split(","))
    return tuple(dict.fromkeys((*before, *listed))) if text.startswith("+") else listed


def in_options(remedy: str) -> str:
    """A remedy with its expressions replaced by options."""
    while found := _EXPRESSION.search(remedy):
        end, depth = found.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(remedy[end], 0)
            end += 1
        call = ast.parse(remedy[found.start() : end], mode="eval").body
        assert isinstance(call, ast.Call)
        options = " ".join(f"--set {keyword.arg}={_spelled(keyword.value)}" for keyword in call.keywords)
        remedy = remedy[: found.start()] + options + remedy[end:]
    return remedy


def _spelled(value: ast.expr) -> str:
    """A value of an expression, as `changed` reads it."""
    if isinstance(value, ast.Tuple):
        return "+" + ",".join(item.attr for item in value.elts if isinstance(item, ast.Attribute))
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Call):
        base = value.value.func
        assert isinstance(base, ast.Attribute)
        return base.attr.replace("_", "-")
    return value.attr if isinstance(value, ast.Attribute) else ast.unparse(value)
