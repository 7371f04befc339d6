"""docs/attacks.md and this directory say the same: every row has its tests, every test its row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "attacks.md"
COLUMNS = ["attack", "what it is", "what tls12 does", "limit", "test"]


def rows() -> list[list[str]]:
    """The cells of every row of every table, headings included."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "| --- |" not in line]


def attacks() -> list[list[str]]:
    return [row for row in rows() if row != COLUMNS]


def named_in(row: list[str]) -> list[str]:
    return re.findall(r"`(test_\w+)`", row[-1])


def test_every_attack_of_the_table_has_a_test_and_every_test_an_attack() -> None:
    here = {
        statement.name: path.name
        for path in HERE.glob("test_attacks_*.py")
        if path != Path(__file__)
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_")
    }
    named = [name for row in attacks() for name in named_in(row)]
    assert sorted(named) == sorted(here), "a test without a row, a row without its test, or a test in two rows"
    assert all(named_in(row) for row in attacks())


def test_every_test_carries_its_attack_out_with_and_without_the_defence() -> None:
    for path in HERE.glob("test_attacks_*.py"):
        if path == Path(__file__):
            continue
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_"):
                called = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
                assert "assert_defended" in called, statement.name
                assert ast.get_docstring(statement), f"{statement.name} does not say what the attacker does"


def test_every_row_says_what_when_how_and_where_it_ends() -> None:
    assert len(attacks()) >= 40
    for row in attacks():
        assert len(row) == len(COLUMNS), row
        assert all(row), row
        assert re.search(r"\b(19|20)\d\d\b", row[1]), f"{row[0]}: no year"
    names = [row[0] for row in attacks()]
    assert len(set(names)) == len(names)
