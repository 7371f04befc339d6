"""Run one module of CPython's own tests with tls12 in the place of `ssl`, and say how each test went, as JSON.

How it works: `python run.py MODULE [NAME ...]` installs the drop-in before the module is imported, unless the variable
TLS12_WITHOUT is set, and runs its tests (or those of these names) one after the other. Each has a time of its own, so
that one that hangs is told as such and the others go on. The last line of the output is the result: the outcome of each
test by its name.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import unittest
from typing import Any

SECONDS = 30
"""What one test may take."""


class Hangs(BaseException):
    """The test was not through in its time."""


class Outcomes(unittest.TestResult):
    """The outcome of each test: "ok", "skipped: why", or the last line of what it raised."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.began = time.monotonic()  # CPython 3.12.1 stops tests that it skips without starting them

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)

    def stopTest(self, test: unittest.TestCase) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.seconds[name_of(test)] = round(time.monotonic() - self.began, 2)
        super().stopTest(test)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.outcomes.setdefault(name_of(test), "ok")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.outcomes.setdefault(name_of(test), f"skipped: {reason}")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.addSuccess(test)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.outcomes[name_of(test)] = "passes, which was not expected"

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self._failed(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self._failed(test, err)

    def _failed(self, test: unittest.TestCase, err: Any) -> None:
        text = f"{err[0].__name__}: {err[1]}".splitlines()
        self.outcomes[name_of(test)] = f"fails: {' '.join(text)[:300]}"
        if os.environ.get("TLS12_TRACEBACKS"):
            print(name_of(test), self._exc_info_to_string(err, test), file=sys.stderr)


def name_of(test: unittest.TestCase) -> str:
    """Class and method; for what failed outside a test, what unittest calls it."""
    return ".".join(test.id().split(".")[-2:]) if " " not in test.id() else test.id()


def hang(*_: object) -> None:
    raise Hangs(f"not through in {SECONDS} s")


def main(module: str, names: list[str]) -> None:
    if not os.environ.get("TLS12_WITHOUT"):
        from tls12 import sslcompat

        sslcompat.install()
    from test import support

    support.use_resources = {}  # no tests that need the Internet
    support.verbose = 0
    signal.signal(signal.SIGALRM, hang)
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    outcomes = Outcomes()
    run(suite, names, outcomes)
    print(json.dumps({"outcomes": outcomes.outcomes, "seconds": outcomes.seconds}), flush=True)
    os._exit(0)  # threads of tests that hung would go on


def run(suite: unittest.TestSuite, names: list[str], outcomes: Outcomes) -> None:
    """Run the suite, or the tests of it that have one of the names."""
    if names:
        kept = [test for test in flat(suite) if any(name in name_of(test) for name in names)]
        suite = unittest.TestSuite(kept)
    suite.run(outcomes)


def flat(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    tests: list[unittest.TestCase] = []
    for test in suite:
        tests += flat(test) if isinstance(test, unittest.TestSuite) else [test]
    return tests


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
