"""Scanners that administrators point at servers, pointed at `tls12 serve`: they judge without knowing what we meant.

How it works: they hear the policy that lets the most happen, `legacy_device`, since its suites and missing extensions
are what they look for. `sslscan` lists the suites that it could negotiate; `testssl` tries the known attacks.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import peers, pki
from tests.ends import files_of
from tests.interop.matrix import OpenSSLPrograms
from tests.interop.programs import Program
from tls12 import Policy
from tls12.crypto.suites import SUITES, Authentication
from tls12.registry import CipherSuite

RELAXED = "legacy-device"
AUTHENTICATION = {"ecdsa-p256": Authentication.ECDSA, "rsa-2048": Authentication.RSA}
ATTACKS = {
    "heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "BREACH",
    "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST",
}  # fmt: skip
"""What testssl calls them. LUCKY13 is missing: it calls every CBC suite suspect."""


@contextmanager
def serving(key: str) -> Iterator[str]:
    """Where our server listens, with a certificate of this kind."""
    certificate, private_key = files_of(pki.server(key))
    program = Program(
        sys.executable, "-m", "tls12", "serve", "--www", "--json", "--policy", RELAXED,
        "--cert", certificate, "--key", private_key, "127.0.0.1:0",
    )  # fmt: skip
    try:
        yield "127.0.0.1:" + program.wait_for(rb'"port": (\d+)')[1].decode()
    finally:
        program.stop()


@pytest.mark.peers
@pytest.mark.parametrize("key", AUTHENTICATION)
def test_sslscan_finds_the_suites_of_the_policy_and_no_others(key: str) -> None:
    scanner = peers.program("sslscan")
    with serving(key) as address:
        found = subprocess.run([scanner, "--xml=-", address], capture_output=True, text=True, timeout=100).stdout
    accepted = {CipherSuite.of(int(code, 16)) for code in re.findall(r'<cipher status=.* id="0x([0-9A-F]{4})"', found)}
    possible = {
        suite
        for suite in Policy.legacy_device().cipher_suites
        if SUITES[suite].authentication is AUTHENTICATION[key] and not SUITES[suite].uses_psk
    }
    assert accepted == possible & OpenSSLPrograms().suites()
    assert re.findall(r'version="([0-9.]+)" enabled="1"', found) == ["1.2"]
    assert 'vulnerable="0"' in found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_testssl_finds_no_attack_that_works(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    scanner = peers.program("testssl")
    with serving("rsa-2048") as address:
        subprocess.run(
            [scanner, "--quiet", "--warnings", "batch", "--fast", "-U", "--jsonfile", str(report), address],
            capture_output=True, timeout=280,
        )  # fmt: skip
    severities = {finding["id"]: finding["severity"] for finding in json.loads(report.read_text())}
    assert {attack: severities.get(attack) for attack in ATTACKS} == dict.fromkeys(ATTACKS, "OK")
