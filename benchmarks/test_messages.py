"""What does it cost to read and write a message, beside tlslite-ng and scapy? `pytest benchmarks/test_messages.py`.

The three messages of a handshake that are read most: a ClientHello as browsers send it (twelve extensions), a
ServerHello (five extensions) and a Certificate of three entries, the same bytes for every peer. Each peer is used
as it is meant to be; tlslite-ng and scapy also parse the certificates inside, which here is a later step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tls12.lab.pki import ThrowawayCA
from tls12.registry import (
    CipherSuite,
    CompressionMethod,
    ECPointFormat,
    NamedGroup,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.wire import extensions, messages
from tls12.wire.certificates import Certificate
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.memory import Memory
from tls12.wire.mode import Mode

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scapy.layers.tls import handshake as scapy_messages
    from tlslite import messages as tlslite_messages
    from tlslite.constants import CertificateType
    from tlslite.utils.codec import Parser

GROUPS = (NamedGroup.X25519, NamedGroup.SECP256R1, NamedGroup.SECP384R1)
SUITES = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x9C, 0x9D, 0x2F)
SCHEMES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)

CLIENT_HELLO = ClientHello(
    ProtocolVersion.TLS_1_2,
    bytes(range(32)),
    bytes(range(32, 64)),
    tuple(map(CipherSuite.of, SUITES)),
    (CompressionMethod.NULL,),
    (
        extensions.ServerNameList((extensions.ServerName(NameType.HOST_NAME, b"www.example.com"),)),
        extensions.ExtendedMasterSecret(),
        extensions.RenegotiationInfo(b""),
        extensions.SupportedGroups(GROUPS),
        extensions.ECPointFormats((ECPointFormat.UNCOMPRESSED,)),
        extensions.SessionTicket(b""),
        extensions.ApplicationLayerProtocolNegotiation((b"h2", b"http/1.1")),
        extensions.StatusRequest(),
        extensions.SignatureAlgorithms(tuple(map(SignatureScheme.of, SCHEMES))),
        extensions.SignedCertificateTimestampRequest(),
        extensions.EncryptThenMac(),
        extensions.SupportedVersions((ProtocolVersion.TLS_1_3, ProtocolVersion.TLS_1_2)),
    ),
)
SERVER_HELLO = ServerHello(
    ProtocolVersion.TLS_1_2,
    bytes(range(32)),
    bytes(range(32, 64)),
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CompressionMethod.NULL,
    (
        extensions.RenegotiationInfo(b""),
        extensions.ECPointFormats((ECPointFormat.UNCOMPRESSED,)),
        extensions.ExtendedMasterSecret(),
        extensions.SessionTicketAck(),
        extensions.ApplicationLayerProtocolNegotiation((b"h2",)),
    ),
)
CHAIN = ThrowawayCA("root").intermediate("middle").intermediate("issuer").issue("www.example.com")
CERTIFICATE = Certificate(CHAIN.chain_der)

OURS: dict[str, messages.Message] = {
    "ClientHello": CLIENT_HELLO,
    "ServerHello": SERVER_HELLO,
    "Certificate": CERTIFICATE,
}
TLSLITE: dict[str, Callable[[], Any]] = {
    "ClientHello": tlslite_messages.ClientHello,
    "ServerHello": tlslite_messages.ServerHello,
    "Certificate": lambda: tlslite_messages.Certificate(CertificateType.x509),
}
SCAPY: dict[str, Callable[[bytes], Any]] = {
    "ClientHello": scapy_messages.TLSClientHello,
    "ServerHello": scapy_messages.TLSServerHello,
    "Certificate": scapy_messages.TLSCertificate,
}


def tlslite_parse(name: str, data: bytes) -> Any:
    """The message of tlslite-ng, which reads what follows the type byte."""
    message = TLSLITE[name]()
    message.parse(Parser(bytearray(data[1:])))
    return message


def scapy_build(message: Any) -> bytes:
    """The bytes of a message of scapy, built anew and not taken from where it was read."""
    message.clear_cache()
    return bytes(message)


REMEMBERING = Mode(memory=Memory())
"""As a connection reads, whose configuration has a memory."""

PARSE: dict[str, Callable[[str, bytes], Any]] = {
    "tls12": lambda name, data: messages.parse(data),
    "tls12 with a memory": lambda name, data: messages.parse(data, mode=REMEMBERING),
    "tlslite-ng": tlslite_parse,
    "scapy": lambda name, data: SCAPY[name](data),
}
SERIALIZE: dict[str, Callable[[Any], bytes]] = {
    "tls12": messages.serialize,
    "tlslite-ng": lambda message: bytes(message.write()),
    "scapy": scapy_build,
}


@pytest.mark.parametrize("peer", PARSE)
@pytest.mark.parametrize("name", OURS)
def test_parse(benchmark: BenchmarkFixture, name: str, peer: str) -> None:
    benchmark.group = f"parse {name}"
    data = messages.serialize(OURS[name])
    message = benchmark(PARSE[peer], name, data)
    assert SERIALIZE.get(peer, messages.serialize)(message) == data


@pytest.mark.parametrize("peer", SERIALIZE)
@pytest.mark.parametrize("name", OURS)
def test_serialise(benchmark: BenchmarkFixture, name: str, peer: str) -> None:
    benchmark.group = f"serialise {name}"
    data = messages.serialize(OURS[name])
    message = PARSE[peer](name, data)
    assert benchmark(SERIALIZE[peer], message) == data
