"""Server, order of messages and the ClientHello: sections S3 and S4 of the checklists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import vectors_loader
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel
from tls12 import Alert, CipherSuite, Limits, MemorySessionStore, NamedGroup, Policy, SignatureScheme
from tls12.errors import PeerIncompatible
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.lab.script import EVERYDAY_SUITES
from tls12.registry import CompressionMethod, ContentType, ExtensionType, HandshakeType, NameType, ProtocolVersion
from tls12.wire import messages
from tls12.wire.closing import ChangeCipherSpec, Finished
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    RawExtension,
    ServerName,
    ServerNameList,
    SignatureAlgorithms,
    SupportedGroups,
    SupportedVersions,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.messages import RawMessage

HANDSHAKE = ContentType.HANDSHAKE
GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
GREASE = CipherSuite.of(0x1A1A)
LEGACY = Policy.legacy_device()


# -- S3 order -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [0, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 22, 67, 99, 254, 255])
@refuses("S3.1", Alert.UNEXPECTED_MESSAGE)
def test_a_first_message_that_is_no_client_hello_is_refused(kind: int) -> Duel:
    duel = AgainstServer()
    body = messages.serialize(duel.script.hello())[4:]
    duel.script.send(RawMessage(HandshakeType.of(kind), body))
    return duel


@shows("S3.1", "unexpected_message for 255 types")
def test_of_all_types_only_the_client_hello_may_come_first() -> None:
    taken = []
    for kind in range(256):
        duel = AgainstServer()
        duel.script.send(RawMessage(HandshakeType.of(kind), b""))
        duel.carry()
        assert duel.subject.error is not None
        if duel.subject.error.alert is not Alert.UNEXPECTED_MESSAGE:
            taken.append(kind)
    assert taken == [HandshakeType.CLIENT_HELLO]


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x03FF])
@refuses("S3.1", Alert.UNEXPECTED_MESSAGE)
def test_a_first_message_that_is_no_client_hello_is_refused_in_a_record_of_any_version(version: int) -> Duel:
    duel = AgainstServer()
    duel.script.send_record(HANDSHAKE, b"\x10\x00\x00\x00", version=version)
    return duel


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_missing_client_key_exchange_is_refused() -> Duel:
    duel = AgainstServer().hello()
    duel.script.send(ChangeCipherSpec())
    return duel


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_missing_change_cipher_spec_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.send(duel.script.finished())
    return duel


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_missing_finished_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.change_cipher_spec()
    duel.script.send_data(b"data")
    return duel


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_second_client_hello_before_the_key_exchange_is_refused() -> Duel:
    return AgainstServer().hello().hello()


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_second_client_hello_before_the_finished_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.change_cipher_spec()
    return duel.hello()


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_second_client_key_exchange_is_refused() -> Duel:
    duel = AgainstServer().hello()
    exchange = duel.script.respond()
    duel.script.send(exchange, exchange)
    return duel


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_second_client_key_exchange_before_the_finished_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.change_cipher_spec()
    duel.script.send(duel.script.respond())
    return duel


@refuses("S3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_client_key_exchange_after_the_handshake_is_refused() -> Duel:
    duel = AgainstServer().handshake()
    duel.script.send(duel.script.respond())
    return duel


@pytest.mark.parametrize("place", range(12))
@refuses("S3.3", Alert.DECRYPT_ERROR)
def test_a_finished_with_a_wrong_bit_is_refused(place: int) -> Duel:
    duel = AgainstServer().hello().key_exchange()
    right = bytearray(duel.script.finished().verify_data)
    right[place] ^= 0x10
    duel.script.change_cipher_spec()
    duel.script.send(Finished(bytes(right)))
    return duel


@pytest.mark.parametrize("length", [0, 1, 11, 13, 24, 36, 255, 2**14])
@refuses("S3.3", Alert.DECRYPT_ERROR)
def test_a_finished_of_a_wrong_length_is_refused(length: int) -> Duel:
    duel = AgainstServer().hello().key_exchange()
    right = duel.script.finished().verify_data
    duel.script.change_cipher_spec()
    duel.script.send(Finished(right.ljust(length, b"\0")[:length]))
    return duel


# -- S4.1 framing -------------------------------------------------------------------------------------------


def lengths_of(hello: ClientHello) -> dict[str, tuple[int, int]]:
    """Where the lengths inside a ClientHello stand: name to offset in the message, and size."""
    at = 4 + 2 + 32
    found = {"session_id": (at, 1)}
    at += 1 + len(hello.session_id)
    found["cipher_suites"] = (at, 2)
    at += 2 + 2 * len(hello.cipher_suites)
    found["compression_methods"] = (at, 1)
    at += 1 + len(hello.compression_methods)
    if hello.extensions is not None:
        found["extensions"] = (at, 2)
        at += 2
        for number, extension in enumerate(hello.extensions):
            found[f"extension {number}: {extension.extension_type}"] = (at + 2, 2)
            size = len(messages.serialize(replace(hello, extensions=(extension,)))) - len(
                messages.serialize(replace(hello, extensions=()))
            )
            at += size
    return found


def probe() -> ClientHello:
    """A ClientHello with something in each vector."""
    hello = AgainstServer().script.hello(*EVERYDAY_SUITES, CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA)
    hello = replace(hello, random=bytes(32), session_id=b"\xee" * 17)
    return with_extensions(
        hello,
        ServerNameList((ServerName(NameType.HOST_NAME, b"server.test"),)),
        ApplicationLayerProtocolNegotiation((b"h2",)),
        RawExtension(ExtensionType.of(0x7777), b"opaque"),
    )


PROBE = probe()
LENGTHS = lengths_of(PROBE)


def broken(offset: int, size: int, by: int, hello: ClientHello = PROBE) -> bytes:
    data = bytearray(messages.serialize(hello))
    value = int.from_bytes(data[offset : offset + size]) + by
    data[offset : offset + size] = (value % (1 << 8 * size)).to_bytes(size)
    return bytes(data)


@pytest.mark.parametrize("by", [-2, -1, 1, 2, 0x7F])
@pytest.mark.parametrize("name", LENGTHS)
@refuses("S4.1", Alert.DECODE_ERROR)
def test_a_wrong_inner_length_is_refused(name: str, by: int) -> Duel:
    return AgainstServer().hello(hello=broken(*LENGTHS[name], by))


@pytest.mark.parametrize("by", [-2, -1, 1, 2])
@pytest.mark.parametrize("name", ["session_id", "cipher_suites", "compression_methods"])
@refuses("S4.1", Alert.DECODE_ERROR)
def test_a_wrong_inner_length_without_extensions_is_refused(name: str, by: int) -> Duel:
    bare = replace(PROBE, extensions=None, session_id=b"\xee" * 32)
    return AgainstServer(policy=LEGACY).hello(hello=broken(*lengths_of(bare)[name], by, bare))


@pytest.mark.parametrize("by", [-1, 1])
@refuses("S4.1", Alert.DECODE_ERROR)
def test_a_wrong_inner_length_beyond_one_record_is_refused(by: int) -> Duel:
    long = with_extensions(PROBE, RawExtension(ExtensionType.of(0x7777), bytes(20_000)))
    return AgainstServer().hello(hello=broken(*lengths_of(long)["extensions"], by, long))


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 50, 100, 150])
@refuses("S4.1", Alert.DECODE_ERROR)
def test_a_truncated_client_hello_is_refused(cut: int) -> Duel:
    body = messages.serialize(PROBE)[4:-cut]
    return AgainstServer().hello(hello=b"\x01" + len(body).to_bytes(3) + body)


@pytest.mark.parametrize("more", [b"\0", b"\0\0", bytes(100)])
@pytest.mark.parametrize("hello", [PROBE, replace(PROBE, extensions=())], ids=["extensions", "empty block"])
@refuses("S4.1", Alert.DECODE_ERROR)
def test_bytes_left_over_in_a_client_hello_are_refused(hello: ClientHello, more: bytes) -> Duel:
    body = messages.serialize(hello)[4:] + more
    return AgainstServer().hello(hello=b"\x01" + len(body).to_bytes(3) + body)


@refuses("S4.1", Alert.DECODE_ERROR)
def test_a_session_id_longer_than_32_bytes_is_refused() -> Duel:
    body = b"\x03\x03" + bytes(32) + b"\x21" + bytes(33) + b"\x00\x02\xc0\x2b\x01\x00"
    return AgainstServer(policy=LEGACY).hello(hello=b"\x01" + len(body).to_bytes(3) + body)


@refuses("S4.1", Alert.DECODE_ERROR)
def test_an_empty_list_of_cipher_suites_is_refused() -> Duel:
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x00" + b"\x01\x00"
    return AgainstServer(policy=LEGACY).hello(hello=b"\x01" + len(body).to_bytes(3) + body)


@pytest.mark.parametrize("extensions", [None, ()], ids=["no block", "an empty block"])
@accepts("S4.1")
def test_a_client_hello_without_extensions_is_legal(extensions: tuple[()] | None) -> Duel:
    suite = CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA
    return AgainstServer("rsa-2048", policy=LEGACY).handshake(suite, extensions=extensions)


# -- S4.2 unknown extensions --------------------------------------------------------------------------------

UNKNOWN = ExtensionType.of(0x7777)


@accepts("S4.2")
def test_very_many_unknown_extensions_are_ignored_where_the_limits_allow_them() -> Duel:
    duel = AgainstServer(limits=Limits.of_the_format())
    hello = duel.script.hello()
    assert hello.extensions is not None
    free = (n for n in range(0x0200, 0xFF00) if n not in {e.extension_type for e in hello.extensions or ()})
    many = tuple(RawExtension(ExtensionType.of(next(free)), b"") for _ in range(16_383 - 60))
    return duel.hello(hello=replace(hello, extensions=(*many, *hello.extensions))).key_exchange().finish()


@pytest.mark.parametrize("number", [65, 4_000])
@refuses("S4.2", Alert.HANDSHAKE_FAILURE)
def test_more_extensions_than_the_limits_allow_are_refused(number: int) -> Duel:
    duel = AgainstServer()
    many = (RawExtension(ExtensionType.of(0x0200 + n), b"") for n in range(number))
    return duel.hello(hello=replace(duel.script.hello(), extensions=tuple(many)))


@pytest.mark.parametrize("size", [0, 1, 255, 2**13, 2**14, 65_400])
@accepts("S4.2")
def test_an_unknown_extension_of_any_size_is_ignored(size: int) -> Duel:
    duel = AgainstServer(limits=Limits() if size <= 2**13 else Limits.of_the_format())
    hello = with_extensions(duel.script.hello(), RawExtension(UNKNOWN, bytes(size)))
    return duel.hello(hello=hello).key_exchange().finish()


@pytest.mark.parametrize("kind", [UNKNOWN, ExtensionType.SUPPORTED_GROUPS, ExtensionType.EXTENDED_MASTER_SECRET])
@refuses("S4.2", Alert.DECODE_ERROR)
def test_the_same_extension_twice_is_refused(kind: ExtensionType) -> Duel:
    duel = AgainstServer()
    hello = with_extensions(duel.script.hello(), RawExtension(UNKNOWN, b""))
    assert hello.extensions is not None
    again = next(extension for extension in hello.extensions if extension.extension_type == kind)
    return duel.hello(hello=replace(hello, extensions=(*hello.extensions, again)))


# -- S4.3 versions ------------------------------------------------------------------------------------------


def versions(*codes: int) -> SupportedVersions:
    return SupportedVersions(tuple(ProtocolVersion.of(code) for code in codes))


@pytest.mark.parametrize("listed", [(0x0303,), (0x0304, 0x0303), (0x1A1A, 0x0304, 0x0303, 0x0302)])
@accepts("S4.3")
def test_supported_versions_with_1_2_negotiates_it(listed: tuple[int, ...]) -> Duel:
    duel = AgainstServer()
    return duel.hello(hello=with_extensions(duel.script.hello(), versions(*listed))).key_exchange().finish()


@pytest.mark.parametrize("listed", [(0x0304,), (0x0302, 0x0301), (0x1A1A,), (0x0304, 0x7F1C)])
@refuses("S4.3", Alert.PROTOCOL_VERSION)
def test_supported_versions_without_1_2_is_refused(listed: tuple[int, ...]) -> Duel:
    duel = AgainstServer()
    return duel.hello(hello=with_extensions(duel.script.hello(), versions(*listed)))


@accepts("S4.3")
def test_supported_versions_decides_against_a_lower_version_in_the_hello() -> Duel:
    duel = AgainstServer()
    hello = duel.script.hello(client_version=ProtocolVersion.TLS_1_1)
    return duel.hello(hello=with_extensions(hello, versions(0x0303))).key_exchange().finish()


@pytest.mark.parametrize("version", [0x0304, 0x0305, 0x03FF, 0x0401, 0xFEFE, 0xFFFF])
@accepts("S4.3")
def test_a_version_above_1_2_negotiates_1_2(version: int) -> Duel:
    duel = AgainstServer().handshake(client_version=ProtocolVersion.of(version))
    answer = duel.script.last(ServerHello)
    assert answer is not None
    assert answer.server_version is ProtocolVersion.TLS_1_2
    return duel


@pytest.mark.parametrize("version", [0x0000, 0x0002, 0x0200, 0x0300, 0x0301, 0x0302])
@refuses("S4.3", Alert.PROTOCOL_VERSION)
def test_a_version_below_1_2_is_refused(version: int) -> Duel:
    duel = AgainstServer().hello(client_version=ProtocolVersion.of(version))
    assert isinstance(duel.subject.error, PeerIncompatible)
    return duel


# -- S4.4 to S4.7 lists -------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [(1,), (1, 64), (255,)])
@refuses("S4.4", Alert.ILLEGAL_PARAMETER)
def test_compression_methods_without_null_are_refused(listed: tuple[int, ...]) -> Duel:
    return AgainstServer().hello(compression_methods=tuple(map(CompressionMethod.of, listed)))


@accepts("S4.4")
def test_compression_methods_with_null_last_are_accepted() -> Duel:
    return AgainstServer().handshake(compression_methods=(CompressionMethod.of(1), CompressionMethod.NULL))


@refuses("S4.4", Alert.DECODE_ERROR)
def test_an_empty_list_of_compression_methods_is_refused() -> Duel:
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\xc0\x2b" + b"\x00"
    return AgainstServer(policy=LEGACY).hello(hello=b"\x01" + len(body).to_bytes(3) + body)


NOTHING_GOOD = {
    "unknown": (CipherSuite.of(0xE0E0),),
    "GREASE": (GREASE,),
    "NULL": (CipherSuite.TLS_RSA_WITH_NULL_SHA256, CipherSuite.TLS_ECDHE_ECDSA_WITH_NULL_SHA),
    "no suite at all": (CipherSuite.TLS_NULL_WITH_NULL_NULL,),
    "export": (CipherSuite.TLS_RSA_EXPORT_WITH_RC4_40_MD5, CipherSuite.TLS_RSA_EXPORT_WITH_DES40_CBC_SHA),
    "anonymous": (
        CipherSuite.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA,
        CipherSuite.TLS_DH_ANON_WITH_AES_128_GCM_SHA256,
    ),
    "signals": (CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV, CipherSuite.TLS_FALLBACK_SCSV),
    "TLS 1.3": (CipherSuite.of(0x1301), CipherSuite.of(0x1302)),
    "PSK without a PSK": (CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256,),
}


@pytest.mark.parametrize("suites", NOTHING_GOOD.values(), ids=NOTHING_GOOD.keys())
@refuses("S4.5", Alert.HANDSHAKE_FAILURE)
def test_nothing_but_useless_suites_is_refused(suites: tuple[CipherSuite, ...]) -> Duel:
    return AgainstServer("ecdsa-p256", "rsa-2048").hello(*suites)


@accepts("S4.5")
def test_a_good_suite_among_useless_ones_is_chosen() -> Duel:
    suites = [suite for useless in NOTHING_GOOD.values() for suite in useless if suite != CipherSuite.TLS_FALLBACK_SCSV]
    return AgainstServer().handshake(*suites, GCM)


@accepts("S4.6")
def test_unknown_and_grease_suites_in_great_numbers_are_ignored_where_the_limits_allow_them() -> Duel:
    return AgainstServer(limits=Limits.of_the_format()).handshake(*useless_suites(32_000), GCM)


@accepts("S4.6")
def test_hundreds_of_unknown_and_grease_suites_are_ignored() -> Duel:
    return AgainstServer().handshake(*useless_suites(250), GCM)


@refuses("S4.6", Alert.HANDSHAKE_FAILURE)
def test_more_suites_than_the_limits_allow_are_refused() -> Duel:
    return AgainstServer().hello(*useless_suites(400), GCM)


def useless_suites(number: int) -> list[CipherSuite]:
    return [CipherSuite.of(0x1A1A + 0x1010 * (n % 14)) if n % 3 else CipherSuite.of(0x2000 + n) for n in range(number)]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("version", [0x0303, 0x0304])
@accepts("S4.7")
def test_the_fallback_signal_means_nothing_at_1_2_or_above(version: int, place: int) -> Duel:
    suites = [*EVERYDAY_SUITES]
    suites.insert(place, CipherSuite.TLS_FALLBACK_SCSV)
    return AgainstServer().handshake(*suites, client_version=ProtocolVersion.of(version))


@refuses("S4.7", Alert.PROTOCOL_VERSION)
def test_the_fallback_signal_with_a_lower_version_is_refused() -> Duel:
    return AgainstServer().hello(
        *EVERYDAY_SUITES, CipherSuite.TLS_FALLBACK_SCSV, client_version=ProtocolVersion.TLS_1_1
    )


# -- S4.8 randomness ----------------------------------------------------------------------------------------


@shows("S4.8", "never")
def test_randoms_and_session_ids_never_repeat_and_never_carry_the_downgrade_mark() -> None:
    randoms, ids = set(), set()
    for _ in range(50):
        duel = AgainstServer(sessions=MemorySessionStore()).hello()
        answer = duel.script.last(ServerHello)
        assert answer is not None
        assert not answer.random[24:].startswith(b"DOWNGRD")
        assert len(answer.session_id) == 32
        randoms.add(answer.random)
        ids.add(answer.session_id)
    assert len(randoms) == len(ids) == 50


# -- S4.9 the wild ------------------------------------------------------------------------------------------

WILD = [case for case in vectors_loader.load("client_hellos") if case.hex("message")[4:6] == b"\x03\x03"]


@pytest.mark.parametrize("case", WILD, ids=lambda case: str(case["name"]))
@shows("S4.9", "ServerHello")
def test_a_client_hello_recorded_in_the_wild_is_answered(case: vectors_loader.Case) -> None:
    duel = AgainstServer("ecdsa-p256", "rsa-2048", policy=LEGACY)
    duel.hello(hello=case.hex("message"))
    assert duel.script.last(ServerHello) is not None, str(duel.subject.error)


def shape(
    *suites: int, groups: tuple[int, ...] = (23, 24, 25), schemes: tuple[int, ...] = (0x0401, 0x0403), more: str = ""
) -> ClientHello:
    """A ClientHello as somebody's product makes it; `more` lists extensions as hex, type and body."""
    hello = AgainstServer().script.hello(*map(CipherSuite.of, suites))
    hello = without_extensions(hello, SupportedGroups) if not groups else hello
    if groups:
        hello = with_extensions(hello, SupportedGroups(tuple(map(NamedGroup.of, groups))))
    hello = with_extensions(hello, SignatureAlgorithms(tuple(map(SignatureScheme.of, schemes))))
    for one in filter(None, more.split()):
        kind, _, body = one.partition(":")
        hello = with_extensions(hello, RawExtension(ExtensionType.of(int(kind, 16)), bytes.fromhex(body)))
    return hello


SHAPES = {
    "a browser with GREASE, TLS 1.3 and hybrid groups": shape(
        0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0x9C, 0x2F,
        groups=(0x2A2A, 0x11EC, 29, 23, 24),
        schemes=(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601),
        more="4a4a: 2b:0a4a4a0304030303020301 2d:0101 33:00050a0a000100 1b:020002 4469:0003026832 ff01:00 7a7a:00",
    ),
    "curl with OpenSSL 3": shape(
        0x1302, 0x1303, 0x1301, 0xC02C, 0xC030, 0x9F, 0xCCA9, 0xCCA8, 0xCCAA, 0xC02B, 0xC02F, 0x9E, 0xC024, 0xFF,
        groups=(29, 23, 30, 25, 24, 256, 257, 258, 259, 260),
        schemes=(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080A, 0x080B, 0x0804, 0x0401, 0x0303, 0x0301),
        more="16: 17: 31: 2b:0403040303 2d:0101",
    ),
    "an old Android": shape(
        0xC014, 0xC00A, 0x39, 0x38, 0xC00F, 0x35, 0xC013, 0xC009, 0x33, 0x2F, 0xC011, 0x05, 0x04, 0x0A, 0xFF,
        groups=(14, 13, 25, 11, 12, 24, 9, 10, 22, 23, 8, 6, 7, 20, 21, 4, 5, 18, 19, 1, 2, 3, 15, 16, 17),
        schemes=(0x0601, 0x0602, 0x0603, 0x0501, 0x0503, 0x0401, 0x0403, 0x0301, 0x0201, 0x0203),
        more="23: 3374:",
    ),
    "an old Windows": shape(
        0x3C, 0x2F, 0x3D, 0x35, 0xC027, 0xC013, 0xC014, 0xC02B, 0xC023, 0xC009, 0x40, 0x32, 0x13, 0x0A,
        groups=(23, 24), schemes=(0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202), more="17: 23:",
    ),
    "leftovers of GOST and NPN": shape(
        0x0081, 0x0080, 0xFF85, 0xC102, 0xC02F, 0xC02B, 0x2F,
        schemes=(0xEEEE, 0xEFEF, 0xEDED, 0x0401, 0x0403), more="3374: 754f:0000",
    ),
    "a device with plain RSA only": shape(0x2F, 0x35, 0x0A, groups=(), schemes=(0x0401, 0x0201)),
}  # fmt: skip


@pytest.mark.parametrize("hello", SHAPES.values(), ids=SHAPES.keys())
@accepts("S4.9")
def test_a_client_hello_of_a_shape_from_the_wild_negotiates(hello: ClientHello) -> Duel:
    return AgainstServer("ecdsa-p256", "rsa-2048", policy=LEGACY).hello(hello=hello).key_exchange().finish()
