"""The steps that both sides share: keys, Finished, signatures, proofs, the end of a handshake.

How it works: what RFC 5246 says for both sides is written here once. Four of these methods are the only ones that
make a proof, each after its check: `verify_identity`, `verify_signature`, `receive_finished`, and `accept_resumption`,
which is given the Finished under the session's master secret. `finish` puts the proofs together.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any

from tls12.agreement import Agreed, PeerIdentity
from tls12.crypto import key_schedule
from tls12.crypto.prf import Prf
from tls12.crypto.randomness import Purpose, for_purpose, system_random
from tls12.errors import (
    ApplicationRefused,
    BadSignature,
    Detail,
    LimitExceeded,
    PeerIncompatible,
    PeerMisbehaved,
    UsageError,
)
from tls12.events import Accept, Negotiated, PeerCertificateReceived, Refuse, SignatureRequested
from tls12.given import expect, name_value
from tls12.handshake.engine import C, Complete, Handshake, InstallReadKeys, RecordRules, Story
from tls12.handshake.permissions import permit, replacing
from tls12.handshake.proofs import (
    Established,
    ResumedSession,
    Unauthenticated,
    VerifiedFinished,
    VerifiedIdentity,
    VerifiedSignature,
)
from tls12.policy import SMALLEST_MODULUS
from tls12.registry import Alert, ConnectionEnd, NamedGroup, SignatureScheme
from tls12.resumption.sessions import Session
from tls12.secrecy import Secret
from tls12.trust.credentials import Credential
from tls12.trust.key_sizes import WEAKEST_CURVE, is_too_large, too_large, weak_curve, weak_key
from tls12.trust.peer import PeerChain
from tls12.wire.closing import ChangeCipherSpec, Finished

_CLIENT = ConnectionEnd.CLIENT  # slow to look up in an enum class before Python 3.12 (see docs/performance.md)
_BREAKABLE = "a key that can be broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The master secret of one handshake, and the keys made from it."""

    master: bytes = field(repr=False)
    prf: Prf = field(repr=False)
    """The PRF with the master secret, which gives the key block and both Finished."""
    keys: key_schedule.KeyBlock = field(repr=False)


class Steps(Handshake[C]):
    """A handshake with the steps that do not depend on the side; the stories build on it."""

    def output_record_rules(self, agreed: Agreed) -> None:
        """Tell the connection that the version is agreed, and how long records may be from here on (RFC 6066 4)."""
        self.outputs.append(RecordRules(agreed.max_fragment_size, self.config.max_send_fragment))

    # -- keys ---------------------------------------------------------------------------------------------

    def master_secret(self, agreed: Agreed, premaster: bytes) -> bytes:
        """RFC 5246 8.1, or RFC 7627 4 over the transcript up to and including ClientKeyExchange."""
        prf = self.config.crypto.make_prf(agreed.parameters.prf_hash, premaster)
        if agreed.terms.extended_master_secret:
            return key_schedule.extended_master_secret(prf, self.transcript.digest())
        return key_schedule.master_secret(prf, agreed.client_random, agreed.server_random)

    def derive_keys(self, agreed: Agreed, master: Secret[bytes]) -> Secrets:
        """The key block (RFC 5246 6.3), and a line in the key log."""
        if self.config.keylog is not None:
            self.config.keylog.log("CLIENT_RANDOM", agreed.client_random, master.value)
        suite = agreed.parameters
        prf = self.config.crypto.make_prf(suite.prf_hash, master.value)
        keys = key_schedule.key_block(suite, prf, agreed.client_random, agreed.server_random)
        return Secrets(master=master.value, prf=prf, keys=keys)

    def verify_data(self, secrets: Secrets, sender: ConnectionEnd) -> bytes:
        """The content of `sender`'s Finished over the transcript so far (RFC 5246 7.4.9)."""
        return key_schedule.verify_data(secrets.prf, sender, self.transcript.digest())

    def send_finished(self, agreed: Agreed, secrets: Secrets) -> bytes:
        """Send ChangeCipherSpec, switch our keys on and send Finished. Returns its verify_data."""
        keys = secrets.keys.client if self.side is _CLIENT else secrets.keys.server
        sealer = self.config.crypto.make_sealer(
            agreed.parameters,
            keys,
            encrypt_then_mac=agreed.terms.encrypt_then_mac,
            random=for_purpose(self.config.draw, Purpose.RECORD_IV),
        )
        self.send_change_cipher_spec(sealer, min(agreed.record_size_limit, self.config.max_send_fragment))
        verify_data = self.verify_data(secrets, self.side)
        self.send(Finished(verify_data))
        return verify_data

    # -- proofs -------------------------------------------------------------------------------------------

    def receive_finished(self, agreed: Agreed, secrets: Secrets) -> Story[VerifiedFinished]:
        """Take ChangeCipherSpec, switch the peer's keys on, and check its Finished. Only here is a Finished proved."""
        yield from self.receive(ChangeCipherSpec)
        keys = secrets.keys.server if self.side is _CLIENT else secrets.keys.client
        opener = self.config.crypto.make_opener(agreed.parameters, keys, encrypt_then_mac=agreed.terms.encrypt_then_mac)
        self.outputs.append(InstallReadKeys(opener, agreed.own_record_size_limit))
        expected = self.verify_data(secrets, self.peer)
        finished = yield from self.receive(Finished)
        if not hmac.compare_digest(finished.verify_data, expected):
            raise BadSignature(
                f"the {self.peer}'s Finished does not match what we saw of the handshake: "
                "it was altered on the way, or the two sides derived different keys",
                rule="RFC 5246 7.4.9",
                detail=Detail.FINISHED,
            )
        return VerifiedFinished(verify_data=finished.verify_data)

    def check_key_size(self, peer: PeerChain) -> None:
        """Apply the policy's bounds on RSA keys, and those on curves that follow from them, to the peer's leaf.

        This does not depend on the verifier, which may accept any key.
        """
        leaf, policy, whose = peer.leaf_key, self.config.policy, f"the {peer.role}'s certificate"
        bits, curve = leaf.rsa_bits, leaf.curve_bits
        if bits is not None and bits < peer.minimum_rsa_bits:
            allowed = permit(policy, _BREAKABLE, minimum_rsa_bits=bits) if bits >= SMALLEST_MODULUS else ""
            raise weak_key(whose, bits, peer.minimum_rsa_bits, allowed)
        if curve is None and is_too_large(leaf.public_key, peer.maximum_rsa_bits):
            raise too_large(
                whose,
                leaf.public_key,
                peer.maximum_rsa_bits,
                lambda bits: f"allow it with {replacing(policy, maximum_rsa_bits=bits)}",
            )
        if curve is not None and curve < WEAKEST_CURVE and peer.minimum_rsa_bits >= 2048:
            allowed = permit(policy, _BREAKABLE, minimum_rsa_bits=SMALLEST_MODULUS)
            raise weak_curve(whose, curve, allowed)

    def verify_identity(self, peer: PeerChain) -> Story[VerifiedIdentity]:
        """Ask the verifier, then the application. Only here is an identity proved."""
        assert self.config.verifier is not None
        chain = self.config.verifier.verify(peer)
        self.check_chain(chain)
        decision = yield from self.ask(PeerCertificateReceived(peer.certificates, chain), Accept())
        if isinstance(decision, Refuse):
            raise ApplicationRefused(
                f"the {peer.role}'s certificate was refused: {decision.reason}", alert=decision.alert
            )
        return VerifiedIdentity(certificates=peer.certificates, chain=chain)

    def check_chain(self, chain: Any) -> None:
        """Raises `UsageError` if the verifier, which may be the application's own, returned no tuple of bytes."""
        if not isinstance(chain, tuple):
            wrong = name_value(chain)
        elif others := [der for der in chain if not isinstance(der, bytes)]:
            wrong = f"a tuple with {name_value(others[0])}"
        else:
            return
        raise UsageError(
            f"the verify() of {type(self.config.verifier).__name__} gave {wrong}; it gives the verified chain as a "
            "tuple of bytes (DER), () without one, or raises CertificateError"
        )

    def verify_signature(
        self, peer: PeerChain, scheme: SignatureScheme, signature: bytes, signed: bytes
    ) -> VerifiedSignature:
        """Check that the scheme was offered and fits the key, and verify the signature. Only here is one proved."""
        if scheme not in self.config.policy.signature_schemes:
            raise PeerMisbehaved(f"the {peer.role} signed with {scheme}, which was not offered", rule="RFC 5246 7.4.3")
        leaf = peer.leaf_key
        if not leaf.may_use(scheme):
            raise PeerMisbehaved(
                f"the {peer.role} signed with {scheme}, which is not for its key of type {leaf.key_kind.name}",
                rule="RFC 5246 7.4.3",
            )
        self.config.crypto.verify(leaf.public_key, scheme, signature, signed)
        return VerifiedSignature(scheme=scheme)

    def accept_resumption(self, session: Session, finished: VerifiedFinished) -> ResumedSession:
        """The peer's Finished proves the session's master secret, and so everything that the session proved."""
        return ResumedSession(session=session)

    # -- our signature ------------------------------------------------------------------------------------

    def sign(self, credential: Credential, scheme: SignatureScheme, data: bytes) -> Story[bytes]:
        """Our signature: from the application if it answers SignatureRequested, else made with the credential."""
        if self.pauses_on(SignatureRequested):
            signature: bytes = yield from self.ask(SignatureRequested(credential, scheme, data), b"")
            return signature
        config = self.config
        reproducible = config.draw is not system_random
        signed = credential.sign(scheme, data, deterministic=reproducible, crypto=config.crypto)
        expect(signed, bytes, "the sign() of a credential's key", "it gives the signature as bytes")
        return signed

    # -- extended master secret, renegotiation and the end --------------------------------------------------

    def check_extended_master_secret(self, offered: bool) -> None:
        """Raise an error if the peer leaves extended master secret out and must not (RFC 7627 5.2, 5.4).

        The policy decides, except in a renegotiation after a handshake that used it: that must use it again.
        """
        if offered:
            return
        peer, policy, previous = self.peer, self.config.policy, self.previous
        if policy.require_extended_master_secret:
            raise PeerIncompatible(
                f"the {peer} offers no extended master secret",
                detail=Detail.NO_EXTENDED_MASTER_SECRET,
                rule="RFC 7627 5.2",
                remedy=permit(policy, "triple handshake attacks", require_extended_master_secret=False),
            )
        if previous is None:
            return
        if previous.negotiated.extended_master_secret:
            raise PeerMisbehaved(
                f"the {peer} dropped extended_master_secret in a renegotiation",
                # No RFC names the alert; these are what other servers and clients send.
                alert=Alert.HANDSHAKE_FAILURE if self.side is ConnectionEnd.SERVER else Alert.ILLEGAL_PARAMETER,
                rule="RFC 7627 5.4",
            )
        if not policy.reuse_legacy_sessions:
            raise PeerIncompatible(
                f"the {peer} renegotiates without extended master secret",
                detail=Detail.NO_EXTENDED_MASTER_SECRET,
                rule="RFC 7627 5.4",
                remedy=permit(policy, "triple handshake attacks", reuse_legacy_sessions=True),
            )

    def may_be_reused(self, extended_master_secret: bool) -> bool:
        """Whether a session may be kept, offered and resumed (RFC 7627 5.3): with extended master secret, or by policy.

        Without it two sessions can be made to have one master secret, and a resumption proves nothing.
        """
        return extended_master_secret or self.config.policy.reuse_legacy_sessions

    def check_continuity(self, agreed: Agreed) -> None:
        """Refuse a renegotiation that goes from encrypt-then-MAC back to MAC-then-encrypt (RFC 7366 3.1)."""
        previous = self.previous
        if previous is None:
            return
        if previous.encrypt_then_mac_ever and agreed.parameters.is_cbc and not agreed.terms.encrypt_then_mac:
            raise PeerMisbehaved(
                f"the {self.peer} renegotiates from encrypt-then-MAC to MAC-then-encrypt",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 7366 3.1",
            )

    def is_same_peer(self, peer: PeerIdentity) -> bool:
        """Whether this is the peer of the connection's last handshake. One that was anonymous may now authenticate."""
        before = self.previous.negotiated.peer if self.previous is not None else None
        return before is None or (
            before.certificates[:1] in ((), peer.certificates[:1]) and before.psk_identity in (None, peer.psk_identity)
        )

    def negotiated(
        self,
        agreed: Agreed,
        peer: PeerIdentity,
        *,
        resumed: bool,
        group: NamedGroup | None = None,
        signature_scheme: SignatureScheme | None = None,
        peer_signature_scheme: SignatureScheme | None = None,
    ) -> Negotiated:
        """The outcome for the application.

        Raises PeerMisbehaved when a renegotiation changes or drops the peer's identity (RFC 7627 6.1).
        """
        if not self.is_same_peer(peer):
            raise PeerMisbehaved(
                f"the identity of the {self.peer} would change in a renegotiation", rule="RFC 7627 6.1"
            )
        return Negotiated(
            agreed=agreed,
            peer=peer,
            resumed=resumed,
            group=group,
            signature_scheme=signature_scheme,
            peer_signature_scheme=peer_signature_scheme,
        )

    def finish(
        self,
        *,
        identity: VerifiedIdentity | ResumedSession | Unauthenticated,
        possession: VerifiedSignature | ResumedSession | Unauthenticated,
        finished: VerifiedFinished,
        negotiated: Negotiated,
        session: Session | None,
        secrets: Secrets,
        sent_verify_data: bytes,
        server_certificate: bytes | None,
    ) -> None:
        """Gather the proofs into `Established` and complete the handshake. Nothing else completes one."""
        ours, theirs = sent_verify_data, finished.verify_data
        previous = self.previous
        established = Established(
            identity=identity,
            possession=possession,
            finished=finished,
            negotiated=negotiated,
            session=session,
            server_certificate=server_certificate,
            encrypt_then_mac_ever=negotiated.encrypt_then_mac
            or (previous is not None and previous.encrypt_then_mac_ever),
            renegotiated=previous is not None,
            master_secret=secrets.master,
            client_verify_data=ours if self.side is _CLIENT else theirs,
            server_verify_data=theirs if self.side is _CLIENT else ours,
            crypto=self.config.crypto,
        )
        self.outputs.append(Complete(established))


def check_size(what: str, size: int, limit: int, alert: Alert) -> None:
    """Raises `LimitExceeded` with this alert when the peer sent more than `limit`."""
    if size > limit:
        raise LimitExceeded(f"the peer sent {what} of {size}; Limits allows {limit}", alert=alert)
