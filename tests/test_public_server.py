"""The page about public servers: its server runs as it stands there, and its tables say what holds."""

from __future__ import annotations

import dataclasses
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests import ends, pki
from tests.ends.loopback import PATIENCE, free_port
from tls12 import Limits
from tls12.asyncio import MAX_CONNECTIONS, MAX_HANDSHAKES
from tls12.asyncio import PATIENCE as WHEN_OTHERS_WAIT
from tls12.registry import HandshakeType

PAGE = (Path(__file__).parents[1] / "docs" / "public-server.md").read_text(encoding="utf-8")
SERVER, LABORATORY = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def connected(port: int) -> socket.socket:
    """Wait for the server to listen."""
    for _ in range(500):
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        time.sleep(0.02)
    raise AssertionError("the server does not listen")


def test_the_server_runs_and_answers_openssl(tmp_path: Path) -> None:
    issued = pki.server()
    (tmp_path / "chain.pem").write_bytes(issued.chain_pem)
    (tmp_path / "key.pem").write_bytes(issued.key_pem)
    port = free_port()
    assert SERVER.count("4433") == SERVER.count('"0.0.0.0"') == 1
    code = SERVER.replace("4433", str(port)).replace("0.0.0.0", "127.0.0.1")
    running = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        with connected(port) as sock:
            context = ends.openssl_context(server_side=False)
            with context.wrap_socket(sock, server_hostname=pki.NAME) as tls:
                tls.sendall(b"hello\n")
                assert tls.recv(100) == b"hello\n"
    finally:
        running.terminate()
        _, complaints = running.communicate(timeout=PATIENCE)
    assert complaints == ""


def test_the_limits_of_the_laboratory_are_made_as_the_page_says() -> None:
    exec(LABORATORY, {})


def test_the_tables_name_the_defaults() -> None:
    limits = Limits()
    for number in (
        limits.extensions,
        limits.list_entries,
        limits.structures,
        limits.certificates,
        limits.other_message_size,
        MAX_CONNECTIONS,
        MAX_HANDSHAKES,
        *dataclasses.asdict(limits)["message_sizes"].values(),
    ):
        assert f"{number:,}" in PAGE
    assert f"longer than {WHEN_OTHERS_WAIT:g} seconds" in PAGE


def test_the_hellos_that_were_measured_stay_well_under_the_bound() -> None:
    table = PAGE.partition("## How large hellos are")[2]
    rows = re.findall(r"^\| .* \| ([\d,]+) \| (\d+) \| (\d+) \| (\d+) \|$", table, re.MULTILINE)
    limits = Limits()
    assert len(rows) > 10
    for size, suites, extensions, longest in rows:
        assert int(size) * 8 < limits.size_of(HandshakeType.CLIENT_HELLO)
        assert int(extensions) * 4 < limits.extensions
        assert max(int(suites), int(longest)) * 2 < limits.list_entries
