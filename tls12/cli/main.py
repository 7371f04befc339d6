"""The `tls12` program: the table of its commands, and the place where errors become sentences.

How it works: `main` builds the parser from `COMMANDS`, runs the chosen module's `run(arguments)` and
returns its exit code. An error that a command raises becomes one line on standard error (or a JSON
object), and the exit code that `Exit` documents. The remedies of the library speak of its classes; `_OPTIONS` says
the same in terms of this program's options. Only a bug in the program shows a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Sequence
from types import ModuleType

from tls12 import __version__, errors
from tls12.cli import connect, decode, demo, permissions, run, serve, suites
from tls12.cli.output import CommandError, Exit, OutputGone, choose
from tls12.errors import TLSError, UsageError

COMMANDS: tuple[ModuleType, ...] = (demo, connect, serve, run, suites, decode)
"""Each has `add_parser(subparsers)`, and `run(arguments) -> int`."""

_EXITS: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.CertificateError, Exit.CERTIFICATE),
    (UsageError, Exit.USAGE),
    (TLSError, Exit.FAILED),
    (OSError, Exit.NETWORK),
)
_REMEDIES: tuple[tuple[type[TLSError], str], ...] = ((errors.NotTLS, "check the port"),)
"""For errors that have no remedy of their own."""

_OPTIONS = {
    "Policy.default()": "--policy default",
    "Policy.compatible()": "--policy compatible",
    "add the CA to the TrustStore": "give the CA with --ca FILE",
    "add it to the TrustStore": "give it with --ca FILE",
    "use PinnedVerifier with this certificate": "trust it alone with --pin FILE",
    "trust it with PinnedVerifier": "trust it alone with --pin FILE",
    "or PinnedVerifier": "or --pin FILE",
    "use PinnedVerifier(bytes.fromhex('": "use --pin '",
    "'))": "'",
    "connect under a name that it has": "ask for a name that it has with --server-name NAME",
    "check the password": "decrypt it first: openssl pkey -in FILE -out ANOTHER",
    "give credentials=(...) in the ClientConfig": "give one with --cert FILE",
    "use TrustStore.from_pem()": "give --ca FILE",
    "it speaks none of our alpn_protocols": "it speaks none of the protocols after --alpn",
}
"""Expressions in remedies of the library, and the options of this program that do the same."""

_NO_SUCH_HOST = "no such host", "check its spelling, and the name service"
_NETWORK: tuple[tuple[type[OSError], str, str], ...] = (
    (socket.gaierror, *_NO_SUCH_HOST),
    (
        ConnectionRefusedError,
        "connection refused: nothing listens there",
        "check host and port, and the server",
    ),
    (TimeoutError, "", "check the network, or wait longer with --timeout SECONDS"),
    (ConnectionError, "the peer broke off the connection", "check that it speaks TLS 1.2 on this port"),
)
_ADDRESSES = {
    errno.EADDRINUSE: ("the address is in use already", "stop the program that listens there, or choose another port"),
    errno.EADDRNOTAVAIL: ("the address is not one of this machine", "listen on 127.0.0.1 or 0.0.0.0"),
    errno.EACCES: ("the port needs privileges that this program lacks", "choose a port of 1024 or more"),
    errno.ENETUNREACH: ("the network is unreachable", "check the address, and the network"),
    errno.EHOSTUNREACH: ("the host is unreachable", "check the address, and the network"),
    socket.EAI_NONAME: _NO_SUCH_HOST,  # create_server makes a plain OSError of a gaierror
    socket.EAI_AGAIN: _NO_SUCH_HOST,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; gives the exit code."""
    _hold_standard_streams()
    arguments = make_parser().parse_args(argv)
    try:
        try:
            code: int = arguments.run(arguments)
        except (CommandError, UsageError, OSError) as error:
            message, remedy, code = explain(error)
            output = choose(arguments, sys.stdout if arguments.json else sys.stderr)
            output.failure(message, remedy, code=code, kind=type(error).__name__, alert=_alert(error))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except OutputGone as gone:
        return _without_output(gone)
    return code


def _hold_standard_streams() -> None:
    """Open the null device in place of a closed standard stream. Otherwise the next file or socket would get its
    number, and the server's bytes, for example, would be read as standard input."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def _without_output(gone: OutputGone) -> Exit:
    """Report it if standard error can still be written, and stop the interpreter from flushing the closed streams."""
    if gone.reason:
        with contextlib.suppress(OSError):
            print(f"error: the output cannot be written: {gone.reason}", file=sys.stderr, flush=True)
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(null, stream.fileno())
    os.close(null)
    return gone.code


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    codes = "\n".join(f"  {code.value:>3}  {code.meaning}" for code in Exit)
    parser = argparse.ArgumentParser(
        prog="tls12",
        description="TLS 1.2 from scratch: try it, connect with it, serve with it.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tls12 {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def explain(error: Exception) -> tuple[str, str, Exit]:
    """An error as one sentence, its remedy, and the exit code."""
    if isinstance(error, CommandError):
        return error.message, _in_options(error.remedy), error.code
    code = next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)
    if isinstance(error, TLSError | UsageError):
        sentence = f"{error.message} ({error.rule})" if error.rule else error.message
        remedy = error.remedy or next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), "")
        return sentence, _in_options(remedy), code
    for kind, message, remedy in _NETWORK:
        if isinstance(error, kind):
            return message or str(error), remedy, code
    if isinstance(error, OSError) and error.errno in _ADDRESSES:
        return (*_ADDRESSES[error.errno], code)
    return getattr(error, "strerror", None) or str(error), "", code


def _in_options(remedy: str) -> str:
    """A remedy in the words of this program."""
    remedy = permissions.in_options(remedy)
    for name, option in _OPTIONS.items():
        remedy = remedy.replace(name, option)
    return remedy


def _alert(error: Exception) -> str | None:
    alert = getattr(error, "alert", None)
    return None if alert is None else str(alert)
