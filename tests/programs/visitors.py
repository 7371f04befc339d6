"""Clients of others for the servers of the catalogue: curl, wget, `openssl s_client`, and the scripts of clients.

How it works: each function visits a server of ours that listens on `ports`, does what such a client does, and asserts
what came back. A certificate of the server is always checked, by its name.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests import peers
from tests.interop.programs import PATIENCE, Program
from tests.programs.running import LIMIT, PLAIN, environment, run

Visitor = Callable[[Mapping[str, str]], None]
"""What a visitor is called with: the words of the server's command line, its ports and certificates."""


def curl(words: Mapping[str, str]) -> None:
    """A page, a mebibyte twice over one connection, and an upload."""
    url = f"https://localhost:{words['port']}"
    assert _call("curl", *_curl_options(words), f"{url}/") == b"hello\n"
    twice = _call("curl", *_curl_options(words), f"{url}/large", f"{url}/large")
    assert twice == b"l" * (2 << 20)
    with _message(b"u" * 300_000) as body:
        assert _call("curl", *_curl_options(words), "--data-binary", f"@{body}", f"{url}/") == b"300000\n"


def curl_http2(words: Mapping[str, str]) -> None:
    """The same page over HTTP/2, on which both agree by ALPN."""
    seen = _call(
        "curl", *_curl_options(words), "--http2", "-w", "%{http_version}", f"https://localhost:{words['port']}/"
    )
    assert seen == b"hello\n2"


def curl_files(words: Mapping[str, str]) -> None:
    """A file."""
    assert _call("curl", *_curl_options(words), f"https://localhost:{words['port']}/large") == b"l" * (1 << 20)


def wget(words: Mapping[str, str]) -> None:
    """A mebibyte."""
    url = f"https://localhost:{words['port']}/large"
    got = _call("wget", "-q", "-O", "-", "--tries=1", f"--timeout={PATIENCE}", f"--ca-certificate={words['ca']}", url)
    assert got == b"l" * (1 << 20)


def s_client(words: Mapping[str, str]) -> None:
    """Lines and their echo, on several connections at the same time."""
    address = f"localhost:{words['port']}"
    options = ("-quiet", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile", words["ca"])
    programs = [Program(peers.program("openssl"), "s_client", "-connect", address, *options) for _ in range(3)]
    try:
        for size in (1, 10_000):
            for number, program in enumerate(programs):
                program.type(str(number) * size)
            for number, program in enumerate(programs):
                program.wait_for(rb"(?m)^%d{%d}\r?$" % (number, size))
    finally:
        for program in programs:
            program.stop()


def s_client_smtp(words: Mapping[str, str]) -> None:
    """STARTTLS by OpenSSL, and the dialogue after it."""
    address = f"localhost:{words['starttls']}"
    options = ("-starttls", "smtp", "-quiet", "-verify_return_error", "-CAfile", words["ca"])
    program = Program(peers.program("openssl"), "s_client", "-connect", address, *options)
    try:
        program.wait_for(rb"250 ")
        for line, answer in (
            ("EHLO client.test", rb"250 "),
            ("MAIL FROM:<one@client.test>", rb"250 "),
            ("QUIT", rb"221 "),
        ):
            program.output.clear()
            program.type(f"{line}\r")
            program.wait_for(answer)
    finally:
        program.stop()


def curl_smtp(words: Mapping[str, str]) -> None:
    """A message over STARTTLS."""
    _send(words, "smtp", words["starttls"])


def curl_smtps(words: Mapping[str, str]) -> None:
    """A message over implicit TLS."""
    _send(words, "smtps", words["implicit"])


def websockets(words: Mapping[str, str]) -> None:
    """The clients of websockets with the plain interpreter."""
    run(PLAIN, ["websockets_client.py", words["port"], words["ca"]])


def smtplib(words: Mapping[str, str]) -> None:
    """smtplib with the plain interpreter: both ways, and a client that refuses the certificate."""
    run(PLAIN, ["smtplib_client.py", words["implicit"], words["starttls"], words["ca"]])


def port_scan(words: Mapping[str, str]) -> None:
    """Connections that end at once, that send something other than TLS, and that end in the middle of a hello."""
    for said in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\x80" * 3000):
        with socket.create_connection(("127.0.0.1", int(words["port"])), timeout=PATIENCE) as sock:
            sock.sendall(said)


def _curl_options(words: Mapping[str, str]) -> tuple[str, ...]:
    return "-sS", "--fail", "--max-time", str(int(PATIENCE)), "--cacert", words["ca"]


def _send(words: Mapping[str, str], scheme: str, port: str) -> None:
    with _message(b"Subject: from curl\r\n\r\n" + b"a line of text\r\n" * 5_000) as message:
        _call(
            "curl", *_curl_options(words), "--ssl-reqd", "--mail-from", "one@client.test", "--mail-rcpt",
            "two@server.test", "--upload-file", message, f"{scheme}://localhost:{port}",
        )  # fmt: skip


@contextmanager
def _message(content: bytes) -> Iterator[str]:
    """A file with this content."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


def _call(name: str, *arguments: str) -> bytes:
    done = subprocess.run(
        [peers.program(name), *arguments], env=environment(), cwd="/", capture_output=True, timeout=LIMIT
    )
    assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stderr.decode(errors='replace')}"
    return done.stdout
