"""Everything that can go wrong, as exceptions with a reason.

How it works: an error is raised once, at its cause, and is not wrapped on the way up; only the connection
turns it into an alert and a `ConnectionFailed` event. So a class carries what the connection and the reader
need: the `alert` that the RFC prescribes, the `rule` (RFC and section) that was broken, and the `remedy`, one
clause that says what to change. An instance may override each of the three, and has a `detail` where programs may want
to tell apart what its class does not.

There are two trees. `TLSError` is the root of all that can happen to a connection or to bytes, and an OSError, as
`ssl.SSLError` is, so that programs which expect connections to fail (`socketserver`, `http.server`, `urllib3`) go
on. `UsageError` stands beside it: a bug of the caller, which such a program must not take for a failed connection.

The branches of `TLSError` say whose fault it was. `EncodeError`: the application, which made a message that the wire
cannot hold. `DecodeError`, `PeerMisbehaved`, `PeerIncompatible`, `CertificateError`, `PeerAlert`, `TruncatedError`,
`LimitExceeded`: the peer. `UpgradeRefused`, `PlaintextInjected`: the server or an attacker, before TLS.
`InternalError`: an object that the application handed in, or this library.

No message ever contains key material or decrypted data.
"""

from __future__ import annotations

import copy
from enum import Enum, auto
from typing import Any

from tls12.registry import Alert


class Detail(Enum):
    """What an error is about where its class covers several things, for programs: they should not read sentences."""

    HTTP_REQUEST = auto()
    HTTP_PROXY_REQUEST = auto()
    UNKNOWN_CONTENT_TYPE = auto()
    NO_COMMON_CIPHER_SUITE = auto()
    NO_CLIENT_CERTIFICATE = auto()
    NO_PRE_SHARED_KEY = auto()
    NO_SECURE_RENEGOTIATION = auto()
    NO_EXTENDED_MASTER_SECRET = auto()
    RENEGOTIATION_REFUSED = auto()
    FINISHED = auto()
    SELF_SIGNED = auto()
    UNTRUSTED_ROOT = auto()
    NOT_YET_VALID = auto()
    NOT_A_CA = auto()
    PATH_TOO_LONG = auto()
    MAY_NOT_SIGN = auto()
    WEAK_SIGNATURE = auto()
    WEAK_CA_KEY = auto()
    FORGED = auto()
    NAME_CONSTRAINTS = auto()
    CRITICAL_EXTENSION = auto()


class Reasoned(Exception):
    """What the errors of this library have in common: a message, and why, and what to do about it.

    `alert` is the fatal alert that the connection sends because of this error, or None where nothing is owed; `rule`
    the RFC and section that was broken, and `remedy` what to change, each empty where there is none. `detail` is what
    the error is about, where the class alone does not say it.
    """

    alert: Alert | None = None
    rule: str = ""
    remedy: str = ""
    detail: Detail | None = None

    def __init__(
        self,
        message: str,
        *,
        alert: Alert | None = None,
        rule: str | None = None,
        remedy: str | None = None,
        detail: Detail | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if alert is not None:
            self.alert = alert
        if rule is not None:
            self.rule = rule
        if remedy is not None:
            self.remedy = remedy
        if detail is not None:
            self.detail = detail

    def __str__(self) -> str:
        text = f"{self.message} ({self.rule})" if self.rule else self.message
        return f"{text}; {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles go past `__init__`: subclasses do not all take the message as their argument."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[Reasoned], args: tuple[Any, ...]) -> Reasoned:
    error = kind.__new__(kind)
    error.args = args
    return error


def to_raise(failure: BaseException) -> BaseException:
    """What to raise for a failure that is kept and raised more than once: a copy.

    A raised exception refers to the frames that it passed, and these refer to the object that keeps it. An exception
    that was raised before, by an object of the application, is not copied, because its traceback says where.
    """
    if failure.__traceback__ is not None:
        return failure
    error = copy.copy(failure)
    error.__cause__ = failure.__cause__
    return error


class TLSError(Reasoned, OSError):
    """The root of all that can happen to a connection, and an OSError; its `errno` is None."""


class UsageError(Reasoned, ValueError):
    """The caller of this library broke its contract.

    No TLSError and no OSError, for it is a mistake in the program and not the failure of a connection.
    """


class EncodeError(TLSError):
    """A value that cannot be expressed on the wire, found while serialising it."""

    alert = Alert.INTERNAL_ERROR


class InternalError(TLSError):
    """An application's object (verifier, signer, hook) raised; the cause is chained."""

    alert = Alert.INTERNAL_ERROR


class DecodeError(TLSError):
    """Bytes that are not a message. `path` and `offset` say where the fault is."""

    alert = Alert.DECODE_ERROR
    rule = "RFC 5246 7.2.2"

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        offset: int | None = None,
        alert: Alert | None = None,
        rule: str | None = None,
        remedy: str | None = None,
    ) -> None:
        where = f", offset {offset:#x}" if offset is not None else ""
        super().__init__(
            f"{path}: {message}{where}" if path else message + where, alert=alert, rule=rule, remedy=remedy
        )
        self.path = path
        self.offset = offset


class PeerMisbehaved(TLSError):
    """The peer broke a rule of the protocol."""

    alert = Alert.ILLEGAL_PARAMETER


class UnexpectedMessage(PeerMisbehaved):
    """A message, record or alert that has no place here; the text names what was expected."""

    alert = Alert.UNEXPECTED_MESSAGE
    rule = "RFC 5246 7.2.2"


class BadRecordMac(PeerMisbehaved):
    """A protected record that does not authenticate: one error, and one text, for every cause."""

    alert = Alert.BAD_RECORD_MAC
    rule = "RFC 5246 7.2.2"

    def __init__(self) -> None:
        super().__init__("a protected record from the peer did not authenticate: altered, forged or out of order")


class RecordOverflow(PeerMisbehaved):
    """A record longer than its kind allows."""

    alert = Alert.RECORD_OVERFLOW
    rule = "RFC 5246 6.2"


class BadSignature(PeerMisbehaved):
    """A signature, or a Finished, that does not verify."""

    alert = Alert.DECRYPT_ERROR
    rule = "RFC 5246 7.2.2"


class InvalidKeyShare(PeerMisbehaved):
    """A public key for the key exchange that is not a valid element of its group."""

    alert = Alert.ILLEGAL_PARAMETER
    rule = "RFC 8422 5.11"


class NotTLS(PeerMisbehaved):
    """The peer speaks another protocol, which the text names if it can be told."""

    alert = Alert.UNEXPECTED_MESSAGE
    rule = "RFC 5246 6.2.1"


class LimitExceeded(PeerMisbehaved):
    """The peer asked for more than a bound of `Limits` or of the protection allows."""

    alert = Alert.HANDSHAKE_FAILURE


class KeysExhausted(LimitExceeded):
    """One direction's keys have protected as many records as is safe, ours or the peer's."""

    alert = Alert.INTERNAL_ERROR
    rule = "RFC 5246 6.1"
    remedy = "open a new connection, or renegotiate if the policy allows it, before the limit (KeysNearLimit says when)"


class PeerIncompatible(TLSError):
    """The peer breaks no rule, but the two sides have nothing in common, or the policy demands more."""

    alert = Alert.HANDSHAKE_FAILURE
    rule = "RFC 5246 7.2.2"


class UpgradeRefused(TLSError):
    """A server did not begin TLS on a plain connection: it has none, or an attacker took its offer away."""

    remedy = "nothing was sent but the request for TLS; do not go on without it"


class PlaintextInjected(TLSError):
    """Bytes without protection stand behind a server's agreement to begin TLS, where TLS must follow."""

    rule = "RFC 3207 6"

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} bytes without protection came behind the server's agreement to begin TLS")


class ApplicationRefused(TLSError):
    """The application answered an event with `Refuse(alert)`."""

    alert = Alert.ACCESS_DENIED


class CertificateError(TLSError):
    """The peer's certificate was refused; a subclass says why."""

    alert = Alert.BAD_CERTIFICATE
    rule = "RFC 5280 6"


class UnknownIssuer(CertificateError):
    """No trusted root leads to the certificate."""

    alert = Alert.UNKNOWN_CA


class CertificateExpired(CertificateError):
    """A certificate of the chain is past its end, or before its beginning."""

    alert = Alert.CERTIFICATE_EXPIRED


class CertificateRevoked(CertificateError):
    """A certificate of the chain is revoked. For verifiers of the application's own: this library checks none."""

    alert = Alert.CERTIFICATE_REVOKED


class NameMismatch(CertificateError):
    """The certificate is valid, but for other names than the one that was asked for."""

    rule = "RFC 6125 6"


class WrongPurpose(CertificateError):
    """Key usage, extended key usage or basic constraints forbid this use of the certificate."""

    alert = Alert.UNSUPPORTED_CERTIFICATE


class WeakKey(CertificateError):
    """A key or a signature in the chain is too weak for the policy."""

    alert = Alert.INSUFFICIENT_SECURITY


class NotPinned(CertificateError):
    """The peer's certificate or key is not one of the pinned ones."""

    alert = Alert.CERTIFICATE_UNKNOWN


class BadStaple(CertificateError):
    """A stapled OCSP response that cannot be read or, for a verifier of the application's own, that is not valid."""

    alert = Alert.BAD_CERTIFICATE_STATUS_RESPONSE
    rule = "RFC 6066 8"


class PeerAlert(TLSError):
    """The peer ended the connection with a fatal alert: `received`."""

    def __init__(self, received: Alert, *, remedy: str | None = None) -> None:
        super().__init__(f"the peer sent the fatal alert {received}", rule="RFC 5246 7.2", remedy=remedy)
        self.received = received


class TruncatedError(TLSError):
    """The stream ended without a close_notify: data may be missing."""

    rule = "RFC 5246 7.2.1"
