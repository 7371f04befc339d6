"""Against `openssl s_server` and `openssl s_client` over real sockets: what CPython's ssl cannot be told to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests import pki
from tests.ends import Ours, anything, credential_of, directory, our_client, our_server, verifier
from tests.interop.openssl_program import certificate_options, s_client, s_server
from tests.interop.programs import connected, drive, part
from tls12 import (
    CipherSuite,
    ClientAuth,
    HandshakeCompleted,
    KeyLog,
    MemorySessionStore,
    NamedGroup,
    Policy,
    Renegotiation,
    SignatureScheme,
    TicketKeys,
)
from tls12.lab.pki import IssuedCertificate

ALL_CIPHERS = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def echo_with_server(*options: str, credential: IssuedCertificate | None = None, **config: Any) -> tuple[Ours, str]:
    """Our client says a line to s_server, which reverses it; our end, and what openssl printed."""
    ours = our_client(**config)
    with s_server("-rev", *options, credential=credential) as (program, port):
        with connected(port) as sock:
            drive(ours, sock, lambda: ours.completed)
            assert ours.completed, ours.error
            ours.send(b"drawer\n")
            drive(ours, sock, lambda: ours.data.endswith(b"\n"))
            assert ours.data == b"reward\n"
            part(ours, sock)
            assert ours.closed_cleanly
        return ours, program.finish()


def line_from_client(*options: str, server: Ours | None = None, **config: Any) -> tuple[Ours, str]:
    """s_client says a line to our server, which answers; our end, and what openssl printed."""
    ours = server or our_server(**config)
    with s_client(*options) as (program, sock):
        program.type("hello, server")
        drive(ours, sock, lambda: ours.data.endswith(b"\n"))
        assert ours.data == b"hello, server\n", ours.error
        ours.send(b"hello, client\n")
        part(ours, sock)
        output = program.finish()
        assert "hello, client" in output
        return ours, output


# --- suites -----------------------------------------------------------------------------------------------


CERTIFICATE_SUITES = (
    (CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ecdsa-p256"),
    (CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "rsa-2048"),
    (CipherSuite.TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, "rsa-2048"),
    (CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA, "rsa-2048"),
)


@pytest.mark.parametrize(("suite", "kind"), CERTIFICATE_SUITES, ids=str)
def test_a_suite_of_every_key_exchange_in_both_roles(suite: CipherSuite, kind: str) -> None:
    policy = anything().replace(cipher_suites=(suite,))
    ours, _ = echo_with_server("-cipher", ALL_CIPHERS, credential=pki.server(kind), policy=policy)
    assert ours.negotiated.cipher_suite is suite
    name = str(suite.openssl_name)
    ours, output = line_from_client("-cipher", name, server=our_server(kind, policy=anything()))
    assert ours.negotiated.cipher_suite is suite
    assert name in output


# --- groups and signatures --------------------------------------------------------------------------------

GROUPS = {
    "X25519": NamedGroup.X25519,
    "X448": NamedGroup.X448,
    "P-256": NamedGroup.SECP256R1,
    "P-384": NamedGroup.SECP384R1,
    "P-521": NamedGroup.SECP521R1,
    "brainpoolP384r1": NamedGroup.BRAINPOOLP384R1,
}


@pytest.mark.parametrize("name", GROUPS)
def test_the_group_that_openssl_insists_on(name: str) -> None:
    rsa = "ECDHE-RSA-AES128-GCM-SHA256"
    ours, _ = echo_with_server("-groups", name, "-cipher", rsa, credential=pki.server("rsa-2048"), policy=anything())
    assert ours.negotiated.group is GROUPS[name]
    ours, _ = line_from_client("-groups", name, "-cipher", rsa, server=our_server("rsa-2048", policy=anything()))
    assert ours.negotiated.group is GROUPS[name]


def test_our_server_prefers_its_own_order_of_groups_among_those_of_the_client() -> None:
    policy = Policy.default().replace(groups=(NamedGroup.SECP384R1, NamedGroup.SECP256R1))
    ours, _ = line_from_client("-groups", "X25519:P-256:P-384", policy=policy)
    assert ours.negotiated.group is NamedGroup.SECP384R1


SCHEMES = (
    ("ECDSA+SHA384", SignatureScheme.ECDSA_SECP384R1_SHA384, "ecdsa-p256"),
    ("ed25519", SignatureScheme.ED25519, "ed25519"),
    ("rsa_pss_rsae_sha512", SignatureScheme.RSA_PSS_RSAE_SHA512, "rsa-2048"),
    ("rsa_pss_pss_sha256", SignatureScheme.RSA_PSS_PSS_SHA256, "rsa-pss-2048"),
    ("RSA+SHA384", SignatureScheme.RSA_PKCS1_SHA384, "rsa-2048"),
)


@pytest.mark.parametrize(("name", "scheme", "kind"), SCHEMES)
def test_the_signature_scheme_that_openssl_insists_on(name: str, scheme: SignatureScheme, kind: str) -> None:
    ours, _ = line_from_client("-sigalgs", name, server=our_server(kind))
    assert ours.negotiated.signature_scheme is scheme


@pytest.mark.parametrize(("name", "scheme", "kind"), SCHEMES)
def test_the_scheme_that_openssl_insists_on_for_client_certificates(
    name: str, scheme: SignatureScheme, kind: str
) -> None:
    ours, _ = echo_with_server(
        "-Verify", "3", "-verify_return_error", "-client_sigalgs", name,
        credentials=(credential_of(pki.client(kind)),),
    )  # fmt: skip
    assert ours.negotiated.signature_scheme is scheme


# --- certificates -----------------------------------------------------------------------------------------


def test_both_ends_verify_each_other() -> None:
    ours, output = line_from_client(
        *certificate_options(pki.client("rsa-2048")), "-verify_return_error", "-verify_hostname", pki.NAME,
        client_auth=ClientAuth.REQUIRED, verifier=verifier(),
    )  # fmt: skip
    assert ours.negotiated.peer_certificates == pki.client("rsa-2048").chain_der
    assert "Verify return code: 0 (ok)" in output

    ours, output = echo_with_server(
        "-Verify", "3", "-verify_return_error",
        credentials=(credential_of(pki.client("ed25519")),), verifier=verifier(),
    )  # fmt: skip
    assert ours.negotiated.verified_chain[-1] == pki.root().der
    assert "CN = client one" in output


# --- extensions -------------------------------------------------------------------------------------------


def test_alpn_and_server_name() -> None:
    ours, output = line_from_client("-alpn", "h2,echo", "-servername", pki.NAME, alpn_protocols=("echo",))
    assert (ours.negotiated.alpn_protocol, ours.negotiated.server_name) == ("echo", pki.NAME)
    assert "ALPN protocol: echo" in output


@pytest.mark.parametrize("length", [512, 1024, 2048, 4096])
def test_a_client_with_small_buffers_gets_small_records(length: int) -> None:
    ours, _ = line_from_client("-maxfraglen", str(length), policy=anything())
    assert ours.negotiated.record_size_limit == length


def test_handshake_messages_that_span_many_records() -> None:
    ours, _ = echo_with_server("-max_send_frag", "512", verifier=verifier())
    assert ours.completed


def test_openssl_without_encrypt_then_mac() -> None:
    policy = anything().replace(cipher_suites=(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,))
    ours, _ = echo_with_server("-no_etm", policy=policy)
    assert not ours.negotiated.encrypt_then_mac
    ours, _ = line_from_client("-no_etm", policy=policy)
    assert not ours.negotiated.encrypt_then_mac


LABEL = "EXPERIMENTAL interop"


def test_exported_keying_material_is_the_same_at_both_ends() -> None:
    options = ("-keymatexport", LABEL, "-keymatexportlen", "40")
    pattern = re.compile(r"Keying material: ([0-9A-F]+)")
    ours, output = line_from_client(*options)
    exported = ours.connection.export_keying_material(LABEL, None, 40)
    match = pattern.search(output)
    assert match is not None
    assert match[1] == exported.hex().upper()


def test_the_key_log_is_the_one_that_openssl_writes(tmp_path: Path) -> None:
    theirs, log = tmp_path / "theirs.log", tmp_path / "ours.log"
    line_from_client("-keylogfile", str(theirs), keylog=KeyLog.to_file(log))
    lines = [line for line in theirs.read_text().splitlines() if not line.startswith("#")]
    assert lines == log.read_text().splitlines()
    assert len(lines) == 1


# --- resumption and renegotiation -------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["id", "ticket"])
def test_openssl_resumes_the_session_that_it_saved(by: str) -> None:
    config = {"sessions": MemorySessionStore()} if by == "id" else {"ticket_keys": TicketKeys.generate()}
    saved = str(directory() / f"session-{by}")
    line_from_client("-sess_out", saved, **config)
    ours, output = line_from_client("-sess_in", saved, **config)
    assert ours.negotiated.resumed
    assert "Reused, TLSv1.2" in output


def completed(ours: Ours) -> int:
    """How many handshakes there were."""
    return sum(isinstance(event, HandshakeCompleted) for event in ours.events)


def test_openssl_renegotiates_with_a_server_that_allows_it() -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    ours = our_server(policy=policy)
    with s_client() as (program, sock):
        drive(ours, sock, lambda: ours.completed)
        program.type("R")
        drive(ours, sock, lambda: completed(ours) == 2)
        assert ours.error is None
        program.type("after")
        drive(ours, sock, lambda: ours.data == b"after\n")
        part(ours, sock)
        assert "RENEGOTIATING" in program.finish()


def test_openssl_asks_our_client_to_renegotiate() -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    ours = our_client(policy=policy)
    with s_server() as (program, port), connected(port) as sock:
        drive(ours, sock, lambda: ours.completed)
        program.type("r")
        drive(ours, sock, lambda: len(ours.events) > 1 and ours.events[-1] != ours.events[0])
        ours.connection.renegotiate()
        drive(ours, sock, lambda: completed(ours) == 2)
        program.type("after")
        drive(ours, sock, lambda: ours.data == b"after\n")
        assert ours.error is None


def test_a_renegotiation_is_refused_by_default_and_the_connection_goes_on() -> None:
    ours = our_client()
    with s_server() as (program, port), connected(port) as sock:
        drive(ours, sock, lambda: ours.completed)
        program.type("r")
        program.type("still here")
        drive(ours, sock, lambda: ours.data.endswith(b"\n"))
        assert completed(ours) == 1


# --- volume -----------------------------------------------------------------------------------------------


def test_a_mebibyte_in_each_direction() -> None:
    content = bytes(range(251)) * 4178
    (directory() / "content.bin").write_bytes(content)
    ours = our_client()
    with s_server("-HTTP") as (program, port), connected(port) as sock:
        drive(ours, sock, lambda: ours.completed)
        ours.send(b"GET /content.bin HTTP/1.0\r\n\r\n")
        drive(ours, sock, lambda: False)
        assert ours.data.endswith(content)
        assert ours.closed_cleanly

    server = our_server()
    with s_client("-quiet") as (program, sock):
        drive(server, sock, lambda: server.completed)
        server.send(content)
        part(server, sock)
        program.finish()
        assert content in program.output
