"""The benchmarks run, every peer takes part, and a regression is told; no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUESTION = "ChaCha20-Poly1305, 64 B, seal"
QUICK = ("--only", QUESTION, "--rounds", "2", "--seconds", "0.0001")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks` as a user runs it."""
    command = [sys.executable, "-m", "benchmarks", *QUICK, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ratios of a run, as JSON."""
    pytest.importorskip("OpenSSL", reason="pyOpenSSL is not installed")
    path = tmp_path_factory.mktemp("ratios") / "ratios.json"
    result = run("--json", str(path))
    assert result.returncode == 0, result.stderr
    for rival in ("ssl", "pyOpenSSL", "tlslite-ng", "raw AEAD"):
        assert rival in result.stdout
    return path


def test_every_rival_has_a_ratio_in_the_json(written: Path) -> None:
    ratios = json.loads(written.read_text())["ratios"]
    assert set(ratios) == {f"{QUESTION} | {rival}" for rival in ("ssl", "pyOpenSSL", "tlslite-ng", "raw AEAD")}
    assert all(ratio > 0 for ratio in ratios.values())


@pytest.mark.parametrize(("factor", "code"), [(1e-6, 0), (1e6, 1)])
def test_only_a_ratio_far_below_the_reference_is_a_regression(written: Path, factor: float, code: int) -> None:
    reference = json.loads(written.read_text())
    reference["ratios"] = {key: ratio * factor for key, ratio in reference["ratios"].items()}
    path = written.with_name(f"reference-{code}.json")
    path.write_text(json.dumps(reference))
    result = run("--check", "--reference", str(path))
    assert result.returncode == code, result.stdout
    assert ("regression:" in result.stdout) is bool(code)


def test_a_reference_from_elsewhere_says_what_differs(written: Path) -> None:
    reference = json.loads(written.read_text())
    path = written.with_name("reference-elsewhere.json")
    assert "the reference has another" not in run("--reference", str(written)).stdout
    reference["environment"]["vector AES"] = "aes"
    path.write_text(json.dumps(reference))
    assert "the reference has another vector AES: aes" in run("--reference", str(path)).stdout
