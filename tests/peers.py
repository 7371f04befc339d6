"""Programs of others that some tests talk to, and what it means when one is not there.

How it works: a test that needs more than Python and openssl carries the marker `peers` and asks `program` for what it
needs. Where that is not installed the test is skipped and says why; with TLS12_PEERS=required, as in .ci/run, it fails,
so that a run which promises the peers cannot pass without them.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

PACKAGES = {
    "curl": "curl",
    "escript": "erlang-ssl",
    "git": "git",
    "gnutls-cli": "gnutls-bin",
    "gnutls-serv": "gnutls-bin",
    "openssl": "openssl",
    "redis-server": "redis-server",
    "sslscan": "sslscan",
    "testssl": "testssl.sh",
    "valgrind": "valgrind",
    "wget": "wget",
}
"""The Debian package of each program."""

REQUIRED = os.environ.get("TLS12_PEERS") == "required"


def find(name: str) -> str | None:
    """Where the program is, or None."""
    return shutil.which(name)


def program(name: str) -> str:
    """Where the program is; without it the test ends here, as a failure if TLS12_PEERS=required."""
    return find(name) or missing(name)


def missing(name: str) -> NoReturn:
    """End the test: the program, or what it needs, is not there."""
    reason = f"{name} is not installed (Debian: {PACKAGES[name]})"
    if REQUIRED:
        pytest.fail(f"{reason}, and TLS12_PEERS=required")
    pytest.skip(reason)
