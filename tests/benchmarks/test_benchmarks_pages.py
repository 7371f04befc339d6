"""Benchmark runs write their tables into the documentation, and nothing else of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import compare, growth, pages


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- ratios -->\nold\n<!-- end of ratios -->\nbelow\n<!-- growth -->\n")
    for new in ("new", "newer"):
        pages.write("ratios", [new], page)
        expected = f"above\n<!-- ratios -->\n\n{new}\n\n<!-- end of ratios -->\nbelow\n<!-- growth -->\n"
        assert page.read_text() == expected
    with pytest.raises(ValueError, match="no place for growth"):
        pages.write("growth", ["new"], page)


@pytest.mark.parametrize("name", ["ratios", "growth"])
def test_the_documentation_has_a_place_for_each_table(name: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(pages.PAGE.read_text())
    pages.write(name, ["| new |"], page)
    assert "\n| new |\n" in page.read_text()


def test_a_ratio_says_on_which_side_of_its_target_it_is() -> None:
    def line(rival: str, ratio: float, target: float | None) -> compare.Line:
        return compare.Line("64 B", rival, 1.0, ratio, ratio, 0.01, target, "µs")

    lines = [line("ssl", 0.594, 0.6), line("pyOpenSSL", 1.9, 1.8), line("tlslite-ng", 1234.5, None)]
    assert compare.page_table(lines)[2:] == ["| 64 B | 0.59 < 0.6 |  | **1.90 ≥ 1.8** | 1234 |  |  |"]


def test_growth_is_one_row_for_each_question() -> None:
    points = [growth.Point(100, 5.0), growth.Point(1000, 500.0, "flat")]
    table = growth.page_table([growth.Measured("handshake", "connections", "µs", points)])
    assert table[2:] == ["| handshake, µs | connections | 100: 5; 1,000: 500 (flat) | 2.00 |"]
