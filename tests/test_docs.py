"""The Python on the pages of docs/ runs as it stands there: each block is a program of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tls12
from tests import ends, test_readme
from tests.ends.loopback import PATIENCE, listening

PAGES = sorted((Path(__file__).parents[1] / "docs").rglob("*.md"))
_BLOCK = re.compile(r"(<!-- not run: (?P<why>.+?) -->\n)?^```python\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, re.Match[str]]]:
    """Every block of Python, called by its page and its number there."""
    return [
        (f"{page.name} {number}", block)
        for page in PAGES
        for number, block in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")), 1)
    ]


PROGRAMS = {name: block["code"] for name, block in blocks() if not block["why"]}
PATIENT = """import hypothesis
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.load_profile("busy")
"""
"""In front of a program that uses Hypothesis, which otherwise fails on a machine that other tests keep busy."""

PRINTED = {
    "embedding.md 1": "the page",
    "embedding.md 2": "b'hello world\\n'",
    "embedding.md 3": "200 OK",
    "fuzzing.md 2": "client_randomclient_random",
    "fuzzing.md 4": "00ff",
    "research.md 1": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "research.md 2": "an odd length",
    "research.md 3": "b'a question'",
    "research.md 4": "server number 0 nonce",
    "research.md 5": "did not authenticate",
    "recipes.md 1": "b'hello CN=alice.example'",
    "recipes.md 2": "b'set thermostat-17 to 21 degrees'",
    "recipes.md 3": "not for a host of .test",
    "recipes.md 4": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "recipes.md 5": "b'hello' resumed",
    "recipes.md 6": "b'2 certificates verified\\n'",
    "recipes.md 7": "b'queued'\nnothing was sent: ",
    "recipes.md 8": "b'250 AUTH PLAIN\\r\\n'\nthe server does not offer STARTTLS",
}
"""What a program prints, among other things."""


def test_every_page_with_python_is_covered_and_few_blocks_are_not_run() -> None:
    assert PRINTED.keys() <= PROGRAMS.keys()
    assert [name for name, block in blocks() if block["why"]] == ["embedding.md 4", "public-server.md 1"]
    assert len(PROGRAMS) >= len(PRINTED) + 2


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_the_docs_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    code = PATIENT + PROGRAMS[name] if "import given" in PROGRAMS[name] else PROGRAMS[name]
    if "example.com" in code:
        with listening(test_readme.example_com) as (port, _):
            code = test_readme.RESOLVER.format(port=port) + code
            printed, complaints = test_readme.program(code, tmp_path, ends.trusted_file()).communicate(
                timeout=3 * PATIENCE
            )
    else:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=6 * PATIENCE
        )
        printed, complaints = done.stdout, done.stderr
    assert complaints == "" or name == "embedding.md 3"  # http.server writes its log there
    assert "Traceback" not in complaints
    assert PRINTED.get(name, "") in printed


def test_what_the_page_of_tests_quotes_stands_in_the_tests() -> None:
    root = Path(__file__).parents[1]
    quoted = re.findall(
        r"^```py\n# (\S+)\n(.*?)^```", (root / "docs" / "tests.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(quoted) == 8
    for path, lines in quoted:
        assert lines in (root / path).read_text(), path


def test_every_logger_is_on_the_page_of_recipes() -> None:
    package = Path(tls12.__path__[0])
    made = {
        match[1] or ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in package.rglob("*.py")
        for match in re.finditer(r"getLogger\((?:\"(.+?)\"|__name__)\)", path.read_text(encoding="utf-8"))
    }
    page = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert made == set(re.findall(r"^\| `(tls12\.\w+)` \|", page, re.MULTILINE))
