"""What the command line prints: the same facts for a terminal, a pipe and a program."""

from __future__ import annotations

import argparse
import builtins
import errno
import io
import json
import socket
import subprocess
import sys
from typing import Any

import pytest

import tls12 as library
from tests import pki
from tests.cli.command import inside, tls12
from tls12 import Alert, CipherSuite, PeerAlert, UsageError, errors
from tls12.cli import main as program
from tls12.cli import options
from tls12.cli.facts import certificate_facts, message_facts, message_name
from tls12.cli.output import CommandError, Exit, Json, Output, OutputGone, Terminal, as_text, choose, escape
from tls12.registry import CertificateStatusType, HandshakeType, NamedGroup, SignatureScheme
from tls12.wire.certificates import Certificate, CertificateStatus
from tls12.wire.key_exchange import (
    ClientKeyExchange,
    DheParams,
    DhPublic,
    DigitallySigned,
    EcdheParams,
    EncryptedPreMasterSecret,
    ServerKeyExchange,
)
from tls12.wire.messages import RawMessage


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def say_everything(output: Output) -> None:
    """Each of the things that can be said, once."""
    output.title("a title")
    output.note("a note", number=7)
    output.warning("a warning")
    output.message("client", "ClientHello", 182, {"flag": True, "name": "x", "list": ("a", "b"), "empty": ""})
    output.message("server", "ServerHello", 80, {})
    output.facts("a table", {"a name": "a value", "yes": True, "no": False, "unknown": ""})
    output.check("a check", True, "a detail")
    output.check("another", False)
    output.data(b"data")
    output.data(b"\xff")
    output.failure("a failure", "a remedy", code=1)
    output.failure("hopeless")
    output.summary(3, 0)
    output.summary(3, 1)


@pytest.mark.parametrize("kind", [Output, Terminal])
def test_people_read_the_same_words_in_a_terminal_and_in_a_pipe(
    kind: type[Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = FakeTerminal()
    say_everything(kind(stream))
    text = stream.getvalue()
    for words in (
        "a title", "a note", "a warning", "ClientHello", "182 B", "flag, name x, list a b", "a name", "a value",
        "a check: a detail", "another", "a failure", "; a remedy", "hopeless", "3 passed, 0 failed",
        "3 passed, 1 failed",
    ):  # fmt: skip
        assert words in text
    assert "unknown" not in text
    assert ("\x1b[" in text) == (kind is Terminal)


@pytest.mark.parametrize(("columns", "lines"), [(100, 1), (50, 2)])
def test_a_narrow_terminal_shows_facts_below_and_not_in_a_sliver_beside(
    columns: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb one has 80 columns whatever it says
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = FakeTerminal()
    Terminal(stream).message("client", "ClientHello", 182, {"one": "fact", "and": "another"})
    assert stream.getvalue().count("\n") == lines
    assert "one fact, and another" in stream.getvalue()


def test_programs_read_json_with_the_same_facts() -> None:
    stream = io.StringIO()
    say_everything(Json(stream))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert events[1] == {"event": "note", "text": "a note", "number": 7}
    assert events[3]["facts"]["list"] == ["a", "b"]
    assert events[5] == {"event": "a_table", "a_name": "a value", "yes": True, "no": False, "unknown": ""}
    assert events[8] == {"event": "data", "base64": "ZGF0YQ==", "text": "data"}
    assert events[9] == {"event": "data", "base64": "/w=="}
    assert events[10] == {"event": "error", "message": "a failure", "remedy": "a remedy", "code": 1}


def chosen(stream: io.StringIO, *, json: bool = False, plain: bool = False) -> type[Output]:
    return type(choose(argparse.Namespace(json=json, plain=plain), stream))


def test_the_stream_and_the_options_choose_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(FakeTerminal()) is Terminal
    assert chosen(io.StringIO()) is Output
    assert chosen(FakeTerminal(), plain=True) is Output
    assert chosen(FakeTerminal(), json=True) is Json
    real_import = builtins.__import__

    def without_rich(name: str, *arguments: Any) -> Any:
        if name.startswith("rich"):
            raise ImportError(name)
        return real_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_rich)
    assert chosen(FakeTerminal()) is Output


def test_text_from_a_peer_cannot_steer_the_terminal() -> None:
    assert escape("CN=\x1b[2Jevil\r\nü") == "CN=\\x1b[2Jevil\\r\\nü"
    stream = FakeTerminal()
    Terminal(stream).facts("certificate", {"subject": "CN=\x1b[2J[bold]evil"})
    assert "\x1b[2J" not in stream.getvalue()
    assert "[bold]evil" in stream.getvalue()


@pytest.mark.parametrize("kind", [Output, Terminal])
def test_text_from_a_peer_cannot_add_lines_to_the_report(kind: type[Output]) -> None:
    stream = FakeTerminal()
    output = kind(stream)
    output.facts("certificate", {"subject": "CN=x\nagreed"})
    output.message("client", "ClientHello", 1, {"alpn": "x\nagreed"})
    output.failure("for\nagreed")
    assert stream.getvalue().count("\\nagreed") == 3
    assert "\nagreed" not in stream.getvalue()


def test_what_the_stream_cannot_encode_is_escaped() -> None:
    raw = io.BytesIO()
    output = choose(argparse.Namespace(json=False, plain=False), io.TextIOWrapper(raw, "ascii"))
    output.note("grüß")
    assert raw.getvalue() == b"gr\\xfc\\xdf\n"


def test_a_long_list_is_cut_for_people() -> None:
    assert as_text({"suites": tuple("abcdefg"), "none": 0}) == "suites a b c (+4)"


def test_output_that_nobody_reads_any_more_ends_the_program() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(OutputGone) as gone:
        Output(Gone()).note("anybody there?")
    assert gone.value.code is Exit.UNREAD


def test_a_reader_who_leaves_early_gets_no_complaint_but_it_was_not_all_said() -> None:
    """As every program in a pipe: 128 and the number of SIGPIPE."""
    command = f"{sys.executable} -m tls12 suites | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")


# --- addresses and errors


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.com:443", "example.com", 443),
        ("example.com", "example.com", 1),
        (":8443", "default", 8443),
        ("8443", "default", 8443),
        ("[::1]:8443", "::1", 8443),
        ("[::1]", "::1", 1),
        ("::1", "::1", 1),
        ("192.0.2.1:0", "192.0.2.1", 0),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert options.address(text, default_host="default", default_port=1) == (host, port)


@pytest.mark.parametrize("text", ["host:", "host:x", "host:65536", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    if text == "host:":
        assert options.address(text, default_host="", default_port=1) == ("host", 1)
    else:
        with pytest.raises(CommandError, match="is not HOST:PORT"):
            options.address(text, default_host="", default_port=1)


def test_a_key_may_stand_in_the_file_of_its_certificate(tmp_path: Any) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pki.server().chain_pem + pki.server().key_pem)
    loaded = options.credential(argparse.Namespace(cert=str(both), key=None))
    assert loaded is not None
    assert loaded.certificate_list == pki.server().chain_der


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (UsageError("a mistake"), "a mistake", Exit.USAGE),
        (OSError(5, "Input/output error"), "Input/output error", Exit.NETWORK),
        (OSError("odd"), "odd", Exit.NETWORK),
        (ConnectionResetError(104, "reset"), "the peer broke off the connection", Exit.NETWORK),
        (OSError(errno.ENETUNREACH, "unreachable"), "the network is unreachable", Exit.NETWORK),
        (OSError(socket.EAI_NONAME, "while attempting to bind"), "no such host", Exit.NETWORK),
    ],
)
def test_every_error_becomes_a_sentence_and_a_code(error: Exception, said: str, code: Exit) -> None:
    message, _, given = program.explain(error)
    assert (message, given) == (said, code)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            PeerAlert(Alert.HANDSHAKE_FAILURE, remedy="Policy.compatible() offers more"),
            "--policy compatible offers more",
        ),
        (
            errors.UnknownIssuer("who?", remedy="add the CA to the TrustStore, or let the server send it"),
            "give the CA with --ca FILE, or let the server send it",
        ),
        (errors.NotTLS("noise"), "check the port"),
        (errors.PeerIncompatible("too old", remedy="enable TLS 1.2 on the server"), "enable TLS 1.2 on the server"),
    ],
)
def test_a_remedy_speaks_of_options_and_not_of_classes(error: Exception, remedy: str) -> None:
    assert program.explain(error)[1] == remedy


def test_the_version_can_be_asked_for() -> None:
    assert tls12("--version").stdout.decode() == f"tls12 {library.__version__}\n"


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    outcome = tls12("--help")
    for code in Exit:
        assert f"{int(code):>3}  {code.meaning}".encode() in outcome.stdout
    for command in ("demo", "connect", "serve", "suites"):
        assert f"    {command} ".encode() in outcome.stdout
    assert tls12().code == Exit.USAGE


def test_suites_lists_every_suite_in_or_out_of_a_policy_and_why() -> None:
    outcome = inside("suites", "--json", "--policy", "compatible")
    verdicts = {event["suite"]: event for event in outcome.events if "suite" in event}
    assert len(verdicts) == len(CipherSuite)
    assert verdicts["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]["included"]
    assert verdicts["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]["code"] == 0xC02B
    assert verdicts["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]["openssl_name"] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert not verdicts["TLS_RSA_WITH_RC4_128_SHA"]["included"]
    assert all(verdict["reason"] for verdict in verdicts.values())


def test_suites_leaves_out_what_is_out_where_asked_to() -> None:
    assert b"RC4" not in inside("suites", "--only-in").stdout
    assert inside("suites", "--only-in", "--policy", "lab").stdout.count(b"RC4") > 1


def test_a_policy_may_be_spelt_as_in_python() -> None:
    spelt, named = (inside("suites", "--policy", name) for name in ("legacy_device", "legacy-device"))
    assert spelt.stdout == named.stdout != b""


# --- describing messages


def test_messages_are_named_and_described_by_what_matters() -> None:
    signature = DigitallySigned(SignatureScheme.ED25519, bytes(64))
    described = {
        "EcdheParams": message_facts(ServerKeyExchange(EcdheParams(NamedGroup.X25519, bytes(32)), None, signature)),
        "DheParams": message_facts(ServerKeyExchange(DheParams(b"\x80" + bytes(255), b"\2", b"\3"), b"a hint")),
        "DhPublic": message_facts(ClientKeyExchange(DhPublic(bytes(256)))),
        "RSA": message_facts(ClientKeyExchange(EncryptedPreMasterSecret(bytes(256)))),
        "PSK": message_facts(ClientKeyExchange(None, b"me \xff")),
    }
    assert described == {
        "EcdheParams": {"group": "x25519", "share bytes": 32, "signed with": "ed25519"},
        "DheParams": {"group": "finite field", "bits": 2048, "identity hint": "a hint"},
        "DhPublic": {"share bytes": 256},
        "RSA": {"encrypted premaster bytes": 256},
        "PSK": {"identity": "me \\xff"},
    }
    assert message_facts(CertificateStatus(CertificateStatusType.OCSP, b"x")) == {"status": "ocsp"}
    raw = RawMessage(HandshakeType.of(99), b"abc")
    assert (message_name(raw), message_facts(raw)) == ("unknown (0x63)", {"undecoded bytes": 3})


def test_certificates_are_described_even_if_they_cannot_be_read() -> None:
    facts = certificate_facts(pki.server("rsa-2048").chain_der[0])
    assert (facts["key"], facts["names"]) == ("RSA 2048", pki.NAMES)
    assert certificate_facts(pki.server("ed25519").chain_der[0])["key"] == "ED25519"
    assert certificate_facts(pki.client().chain_der[0])["names"] == ()
    assert certificate_facts(b"nonsense") == {"unreadable certificate": True, "bytes": 8}
    assert message_facts(Certificate(())) == {"no certificate": True}
    assert message_facts(Certificate((b"nonsense",))) == {"certificates": 1}
