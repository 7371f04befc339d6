"""The hellos, which settle what the handshake uses, and the two empty messages of the server beside them.

How it works: RFC 5246 7.4.1 and 7.4.5. The extension block at the end of a hello is optional: `extensions` is None
without one and `()` for an empty one, since the two are different bytes. The ClientHello in the frame of SSL 2.0 (RFC
5246 E.2) is recognised so that it can be named and refused; it is never sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from tls12.registry import CipherSuite, CompressionMethod, HandshakeType, ProtocolVersion
from tls12.wire.context import Context
from tls12.wire.extensions import (
    IN_CLIENT_HELLO,
    IN_SERVER_HELLO,
    Extension,
    read_extensions,
    write_extensions,
)
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

E = TypeVar("E")


def _find(extensions: tuple[Extension, ...] | None, kind: type[E]) -> E | None:
    present: Sequence[Any] = extensions or ()
    kinds = [*map(type, present)]
    found: E | None = present[kinds.index(kind)] if kind in kinds else None
    return found


@dataclass(slots=True)
class HelloRequest:
    """The server asks the client to begin a new handshake (RFC 5246 7.4.1.1)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.HELLO_REQUEST

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls()

    def write(self, w: Writer) -> None:
        """Write nothing."""


@dataclass(slots=True)
class ClientHello:
    """What the client offers (RFC 5246 7.4.1.2)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CLIENT_HELLO
    client_version: ProtocolVersion
    random: bytes
    session_id: bytes
    cipher_suites: tuple[CipherSuite, ...]
    compression_methods: tuple[CompressionMethod, ...]
    extensions: tuple[Extension, ...] | None = None

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(
            r.code16("client_version", ProtocolVersion),
            r.fixed(32, "random"),
            r.vector8("session_id", at_most=32),
            r.list16("cipher_suites", CipherSuite, at_least=2),
            r.list8("compression_methods", CompressionMethod, at_least=1),
            read_extensions(r, IN_CLIENT_HELLO),
        )

    def write(self, w: Writer) -> None:
        w.u16(self.client_version, "client_version")
        w.fixed(self.random, 32, "random")
        w.vector8(self.session_id, "session_id", at_most=32)
        w.list16(self.cipher_suites, "cipher_suites", CipherSuite, at_least=2)
        w.list8(self.compression_methods, "compression_methods", CompressionMethod, at_least=1)
        write_extensions(w, self.extensions)

    def find(self, kind: type[E]) -> E | None:
        """The first extension of a class, or None: `hello.find(ServerNameList)`."""
        return _find(self.extensions, kind)


@dataclass(slots=True)
class ServerHello:
    """What the server chose (RFC 5246 7.4.1.3)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.SERVER_HELLO
    server_version: ProtocolVersion
    random: bytes
    session_id: bytes
    cipher_suite: CipherSuite
    compression_method: CompressionMethod
    extensions: tuple[Extension, ...] | None = None

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(
            r.code16("server_version", ProtocolVersion),
            r.fixed(32, "random"),
            r.vector8("session_id", at_most=32),
            r.code16("cipher_suite", CipherSuite),
            r.code8("compression_method", CompressionMethod),
            read_extensions(r, IN_SERVER_HELLO),
        )

    def write(self, w: Writer) -> None:
        w.u16(self.server_version, "server_version")
        w.fixed(self.random, 32, "random")
        w.vector8(self.session_id, "session_id", at_most=32)
        w.u16(self.cipher_suite, "cipher_suite")
        w.u8(self.compression_method, "compression_method")
        write_extensions(w, self.extensions)

    def find(self, kind: type[E]) -> E | None:
        """The first extension of a class, or None."""
        return _find(self.extensions, kind)


@dataclass(slots=True)
class ServerHelloDone:
    """The end of the server's first flight (RFC 5246 7.4.5)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.SERVER_HELLO_DONE

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls()

    def write(self, w: Writer) -> None:
        """Write nothing."""


@dataclass(slots=True)
class Sslv2ClientHello:
    """A ClientHello in the frame of SSL 2.0 (RFC 5246 E.2), with its two-byte record header.

    `cipher_specs` are three-byte numbers: those below 0x10000 are suites of TLS.
    """

    version: ProtocolVersion
    cipher_specs: tuple[int, ...]
    session_id: bytes
    challenge: bytes

    @classmethod
    def recognise(cls, data: bytes) -> bool:
        """Whether the first bytes of a connection look like one: a two-byte header and type 1."""
        return len(data) >= 3 and data[0] & 0x80 != 0 and data[2] == HandshakeType.CLIENT_HELLO

    @classmethod
    def read(cls, r: Reader) -> Self:
        length = r.u16("msg_length") & 0x7FFF
        if length != r.remaining:
            raise r.error("msg_length", f"length {length}, but {r.remaining} bytes follow")
        r.expect_u8(HandshakeType.CLIENT_HELLO, "msg_type")
        version = r.code16("version", ProtocolVersion)
        specs, session_id, challenge = (r.u16(f"{name}_length") for name in ("cipher_spec", "session_id", "challenge"))
        if specs % 3:
            raise r.error("cipher_spec_length", "not a multiple of 3")
        return cls(
            version,
            tuple(r.u24("cipher_specs") for _ in range(specs // 3)),
            r.fixed(session_id, "session_id"),
            r.fixed(challenge, "challenge"),
        )
