"""max_fragment_length of our client with OpenSSL as the server (RFC 6066 4)."""

from __future__ import annotations

import pytest

from tests import pki
from tests.ends import Theirs, openssl_context, our_client, talk, their_server
from tls12.wire.records import split_records


class Recorded(Theirs):
    """An end that keeps what it sends."""

    def __init__(self, end: Theirs) -> None:
        self.__dict__.update(end.__dict__)
        self.sent = b""

    def take(self) -> bytes:
        data = super().take()
        self.sent += data
        return data


def lengths(data: bytes) -> list[int]:
    return [len(record.fragment) for record in split_records(data)]


@pytest.mark.parametrize("size", [512, 1024, 2048, 4096])
def test_openssl_keeps_to_our_max_fragment_length_and_we_do_too(size: int) -> None:
    ours, theirs = our_client(max_fragment_length=size), Recorded(their_server("rsa-2048"))
    talk(ours, theirs)
    assert ours.completed
    assert theirs.completed
    overhead = 64
    assert max(lengths(theirs.sent)) <= size + overhead
    theirs.sent = b""
    theirs.send(bytes(3 * size))
    ours.send(bytes(3 * size))
    mine = ours.take()
    theirs.receive(mine)
    ours.receive(theirs.take())
    assert (ours.data, theirs.data) == (bytes(3 * size), bytes(3 * size))
    assert lengths(mine) == 3 * [lengths(mine)[0]]
    assert size < lengths(mine)[0] <= size + overhead
    assert len(lengths(theirs.sent)) == 3


def test_a_resumption_with_openssl_keeps_our_max_fragment_length() -> None:
    context = openssl_context(server_side=True, credential=pki.server("rsa-2048"))
    session = None
    for resumed in (False, True):
        ours = our_client(max_fragment_length=512, session=session)
        theirs = Theirs(context, server_side=True)
        talk(ours, theirs)
        assert ours.completed, str(ours.error)
        assert ours.negotiated.resumed is resumed
        ours.send(bytes(1000))
        assert len(lengths(ours.take())) == 2
        session = ours.connection.session
