"""docs/programs.md, written by the run that ran the programs.

How it works: a test of a program that passes under `tls12 run` attaches the key of its row to its report, so that it
reaches the writer from worker processes too. `write` makes the page, and refuses to when a program of the catalogue is
missing; `read` gives the rows of the page back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.programs.catalogue import CLIENTS, ROWS, Client, Server
from tests.programs.versions import STANDARD, version

PAGE = Path(__file__).parent.parent.parent / "docs" / "programs.md"


def key(row: Client | Server) -> str:
    """What names a row of the catalogue, since some programs are in it in both roles."""
    return f"{row.name}, {row.role}"


def write(passed: Iterable[str]) -> None:
    """The page, from the results of a whole run."""
    done = set(passed)
    missing = [key(row) for row in ROWS if key(row) not in done]
    if missing:
        raise ValueError(f"docs/programs.md is not written, for this run lacks {'; '.join(missing)}")
    PAGE.write_text("\n".join(_page()) + "\n")


def read() -> list[list[str]]:
    """The cells of each row of the first table."""
    lines = PAGE.read_text().partition("\n| program ")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _page() -> Iterator[str]:
    replaced = [row for row in ROWS if not getattr(row, "untouched", "")]
    yield _HEAD.format(python=version(STANDARD), openssl=version("ssl"))
    yield "| program | role | version | the other end | what was exercised |"
    yield "| --- | --- | --- | --- | --- |"
    for row in replaced:
        yield f"| {row.name} | {row.role} | {_version(row)} | {row.other_end} | {row.exercised} |"
    yield _UNTOUCHED
    yield "| program | version | why | what was exercised |"
    yield "| --- | --- | --- | --- |"
    for client in CLIENTS:
        if client.untouched:
            yield f"| {client.name} | {_version(client)} | {client.untouched} | {client.exercised} |"
    yield _SUITES


def _version(row: Client | Server) -> str:
    return version(row.package) if row.package != STANDARD else f"CPython {version(STANDARD)}"


_HEAD = """# Programs that run unmodified

`tls12 run -- script.py arguments` and `tls12 run -m module arguments` run a Python program with its TLS by this
library. `--keylog FILE` logs the secrets of its connections for Wireshark, and `--policy NAME` bounds what it
negotiates. Other Pythons that the program starts, such as the workers of a server, speak by this library too, unless
they are told to ignore PYTHONPATH. A program can do the same by itself, before it imports anything else:
`tls12.sslcompat.install()`.

Each program below was run twice by the tests: with the plain interpreter, which shows that the script is right, and
under `tls12 run`, with TLS by this library. The script is the same, knows nothing of tls12, and asserts what it got;
the other end is a program with another TLS stack. The page is written by the run:

```
sudo .ci/install-peers && .venv/bin/pip install -e '.[test,programs]'
.venv/bin/pytest -q -m peers tests/programs --write-programs
```

A client and two servers (threads, asyncio) were run through 10,000 connections each. Afterwards they had no more
descriptors than after the first few, and their memory had grown by less than 8 MiB (the client) and 24 MiB (the
servers), the bounds of tests/programs/test_programs_many_connections.py.

A program counts only if connections of this library were made in it, which the key log of `tls12 run` shows. "ssl"
is the module of CPython {python} with {openssl}, in a process of its own.
"""

_UNTOUCHED = """
## Programs whose TLS is not that of `ssl`

These run under `tls12 run` as without it. Their TLS is not CPython's `ssl`, so nothing of it is replaced.
"""

_SUITES = """
## Test suites of programs

`tls12 run -m pytest` runs the tests of another package with its TLS by this library. This is how it went by hand, in an
unpacked source distribution, with CPython 3.11 on Linux; the same tests were run with the plain interpreter for
comparison.

| package | tests | by the plain interpreter | under `tls12 run` |
| --- | --- | --- | --- |
| requests 2.34.2 | tests/test_requests.py, tests/test_lowlevel.py | 353 pass, 4 fail | 353 pass, the same 4 fail |
| urllib3 2.8.0 | test_https.py, test_socketlevel.py, test_ssltransport.py | 272 pass, 12 fail | \
219 pass, 6 of the 12 fail; those of TLS 1.3 are skipped |
| trio 0.35.0 | src/trio/_tests/test_ssl.py | 63 pass | 63 pass |
| anyio 4.16.0 | tests/streams/test_tls.py | 60 pass | 57 pass; 3 of TLS 1.3 are skipped |
| aiosmtpd 1.4.6 | aiosmtpd/tests/test_starttls.py, test_smtps.py | 30 pass | 30 pass |
| httpcore 1.0.9 | tests/_sync, tests/_async | 188 pass | 185 pass; 3 ask for TLS 1.3 |
| aiohttp 3.14.5 | test_client_functional.py, test_web_functional.py, test_connector.py, those of TLS | 63 pass | \
63 pass |
| uvicorn 0.54.0 | tests/test_ssl.py | 11 pass | 11 pass |
| cheroot 11.1.2 | cheroot/test/test_ssl.py | 58 pass, 2 fail | 58 pass, the same 2 fail |
| tornado 6.6.1 | iostream, httpserver, httpclient, simple_httpclient, tcpserver, websocket | \
538 run, none fails | 538 run; a fetch bounded to 0.1 s may fail, as loading the roots takes part of it |

What fails with the plain interpreter has nothing to do with this library."""
