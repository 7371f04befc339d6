"""What a transport can be asked, beside one of asyncio with CPython's ssl that is asked the same; and the ends that a
configuration comes to where asyncio takes it for an SSLContext."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
from typing import Any

import pytest

import tls12.asyncio
from tests import ends, pki
from tests.adapters.streams import both_ends, closed, opened, run, transport_of
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, listening, read_to_end, server_config
from tls12 import AcceptAnyPeer, ClientAuth, UsageError
from tls12.driver import TLSObject

leaves_a_socket = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
"""asyncio leaves the socket of a connection that it could not wrap to the garbage collector."""


def facts(transport: Any) -> dict[str, Any]:
    told = {name: transport.get_extra_info(name) for name in ("peercert", "cipher", "compression")}
    asked = transport.get_extra_info("ssl_object")
    told |= {
        "version": asked.version(),
        "cipher of the object": asked.cipher(),
        "compression of the object": asked.compression(),
        "ALPN": asked.selected_alpn_protocol(),
        "certificate": asked.getpeercert(),
        "DER": asked.getpeercert(binary_form=True),
        "reused": asked.session_reused,
        "name": asked.server_hostname,
        "server": asked.server_side,
        "context": asked.context is transport.get_extra_info("sslcontext"),
        "is there a context": bool(transport.get_extra_info("sslcontext")),
        "nothing": transport.get_extra_info("nothing", "default"),
    }
    return told


def test_the_answers_are_those_of_asyncios_own_transport() -> None:
    """Both clients talk to the same server."""

    def serve(sock: socket.socket) -> bytes | None:
        context = ends.openssl_context(server_side=True, credential=pki.server(), alpn=("h2",))
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        with context.wrap_socket(sock, server_side=True) as tls:
            binding = tls.get_channel_binding("tls-unique")
            read_to_end(tls)
            return binding

    async def ours(port: int) -> tuple[dict[str, Any], bytes | None]:
        _, writer = await opened(port, client_config(alpn_protocols=("h2",)))
        binding = transport_of(writer).get_extra_info("ssl_object").get_channel_binding()
        told = facts(writer.transport)
        await closed(writer)
        return told, binding

    async def theirs(port: int) -> dict[str, Any]:
        context = loopback.openssl_client()
        context.set_alpn_protocols(["h2"])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=pki.NAME)
        told = facts(writer.transport)
        await closed(writer)
        return told

    with listening(serve) as (port, served):
        told, binding = asyncio.run(ours(port))
        assert binding == served.result(PATIENCE)
    with listening(serve) as (port, _):
        assert told == asyncio.run(theirs(port))


def test_a_server_knows_its_clients_certificate() -> None:
    async def main() -> None:
        client = client_config(credentials=(ends.credential_of(pki.client()),))
        server = server_config(client_auth=ClientAuth.REQUIRED, verifier=ends.verifier())
        async with both_ends(client, server) as (_, (_, theirs)):
            told = transport_of(theirs)
            assert told.get_extra_info("peercert")["subject"] == ((("commonName", "client one"),),)
            assert told.get_extra_info("ssl_object").server_side
            assert "ESTABLISHED" in repr(told.get_extra_info("ssl_object")).upper()

    run(main())


def test_a_peer_without_a_certificate_has_none_and_one_that_was_not_verified_has_an_empty_dictionary() -> None:
    async def main() -> None:
        async with both_ends(client_config(verifier=AcceptAnyPeer())) as ((_, client), (_, server)):
            assert transport_of(server).get_extra_info("peercert") is None
            assert transport_of(client).get_extra_info("peercert") == {}
            assert isinstance(transport_of(client).get_extra_info("ssl_object"), TLSObject)

    run(main())


def test_before_the_handshake_there_is_no_certificate_and_no_cipher() -> None:
    async def main() -> None:
        heard: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def failed(transport: tls12.asyncio.TLSTransport, _: BaseException) -> None:
            heard.set_result({name: transport.get_extra_info(name) for name in ("peercert", "cipher", "sslcontext")})

        server = await tls12.asyncio.start_server(
            lambda *_: None, "127.0.0.1", 0, config=(config := server_config()), on_failure=failed
        )
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.close()
            assert await heard == {"peercert": None, "cipher": None, "sslcontext": config}

    run(main())


@leaves_a_socket
def test_asyncios_own_client_says_that_a_configuration_is_no_context() -> None:
    async def main() -> None:
        sentence = r"ClientConfig was given .* use tls12\.asyncio\.open_connection"
        with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(UsageError, match=sentence):
            await asyncio.open_connection(
                *listener.getsockname(),
                ssl=client_config(),  # type: ignore[arg-type]
                server_hostname=pki.NAME,
            )

    run(main())
    gc.collect()


@leaves_a_socket
def test_asyncios_own_server_logs_for_each_client_that_a_configuration_is_no_context(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        server = await asyncio.start_server(
            lambda *_: None,
            "127.0.0.1",
            0,
            ssl=server_config(),  # type: ignore[arg-type]
        )
        async with server:
            for _ in range(2):
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                try:
                    assert await reader.read() == b""
                except ConnectionResetError:
                    pass
                await closed(writer)

    with caplog.at_level(logging.ERROR, "tls12.asyncio"):
        run(main())
    gc.collect()
    said = [record.message for record in caplog.records if record.name == "tls12.asyncio"]
    assert len(said) == 2
    assert "ServerConfig was given" in said[0]
    assert "tls12.asyncio.start_server" in said[0]


@pytest.mark.parametrize("server_side", [False, True])
def test_what_wraps_sockets_is_told_too_that_a_configuration_is_no_context(server_side: bool) -> None:
    config: Any = server_config() if server_side else client_config()
    one, other = socket.socketpair()
    with one, other, pytest.raises(UsageError, match=r"use tls12\.sync\.(listen|connect) or wrap"):
        config.wrap_socket(one, server_side=server_side)
    with pytest.raises(UsageError, match="sslcompat"):
        config.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=server_side)
