"""Why the peer has ended the connection, and what to do about it, guessed from what happened before.

How it works: an alert is one byte and gives no reason. What it is likely to mean depends on who we are, on how far
the handshake had come, which the guard's facts say, and on what our configuration offers. `_REMEDIES` goes from the
particular to the general. The first row that fits gives a clause that the error adds. If none fits, the error has none,
which is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tls12.config import ClientConfig, ServerConfig
from tls12.crypto.suites import SUITES
from tls12.errors import TruncatedError
from tls12.handshake.grammar import ConversationFacts
from tls12.handshake.permissions import offering_more
from tls12.registry import Alert, ConnectionEnd


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was known when the alert or the end of the stream came."""

    side: ConnectionEnd
    """Our end."""
    facts: ConversationFacts
    """What the guard has learnt of the last handshake."""
    established: bool
    """A handshake was complete."""
    config: ClientConfig | ServerConfig
    """The configuration in force."""
    refusal: str
    """Why the peer's last wish to renegotiate was refused; empty if none was."""


_Fits = Callable[[Circumstances], bool]
_Clause = Callable[[Circumstances], str]


def _always(_: Circumstances) -> bool:
    return True


def _nothing_chosen(now: Circumstances) -> bool:
    return now.side is ConnectionEnd.CLIENT and now.facts.cipher_suite is None and not now.established


def _renegotiates(now: Circumstances) -> bool:
    return now.established


def _renegotiation_refused(now: Circumstances) -> bool:
    return bool(now.refusal)


def _showed_no_certificate(now: Circumstances) -> bool:
    return now.side is ConnectionEnd.CLIENT and now.facts.certificate_requested and not now.facts.client_certificate


def _showed_a_certificate(now: Circumstances) -> bool:
    return now.facts.certificate_based if now.side is ConnectionEnd.SERVER else now.facts.client_certificate


def _tried_a_psk(now: Circumstances) -> bool:
    suite = now.facts.cipher_suite
    return suite is not None and suite in SUITES and SUITES[suite].uses_psk and not now.established


def because_refused(now: Circumstances) -> str:
    """The clause for a connection that the peer ends when its wish to renegotiate is refused."""
    lacks_one = now.side is ConnectionEnd.CLIENT and not now.config.credentials
    purpose = "; servers do so to ask for a client certificate: give credentials=(...) too" if lacks_one else ""
    return f"it had asked to renegotiate, which was refused: {now.refusal}{purpose}"


def _wider_offer(now: Circumstances) -> str:
    assert isinstance(now.config, ClientConfig)
    return f"nothing that we offered suits it; {offering_more(now.config)}"


def _no_certificate(now: Circumstances) -> str:
    if now.config.credentials:
        return "it asked for a client certificate, and none of our credentials fits what it accepts"
    return "it asked for a client certificate and got none; give credentials=(...) in the ClientConfig"


_OURS_REFUSED = "it refused the certificate that we showed"
_OTHER_KEY = "its key for the PSK identity is probably another one"

_REMEDIES: tuple[tuple[Alert, _Fits, str | _Clause], ...] = (
    (Alert.HANDSHAKE_FAILURE, _renegotiation_refused, because_refused),
    (Alert.HANDSHAKE_FAILURE, _showed_no_certificate, _no_certificate),
    (Alert.HANDSHAKE_FAILURE, _nothing_chosen, _wider_offer),
    (Alert.INSUFFICIENT_SECURITY, _nothing_chosen, _wider_offer),
    (Alert.BAD_CERTIFICATE, _showed_no_certificate, _no_certificate),
    (Alert.CERTIFICATE_REQUIRED, _always, _no_certificate),
    (Alert.BAD_CERTIFICATE, _showed_a_certificate, _OURS_REFUSED),
    (Alert.UNSUPPORTED_CERTIFICATE, _showed_a_certificate, _OURS_REFUSED),
    (Alert.CERTIFICATE_REVOKED, _showed_a_certificate, "it holds our certificate for revoked"),
    (Alert.CERTIFICATE_EXPIRED, _showed_a_certificate, "our certificate has expired, or its clock is wrong"),
    (Alert.CERTIFICATE_UNKNOWN, _showed_a_certificate, _OURS_REFUSED),
    (Alert.UNKNOWN_CA, _showed_a_certificate, "it does not trust the issuer of our certificate"),
    (Alert.BAD_RECORD_MAC, _tried_a_psk, _OTHER_KEY),
    (Alert.DECRYPT_ERROR, _tried_a_psk, _OTHER_KEY),
    (Alert.UNKNOWN_PSK_IDENTITY, _always, "it does not know our PSK identity"),
    (
        Alert.INAPPROPRIATE_FALLBACK,
        _always,
        "it speaks a later version than TLS 1.2: try that again first, or go on without fallback_scsv (RFC 7507 4)",
    ),
    (Alert.PROTOCOL_VERSION, _always, "it does not speak TLS 1.2"),
    (Alert.UNRECOGNIZED_NAME, _always, "it does not serve the requested name"),
    (
        Alert.NO_APPLICATION_PROTOCOL,
        _renegotiates,
        "the renegotiation would have changed the application protocol, which it does not accept",
    ),
    (Alert.NO_APPLICATION_PROTOCOL, _always, "it speaks none of our alpn_protocols"),
)


def remedy_for(alert: Alert, now: Circumstances) -> str | None:
    """The clause that fits a fatal alert of the peer, or None."""
    clause = next((clause for described, fits, clause in _REMEDIES if described == alert and fits(now)), None)
    return clause(now) if callable(clause) else clause


def truncation(now: Circumstances) -> TruncatedError:
    """The error for a stream that ends without close_notify."""
    ended = f"the {now.side.other} ended the stream without close_notify"
    if not now.established:
        return TruncatedError(
            f"{ended}, in the middle of the handshake",
            remedy="it may not speak TLS 1.2 here, or have refused without saying so: ask its log",
        )
    if now.refusal:
        return TruncatedError(ended, remedy=because_refused(now))
    return TruncatedError(
        ended, remedy="the last data may be incomplete: let the application's protocol say whether it is"
    )
