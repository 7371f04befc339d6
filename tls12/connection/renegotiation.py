"""Another handshake on the same connection: who may begin it, how often, and how the peer's wish for one is answered.

How it works: a server asks with a HelloRequest, a client with a ClientHello (RFC 5246 7.4.1.1 and 7.4.1.2). `obstacle`
says why a renegotiation cannot begin now, for our own wish and for the peer's; `judge_hello_request` and
`judge_client_hello` give a `RenegotiationReply` on the peer's. They only judge; the connection does what they say.

`Renegotiations` counts. A refusal is remembered, because a peer that then ends the connection probably does so for that
reason, and its alert does not say so.
"""

from __future__ import annotations

from enum import Enum

from tls12.config import ClientConfig, ServerConfig
from tls12.errors import LimitExceeded, PeerIncompatible
from tls12.handshake.permissions import permit, replacing
from tls12.handshake.proofs import Established
from tls12.policy import Renegotiation
from tls12.registry import ConnectionEnd
from tls12.wire import messages
from tls12.wire.extensions import ExtendedMasterSecret
from tls12.wire.hello import ClientHello


class RenegotiationReply(Enum):
    """What becomes of the peer's wish for another handshake."""

    BEGIN = "the message begins the handshake"
    ASK_OWNER = "the owner is told, and may begin the handshake"
    IGNORE = "nothing is answered"
    REFUSE = "the warning no_renegotiation"
    END = "the policy ends the connection"
    OUT_OF_PLACE = "the message is unexpected here"


class Renegotiations:
    """What a connection remembers about its handshakes."""

    handshakes = 0
    """How many have begun, the first one among them."""
    asked_by_us = 0
    """Wishes of ours that the peer may still refuse."""
    asked_by_peer = 0
    """Wishes of the peer that did not lead to a handshake."""
    refusal = ""
    """Why the peer's last wish was refused; empty if none was."""
    refused_at = 0
    """How many records of the peer had been opened then."""

    def begin(self, config: ClientConfig | ServerConfig) -> None:
        """Count one more handshake. Raises LimitExceeded beyond `Limits.renegotiations`."""
        self.handshakes += 1
        limit = config.limits.renegotiations
        if self.handshakes > 1 + limit:
            raise LimitExceeded(
                f"more than {limit} renegotiations",
                rule="RFC 5246 7.2.2",
                remedy="raise Limits.renegotiations if that is normal for this peer",
            )

    def count_wish(self, config: ClientConfig | ServerConfig, peer: ConnectionEnd) -> None:
        """Count one more wish of the peer. Raises LimitExceeded beyond `Limits.hello_requests`."""
        self.asked_by_peer += 1
        if self.asked_by_peer > config.limits.hello_requests:
            what = (
                "sent too many HelloRequests" if peer is ConnectionEnd.SERVER else "asked for too many renegotiations"
            )
            raise LimitExceeded(f"the {peer} {what}", rule="RFC 5246 7.2.2")

    def refused(self, why: str, records: int) -> None:
        """Remember that the peer's wish was refused, when `records` of its records had been opened."""
        self.refusal, self.refused_at = why, records

    def complete(self) -> None:
        """A handshake is complete: what was asked for or refused before does not matter any more."""
        self.asked_by_us = 0
        self.refusal = ""


def obstacle(
    config: ClientConfig | ServerConfig, established: Established | None, so_far: Renegotiations, *, during: bool
) -> str:
    """Why a renegotiation cannot begin now; empty if it can.

    `established` is the last handshake of a connection whose directions are both open, else None; `during` says that
    another handshake goes on.
    """
    if established is None:
        return "renegotiate() needs an established connection"
    if during:
        return "renegotiate() was called during a handshake"
    if config.policy.renegotiation is not Renegotiation.ALLOW:
        remedy = permit(config.policy, "handshakes whenever the peer asks", renegotiation=Renegotiation.ALLOW)
        return f"the policy forbids renegotiation; {remedy}"
    unsafe = established.obstacle_to_renegotiation(config.policy)
    if unsafe:
        return f"this connection cannot be renegotiated safely: {unsafe}"
    if so_far.handshakes > config.limits.renegotiations:
        return f"Limits allows {config.limits.renegotiations} renegotiations on a connection"
    return ""


def judge_hello_request(
    config: ClientConfig | ServerConfig, established: Established | None, so_far: Renegotiations, *, during: bool
) -> RenegotiationReply:
    """What a client answers a HelloRequest. Raises LimitExceeded for too many."""
    so_far.count_wish(config, ConnectionEnd.SERVER)
    ends = config.policy.renegotiation is Renegotiation.FATAL
    if during:
        return RenegotiationReply.OUT_OF_PLACE if ends else RenegotiationReply.IGNORE
    if ends:
        return RenegotiationReply.END
    return (
        RenegotiationReply.REFUSE
        if obstacle(config, established, so_far, during=during)
        else RenegotiationReply.ASK_OWNER
    )


def judge_client_hello(
    config: ClientConfig | ServerConfig, established: Established, so_far: Renegotiations, message: bytes
) -> RenegotiationReply:
    """What a server answers a ClientHello after a finished handshake. Raises LimitExceeded for too many."""
    wish = config.policy.renegotiation
    if wish is Renegotiation.ALLOW and _may_begin(config, established, message):
        return RenegotiationReply.BEGIN
    if wish is Renegotiation.FATAL:
        return RenegotiationReply.END
    so_far.count_wish(config, ConnectionEnd.CLIENT)
    return RenegotiationReply.REFUSE


def _may_begin(config: ClientConfig | ServerConfig, established: Established, message: bytes) -> bool:
    """Whether this ClientHello may begin a renegotiation; it may gain extended master secret (RFC 7627 5.2)."""
    policy = config.policy
    if not established.obstacle_to_renegotiation(policy):
        return True
    if established.obstacle_to_renegotiation(policy, with_extended_master_secret=True):
        return False
    hello = messages.parse(message)
    return isinstance(hello, ClientHello) and hello.find(ExtendedMasterSecret) is not None


def policy_ends_connection(config: ClientConfig | ServerConfig, peer: ConnectionEnd) -> PeerIncompatible:
    """The error for a wish of the peer with which the policy ends the connection."""
    policy = config.policy
    remedy = f"{replacing(policy, renegotiation=Renegotiation.WARN)} goes on without one"
    if peer is ConnectionEnd.SERVER:
        remedy += f", {replacing(policy, renegotiation=Renegotiation.ALLOW)} renegotiates"
    asked = "asked for" if peer is ConnectionEnd.SERVER else "began"
    return PeerIncompatible(
        f"the {peer} {asked} a renegotiation, with which the policy ends the connection",
        rule="RFC 5246 7.2.2",
        remedy=remedy,
    )
