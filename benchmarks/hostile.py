"""What one hostile connection does, for every kind of crowd that `benchmarks.crowd` sends.

How it works: an `Attack` is a coroutine function that does one act on a new TCP connection and returns when the server
has cut it, or when it has nothing more to do. The crowd calls it again and again, with a pause in between. What can be
made beforehand (hellos, garbage) is made once, so that the crowd costs its own processor as little as possible; where a
real handshake is needed, `tls12.lab.Script` does it.

    python -m benchmarks.hostile KIND PORT NUMBER PAUSE      a crowd, until its standard input ends
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import TypeVar

from tls12.config import Limits
from tls12.errors import TLSError
from tls12.lab.hellos import with_extensions
from tls12.lab.script import Script
from tls12.record_layer import RecordWriter
from tls12.registry import (
    Alert,
    AlertLevel,
    CachedInformationType,
    CertificateStatusType,
    CipherSuite,
    CodePoint,
    ContentType,
    ExtensionType,
    IdentifierType,
    NamedGroup,
    SignatureScheme,
)
from tls12.wire import messages
from tls12.wire.certificates import Certificate
from tls12.wire.closing import AlertMessage
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    CachedInfo,
    CachedObject,
    OcspStatusRequest,
    RawExtension,
    SessionTicket,
    SignatureAlgorithms,
    SignatureAlgorithmsCert,
    StatusRequest,
    StatusRequestItem,
    StatusRequestV2,
    SupportedGroups,
    TrustedAuthority,
    TrustedCaKeys,
)
from tls12.wire.hello import ClientHello

GIVE_UP = 30.0
"""Seconds that a connection is held when the server does not cut it."""

C = TypeVar("C", bound=CodePoint)

FLOOD = 2_000
"""Records, at most, with which one connection floods."""

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


# -- before the handshake is complete ----------------------------------------------------------------------


def _unknown(extensions: int) -> Iterable[RawExtension]:
    return (RawExtension(ExtensionType.of(0x5000 + number), b"") for number in range(extensions))


def _records(message: bytes) -> bytes:
    return bytes(RecordWriter().write(ContentType.HANDSHAKE, message))


@cache
def ordinary() -> bytes:
    """A hello like that of an honest client."""
    return _records(messages.serialize(Script("client").hello()))


@cache
def largest() -> bytes:
    """About as large as the format allows: 32,000 suites and 16,000 extensions."""
    hello = Script("client").hello()
    suites = (*hello.cipher_suites, *map(CipherSuite.of, range(0x2000, 0x2000 + 32_000)))
    return _records(messages.serialize(replace(with_extensions(hello, *_unknown(15_900)), cipher_suites=suites)))


@cache
def costliest() -> bytes:
    """As many entries in every list as the default limits let through, of the lists that take longest to read.

    OpenSSL takes it as well, so what it costs `ssl` is not the cost of a refusal.
    """
    limits, honest = Limits(), Script("client").hello()

    def codes(kind: type[C], known: C) -> tuple[C, ...]:
        return (known, *map(kind.of, range(0x7000, 0x7000 + limits.list_entries - 1)))

    names = tuple(b"%d" % number for number in range(limits.structures))
    responders = (bytes.fromhex("a203040178"),) * limits.structures  # a ResponderID that is the hash of a key, "x"
    wish = StatusRequestItem(CertificateStatusType.OCSP, OcspStatusRequest())
    schemes = codes(SignatureScheme, SignatureScheme.ECDSA_SECP256R1_SHA256)
    extensions = (
        SupportedGroups(codes(NamedGroup, NamedGroup.SECP256R1)),
        SignatureAlgorithms(schemes),
        SignatureAlgorithmsCert(schemes),
        ApplicationLayerProtocolNegotiation(names),
        StatusRequest(CertificateStatusType.OCSP, responders),
        StatusRequestV2((wish,) * limits.structures),
        TrustedCaKeys((TrustedAuthority(IdentifierType.PRE_AGREED, b""),) * limits.structures),
        CachedInfo((CachedObject(CachedInformationType.CERT, bytes(32)),) * limits.structures),
    )
    hello = with_extensions(honest, *extensions)
    room = limits.extensions - len(hello.extensions or ())
    suites = map(CipherSuite.of, range(0x2000, 0x2000 + limits.list_entries - len(honest.cipher_suites)))
    return _records(
        messages.serialize(
            replace(with_extensions(hello, *_unknown(room)), cipher_suites=(*honest.cipher_suites, *suites))
        )
    )


def bad_ticket() -> bytes:
    """A hello with a ticket that no key opens, new each time."""
    hello = with_extensions(Script("client").hello(), SessionTicket(os.urandom(1_000)))
    return _records(messages.serialize(hello))


def sending(make: Callable[[], bytes]) -> Attack:
    """Send this, wait for the first bytes of the answer, and close."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(make())
        await reader.read(1 << 16)

    return attack


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await reader.read(1)


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a hello, and do not go on."""
    writer.write(ordinary())
    while await reader.read(1 << 16):
        pass


async def dribbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hello, ten bytes a second."""
    for at in range(len(ordinary())):
        writer.write(ordinary()[at : at + 1])
        await asyncio.sleep(0.1)
    await reader.read(1 << 16)


# -- after a handshake ---------------------------------------------------------------------------------------


async def _converse(script: Script, reader: asyncio.StreamReader, until: str) -> None:
    while until not in [type(message).__name__ for message in script.received]:
        data = await reader.read(1 << 16)
        if not data:
            raise ConnectionResetError
        script.receive_data(data)


async def _shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, certificates: tuple[bytes, ...] = ()
) -> Script:
    script = Script("client")
    script.send(script.hello())
    writer.write(script.data_to_send())
    await _converse(script, reader, "ServerHelloDone")
    script.send(Certificate(certificates))  # the server of this benchmark asks for one
    script.send(script.respond())
    script.derive()
    script.finish()
    writer.write(script.data_to_send())
    await _converse(script, reader, "Finished")
    return script


async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A handshake, and then nothing."""
    await _shake_hands(reader, writer)
    await reader.read(1)


def flooding(add: Callable[[Script], None]) -> Attack:
    """A handshake, and then the same record again and again, until the server cuts the connection."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = await _shake_hands(reader, writer)
        for _ in range(FLOOD // 50):
            for _ in range(50):
                add(script)
            writer.write(script.data_to_send())
            with contextlib.suppress(TimeoutError):
                if not await asyncio.wait_for(reader.read(1 << 16), 0.02):
                    return

    return attack


def _asks(script: Script) -> None:
    script.send_record(ContentType.HANDSHAKE, messages.serialize(_hello_again()))


@cache
def _hello_again() -> ClientHello:
    return Script("client").hello()


async def huge_certificates(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A handshake with 100 kB of certificates that are none."""
    await _shake_hands(reader, writer, (bytes(25_000),) * 4)


ATTACKS: dict[str, Attack] = {
    "the largest hello, again and again": sending(largest),
    "the costliest hello that is let through": sending(costliest),
    "a hello and away, again and again": sending(lambda: ordinary()),
    "hellos with tickets that are none": sending(bad_ticket),
    "garbage": sending(lambda: os.urandom(1_000)),
    "silence": silent,
    "half a handshake": half,
    "a hello, byte by byte": dribbling,
    "a handshake, then idle": idle,
    "a handshake, then asks to renegotiate": flooding(_asks),
    "a handshake, then empty records": flooding(lambda script: script.send_data(b"")),
    "a handshake, then warnings": flooding(
        lambda script: script.send(AlertMessage(AlertLevel.WARNING, Alert.USER_CANCELED))
    ),
    "100 kB of certificates that are none": huge_certificates,
}
"""The kinds of hostile connections; a crowd may also be of `EVERY_KIND`."""

EVERY_KIND = "every kind"


async def crowd(kind: str, port: int, number: int, pause: float) -> None:
    """So many connections of this kind at a time, until standard input ends.

    They act between the first line on it and the second, the third and the fourth, and so on; the answer to each line
    is how many acts there were since the last one.
    """
    attacks = [*ATTACKS.values()] if kind == EVERY_KIND else [ATTACKS[kind]]
    acting = asyncio.Event()
    acts = 0

    async def one(place: int) -> None:
        nonlocal acts
        while True:
            if not acting.is_set():
                await acting.wait()
                await asyncio.sleep(pause * random.random())  # not all at once
            with contextlib.suppress(OSError, TimeoutError, TLSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await asyncio.wait_for(attacks[place % len(attacks)](reader, writer), GIVE_UP)
                finally:
                    acts += 1
                    writer.transport.abort()
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    tasks = [asyncio.create_task(one(place)) for place in range(number)]
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        for task in tasks:
            if task.done():
                task.result()  # raises: an attack ends only by a mistake in it
        print(acts, flush=True)
        acts = 0
        acting.clear() if acting.is_set() else acting.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """One crowd, as its arguments say. It has a lower priority than the honest clients that share its processor."""
    kind, port, number, pause = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.nice(5)
    asyncio.run(crowd(kind, int(port), int(number), float(pause)))


if __name__ == "__main__":
    main()
