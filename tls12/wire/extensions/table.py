"""The one table of extensions, and the reading and writing of extension blocks.

How it works: a row says how the body of one extension type is read in a ClientHello and in a ServerHello. None means
that the type does not belong there, and the body stays bytes. `TLS13` stands in the rows of types that have no meaning
before TLS 1.3. To add an extension, write its class in one of the modules beside this one and add its row.

Strict reading refuses a second extension of the same type and a body that does not decode. With `Mode.tls12_only` the
body of an extension to which TLS 1.2 gives no meaning stays bytes. With `Mode.memory` a block or an extension that was
read before is not read again. Lenient reading keeps the second extension of a type, makes a `MalformedExtension` of any
body that does not decode, and an `ExtensionRemnant` of what follows the last whole extension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from operator import attrgetter
from struct import Struct
from struct import error as StructError
from typing import Any, NamedTuple, TypeVar

from tls12.errors import DecodeError, LimitExceeded
from tls12.registry import ExtensionType, ProtocolVersion
from tls12.wire.extensions import certificates, cryptography, names, other_protocols, session, sizes, tls13
from tls12.wire.extensions.base import Extension, ExtensionRemnant, MalformedExtension, RawExtension
from tls12.wire.location import Progress, count_bytes, without_frames
from tls12.wire.memory import Memory
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

X = TypeVar("X", bound=Extension)

ReadExtension = Callable[[Reader], Extension]
"""Reads one body; the Reader's scope is exactly that body."""

Readers = Mapping[int, tuple[ExtensionType, ReadExtension]]
"""By extension type, the type as it is printed, and how its body is read."""

TLS12, TLS13 = ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3


class ExtensionRow(NamedTuple):
    """How one type is read in a ClientHello and in a ServerHello, and the first version that gives it a meaning."""

    client: ReadExtension | None
    server: ReadExtension | None
    since: ProtocolVersion = TLS12


TABLE: Mapping[ExtensionType, ExtensionRow] = {
    ExtensionType.SERVER_NAME: ExtensionRow(names.ServerNameList.read, names.ServerNameAck.read),
    ExtensionType.MAX_FRAGMENT_LENGTH: ExtensionRow(sizes.MaxFragmentLength.read, sizes.MaxFragmentLength.read),
    ExtensionType.CLIENT_CERTIFICATE_URL: ExtensionRow(
        certificates.ClientCertificateUrl.read, certificates.ClientCertificateUrl.read
    ),
    ExtensionType.TRUSTED_CA_KEYS: ExtensionRow(certificates.TrustedCaKeys.read, certificates.TrustedCaKeysAck.read),
    ExtensionType.TRUNCATED_HMAC: ExtensionRow(cryptography.TruncatedHmac.read, cryptography.TruncatedHmac.read),
    ExtensionType.STATUS_REQUEST: ExtensionRow(certificates.StatusRequest.read, certificates.StatusRequestAck.read),
    ExtensionType.USER_MAPPING: ExtensionRow(certificates.UserMapping.read, certificates.UserMapping.read),
    ExtensionType.CLIENT_AUTHZ: ExtensionRow(certificates.ClientAuthz.read, certificates.ClientAuthz.read),
    ExtensionType.SERVER_AUTHZ: ExtensionRow(certificates.ServerAuthz.read, certificates.ServerAuthz.read),
    ExtensionType.CERT_TYPE: ExtensionRow(certificates.CertTypes.read, certificates.SelectedCertType.read),
    ExtensionType.SUPPORTED_GROUPS: ExtensionRow(cryptography.SupportedGroups.read, cryptography.SupportedGroups.read),
    ExtensionType.EC_POINT_FORMATS: ExtensionRow(cryptography.ECPointFormats.read, cryptography.ECPointFormats.read),
    ExtensionType.SRP: ExtensionRow(cryptography.Srp.read, None),
    ExtensionType.SIGNATURE_ALGORITHMS: ExtensionRow(cryptography.SignatureAlgorithms.read, None),
    ExtensionType.USE_SRTP: ExtensionRow(other_protocols.UseSrtp.read, other_protocols.UseSrtp.read),
    ExtensionType.HEARTBEAT: ExtensionRow(
        other_protocols.HeartbeatExtension.read, other_protocols.HeartbeatExtension.read
    ),
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: ExtensionRow(
        names.ApplicationLayerProtocolNegotiation.read,
        names.ApplicationLayerProtocolNegotiation.read_selected,
    ),
    ExtensionType.STATUS_REQUEST_V2: ExtensionRow(
        certificates.StatusRequestV2.read, certificates.StatusRequestV2Ack.read
    ),
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: ExtensionRow(
        certificates.SignedCertificateTimestampRequest.read, certificates.SignedCertificateTimestampList.read
    ),
    ExtensionType.CLIENT_CERTIFICATE_TYPE: ExtensionRow(
        certificates.ClientCertificateTypes.read, certificates.SelectedClientCertificateType.read
    ),
    ExtensionType.SERVER_CERTIFICATE_TYPE: ExtensionRow(
        certificates.ServerCertificateTypes.read, certificates.SelectedServerCertificateType.read
    ),
    ExtensionType.PADDING: ExtensionRow(sizes.Padding.read, None),
    ExtensionType.ENCRYPT_THEN_MAC: ExtensionRow(cryptography.EncryptThenMac.read, cryptography.EncryptThenMac.read),
    ExtensionType.EXTENDED_MASTER_SECRET: ExtensionRow(
        cryptography.ExtendedMasterSecret.read, cryptography.ExtendedMasterSecret.read
    ),
    ExtensionType.TOKEN_BINDING: ExtensionRow(other_protocols.TokenBinding.read, other_protocols.TokenBinding.read),
    ExtensionType.CACHED_INFO: ExtensionRow(certificates.CachedInfo.read, certificates.CachedInfoAck.read),
    ExtensionType.COMPRESS_CERTIFICATE: ExtensionRow(certificates.CompressCertificate.read, None, TLS13),
    ExtensionType.RECORD_SIZE_LIMIT: ExtensionRow(sizes.RecordSizeLimit.read, sizes.RecordSizeLimit.read),
    ExtensionType.DELEGATED_CREDENTIAL: ExtensionRow(cryptography.DelegatedCredentials.read, None, TLS13),
    ExtensionType.SESSION_TICKET: ExtensionRow(session.SessionTicket.read, session.SessionTicketAck.read),
    ExtensionType.PRE_SHARED_KEY: ExtensionRow(tls13.OfferedPsks.read, tls13.SelectedPsk.read, TLS13),
    ExtensionType.EARLY_DATA: ExtensionRow(tls13.EarlyData.read, None, TLS13),
    ExtensionType.SUPPORTED_VERSIONS: ExtensionRow(tls13.SupportedVersions.read, tls13.SelectedVersion.read),
    ExtensionType.COOKIE: ExtensionRow(tls13.Cookie.read, tls13.Cookie.read, TLS13),
    ExtensionType.PSK_KEY_EXCHANGE_MODES: ExtensionRow(tls13.PskKeyExchangeModes.read, None, TLS13),
    ExtensionType.CERTIFICATE_AUTHORITIES: ExtensionRow(certificates.CertificateAuthorities.read, None, TLS13),
    ExtensionType.POST_HANDSHAKE_AUTH: ExtensionRow(tls13.PostHandshakeAuth.read, None, TLS13),
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: ExtensionRow(cryptography.SignatureAlgorithmsCert.read, None),
    ExtensionType.KEY_SHARE: ExtensionRow(tls13.KeyShareClientHello.read, tls13.KeyShareServerHello.read, TLS13),
    ExtensionType.NEXT_PROTOCOL_NEGOTIATION: ExtensionRow(
        names.NextProtocolNegotiationRequest.read, names.NextProtocolNegotiation.read
    ),
    ExtensionType.APPLICATION_SETTINGS_OLD: ExtensionRow(names.ApplicationSettingsOld.read, None, TLS13),
    ExtensionType.APPLICATION_SETTINGS: ExtensionRow(names.ApplicationSettings.read, None, TLS13),
    ExtensionType.CHANNEL_ID: ExtensionRow(other_protocols.ChannelId.read, other_protocols.ChannelId.read),
    ExtensionType.ECH_OUTER_EXTENSIONS: ExtensionRow(tls13.EchOuterExtensions.read, None, TLS13),
    ExtensionType.ENCRYPTED_CLIENT_HELLO: ExtensionRow(
        tls13.EncryptedClientHelloOuter.read, tls13.EncryptedClientHelloConfirmation.read, TLS13
    ),
    ExtensionType.RENEGOTIATION_INFO: ExtensionRow(session.RenegotiationInfo.read, session.RenegotiationInfo.read),
}
"""Extension type to the way its body is read in each hello."""

_EXTENSION_HEADER = Struct(">HH")

_NEW_IN_EVERY_HELLO = frozenset((ExtensionType.KEY_SHARE, ExtensionType.PRE_SHARED_KEY, ExtensionType.COOKIE))

_REPEATED_BYTES = 64
"""Bytes of the longest body that is remembered. The object that is read from it takes several times as many."""
_NO_CACHE: Mapping[object, Any] = {}
"""Stands for the entries of a memory where there is none."""
_REPEATED_BLOCK_BYTES, _REPEATED_BLOCK_EXTENSIONS = 1024, 32
"""The largest block that is remembered as a whole."""


class HelloColumn:
    """One column of the table: how the bodies of extensions are read in one kind of hello."""

    __slots__ = ("readers", "tls12_only")

    def __init__(self, choose: Callable[[ExtensionRow], ReadExtension | None], *, tls13: bool = True) -> None:
        found = ((kind, choose(row)) for kind, row in TABLE.items() if tls13 or row.since != TLS13)
        self.readers: Readers = {int(kind): (kind, read) for kind, read in found if read}
        self.tls12_only: HelloColumn = HelloColumn(choose, tls13=False) if tls13 else self
        """The same column without the extensions to which TLS 1.2 gives no meaning."""


IN_CLIENT_HELLO = HelloColumn(lambda row: row.client)
"""The ClientHello's column of the table, as `read_extensions` wants it."""

IN_SERVER_HELLO = HelloColumn(lambda row: row.server)
"""The ServerHello's column of the table."""


def read_extensions(r: Reader, column: HelloColumn) -> tuple[Extension, ...] | None:
    """Read the extension block at the end of a hello; None where there is none (RFC 5246 7.4.1.2).

    Raises DecodeError for framing, for bodies, and for a second extension of the same type (7.4.1.4), LimitExceeded
    for more extensions or more entries of a list than the Reader's mode allows.
    """
    if r.pos == r.end:
        return None
    mode = r.mode
    if mode.lenient:
        with r.scope16("extensions"):
            return _read_leniently(r, column)
    if mode.tls12_only:
        column = column.tls12_only
    memory = mode.memory
    if memory is None:
        with r.scope16("extensions"):
            return _read_strictly(r, column, None)[0]
    size = r.end - r.pos
    key = column, r.data[r.pos : r.end]
    known: tuple[Extension, ...] | None = memory.get(key)
    if known is not None and len(known) <= mode.extensions:
        r.pos = r.end
        return known
    with r.scope16("extensions"):
        extensions, may_come_again = _read_strictly(r, column, memory)
    if may_come_again and r.pos == r.end and size <= _REPEATED_BLOCK_BYTES:
        memory.keep(key, extensions, size)
    return extensions


def _read_strictly(r: Reader, column: HelloColumn, memory: Memory | None) -> tuple[tuple[Extension, ...], bool]:
    """The extensions, and whether the block may come again: whether nothing in it is long, or new in every hello."""
    # One flat loop that moves the Reader's limits itself, since a scope for each extension costs more than most
    # bodies. The last of `names` is the type that is being read.
    found: list[Extension] = []
    may_come_again = True
    data, pos, end, names = r.data, r.pos, r.end, r.names
    names += (found, "")
    readers, unpack, most = column.readers, _EXTENSION_HEADER.unpack_from, r.mode.extensions
    recall = memory.get if memory is not None else _NO_CACHE.get
    for _ in range(most):
        if pos >= end:
            break
        body = pos + 4
        kind, length = unpack(data, pos) if body <= end else (0, 0)
        new = body + length
        if new > end:
            r.pos, r.end = pos, end
            raise _cut_off(r)
        key = column, data[pos:new]
        extension = recall(key)
        if extension is None:
            extension = _read_body(r, readers, kind, body, new)
            if length > _REPEATED_BYTES or kind in _NEW_IN_EVERY_HELLO:
                may_come_again = False
            elif memory is not None and kind in readers:
                memory.keep(key, extension, length)
        found.append(extension)
        pos = new
    if pos < end:
        raise LimitExceeded(
            f"the peer sent more than {most} extensions in one hello; Limits.extensions allows {most}",
            remedy="raise Limits.extensions if that is normal for this peer",
        )
    r.pos = r.end = end
    del names[-2:]
    kinds = [*map(_extension_type, found)]
    if len({*kinds}) != len(kinds):
        repeated, _ = Counter(kinds).most_common(1)[0]
        raise r.error("", f"{repeated} twice")
    return tuple(found), may_come_again and len(found) <= _REPEATED_BLOCK_EXTENSIONS


def _read_body(r: Reader, readers: Readers, kind: int, body: int, end: int) -> Extension:
    """One extension, whose body stands between these positions."""
    if kind not in readers:
        return RawExtension(ExtensionType.of(kind), r.data[body:end])
    r.names[-1], read = readers[kind]
    r.pos, r.end, r.structures = body, end, r.mode.structures
    extension = read(r)
    if r.pos != end:
        raise r.left_over()
    return extension


def _read_leniently(r: Reader, column: HelloColumn) -> tuple[Extension, ...]:
    found: list[Extension] = []
    readers = column.readers
    data, pos, end, names = r.data, r.pos, r.end, r.names
    names += (found, "")
    mark = r.mark()
    while pos < end:
        body = pos + 4
        kind, length = _EXTENSION_HEADER.unpack_from(data, pos) if body <= end else (0, 0)
        new = body + length
        if new > end:
            r.pos, r.end = pos, end
            found.append(ExtensionRemnant(data[pos:end], _cut_off(r)))
            new = end
        elif kind not in readers:
            found.append(RawExtension(ExtensionType.of(kind), data[body:new]))
        else:
            names[-1], read = readers[kind]
            r.pos, r.end, r.structures = body, new, r.mode.structures
            try:
                extension = read(r)
                if r.pos != new:
                    raise r.left_over()
                found.append(extension)
            except DecodeError as error:
                found.append(_malformed(r, mark, readers[kind][0], data[body:new], error))
        r.note_extension(pos, new, found[-1])
        pos = new
    r.pos = r.end = end
    del names[-2:]
    return tuple(found)


def _malformed(
    r: Reader, mark: tuple[int, int], kind: ExtensionType, body: bytes, error: DecodeError
) -> MalformedExtension:
    r.unwind(mark)
    return MalformedExtension(kind, body, without_frames(error))


def _cut_off(r: Reader) -> DecodeError:
    r.names[-1] = ""
    if r.remaining >= 4:
        r.names[-1] = r.code16("extension_type", ExtensionType)
        return r.error("", f"length {r.u16('length')} exceeds the {count_bytes(r.remaining)} left")
    return r.error("", f"needs 4 bytes for type and length, {r.remaining} left")


_extension_type: Callable[[Extension], ExtensionType] = attrgetter("extension_type")
_encoded: Callable[[Extension], bytes] = attrgetter("encoded")


class _ExtensionProgress(Progress[Extension]):
    """The index and the type of the extension that is being written."""

    def __str__(self) -> str:
        return f"[{self.index}].{self.values[self.index].extension_type}"


def write_extensions(w: Writer, extensions: tuple[Extension, ...] | None) -> None:
    """Write the extension block at the end of a hello, or nothing for None."""
    if extensions is None:
        return
    try:
        # The extensions that tls12 itself sends keep their encoding, so nearly every block only has to be joined.
        block: bytes | bytearray = b"".join(map(_encoded, extensions))
    except AttributeError:
        block = _encode(w, extensions)
    length = len(block)
    if length > 0xFFFF:
        raise w.error("extensions", f"{length} bytes where 0..65535 are allowed")
    w.buffer += length.to_bytes(2, "big") + block


def _encode(w: Writer, extensions: tuple[Extension, ...]) -> bytearray:
    """The block of extensions of which some keep no encoding."""
    whole, names, progress = w.buffer, w.names, _ExtensionProgress(extensions)
    names += ("extensions", progress)
    w.buffer = block = bytearray()
    for extension in progress.iterator:
        encoded = getattr(extension, "encoded", None)
        if encoded is None:
            _write_extension(w, extension)
        else:
            block += encoded
    del names[-2:]
    w.buffer = whole
    return block


def _write_extension(w: Writer, extension: Extension) -> None:
    buffer = w.buffer
    start = len(buffer)
    buffer += b"\0\0\0\0"
    extension.write(w)
    length = len(buffer) - start - 4
    try:
        _EXTENSION_HEADER.pack_into(buffer, start, extension.extension_type, length)
    except StructError:
        raise w.error("", f"type or length ({length}) exceeds 65535") from None
    if type(extension) is ExtensionRemnant:
        del buffer[start : start + 4]


def encode_once(extension: X) -> X:
    """Let the extension keep its encoding, and return it; for extensions that are sent in many hellos."""
    w = Writer(type(extension).__name__)
    _write_extension(w, extension)
    object.__setattr__(extension, "encoded", bytes(w.buffer))
    return extension
