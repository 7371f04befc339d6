"""Hypothesis strategies for every type of the wire: values for property tests and fuzzers.

How it works: there is one strategy for each class, in tables like those of `tls12.wire`; hellos and messages are put
together from them. Every value that a strategy draws can be serialised, and parsing gives it back:
`parse(serialize(m), context) == m`. `messages()` draws a message together with the context in which it is parsed.
`mangled()` damages valid bytes, which finds more faults than random bytes do.

This module alone needs Hypothesis: `pip install tls12[lab]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tls12.registry import (
    DECODERS,
    Alert,
    AlertLevel,
    AuthorizationDataFormat,
    CachedInformationType,
    CertChainType,
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    CertificateType,
    CipherSuite,
    ClientCertificateType,
    CodePoint,
    CompressionMethod,
    ContentType,
    ECPointFormat,
    ExtensionType,
    HandshakeType,
    HeartbeatMessageType,
    HeartbeatMode,
    HpkeAead,
    HpkeKdf,
    IdentifierType,
    NamedGroup,
    NameType,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
    SRTPProtectionProfile,
    SupplementalDataType,
    TokenBindingKeyParameters,
    UserMappingType,
)
from tls12.wire import certificates, closing, extensions, hello, key_exchange
from tls12.wire.context import Context
from tls12.wire.extensions import IN_CLIENT_HELLO, IN_SERVER_HELLO, Extension, RawExtension
from tls12.wire.key_exchange import LAYOUTS, KeyExchangeAlgorithm
from tls12.wire.messages import MESSAGES, Message, RawMessage
from tls12.wire.records import Record

C = TypeVar("C", bound=CodePoint)


def codes(kind: type[C]) -> SearchStrategy[C]:
    """A code point: listed ones most of the time, any number of its size otherwise."""
    size, of = DECODERS[kind]
    return st.one_of(st.sampled_from(list(kind)), st.integers(0, 256**size - 1).map(of))


def lists(kind: type[C], least: int = 1, most: int = 20) -> SearchStrategy[tuple[C, ...]]:
    """A list of code points."""
    return st.lists(codes(kind), min_size=least, max_size=most).map(tuple)


def opaque(least: int = 0, most: int = 40) -> SearchStrategy[bytes]:
    """Bytes of a bounded length."""
    return st.binary(min_size=least, max_size=most)


def opaques(least: int = 0, item: int = 1, most: int = 5) -> SearchStrategy[tuple[bytes, ...]]:
    """A list of opaque values."""
    return st.lists(opaque(item), min_size=least, max_size=most).map(tuple)


def tuples(items: SearchStrategy[Any], least: int = 0, most: int = 5) -> SearchStrategy[tuple[Any, ...]]:
    """A list of anything."""
    return st.lists(items, min_size=least, max_size=most).map(tuple)


host_names = st.one_of(
    st.from_regex(rb"[a-z0-9-]{1,12}(\.[a-z]{1,8}){0,3}", fullmatch=True),
    st.binary(min_size=1, max_size=30).map(lambda raw: bytes(0x20 + byte % 0x5F for byte in raw)),
)
"""What may stand in server_name as a host_name (RFC 6066 3): printable ASCII."""

_server_names = st.one_of(
    st.builds(extensions.ServerName, st.just(NameType.HOST_NAME), host_names),
    st.builds(extensions.ServerName, codes(NameType).filter(bool), opaque()),
)
_ocsp = st.builds(extensions.OcspStatusRequest, opaques(), opaque())
_other_status = codes(CertificateStatusType).filter(lambda kind: not kind.is_known)
_status_items = st.one_of(
    st.builds(extensions.StatusRequestItem, st.sampled_from(list(CertificateStatusType)), _ocsp),
    st.builds(extensions.StatusRequestItem, _other_status, opaque()),
)
_hashes = st.binary(min_size=20, max_size=20)
_authorities = st.one_of(
    st.builds(extensions.TrustedAuthority, st.just(IdentifierType.PRE_AGREED), st.just(b"")),
    st.builds(extensions.TrustedAuthority, st.just(IdentifierType.KEY_SHA1_HASH), _hashes),
    st.builds(extensions.TrustedAuthority, st.just(IdentifierType.CERT_SHA1_HASH), _hashes),
    st.builds(extensions.TrustedAuthority, st.just(IdentifierType.X509_NAME), opaque(1)),
)
_key_shares = st.builds(extensions.KeyShareEntry, codes(NamedGroup), opaque(1))
_psk_identities = st.builds(extensions.PskIdentity, opaque(1), st.integers(0, 2**32 - 1))
_cached = st.builds(extensions.CachedObject, codes(CachedInformationType), opaque(1))
_srtp = st.builds(extensions.UseSrtp, lists(SRTPProtectionProfile), opaque())
_tokens = st.builds(extensions.TokenBinding, st.integers(0, 255), st.integers(0, 255), lists(TokenBindingKeyParameters))
_limits = st.builds(extensions.RecordSizeLimit, st.integers(64, 0xFFFF))
_fragments = st.builds(extensions.MaxFragmentLength, st.integers(1, 4))
_heartbeats = st.builds(extensions.HeartbeatExtension, codes(HeartbeatMode))
_alpn = extensions.ApplicationLayerProtocolNegotiation

CLIENT_EXTENSIONS: Mapping[ExtensionType, SearchStrategy[Extension]] = {
    ExtensionType.SERVER_NAME: st.builds(
        extensions.ServerNameList,
        st.lists(_server_names, min_size=1, max_size=3, unique_by=lambda name: name.name_type).map(tuple),
    ),
    ExtensionType.MAX_FRAGMENT_LENGTH: _fragments,
    ExtensionType.CLIENT_CERTIFICATE_URL: st.builds(extensions.ClientCertificateUrl),
    ExtensionType.TRUSTED_CA_KEYS: st.builds(extensions.TrustedCaKeys, tuples(_authorities)),
    ExtensionType.TRUNCATED_HMAC: st.builds(extensions.TruncatedHmac),
    ExtensionType.STATUS_REQUEST: st.one_of(
        st.builds(extensions.StatusRequest, st.just(CertificateStatusType.OCSP), opaques(), opaque()),
        st.builds(
            extensions.UnknownStatusRequest, codes(CertificateStatusType).filter(lambda kind: kind != 1), opaque()
        ),
    ),
    ExtensionType.USER_MAPPING: st.builds(extensions.UserMapping, lists(UserMappingType)),
    ExtensionType.CLIENT_AUTHZ: st.builds(extensions.ClientAuthz, lists(AuthorizationDataFormat)),
    ExtensionType.SERVER_AUTHZ: st.builds(extensions.ServerAuthz, lists(AuthorizationDataFormat)),
    ExtensionType.CERT_TYPE: st.builds(extensions.CertTypes, lists(CertificateType)),
    ExtensionType.SUPPORTED_GROUPS: st.builds(extensions.SupportedGroups, lists(NamedGroup)),
    ExtensionType.EC_POINT_FORMATS: st.builds(extensions.ECPointFormats, lists(ECPointFormat)),
    ExtensionType.SRP: st.builds(extensions.Srp, opaque(1)),
    ExtensionType.SIGNATURE_ALGORITHMS: st.builds(extensions.SignatureAlgorithms, lists(SignatureScheme)),
    ExtensionType.USE_SRTP: _srtp,
    ExtensionType.HEARTBEAT: _heartbeats,
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: st.builds(_alpn, opaques(1)),
    ExtensionType.STATUS_REQUEST_V2: st.builds(extensions.StatusRequestV2, tuples(_status_items, 1)),
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: st.builds(extensions.SignedCertificateTimestampRequest),
    ExtensionType.CLIENT_CERTIFICATE_TYPE: st.builds(extensions.ClientCertificateTypes, lists(CertificateType)),
    ExtensionType.SERVER_CERTIFICATE_TYPE: st.builds(extensions.ServerCertificateTypes, lists(CertificateType)),
    ExtensionType.PADDING: st.builds(extensions.Padding, opaque()),
    ExtensionType.ENCRYPT_THEN_MAC: st.builds(extensions.EncryptThenMac),
    ExtensionType.EXTENDED_MASTER_SECRET: st.builds(extensions.ExtendedMasterSecret),
    ExtensionType.TOKEN_BINDING: _tokens,
    ExtensionType.CACHED_INFO: st.builds(extensions.CachedInfo, tuples(_cached, 1)),
    ExtensionType.COMPRESS_CERTIFICATE: st.builds(
        extensions.CompressCertificate, lists(CertificateCompressionAlgorithm)
    ),
    ExtensionType.RECORD_SIZE_LIMIT: _limits,
    ExtensionType.DELEGATED_CREDENTIAL: st.builds(extensions.DelegatedCredentials, lists(SignatureScheme)),
    ExtensionType.SESSION_TICKET: st.builds(extensions.SessionTicket, opaque()),
    ExtensionType.PRE_SHARED_KEY: st.builds(
        extensions.OfferedPsks, tuples(_psk_identities, 1), tuples(opaque(32, 64), 1)
    ),
    ExtensionType.EARLY_DATA: st.builds(extensions.EarlyData),
    ExtensionType.SUPPORTED_VERSIONS: st.builds(extensions.SupportedVersions, lists(ProtocolVersion)),
    ExtensionType.COOKIE: st.builds(extensions.Cookie, opaque(1)),
    ExtensionType.PSK_KEY_EXCHANGE_MODES: st.builds(extensions.PskKeyExchangeModes, lists(PskKeyExchangeMode)),
    ExtensionType.CERTIFICATE_AUTHORITIES: st.builds(extensions.CertificateAuthorities, opaques(1)),
    ExtensionType.POST_HANDSHAKE_AUTH: st.builds(extensions.PostHandshakeAuth),
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: st.builds(extensions.SignatureAlgorithmsCert, lists(SignatureScheme)),
    ExtensionType.KEY_SHARE: st.builds(extensions.KeyShareClientHello, tuples(_key_shares)),
    ExtensionType.NEXT_PROTOCOL_NEGOTIATION: st.builds(extensions.NextProtocolNegotiationRequest),
    ExtensionType.APPLICATION_SETTINGS_OLD: st.builds(extensions.ApplicationSettingsOld, opaques(1)),
    ExtensionType.APPLICATION_SETTINGS: st.builds(extensions.ApplicationSettings, opaques(1)),
    ExtensionType.CHANNEL_ID: st.builds(extensions.ChannelId),
    ExtensionType.ECH_OUTER_EXTENSIONS: st.builds(extensions.EchOuterExtensions, lists(ExtensionType)),
    ExtensionType.ENCRYPTED_CLIENT_HELLO: st.one_of(
        st.builds(extensions.EncryptedClientHelloInner),
        st.builds(
            extensions.EncryptedClientHelloOuter,
            codes(HpkeKdf),
            codes(HpkeAead),
            st.integers(0, 255),
            opaque(),
            opaque(1),
        ),
    ),
    ExtensionType.RENEGOTIATION_INFO: st.builds(extensions.RenegotiationInfo, opaque()),
}
"""The values of each extension that a ClientHello may have, by type."""

SERVER_EXTENSIONS: Mapping[ExtensionType, SearchStrategy[Extension]] = {
    ExtensionType.SERVER_NAME: st.builds(extensions.ServerNameAck),
    ExtensionType.MAX_FRAGMENT_LENGTH: _fragments,
    ExtensionType.CLIENT_CERTIFICATE_URL: st.builds(extensions.ClientCertificateUrl),
    ExtensionType.TRUSTED_CA_KEYS: st.builds(extensions.TrustedCaKeysAck),
    ExtensionType.TRUNCATED_HMAC: st.builds(extensions.TruncatedHmac),
    ExtensionType.STATUS_REQUEST: st.builds(extensions.StatusRequestAck),
    ExtensionType.USER_MAPPING: CLIENT_EXTENSIONS[ExtensionType.USER_MAPPING],
    ExtensionType.CLIENT_AUTHZ: CLIENT_EXTENSIONS[ExtensionType.CLIENT_AUTHZ],
    ExtensionType.SERVER_AUTHZ: CLIENT_EXTENSIONS[ExtensionType.SERVER_AUTHZ],
    ExtensionType.CERT_TYPE: st.builds(extensions.SelectedCertType, codes(CertificateType)),
    ExtensionType.SUPPORTED_GROUPS: CLIENT_EXTENSIONS[ExtensionType.SUPPORTED_GROUPS],
    ExtensionType.EC_POINT_FORMATS: CLIENT_EXTENSIONS[ExtensionType.EC_POINT_FORMATS],
    ExtensionType.USE_SRTP: _srtp,
    ExtensionType.HEARTBEAT: _heartbeats,
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: st.builds(_alpn, opaques(1, most=1)),
    ExtensionType.STATUS_REQUEST_V2: st.builds(extensions.StatusRequestV2Ack),
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: st.builds(extensions.SignedCertificateTimestampList, opaques(1)),
    ExtensionType.CLIENT_CERTIFICATE_TYPE: st.builds(extensions.SelectedClientCertificateType, codes(CertificateType)),
    ExtensionType.SERVER_CERTIFICATE_TYPE: st.builds(extensions.SelectedServerCertificateType, codes(CertificateType)),
    ExtensionType.ENCRYPT_THEN_MAC: st.builds(extensions.EncryptThenMac),
    ExtensionType.EXTENDED_MASTER_SECRET: st.builds(extensions.ExtendedMasterSecret),
    ExtensionType.TOKEN_BINDING: _tokens,
    ExtensionType.CACHED_INFO: st.builds(extensions.CachedInfoAck, lists(CachedInformationType)),
    ExtensionType.RECORD_SIZE_LIMIT: _limits,
    ExtensionType.SESSION_TICKET: st.builds(extensions.SessionTicketAck),
    ExtensionType.PRE_SHARED_KEY: st.builds(extensions.SelectedPsk, st.integers(0, 0xFFFF)),
    ExtensionType.SUPPORTED_VERSIONS: st.builds(extensions.SelectedVersion, codes(ProtocolVersion)),
    ExtensionType.COOKIE: CLIENT_EXTENSIONS[ExtensionType.COOKIE],
    ExtensionType.KEY_SHARE: st.one_of(
        st.builds(extensions.KeyShareServerHello, _key_shares),
        st.builds(extensions.KeyShareHelloRetryRequest, codes(NamedGroup)),
    ),
    ExtensionType.NEXT_PROTOCOL_NEGOTIATION: st.builds(extensions.NextProtocolNegotiation, opaques()),
    ExtensionType.CHANNEL_ID: st.builds(extensions.ChannelId),
    ExtensionType.ENCRYPTED_CLIENT_HELLO: st.builds(
        extensions.EncryptedClientHelloConfirmation, st.binary(min_size=8, max_size=8)
    ),
    ExtensionType.RENEGOTIATION_INFO: CLIENT_EXTENSIONS[ExtensionType.RENEGOTIATION_INFO],
}
"""The values of each extension that a ServerHello may have, by type."""


def _blocks(
    typed: Mapping[ExtensionType, SearchStrategy[Extension]], listed: Mapping[int, object]
) -> SearchStrategy[tuple[Extension, ...] | None]:
    raw: SearchStrategy[Extension] = st.builds(
        RawExtension, codes(ExtensionType).filter(lambda kind: kind not in listed), opaque()
    )
    one = st.one_of(st.sampled_from(list(typed)).flatmap(typed.__getitem__), raw)
    block = st.lists(one, max_size=12, unique_by=lambda extension: extension.extension_type)
    return st.none() | block.map(tuple)


randoms = st.binary(min_size=32, max_size=32)
"""The random of a hello."""

session_ids = st.binary(max_size=32)
"""A session id."""

client_hellos: SearchStrategy[hello.ClientHello] = st.builds(
    hello.ClientHello,
    codes(ProtocolVersion),
    randoms,
    session_ids,
    lists(CipherSuite, most=40),
    lists(CompressionMethod, most=4),
    _blocks(CLIENT_EXTENSIONS, IN_CLIENT_HELLO.readers),
)
"""A ClientHello with any extensions, or without the block."""

server_hellos: SearchStrategy[hello.ServerHello] = st.builds(
    hello.ServerHello,
    codes(ProtocolVersion),
    randoms,
    session_ids,
    codes(CipherSuite),
    codes(CompressionMethod),
    _blocks(SERVER_EXTENSIONS, IN_SERVER_HELLO.readers),
)
"""A ServerHello with any extensions, or without the block."""

_named_curves = st.builds(key_exchange.EcdheParams, codes(NamedGroup), opaque(1))
_fields = st.one_of(
    opaque(1),
    st.builds(
        key_exchange.Char2Field, st.integers(0, 0xFFFF), st.sampled_from((1, 3)).flatmap(lambda n: opaques(n, most=n))
    ),
)
_explicit_curves = st.builds(key_exchange.ExplicitCurveParams, _fields, *[opaque(1)] * 6)
_curves: SearchStrategy[key_exchange.ServerParams] = st.one_of(_named_curves, _explicit_curves)
_finite_fields = st.builds(key_exchange.DheParams, opaque(1), opaque(1), opaque(1))
_srp = st.builds(key_exchange.SrpParams, opaque(1), opaque(1), opaque(1), opaque(1))

_PARAMS: Mapping[object, SearchStrategy[Any]] = {
    None: st.none(),
    key_exchange.DheParams.read: _finite_fields,
    key_exchange.EcdheParams.read: _curves,
    key_exchange.SrpParams.read: _srp,
}
_KEYS: Mapping[object, SearchStrategy[Any]] = {
    None: st.none(),
    key_exchange.DhPublic.read: st.builds(key_exchange.DhPublic, opaque(1)),
    key_exchange.EcdhPublic.read: st.builds(key_exchange.EcdhPublic, opaque(1)),
    key_exchange.EncryptedPreMasterSecret.read: st.builds(key_exchange.EncryptedPreMasterSecret, opaque()),
    key_exchange.SrpPublic.read: st.builds(key_exchange.SrpPublic, opaque(1)),
}

signatures = st.builds(key_exchange.DigitallySigned, codes(SignatureScheme), opaque())
"""A signature with its scheme."""


def server_key_exchanges(algorithm: KeyExchangeAlgorithm) -> SearchStrategy[key_exchange.ServerKeyExchange]:
    """The ServerKeyExchange of one key exchange (of all but RSA, which has none)."""
    layout = LAYOUTS[algorithm]
    return st.builds(
        key_exchange.ServerKeyExchange,
        _PARAMS[layout.params],
        opaque() if layout.psk else st.none(),
        signatures if layout.signed else st.none(),
    )


def client_key_exchanges(algorithm: KeyExchangeAlgorithm) -> SearchStrategy[key_exchange.ClientKeyExchange]:
    """The ClientKeyExchange of one key exchange."""
    layout = LAYOUTS[algorithm]
    return st.builds(key_exchange.ClientKeyExchange, _KEYS[layout.keys], opaque() if layout.psk else st.none())


_statuses = st.one_of(
    st.builds(certificates.CertificateStatus, st.just(CertificateStatusType.OCSP), opaque(1)),
    st.builds(
        certificates.CertificateStatus, st.just(CertificateStatusType.OCSP_MULTI), st.just(b""), opaques(1, item=0)
    ),
)
_urls = st.builds(certificates.URLAndHash, opaque(1), _hashes)
_supplements = st.builds(certificates.SupplementalDataEntry, codes(SupplementalDataType), opaque())

PLAIN_MESSAGES: Mapping[type, SearchStrategy[Any]] = {
    hello.HelloRequest: st.builds(hello.HelloRequest),
    hello.ClientHello: client_hellos,
    hello.ServerHello: server_hellos,
    hello.ServerHelloDone: st.builds(hello.ServerHelloDone),
    certificates.Certificate: st.builds(certificates.Certificate, opaques()),
    certificates.CertificateRequest: st.builds(
        certificates.CertificateRequest, lists(ClientCertificateType), lists(SignatureScheme), opaques()
    ),
    certificates.CertificateVerify: st.builds(certificates.CertificateVerify, codes(SignatureScheme), opaque()),
    certificates.CertificateStatus: _statuses,
    certificates.CertificateURL: st.builds(certificates.CertificateURL, codes(CertChainType), tuples(_urls, 1)),
    certificates.SupplementalData: st.builds(certificates.SupplementalData, tuples(_supplements, 1)),
    closing.NewSessionTicket: st.builds(closing.NewSessionTicket, st.integers(0, 2**32 - 1), opaque()),
    closing.NextProtocol: st.builds(closing.NextProtocol, opaque(), opaque()),
    RawMessage: st.builds(RawMessage, codes(HandshakeType).filter(lambda kind: kind not in MESSAGES), opaque()),
}
"""The values of each class of message that needs no context."""

CONTEXT_MESSAGES: Mapping[Context, SearchStrategy[Any]] = {
    **{
        Context(algorithm): st.one_of(
            client_key_exchanges(algorithm),
            *([server_key_exchanges(algorithm)] if layout.server_key_exchange else []),
            st.builds(closing.Finished, opaque()),
        )
        for algorithm, layout in LAYOUTS.items()
    },
    Context(certificate_type=CertificateType.RAW_PUBLIC_KEY): st.builds(
        certificates.RawPublicKeyCertificate, opaque(1)
    ),
}
"""By context: the messages that can be parsed only with it."""

contexts = st.sampled_from(list(CONTEXT_MESSAGES))
"""A context for messages that need one."""


def messages() -> SearchStrategy[tuple[Message, Context | None]]:
    """Any handshake message, with the context in which it parses to itself."""
    plain = st.sampled_from(list(PLAIN_MESSAGES.values())).flatmap(lambda one: st.tuples(one, st.none()))
    bound = contexts.flatmap(lambda context: st.tuples(CONTEXT_MESSAGES[context], st.just(context)))
    return st.one_of(plain, bound)


alerts = st.builds(closing.AlertMessage, codes(AlertLevel), codes(Alert))
"""An alert."""

heartbeats = st.builds(closing.Heartbeat, codes(HeartbeatMessageType), opaque(), opaque(16))
"""A heartbeat."""

payloads = st.one_of(alerts, heartbeats, st.builds(closing.ChangeCipherSpec))
"""The payload of a record that carries neither handshake messages nor application data."""

records = st.builds(Record, codes(ContentType), codes(ProtocolVersion), opaque())
"""A record of any type, with any bytes as its fragment."""


@st.composite
def mangled(draw: st.DrawFn, originals: SearchStrategy[bytes]) -> bytes:
    """Bytes of `originals`, damaged in one to three places: changed, removed, inserted, repeated or cut off."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        count = draw(st.integers(1, 4))
        damage = draw(st.sampled_from(("change", "remove", "insert", "repeat", "cut")))
        if damage == "cut":
            del data[at:]
        elif damage == "repeat":
            data[at:at] = data[at : at + 4 * count]
        else:
            fresh = draw(st.binary(min_size=count, max_size=count)) if damage != "remove" else b""
            data[at : at if damage == "insert" else at + count] = fresh
    return bytes(data)
