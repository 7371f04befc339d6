"""`tls12 connect`: the program against OpenSSL's servers, and against what is no TLS server."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tls12 as library
from tests import ends, pki
from tests.adapters.plain_servers import SPOKEN, begin_tls, talk
from tests.cli.command import PATIENCE, inside, tls12
from tests.ends import loopback
from tests.ends.loopback import listening, openssl_reader, read_to_end, tcp_pair
from tls12.cli import main as program

PAGE = bytes(range(256)) * 200


def page_server(sock: socket.socket, page: bytes = PAGE) -> bytes:
    """Answer one request with bytes that no terminal likes; what was asked."""
    context = ends.openssl_context(server_side=True, credential=pki.server(), alpn=("http/1.0",))
    with context.wrap_socket(sock, server_side=True) as tls:
        asked = tls.recv(4096)
        tls.sendall(page)
        tls.unwrap()
        return asked


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def trusting() -> tuple[str, ...]:
    """The options that make our everyday server trusted."""
    return ("--ca", ends.trusted_file(), "--server-name", pki.NAME)


def test_standard_output_is_a_clean_copy_and_the_facts_go_to_standard_error() -> None:
    with listening(page_server) as (port, asked):
        outcome = tls12("connect", at(port), *trusting(), "--alpn", "h2,http/1.0", stdin=b"GET /\r\n\r\n")
        assert asked.result() == b"GET /\r\n\r\n"
    assert outcome.code == 0
    assert outcome.stdout == PAGE
    for fact in ("TLS 1.2", "application protocol", "http/1.0", pki.NAME, "closed by the peer"):
        assert fact in outcome.stderr


def test_everything_is_json_for_programs() -> None:
    with listening(page_server) as (port, _):
        outcome = tls12("connect", at(port), *trusting(), "--json", "--show-handshake", stdin=b"?")
    assert outcome.code == 0
    assert outcome.stderr == ""
    assert outcome.event("agreed")["version"] == "TLS 1.2"
    assert outcome.event("certificate")["names"][0] == pki.NAME
    assert outcome.event("message")["name"] == "ClientHello"
    data = [event for event in outcome.events if event["event"] == "data"]
    assert data
    assert all("base64" in event and "text" not in event for event in data)


def test_text_is_given_as_text_in_json() -> None:
    with listening(lambda sock: page_server(sock, "grüß gott".encode())) as (port, _):
        outcome = tls12("connect", at(port), *trusting(), "--json", stdin=b"?")
    assert outcome.event("data")["text"] == "grüß gott"


def test_the_handshake_is_shown_in_both_directions() -> None:
    with listening(page_server) as (port, _):
        outcome = tls12("connect", at(port), *trusting(), "--show-handshake", stdin=b"?")
    for line in ("client ->  ClientHello", "server <-  ServerHello", "client ->  Finished", "server <-  Finished"):
        assert f"  {line} " in outcome.stderr


def test_the_key_log_decrypts_and_belongs_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys.log"
    with listening(page_server) as (port, _):
        assert tls12("connect", at(port), *trusting(), "--keylog", str(path), stdin=b"?").code == 0
    assert path.read_text().startswith("CLIENT_RANDOM ")
    assert path.stat().st_mode & 0o077 == 0
    assert library.KeyLog.load(path).skipped == 0


def test_a_client_certificate_is_presented() -> None:
    def serve(sock: socket.socket) -> bytes:
        context = ends.openssl_context(server_side=True, credential=pki.server())
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ends.trusted_file())
        with context.wrap_socket(sock, server_side=True) as tls:
            presented = tls.getpeercert(binary_form=True)
            tls.recv(100)
            tls.sendall(b"welcome")
            tls.unwrap()
            assert presented is not None
            return presented

    chain, key = ends.files_of(pki.client())
    with listening(serve) as (port, presented):
        outcome = tls12("connect", at(port), *trusting(), "--cert", chain, "--key", key, stdin=b"?")
        assert presented.result() == pki.client().chain_der[0]
    assert outcome.stdout == b"welcome"


def test_against_the_openssl_program() -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None, "these tests need the program openssl"
    chain, key = ends.files_of(pki.server())
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            openssl,
            "s_server",
            "-accept",
            str(port),
            "-cert",
            chain,
            "-key",
            key,
            "-cert_chain",
            chain,
            "-tls1_2",
            "-www",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            outcome = tls12("connect", at(port), *trusting(), stdin=b"GET / HTTP/1.0\r\n\r\n")
            if outcome.code != 3 or time.monotonic() > deadline:
                break
    finally:
        server.kill()
        server.wait()
    assert outcome.code == 0, outcome.stderr
    assert b"HTTP/1.0 200 ok" in outcome.stdout
    assert b"TLSv1.2" in outcome.stdout


# --- the end of the input


def test_empty_input_closes_at_once_as_scripts_that_look_at_a_certificate_want_it() -> None:
    with listening(openssl_reader) as (
        port,
        _,
    ):
        started = time.monotonic()
        outcome = tls12("connect", at(port), *trusting(), "--wait", "20")
        assert time.monotonic() - started < 15
    assert outcome.code == 0
    assert "sha256" in outcome.stderr


def test_a_peer_that_never_closes_is_left_after_the_wait() -> None:
    with listening(lambda sock: openssl_reader(sock, b"answer")) as (port, received):
        outcome = tls12("connect", at(port), *trusting(), "--wait", "0.3", stdin=b"question")
        assert received.result() == b"question"
    assert (outcome.code, outcome.stdout) == (0, b"answer")
    assert "silent for 0.3 s" in outcome.stderr


def test_ctrl_d_in_a_terminal_closes() -> None:
    """Standard input is a terminal here: what is typed goes out, and the end of input ends the connection."""
    with listening(openssl_reader) as (
        port,
        received,
    ):
        controller, terminal = pty.openpty()
        program = subprocess.Popen(
            [sys.executable, "-m", "tls12", "connect", at(port), *trusting(), "--wait", "20"],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(terminal)
        os.write(controller, b"typed\n\x04")
        program.communicate(timeout=15)
        os.close(controller)
        assert received.result() == b"typed\n"
    assert program.returncode == 0


def test_a_reader_that_goes_away_is_no_error_to_speak_of() -> None:
    with listening(lambda sock: page_server(sock, PAGE * 20)) as (port, _):
        command = [sys.executable, "-m", "tls12", "connect", at(port), *trusting()]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdout.close()
        program.stdin.write(b"?")
        program.stdin.close()
        assert program.stderr is not None
        errors = program.stderr.read()
        program.stderr.close()
        assert program.wait(PATIENCE) == 141
    assert b"Traceback" not in errors
    assert b"rror" not in errors


def test_ctrl_c_ends_with_its_own_exit_code() -> None:
    with listening(openssl_reader) as (port, _):
        # A shell that starts the tests in the background has them ignore SIGINT, and so would the command.
        attentive = "import os, signal as s, sys; s.signal(s.SIGINT, s.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
        command = [sys.executable, "-m", "tls12", "connect", at(port), *trusting(), "--json"]
        command = [sys.executable, "-c", attentive, *command]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert program.stdout is not None
        assert json.loads(program.stdout.readline())["event"] == "agreed"
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=PATIENCE)
    assert (program.returncode, errors) == (130, b"")


# --- what goes wrong


def test_an_unknown_ca_is_a_certificate_error_that_names_the_option() -> None:
    with listening(page_server) as (port, outcome_of_server):
        outcome = inside("connect", at(port), "--server-name", pki.NAME)
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            outcome_of_server.result()
    assert outcome.code == 4
    assert outcome.stderr.count("\n") == 1
    assert "--ca FILE" in outcome.stderr


def test_a_self_signed_certificate_is_trusted_alone_by_its_file_or_the_digest_of_its_key() -> None:
    chain, key = ends.files_of(pki.self_signed_ca())

    def serve(sock: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(sock, server_side=True) as tls:
            tls.unwrap()

    with listening(serve) as (port, outcome_of_server):
        refused = inside("connect", at(port), "--ca", chain)
        with pytest.raises(ssl.SSLError):
            outcome_of_server.result()
    assert refused.code == 4
    assert "--pin FILE" in refused.stderr

    with listening(serve) as (port, _):
        accepted = tls12("connect", at(port), "--pin", chain, "--json")
    assert accepted.code == 0
    digest = accepted.event("certificate")["key_sha256"]
    with listening(serve) as (port, _):
        assert tls12("connect", at(port), "--pin", digest).code == 0
    with listening(serve) as (port, outcome_of_server):
        outcome = inside("connect", at(port), "--pin", "00" * 32)
        with pytest.raises(ssl.SSLError):
            outcome_of_server.result()
    assert outcome.code == 4
    assert f"--pin '{digest}'" in outcome.stderr


def test_a_server_that_wants_a_certificate_is_understood() -> None:
    def serve(sock: socket.socket) -> None:
        context = ends.openssl_context(server_side=True, credential=pki.server())
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ends.trusted_file())
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(sock, server_side=True)

    with listening(serve) as (port, _):
        outcome = inside("connect", at(port), *trusting())
    assert outcome.code == 1
    assert "it asked for a client certificate and got none; give one with --cert FILE" in outcome.stderr


def test_insecure_goes_on_and_says_so_loudly() -> None:
    with listening(page_server) as (port, _):
        outcome = tls12("connect", at(port), "--insecure", stdin=b"?")
    assert (outcome.code, outcome.stdout) == (0, PAGE)
    assert "WARNING: --insecure" in outcome.stderr


def test_a_wrong_name_is_a_certificate_error_for_programs_too() -> None:
    with listening(page_server) as (port, _):
        outcome = inside("connect", at(port), "--ca", ends.trusted_file(), "--server-name", "other.test", "--json")
    error = outcome.event("error")
    assert (outcome.code, error["code"]) == (4, 4)
    assert (error["kind"], error["alert"]) == ("NameMismatch", "bad_certificate")
    assert "--server-name" in error["remedy"]


def test_a_server_that_speaks_something_else_is_named() -> None:
    def serve(sock: socket.socket) -> None:
        sock.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
        read_to_end(sock)

    with listening(serve) as (port, _):
        outcome = inside("connect", at(port))
    assert outcome.code == 1
    assert "SSH" in outcome.stderr


def test_nothing_that_listens_is_a_network_error() -> None:
    one, other = tcp_pair()
    port = other.getsockname()[1]
    one.close()
    other.close()
    outcome = inside("connect", at(port))
    assert outcome.code == 3
    assert "refused" in outcome.stderr


def test_a_silent_server_is_a_network_error() -> None:
    with listening(read_to_end) as (port, _):
        outcome = inside("connect", at(port), "--timeout", "0.2")
    assert outcome.code == 3
    assert "0.2 s" in outcome.stderr
    assert "--timeout" in outcome.stderr


def test_a_server_that_hangs_up_is_no_traceback() -> None:
    def serve(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # reset

    with listening(serve) as (port, _):
        outcome = inside("connect", at(port))
    assert (outcome.code, outcome.stderr.startswith("error: the peer broke off")) == (3, True)


def test_a_truncated_answer_is_printed_and_then_reported() -> None:
    def serve(sock: socket.socket) -> None:
        tls = loopback.openssl_server().wrap_socket(sock, server_side=True)
        tls.recv(100)
        tls.sendall(b"half an ans")
        socket.socket(fileno=tls.detach()).close()

    with listening(serve) as (port, _):
        outcome = tls12("connect", at(port), *trusting(), stdin=b"?")
    assert (outcome.code, outcome.stdout) == (1, b"half an ans")
    assert "without close_notify" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("host:port",), "not HOST:PORT"),
        (("host:70000",), "not HOST:PORT"),
        (("localhost:1", "--ca", "/nowhere/ca.pem"), "--ca: cannot read /nowhere/ca.pem"),
        (("localhost:1", "--key", "key.pem"), "--key without --cert"),
        (("localhost:1", "--keylog", "/nowhere/keys"), "--keylog: cannot write /nowhere/keys"),
        (("localhost:1", "--psk", "me:nothex"), "--psk: the key is not hexadecimal"),
        (("localhost:1", "--server-name", "no name"), "no name"),
        (("localhost:1", "--ca", __file__), "name a file with CA certificates"),
        (("localhost:1", "--pin", __file__), "name a file with one certificate"),
        (("localhost:1", "--cert", ends.trusted_file()), "no PEM private key"),
        (("localhost:1", "--server-name", ""), "--server-name is empty"),
        (("",), "not HOST:PORT"),
        (("https://localhost/",), "not HOST:PORT"),
        (("localhost:1", "--policy", "psk"), "--policy psk without --psk"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    outcome = inside("connect", *arguments)
    assert outcome.code == 2
    assert said in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--timeout", "-1"), "'-1' is not a number of seconds"),
        (("--timeout", "0"), "no time for anything"),
        (("--timeout", "nan"), "'nan' is not a number of seconds"),
        (("--timeout", "1e300"), "'1e300' is not a number of seconds"),
        (("--wait", "soon"), "'soon' is not a number of seconds"),
        (("--ca", "ca.pem", "--insecure"), "not allowed with"),
        (("--ca", "ca.pem", "--pin", "leaf.pem"), "not allowed with"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_the_usage(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        program.main(["connect", "localhost:1", *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


# --- standard streams that are not as usual


def connect_with(port: int, redirections: str) -> tuple[int, str, str]:
    """Run the program from a shell: its exit code, and what came through the streams that were left."""
    command = shlex.join([sys.executable, "-m", "tls12", "connect", at(port), *trusting()])
    done = subprocess.run(
        ["sh", "-c", f"{command} {redirections}"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode()


def long_greeting(sock: socket.socket) -> None:
    """A server that says much at once."""
    with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
        tls.sendall(PAGE)
        tls.unwrap()


def test_a_closed_standard_input_is_empty_and_not_the_connection_itself() -> None:
    with listening(long_greeting) as (port, _):
        code, out, _ = connect_with(port, "<&-")
    assert (code, out) == (0, PAGE.decode("latin-1"))


def test_closed_outputs_swallow_what_they_would_have_shown_and_nothing_else() -> None:
    with listening(long_greeting) as (port, _):
        assert connect_with(port, "2>&-") == (0, PAGE.decode("latin-1"), "")
    with listening(long_greeting) as (port, _):
        code, out, err = connect_with(port, ">&-")
    assert (code, out) == (0, "")
    assert "sha256" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_a_full_disk_has_an_exit_code_and_a_sentence_of_its_own() -> None:
    with listening(long_greeting) as (port, _):
        code, _, err = connect_with(port, "> /dev/full")
    assert code == 5
    assert err.splitlines()[-1] == "error: the output cannot be written: No space left on device"
    with listening(long_greeting) as (port, _):
        assert connect_with(port, "2> /dev/full")[0] == 5


def test_a_standard_input_that_cannot_be_read_is_said_so() -> None:
    with listening(openssl_reader) as (port, _):
        code, _, err = connect_with(port, "0> /dev/null")
    assert code == 2
    assert "standard input cannot be read: Bad file descriptor" in err


@pytest.mark.parametrize("name", ["smtp", "postgres", "mysql"])
def test_starttls_speaks_the_plain_dialogue_first_and_shows_it(name: str) -> None:
    def serve(sock: socket.socket) -> bytes:
        talk(sock, SPOKEN[name].first, SPOKEN[name].answers)
        return begin_tls(sock)

    with listening(serve) as (port, heard):
        options = ("--starttls", name, "--show-handshake", "--json", "--wait", "0.1")
        outcome = tls12("connect", at(port), *trusting(), *options, stdin=b"?")
        assert heard.result() == b"?"
    assert outcome.event("data")["text"] == "protected"
    messages = [(event["name"], event["sender"]) for event in outcome.events if event["event"] == "message"]
    assert {sender for name, sender in messages if name == "without TLS"} == {"client", "server"}
    assert messages.index(("ClientHello", "client")) == len([name for name, _ in messages if name == "without TLS"])


def test_starttls_that_is_stripped_is_a_failure_and_nothing_is_sent() -> None:
    def strip(sock: socket.socket) -> bytes:
        talk(sock, *SPOKEN["smtp"].stripped[0])
        return read_to_end(sock)

    with listening(strip) as (port, heard):
        outcome = tls12("connect", at(port), *trusting(), "--starttls", "smtp", stdin=b"secret")
        assert heard.result() == b""
    assert outcome.code == 1
    assert "does not offer STARTTLS" in outcome.stderr
    assert outcome.stdout == b""


def test_starttls_knows_where_servers_of_the_protocol_listen() -> None:
    outcome = tls12("connect", "127.0.0.1", "--insecure", "--starttls", "pop3", "--show-handshake")
    assert outcome.code == 3
    assert "127.0.0.1 port 110" in outcome.stderr
    assert tls12("connect", "127.0.0.1", "--starttls", "gopher").code == 2
