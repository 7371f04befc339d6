"""Joins the lines of checklists.toml with the tests that prove them, and prints both as docs/checklists.md.

How it works: a test names the line that it proves, and the outcome, with one of three decorators. Two of them hold the
assertions, so that the page says what was tested. The test returns its duel (`duels.py`), and the decorator judges it:

* `refuses(line, alert)` calls `Duel.assert_refused`: the connection failed, once, with this fatal alert, which the peer
  received;
* `accepts(line)` calls `Duel.assert_works`: the handshake is completed, and data goes both ways;
* `shows(line, outcome)` calls nothing: the test asserts by itself.

Print the page anew with: PYTHONPATH=. python tests/checklists/behaviours.py
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypedDict, TypeVar

from tests.checklists.duels import Duel
from tls12 import Alert

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "checklists.md"

P = ParamSpec("P")
T = TypeVar("T")


class Line(TypedDict, total=False):
    """One line of a checklist; the keys are explained at the top of checklists.toml."""

    rule: str
    choice: str
    missing: str


@dataclass(frozen=True)
class Section:
    """A part of a checklist."""

    title: str
    lines: dict[str, Line]


@dataclass(frozen=True)
class Check:
    """A test, the line that it proves, and what has to come of it."""

    line: str
    test: str
    module: str
    outcome: str


CHECKS: list[Check] = []


def sections() -> list[Section]:
    """The checklists, in the order of the page."""
    with (HERE / "checklists.toml").open("rb") as file:
        parts = tomllib.load(file)
    return [
        Section(part.pop("title"), {f"{name}.{number}": line for number, line in part.items()})
        for name, part in parts.items()
    ]


def refuses(line: str, alert: Alert) -> Callable[[Callable[P, Duel]], Callable[P, None]]:
    """Assert of the duel that the test returns: our connection refused, with this fatal alert."""
    return _proves(line, str(alert), lambda duel: duel.assert_refused(alert))


def accepts(line: str) -> Callable[[Callable[P, Duel]], Callable[P, None]]:
    """Assert of the duel that the test returns: the handshake is completed, and data goes both ways."""
    return _proves(line, "accepted", lambda duel: duel.assert_works())


def shows(line: str, outcome: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Assert nothing: the test does so by itself; `outcome` is what the page says."""
    return _proves(line, outcome, lambda nothing: None)


def _proves(line: str, outcome: str, judge: Callable[[T], None]) -> Callable[[Callable[P, T]], Callable[P, None]]:
    def register(test: Callable[P, T]) -> Callable[P, None]:
        CHECKS.append(Check(line, test.__name__, test.__module__, outcome))

        @wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            judge(test(*args, **kwargs))

        return run

    return register


def load_checks() -> list[Check]:
    """Every check of this directory."""
    for path in sorted(HERE.glob("test_checklist_*.py")):
        importlib.import_module(f"tests.checklists.{path.stem}")
    return CHECKS


def render() -> str:
    """docs/checklists.md."""
    checks = load_checks()
    lines = [line for section in sections() for line in section.lines.values()]
    count = f"{len(lines)} lines, {len(checks)} tests"
    partly = sum("missing" in line for line in lines)
    parts = [
        _HEAD,
        f"\n{count}. In {partly} of the lines something is not implemented, as they say.\n",
    ]
    for section in sections():
        parts += [
            f"\n## {section.title}\n\n| line | what has to happen | test | outcome |\n| --- | --- | --- | --- |\n"
        ]
        for name, line in section.lines.items():
            text = line["rule"]
            if "choice" in line:
                text += f" *Ours: {line['choice']}.*"
            if "missing" in line:
                text += f" **Not implemented: {line['missing']}.**"
            proofs = [check for check in checks if check.line == name]
            for index, check in enumerate(proofs):
                test = check.test.removeprefix("test_").replace("_", " ")
                left = f"{name} | {text}" if index == 0 else " | "
                parts.append(f"| {left} | {test} | {check.outcome} |\n")
            if not proofs:
                parts.append(f"| {name} | {text} | | not implemented |\n")
    return "".join(parts)


_COLUMNS = "| line | what has to happen | test | outcome |\n| --- | --- | --- | --- |\n"
_HEAD = """# Checklists

What this library does with odd and hostile input, line by line, and the test behind each line. The tests stand in
`tests/checklists/`, under the names of the third column; the fourth is the fatal alert that we send and the peer
receives, or what happens instead. The page is printed from the tests:
`PYTHONPATH=. python tests/checklists/behaviours.py`.
"""

if __name__ == "__main__":
    # The module that the tests import is another one than this script: ask that one.
    PAGE.write_text(importlib.import_module("tests.checklists.behaviours").render())
