"""The server's side of a handshake in the order of its messages, as in figures 1 and 2 of RFC 5246.

How it works: `story` reads the ClientHello, decides between `resume` and `full` (`server_hello.py`, `negotiation.py`),
and goes on with one of them. The methods below make or check one message each, and a subclass may override one.
"""

from __future__ import annotations

from tls12.agreement import Agreed, PeerIdentity
from tls12.config import ClientAuth
from tls12.crypto.key_exchange import ExchangeInputs, KeyExchange, make_key_exchange
from tls12.crypto.randomness import Purpose
from tls12.crypto.signatures import SCHEMES, KeyKind
from tls12.errors import Detail, PeerIncompatible, PeerMisbehaved, WrongPurpose
from tls12.handshake.engine import Story
from tls12.handshake.negotiation import (
    Choice,
    Offer,
    check_offer,
    choose,
)
from tls12.handshake.proofs import (
    Unauthenticated,
    VerifiedIdentity,
    VerifiedSignature,
)
from tls12.handshake.server_hello import ServerHellos
from tls12.handshake.steps import check_size
from tls12.registry import (
    Alert,
    CertificateStatusType,
    ClientCertificateType,
    ConnectionEnd,
    SignatureScheme,
)
from tls12.resumption.sessions import Session
from tls12.secrecy import Secret
from tls12.trust.peer import PeerChain
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus, CertificateVerify
from tls12.wire.extensions import ExtendedMasterSecret, SignedCertificateTimestampRequest
from tls12.wire.hello import ClientHello, ServerHelloDone
from tls12.wire.key_exchange import ClientKeyExchange, DigitallySigned, ServerKeyExchange
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

_KEYS_OF_TYPE = {
    ClientCertificateType.ECDSA_SIGN: frozenset({KeyKind.ECDSA, KeyKind.ED25519, KeyKind.ED448}),
    ClientCertificateType.RSA_SIGN: frozenset({KeyKind.RSA, KeyKind.RSA_PSS}),
    ClientCertificateType.DSS_SIGN: frozenset({KeyKind.DSA}),
}
"""The kinds of key that each ClientCertificateType covers (RFC 5246 7.4.4; EdDSA under ecdsa_sign: RFC 8422 5.5)."""

_NO_CLIENT_CERTIFICATE = Unauthenticated(reason="client certificates are not required")


class ServerHandshake(ServerHellos):
    """One handshake as server."""

    # -- the story ----------------------------------------------------------------------------------------

    def story(self) -> Story[None]:
        """One handshake from its ClientHello to its Finished."""
        hello = yield from self.receive(ClientHello)
        offer = Offer.read(hello)
        del hello
        check_offer(offer)
        yield from self.consult_application(offer)
        self.check_renegotiation_info(offer)
        self.check_same_name(offer)
        session = yield from self.find_session(offer)
        alpn = self.choose_alpn(offer)
        old_choice = self.check_resumption(session, offer) if session is not None else None
        path = (
            self.resume(offer, session, old_choice, alpn)
            if session is not None and old_choice is not None and (yield from self.has_psk_of(session))
            else self.full(offer, choose(offer, self.config), alpn)
        )
        # `full` and `resume` delete the offer, and with it the hello, once it is answered. This frame must do so too,
        # or both would stay in memory until the client goes on.
        del offer, session, old_choice
        yield from path

    def full(self, offer: Offer, choice: Choice, alpn: str | None) -> Story[None]:
        """Figure 1: the whole key exchange."""
        config, suite, credential = self.config, choice.parameters, choice.credential
        extended = ExtendedMasterSecret in offer.extensions
        self.check_extended_master_secret(extended)
        reusable = self.may_be_reused(extended)
        self.transcript.start(suite.prf_hash)
        staple = credential.ocsp_response if credential is not None and offer.wants_staple else None
        agreed = self.build_agreed(
            offer,
            choice,
            alpn,
            session_id=config.draw(Purpose.SESSION_ID, 32) if reusable and self.keeps_sessions() else b"",
            staple_promised=staple is not None,
            ticket_promised=reusable and offer.ticket is not None and config.ticket_keys is not None,
            scts=credential.scts
            if credential is not None and SignedCertificateTimestampRequest in offer.extensions
            else (),
        )
        self.check_continuity(agreed)
        self.output_record_rules(agreed)
        self.send(self.build_server_hello(offer, agreed))
        if credential is not None:
            self.send(credential.certificate_message, credential.certificate_message_bytes)
        if staple is not None:
            self.send(CertificateStatus(CertificateStatusType.OCSP, staple))
        key_exchange = make_key_exchange(suite, self.exchange_inputs(offer, choice))
        del offer
        yield from self.send_share(key_exchange, choice, agreed)
        request = self.build_certificate_request(choice)
        if request is not None:
            self.send(request)
        else:
            self.transcript.forget_messages()
        self.send(ServerHelloDone())

        chain = yield from self.receive_certificate(request)
        exchange = yield from self.receive(ClientKeyExchange)
        psk = Secret((yield from self.find_psk(exchange)) if suite.uses_psk else None)
        premaster = Secret(key_exchange.take_client_key_exchange(exchange, psk.value))
        secrets = self.derive_keys(agreed, Secret(self.master_secret(agreed, premaster.value)))
        psk_digest = self.digest_psk(secrets, exchange.psk_identity, psk)
        del psk, premaster
        identity, possession = yield from self.verify_client(chain)
        self.transcript.forget_messages()
        finished = yield from self.receive_finished(agreed, secrets)
        peer = PeerIdentity(
            certificates=chain.certificates if chain is not None else (),
            verified_chain=identity.chain if isinstance(identity, VerifiedIdentity) else (),
            psk_identity=exchange.psk_identity if suite.uses_psk else None,
        )
        signed_with = possession.scheme if isinstance(possession, VerifiedSignature) else None
        negotiated = self.negotiated(
            agreed,
            peer,
            resumed=False,
            group=choice.group,
            signature_scheme=choice.scheme,
            peer_signature_scheme=SignatureScheme.of(signed_with) if signed_with is not None else None,
        )
        session = self.new_session(agreed, peer, secrets, credential, psk_digest)
        self.send_ticket(agreed, session)
        server_verify_data = self.send_finished(agreed, secrets)
        self.keep_session(session)
        self.finish(
            identity=identity,
            possession=possession,
            finished=finished,
            negotiated=negotiated,
            session=session,
            secrets=secrets,
            sent_verify_data=server_verify_data,
            server_certificate=credential.certificate_list[0] if credential is not None else None,
        )

    def resume(self, offer: Offer, session: Session, choice: Choice, alpn: str | None) -> Story[None]:
        """Figure 2: the master secret is known already; the server finishes first."""
        config, suite, ticket = self.config, choice.parameters, offer.ticket
        self.transcript.start(suite.prf_hash)
        self.transcript.forget_messages()
        agreed = self.build_agreed(
            offer,
            choice,
            alpn,
            session_id=offer.hello.session_id,
            staple_promised=False,
            ticket_promised=ticket is not None
            and config.ticket_keys is not None
            and config.ticket_keys.should_renew(ticket),
            scts=(),
            session=session,
        )
        self.check_continuity(agreed)
        self.output_record_rules(agreed)
        self.send(self.build_server_hello(offer, agreed, resumed=True))
        del offer
        secrets = self.derive_keys(agreed, Secret(session.master_secret))
        self.send_ticket(agreed, session)
        server_verify_data = self.send_finished(agreed, secrets)
        finished = yield from self.receive_finished(agreed, secrets)
        proof = self.accept_resumption(session, finished)
        self.finish(
            identity=proof,
            possession=proof,
            finished=finished,
            negotiated=self.negotiated(agreed, session.peer, resumed=True),
            session=session,
            secrets=secrets,
            sent_verify_data=server_verify_data,
            server_certificate=None,
        )

    # -- our flight ---------------------------------------------------------------------------------------

    def exchange_inputs(self, offer: Offer, choice: Choice) -> ExchangeInputs:
        """What the server's side of the key exchange computes with."""
        config, credential = self.config, choice.credential
        inputs = ExchangeInputs(config.crypto, config.draw, choice.group)
        inputs.client_version = offer.hello.client_version
        inputs.private_key = credential.decryption_key if credential is not None else None
        inputs.psk_identity_hint = config.psk_identity_hint
        inputs.minimum_dh_bits = config.policy.minimum_dh_bits
        return inputs

    def send_share(self, key_exchange: KeyExchange, choice: Choice, agreed: Agreed) -> Story[None]:
        """ServerKeyExchange, signed where the suite signs it (RFC 5246 7.4.3)."""
        share = key_exchange.make_server_key_exchange()
        if share is None:
            return
        if choice.scheme is not None and choice.credential is not None:
            data = agreed.client_random + agreed.server_random + share.params_bytes()
            signature = yield from self.sign(choice.credential, choice.scheme, data)
            share = ServerKeyExchange(share.params, share.psk_identity_hint, DigitallySigned(choice.scheme, signature))
        self.send(share)

    def build_certificate_request(self, choice: Choice) -> CertificateRequest | None:
        """The CertificateRequest, or None where the configuration asks for no certificate.

        Only a server that authenticates by certificate alone may send one (RFC 5246 7.4.4, RFC 4279 2).
        """
        config = self.config
        if (
            config.client_auth is ClientAuth.NONE
            or choice.credential is None
            or choice.parameters.key_exchange is Kx.RSA_PSK
        ):
            return None
        schemes = config.policy.signature_schemes
        kinds = {SCHEMES[scheme].kind for scheme in schemes}
        types = tuple(kind for kind, keys in _KEYS_OF_TYPE.items() if not kinds.isdisjoint(keys))
        return CertificateRequest(types, schemes, config.certificate_authorities)

    # -- the client's flight ------------------------------------------------------------------------------

    def receive_certificate(self, request: CertificateRequest | None) -> Story[PeerChain | None]:
        """The client's chain, or None if it was not asked for one or sent an empty one (RFC 5246 7.4.6)."""
        if request is None:
            return None
        message = yield from self.receive(Certificate)
        chain = message.certificate_list
        if not chain:
            if self.config.client_auth is ClientAuth.REQUIRED:
                raise PeerIncompatible(
                    "the client sent no certificate, which is required",
                    rule="RFC 5246 7.4.6",
                    detail=Detail.NO_CLIENT_CERTIFICATE,
                )
            return None
        check_size("a chain", len(chain), self.limits.certificates, Alert.BAD_CERTIFICATE)
        previous = self.previous
        if previous is not None and previous.negotiated.peer_certificates not in ((), chain):
            raise PeerMisbehaved("the client changed its certificate in a renegotiation", rule="RFC 7627 6.1")
        peer = PeerChain(
            certificates=chain,
            role=ConnectionEnd.CLIENT,
            server_name=None,
            time=self.config.now(),
            minimum_rsa_bits=self.config.policy.minimum_rsa_bits,
            maximum_rsa_bits=self.config.policy.maximum_rsa_bits,
            memory=self.config.memory,
        )
        self.check_key_size(peer)
        if not peer.allows_signing:
            raise WrongPurpose("the keyUsage of the client's certificate lacks digitalSignature", rule="RFC 5246 7.4.6")
        return peer

    def find_psk(self, exchange: ClientKeyExchange) -> Story[bytes]:
        """The key of the identity that the client names (RFC 4279 2)."""
        identity = exchange.psk_identity or b""
        check_size("a PSK identity", len(identity), self.limits.psk_identity, Alert.ILLEGAL_PARAMETER)
        key = yield from self.ask_for_psk(identity)
        if not key and self.config.policy.conceal_psk_identities:
            return self.config.draw(Purpose.UNKNOWN_PSK, 32)  # the handshake fails at Finished, as with a wrong key
        if not key:
            raise PeerIncompatible(
                "the client names a PSK identity that is not configured",
                alert=Alert.UNKNOWN_PSK_IDENTITY,
                rule="RFC 4279 2",
                detail=Detail.NO_PRE_SHARED_KEY,
            )
        return key

    def verify_client(
        self, peer: PeerChain | None
    ) -> Story[tuple[VerifiedIdentity | Unauthenticated, VerifiedSignature | Unauthenticated]]:
        """Both proofs about a client: whose certificate it is, and that the client owns the key."""
        if peer is None:
            return _NO_CLIENT_CERTIFICATE, _NO_CLIENT_CERTIFICATE
        identity = yield from self.verify_identity(peer)
        possession = yield from self.verify_possession(peer)
        return identity, possession

    def verify_possession(self, peer: PeerChain) -> Story[VerifiedSignature]:
        """CertificateVerify (RFC 5246 7.4.8), over everything before it."""
        signed = self.transcript.messages
        message = yield from self.receive(CertificateVerify)
        return self.verify_signature(peer, message.algorithm, message.signature, signed)
