"""The `tls12` program: one table of commands, and one place where what went wrong becomes a sentence.

How it works: `main` builds the parser from `COMMANDS`, runs the chosen module's `run(arguments)` and
returns its exit code. A command raises what it meets; here it is turned into one line on standard error (or
a JSON object), with the remedy in terms of this program's options, and into the exit code that `Exit`
documents. A traceback means a bug in the program, and nothing else ever shows one.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from collections.abc import Sequence
from types import ModuleType

from tls12 import errors
from tls12.cli import connect, decode, demo, serve, suites
from tls12.cli.output import CommandError, Exit, OutputGone, choose
from tls12.errors import TLSError

COMMANDS: tuple[ModuleType, ...] = (demo, connect, serve, suites, decode)
"""Each has `add_parser(subparsers)`, and `run(arguments) -> int`."""

_EXITS: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.CertificateError, Exit.CERTIFICATE),
    (errors.UsageError, Exit.USAGE),
    (TLSError, Exit.FAILED),
    (OSError, Exit.NETWORK),
)
_REMEDIES: tuple[tuple[type[TLSError], str], ...] = (
    (errors.UnknownIssuer, "give the CA that you trust with --ca FILE"),
    (errors.NameMismatch, "use a name that the certificate has, or ask for one with --server-name NAME"),
    (errors.CertificateExpired, "renew the certificate, or check this machine's clock"),
    (errors.NotTLS, "check the port"),
    (
        errors.PeerIncompatible,
        "try --policy compatible or --policy legacy-device, if the risk is yours to take",
    ),
)

_NETWORK: tuple[tuple[type[OSError], str, str], ...] = (
    (socket.gaierror, "no such host", "check its spelling, and the name service"),
    (
        ConnectionRefusedError,
        "connection refused: nothing listens there",
        "check host and port, and the server",
    ),
    (TimeoutError, "", "check the network, or wait longer with --timeout SECONDS"),
    (ConnectionError, "the peer broke off the connection", "check that it speaks TLS 1.2 on this port"),
)
_LISTENING = {
    errno.EADDRINUSE: ("the address is in use already", "stop who listens there, or choose another port"),
    errno.EADDRNOTAVAIL: ("the address is not one of this machine", "listen on 127.0.0.1 or 0.0.0.0"),
    errno.EACCES: ("the port is not for everybody", "choose a port of 1024 or more"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; gives the exit code."""
    arguments = make_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except OutputGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except (CommandError, TLSError, OSError) as error:
        message, remedy, code = explain(error)
        output = choose(arguments, sys.stdout if arguments.json else sys.stderr)
        output.failure(message, remedy, code=code, kind=type(error).__name__, alert=_alert(error))
    return code


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    codes = "\n".join(f"  {code.value:>3}  {code.meaning}" for code in Exit)
    parser = argparse.ArgumentParser(
        prog="tls12",
        description="TLS 1.2 from scratch: try it, connect with it, serve with it.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def explain(error: Exception) -> tuple[str, str, Exit]:
    """An error as one sentence, its remedy, and the exit code."""
    if isinstance(error, CommandError):
        return error.message, error.remedy, error.code
    code = next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)
    if isinstance(error, TLSError):
        sentence = f"{error.message} ({error.rule})" if error.rule else error.message
        remedy = next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), error.remedy)
        return sentence, remedy, code
    for kind, message, remedy in _NETWORK:
        if isinstance(error, kind):
            return message or str(error), remedy, code
    if isinstance(error, OSError) and error.errno in _LISTENING:
        return (*_LISTENING[error.errno], code)
    return getattr(error, "strerror", None) or str(error), "", code


def _alert(error: Exception) -> str | None:
    alert = getattr(error, "alert", None)
    return None if alert is None else str(alert)
