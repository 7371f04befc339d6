"""The client's side of a handshake in the order of its messages, as in figures 1 and 2 of RFC 5246.

How it works: `story` sends a ClientHello, checks the ServerHello (`client_hello.py`), and goes on with `full` or
`resume`. Each line of those two is a line of the figures. The methods below them make or check one message each; a
researcher overrides one of them in a subclass to misbehave at exactly one place.
"""

from __future__ import annotations

from tls12.agreement import Agreed, PeerIdentity
from tls12.config import Psk
from tls12.crypto.key_exchange import ExchangeInputs, make_key_exchange
from tls12.crypto.suites import Suite
from tls12.errors import (
    Detail,
    PeerIncompatible,
    PeerMisbehaved,
    WrongPurpose,
)
from tls12.events import (
    CertificateRequested,
    PskLookupRequested,
)
from tls12.handshake.client_hello import ClientHellos
from tls12.handshake.engine import Story
from tls12.handshake.negotiation import choose_scheme, key_fits
from tls12.handshake.proofs import (
    Unauthenticated,
    VerifiedIdentity,
    VerifiedSignature,
)
from tls12.handshake.steps import check_size
from tls12.registry import (
    Alert,
    CertificateStatusType,
    ConnectionEnd,
    SignatureScheme,
)
from tls12.secrecy import Secret
from tls12.trust.credentials import Credential
from tls12.trust.peer import PeerChain
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus, CertificateVerify
from tls12.wire.closing import ChangeCipherSpec, NewSessionTicket
from tls12.wire.hello import ClientHello, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.key_exchange import ServerKeyExchange

_AFTER_CERTIFICATE = (ServerKeyExchange, CertificateRequest, ServerHelloDone)


class ClientHandshake(ClientHellos):
    """One handshake as client."""

    # -- the story ----------------------------------------------------------------------------------------

    def story(self) -> Story[None]:
        """One handshake from its ClientHello to its Finished."""
        hello = self.build_client_hello()
        self.send(hello)
        answer = yield from self.receive(ServerHello)
        agreed = self.check_server_hello(hello, answer)
        self.check_continuity(agreed)
        self.output_record_rules(agreed)
        if (yield from self.server_resumes(hello, answer)):
            yield from self.resume(self.keep_fragment_length(agreed, answer))
        else:
            yield from self.full(agreed)

    def full(self, agreed: Agreed) -> Story[None]:
        """Figure 1: the whole key exchange."""
        suite = agreed.parameters
        self.transcript.start(suite.prf_hash)
        identity: VerifiedIdentity | Unauthenticated = Unauthenticated(reason="the suite has no certificates")
        staple: bytes | None = None
        chain: PeerChain | None = None
        if suite.uses_certificate:
            certificate = yield from self.receive(Certificate)
            if agreed.staple_promised:
                status = yield from self.receive_if(CertificateStatus, then=_AFTER_CERTIFICATE)
                staple = self.check_status(status)
            chain = self.check_certificate(suite, certificate, staple, agreed)
            identity = yield from self.verify_identity(chain)
        exchange = yield from self.receive_share(suite)
        key_exchange = make_key_exchange(suite, self.exchange_inputs(suite, chain))
        key_exchange.check_server_key_exchange(exchange)
        possession = self.verify_share(suite, exchange, chain, agreed)
        request = yield from self.receive_request(suite)
        yield from self.receive(ServerHelloDone)

        credential = (yield from self.choose_credential(request)) if request is not None else None
        if request is not None:
            self.send(credential.certificate_message if credential else Certificate(()))
        psk = (yield from self.find_psk(exchange)) if suite.uses_psk else None
        reply = Secret(key_exchange.make_client_key_exchange(psk))  # the message, and the premaster secret
        self.send(reply.value[0])
        secrets = self.derive_keys(agreed, Secret(self.master_secret(agreed, reply.value[1])))
        del reply
        signed_with: SignatureScheme | None = None
        if credential is not None and request is not None:
            signed_with = yield from self.sign_transcript(credential, request)
        self.transcript.forget_messages()
        client_verify_data = self.send_finished(agreed, secrets)
        ticket = (yield from self.receive(NewSessionTicket)) if agreed.ticket_promised else None
        finished = yield from self.receive_finished(agreed, secrets)
        peer = PeerIdentity(
            certificates=chain.certificates if chain is not None else (),
            verified_chain=identity.chain if isinstance(identity, VerifiedIdentity) else (),
            ocsp_response=staple,
            scts=agreed.scts,
            psk_identity=psk.identity if psk is not None else None,
        )
        negotiated = self.negotiated(
            agreed,
            peer,
            resumed=False,
            group=key_exchange.group,
            signature_scheme=signed_with,
            peer_signature_scheme=exchange.signature.algorithm if exchange and exchange.signature else None,
        )
        self.finish(
            identity=identity,
            possession=possession,
            finished=finished,
            negotiated=negotiated,
            session=self.new_session(agreed, peer, secrets, ticket, psk, exchange),
            secrets=secrets,
            sent_verify_data=client_verify_data,
            server_certificate=chain.certificates[0] if chain is not None else None,
        )

    def resume(self, agreed: Agreed) -> Story[None]:
        """Figure 2: the master secret is known already; the server finishes first."""
        session = self.check_resumption(agreed)
        self.transcript.start(agreed.parameters.prf_hash)
        self.transcript.forget_messages()
        secrets = self.derive_keys(agreed, Secret(session.master_secret))
        ticket = (yield from self.receive(NewSessionTicket)) if agreed.ticket_promised else None
        finished = yield from self.receive_finished(agreed, secrets)
        client_verify_data = self.send_finished(agreed, secrets)
        proof = self.accept_resumption(session, finished)
        self.finish(
            identity=proof,
            possession=proof,
            finished=finished,
            negotiated=self.negotiated(agreed, session.peer, resumed=True),
            session=self.renewed_session(session, agreed, ticket),
            secrets=secrets,
            sent_verify_data=client_verify_data,
            server_certificate=next(iter(session.peer.certificates), None),
        )

    def server_resumes(self, hello: ClientHello, answer: ServerHello) -> Story[bool]:
        """Whether the server resumes our session.

        It does if it echoes the session id. Where we offered a ticket, the message that follows tells (RFC 5077 3.4).
        """
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

    # -- the server's flight ------------------------------------------------------------------------------

    def check_status(self, status: CertificateStatus | None) -> bytes | None:
        """The stapled OCSP response; OCSP is the only type of status that we ask for."""
        if status is None:
            return None
        if status.status_type != CertificateStatusType.OCSP:
            raise PeerMisbehaved(
                f"the server stapled a status of type {status.status_type}, which was not negotiated",
                rule="RFC 6066 8",
            )
        return status.response

    def check_certificate(self, suite: Suite, message: Certificate, staple: bytes | None, agreed: Agreed) -> PeerChain:
        """Check the length of the chain, and that its leaf fits the suite; `verify_identity` then decides on trust."""
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
                rule="RFC 7627 6.1",
            )
        config = self.config
        policy = config.policy
        peer = PeerChain(
            certificates=chain,
            role=ConnectionEnd.SERVER,
            server_name=self.server_name,
            time=config.now(),
            ocsp_response=staple,
            scts=agreed.scts,
            minimum_rsa_bits=policy.minimum_rsa_bits,
            maximum_rsa_bits=policy.maximum_rsa_bits,
            memory=config.memory,
        )
        self.check_key_size(peer)
        leaf = peer.leaf_key
        if not key_fits(suite, leaf.key_kind):
            raise PeerMisbehaved(
                f"the server's certificate holds a key of type {leaf.key_kind.name}, which {suite.suite} cannot use",
                rule="RFC 5246 7.4.2",
            )
        if leaf.group is not None and leaf.group not in policy.groups:
            raise PeerMisbehaved(
                f"the server's certificate is on the curve {leaf.group}, which was not offered",
                rule="RFC 8422 5.3",
            )
        decrypts = suite.encrypts_premaster
        if not (leaf.allows_encipherment if decrypts else leaf.allows_signing):
            needed = "keyEncipherment" if decrypts else "digitalSignature"
            raise WrongPurpose(
                f"the keyUsage of the server's certificate lacks {needed}, which {suite.suite} needs",
                rule="RFC 5246 7.4.2",
            )
        return peer

    def receive_share(self, suite: Suite) -> Story[ServerKeyExchange | None]:
        """ServerKeyExchange, if the suite has one. A PSK suite has it only if there is a hint (RFC 4279 2)."""
        if suite.key_exchange is Kx.RSA:
            return None
        if suite.key_exchange in (Kx.PSK, Kx.RSA_PSK):
            return (yield from self.receive_if(ServerKeyExchange, then=(ServerHelloDone,)))
        return (yield from self.receive(ServerKeyExchange))

    def receive_request(self, suite: Suite) -> Story[CertificateRequest | None]:
        """CertificateRequest, if the server sends one.

        Only a server that authenticates by certificate alone may do so (RFC 5246 7.4.4, RFC 4279 2).
        """
        if not suite.uses_certificate or suite.uses_psk:
            return None
        return (yield from self.receive_if(CertificateRequest, then=(ServerHelloDone,)))

    def verify_share(
        self, suite: Suite, exchange: ServerKeyExchange | None, peer: PeerChain | None, agreed: Agreed
    ) -> VerifiedSignature | Unauthenticated:
        """Verify the server's signature over both randoms and the key share (RFC 5246 7.4.3)."""
        if exchange is None or peer is None or suite.key_exchange is Kx.RSA_PSK:
            return Unauthenticated(reason=f"{suite.suite} signs no key share; the Finished message proves the key")
        signature = exchange.signature
        assert signature is not None
        signed = agreed.client_random + agreed.server_random + exchange.params_bytes()
        return self.verify_signature(peer, signature.algorithm, signature.signature, signed)

    # -- our flight ---------------------------------------------------------------------------------------

    def choose_credential(self, request: CertificateRequest) -> Story[Credential | None]:
        """The first of our credentials that fits the request, unless the application decides (RFC 5246 7.4.6)."""
        otherwise = next(
            (
                credential
                for credential in self.config.credentials
                if credential.fits_request(request.certificate_types, request.certificate_authorities)
                and choose_scheme(credential, request.supported_signature_algorithms, self.config.policy)
            ),
            None,
        )
        self.application_chose_identity |= self.pauses_on(CertificateRequested)
        credential: Credential | None = yield from self.ask(CertificateRequested(request), otherwise)
        if credential is None and self.config.require_credential:
            raise PeerIncompatible(
                "the server asks for a certificate, and none of ours fits its types, schemes and authorities",
                rule="RFC 5246 7.4.6",
                remedy="give a credential that fits, or go on without one (require_credential=False)",
            )
        return credential

    def sign_transcript(self, credential: Credential, request: CertificateRequest) -> Story[SignatureScheme]:
        """Send CertificateVerify, which signs every message so far (RFC 5246 7.4.8). Returns the scheme used."""
        scheme = choose_scheme(credential, request.supported_signature_algorithms, self.config.policy)
        if scheme is None:
            raise PeerIncompatible("the server verifies no scheme that the client's key can sign with")
        data = self.transcript.messages
        signature = yield from self.sign(credential, scheme, data)
        self.send(CertificateVerify(scheme, signature))
        return scheme

    def find_psk(self, exchange: ServerKeyExchange | None) -> Story[Psk]:
        """The key for the server's hint: from the application if it answers that, else from the configuration."""
        hint = (exchange.psk_identity_hint or b"") if exchange is not None else b""
        psk: Psk | None
        if self.pauses_on(PskLookupRequested):
            self.application_chose_identity = True
            psk = yield from self.ask(PskLookupRequested(hint=hint), None)
        else:
            psk = self.configured_psk(hint)
        if psk is None:
            raise PeerIncompatible(
                f"there is no PSK for the server's identity hint {hint!r}",
                rule="RFC 4279 2",
                detail=Detail.NO_PRE_SHARED_KEY,
            )
        return psk

    def exchange_inputs(self, suite: Suite, peer: PeerChain | None) -> ExchangeInputs:
        """What the client's side of the key exchange computes with."""
        policy = self.config.policy
        inputs = ExchangeInputs(self.config.crypto, self.config.draw)
        inputs.offered_groups = policy.groups
        inputs.peer_public_key = peer.leaf_public_key if peer is not None else None
        inputs.minimum_dh_bits = policy.minimum_dh_bits
        inputs.accept_custom_dh = policy.accept_custom_dh
        return inputs
