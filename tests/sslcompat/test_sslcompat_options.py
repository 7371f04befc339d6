"""Options and lists of a context, beside CPython's; and what is refused, as an exception that programs catch."""

from __future__ import annotations

import copy
import pickle
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests import pki
from tests.ends import trusted_file
from tests.sslcompat.contexts import client, server
from tests.sslcompat.test_sslcompat_objects import Pair, pair
from tests.sslcompat.test_sslcompat_sockets import same, seen
from tls12 import UsageError, sslcompat
from tls12.sslcompat.errors import ContextRefused

IGNORE_UNEXPECTED_EOF = 0x80


@pytest.mark.parametrize("refuses", [False, True])
def test_a_client_with_op_no_ticket_gets_none(refuses: bool) -> None:
    def scenario(kind: str) -> bool:
        context = client(kind)
        if refuses:
            context.options |= ssl.OP_NO_TICKET
        session = Pair(context, server("tls12")).handshake().client.session
        return session is not None and session.has_ticket

    assert same(scenario) is not refuses


def ignoring(kind: str) -> Any:
    context = client(kind)
    context.options |= IGNORE_UNEXPECTED_EOF
    return context


def test_with_op_ignore_unexpected_eof_a_stream_that_breaks_off_has_ended_and_the_other_direction_goes_on() -> None:
    def scenario(kind: str) -> Any:
        both = Pair(ignoring(kind), server("tls12")).handshake()
        both.to_client.write_eof()
        ended = both.client.read(1), both.client.read(1)
        both.client.write(b"an answer")
        return ended, both.server.read(100), seen(both.client.unwrap), seen(lambda: both.client.read(1))

    same(scenario)


def test_with_op_ignore_unexpected_eof_a_handshake_that_breaks_off_has_been_closed() -> None:
    def scenario(kind: str) -> Any:
        both = Pair(ignoring(kind), server("tls12"))
        both.to_client.write_eof()
        return seen(both.client.do_handshake)

    assert same(scenario)[0] is ssl.SSLZeroReturnError


def test_a_renegotiation_that_breaks_off_is_not_waited_for() -> None:
    both = Pair(ignoring("tls12"), server("tls12")).handshake()
    both.client.renegotiate()
    both.to_client.write_eof()
    with pytest.raises(ssl.SSLZeroReturnError):
        both.client.read(1)
    for _ in range(2):
        with pytest.raises(ssl.SSLZeroReturnError):
            both.client.write(b"x")


def test_a_stream_that_breaks_off_is_an_error_unless_the_program_says_otherwise() -> None:
    assert not client("tls12").options & IGNORE_UNEXPECTED_EOF
    both = pair("tls12").handshake()
    both.to_client.write_eof()
    with pytest.raises(ssl.SSLEOFError):
        both.client.read(1)


# -- the cipher suites that are named


def test_get_ciphers_names_what_connections_can_negotiate_in_openssl_s_order() -> None:
    ours, theirs = (module.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for module in (sslcompat, ssl))
    for context in (ours, theirs):
        context.set_ciphers("ALL:@SECLEVEL=0")
    names = [row["name"] for row in ours.get_ciphers()]
    assert names == [suite.openssl_name for suite in ours.policy.cipher_suites]
    assert [row for row in theirs.get_ciphers() if row["name"] in names] == ours.get_ciphers()
    assert not any("TLS_" in name for name in names)  # TLS 1.3's


def test_a_string_of_suites_that_are_not_spoken_selects_no_cipher() -> None:
    context = sslcompat.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLError, match="No cipher can be selected"):
        context.set_ciphers("eNULL:@SECLEVEL=0")
    assert context.get_ciphers() == []
    with pytest.raises(ssl.SSLError, match="no ciphers available"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=pki.NAME)


@pytest.mark.parametrize("name", ["prime256v1", "secp384r1", "P-521", "X25519", "X448", "brainpoolP256r1", b"P-256"])
def test_a_curve_has_the_names_that_openssl_gives_it(name: str | bytes) -> None:
    def scenario(kind: str) -> Any:
        context = client(kind)
        context.set_ecdh_curve(name)
        served = server("tls12")
        served.set_ecdh_curve(name)
        return str(Pair(context, served).handshake().server.negotiated.group)

    same(scenario)


# -- what cannot be carried out


def _connect(context: Any) -> None:
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=pki.NAME)


def _with_revocation_lists(context: Any) -> None:
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    _connect(context)


def _with_a_high_security_level(context: Any) -> None:
    context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=4")
    _connect(context)


REFUSED: dict[str, Callable[[Any], object]] = {
    "a curve": lambda context: context.set_ecdh_curve("secp224r1"),
    "revocation lists": _with_revocation_lists,
    "a security level": _with_a_high_security_level,
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_an_ssl_error_and_a_usage_error(what: str) -> None:
    with pytest.raises(ContextRefused) as caught:
        REFUSED[what](client("tls12"))
    error = caught.value
    assert isinstance(error, ssl.SSLError)
    assert isinstance(error, UsageError)
    assert isinstance(error, OSError)
    assert (error.library, error.reason) == ("SSL", "UNSUPPORTED")
    assert str(error) == str(error.message) + ("" if not error.rule else f" ({error.rule})") + f"; {error.remedy}"
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(again), str(again), again.remedy) == (type(error), str(error), error.remedy)


def test_the_library_s_own_word_on_a_name_is_an_ssl_error_too() -> None:
    context = sslcompat.create_default_context(cafile=trusted_file())
    with pytest.raises(ContextRefused) as caught:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=".".join(["x" * 60] * 5))
    assert type(caught.value.__cause__) is UsageError
