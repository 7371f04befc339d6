"""`SSLContext`: what a program sets on it is what its connections do, and what cannot be done is refused."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import pki
from tests.ends import credential, dh_parameters, files_of, intermediates_of, trusted_file
from tests.ends.loopback import in_thread, tcp_pair
from tests.sslcompat.test_sslcompat_objects import Pair
from tls12 import NamedGroup, Policy, TrustStore, UsageError, sslcompat
from tls12.lab.pki import IssuedCertificate
from tls12.sslcompat import SSLContext
from tls12.sslcompat.verification import ContextVerifier, NothingTrusted


def server(issued: IssuedCertificate | None = None) -> SSLContext:
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files_of(issued or pki.server()))
    return context


def client(**locations: Any) -> SSLContext:
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(**(locations or {"cafile": trusted_file()}))
    return context


@contextlib.contextmanager
def connected(
    one: ssl.SSLContext, other: ssl.SSLContext, name: str | None = pki.NAME, **options: Any
) -> Iterator[tuple[Any, Any]]:
    """A client's and a server's socket after the handshake."""
    left, right = tcp_pair()
    with left, right, in_thread(lambda: other.wrap_socket(right, server_side=True)) as accepted:
        try:
            ours = one.wrap_socket(left, server_hostname=name, **options)
        except Exception:
            left.close()
            with contextlib.suppress(OSError):
                accepted.result()
            raise
        with ours, accepted.result() as theirs:
            yield ours, theirs


def test_a_context_is_one_of_the_module_ssl() -> None:
    context = client()
    assert isinstance(context, ssl.SSLContext)
    with connected(context, server()) as (ours, theirs):
        assert isinstance(ours, ssl.SSLSocket)
        assert ours.version() == theirs.version() == "TLSv1.2"


def pem_of_root() -> str:
    return pki.trusted_pem().decode()


def der_of_root() -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem_of_root())


def test_roots_come_from_files_and_from_memory_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_text(pem_of_root())
    (tmp_path / "README").write_text("not a certificate")
    unrelated = ssl.PEM_cert_to_DER_cert(pki.root(name="Unknown root").pem.decode())
    for locations in (
        {"cafile": trusted_file()},
        {"cadata": pem_of_root()},
        {"cadata": unrelated + der_of_root()},
        {"capath": tmp_path},
    ):
        with connected(client(**locations), server()) as (ours, _):
            assert ours.getpeercert()["subjectAltName"][0] == ("DNS", pki.NAME)


def test_the_roots_of_the_machine_are_those_of_ssl_cert_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted_file())
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    with connected(context, server()) as (ours, _):
        assert ours.version() == "TLSv1.2"


def test_the_roots_of_the_machine_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted_file())
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    monkeypatch.setattr(TrustStore, "system", None)
    with connected(context, server()) as (ours, _):
        assert ours.version() == "TLSv1.2"


def test_a_file_of_roots_that_cannot_be_read_is_passed_over_as_in_ssl(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> TrustStore:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(TrustStore, "system", unreadable)
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="the context has loaded no certificate"),
        connected(context, server()),
    ):
        pass


def test_a_context_without_roots_trusts_no_server() -> None:
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="the context has loaded no certificate"),
        connected(SSLContext(ssl.PROTOCOL_TLS_CLIENT), server()),
    ):
        pass


def test_another_name_is_refused_and_without_check_hostname_accepted() -> None:
    context = client()
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
        connected(context, server(), "other.test"),
    ):
        pass
    context.check_hostname = False
    with connected(context, server(), "other.test"):
        pass
    with connected(context, server(), None):
        pass


def test_without_check_hostname_the_chain_is_still_verified() -> None:
    context = client()
    context.check_hostname = False
    with pytest.raises(ssl.SSLCertVerificationError), connected(context, server(pki.untrusted_issuer()), None):
        pass


def test_cert_none_accepts_any_certificate_and_needs_check_hostname_off() -> None:
    context = client()
    with pytest.raises(ValueError, match="check_hostname"):
        context.verify_mode = ssl.CERT_NONE
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connected(context, server(pki.untrusted_issuer()), None) as (ours, _):
        assert ours.getpeercert() == {}


def leaf_file(issued: IssuedCertificate, folder: Path) -> Path:
    path = folder / "leaf.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(issued.chain_der[0]))
    return path


def test_a_self_signed_certificate_is_trusted_if_it_is_given_and_only_for_its_name(tmp_path: Path) -> None:
    issued = pki.self_signed_ca()
    context = client(cafile=leaf_file(issued, tmp_path))
    with connected(context, server(issued)):
        pass
    with (
        pytest.raises(ssl.SSLCertVerificationError, match=r"other\.test"),
        connected(context, server(issued), "other.test"),
    ):
        pass


def test_a_trusted_intermediate_completes_a_chain() -> None:
    context = client()
    context.load_verify_locations(intermediates_of(pki.server()))
    with connected(context, server(pki.missing_intermediate())):
        pass


def test_a_server_that_requires_a_certificate_gets_it_or_refuses() -> None:
    context = server()
    context.load_verify_locations(trusted_file())
    context.verify_mode = ssl.CERT_REQUIRED
    identified = client()
    identified.load_cert_chain(*files_of(pki.client()))
    with connected(identified, context) as (_, theirs):
        assert theirs.getpeercert()["subject"] == ((("commonName", "client one"),),)
    with pytest.raises(OSError), connected(client(), context) as (ours, _):
        ours.recv(1)


def test_a_cipher_string_is_read_as_openssl_reads_it() -> None:
    context, theirs = client(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for string in ("ECDHE+AESGCM:@STRENGTH", "HIGH:!aNULL:!eNULL:!RC4:-CAMELLIA:+AES128", "AES128-GCM-SHA256"):
        context.set_ciphers(string)
        theirs.set_ciphers(string)
        spoken = [suite.openssl_name for suite in context.policy.cipher_suites]
        assert len(spoken) > 0
        assert spoken == [each["name"] for each in theirs.get_ciphers() if each["name"] in spoken]


@pytest.mark.parametrize("string", ["HIGHH", "ECDHE+AESGMC", "HIGH:!aNUL", "HIGH:@STRENGHT"])
def test_a_word_that_openssl_would_pass_over_is_refused(string: str) -> None:
    with pytest.raises(ssl.SSLError, match="No cipher can be selected"):
        client().set_ciphers(string)


def test_one_cipher_and_one_curve_are_what_is_negotiated() -> None:
    context = client()
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    context.set_ecdh_curve("secp384r1")
    with connected(context, server(pki.server("rsa-2048"))) as (ours, _):
        assert ours.cipher()[0] == "ECDHE-RSA-AES256-GCM-SHA384"
        assert ours.negotiated.group is NamedGroup.SECP384R1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minimum_version", ssl.TLSVersion.TLSv1_3),
        ("maximum_version", ssl.TLSVersion.TLSv1_1),
        ("options", ssl.OP_ALL | ssl.OP_NO_TLSv1_2),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_context_that_leaves_tls_1_2_out_gets_a_sentence(name: str, value: int) -> None:
    context = client()
    setattr(context, name, value)
    with pytest.raises(ssl.SSLError, match=r"no protocols available"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=pki.NAME)


def test_revocation_lists_which_would_not_be_read_are_refused() -> None:
    context = client()
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with pytest.raises(UsageError, match="revocation lists"), connected(context, server()):
        pass


def test_a_passphrase_is_asked_for_once(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    issued, asked = pki.server(), []
    key = issued.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"open")
    )
    (tmp_path / "key").write_bytes(key)

    def passphrase() -> str:
        asked.append(1)
        return "open"

    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files_of(issued)[0], tmp_path / "key", passphrase)
    assert len(asked) == 1
    with connected(client(), context):
        pass


def test_a_pre_shared_key_is_asked_for_by_callbacks() -> None:
    one, other = SSLContext(ssl.PROTOCOL_TLS_CLIENT), SSLContext(ssl.PROTOCOL_TLS_SERVER)
    one.check_hostname = False
    one.verify_mode = ssl.CERT_NONE
    hints, identities = [], []
    for context in (one, other):
        context.set_ciphers("PSK")
    one.set_psk_client_callback(lambda hint: (hints.append(hint), ("me", b"a key of 16 byte"))[1])
    other.set_psk_server_callback(lambda identity: (identities.append(identity), b"a key of 16 byte")[1], "a hint")
    with connected(one, other, None) as (ours, _):
        assert "PSK" in ours.cipher()[0]
    assert (hints, identities) == (["a hint"], ["me"])


def test_secrets_are_logged_where_keylog_filename_says(tmp_path: Path) -> None:
    context = client()
    context.keylog_filename = str(tmp_path / "keys")
    with connected(context, server()):
        assert (tmp_path / "keys").read_text().count("CLIENT_RANDOM ") == 1
    assert context.keylog_filename == str(tmp_path / "keys")


def test_a_server_name_chooses_another_context() -> None:
    first, second = server(), server(pki.server("rsa-2048"))

    def choose(sock: Any, name: str | None, context: Any) -> None:
        assert name == pki.NAME
        sock.context = second

    first.sni_callback = choose
    with connected(client(), first) as (ours, theirs):
        assert theirs.context is second
        assert "RSA" in ours.cipher()[0]
    with pytest.raises(TypeError):
        first.sni_callback = "no function"


def test_the_module_is_ssl_with_contexts_of_ours() -> None:
    context = sslcompat.create_default_context(cafile=trusted_file())
    assert type(context) is SSLContext
    assert type(sslcompat._create_unverified_context()) is SSLContext
    assert sslcompat.SSLError is ssl.SSLError
    assert sslcompat.CERT_REQUIRED is ssl.CERT_REQUIRED
    assert not sslcompat.HAS_TLSv1_3
    with pytest.raises(AttributeError):
        _ = sslcompat.nothing


def test_get_server_certificate_asks_by_a_context_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock, server().wrap_socket(sock, server_side=True) as stream, contextlib.suppress(OSError):
                stream.unwrap()

        thread = threading.Thread(target=serve)
        thread.start()
        pem = sslcompat.get_server_certificate(listener.getsockname(), timeout=10)
        thread.join()
    assert ssl.PEM_cert_to_DER_cert(pem) == pki.server().chain_der[0]


def test_install_replaces_and_uninstall_puts_back() -> None:
    before = ssl.SSLContext
    sslcompat.install(policy=Policy.strict())
    try:
        context = ssl.create_default_context(cafile=trusted_file())
        assert isinstance(context, SSLContext)
        assert context.policy.require_extended_master_secret
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION
        super(ssl.SSLContext, ssl.SSLContext).verify_mode.__set__(context, ssl.CERT_OPTIONAL)  # as truststore does
        assert context.verify_mode is ssl.CERT_OPTIONAL
        with pytest.raises(UsageError, match="already"):
            sslcompat.install(policy=Policy.default())
        context.set_ciphers("AES256-GCM-SHA384")
        with pytest.raises(ssl.SSLError, match=r"no cipher suite that the context and the policy strict allows"):
            _ = context.policy
    finally:
        sslcompat.uninstall()
    assert ssl.SSLContext is before
    assert type(ssl.create_default_context()) is before
    sslcompat.uninstall()


def test_a_credential_needs_no_file() -> None:
    context = sslcompat.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_credential(credential())
    both = Pair(sslcompat.create_default_context(cafile=trusted_file()), context).handshake()
    assert both.client.getpeercert(True) == pki.server().chain_der[0]


# --- what would weaken a connection silently


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of later releases of CPython, which go on all the same
def test_a_client_that_checks_names_needs_one_over_buffers_too() -> None:
    context = sslcompat.create_default_context(cafile=trusted_file())
    with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())


def test_of_a_directory_only_hashed_names_count_as_for_openssl(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(pki.trusted_pem())
    context = sslcompat.create_default_context(capath=tmp_path)
    assert isinstance(context._verifier(), NothingTrusted)
    (tmp_path / "0123abcd.0").write_bytes(pki.trusted_pem())
    assert isinstance(sslcompat.create_default_context(capath=tmp_path)._verifier(), ContextVerifier)


@pytest.mark.parametrize(("level", "bits"), [(0, 1024), (1, 1024), (2, 2048), (3, 3072)])
def test_the_security_level_bounds_rsa_keys(level: int, bits: int) -> None:
    context = sslcompat.create_default_context()
    context.set_ciphers(f"ECDHE+AESGCM:@SECLEVEL={level}")
    assert context.policy.minimum_rsa_bits == bits


def test_a_security_level_that_is_not_known_is_refused() -> None:
    context = sslcompat.create_default_context(cafile=trusted_file())
    context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=4")
    with pytest.raises(UsageError, match="security level 4"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=pki.NAME)


def test_options_of_openssl_are_fields_of_the_policy() -> None:
    context = sslcompat.create_default_context()
    assert context.policy.encrypt_then_mac
    assert context.policy.require_secure_renegotiation
    context.options |= 0x4 | 0x80000  # SSL_OP_LEGACY_SERVER_CONNECT, SSL_OP_NO_ENCRYPT_THEN_MAC
    assert not context.policy.encrypt_then_mac
    assert not context.policy.require_secure_renegotiation


def test_a_machine_without_roots_trusts_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert isinstance(sslcompat.create_default_context()._verifier(), NothingTrusted)


# --- beside CPython's: which loaded certificates end a chain


def outcome(trusting: ssl.SSLContext, serving: ssl.SSLContext) -> str | None:
    """What a handshake comes to: a version, or a reason."""
    try:
        return Pair(trusting, serving).handshake().client.version()
    except ssl.SSLError as error:
        return error.reason


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("loaded", [0, 1], ids=["the server's own certificate", "an intermediate"])
def test_a_certificate_that_is_no_root_ends_a_chain_only_where_partial_chains_are_allowed(
    loaded: int, partial: bool
) -> None:
    outcomes = []
    for module in (ssl, sslcompat):
        context = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=pki.server().chain_der[loaded])
        context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
        if partial:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        outcomes.append(outcome(context, server()))
    assert outcomes == ["TLSv1.2" if partial else "CERTIFICATE_VERIFY_FAILED"] * 2


def test_what_is_loaded_between_the_peer_and_a_root_is_part_of_what_is_trusted() -> None:
    context = client()
    alone = context._verifier().fingerprint
    context.load_verify_locations(intermediates_of(pki.server()))
    assert context._verifier().fingerprint != alone


def test_a_directory_that_is_not_there_holds_no_certificates(tmp_path: Path) -> None:
    for module in (ssl, sslcompat):
        context = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(capath=tmp_path / "none")
        assert outcome(context, server()) == "CERTIFICATE_VERIFY_FAILED"


# --- beside CPython's: Diffie-Hellman parameters, and one context for both ends


@pytest.mark.parametrize("group", [NamedGroup.FFDHE2048, NamedGroup.FFDHE3072, NamedGroup.FFDHE4096])
def test_the_group_of_load_dh_params_is_the_one_that_is_used(group: NamedGroup) -> None:
    for module in (ssl, sslcompat):
        context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*files_of(pki.server("rsa-2048")))
        context.load_dh_params(dh_parameters(group))
        asking = client()
        asking.set_ciphers("DHE+AESGCM")
        context.set_ciphers("DHE+AESGCM")
        assert Pair(asking, context).handshake().client.negotiated.group is group


def test_diffie_hellman_parameters_of_another_group_are_refused(tmp_path: Path) -> None:
    prime = 2**2048 - 1942289  # the largest safe prime of 2048 bits
    body = b"\x02\x82\x01\x01\x00" + prime.to_bytes(256) + b"\x02\x01\x02"
    pem = ssl.DER_cert_to_PEM_cert(b"\x30\x82" + len(body).to_bytes(2) + body)
    (tmp_path / "own.pem").write_text(pem.replace("CERTIFICATE", "DH PARAMETERS"))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_dh_params(tmp_path / "own.pem")
    with pytest.raises(UsageError, match="RFC 7919"):
        server().load_dh_params(tmp_path / "own.pem")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_context_may_have_the_callbacks_of_both_ends() -> None:
    context = SSLContext(ssl.PROTOCOL_TLS)
    context.set_ciphers("PSK")
    context.set_psk_client_callback(lambda hint: ("me", b"a key of 16 byte"))
    context.set_psk_server_callback(lambda identity: b"a key of 16 byte")
    assert "PSK" in Pair(context, context, None).handshake().client.cipher()[0]


# --- subclasses


def test_a_subclass_may_keep_its_settings_in_a_context_of_its_own() -> None:
    """As truststore does, and pip with it: what the class is asked goes to a context that its `__init__` makes."""

    class Wrapping(SSLContext):
        def __init__(self, protocol: int) -> None:
            self.inner = SSLContext(protocol)

        @property
        def options(self) -> Any:
            return self.inner.options

        @options.setter
        def options(self, value: Any) -> None:
            self.inner.options = value

    context = Wrapping(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_TICKET
    assert context.inner.options & ssl.OP_NO_TICKET
