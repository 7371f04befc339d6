"""Programs that know nothing of tls12: each does the same under `tls12 run` as with the plain interpreter."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.ends.loopback import free_port
from tests.programs.catalogue import CLIENTS, ROWS, SERVERS, Client, Server
from tests.programs.programs_table import key, read
from tests.programs.running import DROP_IN, INTERPRETERS, Interpreter, run, served
from tests.programs.services import LARGE, Services, certificates
from tests.programs.versions import version

ways = pytest.mark.parametrize("interpreter", INTERPRETERS, ids=lambda way: way.name)
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with closing(Services()) as started:
        yield started


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A distribution with nothing in it."""
    path = tmp_path_factory.mktemp("wheel") / "sample-1.0-py3-none-any.whl"
    names = ("METADATA", "WHEEL", "RECORD")
    texts = (
        "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n",
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "".join(f"sample-1.0.dist-info/{name},,\n" for name in names),
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in zip(names, texts, strict=True):
            archive.writestr(f"sample-1.0.dist-info/{name}", text)
    return str(path)


@pytest.mark.peers
@ways
@pytest.mark.parametrize("client", CLIENTS, ids=lambda row: row.name)
def test_a_client_works_with_a_server_of_others(
    client: Client, interpreter: Interpreter, services: Services, wheel: str, record_property: Record
) -> None:
    version(client.package)
    words = {**services.words(client.service), "wheel": wheel}
    if client.after:
        run(interpreter, client.after.format(**words).split())
    run(interpreter, client.command.format(**words).split(), replaced=not client.untouched)
    record(record_property, client, interpreter)


@pytest.mark.peers
@ways
@pytest.mark.parametrize("server", SERVERS, ids=lambda row: row.name)
def test_a_server_works_with_clients_of_others(
    server: Server, interpreter: Interpreter, tmp_path: Path, record_property: Record
) -> None:
    version(server.package)
    (tmp_path / "large").write_bytes(LARGE)
    ports = {name: free_port() for name in server.ports}
    words = {**certificates(), **{name: str(port) for name, port in ports.items()}, "files": str(tmp_path)}
    with served(interpreter, server.command.format(**words).split(), *ports.values()):
        for visit in server.visitors:
            visit(words)
    record(record_property, server, interpreter)


def test_the_page_has_each_program_of_the_catalogue() -> None:
    replaced = [row for row in ROWS if not getattr(row, "untouched", "")]
    assert [row[:2] for row in read()] == [[row.name, row.role] for row in replaced]


def record(record_property: Record, row: Client | Server, interpreter: Interpreter) -> None:
    """Attach to the running test that this program has done all of its row under `tls12 run`."""
    if interpreter is DROP_IN:
        record_property("program", key(row))
