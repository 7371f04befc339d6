"""Memory and descriptors of a client and of a server under `tls12 run` after many connections.

TLS12_CONNECTIONS is their number: 1,000 by default, 10,000 before a release.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.ends.loopback import free_port
from tests.programs.running import DROP_IN, PLAIN, run, served
from tests.programs.services import Services, certificates

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="memory and descriptors are read from /proc"),
]

COUNT = int(os.environ.get("TLS12_CONNECTIONS", "1000"))
LIMIT = 20 + COUNT / 20
"""Seconds."""
ROOM = 24 * 1024
"""KiB by which the most memory may differ: connections of asyncio are cycles, which the garbage collector frees now and
then. A thousand connections that were kept would take more."""


def test_a_client_holds_no_more_after_many_connections() -> None:
    with closing(Services()) as services:
        words = services.words("nginx")
        run(DROP_IN, ["many_connections.py", words["port"], words["ca"], str(COUNT)], limit=LIMIT)


@pytest.mark.parametrize("script", ["socketserver_threading.py", "asyncio_streams_server.py"])
def test_a_server_holds_no_more_after_many_connections(script: str) -> None:
    words, port = certificates(), free_port()
    with served(DROP_IN, [script, str(port), words["chain"], words["key"]], port) as program:

        def visit(count: int) -> tuple[int, int]:
            run(PLAIN, ["many_connections.py", str(port), words["ca"], str(count)], limit=LIMIT)
            time.sleep(1)  # the last thread ends
            return held(program.pid)

        descriptors, memory = visit(200)
        descriptors_after, memory_after = visit(COUNT)
        assert descriptors_after == descriptors
        assert memory_after < memory + ROOM


def held(pid: int) -> tuple[int, int]:
    """The descriptors of a process, and the most memory that it has had, in KiB."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert peak is not None
    return len(os.listdir(f"/proc/{pid}/fd")), int(peak[1])
