"""A client that wants no tickets (`request_ticket=False`) neither asks for one nor shows one that it has."""

from __future__ import annotations

from tests.ends import Ours, our_client, our_server, talk
from tls12 import MemorySessionStore, TicketKeys
from tls12.wire import messages
from tls12.wire.extensions import SessionTicket
from tls12.wire.hello import ClientHello
from tls12.wire.records import HEADER


def hello_of(client: Ours) -> ClientHello:
    client.start()
    hello = messages.parse(client.take()[HEADER:])
    assert isinstance(hello, ClientHello)
    return hello


def test_without_request_ticket_the_hello_has_no_session_ticket_and_the_server_gives_none() -> None:
    assert hello_of(our_client()).find(SessionTicket) is not None
    assert hello_of(our_client(request_ticket=False)).find(SessionTicket) is None
    client, server = our_client(request_ticket=False), our_server(ticket_keys=TicketKeys.generate())
    talk(client, server)
    assert client.completed
    assert client.connection.session is None


def test_a_ticket_from_before_is_not_shown() -> None:
    keys = TicketKeys.generate()
    first = our_client()
    talk(first, our_server(ticket_keys=keys))
    session = first.connection.session
    assert session is not None
    assert session.ticket
    hello = hello_of(our_client(session=session, request_ticket=False))
    assert hello.find(SessionTicket) is None
    assert hello.session_id == b""
    again = our_client(session=session, request_ticket=False)
    talk(again, our_server(ticket_keys=keys))
    assert not again.negotiated.resumed


def test_a_session_with_an_id_is_resumed_without_tickets() -> None:
    store, keys = MemorySessionStore(), TicketKeys.generate()
    first = our_client(request_ticket=False)
    talk(first, our_server(sessions=store, ticket_keys=keys))
    again = our_client(session=first.connection.session, request_ticket=False)
    talk(again, our_server(sessions=store, ticket_keys=keys))
    assert again.negotiated.resumed
