"""`tls12 suites`: every cipher suite, in or out of a policy, and why. What is in comes first, best first."""

from __future__ import annotations

import argparse
from typing import Any

from tls12.cli import options
from tls12.cli.output import Exit, add_output_options, choose
from tls12.lab import policy as lab_policy

_POLICIES = {**options.POLICIES, "lab": lab_policy}


def add_parser(subparsers: Any) -> None:
    """The command's own options."""
    parser = subparsers.add_parser(
        "suites", help="list every cipher suite, in or out of a policy, and why", description=__doc__
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--policy", type=options.policy_name, choices=_POLICIES, default="default", help="which one (default)"
    )
    parser.add_argument("--only-in", action="store_true", help="without what the policy leaves out")
    add_output_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """One line for each suite."""
    output = choose(arguments)
    verdicts = _POLICIES[arguments.policy]().explain()
    included = sum(verdict.included for verdict in verdicts)
    for verdict in verdicts:
        if verdict.included or not arguments.only_in:
            openssl_name = verdict.suite.openssl_name or ""
            output.note(
                f"{'in ' if verdict.included else 'out'}  {int(verdict.suite):04X}  {verdict.suite!s:<45}"
                f"  {openssl_name:<31}  {verdict.reason}",
                suite=str(verdict.suite),
                code=int(verdict.suite),
                openssl_name=openssl_name,
                included=verdict.included,
                reason=verdict.reason,
            )
    output.note(
        f"the policy {arguments.policy} speaks {included} of the {len(verdicts)} suites that IANA lists",
        included=included,
        listed=len(verdicts),
    )
    return Exit.OK
