"""The exceptions of the drop-in are those of `ssl`, with OpenSSL's numbers, names and words."""

from __future__ import annotations

import _ssl
import ssl
from typing import Any

import pytest

from tests import ends, pki
from tests.sslcompat.contexts import KINDS, client
from tests.sslcompat.test_sslcompat_objects import Pair
from tls12 import Alert
from tls12.errors import (
    ApplicationRefused,
    CertificateError,
    CertificateRevoked,
    DecodeError,
    LimitExceeded,
    NotPinned,
    PeerAlert,
    PeerIncompatible,
    TLSError,
    TruncatedError,
    UnexpectedMessage,
    WeakKey,
    WrongPurpose,
)
from tls12.sslcompat.errors import _ALERTS, _REASONS, as_ssl, verify_result


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
        (PeerIncompatible("no cipher suite suits"), ssl.SSLError, "NO_SHARED_CIPHER"),
        (PeerIncompatible("old", alert=Alert.PROTOCOL_VERSION), ssl.SSLError, "UNSUPPORTED_PROTOCOL"),
        (ApplicationRefused("no"), ssl.SSLError, "CALLBACK_FAILED"),
        (DecodeError("short"), ssl.SSLError, "LENGTH_MISMATCH"),
        (UnexpectedMessage("early"), ssl.SSLError, "UNEXPECTED_MESSAGE"),
        (UnexpectedMessage("of the unknown content type 72"), ssl.SSLError, "WRONG_VERSION_NUMBER"),
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
        (WrongPurpose("it allows 0 CAs below it"), 25),
        (WrongPurpose("it issued another but is not a CA"), 79),
        (WeakKey("it is signed with SHA1"), 68),
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
    ours = {*_ALERTS.values(), *(row[3] for row in _REASONS)}
    newer = {"TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY", "ENCRYPTED_LENGTH_TOO_LONG"}
    assert ours - known - newer == set()
