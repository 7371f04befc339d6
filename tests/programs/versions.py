"""The versions of the programs at either end, as they tell them themselves."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import ssl
import subprocess
import tempfile
from functools import cache

from tests import peers

STANDARD = "CPython"
"""The package of what comes with the interpreter."""

PROGRAMS = {
    "nginx": ("nginx", "-v"),
    "redis-server": ("redis-server", "--version"),
    "memcached": ("memcached", "--version"),
    "prosody": ("prosodyctl", "about"),
    "mosquitto": ("mosquitto", "-h"),
    "vsftpd": ("vsftpd", "-v"),
    "dovecot": ("dovecot", "--version"),
    "postgres": ("postgres", "--version"),
    "mariadb": ("mariadbd", "--version"),
    "slapd": ("slapd", "-VV"),
    "openssl": ("openssl", "version"),
    "curl": ("curl", "--version"),
    "wget": ("wget", "--version"),
}
"""How each program that is not Python's is asked."""


@cache
def version(name: str) -> str:
    """Of a program, of a distribution of Python, of CPython, or of the OpenSSL behind CPython's `ssl`."""
    if name == STANDARD:
        return platform.python_version()
    if name == "ssl":
        return " ".join(ssl.OPENSSL_VERSION.split()[:2])
    if name not in PROGRAMS:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            peers.missing(name)
    program, *words = PROGRAMS[name]
    with tempfile.TemporaryFile() as output:  # vsftpd tells it on its standard input
        subprocess.run([peers.program(program), *words], stdin=output, stdout=output, stderr=output, timeout=20)
        output.seek(0)
        found = re.search(r"\d+\.\d+(\.\d+)?", output.read().decode(errors="replace"))
    assert found is not None, f"{program} did not tell its version"
    return found[0]
