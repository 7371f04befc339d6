"""`tls12 run`: a program runs as `python` would run it, with contexts of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = "tls12.sslcompat"
"""Where the class comes from that a program makes its contexts of."""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tls12", "run", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_tls12_run_runs_a_script_as_python_does(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    script.write_text(
        "import beside, ssl, sys\n"
        "print(__name__, sys.argv[1:], beside.WORD, type(ssl.create_default_context()).__module__[:15])\n"
        "sys.exit(7)\n"
    )
    done = run("--", str(script), "--keylog", "-m")
    assert done.stdout == "__main__ ['--keylog', '-m'] beside tls12.sslcompat\n", done.stderr
    assert done.returncode == 7


def test_tls12_run_runs_a_module() -> None:
    for words in (("-m", "json.tool", "--help"), ("--policy", "strict", "--", "-m", "json.tool", "--help")):
        done = run(*words)
        assert "usage:" in done.stdout, done.stderr
        assert done.returncode == 0


def test_what_a_program_raises_is_a_traceback_of_the_program(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("raise OSError('of the program')\n")
    done = run(str(script))
    assert done.returncode == 1
    assert done.stderr.startswith(f'Traceback (most recent call last):\n  File "{script}", line 1')
    assert done.stderr.endswith("OSError: of the program\n")


def test_tls12_run_needs_a_program() -> None:
    done = run("--policy", "strict")
    assert done.returncode == 2
    assert "there is no program to run" in done.stderr
    assert "cannot be read" in run("no-such-script.py").stderr


def test_the_pythons_that_a_program_starts_have_the_same_tls(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.hidden = 'found'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os, ssl, subprocess, sys\n"
        "def told():\n"
        "    context = ssl.create_default_context()\n"
        "    return f'{type(context).__module__[:15]} {context.policy.name} {hidden}'\n"
        "if __name__ == '__main__':\n"
        "    os.environ['PYTHONPATH'] += os.pathsep + os.path.dirname(__file__)\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(told))\n"
        "    subprocess.run([sys.executable, '-c', 'import script; print(script.told())'], check=True)\n"
    )
    done = run("--policy", "strict", "--", str(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{OURS} an ssl.SSLContext within strict found"] * 2


def test_a_child_that_cannot_import_tls12_says_so(tmp_path: Path) -> None:
    (tmp_path / "tls12.py").write_text("import nothing_of_this_name\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "os.environ['PYTHONPATH'] = os.path.dirname(__file__) + os.pathsep + os.environ['PYTHONPATH']\n"
        "subprocess.run([sys.executable, '-c', 'import ssl; print(ssl.SSLContext.__module__)'], check=True)\n"
    )
    done = run("--", str(script))
    assert "keeps CPython's ssl, for it cannot import tls12" in done.stderr
    assert done.stdout == "ssl\n"
