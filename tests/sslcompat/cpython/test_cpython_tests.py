"""CPython's own tests of `ssl` and of what uses it pass with tls12 in the place of `ssl`, but for a list with reasons.

How it works: each module runs twice in a process of its own (`run.py`), over CPython's `ssl` and over the drop-in. A
test that passes over the one must pass over the other, or stand in `not_passing.py`; one that stands there must not
pass. `python -m tests.sslcompat.cpython.test_cpython_tests MODULE...` prints what differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.sslcompat.cpython.not_passing import NOT_PASSING, VARYING

MODULES = (
    "test_ssl",
    "test_asyncio.test_ssl",
    "test_asyncio.test_sslproto",
    "test_httplib",
    "test_ftplib",
    "test_poplib",
    "test_imaplib",
    "test_urllib2_localnet",
)
ROOT = Path(__file__).parents[3]


def outcomes(module: str, *names: str, without: bool = False) -> dict[str, str]:
    """How each test of the module went."""
    paths = os.pathsep.join((str(ROOT), *filter(None, sys.path)))  # whatever this run has found its packages in
    environment = {**os.environ, "PYTHONPATH": paths, "TLS12_WITHOUT": "yes" if without else ""}
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", ROOT / "tests/sslcompat/cpython/run.py", module, *names],
            capture_output=True,
            cwd=directory,
            env=environment,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    result: dict[str, str] = json.loads(done.stdout.splitlines()[-1])["outcomes"]
    return result


def compare(module: str, *names: str) -> tuple[dict[str, str], set[str]]:
    """The tests that pass over CPython's `ssl` and not over the drop-in, and those that pass over it."""
    theirs, ours = outcomes(module, *names, without=True), outcomes(module, *names)
    failed = {
        name: ours.get(name, "did not run")
        for name in theirs.keys() | ours.keys()
        if ours.get(name) != "ok" and theirs.get(name, "ok") == "ok"
    }
    return failed, {name for name, outcome in ours.items() if outcome == "ok"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("module", MODULES)
def test_a_test_of_cpython_passes_or_its_reason_is_known(module: str) -> None:
    if find_spec(f"test.{module.partition('.')[0]}") is None:
        pytest.skip("this Python has no tests of its own (Debian: libpython3.11-testsuite)")
    reasons = NOT_PASSING.get(module, {})
    known = {name for names in reasons.values() for name in names}
    failed, passed = compare(module)
    assert {name: outcome for name, outcome in failed.items() if name not in known} == {}, "new failures"
    assert sorted((known - VARYING) & passed) == [], "in the list, and passing now"


if __name__ == "__main__":
    for each in sys.argv[1:]:
        for name, outcome in sorted(compare(each)[0].items()):
            print(each, name, outcome, sep="\t")
