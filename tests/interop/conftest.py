"""`--write-interop`: docs/interop.md from the results of this run (see interop_table.py)."""

from __future__ import annotations

import pytest

_results: list[tuple[str, str, str, str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-interop", action="store_true", help="write docs/interop.md from the results of this run")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        for key, value in report.user_properties:
            if key == "interop" and isinstance(value, tuple | list):
                table, row, peer, role, went = map(str, value)
                _results.append((table, row, peer, role, went))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--write-interop", default=False) and not hasattr(session.config, "workerinput"):
        from tests.interop import interop_table

        try:
            interop_table.write(_results)
        except ValueError as incomplete:
            pytest.exit(str(incomplete), returncode=1)
