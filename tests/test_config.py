"""Configurations are checked once, when they are made, and stay as they are."""

from __future__ import annotations

import dataclasses
import pickle
from functools import partial
from typing import Any

import pytest

from tests import pki
from tests.ends import credential
from tls12 import (
    AcceptAnyPeer,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    ClientHelloReceived,
    DataReceived,
    Limits,
    Policy,
    Psk,
    PskLookupRequested,
    ServerConfig,
    ServerConnection,
    UsageError,
    lab,
)

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"alpn_protocols": "h2"}, "alpn_protocols is a str; give a tuple, even of one"),
    ({"alpn_protocols": b"h2"}, "tuple"),
    ({"alpn_protocols": (b"h2",)}, "not a str"),
    ({"alpn_protocols": ("",)}, "1 to 255"),
    ({"alpn_protocols": ("x" * 256,)}, "1 to 255"),
    ({"alpn_protocols": ("é" * 128,)}, "1 to 255"),
    ({"credentials": ("cert.pem",)}, "Credential objects"),
    ({"record_size_limit": 63}, "64..16384"),
    ({"record_size_limit": 16_385}, "64..16384"),
    ({"psk": b"a key"}, "psk is bytes"),
    ({"psk": ("id", "key")}, "psk is a"),
    ({"policy": "compatible"}, "such as Policy.compatible"),
    ({"policy": None}, "such as Policy.compatible"),
    ({"limits": None}, "Limits"),
    ({"keylog": "keys.log"}, "KeyLog.to_file"),
    ({"sessions": 5}, "MemorySessionStore"),
    ({"random": b"a seed"}, "function"),
    ({"clock": 5.0}, "function"),
    ({"credentials": None}, "tuple"),
    ({"alpn_protocols": 5}, "tuple"),
]


def make(role: str, **options: Any) -> ClientConfig | ServerConfig:
    """A configuration of this role."""
    if role == "client":
        return ClientConfig(verifier=AcceptAnyPeer(), **options)
    return ServerConfig(**{"credentials": (), **options})


@pytest.mark.parametrize(("options", "words"), WRONG, ids=[next(iter(options)) + words for options, words in WRONG])
@pytest.mark.parametrize("role", ["client", "server"])
def test_what_cannot_work_is_refused_when_it_is_made(role: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make(role, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ticket_keys": b"0123456789abcdef"}, "TicketKeys.generate"),
        ({"client_auth": True}, "ClientAuth.REQUIRED"),
        ({"psk_identity_hint": "which"}, "psk_identity_hint is a str; give at most 65,535 bytes"),
        ({"psk_identity_hint": bytes(65_536)}, "at most 65,535 bytes"),
        ({"verifier": "system"}, "X509Verifier"),
    ],
)
def test_what_only_a_server_has_is_checked_as_well(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ServerConfig(**options)


class Half:
    """Half a verifier."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize(
    ("verifier", "says"),
    [
        (Half(verify=lambda peer: ()), r"verifier \(a Half\) has no fingerprint; give it bytes that are equal for"),
        (Half(verify=lambda peer: (), fingerprint="text"), r"verifier \(a Half\) has a fingerprint that is a str"),
        (Half(verify=lambda peer: (), fingerprint=lambda: b""), "has a fingerprint that is a function"),
        (Half(verify=True, fingerprint=b"x"), r"the verify of verifier \(a Half\) is no method"),
        (Half(fingerprint=b"x"), "verifier is a Half; give a Verifier, such as X509Verifier"),
    ],
    ids=["no fingerprint", "text", "a method", "verify is no method", "no verify"],
)
def test_what_a_verifier_lacks_is_found_when_the_configuration_is_made(role: str, verifier: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make(role, verifier=verifier) if role == "server" else ClientConfig(verifier=verifier)


@pytest.mark.parametrize("verifier", ["system", AcceptAnyPeer])
def test_a_client_is_not_content_with_any_verifier(verifier: Any) -> None:
    with pytest.raises(UsageError, match="X509Verifier"):
        ClientConfig(verifier=verifier)


def test_each_role_takes_its_own_configuration_and_a_session_that_is_one() -> None:
    client, server = make("client"), make("server")
    with pytest.raises(UsageError, match="needs a ClientConfig, not a ServerConfig"):
        ClientConnection(server, "host.test")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="needs a ServerConfig, not a ClientConfig"):
        ServerConnection(client)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="give a Session"):
        ClientConnection(client, "host.test", session=b"bytes")  # type: ignore[arg-type]


@pytest.mark.parametrize("alert", [None, "close_notify", -1, 256])
def test_a_connection_is_aborted_with_an_alert(alert: Any) -> None:
    connection = ServerConnection(ServerConfig(credentials=(credential(),)))
    with pytest.raises(UsageError, match="takes an Alert"):
        connection.abort(alert)
    assert connection.error is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_credential_alone_is_no_tuple_of_them(role: str) -> None:
    with pytest.raises(UsageError, match="tuple"):
        make(role, credentials=credential())


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("size", [64, 16_384])
def test_what_is_at_the_edge_is_taken(role: str, size: int) -> None:
    config = make(role, record_size_limit=size, alpn_protocols=["x" * 255, "é"])
    assert config.record_size_limit == size
    assert config.alpn_protocols == ("x" * 255, "é")


@pytest.mark.parametrize("size", [0, 511, 513, 8192])
def test_a_client_asks_for_a_fragment_length_that_exists(size: int) -> None:
    with pytest.raises(UsageError, match="512, 1024, 2048 or 4096"):
        make("client", max_fragment_length=size)


def test_the_names_of_a_server_are_names() -> None:
    with pytest.raises(UsageError, match="tuple"):
        make("server", server_names="example.com")
    with pytest.raises(UsageError):
        make("server", server_names=("not a name",))
    config = make("server", server_names=("Bücher.test",))
    assert isinstance(config, ServerConfig)
    assert config.server_names == ("xn--bcher-kva.test",)


@pytest.mark.parametrize("wish", [ClientAuth.OPTIONAL, ClientAuth.REQUIRED])
def test_a_server_that_asks_for_certificates_can_judge_them(wish: ClientAuth) -> None:
    with pytest.raises(UsageError, match="no verifier"):
        make("server", client_auth=wish)
    assert make("server", client_auth=wish, verifier=AcceptAnyPeer())


@pytest.mark.parametrize(
    ("identity", "key", "words"),
    [
        (b"me", b"", "empty"),
        (bytes(65_536), b"key", "65535"),
        (b"me", bytes(65_536), "65535"),
        ("me", b"key", "the identity of a PSK is a str; give bytes, such as b"),
        (b"me", "key", "the key of a PSK is a str; give bytes, such as bytes.fromhex"),
    ],
)
def test_a_psk_is_refused_for_what_it_is_in_both_roles(identity: Any, key: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Psk(identity, key)
    with pytest.raises(UsageError, match=words):
        ServerConfig(psk={identity: key})


def test_a_psk_can_be_long_hides_its_key_and_is_not_pickled() -> None:
    psk = Psk(bytes(65_535), bytes(65_535))
    assert psk == Psk(bytes(65_535), bytes(65_535))
    assert "key" not in repr(Psk(b"me", b"0123456789abcdef"))
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Psk(b"me", b"key"))


def test_a_server_configuration_hides_its_keys_and_is_not_pickled_with_them() -> None:
    config = ServerConfig(psk={b"me": b"a key that nobody sees"})
    assert "nobody" not in repr(config)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(config)
    assert pickle.loads(pickle.dumps(ServerConfig(psk=keys_of_devices))) == ServerConfig(psk=keys_of_devices)


def keys_of_devices(identity: bytes) -> bytes | None:
    """A function, of which only the name is pickled."""
    return None


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_configuration_does_not_change(role: str) -> None:
    config = make(role)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.half_close = True  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.limits.warnings = 0  # type: ignore[misc]
    assert dataclasses.replace(config, limits=Limits(warnings=1)).limits.warnings == 1


def test_a_client_says_how_it_verifies() -> None:
    with pytest.raises(TypeError, match="verifier"):
        ClientConfig()  # type: ignore[call-arg]


def test_a_client_with_nothing_to_offer_is_refused_when_the_connection_is_made() -> None:
    nothing = ClientConfig(verifier=None)
    with pytest.raises(UsageError, match="no cipher suite to offer"):
        ClientConnection(nothing, pki.NAME)
    assert ClientConnection(nothing, pki.NAME, pause_on=frozenset({PskLookupRequested}))
    certificates_only = ClientConfig(
        verifier=None,
        policy=Policy.default().replace(
            cipher_suites=[s for s in Policy.default().cipher_suites if "PSK" not in s.name]
        ),
    )
    with pytest.raises(UsageError, match="no cipher suite to offer"):
        ClientConnection(certificates_only, pki.NAME, pause_on=frozenset({PskLookupRequested}))


# --- a server that nobody could speak with ----------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"policy": Policy.psk(), "credentials": "one"}, {"psk": b"", "policy": "certificates"}],
    ids=["nothing", "a certificate where PSKs are wanted", "a PSK where certificates are wanted"],
)
def test_a_server_with_nothing_to_prove_its_identity_is_refused_when_the_connection_is_made(
    options: dict[str, Any],
) -> None:
    certificates = [s for s in Policy.default().cipher_suites if "PSK" not in s.name]
    if "credentials" in options:
        options = {**options, "credentials": (credential(),)}
    if "psk" in options:
        options = {"psk": {b"me": b"key"}, "policy": Policy.default().replace(cipher_suites=certificates)}
    with pytest.raises(UsageError, match=r"nothing to prove its identity with: the suites of policy .* need "):
        ServerConnection(ServerConfig(**{"credentials": (), **options}))


@pytest.mark.parametrize(
    ("policy", "of_a_client", "of_a_server"),
    [
        (Policy.psk(), "policy 'psk' need psk=Psk", "policy 'psk' need psk="),
        (Policy.default(), r"'default' need verifier=.*, or psk=Psk", r"'default' need credentials=.*, or psk="),
        (Policy.default().replace(name="none", cipher_suites=()), ": policy 'none' has no", ": policy 'none' has no"),
    ],
    ids=["pre-shared keys", "certificates or pre-shared keys", "no suites"],
)
def test_a_configuration_without_a_suite_is_told_what_the_suites_of_its_policy_need(
    policy: Policy, of_a_client: str, of_a_server: str
) -> None:
    with pytest.raises(UsageError, match=of_a_client):
        ClientConnection(ClientConfig(verifier=None, policy=policy), pki.NAME)
    with pytest.raises(UsageError, match=of_a_server):
        ServerConnection(ServerConfig(policy=policy, credentials=()))


def test_a_server_that_names_nothing_to_prove_its_identity_with_is_refused_at_once() -> None:
    for policy in (Policy.default(), Policy.strict(), Policy.compatible(), Policy.legacy_device()):
        with pytest.raises(UsageError, match=r"nothing to prove its identity with: .* need credentials=.* or psk="):
            ServerConfig(policy=policy)
    assert ServerConfig(policy=Policy.psk()).credentials == ()  # the key may be the answer to an event
    assert dataclasses.replace(ServerConfig(credentials=()), half_close=True).credentials == ()


def test_a_server_without_credentials_is_legitimate_where_the_application_decides_or_nobody_is_asked() -> None:
    nothing = ServerConfig(credentials=())
    assert ServerConnection(nothing, pause_on=frozenset({ClientHelloReceived}))
    assert ServerConnection(nothing, pause_on=frozenset({PskLookupRequested}))
    assert ServerConnection(ServerConfig(psk={b"me": b"key"}))
    assert ServerConnection(ServerConfig(policy=lab.policy()))  # it speaks anonymous suites


def test_the_answer_to_a_client_hello_is_a_configuration_that_can_work() -> None:
    server = ServerConnection(ServerConfig(credentials=()), pause_on=frozenset({ClientHelloReceived}))
    client = ClientConnection(ClientConfig(verifier=AcceptAnyPeer()), pki.NAME)
    client.initiate_handshake()
    server.receive_data(client.data_to_send())
    with pytest.raises(UsageError, match="nothing to prove its identity with"):
        server.answer(ServerConfig(credentials=()))
    server.answer(ServerConfig(credentials=(credential(),)))
    assert server.error is None


# --- mistakes are told at once ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "field", "value", "words"),
    [
        ("client", "half_close", 1, "half_close is an int; give True or False"),
        ("client", "request_ocsp", None, "request_ocsp is None; give True or False"),
        ("client", "require_credential", "yes", "require_credential is a str; give True or False"),
        ("server", "pack_small_writes", "no", "pack_small_writes is a str; give True or False"),
        ("client", "record_size_limit", "64", "record_size_limit is a str; give a number of bytes"),
        ("server", "record_size_limit", 64.0, "record_size_limit is a float; give a number of bytes"),
        ("server", "session_lifetime", -1, "session_lifetime is an int; give a positive number of seconds"),
        ("server", "session_lifetime", "1h", "session_lifetime is a str; give a positive number of seconds"),
        ("server", "certificate_authorities", b"0", "certificate_authorities is bytes; give a tuple, even of one"),
        ("server", "certificate_authorities", ["CN=x"], "certificate_authorities holds a str; give names in DER"),
        ("server", "server_names", None, "server_names is None; give a tuple, even of one"),
        ("server", "extensions", 5, "extensions is an int; give extensions of your own"),
        ("server", "extensions", "status_request", "extensions is a str; give a function, or None"),
        ("server", "extensions", (), "extensions is a tuple; give a function, or None"),
        ("client", "extensions", 5, "extensions is an int; give extensions of your own"),
        ("client", "extensions", None, "extensions gave None; give a list of extensions"),
        ("client", "extensions", (b"x",), "extensions holds bytes; give extensions, such as RawExtension"),
        ("client", "psk", b"key", r"psk is bytes; give a Psk\(identity, key\), or a function"),
        ("server", "psk", b"key", "psk is bytes; give a mapping from identities to keys, or a function"),
        ("client", "policy", Policy, "policy is the class Policy; give a Policy, such as"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_the_name_of_its_field(
    role: str, field: str, value: object, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make(role, **{field: value})


SWITCHES_AND_SIZES = [
    (role, field.name, wrong)
    for role, kind in (("client", ClientConfig), ("server", ServerConfig))
    for field in dataclasses.fields(kind)
    if str(field.type) in ("bool", "int")
    for wrong in ("yes", None, 1.5, b"1", (1,))
]


@pytest.mark.parametrize(("role", "field", "value"), SWITCHES_AND_SIZES)
def test_every_switch_and_every_size_of_a_configuration_is_checked(role: str, field: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{field} is .*; give (True or False|a number of bytes)$"):
        make(role, **{field: value})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("warnings", "8", "warnings is '8'; give a whole number, not negative"),
        ("certificates", -1, "certificates is -1; give a whole number"),
        ("buffered", None, "buffered is None; give a whole number"),
        ("records_per_key", 1.5, "records_per_key is 1.5; give a whole number"),
        ("handshake_seconds", -0.1, "handshake_seconds is -0.1; give a number of seconds"),
        ("handshake_seconds", "60", "handshake_seconds is '60'; give a number of seconds"),
        ("message_sizes", 5, "message_sizes is an int; give a mapping"),
        ("message_sizes", {1: "big"}, "message_sizes is a dict; give a mapping from HandshakeType to bytes"),
    ],
)
def test_a_limit_is_a_number(field: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Limits(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("hook", ["rewrite", "on_message"])
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_hook_is_a_function(role: str, hook: str) -> None:
    connect: Any = partial(ClientConnection, server_name=pki.NAME) if role == "client" else ServerConnection
    with pytest.raises(UsageError, match=f"{hook} is a str; give a function, or None"):
        connect(make(role, credentials=(credential(),)), **{hook: "later"})


@pytest.mark.parametrize(
    ("pauses", "words"),
    [
        (PskLookupRequested, "pause_on is the class PskLookupRequested; give a set or a list of event classes"),
        ([[]], "pause_on is a list; give a set"),
        (None, "pause_on is None; give a set"),
        ({DataReceived}, "pause_on names DataReceived, which cannot pause"),
        ({"DataReceived"}, "pause_on names 'DataReceived', which cannot pause; give classes"),
    ],
)
def test_a_connection_pauses_on_a_set_of_classes(pauses: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ServerConnection(ServerConfig(credentials=(credential(),)), pause_on=pauses)


# --- what they print --------------------------------------------------------------------------------------


def test_a_configuration_prints_on_one_line_what_differs_from_the_defaults_and_no_secret() -> None:
    client = ClientConfig(
        verifier=AcceptAnyPeer(),
        policy=Policy.compatible().replace(minimum_rsa_bits=3072),
        alpn_protocols=("h2", "http/1.1"),
        credentials=(credential(),),
        psk=Psk(b"me", b"0123456789abcdef"),
        half_close=True,
        limits=Limits(warnings=1),
    )
    assert repr(client) == (
        "ClientConfig(verifier=<AcceptAnyPeer>, policy=compatible (changed), alpn_protocols=(h2, http/1.1), "
        "credentials=<1>, psk=<Psk>, limits=<Limits>, half_close=True)"
    )
    server = ServerConfig(
        credentials=(credential(),) * 2,
        client_auth=ClientAuth.OPTIONAL,
        verifier=AcceptAnyPeer(),
        psk={b"me": b"0123456789abcdef"},
        session_lifetime=60.0,
        clock=keys_of_devices,  # type: ignore[arg-type]
    )
    assert repr(server) == (
        "ServerConfig(credentials=<2>, policy=default, client_auth=OPTIONAL, verifier=<AcceptAnyPeer>, psk=<1>, "
        "session_lifetime=60.0, clock=<keys_of_devices>)"
    )
    many = ClientConfig(verifier=None, alpn_protocols=[f"p{n}" for n in range(9)])  # type: ignore[arg-type]
    assert repr(many) == "ClientConfig(verifier=None, policy=default, alpn_protocols=(p0, p1, p2, p3, ...))"
    assert len(repr(ClientConfig(verifier=AcceptAnyPeer()))) < 80
    assert repr(Limits(warnings=1)) == "Limits(warnings=1)"
