"""What only TLS 1.3 gives a meaning need not decode for those who speak TLS 1.2; everything else does."""

from __future__ import annotations

import re

import pytest

from tls12.errors import DecodeError
from tls12.registry import CipherSuite, CompressionMethod, ExtensionType, ProtocolVersion
from tls12.wire import messages
from tls12.wire.codec import Reader
from tls12.wire.extensions import (
    TABLE,
    ExtendedMasterSecret,
    Extension,
    MalformedExtension,
    PskKeyExchangeModes,
    RawExtension,
)
from tls12.wire.extensions.table import TLS13
from tls12.wire.hello import ClientHello

E = ExtensionType
JUNK = b"\xff\xff\xff"
ANY_BYTES = (E.SESSION_TICKET, E.PADDING)
TLS13_ONLY = [kind for kind, row in TABLE.items() if row.since == TLS13]


def hello(*extensions: Extension) -> bytes:
    suites, methods = (CipherSuite.of(0xC02F),), (CompressionMethod.NULL,)
    return messages.serialize(ClientHello(ProtocolVersion.TLS_1_2, bytes(32), b"", suites, methods, extensions))


def read(data: bytes) -> tuple[Extension, ...]:
    message = messages.read_message(Reader(data, pos=4, tls12_only=True), data[0], None)
    assert isinstance(message, ClientHello)
    assert messages.serialize(message) == data
    return message.extensions or ()


def test_these_extensions_have_no_meaning_before_tls_1_3() -> None:
    assert set(TLS13_ONLY) == {
        E.COMPRESS_CERTIFICATE,
        E.DELEGATED_CREDENTIAL,
        E.PRE_SHARED_KEY,
        E.EARLY_DATA,
        E.COOKIE,
        E.PSK_KEY_EXCHANGE_MODES,
        E.CERTIFICATE_AUTHORITIES,
        E.POST_HANDSHAKE_AUTH,
        E.KEY_SHARE,
        E.APPLICATION_SETTINGS_OLD,
        E.APPLICATION_SETTINGS,
        E.ECH_OUTER_EXTENSIONS,
        E.ENCRYPTED_CLIENT_HELLO,
    }


@pytest.mark.parametrize("kind", TLS13_ONLY, ids=str)
def test_such_an_extension_that_does_not_decode_is_kept_and_its_neighbours_are_read(kind: ExtensionType) -> None:
    data = hello(RawExtension(kind, JUNK), ExtendedMasterSecret())
    for _ in range(2):
        malformed, neighbour = read(data)
        assert malformed == MalformedExtension(kind, JUNK, DecodeError("compared by nothing"))
        assert neighbour == ExtendedMasterSecret()
        with pytest.raises(DecodeError, match=re.escape(f"extensions[0].{kind}")):
            messages.parse(data)


def test_one_that_decodes_is_read_as_ever() -> None:
    assert read(hello(RawExtension(E.PSK_KEY_EXCHANGE_MODES, b"\1\1"))) == (PskKeyExchangeModes((1,)),)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind not in (*TLS13_ONLY, *ANY_BYTES)], ids=str)
def test_an_extension_of_tls_1_2_has_to_decode(kind: ExtensionType) -> None:
    body = b"\1" if kind is E.STATUS_REQUEST else JUNK
    with pytest.raises(DecodeError):
        read(hello(RawExtension(kind, body)))


def test_a_second_one_of_the_same_type_is_refused_at_once() -> None:
    data = hello(*[RawExtension(E.KEY_SHARE, JUNK)] * 3)
    with pytest.raises(DecodeError, match=r"extensions\[1\].key_share"):
        read(data)
