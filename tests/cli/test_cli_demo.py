"""`tls12 demo`: the first thing that a stranger runs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import inside, tls12
from tests.providers import Indirect, WithoutShortcuts
from tls12 import ServerConfig
from tls12.cli.demo import STEPS, Demo, Step, in_memory
from tls12.cli.output import Exit, Output
from tls12.wire.records import Buffer


def test_the_demo_passes_and_says_so_in_its_last_line() -> None:
    outcome = tls12("demo")
    lines = outcome.stdout.decode().splitlines()
    assert lines[-1] == f"{sum(step.checks for step in STEPS)} passed, 0 failed"
    assert outcome.code == 0
    assert outcome.stderr == ""
    for step in STEPS:
        assert step.title in lines
    for shown in ("ClientHello", "ServerKeyExchange", "ChangeCipherSpec", "Finished"):
        for arrow in ("client ->", "server <-"):
            if (shown, arrow) not in (("ClientHello", "server <-"), ("ServerKeyExchange", "client ->")):
                assert any(line.startswith(f"  {arrow}  {shown}") for line in lines), (arrow, shown)
    assert any("MB/s" in line for line in lines)
    text = outcome.stdout.decode()
    for alert in ("unknown_ca", "bad_certificate", "bad_record_mac"):
        assert f"[OpenSSL was told: {alert}]" in text
    assert "SSLV3" not in text


def test_the_demo_speaks_json_to_programs() -> None:
    outcome = inside("demo", "--json")
    checks = [event for event in outcome.events if event["event"] == "check"]
    assert checks
    assert all(check["passed"] for check in checks)
    hello = outcome.event("message")
    assert (hello["sender"], hello["name"]) == ("client", "ClientHello")
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" in hello["facts"]["suites"]
    assert outcome.events[-1] == {"event": "summary", "passed": len(checks), "failed": 0}
    assert outcome.code == 0


def nothing(demo: Demo) -> None:
    """Checks nothing, though it should."""


def breaks_off(demo: Demo) -> None:
    demo.check("this much worked", True)
    raise ConnectionResetError("the wire was cut")


def fails(demo: Demo) -> None:
    demo.check("two and two is five", 2 + 2 == 5, "it is four")


@pytest.mark.parametrize(
    ("step", "said", "passed", "failed"),
    [
        (Step("skips", nothing, 1), "only 0 of 1 checks were made", 0, 1),
        (Step("breaks", breaks_off, 1), "the step broke off: ConnectionResetError: the wire was cut", 1, 1),
        (Step("fails", fails, 1), "two and two is five: it is four", 0, 1),
    ],
)
def test_what_did_not_happen_makes_the_demo_fail(
    step: Step, said: str, passed: int, failed: int, tmp_path: Path
) -> None:
    stream = io.StringIO()
    assert Demo(Output(stream), tmp_path).play_all([step]) == Exit.FAILED
    assert f"FAIL  {said}" in stream.getvalue()
    assert stream.getvalue().endswith(f"\n{passed} passed, {failed} failed\n")


def test_records_that_change_on_the_way_count_as_a_failure(tmp_path: Path) -> None:
    class Damaging(Indirect):
        def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
            return super().open(sequence, kind, body).replace(b"\0\1\2\3", b"\0\1\2\2")

    class Damaged(Demo):
        def server_config(self, **settings: Any) -> ServerConfig:
            return super().server_config(crypto=WithoutShortcuts(Damaging), **settings)

    stream = io.StringIO()
    assert Damaged(Output(stream), tmp_path).play_all([Step("in memory", in_memory, 3)]) == Exit.FAILED
    assert "FAIL  16 KiB records arrive unchanged" in stream.getvalue()
