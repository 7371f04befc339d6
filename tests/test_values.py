"""Read-only values: what they promise at run time (that they are read only, the type checker sees to)."""

from __future__ import annotations

import dataclasses

import pytest

from tls12.values import read_only


@read_only()
class Point:
    x: int
    y: int = dataclasses.field(default=0, repr=False)


def test_they_compare_and_hash_by_their_fields() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(1, 3)
    assert {Point(1): "one"}[Point(1)] == "one"


def test_they_are_dataclasses_with_slots_and_keep_what_fields_say() -> None:
    assert repr(Point(1, 2)) == "Point(x=1)"
    assert dataclasses.replace(Point(1, 2), x=5) == Point(5, 2)
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]
