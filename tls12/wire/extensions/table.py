"""The one table of extensions, and the reading and writing of extension blocks.

How it works: a row tells how the body of one extension type is read in a ClientHello and in a ServerHello;
None means that it does not belong there, and the bytes stay bytes. To add an extension, write its class in
one of the modules beside this one and add its row.

Strict reading refuses a second extension of the same type. Lenient reading (`tls12.wire.lenient`) keeps it,
turns a body that does not decode into a `MalformedExtension`, and what follows the last whole extension into
an `ExtensionRemnant`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from struct import Struct
from struct import error as StructError
from typing import NamedTuple, TypeVar

from tls12.errors import DecodeError
from tls12.registry import ExtensionType
from tls12.wire.codec import Progress, Reader, Writer, count_bytes
from tls12.wire.extensions import certificates, cryptography, names, session, tls13
from tls12.wire.extensions.base import Extension, ExtensionRemnant, MalformedExtension, RawExtension

V = TypeVar("V", bound=Extension)

ReadExtension = Callable[[Reader], Extension]
"""Reads one body; the Reader's scope is exactly that body."""


class Row(NamedTuple):
    """How one type is read: in a ClientHello, and in a ServerHello."""

    client: ReadExtension | None
    server: ReadExtension | None


TABLE: Mapping[ExtensionType, Row] = {
    ExtensionType.SERVER_NAME: Row(names.ServerNameList.read, names.ServerNameAck.read),
    ExtensionType.MAX_FRAGMENT_LENGTH: Row(session.MaxFragmentLength.read, session.MaxFragmentLength.read),
    ExtensionType.CLIENT_CERTIFICATE_URL: Row(
        certificates.ClientCertificateUrl.read, certificates.ClientCertificateUrl.read
    ),
    ExtensionType.TRUSTED_CA_KEYS: Row(certificates.TrustedCaKeys.read, certificates.TrustedCaKeysAck.read),
    ExtensionType.TRUNCATED_HMAC: Row(cryptography.TruncatedHmac.read, cryptography.TruncatedHmac.read),
    ExtensionType.STATUS_REQUEST: Row(certificates.StatusRequest.read, certificates.StatusRequestAck.read),
    ExtensionType.USER_MAPPING: Row(certificates.UserMapping.read, certificates.UserMapping.read),
    ExtensionType.CLIENT_AUTHZ: Row(certificates.ClientAuthz.read, certificates.ClientAuthz.read),
    ExtensionType.SERVER_AUTHZ: Row(certificates.ServerAuthz.read, certificates.ServerAuthz.read),
    ExtensionType.CERT_TYPE: Row(certificates.CertTypes.read, certificates.SelectedCertType.read),
    ExtensionType.SUPPORTED_GROUPS: Row(cryptography.SupportedGroups.read, cryptography.SupportedGroups.read),
    ExtensionType.EC_POINT_FORMATS: Row(cryptography.ECPointFormats.read, cryptography.ECPointFormats.read),
    ExtensionType.SRP: Row(cryptography.Srp.read, None),
    ExtensionType.SIGNATURE_ALGORITHMS: Row(cryptography.SignatureAlgorithms.read, None),
    ExtensionType.USE_SRTP: Row(session.UseSrtp.read, session.UseSrtp.read),
    ExtensionType.HEARTBEAT: Row(session.HeartbeatExtension.read, session.HeartbeatExtension.read),
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: Row(
        names.ApplicationLayerProtocolNegotiation.read,
        names.ApplicationLayerProtocolNegotiation.read_selected,
    ),
    ExtensionType.STATUS_REQUEST_V2: Row(certificates.StatusRequestV2.read, certificates.StatusRequestV2Ack.read),
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: Row(
        certificates.SignedCertificateTimestampRequest.read, certificates.SignedCertificateTimestampList.read
    ),
    ExtensionType.CLIENT_CERTIFICATE_TYPE: Row(
        certificates.ClientCertificateTypes.read, certificates.SelectedClientCertificateType.read
    ),
    ExtensionType.SERVER_CERTIFICATE_TYPE: Row(
        certificates.ServerCertificateTypes.read, certificates.SelectedServerCertificateType.read
    ),
    ExtensionType.PADDING: Row(session.Padding.read, None),
    ExtensionType.ENCRYPT_THEN_MAC: Row(cryptography.EncryptThenMac.read, cryptography.EncryptThenMac.read),
    ExtensionType.EXTENDED_MASTER_SECRET: Row(
        cryptography.ExtendedMasterSecret.read, cryptography.ExtendedMasterSecret.read
    ),
    ExtensionType.TOKEN_BINDING: Row(session.TokenBinding.read, session.TokenBinding.read),
    ExtensionType.CACHED_INFO: Row(certificates.CachedInfo.read, certificates.CachedInfoAck.read),
    ExtensionType.COMPRESS_CERTIFICATE: Row(certificates.CompressCertificate.read, None),
    ExtensionType.RECORD_SIZE_LIMIT: Row(session.RecordSizeLimit.read, session.RecordSizeLimit.read),
    ExtensionType.DELEGATED_CREDENTIAL: Row(cryptography.DelegatedCredentials.read, None),
    ExtensionType.SESSION_TICKET: Row(session.SessionTicket.read, session.SessionTicketAck.read),
    ExtensionType.PRE_SHARED_KEY: Row(tls13.OfferedPsks.read, tls13.SelectedPsk.read),
    ExtensionType.EARLY_DATA: Row(tls13.EarlyData.read, None),
    ExtensionType.SUPPORTED_VERSIONS: Row(tls13.SupportedVersions.read, tls13.SelectedVersion.read),
    ExtensionType.COOKIE: Row(tls13.Cookie.read, tls13.Cookie.read),
    ExtensionType.PSK_KEY_EXCHANGE_MODES: Row(tls13.PskKeyExchangeModes.read, None),
    ExtensionType.CERTIFICATE_AUTHORITIES: Row(certificates.CertificateAuthorities.read, None),
    ExtensionType.POST_HANDSHAKE_AUTH: Row(tls13.PostHandshakeAuth.read, None),
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: Row(cryptography.SignatureAlgorithmsCert.read, None),
    ExtensionType.KEY_SHARE: Row(tls13.KeyShareClientHello.read, tls13.KeyShareServerHello.read),
    ExtensionType.NEXT_PROTOCOL_NEGOTIATION: Row(
        names.NextProtocolNegotiationRequest.read, names.NextProtocolNegotiation.read
    ),
    ExtensionType.APPLICATION_SETTINGS_OLD: Row(names.ApplicationSettingsOld.read, None),
    ExtensionType.APPLICATION_SETTINGS: Row(names.ApplicationSettings.read, None),
    ExtensionType.CHANNEL_ID: Row(session.ChannelId.read, session.ChannelId.read),
    ExtensionType.ECH_OUTER_EXTENSIONS: Row(tls13.EchOuterExtensions.read, None),
    ExtensionType.ENCRYPTED_CLIENT_HELLO: Row(
        tls13.EncryptedClientHelloOuter.read, tls13.EncryptedClientHelloConfirmation.read
    ),
    ExtensionType.RENEGOTIATION_INFO: Row(session.RenegotiationInfo.read, session.RenegotiationInfo.read),
}
"""Extension type to the way its body is read in each hello."""

_HEADER = Struct(">HH")

Readers = Mapping[int, tuple[ExtensionType, ReadExtension, dict[bytes, Extension] | None]]
"""By number: the type, how its body is read, and what is remembered of bodies that have been read."""

_NEW_IN_EVERY_HELLO = frozenset((ExtensionType.KEY_SHARE, ExtensionType.PRE_SHARED_KEY, ExtensionType.COOKIE))

# The other extensions come again and again with the same bodies, so some are remembered by them, since an
# extension does not change: half of the 16 µs that a ClientHello with eleven extensions takes
# (benchmarks/test_messages.py). What a hostile peer can do with it is fill it with its own bodies (64 of 64 bytes for
# a type), after which it begins anew.
_SEEN_VALUES, _SEEN_BYTES = 64, 64


def _column(choose: Callable[[Row], ReadExtension | None]) -> Readers:
    found = ((kind, choose(row)) for kind, row in TABLE.items())
    return {int(kind): (kind, read, None if kind in _NEW_IN_EVERY_HELLO else {}) for kind, read in found if read}


IN_CLIENT_HELLO: Readers = _column(lambda row: row.client)
"""The ClientHello's column of the table, as `read_extensions` wants it."""

IN_SERVER_HELLO: Readers = _column(lambda row: row.server)
"""The ServerHello's column of the table."""


def read_extensions(r: Reader, readers: Readers) -> tuple[Extension, ...] | None:
    """Read the extension block at the end of a hello; None where there is none (RFC 5246 7.4.1.2).

    Raises DecodeError for framing, for bodies, and for a second extension of the same type (7.4.1.4).
    """
    if r.pos == r.end:
        return None
    with r.scope16("extensions"):
        return (_read_leniently if r.lenient else _read_strictly)(r, readers)


def _read_strictly(r: Reader, readers: Readers) -> tuple[Extension, ...]:
    # One flat loop that moves the Reader's limits by hand: a scope per extension cost 0.4 µs each, a third of
    # a ClientHello (benchmarks/test_messages.py). The last of `names` is the type that is being read.
    found: list[Extension] = []
    kinds: list[int] = []
    data, pos, end, names = r.data, r.pos, r.end, r.names
    names += (found, "")
    unpack = _HEADER.unpack_from
    while pos < end:
        body = pos + 4
        kind, length = unpack(data, pos) if body <= end else (0, 0)
        new = body + length
        if new > end:
            r.pos, r.end = pos, end
            raise _cut_off(r)
        row = readers.get(kind)
        if row is None:
            found.append(RawExtension(ExtensionType.of(kind), data[body:new]))
        else:
            names[-1], read, seen = row
            extension = seen.get(data[body:new]) if seen is not None else None
            if extension is None:
                r.pos, r.end = body, new
                extension = read(r)
                if r.pos != new:
                    raise r.left_over()
                if seen is not None and length <= _SEEN_BYTES:
                    if len(seen) >= _SEEN_VALUES:
                        seen.clear()
                    seen[data[body:new]] = extension
            found.append(extension)
        kinds.append(kind)
        pos = new
    r.pos = r.end = end
    del names[-2:]
    if len({*kinds}) != len(kinds):
        repeated, _ = Counter(kinds).most_common(1)[0]
        raise r.error("", f"{ExtensionType.of(repeated)} twice")
    return tuple(found)


def _read_leniently(r: Reader, readers: Readers) -> tuple[Extension, ...]:
    found: list[Extension] = []
    data, pos, end, names = r.data, r.pos, r.end, r.names
    names += (found, "")
    mark = r.mark()
    while pos < end:
        body = pos + 4
        kind, length = _HEADER.unpack_from(data, pos) if body <= end else (0, 0)
        new = body + length
        if new > end:
            r.pos, r.end = pos, end
            found.append(ExtensionRemnant(data[pos:end], _cut_off(r)))
            new = end
        elif kind not in readers:
            found.append(RawExtension(ExtensionType.of(kind), data[body:new]))
        else:
            names[-1], read, _ = readers[kind]
            r.pos, r.end = body, new
            try:
                extension = read(r)
                if r.pos != new:
                    raise r.left_over()
                found.append(extension)
            except DecodeError as error:
                r.unwind(mark)
                found.append(MalformedExtension(readers[kind][0], data[body:new], error))
        r.note_extension(pos, new, found[-1])
        pos = new
    r.pos = r.end = end
    del names[-2:]
    return tuple(found)


def _cut_off(r: Reader) -> DecodeError:
    r.names[-1] = ""
    if r.remaining >= 4:
        r.names[-1] = r.code16("extension_type", ExtensionType)
        return r.error("", f"length {r.u16('length')} exceeds the {count_bytes(r.remaining)} left")
    return r.error("", f"needs 4 bytes for type and length, {r.remaining} left")


class _ExtensionProgress(Progress[Extension]):
    """The index and the type of the extension that is being written."""

    def __str__(self) -> str:
        return f"[{self.index}].{self.values[self.index].extension_type}"


def write_extensions(w: Writer, extensions: tuple[Extension, ...] | None) -> None:
    """Write the extension block at the end of a hello, or nothing for None."""
    if extensions is None:
        return
    # Flat like `_read_list`, and for the same reason.
    buffer, names, progress = w.buffer, w.names, _ExtensionProgress(extensions)
    block = len(buffer)
    buffer += b"\0\0"
    names += ("extensions", progress)
    for extension in progress.iterator:
        encoded = getattr(extension, "encoded", None)
        if encoded is not None:
            buffer += encoded
            continue
        start = len(buffer)
        buffer += b"\0\0\0\0"
        extension.write(w)
        try:
            _HEADER.pack_into(buffer, start, extension.extension_type, len(buffer) - start - 4)
        except StructError:
            raise w.error("", f"type or length ({len(buffer) - start - 4}) exceeds 65535") from None
        if type(extension) is ExtensionRemnant:
            del buffer[start : start + 4]
    del names[-2:]
    length = len(buffer) - block - 2
    if length > 0xFFFF:
        raise w.error("extensions", f"{length} bytes where 0..65535 are allowed")
    buffer[block : block + 2] = length.to_bytes(2, "big")


def encoded_once(extension: V) -> V:
    """This extension, with its encoding remembered: for what is sent again and again.

    Raises EncodeError for a value that does not fit.
    """
    w = Writer(type(extension).__name__)
    write_extensions(w, (extension,))
    object.__setattr__(extension, "encoded", bytes(w.buffer[2:]))
    return extension
