"""Another handshake in the middle of a conversation: reads and writes complete it, and no byte is lost."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

import pytest

from tests import pki
from tests.ends.loopback import in_thread, tcp_pair
from tests.sslcompat.contexts import KINDS, client, server
from tests.sslcompat.test_sslcompat_objects import Pair
from tls12 import Policy, UsageError, sslcompat
from tls12.policy import Renegotiation

ALLOW_CLIENT_RENEGOTIATION = 0x100
"""SSL_OP_ALLOW_CLIENT_RENEGOTIATION."""


def contexts() -> tuple[Any, Any]:
    theirs = server("tls12")
    theirs.options |= ALLOW_CLIENT_RENEGOTIATION
    return client("tls12"), theirs


@pytest.mark.parametrize("who", ["client", "server"])
def test_reading_and_writing_go_on_through_a_renegotiation(who: str) -> None:
    ours, theirs = contexts()
    one, two = tcp_pair()
    with in_thread(lambda: theirs.wrap_socket(two, server_side=True)) as accepted:
        connected = ours.wrap_socket(one, server_hostname=pki.NAME)
    with connected, accepted.result() as other:
        first = connected.negotiated
        data = bytes(range(256)) * 4_000

        def echo() -> None:
            if who == "server":
                other.renegotiate()
            while piece := other.recv(65536):
                other.sendall(piece)
            other.unwrap()

        with in_thread(echo):
            if who == "client":
                connected.renegotiate()
            with in_thread(connected.sendall, data):
                got = b""
                while len(got) < len(data):
                    got += connected.recv(100_000)
            connected.sendall(b"more")
            assert connected.recv(4) == b"more"
            assert got == data
            assert connected.negotiated is not first
            connected.unwrap()


def test_over_buffers_a_write_wants_the_peer_s_part_of_a_renegotiation_first() -> None:
    both = Pair(*contexts()).handshake()
    first = both.client.negotiated
    both.server.renegotiate()
    with pytest.raises(ssl.SSLWantReadError):
        both.client.read(10)
    with pytest.raises(ssl.SSLWantReadError):
        both.client.write(b"question")
    for _ in range(4):
        for end in (both.server, both.client):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.read(10)
    assert both.client.write(b"question") == 8
    assert both.server.read(10) == b"question"
    assert both.client.negotiated is not first


def test_a_renegotiation_that_may_not_be_is_the_caller_s_mistake() -> None:
    context = client("tls12")
    context.options |= ssl.OP_NO_RENEGOTIATION
    both = Pair(context, server("tls12")).handshake()
    with pytest.raises(UsageError, match="renegotiat"):
        both.client.renegotiate()


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_s_renegotiation_is_refused_unless_the_server_s_options_allow_it(kind: str, allowed: bool) -> None:
    if kind == "cpython" and ssl.OPENSSL_VERSION_INFO < (3,):
        pytest.skip("before version 3 OpenSSL allowed it always")
    theirs = server(kind)
    if allowed:
        theirs.options |= ALLOW_CLIENT_RENEGOTIATION
    both = Pair(client("tls12"), theirs).handshake()
    first = both.client.negotiated
    both.client.renegotiate()
    for _ in range(6):
        for end in (both.client, both.server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.read(10)
    assert (both.client.negotiated is not first) is allowed
    both.client.write(b"goes on")
    assert both.server.read(10) == b"goes on"


@pytest.mark.parametrize("end", ["client", "server"])
@pytest.mark.parametrize("most", list(Renegotiation))
def test_a_policy_that_is_installed_bounds_renegotiation(end: str, most: Renegotiation) -> None:
    sslcompat.install(policy=Policy.compatible().replace(renegotiation=most))
    try:
        context = contexts()[end == "server"]
        assert context.policy.renegotiation is most
        context.options |= ssl.OP_NO_RENEGOTIATION
        assert context.policy.renegotiation is (Renegotiation.WARN if most is Renegotiation.ALLOW else most)
    finally:
        sslcompat.uninstall()
