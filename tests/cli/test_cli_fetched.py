"""The programs that people fetch things with, against `tls12 serve` under the default policy.

How it works: with `--www` it answers one request with a page that says what was agreed, which tells from outside which
of the programs leave extended master secret out.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

import pytest

from tests import peers
from tests.cli.command import PATIENCE, serving

pytestmark = pytest.mark.peers

TLS_1_2 = "NORMAL:-VERS-ALL:+VERS-TLS1.2"
COMPAT = f"{TLS_1_2}:%COMPAT"
"""What wget asks GnuTLS for: no extended master secret, no encrypt-then-MAC."""

Fetch = Callable[[str, int], subprocess.CompletedProcess[bytes]]


def run(name: str, *arguments: str, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The program to its end, with nothing of this machine's settings."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "no_proxy": "*"}
    return subprocess.run(
        [peers.program(name), *arguments], input=typed, capture_output=True, timeout=PATIENCE, env=environment
    )


def wget(ca: str, port: int) -> subprocess.CompletedProcess[bytes]:
    return run(
        "wget", "--no-config", "-q", "-O", "-", "-t", "1", "--ca-certificate", ca, f"https://localhost:{port}/json"
    )


def curl(ca: str, port: int) -> subprocess.CompletedProcess[bytes]:
    return run("curl", "-q", "-sS", "--fail", "--tls-max", "1.2", "--cacert", ca, f"https://localhost:{port}/json")


def gnutls_cli(priority: str, *options: str) -> Fetch:
    def fetch(ca: str, port: int) -> subprocess.CompletedProcess[bytes]:
        arguments = ("--x509cafile", ca, "--priority", priority, "--port", str(port), *options, "localhost")
        return run("gnutls-cli", *arguments, typed=b"GET /json HTTP/1.0\r\n\r\n")

    return fetch


@pytest.mark.parametrize("policy", ["default", "compatible"])
@pytest.mark.parametrize(
    ("fetch", "lacks"),
    [
        pytest.param(curl, (), id="curl"),
        pytest.param(wget, ("extended master secret",), id="wget"),
        pytest.param(gnutls_cli(COMPAT), ("extended master secret",), id="gnutls-cli"),
        pytest.param(
            gnutls_cli(f"{TLS_1_2}:%DISABLE_SAFE_RENEGOTIATION"), ("secure renegotiation",), id="without RFC 5746"
        ),
    ],
)
def test_a_page_is_fetched(fetch: Fetch, lacks: tuple[str, ...], policy: str) -> None:
    with serving("--www", "--policy", policy) as server:
        assert server.ca is not None
        done = fetch(server.ca, server.port)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    page = done.stdout[done.stdout.index(b'{"version') :].splitlines()[0]
    agreed = json.loads(page)
    for name in ("extended master secret", "secure renegotiation"):
        assert agreed[name] is (name not in lacks)


def test_wget_is_refused_where_extended_master_secret_is_demanded() -> None:
    with serving("--www", "--policy", "strict") as server:
        assert server.ca is not None
        assert wget(server.ca, server.port).returncode != 0
        assert "extended master secret" in server.next_event("error")["message"]


@pytest.mark.parametrize(("priority", "resumed"), [(TLS_1_2, True), (COMPAT, False)])
def test_gnutls_resumes_only_with_extended_master_secret(priority: str, resumed: bool) -> None:
    with serving("--www") as server:
        assert server.ca is not None
        done = gnutls_cli(priority, "--resume")(server.ca, server.port)
    assert (b"This is a resumed session" in done.stdout) is resumed
    assert b"Simple Client Mode" in done.stdout
