"""The page of the checklists says what is tested, all of it and nothing else."""

from __future__ import annotations

from tests.checklists.behaviours import PAGE, load_checks, render, sections


def test_every_line_has_a_test_or_says_what_is_not_implemented() -> None:
    proved = {check.line for check in load_checks()}
    for section in sections():
        for name, line in section.lines.items():
            assert line["rule"]
            assert name in proved or "missing" in line, f"nothing proves {name}: {line['rule']}"


def test_every_test_proves_a_line_that_exists() -> None:
    lines = {name for section in sections() for name in section.lines}
    assert {check.line for check in load_checks()} <= lines


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "print it anew: PYTHONPATH=. python tests/checklists/behaviours.py"
