"""The client's hellos: what it offers, what it makes of the answer, and the sessions that it keeps.

How it works: `build_client_hello` offers what the policy and the configuration allow; `check_server_hello` goes
through everything that an answer can get wrong, in the order of the checklist in RFC 5246 7.4.1.3, and ends in an
`Agreed`. The story in `client.py` goes on from there. Every `build_*` and `check_*` is a step that a subclass may
override to misbehave at exactly one place.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

from tls12.agreement import Agreed, PeerIdentity, Terms
from tls12.config import PSK_EXPECTED, ClientConfig, Psk
from tls12.crypto.randomness import Purpose
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import (
    Detail,
    PeerIncompatible,
    PeerMisbehaved,
)
from tls12.events import PskLookupRequested
from tls12.given import expect
from tls12.handshake import bindings
from tls12.handshake import common_extensions as common
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.handshake.grammar import Conversation
from tls12.handshake.grease_and_padding import add_grease, pad
from tls12.handshake.permissions import permit
from tls12.handshake.proofs import Established
from tls12.handshake.steps import Secrets, Steps
from tls12.registry import (
    Alert,
    CipherSuite,
    CompressionMethod,
    ConnectionEnd,
    ECPointFormat,
    ExtensionType,
    ProtocolVersion,
)
from tls12.resumption.sessions import Session, digest_psk, expiry
from tls12.resumption.stores import get_session, put_session
from tls12.trust.names import is_ip_address
from tls12.wire.closing import NewSessionTicket
from tls12.wire.extensions import (
    TABLE,
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    MaxFragmentLength,
    RecordSizeLimit,
    RenegotiationInfo,
    SessionTicketAck,
    SignedCertificateTimestampList,
    StatusRequestAck,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ServerKeyExchange
from tls12.wire.memory import remembered
from tls12.wire.records import MAX_PLAINTEXT

# Used in every handshake, and slow to look up in an enum class before Python 3.12 (see docs/performance.md).
_TLS_1_2, _NULL, _UNCOMPRESSED = ProtocolVersion.TLS_1_2, CompressionMethod.NULL, ECPointFormat.UNCOMPRESSED
_extension_type = attrgetter("extension_type")
_NEEDS_NO_OFFER = frozenset({ExtensionType.RENEGOTIATION_INFO, ExtensionType.SUPPORTED_GROUPS})
"""Extensions that a ServerHello may hold without an offer: renegotiation_info, which also answers the SCSV
(RFC 5746 3.6), and supported_groups, which some servers send by mistake."""
_ANSWERED = frozenset(kind for kind, row in TABLE.items() if row.server is not None)
"""Offers that a ServerHello may answer; padding or signature_algorithms, for example, it may not."""


class _Requirements(NamedTuple):
    """What an offer of suites asks of the rest of the ClientHello."""

    codes: tuple[CipherSuite, ...]
    curves: bool
    groups: bool
    encrypt_then_mac: bool
    certificates: bool


def _requirements(suites: tuple[Suite, ...]) -> _Requirements:
    """What these suites need. It is the same for every ClientHello of a configuration, so the result is remembered."""
    return _Requirements(
        tuple(row.suite for row in suites),
        any(row.is_ecdhe for row in suites),
        any(row.is_ephemeral for row in suites),
        any(row.is_cbc for row in suites),
        any(row.uses_certificate for row in suites),
    )


class ClientHellos(Steps[ClientConfig]):
    """The hellos and sessions of one handshake as client."""

    side = ConnectionEnd.CLIENT
    peer = ConnectionEnd.SERVER

    def __init__(
        self,
        config: ClientConfig,
        conversation: Conversation,
        *,
        pause_on: frozenset[type],
        rewrite: Rewrite | None,
        on_message: OnMessage | None,
        previous: Established | None,
        server_name: str | None,
        session: Session | None,
    ) -> None:
        super().__init__(
            config, conversation, pause_on=pause_on, rewrite=rewrite, on_message=on_message, previous=previous
        )
        self.server_name = server_name
        self.session = session
        self.application_chose_identity = False
        """The application chose our credential or PSK by an answer. No session is kept then, because a resumption has
        no request that the application could answer again."""

    # -- the ClientHello ----------------------------------------------------------------------------------

    def build_client_hello(self) -> ClientHello:
        """What we offer (RFC 5246 7.4.1.2)."""
        config = self.config
        suites = config.suites
        self.session = session = self.usable_session(suites)
        session_id = b""
        if session is not None:
            # With a ticket, the client makes up an id; a server that resumes returns it (RFC 5077 3.4).
            session_id = config.draw(Purpose.SESSION_ID, 32) if session.ticket else session.session_id
        hello = ClientHello(
            _TLS_1_2,
            config.draw(Purpose.CLIENT_RANDOM, 32),
            session_id,
            self.build_suites(suites),
            (_NULL,),
            self.build_extensions(suites, session),
        )
        if config.policy.send_grease:
            hello = add_grease(hello, config.draw)
        return pad(hello) if config.policy.pad_client_hello else hello

    def build_suites(self, suites: tuple[Suite, ...]) -> tuple[CipherSuite, ...]:
        """The code points to offer. The fallback SCSV comes last, and is not sent with a session (RFC 7507 4)."""
        codes = remembered(self.config.memory, _requirements, suites, 2 * len(suites)).codes
        if self.config.fallback_scsv and self.session is None and self.previous is None:
            return (*codes, CipherSuite.TLS_FALLBACK_SCSV)
        return codes

    def build_extensions(self, suites: tuple[Suite, ...], session: Session | None) -> tuple[Extension, ...]:
        """The extensions of our ClientHello, each only where something needs it."""
        config, policy = self.config, self.config.policy
        previous = self.previous
        extensions: list[Extension] = [
            RenegotiationInfo(previous.client_verify_data) if previous is not None else common.FIRST_HANDSHAKE
        ]
        if self.server_name is not None and not is_ip_address(self.server_name):
            extensions.append(common.server_name(self.server_name, config.memory))
        extensions.append(common.EXTENDED_MASTER_SECRET)
        required = remembered(config.memory, _requirements, suites, 2 * len(suites))
        if required.curves:
            extensions.append(common.UNCOMPRESSED_POINTS)
        if required.groups:
            extensions.append(common.supported_groups(policy.groups, config.memory))
        if config.request_ticket:
            ticket = session.ticket if session is not None else b""
            extensions.append(common.session_ticket(ticket, config.memory) if ticket else common.NO_TICKET_YET)
        if policy.encrypt_then_mac and required.encrypt_then_mac:
            extensions.append(common.ENCRYPT_THEN_MAC)
        if required.certificates:
            if config.request_ocsp:
                extensions.append(common.STAPLE_WANTED)
            extensions.append(common.signature_algorithms(policy.signature_schemes, config.memory))
            if policy.certificate_schemes:
                extensions.append(common.signature_algorithms_cert(policy.certificate_schemes, config.memory))
            if config.request_scts:
                extensions.append(common.SCTS_WANTED)
        protocols = self.protocols_to_offer()
        if protocols:
            extensions.append(common.application_protocols(protocols, config.memory))
        if config.max_fragment_length is not None:
            extensions.append(MaxFragmentLength(config.max_fragment_length.bit_length() - 9))
        if policy.record_size_limit:
            extensions.append(common.record_size_limit(config.record_size_limit, config.memory))
        return (*extensions, *config.extensions)

    def protocols_to_offer(self) -> tuple[str, ...]:
        """The protocols of the configuration; in a renegotiation the one that the connection speaks, if any."""
        if self.previous is None:
            return self.config.alpn_protocols
        spoken = self.previous.negotiated.alpn_protocol
        return (spoken,) if spoken is not None else ()

    # -- sessions -----------------------------------------------------------------------------------------

    def usable_session(self, suites: tuple[Suite, ...]) -> Session | None:
        """The session to offer: the given one or the store's, if everything it is bound to still holds."""
        config = self.config
        session = self.session
        if session is None and config.sessions is not None:
            session = get_session(config.sessions, self.session_key)
            if session is not None:
                expect(session, Session, "sessions.get(key)", "it gives a Session (see Session.from_bytes), or None")
        if session is None or not session.is_fresh(config.now()):
            return None
        terms = session.terms
        if not self.may_be_reused(terms.extended_master_secret):
            return None
        if terms.server_name != self.server_name or session.alpn_protocols != config.alpn_protocols:
            return None
        if (session.trust, session.policy, session.identity) != bindings.of_client(config, self.pause_on):
            return None
        if all(terms.cipher_suite != row.suite for row in suites):
            return None
        if not self.is_same_peer(session.peer):
            return None
        if session.peer.psk_identity is not None and not self.has_psk_of(session):
            return None
        if session.ticket:
            return session if config.request_ticket else None
        return session if session.session_id else None

    def has_psk_of(self, session: Session) -> bool:
        """Whether our key for the session's hint is still the one that the session was made with.

        False where the application answers PskLookupRequested: it is asked only once the server's hint has come.
        """
        psk = None if self.pauses_on(PskLookupRequested) else self.configured_psk(session.psk_identity_hint or b"")
        if psk is None:
            return False
        return hmac.compare_digest(session.psk_digest, digest_psk(session.master_secret, psk.identity, psk.key))

    def configured_psk(self, hint: bytes) -> Psk | None:
        """The key of the configuration, or what its function gives for the hint."""
        source = self.config.psk
        return expect(source(hint), Psk | None, "psk(hint)", PSK_EXPECTED) if callable(source) else source

    def check_resumption(self, agreed: Agreed) -> Session:
        """What an abbreviated handshake may not change (RFC 5246 7.4.1.3, RFC 7627 5.3)."""
        session = self.session
        assert session is not None
        terms, previous = agreed.terms, session.terms
        if terms.cipher_suite != previous.cipher_suite:
            raise PeerMisbehaved(
                f"the server resumes with {terms.cipher_suite} a session made with {previous.cipher_suite}",
                rule="RFC 5246 7.4.1.3",
            )
        if terms.extended_master_secret != previous.extended_master_secret:
            raise PeerMisbehaved(
                "the server resumes a session but changed extended_master_secret",
                alert=Alert.HANDSHAKE_FAILURE,
                rule="RFC 7627 5.3",
            )
        return session

    def keep_fragment_length(self, agreed: Agreed, answer: ServerHello) -> Agreed:
        """Apply the session's max_fragment_length, which holds in a resumption without being negotiated again
        (RFC 6066 4), unless the server answered record_size_limit, which replaces it (RFC 8449 5)."""
        session = self.session
        assert session is not None
        if session.max_fragment_length is None or answer.find(RecordSizeLimit) is not None:
            return agreed
        size = 256 << session.max_fragment_length
        terms = replace(agreed.terms, max_fragment_length=session.max_fragment_length)
        kept = replace(agreed, terms=terms, record_size_limit=size, own_record_size_limit=size)
        self.output_record_rules(kept)
        return kept

    def new_session(
        self,
        agreed: Agreed,
        peer: PeerIdentity,
        secrets: Secrets,
        ticket: NewSessionTicket | None,
        psk: Psk | None,
        exchange: ServerKeyExchange | None,
    ) -> Session | None:
        """The session that may be resumed later, if any; it goes into the store, if there is one."""
        config = self.config
        if self.application_chose_identity or not self.may_be_reused(agreed.terms.extended_master_secret):
            return None
        trust, policy, identity = bindings.of_client(config, self.pause_on)
        granted = ticket if ticket is not None and ticket.ticket else None  # an empty one is none (RFC 5077 3.3)
        if granted is None and not agreed.session_id:
            return None
        created = config.now()
        lifetime = granted.ticket_lifetime_hint if granted is not None else 0
        session = Session(
            terms=agreed.terms,
            peer=peer,
            session_id=agreed.session_id if granted is None else b"",
            master_secret=secrets.master,
            created=created,
            expires=expiry(created, lifetime, peer.verified_chain),
            ticket=granted.ticket if granted is not None else b"",
            ticket_lifetime=lifetime,
            alpn_protocols=config.alpn_protocols,
            trust=trust,
            policy=policy,
            identity=identity,
            psk_digest=digest_psk(secrets.master, psk.identity, psk.key) if psk is not None else b"",
            psk_identity_hint=exchange.psk_identity_hint if exchange is not None else None,
        )
        self.keep_session(session)
        return session

    def renewed_session(self, session: Session, agreed: Agreed, ticket: NewSessionTicket | None) -> Session:
        """The session after a resumption: under the new ticket, if the server sent one."""
        if ticket is not None and ticket.ticket:
            lifetime = ticket.ticket_lifetime_hint
            session = replace(
                session,
                terms=agreed.terms,
                session_id=b"",
                expires=expiry(session.created, lifetime, session.peer.verified_chain),
                ticket=ticket.ticket,
                ticket_lifetime=lifetime,
            )
        self.keep_session(session)
        return session

    def keep_session(self, session: Session) -> None:
        """Put it into the store, if there is one."""
        if self.config.sessions is not None:
            put_session(self.config.sessions, self.session_key, session)

    @cached_property
    def session_key(self) -> bytes:
        """Where the client's store keeps the session for this server."""
        return bindings.client_store_key(self.given_config, self.server_name, self.pause_on)

    # -- the ServerHello ----------------------------------------------------------------------------------

    def check_server_hello(self, hello: ClientHello, answer: ServerHello) -> Agreed:
        """Check everything that a ServerHello can get wrong (RFC 5246 7.4.1.3). Returns what the hellos settle."""
        if answer.server_version != _TLS_1_2:
            raise PeerIncompatible(
                f"the server chose {ProtocolVersion.of(answer.server_version)}; this client speaks TLS 1.2 only",
                alert=Alert.PROTOCOL_VERSION,
                rule="RFC 5246 E.1",
                remedy="enable TLS 1.2 on the server",
            )
        suite = self.check_suite(hello, answer)
        if answer.compression_method != _NULL:
            raise PeerMisbehaved(
                f"the server chose compression {answer.compression_method}, which was not offered",
                rule="RFC 5246 7.4.1.3",
            )
        found: dict[type, Any] = {type(extension): extension for extension in answer.extensions or ()}
        own = set(map(_extension_type, self.config.extensions))
        self.check_extensions_asked_for(hello, answer, own)
        secure = self.check_renegotiation_info(answer)
        extended = ExtendedMasterSecret in found
        self.check_extended_master_secret(extended)
        encrypt_then_mac = EncryptThenMac in found
        if encrypt_then_mac and not suite.is_cbc:
            raise PeerMisbehaved(f"the server answered encrypt_then_mac for {suite.suite}", rule="RFC 7366 3")
        formats = found.get(ECPointFormats)
        if formats is not None and _UNCOMPRESSED not in formats.ec_point_format_list:
            raise PeerMisbehaved("the server's ec_point_formats lacks uncompressed", rule="RFC 8422 5.2")
        fragment, size = found.get(MaxFragmentLength), found.get(RecordSizeLimit)
        self.check_record_sizes(hello, fragment, size)
        to_send = to_receive = fragment.fragment_size if fragment is not None else MAX_PLAINTEXT
        if size is not None:
            to_send, to_receive = size.record_size_limit, self.config.record_size_limit
        scts = found.get(SignedCertificateTimestampList)
        return Agreed(
            terms=Terms(
                cipher_suite=suite.suite,
                extended_master_secret=extended,
                encrypt_then_mac=encrypt_then_mac,
                server_name=self.server_name,
                alpn_protocol=self.check_alpn(answer),
                max_fragment_length=fragment.max_fragment_length if fragment is not None else None,
            ),
            client_random=hello.random,
            server_random=answer.random,
            session_id=answer.session_id,
            secure_renegotiation=secure,
            staple_promised=StatusRequestAck in found,
            ticket_promised=SessionTicketAck in found,
            scts=scts.sct_list if scts is not None else (),
            record_size_limit=to_send,
            own_record_size_limit=to_receive,
            custom_extensions=tuple(e for e in answer.extensions or () if e.extension_type in own) if own else (),
        )

    def check_record_sizes(
        self, hello: ClientHello, fragment: MaxFragmentLength | None, size: RecordSizeLimit | None
    ) -> None:
        """The server may answer max_fragment_length with our value, or record_size_limit up to 2^14; not both."""
        if fragment is not None and fragment != hello.find(MaxFragmentLength):
            raise PeerMisbehaved("the server answered another max_fragment_length than ours", rule="RFC 6066 4")
        if size is not None and fragment is not None:
            raise PeerMisbehaved(
                "the server answered both record_size_limit and max_fragment_length", rule="RFC 8449 5"
            )
        if size is not None and size.record_size_limit > MAX_PLAINTEXT:
            raise PeerMisbehaved(
                f"the server's record_size_limit {size.record_size_limit} exceeds 2^14", rule="RFC 8449 4"
            )

    def check_extensions_asked_for(self, hello: ClientHello, answer: ServerHello, own: set[ExtensionType]) -> None:
        """A server may answer only extensions that were offered, and of those only the kinds that have an answer, which
        padding has not. `_NEEDS_NO_OFFER` are exceptions; `own` are the types that the configuration adds."""
        offered = set(map(_extension_type, hello.extensions or ()))
        answered = set(map(_extension_type, answer.extensions or ()))
        strange = answered - (offered & _ANSWERED) - _NEEDS_NO_OFFER - own
        if strange:
            kind = min(strange)
            fault = "is not for servers to answer" if kind in offered else "was not offered"
            raise PeerMisbehaved(
                f"the server answered the extension {kind}, which {fault}",
                alert=Alert.UNSUPPORTED_EXTENSION,
                rule="RFC 5246 7.4.1.4",
            )

    def check_suite(self, hello: ClientHello, answer: ServerHello) -> Suite:
        """The suite must be one of those that we offered."""
        if answer.cipher_suite not in hello.cipher_suites or answer.cipher_suite not in SUITES:
            raise PeerMisbehaved(
                f"the server chose {answer.cipher_suite}, which was not offered", rule="RFC 5246 7.4.1.3"
            )
        return SUITES[CipherSuite.of(answer.cipher_suite)]

    def check_renegotiation_info(self, answer: ServerHello) -> bool:
        """Check renegotiation_info (RFC 5746 3.4, 3.5). Returns whether the server sent it."""
        info = answer.find(RenegotiationInfo)
        previous = self.previous
        if info is None:
            if previous is not None or self.config.policy.require_secure_renegotiation:
                raise PeerIncompatible(
                    "the server offers no secure renegotiation",
                    detail=Detail.NO_SECURE_RENEGOTIATION,
                    rule="RFC 5746 3.4",
                    remedy=permit(self.config.policy, "injected prefixes", require_secure_renegotiation=False),
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
        """The application protocol: one of ours (RFC 7301 3.1), or, if the server names none, that of the handshake
        before on this connection, if any."""
        chosen = answer.find(ApplicationLayerProtocolNegotiation)
        if chosen is None:
            return self.previous.negotiated.alpn_protocol if self.previous is not None else None
        name = chosen.protocol_name_list[0].decode("utf-8", "backslashreplace")
        if name not in self.protocols_to_offer():
            raise PeerMisbehaved(
                f"the server chose the application protocol {name!r}, which was not offered",
                rule="RFC 7301 3.1",
            )
        return name
