"""What a client may add to its ClientHello besides what it wants: GREASE and padding.

How it works: two pure functions from hello to hello, used where the policy says so. GREASE (RFC 8701 3.1) puts
reserved values among suites, groups and extensions, so that servers that fail on unknown values are found early.
Padding (RFC 7685) keeps a hello out of the sizes 256 to 511, on which some old servers fail.
"""

from __future__ import annotations

from dataclasses import replace

from tls12.crypto.randomness import Draw, Purpose
from tls12.registry import CipherSuite, ExtensionType, NamedGroup
from tls12.wire import messages
from tls12.wire.extensions import Extension, Padding, RawExtension, SupportedGroups
from tls12.wire.hello import ClientHello

_PADDED_SIZE = 512
_EXTENSION_HEADER = 4


def add_grease(hello: ClientHello, draw: Draw) -> ClientHello:
    """GREASE as the first suite, the first group, and a first and a last extension, all drawn at random."""
    suite, group, first, last = (0x0A0A + 0x1010 * (byte & 0x0F) for byte in draw(Purpose.GREASE, 4))
    if last == first:  # the same extension twice would be an error
        last = 0x0A0A + (last - 0x0A0A + 0x1010) % 0x10100
    extensions: list[Extension] = [RawExtension(ExtensionType.of(first), b"")]
    for extension in hello.extensions or ():
        if isinstance(extension, SupportedGroups):
            extension = SupportedGroups((NamedGroup.of(group), *extension.named_group_list))
        extensions.append(extension)
    extensions.append(RawExtension(ExtensionType.of(last), b"\x00"))
    suites = (CipherSuite.of(suite), *hello.cipher_suites)
    return replace(hello, cipher_suites=suites, extensions=tuple(extensions))


def pad(hello: ClientHello) -> ClientHello:
    """A hello of 256 to 511 bytes, padded to 512 (RFC 7685 4); any other as it is."""
    size = len(messages.serialize(hello))
    if not 256 <= size < _PADDED_SIZE:
        return hello
    filler = Padding(bytes(max(_PADDED_SIZE - size - _EXTENSION_HEADER, 1)))
    return replace(hello, extensions=(*(hello.extensions or ()), filler))
