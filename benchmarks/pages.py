"""Tables of the documentation that a benchmark run writes itself.

How it works: docs/performance.md has a place for each table, between two comments that name it. `write` puts a new
table there; everything else on the page is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_line(header), _line(["---"] * len(header)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write(name: str, lines: Iterable[str], page: Path = PAGE) -> None:
    """Put these lines where the page has its place for `name`. Raises ValueError where it has none."""
    text = page.read_text()
    before, begin, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->\n")
    if not end:
        raise ValueError(f"{page} has no place for {name}")
    page.write_text("".join((before, begin, "\n", *(f"{line}\n" for line in lines), "\n", end, after)))
