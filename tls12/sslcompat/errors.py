"""What a program written for the standard `ssl` catches: our errors as the exceptions of that module.

How it works: `as_ssl` makes of an error of a connection what CPython would have raised in its place: the class, the
number (`errno`), `library` and `reason` as OpenSSL names them, and for a refused certificate `verify_code` and
`verify_message`. The text begins as CPython's does, so that programs which look into it find their words, and goes on
with our sentence, the rule and the remedy. Our own error is the `__cause__`. What is no error of TLS (a reset, a
time-out, an exception out of an application's callback) stays what it is.

Our errors are told apart by their class, by their `detail`, and some by their alert. `_REASONS` and `_VERIFY_CODES` go
from the particular to the general: the first row that fits counts.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

from tls12.errors import (
    ApplicationRefused,
    BadRecordMac,
    BadSignature,
    BadStaple,
    CertificateError,
    CertificateExpired,
    CertificateRevoked,
    DecodeError,
    Detail,
    InvalidKeyShare,
    KeysExhausted,
    LimitExceeded,
    NameMismatch,
    NotPinned,
    NotTLS,
    PeerAlert,
    PeerIncompatible,
    PeerMisbehaved,
    RecordOverflow,
    TLSError,
    TruncatedError,
    UnexpectedMessage,
    UnknownIssuer,
    UsageError,
    WeakKey,
    WrongPurpose,
    to_raise,
)
from tls12.registry import Alert
from tls12.trust.names import is_ip_address


class ContextRefused(UsageError, ssl.SSLError):
    """A context was asked for what this library does not carry out.

    It is an `ssl.SSLError`, which programs expect when they configure a context, and a `UsageError`, for the program or
    its settings must change.
    """

    library = "SSL"
    reason = "UNSUPPORTED"

    def __new__(cls, *args: Any, **details: Any) -> Self:
        """Made by `ssl.SSLError`: an OSError has a form of its own, which ValueError cannot make."""
        return ssl.SSLError.__new__(cls, *args)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Let a UsageError of the library, about the settings of a context, leave as ContextRefused."""
    try:
        yield
    except ContextRefused:
        raise
    except UsageError as error:
        raise ContextRefused(error.message, rule=error.rule, remedy=error.remedy) from error


E = TypeVar("E", bound=ssl.SSLError)

_EOF_WORDS = "EOF occurred in violation of protocol"

_ALERTS: dict[int, str] = {
    Alert.UNEXPECTED_MESSAGE: "SSLV3_ALERT_UNEXPECTED_MESSAGE",
    Alert.BAD_RECORD_MAC: "SSLV3_ALERT_BAD_RECORD_MAC",
    Alert.DECRYPTION_FAILED: "TLSV1_ALERT_DECRYPTION_FAILED",
    Alert.RECORD_OVERFLOW: "TLSV1_ALERT_RECORD_OVERFLOW",
    Alert.DECOMPRESSION_FAILURE: "SSLV3_ALERT_DECOMPRESSION_FAILURE",
    Alert.HANDSHAKE_FAILURE: "SSLV3_ALERT_HANDSHAKE_FAILURE",
    Alert.NO_CERTIFICATE: "SSLV3_ALERT_NO_CERTIFICATE",
    Alert.BAD_CERTIFICATE: "SSLV3_ALERT_BAD_CERTIFICATE",
    Alert.UNSUPPORTED_CERTIFICATE: "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    Alert.CERTIFICATE_REVOKED: "SSLV3_ALERT_CERTIFICATE_REVOKED",
    Alert.CERTIFICATE_EXPIRED: "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    Alert.CERTIFICATE_UNKNOWN: "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    Alert.ILLEGAL_PARAMETER: "SSLV3_ALERT_ILLEGAL_PARAMETER",
    Alert.UNKNOWN_CA: "TLSV1_ALERT_UNKNOWN_CA",
    Alert.ACCESS_DENIED: "TLSV1_ALERT_ACCESS_DENIED",
    Alert.DECODE_ERROR: "TLSV1_ALERT_DECODE_ERROR",
    Alert.DECRYPT_ERROR: "TLSV1_ALERT_DECRYPT_ERROR",
    Alert.EXPORT_RESTRICTION: "TLSV1_ALERT_EXPORT_RESTRICTION",
    Alert.PROTOCOL_VERSION: "TLSV1_ALERT_PROTOCOL_VERSION",
    Alert.INSUFFICIENT_SECURITY: "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    Alert.INTERNAL_ERROR: "TLSV1_ALERT_INTERNAL_ERROR",
    Alert.INAPPROPRIATE_FALLBACK: "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
    Alert.USER_CANCELED: "TLSV1_ALERT_USER_CANCELLED",
    Alert.NO_RENEGOTIATION: "TLSV1_ALERT_NO_RENEGOTIATION",
    Alert.MISSING_EXTENSION: "TLSV13_ALERT_MISSING_EXTENSION",
    Alert.UNSUPPORTED_EXTENSION: "TLSV1_UNSUPPORTED_EXTENSION",
    Alert.CERTIFICATE_UNOBTAINABLE: "TLSV1_CERTIFICATE_UNOBTAINABLE",
    Alert.UNRECOGNIZED_NAME: "TLSV1_UNRECOGNIZED_NAME",
    Alert.BAD_CERTIFICATE_STATUS_RESPONSE: "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE",
    Alert.BAD_CERTIFICATE_HASH_VALUE: "TLSV1_BAD_CERTIFICATE_HASH_VALUE",
    Alert.UNKNOWN_PSK_IDENTITY: "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
    Alert.CERTIFICATE_REQUIRED: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    Alert.NO_APPLICATION_PROTOCOL: "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
}
"""What OpenSSL calls a fatal alert of the peer."""

_REASONS: tuple[tuple[type[TLSError], Detail | Alert | None, str], ...] = (
    # our class          its detail, or else its alert      OpenSSL's reason
    (NotTLS,             Detail.HTTP_REQUEST,               "HTTP_REQUEST"),
    (NotTLS,             Detail.HTTP_PROXY_REQUEST,         "HTTPS_PROXY_REQUEST"),
    (NotTLS,             None,                              "WRONG_VERSION_NUMBER"),
    (PeerIncompatible,   Alert.PROTOCOL_VERSION,            "UNSUPPORTED_PROTOCOL"),
    (PeerIncompatible,   Alert.NO_APPLICATION_PROTOCOL,     "NO_APPLICATION_PROTOCOL"),
    (PeerIncompatible,   Alert.UNRECOGNIZED_NAME,           "CALLBACK_FAILED"),
    (PeerIncompatible,   Detail.NO_PRE_SHARED_KEY,          "PSK_IDENTITY_NOT_FOUND"),
    (PeerIncompatible,   Detail.NO_CLIENT_CERTIFICATE,      "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
    (PeerIncompatible,   Detail.NO_SECURE_RENEGOTIATION,    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED"),
    (PeerIncompatible,   Detail.NO_EXTENDED_MASTER_SECRET,  "INCONSISTENT_EXTMS"),
    (PeerIncompatible,   Detail.RENEGOTIATION_REFUSED,      "NO_RENEGOTIATION"),
    (TLSError,           Detail.NO_COMMON_CIPHER_SUITE,     "NO_SHARED_CIPHER"),
    (PeerIncompatible,   None,                              "NO_SUITABLE_SIGNATURE_ALGORITHM"),
    (ApplicationRefused, None,                              "CALLBACK_FAILED"),
    (BadRecordMac,       None,                              "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    (RecordOverflow,     None,                              "ENCRYPTED_LENGTH_TOO_LONG"),
    (BadSignature,       Detail.FINISHED,                   "DIGEST_CHECK_FAILED"),
    (BadSignature,       None,                              "BAD_SIGNATURE"),
    (InvalidKeyShare,    None,                              "BAD_ECPOINT"),
    (UnexpectedMessage,  Detail.UNKNOWN_CONTENT_TYPE,       "WRONG_VERSION_NUMBER"),
    (UnexpectedMessage,  None,                              "UNEXPECTED_MESSAGE"),
    (KeysExhausted,      None,                              "RECORD_TOO_SMALL"),
    (LimitExceeded,      None,                              "EXCESSIVE_MESSAGE_SIZE"),
    (DecodeError,        None,                              "LENGTH_MISMATCH"),
    (PeerMisbehaved,     Alert.PROTOCOL_VERSION,            "WRONG_VERSION_NUMBER"),
    (PeerMisbehaved,     Alert.UNSUPPORTED_EXTENSION,       "UNSOLICITED_EXTENSION"),
    (PeerMisbehaved,     Alert.ILLEGAL_PARAMETER,           "BAD_EXTENSION"),
    (TLSError,           None,                              "INTERNAL_ERROR"),
)  # fmt: skip
"""What OpenSSL calls the faults that this side finds."""

_VERIFY_CODES: tuple[tuple[type[CertificateError], Detail | None, int, str], ...] = (
    # our class            its detail          OpenSSL's number and words
    (UnknownIssuer,        Detail.SELF_SIGNED,        18, "self-signed certificate"),
    (UnknownIssuer,        Detail.UNTRUSTED_ROOT,     19, "self-signed certificate in certificate chain"),
    (UnknownIssuer,        None,                      20, "unable to get local issuer certificate"),
    (CertificateExpired,   Detail.NOT_YET_VALID,       9, "certificate is not yet valid"),
    (CertificateExpired,   None,                      10, "certificate has expired"),
    (CertificateRevoked,   None,                      23, "certificate revoked"),
    (WrongPurpose,         Detail.PATH_TOO_LONG,      25, "path length constraint exceeded"),
    (WrongPurpose,         Detail.NOT_A_CA,           79, "invalid CA certificate"),
    (WrongPurpose,         Detail.MAY_NOT_SIGN,       32, "key usage does not include certificate signing"),
    (WrongPurpose,         None,                      26, "unsuitable certificate purpose"),
    (WeakKey,              Detail.WEAK_SIGNATURE,     68, "CA signature digest algorithm too weak"),
    (WeakKey,              Detail.WEAK_CA_KEY,        67, "CA certificate key too weak"),
    (WeakKey,              None,                      66, "EE certificate key too weak"),
    (NotPinned,            None,                      28, "certificate rejected"),
    (BadStaple,            None,                      94, "OCSP verification failed"),
    (CertificateError,     Detail.FORGED,              7, "certificate signature failure"),
    (CertificateError,     Detail.NAME_CONSTRAINTS,   47, "permitted subtree violation"),
    (CertificateError,     Detail.CRITICAL_EXTENSION, 34, "unhandled critical extension"),
    (CertificateError,     None,                       1, "unspecified certificate verification error"),
)  # fmt: skip
"""The result of the verification as OpenSSL numbers it (X509_V_ERR_...), and its words."""

_HOSTNAME_MISMATCH = 62
_IP_ADDRESS_MISMATCH = 64


def as_ssl(failure: BaseException, server_hostname: str | None = None) -> BaseException:
    """What to raise for the failure of a connection to `server_hostname`: a fresh exception each time."""
    if not isinstance(failure, TLSError):
        return to_raise(failure)
    error: ssl.SSLError
    if isinstance(failure, TruncatedError):
        error = _made(ssl.SSLEOFError, ssl.SSL_ERROR_EOF, "UNEXPECTED_EOF_WHILE_READING", _EOF_WORDS, failure)
    elif isinstance(failure, CertificateError):
        code, message = verify_result(failure, server_hostname)
        words = f"certificate verify failed: {message}"
        error = _made(ssl.SSLCertVerificationError, ssl.SSL_ERROR_SSL, "CERTIFICATE_VERIFY_FAILED", words, failure)
        error.verify_code, error.verify_message = code, message  # type: ignore[attr-defined]  # as _ssl sets them
    else:
        reason = _reason(failure)
        error = _made(ssl.SSLError, ssl.SSL_ERROR_SSL, reason, _words(reason), failure)
    error.__cause__ = to_raise(failure)
    return error


def ssl_error(reason: str, explanation: str, number: int = ssl.SSL_ERROR_SSL) -> ssl.SSLError:
    """The error that OpenSSL names `reason`, for what the caller asked of a connection at the wrong time."""
    error: ssl.SSLError = _made(ssl.SSLError, number, reason, _words(reason), explanation)
    return error


def want_read() -> ssl.SSLWantReadError:
    """More must arrive first."""
    return _plain(ssl.SSLWantReadError, ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)")


def want_write() -> ssl.SSLWantWriteError:
    """The transport must take more first."""
    return _plain(ssl.SSLWantWriteError, ssl.SSL_ERROR_WANT_WRITE, "The operation did not complete (write)")


def closed() -> ssl.SSLZeroReturnError:
    """Close_notify was said where more was expected: by both sides, or in the middle of the handshake."""
    return _plain(ssl.SSLZeroReturnError, ssl.SSL_ERROR_ZERO_RETURN, "TLS/SSL connection has been closed (EOF)")


def verify_result(error: CertificateError, server_hostname: str | None) -> tuple[int, str]:
    """OpenSSL's number for the reason why a certificate was refused, and its words."""
    if isinstance(error, NameMismatch):
        is_address = server_hostname is not None and is_ip_address(server_hostname)
        code, kind = (_IP_ADDRESS_MISMATCH, "IP address") if is_address else (_HOSTNAME_MISMATCH, "Hostname")
        return code, f"{kind} mismatch, certificate is not valid for '{server_hostname}'."
    return next((code, words) for kind, about, code, words in _VERIFY_CODES if _fits(error, kind, about))


def _fits(error: TLSError, kind: type[TLSError], about: Detail | Alert | None) -> bool:
    return isinstance(error, kind) and about in (None, error.detail, error.alert)


def _reason(error: TLSError) -> str:
    if isinstance(error, PeerAlert):
        return _ALERTS.get(error.received, "UNKNOWN_ALERT_TYPE")
    return next(reason for kind, about, reason in _REASONS if _fits(error, kind, about))


def _words(reason: str) -> str:
    return reason.lower().replace("_", " ")


def _plain(kind: type[E], number: int, text: str) -> E:
    """What is raised without a fault: its `library` and `reason` are None, as `_ssl` sets them."""
    error = kind(int(number), text)
    error.library = error.reason = None  # type: ignore[assignment]  # typeshed has str
    return error


def _made(kind: Callable[..., Any], number: int, reason: str, words: str, explanation: object) -> Any:
    text = f"[SSL: {reason}] {words}"
    error = kind(int(number), f"{text} ({explanation})" if str(explanation) else text)
    error.library, error.reason = "SSL", reason
    return error
