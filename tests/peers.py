"""Programs of others that some tests talk to, and what it means when one is not there.

How it works: a test that needs more than Python and openssl carries the marker `peers` and asks `program` for what it
needs. Where that is not installed the test is skipped and says why; with TLS12_PEERS=required, as in .ci/run, it fails,
so that a run which promises the peers cannot pass without them.
"""

from __future__ import annotations

import glob
import importlib
import os
import shutil
from typing import Any, NoReturn

import pytest

PACKAGES = {
    "curl": "curl",
    "dovecot": "dovecot-imapd, dovecot-pop3d",
    "escript": "erlang-ssl",
    "git": "git",
    "gnutls-cli": "gnutls-bin",
    "gnutls-serv": "gnutls-bin",
    "mariadb-install-db": "mariadb-server",
    "mariadbd": "mariadb-server",
    "initdb": "postgresql",
    "memcached": "memcached",
    "mosquitto": "mosquitto",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "postgres": "postgresql",
    "prosody": "prosody",
    "prosodyctl": "prosody",
    "redis-server": "redis-server",
    "slapd": "slapd",
    "sslscan": "sslscan",
    "testssl": "testssl.sh",
    "valgrind": "valgrind",
    "vsftpd": "vsftpd",
    "wget": "wget",
}
"""The Debian package of each program."""

_FOLDERS = ("/usr/sbin", *glob.glob("/usr/lib/postgresql/*/bin"))
"""Where Debian keeps servers, which is not in every PATH."""

REQUIRED = os.environ.get("TLS12_PEERS") == "required"


def find(name: str) -> str | None:
    """Where the program is, or None."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS)))


def program(name: str) -> str:
    """Where the program is; without it the test ends here, as a failure if TLS12_PEERS=required."""
    return find(name) or missing(name)


def missing(name: str) -> NoReturn:
    """End the test: the program, or what it needs, is not there. A name that is not in `PACKAGES` is one of PyPI."""
    source = f"Debian: {PACKAGES[name]}" if name in PACKAGES else "pip install -e '.[programs]'"
    reason = f"{name} is not installed ({source})"
    if REQUIRED:
        pytest.fail(f"{reason}, and TLS12_PEERS=required")
    pytest.skip(reason)


def package(name: str) -> Any:
    """The module of a package of PyPI; without it the test ends here, as a failure if TLS12_PEERS=required."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(name.partition(".")[0])
