"""Published numbers out of vectors/*.json, as parameters of a test.

How it works: such a file says first what it proves, then where each number comes from and under what licence,
then has one case a line. A file that leaves one of these out is refused here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent.parent / "vectors"


class Case(dict[str, Any]):
    """One published case."""

    def hex(self, key: str) -> bytes:
        """The bytes that the field `key` spells out."""
        return bytes.fromhex(self[key])


def load(name: str) -> list[Case]:
    """All cases of vectors/<name>.json."""
    data = json.loads((VECTORS / f"{name}.json").read_text())
    assert data["proves"]
    assert data["sources"]
    assert all(source["from"] and source["licence"] for source in data["sources"].values())
    cases = [Case(case) for case in data["cases"]]
    assert cases
    assert {case["source"] for case in cases} == data["sources"].keys()
    return cases


def params(name: str) -> list[Any]:
    """The same for pytest.mark.parametrize, each case with its source and name as its id."""
    return [pytest.param(case, id=f"{case['source']}-{case.get('name', i)}") for i, case in enumerate(load(name))]
