"""The exceptions of the drop-in are those of `ssl`, with OpenSSL's numbers, names and words."""

from __future__ import annotations

import _ssl
import ssl
from typing import Any

import pytest

from tests import ends, pki
from tests.sslcompat.contexts import KINDS, client, server
from tests.sslcompat.test_sslcompat_objects import Pair
from tls12 import Alert, sslcompat
from tls12.errors import (
    ApplicationRefused,
    CertificateError,
    CertificateRevoked,
    DecodeError,
    Detail,
    EncodeError,
    InternalError,
    LimitExceeded,
    NameMismatch,
    NotPinned,
    PeerAlert,
    PeerIncompatible,
    PeerMisbehaved,
    PlaintextInjected,
    TLSError,
    TruncatedError,
    UnexpectedMessage,
    UpgradeRefused,
    WeakKey,
    WrongPurpose,
)
from tls12.sslcompat.errors import _ALERTS, _REASONS, _VERIFY_CODES, as_ssl, verify_result


def verification(kind: str, issued: Any) -> Any:
    """How a client takes a server's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(*ends.files_of(issued))
    try:
        Pair(client(kind), context).handshake()
        return "accepted"
    except ssl.SSLCertVerificationError as error:
        return error.verify_code, error.verify_message, error.library, error.reason, error.errno
    except ssl.SSLError as error:
        return error.reason


@pytest.mark.parametrize("fault", pki.BAD_SERVER_CERTIFICATES)
def test_a_bad_certificate_has_openssl_s_number_and_words(fault: str) -> None:
    issued = pki.BAD_SERVER_CERTIFICATES[fault]()
    ours, theirs = (verification(kind, issued) for kind in KINDS)
    assert ours == theirs


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (PeerAlert(Alert.UNKNOWN_CA), ssl.SSLError, "TLSV1_ALERT_UNKNOWN_CA"),
        (PeerAlert(Alert.of(199)), ssl.SSLError, "UNKNOWN_ALERT_TYPE"),
        (TruncatedError("gone"), ssl.SSLEOFError, "UNEXPECTED_EOF_WHILE_READING"),
        (PeerIncompatible("none", detail=Detail.NO_COMMON_CIPHER_SUITE), ssl.SSLError, "NO_SHARED_CIPHER"),
        (PeerIncompatible("old", alert=Alert.PROTOCOL_VERSION), ssl.SSLError, "UNSUPPORTED_PROTOCOL"),
        (ApplicationRefused("no"), ssl.SSLError, "CALLBACK_FAILED"),
        (DecodeError("short"), ssl.SSLError, "LENGTH_MISMATCH"),
        (UnexpectedMessage("early"), ssl.SSLError, "UNEXPECTED_MESSAGE"),
        (UnexpectedMessage("72", detail=Detail.UNKNOWN_CONTENT_TYPE), ssl.SSLError, "WRONG_VERSION_NUMBER"),
        (LimitExceeded("much"), ssl.SSLError, "EXCESSIVE_MESSAGE_SIZE"),
        (TLSError("anything"), ssl.SSLError, "INTERNAL_ERROR"),
        (CertificateError("bad"), ssl.SSLCertVerificationError, "CERTIFICATE_VERIFY_FAILED"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_of_ours_becomes_one_of_ssl(error: TLSError, kind: type[ssl.SSLError], reason: str) -> None:
    made: Any = as_ssl(error)
    assert type(made) is kind
    assert (made.library, made.reason) == ("SSL", reason)
    assert made.args == (made.errno, made.strerror)
    assert f"[SSL: {reason}] " in str(made)
    assert str(error) in str(made)
    assert type(made.__cause__) is type(error)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CertificateRevoked("x"), 23),
        (WrongPurpose("x", detail=Detail.PATH_TOO_LONG), 25),
        (WrongPurpose("x", detail=Detail.NOT_A_CA), 79),
        (WeakKey("x", detail=Detail.WEAK_SIGNATURE), 68),
        (NotPinned("x"), 28),
        (CertificateError("x"), 1),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, Exception) else str(value),
)
def test_the_rest_of_the_numbers(error: CertificateError, code: int) -> None:
    assert verify_result(error, pki.NAME)[0] == code


def test_what_is_no_error_of_tls_stays_what_it_is() -> None:
    error = ConnectionResetError(104, "reset")
    assert type(as_ssl(error)) is ConnectionResetError
    assert type(as_ssl(ZeroDivisionError())) is ZeroDivisionError


@pytest.mark.skipif(not hasattr(_ssl, "err_codes_to_names"), reason="this CPython does not show OpenSSL's names")
def test_every_reason_that_openssl_knows_is_spelled_as_openssl_spells_it() -> None:
    known = set(_ssl.err_codes_to_names.values())
    ours = {*_ALERTS.values(), *(reason for _, _, reason in _REASONS)}
    newer = {"TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY", "ENCRYPTED_LENGTH_TOO_LONG"}
    assert ours - known - newer == set()


def classes_below(root: type[TLSError]) -> set[type[TLSError]]:
    return {each for child in root.__subclasses__() for each in {child, *classes_below(child)} if is_ours(each)}


def is_ours(kind: type[TLSError]) -> bool:
    return kind.__module__ == "tls12.errors"


def test_every_detail_has_one_name_of_openssl() -> None:
    named = [about for _, about, _ in _REASONS] + [about for _, about, _, _ in _VERIFY_CODES]
    assert [named.count(detail) for detail in Detail] == [1] * len(Detail)


def test_every_class_of_errors_has_a_name_of_openssl_or_is_of_no_connection() -> None:
    """What only broader rows fit would be called INTERNAL_ERROR, or 1 (unspecified)."""
    elsewhere = {
        PeerAlert,  # _ALERTS
        TruncatedError,  # SSLEOFError
        NameMismatch,  # by the kind of name
        UpgradeRefused,  # before TLS
        PlaintextInjected,
        InternalError,  # these are internal errors
        EncodeError,
        PeerMisbehaved,
    }
    named = {kind for kind, _, _ in _REASONS} | {kind for kind, _, _, _ in _VERIFY_CODES}
    assert classes_below(TLSError) == named - {TLSError} | elsewhere


def test_every_alert_has_a_name_of_openssl_or_is_not_known_to_it() -> None:
    unknown = {Alert.TOO_MANY_CIDS_REQUESTED, Alert.GENERAL_ERROR, Alert.ECH_REQUIRED}
    assert set(Alert) - set(_ALERTS) == {Alert.CLOSE_NOTIFY, *unknown}


def test_what_is_no_fault_has_no_library_and_no_reason() -> None:
    for kind in KINDS:
        both = Pair(client(kind), server("tls12"))
        with pytest.raises(ssl.SSLWantReadError) as caught:
            both.client.do_handshake()
        assert (caught.value.library, caught.value.reason) == (None, None)
        assert caught.value.errno == ssl.SSL_ERROR_WANT_READ


def test_a_server_that_has_loaded_no_certificate_shares_no_cipher_with_any_client() -> None:
    outcomes = []
    for module in (ssl, sslcompat):
        context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        both = Pair(client("tls12"), context)
        with pytest.raises(ssl.SSLWantReadError):
            both.client.do_handshake()
        with pytest.raises(ssl.SSLError) as at_server:
            both.server.do_handshake()
        with pytest.raises(ssl.SSLError) as at_client:
            both.client.do_handshake()
        outcomes.append((at_server.value.reason, at_server.value.errno, at_client.value.reason))
    assert outcomes[0] == outcomes[1] == ("NO_SHARED_CIPHER", 1, "SSLV3_ALERT_HANDSHAKE_FAILURE")
