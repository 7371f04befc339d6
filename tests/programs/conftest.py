"""`--write-programs`: docs/programs.md from the results of this run (see programs_table.py)."""

from __future__ import annotations

import pytest

_passed: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-programs", action="store_true", help="write docs/programs.md from the results of this run"
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed.extend(str(value) for name, value in report.user_properties if name == "program")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--write-programs", default=False) and not hasattr(session.config, "workerinput"):
        from tests.programs import programs_table

        try:
            programs_table.write(_passed)
        except ValueError as incomplete:
            pytest.exit(str(incomplete), returncode=1)
