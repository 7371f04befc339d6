"""What does the costliest message of each kind take, that the default `Limits` let through?

    python -m benchmarks.largest            one row for each message: bytes, time to read it, memory while it is read
    python -m benchmarks.largest --write    write the table in docs/performance.md

How it works: each message is made as full of entries as `Limits` allow, since entries cost more than bytes, and read as
a connection without a memory reads it. What follows, such as the parsing of certificates, is bounded by other limits.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace

from benchmarks import pages
from benchmarks.hostile import costliest
from benchmarks.measure import least
from tls12 import AcceptAnyPeer, ClientConfig, Limits
from tls12.lab.script import Script
from tls12.registry import (
    CertificateStatusType,
    CipherSuite,
    ClientCertificateType,
    CompressionMethod,
    ExtensionType,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.wire import messages
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus
from tls12.wire.closing import NewSessionTicket
from tls12.wire.context import Context, KeyExchangeAlgorithm
from tls12.wire.extensions import RawExtension
from tls12.wire.hello import ServerHello

LIMITS = Limits()
ECDHE = Context(KeyExchangeAlgorithm.ECDHE)
MODE = replace(ClientConfig(verifier=AcceptAnyPeer()).mode, memory=None)


def largest() -> Iterable[tuple[str, bytes]]:
    """A name and the bytes of each message."""
    entries, room = LIMITS.list_entries, 128_000
    suite = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    unknown = tuple(RawExtension(ExtensionType.of(0x5000 + n), bytes(100)) for n in range(LIMITS.extensions))
    schemes = tuple(map(SignatureScheme.of, range(0x7000, 0x7000 + entries)))
    names = tuple(bytes(64_000 // entries - 2) for _ in range(entries))
    yield "an ordinary ClientHello", messages.serialize(Script("client").hello())
    yield "ClientHello", costliest()[5:]
    yield (
        "ServerHello",
        messages.serialize(
            ServerHello(ProtocolVersion.TLS_1_2, bytes(32), b"", suite, CompressionMethod.NULL, unknown)
        ),
    )
    yield "Certificate", messages.serialize(Certificate(tuple(bytes(room // entries - 8) for _ in range(entries))))
    yield "CertificateStatus", messages.serialize(CertificateStatus(CertificateStatusType.OCSP, bytes(131_000)))
    kinds = tuple(ClientCertificateType.of(n) for n in range(255))
    yield "CertificateRequest", messages.serialize(CertificateRequest(kinds, schemes, names))
    yield "NewSessionTicket", messages.serialize(NewSessionTicket(1, bytes(65_000)))


def cost(data: bytes) -> tuple[float, int]:
    """Seconds to read it, and bytes that are held at most meanwhile."""

    def read() -> None:
        messages.parse(data, ECDHE, MODE)

    read()
    tracemalloc.start()
    try:
        read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return least(read, rounds=7, seconds=0.02), peak


def main() -> None:
    """Measure and print."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser("python -m benchmarks.largest", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the table in docs/performance.md")
    options = parser.parse_args()
    rows = []
    for name, data in largest():
        kind = data[0]
        assert len(data) - messages.MESSAGE_HEADER <= LIMITS.message_sizes[kind], name  # type: ignore[index]
        seconds, peak = cost(data)
        rows.append((name, f"{len(data):,}", f"{1e6 * seconds:.0f} µs", f"{peak / 1024:.0f} KiB"))
    table = pages.markdown(("message", "bytes", "to read it", "memory meanwhile"), rows)
    print("\n".join(table))
    if options.write:
        pages.write("largest messages", table)


if __name__ == "__main__":
    main()
