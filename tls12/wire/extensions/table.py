"""The one table of extensions, and the reading and writing of extension blocks.

How it works: a row tells how the body of one extension type is read in a ClientHello and in a ServerHello;
None means that it does not belong there, and the bytes stay bytes. `TLS13` stands in the rows of those that have no
meaning before TLS 1.3. To add an extension, write its class in one of the modules beside this one and add its row.

Strict reading refuses a second extension of the same type, and a body that does not decode; but for a Reader that is
`tls12_only`, the body of an extension to which TLS 1.2 gives no meaning stays bytes. Lenient reading
(`tls12.wire.lenient`) keeps the second, makes a `MalformedExtension` of any body that does not decode, and an
`ExtensionRemnant` of what follows the last whole extension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from tls12.errors import DecodeError, LimitExceeded
from tls12.registry import ExtensionType, ProtocolVersion
from tls12.wire.extensions import certificates, cryptography, names, session, tls13
from tls12.wire.extensions.base import Extension, ExtensionBody, ExtensionRemnant, MalformedExtension, RawExtension
from tls12.wire.location import Progress, count_bytes, without_frames
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

ReadExtension = Callable[[Reader], Extension]
"""Reads one body; the Reader's scope is exactly that body."""


TLS12, TLS13 = ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3


class ExtensionRow(NamedTuple):
    """How one type is read in a ClientHello and in a ServerHello, and the first version that gives it a meaning."""

    client: ReadExtension | None
    server: ReadExtension | None
    since: ProtocolVersion = TLS12


TABLE: Mapping[ExtensionType, ExtensionRow] = {
    ExtensionType.SERVER_NAME: ExtensionRow(names.ServerNameList.read, names.ServerNameAck.read),
    ExtensionType.MAX_FRAGMENT_LENGTH: ExtensionRow(session.MaxFragmentLength.read, session.MaxFragmentLength.read),
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
    ExtensionType.USE_SRTP: ExtensionRow(session.UseSrtp.read, session.UseSrtp.read),
    ExtensionType.HEARTBEAT: ExtensionRow(session.HeartbeatExtension.read, session.HeartbeatExtension.read),
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
    ExtensionType.PADDING: ExtensionRow(session.Padding.read, None),
    ExtensionType.ENCRYPT_THEN_MAC: ExtensionRow(cryptography.EncryptThenMac.read, cryptography.EncryptThenMac.read),
    ExtensionType.EXTENDED_MASTER_SECRET: ExtensionRow(
        cryptography.ExtendedMasterSecret.read, cryptography.ExtendedMasterSecret.read
    ),
    ExtensionType.TOKEN_BINDING: ExtensionRow(session.TokenBinding.read, session.TokenBinding.read),
    ExtensionType.CACHED_INFO: ExtensionRow(certificates.CachedInfo.read, certificates.CachedInfoAck.read),
    ExtensionType.COMPRESS_CERTIFICATE: ExtensionRow(certificates.CompressCertificate.read, None, TLS13),
    ExtensionType.RECORD_SIZE_LIMIT: ExtensionRow(session.RecordSizeLimit.read, session.RecordSizeLimit.read),
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
    ExtensionType.CHANNEL_ID: ExtensionRow(session.ChannelId.read, session.ChannelId.read),
    ExtensionType.ECH_OUTER_EXTENSIONS: ExtensionRow(tls13.EchOuterExtensions.read, None, TLS13),
    ExtensionType.ENCRYPTED_CLIENT_HELLO: ExtensionRow(
        tls13.EncryptedClientHelloOuter.read, tls13.EncryptedClientHelloConfirmation.read, TLS13
    ),
    ExtensionType.RENEGOTIATION_INFO: ExtensionRow(session.RenegotiationInfo.read, session.RenegotiationInfo.read),
}
"""Extension type to the way its body is read in each hello."""

_HEADER = Struct(">HH")

_NEW_IN_EVERY_HELLO = frozenset((ExtensionType.KEY_SHARE, ExtensionType.PRE_SHARED_KEY, ExtensionType.COOKIE))

_SEEN_EXTENSIONS, _SEEN_BYTES = 512, 64
_SEEN_BLOCKS, _SEEN_BLOCK_BYTES, _SEEN_BLOCK_EXTENSIONS = 64, 1024, 32
_WRITTEN_BYTES = 516
"""What an extension remembers of itself: more is a long body, which costs little to encode and much to keep twice."""


class Column:
    """One column of the table: how bodies are read in this hello, and what has been read before.

    Extensions do not change, and most come again and again: a client's block is the same in every connection, a
    server's nearly so, and where one part is new (a key share, a ticket) the others are not. So both whole blocks and
    single extensions are remembered by their bytes; reading the eleven extensions of a ClientHello falls from 16 µs to
    6 by the latter and to 1 by the former (benchmarks/test_messages.py). What is remembered also remembers its
    encoding, which costs nothing, as it is the key. A hostile peer can fill this with its own bytes, within the
    bounds above, after which it begins anew; a block is bounded in extensions too, since it keeps them all, and they
    are larger than their bytes.
    """

    def __init__(self, choose: Callable[[ExtensionRow], ReadExtension | None], *, tls13: bool = True) -> None:
        found = ((kind, choose(row)) for kind, row in TABLE.items() if tls13 or row.since != TLS13)
        self.readers: Mapping[int, tuple[ExtensionType, ReadExtension]] = {
            int(kind): (kind, read) for kind, read in found if read
        }
        self.tls12_only: Column = Column(choose, tls13=False) if tls13 else self
        """The column of a Reader that is `tls12_only`, with a memory of its own."""
        self.extensions: dict[bytes, Extension] = {}
        self.blocks: dict[bytes, tuple[Extension, ...]] = {}

    def remember(self, encoded: bytes, extension: Extension) -> bool:
        """Keep an extension that may come again; whether it may."""
        if len(encoded) > _SEEN_BYTES or extension.extension_type in _NEW_IN_EVERY_HELLO:
            return False
        if len(self.extensions) >= _SEEN_EXTENSIONS:
            self.extensions.clear()
        object.__setattr__(extension, "encoded", encoded)
        self.extensions[encoded] = extension
        return True

    def remember_block(self, block: bytes, extensions: tuple[Extension, ...]) -> None:
        """Keep a block of which every extension is kept."""
        if len(extensions) > _SEEN_BLOCK_EXTENSIONS:
            return
        if len(self.blocks) >= _SEEN_BLOCKS:
            self.blocks.clear()
        self.blocks[block] = extensions

    def forget(self) -> None:
        """Begin anew."""
        for column in (self, self.tls12_only):
            column.extensions.clear()
            column.blocks.clear()


IN_CLIENT_HELLO = Column(lambda row: row.client)
"""The ClientHello's column of the table, as `read_extensions` wants it."""

IN_SERVER_HELLO = Column(lambda row: row.server)
"""The ServerHello's column of the table."""


def read_extensions(r: Reader, column: Column) -> tuple[Extension, ...] | None:
    """Read the extension block at the end of a hello; None where there is none (RFC 5246 7.4.1.2).

    Raises DecodeError for framing, for bodies, and for a second extension of the same type (7.4.1.4), LimitExceeded
    for more extensions or more entries of a list than the Reader takes.
    """
    if r.pos == r.end:
        return None
    if r.lenient:
        with r.scope16("extensions"):
            return _read_leniently(r, column)
    if r.tls12_only:
        column = column.tls12_only
    block = r.data[r.pos : r.end]
    known = column.blocks.get(block)
    if known is not None and len(known) <= r.extensions:
        r.pos = r.end
        return known
    with r.scope16("extensions"):
        extensions, may_come_again = _read_strictly(r, column)
    if may_come_again and r.pos == r.end and len(block) <= _SEEN_BLOCK_BYTES:
        column.remember_block(block, extensions)
    return extensions


def _read_strictly(r: Reader, column: Column) -> tuple[tuple[Extension, ...], bool]:
    # One flat loop that moves the Reader's limits by hand: a scope per extension cost 0.4 µs each, a third of
    # a ClientHello (benchmarks/test_messages.py). The last of `names` is the type that is being read.
    found: list[Extension] = []
    kinds: list[int] = []
    all_remembered = True
    data, pos, end, names = r.data, r.pos, r.end, r.names
    names += (found, "")
    seen, readers, unpack = column.extensions, column.readers, _HEADER.unpack_from
    most = r.extensions
    while pos < end:
        if len(found) == most:
            raise LimitExceeded(
                f"the peer sent more than {most} extensions in one hello; Limits.extensions allows {most}",
                remedy="raise Limits.extensions if that is normal for this peer",
            )
        body = pos + 4
        kind, length = unpack(data, pos) if body <= end else (0, 0)
        new = body + length
        if new > end:
            r.pos, r.end = pos, end
            raise _cut_off(r)
        extension = seen.get(data[pos:new])
        if extension is None:
            if kind in readers:
                names[-1], read = readers[kind]
                r.pos, r.end = body, new
                extension = read(r)
                if r.pos != new:
                    raise r.left_over()
            else:
                extension = RawExtension(ExtensionType.of(kind), data[body:new])
            all_remembered &= column.remember(data[pos:new], extension)
        found.append(extension)
        kinds.append(kind)
        pos = new
    r.pos = r.end = end
    del names[-2:]
    if len({*kinds}) != len(kinds):
        repeated, _ = Counter(kinds).most_common(1)[0]
        raise r.error("", f"{ExtensionType.of(repeated)} twice")
    return tuple(found), all_remembered


def _read_leniently(r: Reader, column: Column) -> tuple[Extension, ...]:
    found: list[Extension] = []
    readers = column.readers
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
            names[-1], read = readers[kind]
            r.pos, r.end = body, new
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


class _ExtensionProgress(Progress[Extension]):
    """The index and the type of the extension that is being written."""

    def __str__(self) -> str:
        return f"[{self.index}].{self.values[self.index].extension_type}"


def write_extensions(w: Writer, extensions: tuple[Extension, ...] | None) -> None:
    """Write the extension block at the end of a hello, or nothing for None.

    Each extension is encoded when it is first written, and remembers it; so to change one thing of a hello and write
    it again costs what that one thing costs. A hello with twelve extensions takes 2.7 µs if all were written before,
    and 24 if none was.
    """
    if extensions is None:
        return
    try:
        known = [extension.encoded for extension in extensions]  # type: ignore[attr-defined]
        block: bytes | bytearray = b"".join(known)
    except AttributeError:
        block = _encode(w, extensions)
    length = len(block)
    if length > 0xFFFF:
        raise w.error("extensions", f"{length} bytes where 0..65535 are allowed")
    w.buffer += length.to_bytes(2, "big") + block


def _encode(w: Writer, extensions: tuple[Extension, ...]) -> bytearray:
    """The block of extensions of which some were never written."""
    whole, names, progress = w.buffer, w.names, _ExtensionProgress(extensions)
    names += ("extensions", progress)
    w.buffer = buffer = bytearray()
    for extension in progress.iterator:
        encoded = getattr(extension, "encoded", None)
        if encoded is not None:
            buffer += encoded
            continue
        start = len(buffer)
        buffer += b"\0\0\0\0"
        extension.write(w)
        length = len(buffer) - start
        try:
            _HEADER.pack_into(buffer, start, extension.extension_type, length - 4)
        except StructError:
            raise w.error("", f"type or length ({length - 4}) exceeds 65535") from None
        if type(extension) is ExtensionRemnant:
            del buffer[start : start + 4]
        elif length <= _WRITTEN_BYTES and _never_changes(extension):
            object.__setattr__(extension, "encoded", bytes(buffer[start:]))
    del names[-2:]
    w.buffer = whole
    return buffer


def _never_changes(extension: Extension) -> bool:
    """Whether the extension is one of ours, with nothing inside that may change, such as a list for a tuple."""
    try:
        return isinstance(extension, ExtensionBody) and hash(extension) is not None
    except (TypeError, ValueError):
        return False
