"""What only TLS 1.3 gives a meaning stays bytes for those who speak TLS 1.2; everything else has to decode."""

from __future__ import annotations

import re

import pytest

from tls12.errors import DecodeError
from tls12.registry import CipherSuite, CompressionMethod, ExtensionType, ProtocolVersion
from tls12.wire import messages
from tls12.wire.extensions import (
    TABLE,
    ExtendedMasterSecret,
    Extension,
    PskKeyExchangeModes,
    RawExtension,
)
from tls12.wire.extensions.table import TLS13
from tls12.wire.hello import ClientHello
from tls12.wire.mode import Mode

E = ExtensionType
JUNK = b"\xff\xff\xff"
ANY_BYTES = (E.SESSION_TICKET, E.PADDING)
TLS13_ONLY = [kind for kind, row in TABLE.items() if row.since == TLS13]


def hello(*extensions: Extension) -> bytes:
    suites, methods = (CipherSuite.of(0xC02F),), (CompressionMethod.NULL,)
    return messages.serialize(ClientHello(ProtocolVersion.TLS_1_2, bytes(32), b"", suites, methods, extensions))


def read(data: bytes) -> tuple[Extension, ...]:
    message = messages.parse(data, mode=Mode(tls12_only=True))
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
def test_such_an_extension_stays_bytes_and_its_neighbours_are_read(kind: ExtensionType) -> None:
    data = hello(RawExtension(kind, JUNK), ExtendedMasterSecret())
    for _ in range(2):
        assert read(data) == (RawExtension(kind, JUNK), ExtendedMasterSecret())
        with pytest.raises(DecodeError, match=re.escape(f"extensions[0].{kind}")):
            messages.parse(data)


def test_what_one_kind_of_reader_remembers_the_other_does_not_take_for_its_own() -> None:
    data = hello(RawExtension(E.PSK_KEY_EXCHANGE_MODES, b"\1\1"))
    for _ in range(2):
        assert read(data) == (RawExtension(E.PSK_KEY_EXCHANGE_MODES, b"\1\1"),)
        message = messages.parse(data)
        assert isinstance(message, ClientHello)
        assert message.extensions == (PskKeyExchangeModes((1,)),)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind not in (*TLS13_ONLY, *ANY_BYTES)], ids=str)
def test_an_extension_of_tls_1_2_has_to_decode(kind: ExtensionType) -> None:
    body = b"\1" if kind is E.STATUS_REQUEST else JUNK
    with pytest.raises(DecodeError):
        read(hello(RawExtension(kind, body)))


def test_a_second_one_of_the_same_type_is_refused() -> None:
    with pytest.raises(DecodeError, match="key_share twice"):
        read(hello(*[RawExtension(E.KEY_SHARE, JUNK)] * 2))
