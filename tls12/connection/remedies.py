"""What to do about an alert of the peer, as far as what went before lets one guess.

How it works: an alert is one byte and gives no reason. What it is likely to mean depends on who we are and on how far
the handshake had come, which the guard's facts say. `_ROWS` goes from the particular to the general; the first row
that fits gives the clause for the error, and none is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tls12.crypto.suites import SUITES
from tls12.handshake.grammar import Facts, Side
from tls12.registry import Alert


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was known when the alert came: our side, the guard's facts, whether a handshake was complete."""

    side: Side
    facts: Facts
    established: bool


_Fits = Callable[[Circumstances], bool]


def _always(_: Circumstances) -> bool:
    return True


def _nothing_chosen(now: Circumstances) -> bool:
    return now.side is Side.CLIENT and now.facts.suite is None


def _showed_no_certificate(now: Circumstances) -> bool:
    return now.side is Side.CLIENT and now.facts.certificate_requested and not now.facts.client_certificate


def _showed_a_certificate(now: Circumstances) -> bool:
    return now.facts.certificate_based if now.side is Side.SERVER else now.facts.client_certificate


def _tried_a_psk(now: Circumstances) -> bool:
    suite = now.facts.suite
    return suite is not None and suite in SUITES and SUITES[suite].uses_psk and not now.established


_NO_CERTIFICATE = "it asked for a client certificate and got none; give credentials=(...) in the ClientConfig"
_OURS_REFUSED = "it refused the certificate that we showed"
_OTHER_KEY = "its key for the PSK identity is probably another one"

_ROWS: tuple[tuple[Alert, _Fits, str], ...] = (
    (Alert.HANDSHAKE_FAILURE, _showed_no_certificate, _NO_CERTIFICATE),
    (Alert.HANDSHAKE_FAILURE, _nothing_chosen, "nothing we offered suits it; Policy.compatible() offers more"),
    (Alert.BAD_CERTIFICATE, _showed_no_certificate, _NO_CERTIFICATE),
    (Alert.CERTIFICATE_REQUIRED, _always, _NO_CERTIFICATE),
    (Alert.BAD_CERTIFICATE, _showed_a_certificate, _OURS_REFUSED),
    (Alert.UNSUPPORTED_CERTIFICATE, _showed_a_certificate, _OURS_REFUSED),
    (Alert.CERTIFICATE_REVOKED, _showed_a_certificate, "it holds our certificate for revoked"),
    (Alert.CERTIFICATE_EXPIRED, _showed_a_certificate, "our certificate has expired, or its clock is wrong"),
    (Alert.CERTIFICATE_UNKNOWN, _showed_a_certificate, _OURS_REFUSED),
    (Alert.UNKNOWN_CA, _showed_a_certificate, "it does not trust the issuer of our certificate"),
    (Alert.BAD_RECORD_MAC, _tried_a_psk, _OTHER_KEY),
    (Alert.DECRYPT_ERROR, _tried_a_psk, _OTHER_KEY),
    (Alert.UNKNOWN_PSK_IDENTITY, _always, "it does not know our PSK identity"),
    (Alert.PROTOCOL_VERSION, _always, "it does not speak TLS 1.2"),
    (Alert.UNRECOGNIZED_NAME, _always, "it does not serve the requested name"),
    (Alert.NO_APPLICATION_PROTOCOL, _always, "it speaks none of our alpn_protocols"),
)


def remedy_for(alert: Alert, side: Side, facts: Facts, *, established: bool) -> str | None:
    """The clause that fits a fatal alert of the peer, or None."""
    now = Circumstances(side, facts, established)
    return next((clause for described, fits, clause in _ROWS if described == alert and fits(now)), None)
