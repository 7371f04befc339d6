"""docs/interop.md: what was spoken with whom, written by the run that spoke it.

How it works: a test of the matrix that passes attaches what it did to its report (`report`), so that results reach the
writer from worker processes too. `write` makes the page of them; it refuses to, when a row is missing that the run
should have had. `read` gives the tables of the page back, for the tests that hold it to SUITES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.interop.erlang_program import ERLANG
from tests.interop.matrix import GNUTLS, HANDSHAKE, OPENSSL
from tls12 import CipherSuite
from tls12.crypto.suites import SUITES

PAGE = Path(__file__).parent.parent.parent / "docs" / "interop.md"

PEERS = (OPENSSL, GNUTLS, ERLANG)

WITHOUT_A_PEER = (CipherSuite.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,)
"""Suites that none of them has."""

Result = tuple[str, str, str, str, str]
"""Table, row, peer, our role, how far it went."""

_COLUMNS = {
    (peer.name, role): f"{peer.name}: our {role}" for peer in PEERS for role in ("client", "server")
}  # fmt: skip
_TABLES = {"suite": "Cipher suites", "group": "Groups", "scheme": "Signature schemes of servers"}
_TABLES["client certificate"] = "Signature schemes of client certificates"


def report(record_property: Callable[[str, object], None], table: str, row: object, *column: str) -> None:
    """Attach to the running test that this row of this table was spoken: with whom, in which role, how far."""
    record_property("interop", (table, str(row), *column))


def write(results: Iterable[Result]) -> None:
    """The page, from the results of a whole run."""
    cells: dict[str, dict[str, dict[str, str]]] = {table: {} for table in _TABLES}
    for table, row, name, role, went in results:
        column = "ours" if name == "ours" else _COLUMNS[name, role]
        cells[table].setdefault(row, {})[column] = went if went == HANDSHAKE else "yes"
    missing = [str(suite) for suite in SUITES if str(suite) not in cells["suite"]]
    for peer in PEERS:
        columns = [column for (whose, _), column in _COLUMNS.items() if whose == peer.name]
        for suite in sorted(peer.suites()):
            missing += [f"{suite}, {c}" for c in columns if c not in cells["suite"].get(str(suite), {})]
    if missing:
        raise ValueError("docs/interop.md is not written, for this run lacks " + "; ".join(missing))
    PAGE.write_text("\n".join(_page(cells)) + "\n")


def read(table: str) -> dict[str, dict[str, str]]:
    """One table of the page: row to column to what stands there."""
    _, _, rest = PAGE.read_text().partition(f"\n## {_TABLES[table]}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def spoken_both_ways(row: dict[str, str]) -> bool:
    """Whether both our client and our server spoke it with another implementation."""
    return all(
        any(row[column] != "-" for (_, r), column in _COLUMNS.items() if r == role) for role in ("client", "server")
    )


def _page(cells: dict[str, dict[str, dict[str, str]]]) -> Iterator[str]:
    yield _HEAD.format(openssl=OPENSSL.version(), gnutls=GNUTLS.version(), erlang=ERLANG.version())
    suites = {str(suite): cells["suite"][str(suite)] for suite in SUITES}
    with_data = sum(1 for row in suites.values() if len(set(row) & set(_COLUMNS.values())) > 0)
    meetings = sum(len(set(row) & set(_COLUMNS.values())) for row in suites.values())
    yield f"{len(suites)} suites, {with_data} of them with a peer, {meetings} meetings.\n"
    for table, title in _TABLES.items():
        rows = suites if table == "suite" else cells[table]
        filled = {column for done in rows.values() for column in done}
        columns = [column for column in (*_COLUMNS.values(), "ours") if column in filled]
        yield f"## {title}\n"
        yield f"| {table} | {' | '.join(columns)} |"
        yield "| --- " * (len(columns) + 1) + "|"
        for row, done in rows.items():
            yield f"| {row} | {' | '.join(done.get(column, '-') for column in columns)} |"
        yield ""
    yield _WITHOUT
    yield "\n".join(f"- {suite}" for suite in WITHOUT_A_PEER)


_HEAD = """# Interoperability

What this library has spoken with whom. The page is written by the tests that spoke it:

```
.venv/bin/pytest -q -m '' tests/interop/test_interop_matrix.py --write-interop
```

That takes a few minutes and needs `openssl`, `gnutls-bin` and `erlang-ssl`; .ci/run does the same without writing. A
"yes" is a handshake in which our end offered or accepted nothing else, 40,000 bytes in each direction (three records),
and a close_notify from both sides. The peers of this page: OpenSSL {openssl} (`openssl s_server`, `s_client`, at
`@SECLEVEL=0`), GnuTLS {gnutls} (`gnutls-serv`, `gnutls-cli`), and, for what both of them lack, the ssl of Erlang/OTP
{erlang}. The column "ours" is our client with our server.

A "handshake" is one without data: `gnutls-cli` crashes after every DHE_PSK and ECDHE_PSK handshake when it wants to
print what was agreed, with `gnutls-serv` at the other end as well.
"""

_WITHOUT = """## Suites without a peer

One of the four suites of RFC 8442 is left that no peer above has. It is proved by our client with our server, and
piecewise: its key exchange is that of the other ECDHE_PSK suites, its record protection and its PRF are those of the
other AES-256-GCM suites, and all of these are held to published vectors (`vectors/`) and to peers above. By hand it
was spoken with Bouncy Castle 1.72, in both roles and with data, which is no peer of this run because it takes a JDK.
"""
