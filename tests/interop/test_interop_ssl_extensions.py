"""server_name, ALPN and resumption between us and CPython's ssl, in both roles."""

from __future__ import annotations

import ssl

import pytest

from tests import ends, pki
from tests.ends import Theirs, credential_of, our_client, our_server, talk, their_client, their_server
from tls12 import Alert, MemorySessionStore, PeerAlert, TicketKeys

# --- server_name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("server.test", "server.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("127.0.0.1", None),
        ("::1", None),
    ],
)
def test_our_client_sends_names_as_a_labels_and_no_addresses(name: str, sent: str | None) -> None:
    seen: list[str | None] = []
    context = ends.openssl_context(server_side=True, credential=pki.server())
    context.sni_callback = lambda _object, asked, _context: seen.append(asked)
    ours = our_client(name=name)
    talk(ours, Theirs(context, server_side=True))
    assert ours.completed
    assert seen == [sent]


def test_our_server_reports_the_name_that_was_asked_for() -> None:
    ours = our_server()
    talk(their_client(name="server.test"), ours)
    assert ours.negotiated.server_name == "server.test"


def test_our_server_answers_a_client_that_asks_for_no_name() -> None:
    ours = our_server()
    talk(their_client(name=None), ours)
    assert ours.negotiated.server_name is None


@pytest.mark.parametrize("name", ["one.test", "two.test"])
def test_our_server_chooses_its_certificate_by_the_name(name: str) -> None:
    issued = {host: pki.intermediate().issue(host, key=pki.key()) for host in ("one.test", "two.test")}
    ours = our_server(credentials=tuple(map(credential_of, issued.values())))
    theirs = their_client(name=name, verify=True)
    talk(theirs, ours)
    assert theirs.completed, theirs.error
    assert theirs.object.getpeercert(binary_form=True) == issued[name].chain_der[0]


def test_our_server_chooses_its_certificate_by_what_the_client_can_use() -> None:
    ours = our_server("ecdsa-p256", "rsa-2048")
    theirs = their_client(ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    talk(theirs, ours)
    assert theirs.object.getpeercert(binary_form=True) == pki.server("rsa-2048").chain_der[0]


# --- ALPN -----------------------------------------------------------------------------------------------


def test_alpn_with_our_client() -> None:
    ours, theirs = our_client(alpn_protocols=("h2", "http/1.1")), their_server(alpn=("http/1.1",))
    talk(ours, theirs)
    assert ours.negotiated.alpn_protocol == theirs.object.selected_alpn_protocol() == "http/1.1"


def test_alpn_with_our_server_follows_the_servers_order() -> None:
    ours, theirs = our_server(alpn_protocols=("h2", "http/1.1")), their_client(alpn=("http/1.1", "h2"))
    talk(theirs, ours)
    assert ours.negotiated.alpn_protocol == theirs.object.selected_alpn_protocol() == "h2"


def test_a_server_without_alpn_leaves_the_protocol_open() -> None:
    ours, theirs = our_client(alpn_protocols=("h2",)), their_server()
    talk(ours, theirs)
    assert ours.negotiated.alpn_protocol is None


def test_our_server_refuses_a_client_with_no_protocol_in_common() -> None:
    ours, theirs = our_server(alpn_protocols=("h2",)), their_client(alpn=("spdy/1",))
    talk(theirs, ours)
    assert ours.error is not None
    assert ours.error.alert is Alert.NO_APPLICATION_PROTOCOL
    assert theirs.error is not None  # CPython has no name for this alert


# --- resumption -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_our_client_resumes_at_an_openssl_server(by: str) -> None:
    context = ends.openssl_context(server_side=True, credential=pki.server(), alpn=("echo",))
    if by == "id":
        context.options |= ssl.OP_NO_TICKET
    first, server = our_client(alpn_protocols=("echo",)), Theirs(context, server_side=True)
    talk(first, server)
    session = first.connection.session
    assert session is not None
    assert first.connection.channel_binding("tls-unique") == server.object.get_channel_binding("tls-unique")
    first.close()
    talk(first, server)

    again, theirs = our_client(alpn_protocols=("echo",), session=session), Theirs(context, server_side=True)
    talk(again, theirs)
    again.send(b"still me")
    talk(again, theirs)
    assert again.negotiated.resumed
    assert theirs.object.session_reused
    assert theirs.data == b"still me"
    assert again.connection.channel_binding("tls-unique") == theirs.object.get_channel_binding("tls-unique")
    assert again.negotiated.alpn_protocol == "echo"
    assert again.negotiated.peer_certificates == first.negotiated.peer_certificates


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_openssl_resumes_at_our_server(by: str) -> None:
    config = {"ticket_keys": TicketKeys.generate()} if by == "ticket" else {"sessions": MemorySessionStore()}
    context = ends.openssl_context(server_side=False)
    first = Theirs(context, server_side=False, name=pki.NAME)
    talk(first, server := our_server(**config))
    session = first.object.session
    assert session is not None
    assert session.has_ticket is (by == "ticket")
    assert server.connection.channel_binding("tls-unique") == first.object.get_channel_binding("tls-unique")

    again, ours = Theirs(context, server_side=False, name=pki.NAME, session=session), our_server(**config)
    talk(again, ours)
    ours.send(b"welcome back")
    talk(again, ours)
    assert again.object.session_reused
    assert ours.negotiated.resumed
    assert ours.connection.channel_binding("tls-unique") == again.object.get_channel_binding("tls-unique")
    assert again.data == b"welcome back"


def test_a_ticket_that_our_server_cannot_open_means_a_full_handshake() -> None:
    context = ends.openssl_context(server_side=False)
    first = Theirs(context, server_side=False, name=pki.NAME)
    talk(first, our_server(ticket_keys=TicketKeys.generate()))
    again = Theirs(context, server_side=False, name=pki.NAME, session=first.object.session)
    ours = our_server(ticket_keys=TicketKeys.generate())
    talk(again, ours)
    assert again.completed
    assert not again.object.session_reused
    assert not ours.negotiated.resumed


def test_an_openssl_server_that_forgot_the_session_gets_a_full_handshake() -> None:
    first = our_client()
    talk(first, their_server())
    again = our_client(session=first.connection.session)
    talk(again, their_server())
    assert again.completed
    assert not again.negotiated.resumed


# --- what a failed peer is told -------------------------------------------------------------------------


def test_a_client_that_speaks_only_tls_1_3_is_refused_by_version() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    theirs, ours = Theirs(context, server_side=False, name=pki.NAME), our_server()
    talk(theirs, ours)
    assert ours.error is not None
    assert ours.error.alert is Alert.PROTOCOL_VERSION
    assert "PROTOCOL_VERSION" in theirs.reason


def test_a_server_that_speaks_only_tls_1_3_is_named_by_its_alert() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(*ends.files_of(pki.server()))
    ours = our_client()
    talk(ours, Theirs(context, server_side=True))
    assert isinstance(ours.error, PeerAlert)
    assert ours.error.received is Alert.PROTOCOL_VERSION


def test_the_downgrade_sentinel_of_a_tls_1_3_server_is_reported() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ends.files_of(pki.server()))
    ours = our_client()
    talk(ours, Theirs(context, server_side=True))
    assert ours.negotiated.peer_sent_downgrade_sentinel
