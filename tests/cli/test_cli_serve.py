"""`tls12 serve`: the program against OpenSSL's clients, our own, and clients that misbehave."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ends, pki
from tests.cli.command import PATIENCE, inside, serving, tls12
from tests.ends.loopback import read_to_end


def openssl_client(ca: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def talk(port: int, ca: str | None, request: bytes, name: str = "localhost") -> bytes:
    """One exchange as an OpenSSL client; reads as many bytes as were sent, or until the end of a page."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with sock, openssl_client(ca).wrap_socket(sock, server_hostname=name) as tls:
        tls.sendall(request)
        if request.endswith(b"\r\n\r\n"):
            return read_to_end(tls)
        answer = b""
        while len(answer) < len(request):
            answer += tls.recv(65536)
        return answer


def test_it_echoes_to_openssl_with_a_certificate_of_its_own() -> None:
    with serving() as server:
        assert server.host == "127.0.0.1"
        assert talk(server.port, server.ca, b"echo " * 20_000) == b"echo " * 20_000
        agreed = server.next_event("agreed")
        assert (agreed["version"], agreed["server_name"]) == ("TLS 1.2", "localhost")
        ca = server.ca
    assert ca is not None
    assert not Path(ca).exists()


def test_the_openssl_program_connects() -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None, "these tests need the program openssl"
    with serving("--www") as server:
        assert server.ca is not None
        done = subprocess.run(
            [
                *(openssl, "s_client", "-quiet", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost"),
                *("-CAfile", server.ca, "-verify_return_error", "-verify_hostname", "localhost"),
            ],
            input=b"GET / HTTP/1.0\r\n\r\n",
            capture_output=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 0, done.stderr.decode()
    assert b"HTTP/1.1 200 OK" in done.stdout
    assert b"This page came over TLS 1.2" in done.stdout


def test_the_status_page_says_what_was_negotiated() -> None:
    with serving("--www", "--alpn", "http/1.1") as server:
        head, _, body = talk(server.port, server.ca, b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert json.loads(body)["version"] == "TLS 1.2"
        assert talk(server.port, server.ca, b"HEAD / HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")
        assert talk(server.port, server.ca, b"PUT / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 ")
        assert talk(server.port, server.ca, b"GET /" + b"x: y\r\n" * 5000 + b"\r\n\r\n") == b""


@pytest.mark.parametrize("options", [ssl.Options(0), ssl.OP_NO_TICKET], ids=["by ticket", "by id"])
def test_clients_come_back(options: ssl.Options) -> None:
    with serving() as server:
        context = openssl_client(server.ca)
        context.options |= options
        session = None
        for resumed in (False, True):
            sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            with sock, context.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
                assert tls.session_reused is resumed
                session = tls.session
                tls.sendall(b"x")
                assert tls.recv(1) == b"x"


def test_our_own_client_and_the_handshake_of_each_connection() -> None:
    with serving("--www", "--show-handshake") as server:
        assert server.ca is not None
        outcome = tls12("connect", f"127.0.0.1:{server.port}", "--ca", server.ca, stdin=b"GET / HTTP/1.0\r\n\r\n")
        assert outcome.code == 0, outcome.stderr
        assert b"This page came over TLS 1.2" in outcome.stdout
        assert server.next_event("message")["name"] == "ClientHello"
        assert server.next_event("agreed")["version"] == "TLS 1.2"


def test_clients_that_fail_are_reported_and_the_server_goes_on() -> None:
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert read_to_end(sock)[0] == 21  # an alert
        error = server.next_event("error")
        assert error["kind"] == "NotTLS"
        with pytest.raises(ssl.SSLCertVerificationError):
            talk(server.port, None, b"x")
        assert server.next_event("error")["kind"] == "PeerAlert"
        sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        tls = openssl_client(server.ca).wrap_socket(sock, server_hostname="localhost")
        socket.socket(fileno=tls.detach()).close()  # without a close_notify
        assert server.next_event("error")["kind"] == "TruncatedError"
        assert talk(server.port, server.ca, b"still there") == b"still there"


def test_a_certificate_of_ones_own() -> None:
    chain, key = ends.files_of(pki.server())
    with serving("--cert", chain, "--key", key) as server:
        assert server.ca is None
        assert talk(server.port, ends.trusted_file(), b"hello", pki.NAME) == b"hello"


def test_client_certificates_may_be_required() -> None:
    with serving("--client-ca", ends.trusted_file(), "--require-client-cert") as server:
        chain, key = ends.files_of(pki.client())
        assert server.ca is not None
        trust = ("--ca", server.ca, "--wait", "0.2")
        outcome = tls12("connect", f"127.0.0.1:{server.port}", *trust, "--cert", chain, "--key", key, stdin=b"me")
        assert outcome.stdout == b"me"
        assert server.next_event("client_certificate")["subject"] == "CN=client one"
        outcome = tls12("connect", f"127.0.0.1:{server.port}", *trust, stdin=b"nobody")
        assert outcome.code == 1
        assert "handshake_failure" in outcome.stderr


def test_a_pre_shared_key_instead_of_certificates() -> None:
    psk = ("--policy", "psk", "--psk", "me:00112233445566778899aabbccddeeff")
    with serving(*psk) as server:
        outcome = tls12("connect", f"127.0.0.1:{server.port}", *psk, "--json", "--wait", "0.2", stdin=b"hello")
        assert outcome.event("data")["text"] == "hello"
        assert "PSK" in outcome.event("agreed")["cipher_suite"]
        assert server.next_event("agreed")["psk_identity"] == "me"


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("--require-client-cert",), "--require-client-cert without --client-ca", 2),
        (("--client-ca", "/nowhere"), "--client-ca: cannot read /nowhere", 2),
        (("192.0.2.1:4433",), "not one of this machine", 3),
        (("host.invalid:4433",), "no such host", 3),
        (("--name", "no name"), "not a server name", 2),
        (("--alpn", "x" * 256), "not 1 to 255 bytes", 2),
        (("--policy", "psk"), "--policy psk without --psk", 2),
    ],
)
def test_what_cannot_be_served_is_one_sentence(arguments: tuple[str, ...], said: str, code: int) -> None:
    address = () if arguments[0].endswith(":4433") else (":0",)
    outcome = inside("serve", *address, *arguments)
    assert (outcome.code, outcome.stdout, outcome.stderr.count("\n")) == (code, b"", 1)
    assert said in outcome.stderr


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("*.wild.test", "any.wild.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        (".".join(["x" * 50] * 4), ".".join(["x" * 50] * 4)),
    ],
)
def test_the_throw_away_certificate_has_any_name_that_one_can_have(given: str, asked: str) -> None:
    with serving("--name", given) as server:
        assert talk(server.port, server.ca, b"hello", asked) == b"hello"


def test_an_echo_that_cannot_be_delivered_is_reported_with_its_connection() -> None:
    with serving() as server:
        sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        tls = openssl_client(server.ca).wrap_socket(sock, server_hostname="localhost")
        tls.sendall(b"x" * 4_000_000)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        tls.close()
        error = server.next_event("error")
    assert error["connection"] == 1
    assert error["message"].startswith("connection 1: ")


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = inside("serve", str(taken.getsockname()[1]))
    assert outcome.code == 3
    assert "in use" in outcome.stderr


def test_ctrl_c_is_how_it_is_stopped() -> None:
    command = [sys.executable, "-m", "tls12", "serve", ":0"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout is not None
    while "serving on" not in program.stdout.readline():
        pass
    program.send_signal(2)
    _, errors = program.communicate(timeout=PATIENCE)
    assert (program.returncode, errors) == (0, "")
