"""git clones over https from a server of ours under the default policy.

How it works: the file server of the standard library serves a bare repository, over sockets of ours.
"""

from __future__ import annotations

import functools
import os
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import peers, pki
from tests.ends import credential_of, trusted_file
from tests.interop.programs import PATIENCE
from tls12 import ServerConfig, ServerConnection, sync

pytestmark = pytest.mark.peers


class Files(ThreadingHTTPServer):
    """The standard library's file server over connections of ours, each made in the thread that serves it."""

    daemon_threads = True

    def __init__(self, folder: Path, config: ServerConfig) -> None:
        self._tls = config
        super().__init__(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))

    def finish_request(self, request: Any, client_address: Any) -> None:
        """A handshake, then what the base class does."""
        with sync.wrap(request, ServerConnection(self._tls)) as stream:
            super().finish_request(stream, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: Any) -> None:
        """`finish_request` has closed it."""


class Quiet(SimpleHTTPRequestHandler):
    """Without a line for each request."""

    def log_message(self, format: str, *values: object) -> None:
        """Say nothing."""


def test_git_clones_from_a_server_of_ours(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", "no_proxy": "*"}
        command = [peers.program("git"), "-c", f"http.sslCAInfo={trusted_file()}", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=environment)
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    work, bare = tmp_path / "work", tmp_path / "served" / "bare.git"
    git("init", "-q", str(work))
    (work / "file").write_text("from the repository")
    git("-C", str(work), "add", "file")
    git("-C", str(work), "-c", "user.name=one", "-c", "user.email=one@test", "commit", "-q", "-m", "first")
    git("clone", "-q", "--bare", str(work), str(bare))
    git("-C", str(bare), "update-server-info")
    config = ServerConfig(credentials=(credential_of(pki.server("rsa-2048")),))
    with Files(tmp_path / "served", config) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://{pki.NAME}:{server.server_address[1]}/bare.git"
        resolved = f"http.curloptResolve={pki.NAME}:{server.server_address[1]}:127.0.0.1"
        git("-c", resolved, "clone", "-q", url, str(tmp_path / "copy"))
        server.shutdown()
    assert (tmp_path / "copy" / "file").read_text() == "from the repository"
