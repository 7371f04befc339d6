"""SSLObject beside CPython's, over two buffers: alone, and under asyncio of the standard library."""

from __future__ import annotations

import asyncio
import pickle
import ssl
from typing import Any

import pytest

from tests import pki
from tests.sslcompat.contexts import KINDS, TELLS_BROKEN_STREAMS, client, server
from tests.sslcompat.test_sslcompat_sockets import same, seen
from tls12.errors import DecodeError, UsageError
from tls12.sslcompat.carriers import Records
from tls12.sslcompat.sessions import SSLSession


class Pair:
    """A client and a server over four buffers."""

    def __init__(self, client_context: Any, server_context: Any, name: str | None = pki.NAME, **options: Any) -> None:
        self.to_client, self.to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client_context.wrap_bio(self.to_client, self.to_server, server_hostname=name, **options)
        self.server = server_context.wrap_bio(self.to_server, self.to_client, server_side=True)

    def handshake(self) -> Pair:
        """Complete the handshake, the client's part first."""
        waiting = [self.client, self.server]
        for _ in range(10):
            for end in tuple(waiting):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                waiting.remove(end)
        assert not waiting
        return self


def pair(kind: str, other: str = "tls12", **options: Any) -> Pair:
    return Pair(client(kind), server(other), **options)


def test_a_conversation_over_buffers() -> None:
    def scenario(kind: str) -> Any:
        both = pair(kind)
        before = seen(lambda: both.client.read(1)), both.client.version(), seen(both.client.getpeercert)
        both.handshake()
        sent = both.client.write(b"question" * 5_000)
        got = b""
        while len(got) < 40_000:
            got += both.server.read(100_000)
        nothing = seen(lambda: both.server.read(1))
        both.server.write(b"answer")
        buffer = bytearray(3)
        read = (
            both.client.read(3, buffer),
            bytes(buffer),
            both.client.pending(),
            both.client.read(),
            both.client.pending(),
        )
        facts = both.client.server_side, both.client.server_hostname, both.client.compression(), both.client.version()
        return before, sent, got == b"question" * 5_000, nothing, read, facts, both.client.getpeercert(True)

    same(scenario)


def test_the_end_over_buffers() -> None:
    def scenario(kind: str) -> Any:
        both = pair(kind).handshake()
        first = seen(both.client.unwrap)
        at_server = both.server.read(10), both.server.unwrap()
        last = both.client.unwrap(), seen(lambda: both.client.read(1)), seen(lambda: both.client.write(b"x"))
        return first, at_server, last

    same(scenario)


@pytest.mark.skipif(not TELLS_BROKEN_STREAMS, reason="this CPython takes it for a clean end")
def test_the_end_of_the_stream_without_close_notify() -> None:
    def scenario(kind: str) -> Any:
        both = pair(kind).handshake()
        both.to_client.write_eof()
        return seen(lambda: both.client.read(1))

    assert same(scenario)[:2] == (ssl.SSLEOFError, ssl.SSL_ERROR_EOF)


def test_a_refused_certificate_reaches_both_ends() -> None:
    def scenario(kind: str) -> Any:
        both = pair(kind, name="other.test")
        seen(both.client.do_handshake)
        seen(both.server.do_handshake)
        refused = seen(both.client.do_handshake)
        return refused, seen(both.server.do_handshake)

    same(scenario)


def test_bytes_behind_close_notify_stay_in_the_buffer() -> None:
    both = pair("tls12").handshake()
    seen(both.server.unwrap)
    both.to_client.write(b"plain")
    assert both.client.read(10) == b""
    assert both.to_client.read() == b"plain"


@pytest.mark.parametrize("kind", KINDS)
def test_isinstance_and_repr_are_those_of_ssl(kind: str) -> None:
    both = pair(kind)
    assert isinstance(both.client, ssl.SSLObject)
    assert isinstance(both.client.context, ssl.SSLContext)


def test_no_object_is_made_by_its_class() -> None:
    for kind in KINDS:
        with pytest.raises(TypeError, match="does not have a public constructor"):
            type(pair(kind).client)()


# --- sessions


def test_a_session_is_resumed_and_refused_as_ever() -> None:
    def scenario(kind: str) -> Any:
        context, other = client(kind), server("tls12")
        first = Pair(context, other).handshake()
        session = first.client.session
        again = Pair(context, other, session=session).handshake()
        refused = (
            seen(lambda: setattr(again.client, "session", session)),
            seen(lambda: Pair(client(kind), other, session=session)),
            seen(lambda: setattr(Pair(context, server(kind)).server, "session", session)),
        )
        try:
            Pair(context, other, session=b"no session")
        except TypeError as error:
            refused += (str(error),)
        kinds = [type(value) for value in (session.id, session.time, session.timeout, session.ticket_lifetime_hint)]
        equal = session == first.client.session, session != first.client.session
        return first.client.session_reused, again.client.session_reused, session.has_ticket, refused, kinds, equal

    assert same(scenario)[:3] == (False, True, True)


def test_a_session_outlives_its_process_as_bytes() -> None:
    context, other = client("tls12"), server("tls12")
    data = Pair(context, other).handshake().client.session.to_bytes()
    session = SSLSession.from_bytes(data, context)
    assert Pair(context, other, session=session).handshake().client.session_reused
    assert session.session.master_secret.hex() not in repr(session)
    with pytest.raises(DecodeError):
        SSLSession.from_bytes(data[:-1], context)
    with pytest.raises(TypeError, match="to_bytes"):
        pickle.dumps(session)


# --- the callback for the server name


def test_the_callback_is_told_the_name_and_may_set_another_context() -> None:
    first, second = server("tls12"), server("tls12")
    told: list[Any] = []

    def switch(sock: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        told.append((sock, name, context))
        sock.context = second

    first.sni_callback = switch
    second.set_alpn_protocols(["second"])
    context = client("tls12")
    context.set_alpn_protocols(["second"])
    both = Pair(context, first).handshake()
    assert told == [(both.server, pki.NAME, first)]
    assert both.server.context is second
    assert both.client.selected_alpn_protocol() == "second"


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (ssl.ALERT_DESCRIPTION_ACCESS_DENIED, "TLSV1_ALERT_ACCESS_DENIED"),
        (ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME, "TLSV1_UNRECOGNIZED_NAME"),
        ("nonsense", "TLSV1_ALERT_INTERNAL_ERROR"),
        (ZeroDivisionError(), "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ],
    ids=["access_denied", "unrecognized_name", "no alert", "an exception"],
)
def test_the_callback_may_refuse(verdict: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(*_: object) -> Any:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    def scenario(kind: str) -> Any:
        told: list[Any] = []
        monkeypatch.setattr("sys.unraisablehook", lambda hook: told.append((hook.exc_type, hook.object)))
        context = server(kind)
        context.sni_callback = decide
        both = Pair(client("tls12"), context)
        seen(both.client.do_handshake)
        refused = seen(both.server.do_handshake)
        return refused, seen(both.client.do_handshake), told

    assert same(scenario)[1][3] == reason


# --- what CPython's classes lack


def test_what_is_given_in_addition() -> None:
    both = pair("tls12").handshake()
    for kind in ("tls-unique", "tls-server-end-point", "tls-exporter"):
        assert both.client.get_channel_binding(kind) == both.server.get_channel_binding(kind) != None  # noqa: E711
    assert both.client.export_keying_material("EXPORTER-x", 16) == both.server.export_keying_material("EXPORTER-x", 16)
    assert both.client.get_verified_chain()[0] == both.client.get_unverified_chain()[0] == both.client.getpeercert(True)
    assert both.client.negotiated.server_name == pki.NAME
    assert both.server.shared_ciphers()[0][0] == both.client.cipher()[0]
    assert both.client.shared_ciphers() is None
    raw = both.client._sslobj.get_unverified_chain()[0]
    assert (raw.public_bytes(2), raw.public_bytes()) == (
        both.client.getpeercert(True),
        ssl.DER_cert_to_PEM_cert(both.client.getpeercert(True)),
    )


def test_a_closed_socket_has_no_connection_to_ask() -> None:
    both = pair("tls12").handshake()
    both.client._sslobj = None
    with pytest.raises(UsageError, match="no TLS connection"):
        both.client.negotiated  # noqa: B018


# --- records


@pytest.mark.parametrize("size", [1, 3, 7, 100_000])
def test_records_are_cut_and_nothing_behind_an_alert_is_asked_for(size: int) -> None:
    data = bytes.fromhex("1703030003") + b"abc" + bytes.fromhex("1703030000") + bytes.fromhex("15030300020100")
    stream = bytes.fromhex("160303000101") + bytes(64) * 0 + data + b"plain"
    records, whole = Records(), []
    records.cut(b"")
    while stream and (len(whole) < 4):
        count = min(size, records.wanted() if whole else min(records.wanted(), 5))
        whole += records.cut(stream[:count])
        stream = stream[count:]
    assert stream == b"plain"
    assert b"".join(whole) == bytes.fromhex("160303000101") + data


# --- asyncio of the standard library


@pytest.mark.parametrize("client_kind", KINDS)
@pytest.mark.parametrize("server_kind", KINDS)
def test_the_streams_of_asyncio_run_over_it(client_kind: str, server_kind: str) -> None:
    async def conversation() -> tuple[int, Any]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server(server_kind)) as listener:
            address = listener.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address, ssl=client(client_kind), server_hostname=pki.NAME)
            writer.write(bytes(1_000_000))
            got = await reader.readexactly(1_000_000)
            cipher = writer.get_extra_info("cipher")
            writer.close()
            await writer.wait_closed()
            return len(got), cipher[1]

    assert asyncio.run(conversation()) == (1_000_000, "TLSv1.2")


def test_asyncio_raises_the_errors_of_ssl() -> None:
    def scenario(kind: str) -> Any:
        async def attempt() -> None:
            async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=server("tls12")) as listener:
                address = listener.sockets[0].getsockname()
                await asyncio.open_connection(*address, ssl=client(kind), server_hostname="other.test")

        asyncio.run(attempt())

    assert same(scenario)[0] is ssl.SSLCertVerificationError


def test_start_tls_of_asyncio_upgrades_a_plain_connection() -> None:
    def scenario(kind: str) -> Any:
        async def upgrade() -> bytes:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                assert await reader.readline() == b"STARTTLS\n"
                writer.write(b"OK\n")
                await writer.start_tls(server("tls12"))
                writer.write(await reader.readline())
                writer.close()

            async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
                reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
                writer.write(b"STARTTLS\n")
                assert await reader.readline() == b"OK\n"
                await writer.start_tls(client(kind), server_hostname=pki.NAME)
                writer.write(b"secret\n")
                answer = await reader.readline()
                writer.close()
                return answer

        return asyncio.run(upgrade())

    assert same(scenario) == b"secret\n"
