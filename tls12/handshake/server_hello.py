"""The server's hellos: what it makes of the ClientHello, what it answers, and the sessions that it keeps.

How it works: the ClientHello has been read into an `Offer` (`negotiation.py`). The steps here show it to the
application, check it against the earlier handshakes of this connection, and look for a session; what is chosen becomes
an `Agreed` and a ServerHello. Everything is chosen before the first byte of the answer is queued, so a server that
refuses a hello has sent nothing.
"""

from __future__ import annotations

import hmac

from tls12.agreement import Agreed, PeerIdentity, Terms
from tls12.config import ClientAuth, ServerConfig, extensions_of
from tls12.crypto.randomness import Purpose
from tls12.errors import ApplicationRefused, DecodeError, Detail, PeerIncompatible, PeerMisbehaved
from tls12.events import (
    ClientHelloReceived,
    PskLookupRequested,
    Refuse,
    SessionLookupRequested,
)
from tls12.given import expect
from tls12.handshake import bindings
from tls12.handshake import common_extensions as common
from tls12.handshake.engine import Story
from tls12.handshake.negotiation import (
    Choice,
    Offer,
    candidate_credentials,
    choose_alpn,
    first_choice,
)
from tls12.handshake.permissions import permit
from tls12.handshake.steps import Secrets, Steps
from tls12.registry import (
    Alert,
    CipherSuite,
    CompressionMethod,
    ConnectionEnd,
    HandshakeType,
    ProtocolVersion,
)
from tls12.resumption.sessions import Session, digest_psk, expiry
from tls12.resumption.stores import get_session, put_session
from tls12.secrecy import Secret
from tls12.trust.credentials import Credential
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
    SignedCertificateTimestampList,
)
from tls12.wire.hello import ServerHello
from tls12.wire.records import MAX_PLAINTEXT

# Used in every handshake, and slow to look up in an enum class before Python 3.12 (see docs/performance.md).
_TLS_1_2, _NULL = ProtocolVersion.TLS_1_2, CompressionMethod.NULL


class ServerHellos(Steps[ServerConfig]):
    """The hellos and sessions of one handshake as server."""

    side = ConnectionEnd.SERVER
    peer = ConnectionEnd.CLIENT

    # -- the ClientHello ----------------------------------------------------------------------------------

    def consult_application(self, offer: Offer) -> Story[None]:
        """Show the ClientHello to the application, which may answer with another configuration or refuse."""
        event = ClientHelloReceived(
            offer.hello,
            offer.server_name,
            tuple(name.decode("utf-8", "backslashreplace") for name in offer.protocols),
        )
        decision = yield from self.ask(event, None)
        if isinstance(decision, Refuse):
            refused = f"the ClientHello was refused: {decision.reason}"
            raise ApplicationRefused(refused, alert=decision.alert, detail=decision.detail)
        if isinstance(decision, ServerConfig):
            self.adopt(decision)

    def check_renegotiation_info(self, offer: Offer) -> None:
        """Check renegotiation_info, in a first handshake by RFC 5746 3.6 and in a later one by 3.7."""
        previous = self.previous
        info = offer.find(RenegotiationInfo)
        renegotiated_connection = info.renegotiated_connection if info is not None else b""
        if previous is None:
            if renegotiated_connection:
                raise PeerMisbehaved(
                    "the client's renegotiation_info is not empty in a first handshake",
                    alert=Alert.HANDSHAKE_FAILURE,
                    rule="RFC 5746 3.6",
                )
            policy = self.config.policy
            if not offer.signals_secure_renegotiation and policy.require_secure_renegotiation_of_clients:
                raise PeerIncompatible(
                    "the client offers no secure renegotiation",
                    detail=Detail.NO_SECURE_RENEGOTIATION,
                    rule="RFC 5746 3.6",
                    remedy=permit(policy, "injected prefixes", require_secure_renegotiation_of_clients=False),
                )
            return
        scsv = CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV in offer.hello.cipher_suites
        due = previous.client_verify_data
        if scsv or not hmac.compare_digest(renegotiated_connection, due):
            raise PeerMisbehaved(
                "the client's renegotiation_info does not belong to this connection",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 5746 3.7",
            )

    def check_same_name(self, offer: Offer) -> None:
        """A renegotiation must ask for the same server name as before. It may ask for one if there was none before."""
        before = self.previous.negotiated.server_name if self.previous is not None else None
        if before is not None and offer.server_name != before:
            raise PeerMisbehaved(
                f"the client asked for {before!r}, and in a renegotiation for {offer.server_name!r}",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 6066 3",
            )

    def choose_alpn(self, offer: Offer) -> str | None:
        """The first of our protocols that the client offers; in a renegotiation the one that the application speaks
        already, and no other. A client that offers none in a renegotiation, as OpenSSL does, keeps it."""
        previous = self.previous
        if previous is None:
            return choose_alpn(offer.protocols, self.config)
        spoken = previous.negotiated.alpn_protocol
        if (
            spoken is not None
            and offer.protocols
            and (spoken.encode() not in offer.protocols or spoken not in self.config.alpn_protocols)
        ):
            raise PeerIncompatible(
                f"the connection speaks {spoken!r}, which the renegotiation would change",
                alert=Alert.NO_APPLICATION_PROTOCOL,
                rule="RFC 7301 3.2",
            )
        return spoken

    def keeps_sessions(self) -> bool:
        """Whether sessions can be found by their id: in a store, or by the application."""
        return self.config.sessions is not None or self.pauses_on(SessionLookupRequested)

    # -- sessions -----------------------------------------------------------------------------------------

    def find_session(self, offer: Offer) -> Story[Session | None]:
        """The session that the client offers, if it is known: by its ticket, or without a ticket by its id
        (RFC 5077 3.4)."""
        config, session_id, ticket = self.config, offer.hello.session_id, offer.ticket
        if ticket:
            if config.ticket_keys is None:
                return None
            state = config.ticket_keys.open(ticket)
            try:
                return Session.from_bytes(state) if state is not None else None
            except DecodeError:
                return None  # another release of this library sealed it: a full handshake follows
        if not session_id:
            return None
        if self.pauses_on(SessionLookupRequested):
            found: Session | None = yield from self.ask(SessionLookupRequested(session_id), None)
            return found
        if config.sessions is None:
            return None
        found = get_session(config.sessions, session_id)
        if found is not None:
            expect(found, Session, "sessions.get(key)", "it gives a Session (see Session.from_bytes), or None")
        return found

    def check_resumption(self, session: Session, offer: Offer) -> Choice | None:
        """What a full handshake would choose now, if the session may be resumed; None if it may not.

        What the ClientHello offers for the key exchange does not matter, because a resumption has none. Raises
        `PeerMisbehaved` where the RFC demands an alert instead of a full handshake.
        """
        config, terms = self.config, session.terms
        extended = ExtendedMasterSecret in offer.extensions
        if terms.extended_master_secret and not extended:
            raise PeerMisbehaved(
                "the client resumes a session with extended master secret but does not offer it",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 7627 5.3",
            )
        now = config.now()
        trust = bindings.server_trust(config, self.pause_on)
        bound = (terms.server_name, session.alpn_protocols, session.policy, session.trust)
        if (
            not session.is_fresh(now)
            or now - session.created >= config.session_lifetime
            or bound != (offer.server_name, config.alpn_protocols, config.policy.fingerprint, trust)
            or terms.extended_master_secret != extended
            or not self.may_be_reused(terms.extended_master_secret)
            or (config.client_auth is ClientAuth.REQUIRED and not session.peer.certificates)
            or not self.is_same_peer(session.peer)
        ):
            return None
        if terms.cipher_suite not in offer.hello.cipher_suites:
            if offer.ticket:
                return None
            raise PeerMisbehaved(
                f"the client resumes a session made with {terms.cipher_suite}, which it does not offer",
                rule="RFC 5246 7.4.1.2",
            )
        self.check_extended_master_secret(extended)
        return self.choice_for_session(session, offer) or self.choice_for_session(
            session, offer.without_limits(config.policy)
        )

    def choice_for_session(self, session: Session, offer: Offer) -> Choice | None:
        """What a full handshake would choose among the credentials that may resume the session; None if it would choose
        nothing, or another suite than the session's."""
        try:
            candidates = candidate_credentials(offer.server_name, self.config)
        except PeerIncompatible:
            return None
        if session.identity:
            candidates = self.credentials_for_session(session, candidates)
        choice = first_choice(offer, self.config, candidates)
        return choice if choice is not None and choice.parameters.suite == session.cipher_suite else None

    def credentials_for_session(self, session: Session, candidates: tuple[Credential, ...]) -> tuple[Credential, ...]:
        """The credentials under which the session may be resumed: those with the key and the names of the credential
        that it was made under (see `bindings.may_continue`). So a session remains usable when the certificate is
        renewed or another one is added, but not on a server for another host."""
        identity, name, across_keys = session.identity, session.server_name, self.config.resume_across_keys
        return tuple(
            credential
            for credential in candidates
            if bindings.may_continue(credential, identity, name, across_keys=across_keys)
        )

    def has_psk_of(self, session: Session) -> Story[bool]:
        """Whether the PSK of the session, if it has one, is still known, and still the same key."""
        identity = session.peer.psk_identity
        if identity is None:
            return True
        key = yield from self.ask_for_psk(identity)
        return bool(key) and hmac.compare_digest(
            session.psk_digest, digest_psk(session.master_secret, identity, key or b"")
        )

    def digest_psk(self, secrets: Secrets, identity: bytes | None, psk: Secret[bytes | None]) -> bytes:
        """What the session keeps to recognise the PSK; empty without one."""
        if psk.value is None:
            return b""
        return digest_psk(secrets.master, identity or b"", psk.value)

    def ask_for_psk(self, identity: bytes) -> Story[bytes | None]:
        """The key of this identity: from the application if it answers that, else from the configuration."""
        if self.pauses_on(PskLookupRequested):
            key: bytes | None = yield from self.ask(PskLookupRequested(identity=identity), None)
            return key
        return self.look_up_psk(identity)

    def look_up_psk(self, identity: bytes) -> bytes | None:
        """The key of this identity in the configuration's mapping, or from its function."""
        source = self.config.psk
        assert source is not None, "no PSK suite is chosen without a source of keys"
        if callable(source):
            key: bytes | None = source(identity)
            expect(key, bytes | None, "psk(identity)", "it gives the key as bytes, or None")
            return key
        return source.get(identity)

    def new_session(
        self,
        agreed: Agreed,
        peer: PeerIdentity,
        secrets: Secrets,
        credential: Credential | None,
        psk_digest: bytes,
    ) -> Session | None:
        """The session that may be resumed later; None where this server could not find it again."""
        config = self.config
        if not self.may_be_reused(agreed.terms.extended_master_secret):
            return None
        if not self.keeps_sessions() and config.ticket_keys is None:
            return None
        created = config.now()
        lifetime = max(int(config.session_lifetime), 1)  # 0 means unspecified (RFC 5077 3.3)
        return Session(
            terms=agreed.terms,
            peer=peer,
            session_id=agreed.session_id,
            master_secret=secrets.master,
            created=created,
            expires=expiry(created, lifetime, peer.verified_chain),
            ticket_lifetime=lifetime,
            alpn_protocols=config.alpn_protocols,
            trust=bindings.server_trust(config, self.pause_on),
            policy=config.policy.fingerprint,
            identity=bindings.server_identity(credential),
            psk_digest=psk_digest,
            end_point=credential.end_point if credential is not None else None,
        )

    def send_ticket(self, agreed: Agreed, session: Session | None) -> None:
        """Send NewSessionTicket if the ServerHello promised it (RFC 5077 3.3).

        The ticket is empty, which means none, where the session's certificates make it so long that the ClientHello
        that carries it would exceed our own limit.
        """
        if agreed.ticket_promised and session is not None and self.config.ticket_keys is not None:
            ticket = self.config.ticket_keys.seal(session.to_bytes())
            if len(ticket) > self.limits.size_of(HandshakeType.CLIENT_HELLO) // 2:  # half for the rest of the hello
                ticket = b""
            hint = min(self.config.session_lifetime, self.config.ticket_keys.lifetime)
            self.send(NewSessionTicket(int(hint), ticket))

    def keep_session(self, session: Session | None) -> None:
        """Put the session into the store, if there is one, for resumption by id."""
        if session is not None and session.session_id and self.config.sessions is not None:
            put_session(self.config.sessions, session.session_id, session)

    # -- the ServerHello ----------------------------------------------------------------------------------

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
        session: Session | None = None,
    ) -> Agreed:
        """What the two hellos settle. A resumption gives its `session`."""
        config, policy, suite = self.config, self.config.policy, choice.parameters
        asked = offer.find(RecordSizeLimit) if policy.record_size_limit else None
        code: int | None = None
        if asked is None and session is not None:
            code = session.max_fragment_length  # it holds without being asked for again (RFC 6066 4)
        elif asked is None and policy.max_fragment_length:
            wanted = offer.find(MaxFragmentLength)
            code = wanted.max_fragment_length if wanted is not None else None
        to_send = to_receive = MAX_PLAINTEXT if code is None else 256 << code
        if asked is not None:
            to_send, to_receive = min(asked.record_size_limit, MAX_PLAINTEXT), config.record_size_limit
        return Agreed(
            terms=Terms(
                cipher_suite=suite.suite,
                extended_master_secret=ExtendedMasterSecret in offer.extensions,
                encrypt_then_mac=suite.is_cbc and policy.encrypt_then_mac and EncryptThenMac in offer.extensions,
                server_name=offer.server_name,
                alpn_protocol=alpn,
                max_fragment_length=code,
            ),
            client_random=offer.hello.random,
            server_random=config.draw(Purpose.SERVER_RANDOM, 32),
            session_id=session_id,
            secure_renegotiation=offer.signals_secure_renegotiation,
            staple_promised=staple_promised,
            ticket_promised=ticket_promised,
            scts=scts,
            record_size_limit=to_send,
            own_record_size_limit=to_receive,
        )

    def is_our_name(self, server_name: str) -> bool:
        """Whether this is a name of the server; the ServerHello then says that it was used (RFC 6066 3)."""
        config = self.config
        return server_name in config.server_names or any(c.matches(server_name) for c in config.credentials)

    def build_server_hello(self, offer: Offer, agreed: Agreed, *, resumed: bool = False) -> ServerHello:
        """The answer, only with extensions that the client offered (RFC 5246 7.4.1.4).

        In a resumption it has no extension of RFC 6066: what they settled is kept with the session.
        """
        terms, policy = agreed.terms, self.config.policy
        extensions: list[Extension] = []
        if agreed.secure_renegotiation:
            previous = self.previous
            extensions.append(
                RenegotiationInfo(previous.client_verify_data + previous.server_verify_data)
                if previous is not None
                else common.FIRST_HANDSHAKE
            )
        if terms.server_name is not None and not resumed and self.is_our_name(terms.server_name):
            extensions.append(common.NAME_ACCEPTED)
        if terms.extended_master_secret:
            extensions.append(common.EXTENDED_MASTER_SECRET)
        if terms.encrypt_then_mac:
            extensions.append(common.ENCRYPT_THEN_MAC)
        if ECPointFormats in offer.extensions and agreed.parameters.is_ecdhe:
            extensions.append(common.UNCOMPRESSED_POINTS)
        if agreed.ticket_promised:
            extensions.append(common.TICKET_PROMISED)
        if agreed.staple_promised:
            extensions.append(common.STAPLE_PROMISED)
        if agreed.scts:
            extensions.append(SignedCertificateTimestampList(agreed.scts))
        if terms.alpn_protocol is not None and ApplicationLayerProtocolNegotiation in offer.extensions:
            extensions.append(common.application_protocols((terms.alpn_protocol,), self.config.memory))
        if policy.record_size_limit and RecordSizeLimit in offer.extensions:
            extensions.append(common.record_size_limit(self.config.record_size_limit, self.config.memory))
        elif terms.max_fragment_length is not None and not resumed:
            extensions.append(MaxFragmentLength(terms.max_fragment_length))
        if self.config.extensions is not None:
            offered = {extension.extension_type for extension in offer.hello.extensions or ()}
            own = extensions_of("extensions(hello)", self.config.extensions(offer.hello))
            extensions += (extension for extension in own if extension.extension_type in offered)
        return ServerHello(
            _TLS_1_2,
            agreed.server_random,
            agreed.session_id,
            terms.cipher_suite,
            _NULL,
            tuple(extensions) or None,
        )
