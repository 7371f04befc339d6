"""What the commands print: for a terminal, a pipe, or a program.

How it works: a command tells an `Output` what happened (a handshake message, a check, a failure), and not how
it should look. `Terminal` draws it with rich, `Plain` prints the same words without colours or wrapping,
and `Json` prints one JSON object per line, `{"event": ...}`, with the facts under their own names. `choose`
picks one: `--json` if asked for, a terminal if there is one and rich is installed, plain otherwise.

Text from the peer is escaped before it is printed: a certificate may contain any text.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TextIO

Details = Mapping[str, object]
"""Names and values worth showing; a value is text, a number, a flag, or a sequence of these."""


class Exit(IntEnum):
    """What the process's exit code means; `tls12 --help` lists them."""

    OK = 0, "it worked"
    FAILED = 1, "TLS failed: one side refused or broke the protocol; or a check of the demo did not pass"
    USAGE = 2, "the command line, or a file that it names, is wrong"
    NETWORK = 3, "the network: no such host, connection refused, time-out, reset"
    CERTIFICATE = 4, "the peer's certificate was not accepted"
    OUTPUT = 5, "the output could not be written: a full disk, perhaps"
    INTERRUPTED = 130, "interrupted by Ctrl-C"
    UNREAD = 141, "the reader of the output closed it before its end, as `| head` does"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        """A code with its meaning in words."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class CommandError(Exception):
    """The command cannot do what was asked: one sentence, what to change, and the exit code."""

    def __init__(self, message: str, remedy: str = "", *, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code


class OutputGone(Exception):
    """The output can no longer be written. After a broken pipe, which is no fault, `reason` is empty."""

    def __init__(self, error: OSError) -> None:
        self.reason = "" if isinstance(error, BrokenPipeError) else error.strerror or str(error)
        self.code = Exit.OUTPUT if self.reason else Exit.UNREAD
        super().__init__(self.reason)


class Output:
    """Prints the reports of a command. This class prints plain text; the others print the same in other forms."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    # -- what can be said

    def title(self, text: str) -> None:
        """A new part of the report begins."""
        self._gap()
        self._line(text)

    def note(self, text: str, **facts: object) -> None:
        """Something worth knowing; `facts` are the same for programs."""
        self._line(text)

    def warning(self, text: str) -> None:
        """Something that the user must not overlook."""
        self._line(f"WARNING: {text}")

    def message(self, sender: str, name: str, size: int, facts: Details) -> None:
        """A handshake message went over the wire; `size` is in bytes, `facts` are its most useful fields."""
        self._line(f"  {_ARROWS[sender]}  {name:<18} {size:>6} B  {as_text(facts)}".rstrip())

    def facts(self, title: str, facts: Details) -> None:
        """A list of names and values."""
        self._line(title)
        width = max(map(len, facts), default=0)
        for name, value in _known(facts):
            self._line(f"  {name:<{width}}  {as_words(value)}")

    def check(self, text: str, passed: bool, detail: str = "") -> None:
        """The result of one check: passed or failed."""
        self._line(f"  {'ok  ' if passed else 'FAIL'}  {text}{f': {detail}' if detail else ''}")

    def data(self, data: bytes) -> None:
        """Application data arrived; only programs get it here."""

    def failure(self, message: str, remedy: str = "", **facts: object) -> None:
        """The command did not succeed: one sentence, and what to do about it."""
        self._line(f"error: {message}{f'; {remedy}' if remedy else ''}")

    def summary(self, passed: int, failed: int) -> None:
        """The last line of a series of checks."""
        self._gap()
        self._line(f"{passed} passed, {failed} failed")

    # -- how it is written

    def _gap(self) -> None:
        self._write("")

    def _line(self, text: str) -> None:
        self._write(escape(text))

    def _write(self, line: str) -> None:
        try:
            print(line, file=self.stream, flush=True)
        except OSError as error:
            raise OutputGone(error) from None


Plain = Output
"""Plain text, for pipes and files."""

_WIDE = 72  # columns from which a message's facts have room beside its name

_ARROWS = {"client": "client ->", "server": "server <-"}


class Json(Output):
    """One JSON object per line, for programs."""

    def title(self, text: str) -> None:
        """A new part of the report begins."""
        self._event("title", text=text)

    def note(self, text: str, **facts: object) -> None:
        """Something worth knowing."""
        self._event("note", text=text, **facts)

    def warning(self, text: str) -> None:
        """Something that must not be overlooked."""
        self._event("warning", text=text)

    def message(self, sender: str, name: str, size: int, facts: Details) -> None:
        """A handshake message went over the wire."""
        self._event("message", sender=sender, name=name, size=size, facts=facts)

    def facts(self, title: str, facts: Details) -> None:
        """A list of names and values."""
        self._event(title.replace(" ", "_"), **{name.replace(" ", "_"): value for name, value in facts.items()})

    def check(self, text: str, passed: bool, detail: str = "") -> None:
        """The result of one check."""
        self._event("check", text=text, passed=passed, detail=detail)

    def data(self, data: bytes) -> None:
        """Application data arrived: base64, and as text too if it is UTF-8."""
        try:
            self._event("data", base64=base64.b64encode(data).decode(), text=data.decode())
        except UnicodeDecodeError:
            self._event("data", base64=base64.b64encode(data).decode())

    def failure(self, message: str, remedy: str = "", **facts: object) -> None:
        """The command did not succeed."""
        self._event("error", message=message, remedy=remedy, **facts)

    def summary(self, passed: int, failed: int) -> None:
        """The outcome of a series of checks."""
        self._event("summary", passed=passed, failed=failed)

    def _event(self, event: str, /, **facts: object) -> None:
        self._write(json.dumps({"event": event, **facts}))


class Terminal(Output):
    """Colours and columns, with rich."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)

    def title(self, text: str) -> None:
        """A new part of the report begins."""
        self._print(("", ""))
        self._print((text, "bold"))

    def warning(self, text: str) -> None:
        """Something that the user must not overlook."""
        self._print(("WARNING", "bold white on red"), (f" {text}", "bold red"))

    def message(self, sender: str, name: str, size: int, facts: Details) -> None:
        """A handshake message went over the wire."""
        colour = "cyan" if sender == "client" else "magenta"
        arrow = "client →" if sender == "client" else "server ←"
        head = ((arrow, 8, colour), (name, 18, "bold"), (f"{size} B", 8, "dim"))
        details = (as_text(facts), None, "")
        if self._console.width >= _WIDE:
            self._columns(*head, details)
        else:
            self._columns(*head)
            self._columns(("", 2, ""), details)

    def facts(self, title: str, facts: Details) -> None:
        """A list of names and values."""
        self._print((title, "bold"))
        width = max(map(len, facts), default=0)
        for name, value in _known(facts):
            self._columns((name, width, "dim"), (as_words(value), None, ""))

    def check(self, text: str, passed: bool, detail: str = "") -> None:
        """The result of one check."""
        mark = ("✓", 1, "bold green") if passed else ("✗", 1, "bold red")
        self._columns(mark, (f"{text}{f': {detail}' if detail else ''}", None, "" if passed else "red"))

    def failure(self, message: str, remedy: str = "", **facts: object) -> None:
        """The command did not succeed."""
        self._print(("error: ", "bold red"), (message, ""), (f"; {remedy}" if remedy else "", "yellow"))

    def summary(self, passed: int, failed: int) -> None:
        """The last line of a series of checks."""
        self._print(("", ""))
        self._print((f"{passed} passed, {failed} failed", "bold green" if failed == 0 else "bold red"))

    def _line(self, text: str) -> None:
        self._print((text, ""))

    def _print(self, *parts: tuple[str, str]) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*((escape(text), style) for text, style in parts)))

    def _columns(self, *columns: tuple[str, int | None, str]) -> None:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=0)
        for _, width, _ in columns:
            grid.add_column(width=width, no_wrap=width is not None, overflow="fold")
        grid.add_row("", *(Text(escape(text), style) for text, _, style in columns))
        self._console.print(grid)


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """The options that every command has."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="one JSON object per line, for programs")
    group.add_argument("--plain", action="store_true", help="no colours or columns, even in a terminal")


def choose(arguments: argparse.Namespace, stream: TextIO | None = None) -> Output:
    """The output that suits the options and the stream; standard output unless given."""
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # so that any name of a peer can be printed
    if arguments.json:
        return Json(stream)
    if stream.isatty() and not arguments.plain:
        try:
            return Terminal(stream)
        except ImportError:  # the extra `cli` is not installed
            pass
    return Plain(stream)


def as_text(facts: Details) -> str:
    """Facts on one line: `name value, name value`; a flag by its name alone, what is empty not at all.

    Of a long list only the beginning is shown, and how many there are; programs get all of it.
    """
    shown = ((name, value) for name, value in facts.items() if value is True or value not in _EMPTY)
    return ", ".join(name if value is True else f"{name} {as_words(value, most=4)}" for name, value in shown)


_EMPTY = (None, False, "", 0, ())


def _known(facts: Details) -> list[tuple[str, object]]:
    return [(name, value) for name, value in facts.items() if value is False or value not in (None, "", ())]


def as_words(value: object, *, most: int = 100) -> str:
    """One value for people; at most `most` items of a sequence."""
    if value is None or value == "" or value == ():
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        shown = value if len(value) <= most else value[: most - 1]
        rest = f" (+{len(value) - len(shown)})" if len(shown) < len(value) else ""
        return " ".join(map(str, shown)) + rest
    return str(value)


def escape(text: str) -> str:
    """Make control characters visible, so that text from a peer cannot steer the terminal, or add lines of its own."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
