"""The server's story: RFC 5246 figures 1 and 2 from the other side.

How it works: `story` reads the ClientHello into an `Offer`, lets the application look at it, and decides between
`resume` and `full`. Everything that is chosen is chosen before the first byte of the answer is queued, so a
refusal leaves nothing half-said. The `build_*` and `check_*` steps may be overridden one by one.
"""

from __future__ import annotations

import dataclasses
import hmac
from typing import Any

from tls12.config import ClientAuth, ServerConfig
from tls12.crypto import signatures
from tls12.crypto.key_exchange import ExchangeInputs, KeyExchange, make_key_exchange
from tls12.crypto.signatures import SCHEMES
from tls12.errors import ApplicationRefused, DecodeError, PeerIncompatible, PeerMisbehaved, UsageError, WrongPurpose
from tls12.events import (
    Accept,
    ClientHelloReceived,
    Negotiated,
    PeerCertificateReceived,
    PskLookupRequested,
    Refuse,
    SessionLookupRequested,
)
from tls12.handshake.engine import (
    FixVersion,
    Handshake,
    Secrets,
    SetFragmentSize,
    Story,
    check_size,
)
from tls12.handshake.grammar import Side
from tls12.handshake.negotiation import (
    Agreed,
    Choice,
    Offer,
    check_offer,
    choose,
    choose_alpn,
    has_ec_group,
)
from tls12.handshake.proofs import (
    ResumedSession,
    Unauthenticated,
    VerifiedIdentity,
    VerifiedSignature,
)
from tls12.registry import (
    Alert,
    CertificateStatusType,
    CipherSuite,
    ClientCertificateType,
    CompressionMethod,
    ECPointFormat,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.resumption.sessions import Session
from tls12.trust.peer import PeerChain
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus, CertificateVerify
from tls12.wire.closing import NewSessionTicket
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    MaxFragmentLength,
    RecordSizeLimit,
    RenegotiationInfo,
    ServerNameAck,
    SessionTicketAck,
    SignedCertificateTimestampList,
    StatusRequestAck,
)
from tls12.wire.hello import ClientHello, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import ClientKeyExchange, DigitallySigned
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.records import MAX_PLAINTEXT

_CERTIFICATE_TYPES = (ClientCertificateType.ECDSA_SIGN, ClientCertificateType.RSA_SIGN)
"""EdDSA keys come under ecdsa_sign (RFC 8422 5.5)."""


class ServerHandshake(Handshake[ServerConfig]):
    """One handshake as server."""

    side = Side.SERVER

    # -- the story ----------------------------------------------------------------------------------------

    def story(self) -> Story[None]:
        """One handshake from its ClientHello to its Finished."""
        hello = yield from self.receive(ClientHello)
        offer = Offer.read(hello)
        check_offer(offer)
        yield from self.consult_application(offer)
        self.check_renegotiation_info(offer)
        session = yield from self.find_session(offer)
        alpn = choose_alpn(offer.alpn_protocols, self.config)
        old_choice = self.check_resumption(session, offer) if session is not None else None
        if session is not None and old_choice is not None:
            yield from self.resume(offer, session, old_choice, alpn)
        else:
            yield from self.full(offer, choose(offer, self.config), alpn)

    def full(self, offer: Offer, choice: Choice, alpn: str | None) -> Story[None]:
        """Figure 1: the whole key exchange."""
        config, suite, credential = self.config, choice.suite, choice.credential
        self.require_extended_master_secret(offer)
        self.transcript.start(suite.prf_hash)
        staple = credential.ocsp_response if credential is not None and offer.wants_staple else None
        agreed = self.build_agreed(
            offer,
            choice,
            alpn,
            session_id=config.random(32) if config.sessions is not None else b"",
            staple_promised=staple is not None,
            ticket_promised=offer.ticket is not None and config.ticket_keys is not None,
            scts=credential.scts if credential is not None and offer.wants_scts else (),
        )
        self.check_continuity(agreed)
        self.send(self.build_server_hello(offer, agreed))
        self.outputs.append(FixVersion())
        if credential is not None:
            self.send(credential.certificate_message, credential.certificate_message_bytes)
        if staple is not None:
            self.send(CertificateStatus(CertificateStatusType.OCSP, staple))
        key_exchange = make_key_exchange(suite, self.exchange_inputs(offer, choice))
        yield from self.send_share(key_exchange, choice, agreed)
        request = self.build_certificate_request(choice)
        if request is not None:
            self.send(request)
        self.send(ServerHelloDone())

        peer = yield from self.receive_certificate(request)
        exchange = yield from self.receive(ClientKeyExchange)
        psk = (yield from self.find_psk(exchange)) if suite.uses_psk else None
        premaster = key_exchange.accept(exchange, psk)
        master = self.master_secret(
            suite,
            premaster,
            agreed.client_random,
            agreed.server_random,
            extended=agreed.extended_master_secret,
        )
        secrets = self.derive_keys(suite, master, agreed.client_random, agreed.server_random)
        identity, possession = yield from self.verify_client(peer, request)
        self.transcript.forget_messages()
        finished = yield from self.receive_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, plaintext_limit=agreed.plaintext_limit
        )
        negotiated = self.negotiated(
            agreed,
            offer,
            group=choice.group,
            signature_scheme=choice.scheme,
            peer_signature_scheme=SignatureScheme.of(possession.scheme)
            if isinstance(possession, VerifiedSignature)
            else None,
            resumed=False,
            peer_certificates=peer.certificates if peer is not None else (),
            verified_chain=identity.chain if isinstance(identity, VerifiedIdentity) else (),
            psk_identity=exchange.psk_identity if suite.uses_psk else None,
        )
        session = self.new_session(secrets, negotiated)
        self.send_ticket(agreed, session)
        server_verify_data = self.send_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, fragment_size=agreed.fragment_size
        )
        self.keep_session(session)
        leaf = credential.certificate_list[0] if credential is not None else None
        self.finish(agreed, secrets, identity, possession, finished, negotiated, session, server_verify_data, leaf)

    def resume(self, offer: Offer, session: Session, choice: Choice, alpn: str | None) -> Story[None]:
        """Figure 2: the master secret is known already; the server finishes first."""
        config = self.config
        suite = choice.suite
        self.transcript.start(suite.prf_hash)
        self.transcript.forget_messages()
        agreed = self.build_agreed(
            offer,
            choice,
            alpn,
            session_id=offer.hello.session_id,
            staple_promised=False,
            ticket_promised=offer.ticket is not None
            and config.ticket_keys is not None
            and config.ticket_keys.should_renew(offer.ticket),
            scts=(),
        )
        self.check_continuity(agreed)
        self.send(self.build_server_hello(offer, agreed))
        self.outputs.append(FixVersion())
        secrets = self.derive_keys(suite, session.master_secret, agreed.client_random, agreed.server_random)
        self.send_ticket(agreed, session)
        server_verify_data = self.send_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, fragment_size=agreed.fragment_size
        )
        finished = yield from self.receive_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, plaintext_limit=agreed.plaintext_limit
        )
        proof = self.accept_resumption(session)
        negotiated = self.negotiated(
            agreed,
            offer,
            group=None,
            signature_scheme=None,
            peer_signature_scheme=None,
            resumed=True,
            peer_certificates=session.peer_certificates,
            verified_chain=session.verified_chain,
            psk_identity=session.psk_identity,
        )
        leaf = choice.credential.certificate_list[0] if choice.credential is not None else None
        self.finish(agreed, secrets, proof, proof, finished, negotiated, session, server_verify_data, leaf)

    # -- the ClientHello ----------------------------------------------------------------------------------

    def consult_application(self, offer: Offer) -> Story[None]:
        """Offer the ClientHello to the application, which may change the configuration or refuse."""
        event = ClientHelloReceived(
            offer.hello,
            offer.server_name,
            tuple(name.decode("utf-8", "backslashreplace") for name in offer.alpn_protocols),
        )
        decision = yield from self.ask(event, None)
        if isinstance(decision, Refuse):
            raise ApplicationRefused(f"the ClientHello was refused: {decision.reason}", alert=decision.alert)
        if decision is not None:
            if not isinstance(decision, ServerConfig):
                raise UsageError("ClientHelloReceived is answered with a ServerConfig, None or Refuse(alert)")
            self.config = decision
            self.limits = decision.limits

    def check_renegotiation_info(self, offer: Offer) -> None:
        """RFC 5746 3.6 and 3.7."""
        previous = self.previous
        if previous is None:
            if offer.renegotiated_connection:
                raise PeerMisbehaved(
                    "the client's renegotiation_info is not empty in a first handshake",
                    alert=Alert.HANDSHAKE_FAILURE,
                    rule="RFC 5746 3.6",
                )
            if not offer.secure_renegotiation and self.config.policy.require_secure_renegotiation:
                raise PeerIncompatible(
                    "the client offers no secure renegotiation (RFC 5746)",
                    rule="RFC 5746 3.6",
                    remedy="allow it with Policy.legacy_device(); risk: injected prefixes",
                )
            return
        scsv = CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV in offer.hello.cipher_suites
        due = previous.client_verify_data
        if scsv or not hmac.compare_digest(offer.renegotiated_connection or b"", due):
            raise PeerMisbehaved(
                "the client's renegotiation_info does not belong to this connection",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 5746 3.7",
            )

    def require_extended_master_secret(self, offer: Offer) -> None:
        """By policy, RFC 7627 5.2."""
        if not offer.extended_master_secret and self.config.policy.require_extended_master_secret:
            raise PeerIncompatible(
                "the client offers no extended master secret (RFC 7627)",
                rule="RFC 7627 5.2",
                remedy="allow it with Policy.legacy_device(); risk: triple handshake attacks",
            )

    # -- resumption ---------------------------------------------------------------------------------------

    def find_session(self, offer: Offer) -> Story[Session | None]:
        """By ticket, and only without one by id (RFC 5077 3.4)."""
        config, session_id = self.config, offer.hello.session_id
        if offer.ticket:
            if config.ticket_keys is None:
                return None
            state = config.ticket_keys.open(offer.ticket)
            try:
                return Session.from_bytes(state) if state is not None else None
            except DecodeError:
                return None  # sealed by us, but by another release: a full handshake follows
        if not session_id:
            return None
        if self.pauses_on(SessionLookupRequested):
            found: Session | None = yield from self.ask(SessionLookupRequested(session_id), None)
            return found
        if config.sessions is None:
            return None
        try:
            return config.sessions.get(session_id)
        except Exception:
            return None  # the contract of a store: its failures are misses

    def check_resumption(self, session: Session, offer: Offer) -> Choice | None:
        """What a full handshake would choose now, if the session may go on instead; None if it may not.

        Raises where the RFC wants an alert and no full handshake.
        """
        config = self.config
        if session.extended_master_secret and not offer.extended_master_secret:
            raise PeerMisbehaved(
                "the client resumes a session with extended master secret but does not offer it",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 7627 5.3",
            )
        bound = (session.server_name, session.policy, session.trust)
        if (
            not session.is_fresh(config.clock())
            or bound != (offer.server_name, config.policy.fingerprint, self.trust())
            or session.extended_master_secret != offer.extended_master_secret
            or (config.client_auth is ClientAuth.REQUIRED and not session.peer_certificates)
        ):
            return None
        if session.cipher_suite not in offer.hello.cipher_suites:
            if offer.ticket:
                return None
            raise PeerMisbehaved(
                f"the client resumes a session made with {session.cipher_suite}, which it does not offer",
                rule="RFC 5246 7.4.1.2",
            )
        self.require_extended_master_secret(offer)
        if session.psk_identity is not None and self.look_up_psk(session.psk_identity) is None:
            return None
        try:
            choice = choose(offer, config)
        except PeerIncompatible:
            return None
        return choice if choice.suite.suite == session.cipher_suite else None

    def accept_resumption(self, session: Session) -> ResumedSession:
        """Only after the client's Finished proved the session's master secret."""
        return ResumedSession(session)

    def trust(self) -> bytes:
        """What sessions are bound to: how clients are verified."""
        return self.config.verifier.fingerprint if self.config.verifier is not None else b""

    def new_session(self, secrets: Secrets, negotiated: Negotiated) -> Session | None:
        """What may be resumed later, if anything here can resume."""
        config = self.config
        if config.sessions is None and config.ticket_keys is None:
            return None
        return Session.from_handshake(
            negotiated,
            session_id=negotiated.session_id,
            ticket=b"",
            ticket_lifetime=int(config.session_lifetime),
            master_secret=secrets.master,
            alpn_protocols=config.alpn_protocols,
            trust=self.trust(),
            policy=config.policy.fingerprint,
            created=config.clock(),
        )

    def send_ticket(self, agreed: Agreed, session: Session | None) -> None:
        """NewSessionTicket, exactly when the ServerHello promised it (RFC 5077 3.3)."""
        if agreed.ticket_promised and session is not None and self.config.ticket_keys is not None:
            ticket = self.config.ticket_keys.seal(session.to_bytes())
            self.send(NewSessionTicket(int(self.config.session_lifetime), ticket))

    def keep_session(self, session: Session | None) -> None:
        """Into the store, for resumption by id."""
        if session is not None and session.session_id and self.config.sessions is not None:
            try:
                self.config.sessions.put(session.session_id, session)
            except Exception:
                return  # the contract of a store: its failures are misses

    # -- our flight ---------------------------------------------------------------------------------------

    def build_agreed(
        self,
        offer: Offer,
        choice: Choice,
        alpn: str | None,
        *,
        session_id: bytes,
        staple_promised: bool,
        ticket_promised: bool,
        scts: tuple[bytes, ...],
    ) -> Agreed:
        """What the two hellos settle."""
        config, policy = self.config, self.config.policy
        limit = offer.record_size_limit if policy.record_size_limit else None
        fragment = offer.max_fragment_length if policy.max_fragment_length and limit is None else None
        if fragment is not None:
            self.outputs.append(SetFragmentSize(1 << (8 + fragment)))
        size = min(limit, MAX_PLAINTEXT) if limit is not None else MAX_PLAINTEXT
        return Agreed(
            suite=choice.suite,
            client_random=offer.hello.random,
            server_random=config.random(32),
            session_id=session_id,
            extended_master_secret=offer.extended_master_secret,
            encrypt_then_mac=offer.encrypt_then_mac and policy.encrypt_then_mac and choice.suite.is_cbc,
            secure_renegotiation=offer.secure_renegotiation,
            alpn_protocol=alpn,
            staple_promised=staple_promised,
            ticket_promised=ticket_promised,
            scts=scts,
            fragment_size=1 << (8 + fragment) if fragment is not None else size,
            plaintext_limit=config.record_size_limit if limit is not None else MAX_PLAINTEXT,
        )

    def build_server_hello(self, offer: Offer, agreed: Agreed) -> ServerHello:
        """The answer, with exactly those extensions that the client offered (RFC 5246 7.4.1.3)."""
        extensions: list[Extension] = []
        if agreed.secure_renegotiation:
            previous = self.previous
            extensions.append(
                RenegotiationInfo(
                    previous.client_verify_data + previous.server_verify_data if previous is not None else b""
                )
            )
        full = agreed.session_id != offer.hello.session_id or not agreed.session_id
        if full and offer.server_name is not None:
            extensions.append(ServerNameAck())
        if agreed.extended_master_secret:
            extensions.append(ExtendedMasterSecret())
        if agreed.encrypt_then_mac:
            extensions.append(EncryptThenMac())
        if offer.point_formats is not None and has_ec_group(agreed.suite):
            extensions.append(ECPointFormats((ECPointFormat.UNCOMPRESSED,)))
        if agreed.ticket_promised:
            extensions.append(SessionTicketAck())
        if agreed.staple_promised:
            extensions.append(StatusRequestAck())
        if agreed.scts:
            extensions.append(SignedCertificateTimestampList(agreed.scts))
        if agreed.alpn_protocol is not None:
            extensions.append(ApplicationLayerProtocolNegotiation((agreed.alpn_protocol.encode(),)))
        policy = self.config.policy
        if offer.record_size_limit is not None and policy.record_size_limit:
            extensions.append(RecordSizeLimit(self.config.record_size_limit))
        elif offer.max_fragment_length is not None and policy.max_fragment_length:
            extensions.append(MaxFragmentLength(offer.max_fragment_length))
        return ServerHello(
            server_version=ProtocolVersion.TLS_1_2,
            random=agreed.server_random,
            session_id=agreed.session_id,
            cipher_suite=agreed.suite.suite,
            compression_method=CompressionMethod.NULL,
            extensions=tuple(extensions) or None,
        )

    def exchange_inputs(self, offer: Offer, choice: Choice) -> ExchangeInputs:
        """What the server's side of the key exchange computes with."""
        credential = choice.credential
        return ExchangeInputs(
            random=self.config.random,
            group=choice.group,
            client_version=offer.hello.client_version,
            private_key=credential.decryption_key if credential is not None else None,
            psk_identity_hint=self.config.psk_identity_hint,
            minimum_dh_bits=self.config.policy.minimum_dh_bits,
        )

    def send_share(self, key_exchange: KeyExchange, choice: Choice, agreed: Agreed) -> Story[None]:
        """ServerKeyExchange, signed where the suite signs it (RFC 5246 7.4.3)."""
        share = key_exchange.offer()
        if share is None:
            return
        if choice.scheme is not None and choice.credential is not None:
            data = agreed.client_random + agreed.server_random + share.params_bytes()
            signature = yield from self.sign(choice.credential, choice.scheme, data)
            share = dataclasses.replace(share, signature=DigitallySigned(choice.scheme, signature))
        self.send(share)

    def build_certificate_request(self, choice: Choice) -> CertificateRequest | None:
        """Asked only by servers that authenticate with a certificate (RFC 5246 7.4.4)."""
        config = self.config
        if (
            config.client_auth is ClientAuth.NONE
            or choice.credential is None
            or choice.suite.key_exchange is Kx.RSA_PSK
        ):
            return None
        return CertificateRequest(_CERTIFICATE_TYPES, config.policy.signature_schemes, config.certificate_authorities)

    # -- the client's flight ------------------------------------------------------------------------------

    def receive_certificate(self, request: CertificateRequest | None) -> Story[PeerChain | None]:
        """The client's chain, if it was asked for one and has one (RFC 5246 7.4.6)."""
        if request is None:
            return None
        message = yield from self.receive(Certificate)
        chain = message.certificate_list
        if not chain:
            if self.config.client_auth is ClientAuth.REQUIRED:
                raise PeerIncompatible("the client sent no certificate, which is required", rule="RFC 5246 7.4.6")
            return None
        check_size("a chain", len(chain), self.limits.certificates, Alert.BAD_CERTIFICATE)
        previous = self.previous
        if previous is not None and previous.negotiated.peer_certificates not in ((), chain):
            raise PeerMisbehaved("the client changed its certificate in a renegotiation", rule="RFC 7627 6.2")
        peer = PeerChain(certificates=chain, role="client", server_name=None, time=self.config.clock())
        if not peer.allows_signing:
            raise WrongPurpose("the keyUsage of the client's certificate lacks digitalSignature", rule="RFC 5246 7.4.6")
        return peer

    def find_psk(self, exchange: ClientKeyExchange) -> Story[bytes]:
        """The key of the identity that the client names (RFC 4279 2)."""
        identity = exchange.psk_identity or b""
        check_size("a PSK identity", len(identity), self.limits.psk_identity, Alert.ILLEGAL_PARAMETER)
        if self.pauses_on(PskLookupRequested):
            key: bytes | None = yield from self.ask(PskLookupRequested(identity=identity), None)
        else:
            key = self.look_up_psk(identity)
        if key is None:
            raise PeerIncompatible(
                "the client names a PSK identity that is not configured",
                alert=Alert.UNKNOWN_PSK_IDENTITY,
                rule="RFC 4279 2",
            )
        return key

    def look_up_psk(self, identity: bytes) -> bytes | None:
        """From the mapping or the function of the configuration."""
        source = self.config.psk
        if source is None:
            return None
        return source(identity) if callable(source) else source.get(identity)

    def verify_client(
        self, peer: PeerChain | None, request: CertificateRequest | None
    ) -> Story[tuple[VerifiedIdentity | Unauthenticated, VerifiedSignature | Unauthenticated]]:
        """Both proofs about a client: whose certificate it is, and that the client owns the key."""
        if peer is None:
            nobody = Unauthenticated("client certificates are not required")
            return nobody, nobody
        identity = yield from self.verify_identity(peer)
        possession = yield from self.verify_possession(peer)
        return identity, possession

    def verify_identity(self, peer: PeerChain) -> Story[VerifiedIdentity]:
        """Ask the verifier, then the application: the one place that proves a client's identity."""
        assert self.config.verifier is not None
        chain = self.config.verifier.verify(peer)
        decision = yield from self.ask(PeerCertificateReceived(peer.certificates, chain), Accept())
        if isinstance(decision, Refuse):
            raise ApplicationRefused(f"the client's certificate was refused: {decision.reason}", alert=decision.alert)
        return VerifiedIdentity(peer.certificates, chain)

    def verify_possession(self, peer: PeerChain) -> Story[VerifiedSignature]:
        """CertificateVerify (RFC 5246 7.4.8): the one place that proves a client's possession."""
        signed = self.transcript.messages
        message = yield from self.receive(CertificateVerify)
        scheme, kind = message.algorithm, peer.leaf_key_kind
        if scheme not in self.config.policy.signature_schemes:
            raise PeerMisbehaved(f"the client signed with {scheme}, which was not offered", rule="RFC 5246 7.4.8")
        if kind is not SCHEMES[scheme].kind:
            raise PeerMisbehaved(
                f"the client signed with {scheme}, but its certificate holds a key of type {kind.name}",
                rule="RFC 5246 7.4.8",
            )
        signatures.verify(peer.leaf_public_key, scheme, message.signature, signed)
        return VerifiedSignature(scheme)

    # -- the end ------------------------------------------------------------------------------------------

    def negotiated(self, agreed: Agreed, offer: Offer, **facts: Any) -> Negotiated:
        """The facts for the application."""
        return Negotiated(
            version=ProtocolVersion.TLS_1_2,
            cipher_suite=agreed.suite.suite,
            server_name=offer.server_name,
            alpn_protocol=agreed.alpn_protocol,
            extended_master_secret=agreed.extended_master_secret,
            encrypt_then_mac=agreed.encrypt_then_mac,
            secure_renegotiation=agreed.secure_renegotiation,
            session_id=agreed.session_id,
            ocsp_response=None,
            scts=(),
            client_random=agreed.client_random,
            server_random=agreed.server_random,
            record_size_limit=agreed.fragment_size,
            **facts,
        )
