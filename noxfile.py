"""The checks of this project, one session each.

`nox -l` lists them, `nox -s lint` runs one, `nox` runs what a change must pass before it is proposed. Each session has
an environment of its own under `.nox/`, which is made once and used again. `.ci/run` calls these sessions one by one.
Arguments behind `--` go to the tool: `nox -s tests -- tests/wire -x`.
"""

from __future__ import annotations

import os

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYTHONS = ["3.11", "3.12", "3.13"]
CORE = "tls12/wire/*,tls12/crypto/*,tls12/record_layer/*,tls12/handshake/*,tls12/connection/*"
"""The files whose branches the tests cover whole."""


@nox.session
def lint(session: nox.Session) -> None:
    """Style (ruff check), format (ruff format) and the contract between layers (import-linter)."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over tls12 and the examples."""
    session.install("-e", ".[dev]")
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The default tests, as the README runs them."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The default tests in random order; fails where a branch of the core is not covered.

    TLS12_SEED repeats an order: pytest prints the seed of each run.
    """
    session.install("-e", ".[dev]")
    seed = os.environ.get("TLS12_SEED")
    order = ["-p", "randomly", *([f"--randomly-seed={seed}"] if seed else [])]
    session.run("pytest", "-q", "-n", "0", *order, "--cov", "--cov-report=", "--benchmark-disable", *session.posargs)
    session.run("coverage", "report", "--fail-under=100", f"--include={CORE}")


@nox.session
def peers(session: nox.Session) -> None:
    """The tests against programs of Debian and of PyPI (tests/peers.py, tests/programs); a missing one is a failure."""
    session.install("-e", ".[dev,programs]")
    session.run("pytest", "-q", "-n", "0", "-m", "peers", *session.posargs, env={"TLS12_PEERS": "required"})


@nox.session
def slow(session: nox.Session) -> None:
    """Soak runs, long fuzzing and full matrices, in bounded form."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-q", "-n", "0", "-m", "slow", *session.posargs, env={"TLS12_PEERS": "required"})
    interrupts = "tests/connection/test_connection_interrupts.py"
    session.run("pytest", "-q", "-n", "0", "-p", "no:randomly", interrupts, env={"TLS12_STRIDE": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks beside CPython's ssl, pyOpenSSL and tlslite-ng: ratios of one run (docs/performance.md)."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Write the format and the fixes that ruff makes by itself."""
    session.install("ruff>=0.14")
    session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", ".")
