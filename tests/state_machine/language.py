"""The order of messages in TLS 1.2 a second time, written from the figures of the RFCs and not from the table.

How it works: once the two hellos are known, what may follow is a finite set of sentences. `sentences` writes them
down as the figures do, flight by flight, with brackets for what may be left out; `expected` reads off what may come
next. Both parts of the library that check the order are compared with this third one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TypeAlias

from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

Letter: TypeAlias = str
"""The sender and a message, "server Certificate"; the client's empty Certificate is a letter of its own."""
Sentence: TypeAlias = tuple[Letter, ...]

EMPTY = " (empty)"


@dataclass(frozen=True)
class Terms:
    """What the hellos say about the messages to come."""

    key_exchange: Kx
    staple: bool = False
    """The ServerHello answers status_request."""
    ticket: bool = False
    """The ServerHello answers session_ticket."""
    resumed: bool | None = False
    """None: a ticket was offered and the id is not echoed, so both are possible (RFC 5077 3.4)."""


def maybe(*flight: Letter) -> tuple[Sentence, ...]:
    """A bracket of the figures."""
    return ((), flight)


def always(*flight: Letter) -> tuple[Sentence, ...]:
    """What must be there."""
    return (flight,)


def joined(*parts: Iterable[Sentence]) -> Iterator[Sentence]:
    """Every way through the parts, one after the other."""
    for ways in product(*parts):
        yield tuple(letter for way in ways for letter in way)


HELLOS = always("client ClientHello", "server ServerHello")
CERTIFICATE = always("server Certificate")
SHARE = always("server ServerKeyExchange")
HINT = maybe("server ServerKeyExchange")
DONE = always("server ServerHelloDone")
REQUEST = "server CertificateRequest"
CLIENT_KEY_EXCHANGE = "client ClientKeyExchange"
CLIENT_FINISHES = always("client ChangeCipherSpec", "client Finished")
SERVER_FINISHES = always("server ChangeCipherSpec", "server Finished")
NO_AUTHENTICATION = always("server ServerHelloDone", CLIENT_KEY_EXCHANGE)
CLIENT_AUTHENTICATION = (
    ("server ServerHelloDone", CLIENT_KEY_EXCHANGE),
    (REQUEST, "server ServerHelloDone", "client Certificate" + EMPTY, CLIENT_KEY_EXCHANGE),
    (REQUEST, "server ServerHelloDone", "client Certificate", CLIENT_KEY_EXCHANGE, "client CertificateVerify"),
)


@cache
def sentences(terms: Terms) -> frozenset[Sentence]:
    """Every handshake that these terms allow, from ClientHello to the last Finished."""
    status = maybe("server CertificateStatus") if terms.staple else always()
    ticket = always("server NewSessionTicket") if terms.ticket else always()
    middle: tuple[Iterable[Sentence], ...]
    match terms.key_exchange:
        case Kx.ECDHE | Kx.DHE:  # RFC 5246 figure 1, RFC 8422 figure 1
            middle = CERTIFICATE, status, SHARE, CLIENT_AUTHENTICATION
        case Kx.RSA:
            middle = CERTIFICATE, status, CLIENT_AUTHENTICATION
        case Kx.DH_ANON | Kx.ECDH_ANON:  # RFC 5246 7.4.4: an anonymous server must not ask for certificates
            middle = SHARE, NO_AUTHENTICATION
        case Kx.PSK:  # RFC 4279 2
            middle = HINT, NO_AUTHENTICATION
        case Kx.DHE_PSK | Kx.ECDHE_PSK:  # RFC 4279 3, RFC 5489 2
            middle = SHARE, NO_AUTHENTICATION
        case Kx.RSA_PSK:  # RFC 4279 4
            middle = CERTIFICATE, status, HINT, NO_AUTHENTICATION
        case other:
            raise AssertionError(f"no figure for {other}")
    full = joined(HELLOS, *middle, CLIENT_FINISHES, ticket, SERVER_FINISHES)
    abbreviated = joined(HELLOS, ticket, SERVER_FINISHES, CLIENT_FINISHES)  # RFC 5246 figure 2, RFC 5077 figure 2
    if terms.resumed is None:
        return frozenset((*full, *abbreviated))
    return frozenset(abbreviated if terms.resumed else full)


def following(terms: Terms, said: Sentence) -> frozenset[Letter]:
    """The letters that may follow; after a whole sentence, what begins another one."""
    if said in sentences(terms):
        return frozenset({"server HelloRequest", "client ClientHello"})
    size = len(said)
    return frozenset(sentence[size] for sentence in sentences(terms) if sentence[:size] == said)


def expected(terms: Terms, said: Sentence, sender: str) -> frozenset[str]:
    """The names of the messages that this sender may send now."""
    return frozenset(
        letter.removeprefix(sender).removesuffix(EMPTY).strip()
        for letter in following(terms, said)
        if letter.startswith(sender)
    )
