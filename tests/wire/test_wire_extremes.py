"""The largest and the strangest hellos that can be written are read, and come back to the byte."""

from __future__ import annotations

import pytest

from tls12.registry import CipherSuite, CompressionMethod, ExtensionType, ProtocolVersion, SignatureScheme
from tls12.wire import extensions, messages
from tls12.wire.extensions import Extension, RawExtension
from tls12.wire.hello import ClientHello

ALL_SUITES = tuple(map(CipherSuite.of, range(32767)))
UNKNOWN = [kind for kind in map(ExtensionType.of, range(0x10000)) if not kind.is_known]


def hello(
    suites: tuple[CipherSuite, ...] = (CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,),
    block: tuple[Extension, ...] = (),
) -> ClientHello:
    return ClientHello(
        ProtocolVersion.TLS_1_2, bytes(32), bytes(32), suites, tuple(map(CompressionMethod.of, range(255))), block
    )


@pytest.mark.parametrize(
    "message",
    [
        hello(ALL_SUITES),
        hello(block=tuple(RawExtension(kind, b"") for kind in UNKNOWN[:16383])),
        hello(block=(RawExtension(UNKNOWN[0], bytes(0xFFFF - 4)),)),
        hello(block=(extensions.SignatureAlgorithms(tuple(map(SignatureScheme.of, range(32764)))),)),
        hello(block=(extensions.ApplicationLayerProtocolNegotiation((b"x" * 255,) * 64),)),
        hello(block=(extensions.StatusRequest(responder_id_list=(b"r" * 500,) * 100),)),
        hello(ALL_SUITES, (RawExtension(UNKNOWN[0], bytes(0xFFFF - 4)),)),
    ],
    ids=["suites", "extensions", "one extension", "schemes", "protocols", "responders", "everything"],
)
def test_a_hello_of_extreme_size_is_read_and_rebuilt(message: ClientHello) -> None:
    data = messages.serialize(message)
    assert messages.parse(data) == message
    assert messages.serialize(messages.parse(data)) == data


def test_the_body_of_the_largest_hello_has_131_396_bytes() -> None:
    assert len(messages.serialize(hello(ALL_SUITES, (RawExtension(UNKNOWN[0], bytes(0xFFFF - 4)),)))) == 4 + 131_396


def test_duplicate_and_unknown_entries_of_lists_survive() -> None:
    schemes = tuple(map(SignatureScheme.of, (0x0401, 0x0401, 0xFFFF, 0x0A0A, 0x0000)))
    message = hello(block=(extensions.SignatureAlgorithms(schemes),))
    assert messages.parse(messages.serialize(message)) == message
