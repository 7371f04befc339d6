"""The client's story: RFC 5246 figures 1 and 2, straight down the page.

How it works: `story` sends a ClientHello, judges the ServerHello, and goes on with `full` or `resume`. Each line of
those two is a line of the RFC. The `build_*` steps make messages, the `check_*` and `verify_*` steps judge them;
a researcher overrides one of them in a subclass to misbehave at exactly one place.
"""

from __future__ import annotations

from typing import Any

from tls12.config import ClientConfig, Psk
from tls12.crypto import signatures
from tls12.crypto.key_exchange import ExchangeInputs, make_key_exchange
from tls12.crypto.signatures import SCHEMES
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import (
    ApplicationRefused,
    PeerIncompatible,
    PeerMisbehaved,
    WrongPurpose,
)
from tls12.events import (
    Accept,
    CertificateRequested,
    Negotiated,
    PeerCertificateReceived,
    PskLookupRequested,
    Refuse,
)
from tls12.handshake.engine import FixVersion, Handshake, Secrets, Story, check_size
from tls12.handshake.grammar import Conversation, Side
from tls12.handshake.negotiation import Agreed, choose_scheme, has_ec_group, key_fits
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
    CompressionMethod,
    ECPointFormat,
    ExtensionType,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.resumption.sessions import Session
from tls12.trust.credentials import Credential
from tls12.trust.names import is_ip_address
from tls12.trust.peer import PeerChain
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus, CertificateVerify
from tls12.wire.closing import ChangeCipherSpec, NewSessionTicket
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    MaxFragmentLength,
    RecordSizeLimit,
    RenegotiationInfo,
    ServerName,
    ServerNameList,
    SessionTicket,
    SessionTicketAck,
    SignatureAlgorithms,
    SignedCertificateTimestampList,
    SignedCertificateTimestampRequest,
    StatusRequest,
    StatusRequestAck,
    SupportedGroups,
)
from tls12.wire.hello import ClientHello, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.key_exchange import ServerKeyExchange
from tls12.wire.records import MAX_PLAINTEXT

_DOWNGRADE_SENTINELS = (b"DOWNGRD\x01", b"DOWNGRD\x00")
_NO_EXTENSION_NEEDED = frozenset({ExtensionType.RENEGOTIATION_INFO, ExtensionType.SUPPORTED_GROUPS})
"""Answers tolerated without an offer: RFC 5746 3.6 after the SCSV, and what some servers send by mistake."""
_AFTER_CERTIFICATE = (ServerKeyExchange, CertificateRequest, ServerHelloDone)


class ClientHandshake(Handshake[ClientConfig]):
    """One handshake as client."""

    side = Side.CLIENT

    def __init__(
        self,
        config: ClientConfig,
        conversation: Conversation,
        *,
        server_name: str | None,
        session: Session | None,
        **options: Any,
    ) -> None:
        super().__init__(config, conversation, **options)
        self.server_name = server_name
        self.session = session

    # -- the story ----------------------------------------------------------------------------------------

    def story(self) -> Story[None]:
        """One handshake from its ClientHello to its Finished."""
        hello = self.build_client_hello()
        self.send(hello)
        answer = yield from self.receive(ServerHello)
        agreed = self.check_server_hello(hello, answer)
        self.check_continuity(agreed)
        self.outputs.append(FixVersion())
        if (yield from self.server_resumes(hello, answer)):
            yield from self.resume(agreed)
        else:
            yield from self.full(agreed)

    def full(self, agreed: Agreed) -> Story[None]:
        """Figure 1: the whole key exchange."""
        suite = agreed.suite
        self.transcript.start(suite.prf_hash)
        identity: VerifiedIdentity | Unauthenticated = Unauthenticated(f"{suite.suite} has no certificates")
        staple: bytes | None = None
        peer: PeerChain | None = None
        if suite.uses_certificate:
            certificate = yield from self.receive(Certificate)
            if agreed.staple_promised:
                status = yield from self.receive_if(CertificateStatus, then=_AFTER_CERTIFICATE)
                staple = self.check_status(status)
            peer = self.check_certificate(suite, certificate, staple, agreed.scts)
            identity = yield from self.verify_identity(peer)
        exchange = yield from self.receive_share(suite)
        possession = self.verify_share(suite, exchange, peer, agreed)
        request = yield from self.receive_if(CertificateRequest, then=(ServerHelloDone,))
        yield from self.receive(ServerHelloDone)

        credential = (yield from self.choose_credential(request)) if request is not None else None
        if request is not None:
            self.send(credential.certificate_message if credential else Certificate(()))
        psk = (yield from self.find_psk(exchange)) if suite.uses_psk else None
        key_exchange = make_key_exchange(suite, self.exchange_inputs(suite, peer))
        message, premaster = key_exchange.respond(exchange, psk)
        self.send(message)
        master = self.master_secret(
            suite,
            premaster,
            agreed.client_random,
            agreed.server_random,
            extended=agreed.extended_master_secret,
        )
        secrets = self.derive_keys(suite, master, agreed.client_random, agreed.server_random)
        signed_with: SignatureScheme | None = None
        if credential is not None and request is not None:
            signed_with = yield from self.sign_transcript(credential, request)
        self.transcript.forget_messages()
        client_verify_data = self.send_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, fragment_size=agreed.fragment_size
        )
        ticket = (yield from self.receive(NewSessionTicket)) if agreed.ticket_promised else None
        finished = yield from self.receive_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, plaintext_limit=agreed.plaintext_limit
        )
        negotiated = self.negotiated(
            agreed,
            group=key_exchange.group,
            signature_scheme=signed_with,
            peer_signature_scheme=exchange.signature.algorithm if exchange and exchange.signature else None,
            resumed=False,
            peer_certificates=peer.certificates if peer else (),
            verified_chain=identity.chain if isinstance(identity, VerifiedIdentity) else (),
            ocsp_response=staple,
            psk_identity=psk.identity if psk else None,
        )
        leaf = peer.certificates[0] if peer else None
        session = self.new_session(secrets, negotiated, ticket)
        self.finish(agreed, secrets, identity, possession, finished, negotiated, session, client_verify_data, leaf)

    def resume(self, agreed: Agreed) -> Story[None]:
        """Figure 2: the master secret is known already; the server finishes first."""
        session = self.check_resumption(agreed)
        self.transcript.start(agreed.suite.prf_hash)
        self.transcript.forget_messages()
        secrets = self.derive_keys(agreed.suite, session.master_secret, agreed.client_random, agreed.server_random)
        ticket = (yield from self.receive(NewSessionTicket)) if agreed.ticket_promised else None
        finished = yield from self.receive_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, plaintext_limit=agreed.plaintext_limit
        )
        client_verify_data = self.send_finished(
            secrets, encrypt_then_mac=agreed.encrypt_then_mac, fragment_size=agreed.fragment_size
        )
        proof = self.accept_resumption(session)
        negotiated = self.negotiated(
            agreed,
            group=None,
            signature_scheme=None,
            peer_signature_scheme=None,
            resumed=True,
            peer_certificates=session.peer_certificates,
            verified_chain=session.verified_chain,
            ocsp_response=session.ocsp_response,
            psk_identity=session.psk_identity,
        )
        leaf = next(iter(session.peer_certificates), None)
        renewed = self.new_session(secrets, negotiated, ticket)
        self.finish(agreed, secrets, proof, proof, finished, negotiated, renewed, client_verify_data, leaf)

    # -- building -----------------------------------------------------------------------------------------

    def build_client_hello(self) -> ClientHello:
        """What we offer (RFC 5246 7.4.1.2)."""
        config = self.config
        suites = config.suites
        self.session = session = self.usable_session(suites)
        session_id = b""
        if session is not None:
            # RFC 5077 3.4: with a ticket, an id of our own invention tells an abbreviated handshake at once.
            session_id = config.random(32) if session.ticket else session.session_id
        return ClientHello(
            client_version=ProtocolVersion.TLS_1_2,
            random=config.random(32),
            session_id=session_id,
            cipher_suites=tuple(row.suite for row in suites),
            compression_methods=(CompressionMethod.NULL,),
            extensions=self.build_extensions(suites, session),
        )

    def build_extensions(self, suites: tuple[Suite, ...], session: Session | None) -> tuple[Extension, ...]:
        """The extensions of our ClientHello, each only where something needs it."""
        config, policy = self.config, self.config.policy
        previous = self.previous
        extensions: list[Extension] = [RenegotiationInfo(previous.client_verify_data if previous else b"")]
        if self.server_name is not None and not is_ip_address(self.server_name):
            host = ServerName(NameType.HOST_NAME, self.server_name.encode("ascii"))
            extensions.append(ServerNameList((host,)))
        extensions.append(ExtendedMasterSecret())
        if any(has_ec_group(suite) for suite in suites):
            extensions.append(ECPointFormats((ECPointFormat.UNCOMPRESSED,)))
        if any(suite.is_ephemeral for suite in suites):
            extensions.append(SupportedGroups(policy.groups))
        extensions.append(SessionTicket(session.ticket if session is not None else b""))
        if policy.encrypt_then_mac and any(suite.is_cbc for suite in suites):
            extensions.append(EncryptThenMac())
        if any(suite.uses_certificate for suite in suites):
            if config.request_ocsp:
                extensions.append(StatusRequest(CertificateStatusType.OCSP, (), b""))
            extensions.append(SignatureAlgorithms(policy.signature_schemes))
            if config.request_scts:
                extensions.append(SignedCertificateTimestampRequest())
        if config.alpn_protocols:
            extensions.append(
                ApplicationLayerProtocolNegotiation(tuple(name.encode() for name in config.alpn_protocols))
            )
        if policy.record_size_limit:
            extensions.append(RecordSizeLimit(config.record_size_limit))
        return tuple(extensions)

    def usable_session(self, suites: tuple[Suite, ...]) -> Session | None:
        """The session to offer: the given one or the store's, if everything it is bound to still holds."""
        config = self.config
        session = self.session
        if session is None and config.sessions is not None:
            try:
                session = config.sessions.get(self.session_key())
            except Exception:
                session = None  # the contract of a store: its failures are misses
        if session is None or not session.is_fresh(config.clock()):
            return None
        bound = (session.server_name, session.alpn_protocols, session.policy, session.trust)
        if bound != (self.server_name, config.alpn_protocols, config.policy.fingerprint, self.trust()):
            return None
        if not any(row.suite == session.cipher_suite for row in suites):
            return None
        return session if session.ticket or session.session_id else None

    def trust(self) -> bytes:
        """What sessions are bound to: how the server was verified."""
        return self.config.verifier.fingerprint if self.config.verifier is not None else b""

    def session_key(self) -> bytes:
        """Where the client's store keeps the session for this server."""
        return b"client:" + (self.server_name or "").encode()

    # -- judging the ServerHello --------------------------------------------------------------------------

    def check_server_hello(self, hello: ClientHello, answer: ServerHello) -> Agreed:
        """Everything that a ServerHello can get wrong (RFC 5246 7.4.1.3), and what it settles if it does not."""
        policy = self.config.policy
        if answer.server_version != ProtocolVersion.TLS_1_2:
            raise PeerIncompatible(
                f"the server chose {ProtocolVersion.of(answer.server_version)}; this client speaks TLS 1.2 only",
                alert=Alert.PROTOCOL_VERSION,
                rule="RFC 5246 E.1",
                remedy="enable TLS 1.2 on the server",
            )
        suite = self.check_suite(hello, answer)
        if answer.compression_method != CompressionMethod.NULL:
            raise PeerMisbehaved(
                f"the server chose compression {answer.compression_method}, which was not offered",
                rule="RFC 5246 7.4.1.3",
            )
        offered = {extension.extension_type for extension in hello.extensions or ()}
        for extension in answer.extensions or ():
            kind = extension.extension_type
            if kind not in offered and kind not in _NO_EXTENSION_NEEDED:
                raise PeerMisbehaved(
                    f"the server answered the extension {kind}, which was not offered",
                    alert=Alert.UNSUPPORTED_EXTENSION,
                    rule="RFC 5246 7.4.1.4",
                )
        secure = self.check_renegotiation_info(answer)
        extended = answer.find(ExtendedMasterSecret) is not None
        if not extended and policy.require_extended_master_secret:
            raise PeerIncompatible(
                "the server offers no extended master secret (RFC 7627)",
                rule="RFC 7627 5.2",
                remedy="allow it with Policy.legacy_device(); risk: triple handshake attacks",
            )
        encrypt_then_mac = answer.find(EncryptThenMac) is not None
        if encrypt_then_mac and not suite.is_cbc:
            raise PeerMisbehaved(f"the server answered encrypt_then_mac for {suite.suite}", rule="RFC 7366 3")
        formats = answer.find(ECPointFormats)
        if formats is not None and ECPointFormat.UNCOMPRESSED not in formats.ec_point_format_list:
            raise PeerMisbehaved("the server's ec_point_formats lacks uncompressed", rule="RFC 8422 5.2")
        size = answer.find(RecordSizeLimit)
        if size is not None and answer.find(MaxFragmentLength) is not None:
            raise PeerMisbehaved(
                "the server answered both record_size_limit and max_fragment_length", rule="RFC 8449 5"
            )
        if size is not None and size.record_size_limit > MAX_PLAINTEXT:
            raise PeerMisbehaved(
                f"the server's record_size_limit {size.record_size_limit} exceeds 2^14", rule="RFC 8449 4"
            )
        scts = answer.find(SignedCertificateTimestampList)
        return Agreed(
            suite=suite,
            client_random=hello.random,
            server_random=answer.random,
            session_id=answer.session_id,
            extended_master_secret=extended,
            encrypt_then_mac=encrypt_then_mac,
            secure_renegotiation=secure,
            alpn_protocol=self.check_alpn(answer),
            staple_promised=answer.find(StatusRequestAck) is not None,
            ticket_promised=answer.find(SessionTicketAck) is not None,
            scts=scts.sct_list if scts is not None else (),
            fragment_size=size.record_size_limit if size is not None else MAX_PLAINTEXT,
            plaintext_limit=self.config.record_size_limit if size is not None else MAX_PLAINTEXT,
            downgrade_sentinel=answer.random.endswith(_DOWNGRADE_SENTINELS),
        )

    def check_suite(self, hello: ClientHello, answer: ServerHello) -> Suite:
        """The suite must be one of those that we offered."""
        if answer.cipher_suite not in hello.cipher_suites or answer.cipher_suite not in SUITES:
            raise PeerMisbehaved(
                f"the server chose {answer.cipher_suite}, which was not offered", rule="RFC 5246 7.4.1.3"
            )
        return SUITES[CipherSuite.of(answer.cipher_suite)]

    def check_renegotiation_info(self, answer: ServerHello) -> bool:
        """RFC 5746 3.4 and 3.5; whether the server signals it at all."""
        info = answer.find(RenegotiationInfo)
        previous = self.previous
        if info is None:
            if previous is not None or self.config.policy.require_secure_renegotiation:
                raise PeerIncompatible(
                    "the server offers no secure renegotiation (RFC 5746)",
                    rule="RFC 5746 3.4",
                    remedy="allow it with Policy.legacy_device(); risk: injected prefixes",
                )
            return False
        due = previous.client_verify_data + previous.server_verify_data if previous is not None else b""
        if info.renegotiated_connection != due:
            raise PeerMisbehaved(
                "the server's renegotiation_info does not belong to this connection",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 5746 3.5" if previous else "RFC 5746 3.4",
            )
        return True

    def check_alpn(self, answer: ServerHello) -> str | None:
        """The protocol must be one of ours (RFC 7301 3.1)."""
        chosen = answer.find(ApplicationLayerProtocolNegotiation)
        if chosen is None:
            return None
        name = chosen.protocol_name_list[0].decode("utf-8", "backslashreplace")
        if name not in self.config.alpn_protocols:
            raise PeerMisbehaved(
                f"the server chose the application protocol {name!r}, which was not offered",
                rule="RFC 7301 3.1",
            )
        return name

    def server_resumes(self, hello: ClientHello, answer: ServerHello) -> Story[bool]:
        """By the echoed id, or, when a ticket was offered, by the message that follows (RFC 5077 3.4)."""
        if self.session is None:
            return False
        if answer.session_id and answer.session_id == hello.session_id:
            return True
        if not self.session.ticket:
            return False
        if self.conversation.facts.certificate_based:
            first = yield from self.peek(Certificate, NewSessionTicket, ChangeCipherSpec)
        else:
            first = yield from self.peek(ServerKeyExchange, ServerHelloDone, NewSessionTicket, ChangeCipherSpec)
        return isinstance(first, NewSessionTicket | ChangeCipherSpec)

    def check_resumption(self, agreed: Agreed) -> Session:
        """What an abbreviated handshake may not change (RFC 5246 7.4.1.3, RFC 7627 5.3)."""
        session = self.session
        assert session is not None
        if agreed.suite.suite != session.cipher_suite:
            raise PeerMisbehaved(
                f"the server resumes with {agreed.suite.suite} a session made with {session.cipher_suite}",
                rule="RFC 5246 7.4.1.3",
            )
        if agreed.extended_master_secret != session.extended_master_secret:
            raise PeerMisbehaved(
                "the server resumes a session but changed extended_master_secret",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 7627 5.3",
            )
        return session

    def accept_resumption(self, session: Session) -> ResumedSession:
        """Only after the server's Finished proved the session's master secret."""
        return ResumedSession(session)

    # -- judging the server's flight ----------------------------------------------------------------------

    def check_status(self, status: CertificateStatus | None) -> bytes | None:
        """The staple, which must be of the type that we asked for."""
        if status is None:
            return None
        if status.status_type != CertificateStatusType.OCSP:
            raise PeerMisbehaved(
                f"the server stapled a status of type {status.status_type}, which was not negotiated",
                rule="RFC 6066 8",
            )
        return status.response

    def check_certificate(
        self, suite: Suite, message: Certificate, staple: bytes | None, scts: tuple[bytes, ...]
    ) -> PeerChain:
        """The form of the chain, and whether its leaf fits the suite; not yet whether to trust it."""
        chain = message.certificate_list
        if not chain:
            raise PeerMisbehaved(
                "the server sent an empty certificate chain", alert=Alert.DECODE_ERROR, rule="RFC 5246 7.4.2"
            )
        check_size("a chain", len(chain), self.limits.certificates, Alert.BAD_CERTIFICATE)
        previous = self.previous
        if previous is not None and previous.negotiated.peer_certificates[:1] != chain[:1]:
            raise PeerMisbehaved(
                "the server changed its certificate in a renegotiation",
                rule="RFC 7627 6.2; draft triple-shake",
            )
        peer = PeerChain(
            certificates=chain,
            role="server",
            server_name=self.server_name,
            time=self.config.clock(),
            ocsp_response=staple,
            scts=scts,
        )
        kind = peer.leaf_key_kind
        if not key_fits(suite, kind):
            raise PeerMisbehaved(
                f"the server's certificate holds a key of type {kind.name}, which {suite.suite} cannot use",
                rule="RFC 5246 7.4.2",
            )
        group = peer.leaf_group
        if group is not None and group not in self.config.policy.groups:
            raise PeerMisbehaved(
                f"the server's certificate is on the curve {group}, which was not offered",
                rule="RFC 8422 5.3",
            )
        decrypts = suite.key_exchange in (Kx.RSA, Kx.RSA_PSK)
        if not (peer.allows_encipherment if decrypts else peer.allows_signing):
            needed = "keyEncipherment" if decrypts else "digitalSignature"
            raise WrongPurpose(
                f"the keyUsage of the server's certificate lacks {needed}, which {suite.suite} needs",
                rule="RFC 5246 7.4.2",
            )
        return peer

    def verify_identity(self, peer: PeerChain) -> Story[VerifiedIdentity]:
        """Ask the verifier, then the application: the one place that proves a server's identity."""
        assert self.config.verifier is not None
        chain = self.config.verifier.verify(peer)
        decision = yield from self.ask(PeerCertificateReceived(peer.certificates, chain), Accept())
        if isinstance(decision, Refuse):
            raise ApplicationRefused(f"the server's certificate was refused: {decision.reason}", alert=decision.alert)
        return VerifiedIdentity(peer.certificates, chain)

    def receive_share(self, suite: Suite) -> Story[ServerKeyExchange | None]:
        """Where the suite makes ServerKeyExchange optional, absent means: no hint (RFC 4279 2)."""
        if suite.key_exchange is Kx.RSA:
            return None
        if suite.key_exchange in (Kx.PSK, Kx.RSA_PSK):
            return (yield from self.receive_if(ServerKeyExchange, then=(ServerHelloDone,)))
        return (yield from self.receive(ServerKeyExchange))

    def verify_share(
        self, suite: Suite, exchange: ServerKeyExchange | None, peer: PeerChain | None, agreed: Agreed
    ) -> VerifiedSignature | Unauthenticated:
        """The signature under the key share (RFC 5246 7.4.3): the one place that proves a server's possession."""
        if exchange is None or peer is None or suite.key_exchange is Kx.RSA_PSK:
            return Unauthenticated(f"{suite.suite} signs no key share; the Finished message proves the key")
        signature = exchange.signature
        assert signature is not None
        self.check_scheme(signature.algorithm, peer)
        signed = agreed.client_random + agreed.server_random + exchange.params_bytes()
        signatures.verify(peer.leaf_public_key, signature.algorithm, signature.signature, signed)
        return VerifiedSignature(signature.algorithm)

    def check_scheme(self, scheme: SignatureScheme, peer: PeerChain) -> None:
        """The scheme must be one that we offered, and fit the key (RFC 5246 7.4.3)."""
        if scheme not in self.config.policy.signature_schemes:
            raise PeerMisbehaved(f"the server signed with {scheme}, which was not offered", rule="RFC 5246 7.4.3")
        if peer.leaf_key_kind is not SCHEMES[scheme].kind:
            raise PeerMisbehaved(
                f"the server signed with {scheme}, which the {peer.leaf_key_kind.name} key of its certificate cannot",
                rule="RFC 5246 7.4.3",
            )

    # -- our flight ---------------------------------------------------------------------------------------

    def choose_credential(self, request: CertificateRequest) -> Story[Credential | None]:
        """The first of ours that the server can verify, unless the application decides (RFC 5246 7.4.6)."""
        otherwise = next(
            (
                credential
                for credential in self.config.credentials
                if credential.suits(request.certificate_types, request.certificate_authorities)
                and choose_scheme(credential, request.supported_signature_algorithms, self.config.policy)
            ),
            None,
        )
        credential: Credential | None = yield from self.ask(CertificateRequested(request), otherwise)
        return credential

    def sign_transcript(self, credential: Credential, request: CertificateRequest) -> Story[SignatureScheme]:
        """CertificateVerify over every message so far (RFC 5246 7.4.8); the scheme used."""
        scheme = choose_scheme(credential, request.supported_signature_algorithms, self.config.policy)
        if scheme is None:
            raise PeerIncompatible("the server verifies no scheme that the client's key can sign with")
        data = self.transcript.messages
        signature = yield from self.sign(credential, scheme, data)
        self.send(CertificateVerify(scheme, signature))
        return scheme

    def find_psk(self, exchange: ServerKeyExchange | None) -> Story[Psk]:
        """The key for the server's hint: configured, computed, or asked for."""
        hint = (exchange.psk_identity_hint or b"") if exchange is not None else b""
        psk: Psk | None
        if self.pauses_on(PskLookupRequested):
            psk = yield from self.ask(PskLookupRequested(hint=hint), None)
        else:
            source = self.config.psk
            psk = source(hint) if callable(source) else source
        if psk is None:
            raise PeerIncompatible(f"there is no PSK for the server's identity hint {hint!r}", rule="RFC 4279 2")
        return psk

    def exchange_inputs(self, suite: Suite, peer: PeerChain | None) -> ExchangeInputs:
        """What the client's side of the key exchange computes with."""
        policy = self.config.policy
        return ExchangeInputs(
            random=self.config.random,
            offered_groups=policy.groups,
            client_version=ProtocolVersion.TLS_1_2,
            peer_public_key=peer.leaf_public_key if peer is not None else None,
            minimum_dh_bits=policy.minimum_dh_bits,
        )

    # -- the end ------------------------------------------------------------------------------------------

    def negotiated(self, agreed: Agreed, **facts: Any) -> Negotiated:
        """The facts for the application."""
        return Negotiated(
            version=ProtocolVersion.TLS_1_2,
            cipher_suite=agreed.suite.suite,
            server_name=self.server_name,
            alpn_protocol=agreed.alpn_protocol,
            extended_master_secret=agreed.extended_master_secret,
            encrypt_then_mac=agreed.encrypt_then_mac,
            secure_renegotiation=agreed.secure_renegotiation,
            session_id=agreed.session_id,
            scts=agreed.scts,
            client_random=agreed.client_random,
            server_random=agreed.server_random,
            record_size_limit=agreed.fragment_size,
            peer_sent_downgrade_sentinel=agreed.downgrade_sentinel,
            **facts,
        )

    def new_session(self, secrets: Secrets, negotiated: Negotiated, ticket: NewSessionTicket | None) -> Session | None:
        """What may be resumed later; kept in the store, if there is one."""
        config = self.config
        old = self.session if negotiated.resumed else None
        kept = ticket.ticket if ticket is not None else (old.ticket if old else b"")
        session_id = b"" if kept else negotiated.session_id
        if not kept and not session_id:
            return None
        session = Session.from_handshake(
            negotiated,
            session_id=session_id,
            ticket=kept,
            ticket_lifetime=ticket.ticket_lifetime_hint if ticket is not None else (old.ticket_lifetime if old else 0),
            master_secret=secrets.master,
            alpn_protocols=config.alpn_protocols,
            trust=self.trust(),
            policy=config.policy.fingerprint,
            created=old.created if old else config.clock(),
        )
        if config.sessions is not None:
            try:
                config.sessions.put(self.session_key(), session)
            except Exception:
                return session  # the contract of a store: its failures are misses
        return session
