"""Meetings of our ends with others', generated from the tables of suites, groups and signature schemes.

How it works: a `Meeting` says what the two ends are to agree on: a suite, perhaps a group, a signature scheme, the
order of encryption and MAC. A `Peer` is a pair of programs, told by its command line to agree on exactly that, and our
end offers or accepts nothing else. `as_client` and `as_server` let ours meet the peer: handshake, more than a record
in both directions, close_notify both ways, and `Negotiated` must say what was meant.

Which suites a peer has is asked of the peer itself, by code point, so that nothing here depends on its version.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import dsa, ec

from tests import peers, pki
from tests.ends import Ours, credential_of, dh_parameters, directory, files_of, our_client, our_server, talk
from tests.interop import openssl_program
from tests.interop.programs import Program, accepted_from, connected, drive, part
from tls12 import CipherSuite, ClientAuth, NamedGroup, Psk, SignatureScheme, lab
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.crypto.groups import EC_GROUPS
from tls12.crypto.signatures import SCHEMES, KeyKind
from tls12.crypto.suites import SUITES, Authentication, Suite
from tls12.lab.pki import IssuedCertificate
from tls12.trust.verifier import AcceptAnyPeer
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

LONG = b"0123456789" * 4000
"""Two records and more. Digits, because openssl takes a letter at the start of what is typed as a command."""

PSK = Psk(b"device-17", bytes(range(32)))
HINT = b"which-device"

KEY_OF_AUTHENTICATION = {Authentication.ECDSA: "ecdsa-p256", Authentication.RSA: "rsa-2048", Authentication.DSS: "dsa"}
KEY_OF_KIND = {
    KeyKind.RSA: "rsa-2048",
    KeyKind.RSA_PSS: "rsa-pss-2048",
    KeyKind.ECDSA: "ecdsa-p256",
    KeyKind.ED25519: "ed25519",
    KeyKind.ED448: "ed448",
    KeyKind.DSA: "dsa",
}
"""The certificate that a scheme is tried with."""


@dataclass(frozen=True)
class Meeting:
    """What two ends are to agree on."""

    parameters: Suite
    group: NamedGroup | None = None
    scheme: SignatureScheme | None = None
    """Of the server's key share."""
    client_scheme: SignatureScheme | None = None
    """Of the client's CertificateVerify; None means no client certificate."""
    encrypt_then_mac: bool = True
    key: str = ""
    """The kind of the server's certificate; what suits the scheme and the suite, unless given."""
    extended_master_secret: bool = True
    """GnuTLS can be told to do without, Erlang cannot do with."""

    @property
    def server_key(self) -> str:
        if self.key:
            return self.key
        if self.scheme is not None:
            return KEY_OF_KIND[SCHEMES[self.scheme].kind]
        return KEY_OF_AUTHENTICATION.get(self.parameters.authentication, "rsa-2048")

    @property
    def client_key(self) -> str:
        assert self.client_scheme is not None
        return KEY_OF_KIND[SCHEMES[self.client_scheme].kind]


class Peer(Protocol):
    """The client and the server of another implementation."""

    name: str
    echoes: bool
    """The server says back what it was told; otherwise it says what is typed."""

    def version(self) -> str:
        """Its version, as it says itself."""

    groups: tuple[NamedGroup, ...]
    """Those that it can be told to use in TLS 1.2."""
    schemes: tuple[SignatureScheme, ...]
    """Those that it can be told to use in TLS 1.2."""

    def suites(self) -> frozenset[CipherSuite]:
        """Those of SUITES that it has; all of them where it is not installed, so that each test says so."""

    def client_crashes(self, meeting: Meeting) -> bool:
        """Whether its client is known to crash after such a handshake."""

    def server(self, meeting: Meeting) -> AbstractContextManager[tuple[Program, int]]:
        """Its server, and the port."""

    def client(self, meeting: Meeting) -> AbstractContextManager[tuple[Program, socket.socket]]:
        """Its client, and the connection from it."""


# --- certificates -----------------------------------------------------------------------------------------

_FURTHER_CURVES: dict[str, ec.EllipticCurve] = {
    "ecdsa-brainpool256": ec.BrainpoolP256R1(),
    "ecdsa-brainpool384": ec.BrainpoolP384R1(),
    "ecdsa-brainpool512": ec.BrainpoolP512R1(),
    "ecdsa-secp256k1": ec.SECP256K1(),
}


@cache
def certificate(kind: str, whose: str = "server") -> IssuedCertificate:
    """A certificate with a key of this kind; DSA and the further curves beside those of `pki`."""
    if kind == "dsa":
        key: Any = dsa.generate_private_key(1024)  # GnuTLS signs with SHA-1 only, which no longer key takes
        root = pki.root()
        return IssuedCertificate((pki.bare("dsa", key, issuer="Test root ecdsa-p256", signer=root.private_key),), key)
    if kind in _FURTHER_CURVES:
        return pki.intermediate().issue(*pki.NAMES, key=ec.generate_private_key(_FURTHER_CURVES[kind]))
    return pki.server(kind) if whose == "server" else pki.client(kind)


# --- our end ----------------------------------------------------------------------------------------------


def _ours(meeting: Meeting) -> dict[str, Any]:
    """The configuration that both our ends share: nothing but what is meant."""
    policy = lab.policy()
    if meeting.group is not None:
        # The curve of the leaf must be offered as well (RFC 8422 5.1); the peer is told which group to take.
        policy = policy.replace(groups=dict.fromkeys((meeting.group, *policy.groups)))
    schemes = [scheme for scheme in (meeting.scheme, meeting.client_scheme) if scheme is not None]
    if schemes:
        policy = policy.replace(signature_schemes=dict.fromkeys(schemes))
    return {
        "policy": policy.replace(
            cipher_suites=(meeting.parameters.suite,), encrypt_then_mac=meeting.encrypt_then_mac
        ),
        "verifier": AcceptAnyPeer(),
    }  # fmt: skip


def our_end(role: str, meeting: Meeting) -> Ours:
    """Our client or server for this meeting."""
    config, row = _ours(meeting), meeting.parameters
    if role == "client":
        if meeting.client_scheme is not None:
            config["credentials"] = (credential_of(certificate(meeting.client_key, "client")),)
        return our_client(psk=PSK if row.uses_psk else None, **config)
    if meeting.client_scheme is not None:
        config["client_auth"] = ClientAuth.REQUIRED
    return our_server(
        credentials=(credential_of(certificate(meeting.server_key)),),
        psk={PSK.identity: PSK.key} if row.uses_psk else None,
        psk_identity_hint=HINT,
        **config,
    )


def check(ours: Ours, role: str, meeting: Meeting) -> None:
    """The two ends agreed on what the meeting says, and closed with close_notify."""
    agreed, row = ours.negotiated, meeting.parameters
    assert agreed.cipher_suite is row.suite
    assert agreed.encrypt_then_mac is (row.is_cbc and meeting.encrypt_then_mac)
    assert agreed.extended_master_secret is meeting.extended_master_secret
    assert agreed.psk_identity == (PSK.identity if row.uses_psk else None)
    if meeting.group is not None:
        assert agreed.group is meeting.group
    mine, theirs = agreed.signature_scheme, agreed.peer_signature_scheme
    server_scheme, client_scheme = (theirs, mine) if role == "client" else (mine, theirs)
    assert meeting.scheme in (None, server_scheme)
    assert client_scheme is meeting.client_scheme
    assert ours.closed_cleanly
    assert ours.error is None


DATA, HANDSHAKE = "data", "handshake"
"""How far a meeting went: data and a good end, or, where the peer crashed, a finished handshake."""


def as_client(peer: Peer, meeting: Meeting) -> str:
    """Our client meets the peer's server, and is the first to close."""
    ours = our_end("client", meeting)
    with peer.server(meeting) as (program, port), connected(port) as sock:
        drive(ours, sock, lambda: ours.completed)
        assert ours.completed, (ours.error, bytes(program.output))
        ours.send(LONG + b"\n")
        answer = LONG if peer.echoes else LONG[::-1]
        if not peer.echoes:
            sock.sendall(ours.take())
            program.wait_for(LONG)
            program.type(answer.decode())
        drive(ours, sock, lambda: len(ours.data) > len(LONG))
        assert ours.data == answer + b"\n"
        part(ours, sock)
    check(ours, "client", meeting)
    return DATA


def as_server(peer: Peer, meeting: Meeting) -> str:
    """Our server meets the peer's client, which is the first to close."""
    ours = our_end("server", meeting)
    with peer.client(meeting) as (program, sock):
        if peer.client_crashes(meeting):
            drive(ours, sock, lambda: ours.completed)
            assert ours.completed, ours.error
            if program.prints(b"Handshake was completed") is None:
                return HANDSHAKE
        program.type(LONG.decode())
        drive(ours, sock, lambda: len(ours.data) > len(LONG))
        assert ours.data == LONG + b"\n", (ours.error, bytes(program.output))
        ours.send(LONG[::-1] + b"\n")
        sock.sendall(ours.take())
        program.wait_for(LONG[::-1])
        program.end_input()
        drive(ours, sock, lambda: False)
    check(ours, "server", meeting)
    return DATA


def among_ourselves(meeting: Meeting) -> None:
    """Our client meets our server, in memory."""
    client, server = our_end("client", meeting), our_end("server", meeting)
    talk(client, server)
    assert client.completed, (client.error, server.error)
    client.send(LONG)
    server.send(LONG[::-1])
    talk(client, server)
    assert (server.data, client.data) == (LONG, LONG[::-1])
    client.close()
    talk(client, server)
    check(client, "client", meeting)
    check(server, "server", meeting)


MEET = {"client": as_client, "server": as_server}


# --- groups and signature schemes crossed -----------------------------------------------------------------

_CARRIERS = {
    (Authentication.RSA, True): CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    (Authentication.ECDSA, True): CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    (Authentication.RSA, False): CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
    (Authentication.DSS, False): CipherSuite.TLS_DHE_DSS_WITH_AES_128_GCM_SHA256,
}
_AUTHENTICATIONS = {
    KeyKind.RSA: Authentication.RSA, KeyKind.RSA_PSS: Authentication.RSA, KeyKind.DSA: Authentication.DSS,
}  # fmt: skip


def crossed(peer: Peer) -> list[Meeting]:
    """Every group of this peer with every signature scheme for which there is a suite."""
    return [
        Meeting(SUITES[carrier], group=group, scheme=scheme)
        for scheme in peer.schemes
        for group in peer.groups
        if (carrier := _carrier(group, scheme)) is not None
    ]


def _carrier(group: NamedGroup, scheme: SignatureScheme) -> CipherSuite | None:
    authentication = _AUTHENTICATIONS.get(SCHEMES[scheme].kind, Authentication.ECDSA)
    return _CARRIERS.get((authentication, group in EC_GROUPS))


# --- openssl ----------------------------------------------------------------------------------------------


class OpenSSLPrograms:
    """`openssl s_server` and `openssl s_client`."""

    name = "OpenSSL"
    echoes = False

    groups = (*EC_GROUPS, *FFDHE_PRIMES)
    schemes = tuple(SCHEMES)

    CIPHERS = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

    def client_crashes(self, meeting: Meeting) -> bool:
        """Never."""
        return False

    def version(self) -> str:
        """As `openssl version` says it."""
        return _printed(peers.program("openssl"), "version").split()[1]

    @cache  # noqa: B019
    def suites(self) -> frozenset[CipherSuite]:
        """As `openssl ciphers` lists them for TLS 1.2."""
        program = peers.find("openssl")
        if program is None:
            return frozenset(SUITES)
        listed = _printed(program, "ciphers", "-V", "-tls1_2", self.CIPHERS)
        codes = re.findall(r"0x([0-9A-F]{2}),0x([0-9A-F]{2}) - ", listed)
        return frozenset(SUITES) & {CipherSuite.of(int(high + low, 16)) for high, low in codes}

    @contextmanager
    def server(self, meeting: Meeting) -> Iterator[tuple[Program, int]]:
        """A server that insists on the suite and the group; the client's offer decides the scheme."""
        finite_field = meeting.group if meeting.group in FFDHE_PRIMES else NamedGroup.FFDHE2048
        options = [*self._options(meeting), "-dhparam", dh_parameters(finite_field)]
        if meeting.parameters.uses_psk:
            options += ["-psk_hint", HINT.decode()]
        if meeting.group in _OPENSSL_GROUPS:
            options += ["-groups", _OPENSSL_GROUPS[meeting.group]]
        if meeting.client_scheme is not None:
            options += ["-Verify", "9", "-client_sigalgs", openssl_scheme(meeting.client_scheme)]
        with openssl_program.s_server(*options, credential=certificate(meeting.server_key)) as started:
            yield started

    @contextmanager
    def client(self, meeting: Meeting) -> Iterator[tuple[Program, socket.socket]]:
        """A client that offers nothing else."""
        options = self._options(meeting)
        leaf = credential_of(certificate(meeting.server_key)).group
        if meeting.group in _OPENSSL_GROUPS or leaf is not None:
            groups = dict.fromkeys((meeting.group or NamedGroup.X25519, leaf))  # the leaf's is offered as well
            options += ["-groups", ":".join(_OPENSSL_GROUPS[group] for group in groups if group is not None)]
        schemes = dict.fromkeys(s for s in (meeting.scheme, meeting.client_scheme) if s is not None)
        if schemes:
            options += ["-sigalgs", ":".join(map(openssl_scheme, schemes))]
        if meeting.client_scheme is not None:
            options += openssl_program.certificate_options(certificate(meeting.client_key, "client"))
        with openssl_program.s_client(*options) as started:
            yield started

    def _options(self, meeting: Meeting) -> list[str]:
        row = meeting.parameters
        options = ["-cipher", f"{row.suite.openssl_name}:@SECLEVEL=0"]
        if row.uses_psk:
            options += ["-psk", PSK.key.hex(), "-psk_identity", PSK.identity.decode()]
        return options if meeting.encrypt_then_mac else [*options, "-no_etm"]


_OPENSSL_GROUPS = {
    NamedGroup.X25519: "X25519",
    NamedGroup.X448: "X448",
    NamedGroup.SECP256R1: "P-256",
    NamedGroup.SECP384R1: "P-384",
    NamedGroup.SECP521R1: "P-521",
    NamedGroup.SECP256K1: "secp256k1",
    NamedGroup.BRAINPOOLP256R1: "brainpoolP256r1",
    NamedGroup.BRAINPOOLP384R1: "brainpoolP384r1",
    NamedGroup.BRAINPOOLP512R1: "brainpoolP512r1",
}


def openssl_scheme(scheme: SignatureScheme) -> str:
    """OpenSSL's name for a signature scheme: ECDSA+SHA256 where TLS 1.2 has hash and algorithm, IANA's otherwise."""
    facts = SCHEMES[scheme]
    algorithm = {KeyKind.ECDSA: "ECDSA", KeyKind.DSA: "DSA", KeyKind.RSA: "RSA"}.get(facts.kind)
    if algorithm is None or facts.digest is None or scheme.name.startswith("RSA_PSS"):
        return str(scheme)
    return f"{algorithm}+{facts.digest.name.upper()}"


# --- GnuTLS -----------------------------------------------------------------------------------------------


_NOT_IN_GNUTLS = frozenset(
    {SignatureScheme.RSA_PKCS1_SHA224, SignatureScheme.ECDSA_SHA224, SignatureScheme.DSA_SHA224}
    | {SignatureScheme.DSA_SHA256, SignatureScheme.DSA_SHA384, SignatureScheme.DSA_SHA512}
)
"""Its list has them, but no code points for TLS 1.2."""


class GnuTLSPrograms:
    """`gnutls-serv --echo` and `gnutls-cli`."""

    name = "GnuTLS"
    echoes = True

    groups = (
        NamedGroup.X25519, NamedGroup.X448, NamedGroup.SECP256R1, NamedGroup.SECP384R1, NamedGroup.SECP521R1,
        *FFDHE_PRIMES,
    )  # fmt: skip
    schemes = tuple(scheme for scheme in SCHEMES if scheme not in _NOT_IN_GNUTLS)

    def client_crashes(self, meeting: Meeting) -> bool:
        """gnutls-cli 3.7.9 does, when it wants to print what was agreed; against gnutls-serv as well."""
        return meeting.parameters.key_exchange in (Kx.DHE_PSK, Kx.ECDHE_PSK)

    def version(self) -> str:
        """As `gnutls-cli --version` says it."""
        return _printed(peers.program("gnutls-cli"), "--version").split()[1]

    @cache  # noqa: B019
    def suites(self) -> frozenset[CipherSuite]:
        """As `gnutls-cli --list` lists them."""
        program = peers.find("gnutls-cli")
        if program is None:
            return frozenset(SUITES)
        listed = _printed(program, "--list")
        codes = re.findall(r"^TLS_\S+\s+0x([0-9a-f]{2}), 0x([0-9a-f]{2})", listed, re.MULTILINE)
        return frozenset(SUITES) & {CipherSuite.of(int(high + low, 16)) for high, low in codes}

    @contextmanager
    def server(self, meeting: Meeting) -> Iterator[tuple[Program, int]]:
        """A server that has nothing else."""
        chain, key = files_of(certificate(meeting.server_key))
        passwords = directory() / "psk.txt"
        passwords.write_text(f"{PSK.identity.decode()}:{PSK.key.hex()}\n")
        command = [
            peers.program("gnutls-serv"), "--echo", "--nodb", "--noticket", "--priority", priority(meeting),
            "--x509certfile", chain, "--x509keyfile", key, "--pskpasswd", str(passwords), "--pskhint", HINT.decode(),
            "--require-client-cert" if meeting.client_scheme else "--disable-client-cert",
        ]  # fmt: skip
        program, port = _listening(command)
        try:
            yield program, port
        finally:
            program.stop()

    @contextmanager
    def client(self, meeting: Meeting) -> Iterator[tuple[Program, socket.socket]]:
        """A client that offers nothing else."""
        options = ["--insecure", "--priority", priority(meeting), "-p", "PORT"]
        if meeting.parameters.uses_psk:
            options += ["--pskusername", PSK.identity.decode(), "--pskkey", PSK.key.hex()]
        if meeting.client_scheme is not None:
            chain, key = files_of(certificate(meeting.client_key, "client"))
            options += ["--x509certfile", chain, "--x509keyfile", key]
        with accepted_from(peers.program("gnutls-cli"), *options, "127.0.0.1", port="PORT") as started:
            yield started


def _listening(command: list[str]) -> tuple[Program, int]:
    """Start a gnutls-serv, which has to be told its port; on another one if another program has taken it."""
    for _ in range(10):
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        program = Program(*command, "--port", str(port))
        found = program.prints(rb"IPv4 0\.0\.0\.0 port \d+\.\.\.(done|bind)")
        if found is not None and found[1] == b"done":
            return program, port
        program.stop()
    raise AssertionError(f"gnutls-serv does not listen: {bytes(program.output)!r}")


_GNUTLS_EXCHANGES = {
    (Kx.RSA, Authentication.RSA): "RSA",
    (Kx.DHE, Authentication.RSA): "DHE-RSA",
    (Kx.DHE, Authentication.DSS): "DHE-DSS",
    (Kx.ECDHE, Authentication.RSA): "ECDHE-RSA",
    (Kx.ECDHE, Authentication.ECDSA): "ECDHE-ECDSA",
    (Kx.PSK, Authentication.PSK): "PSK",
    (Kx.DHE_PSK, Authentication.PSK): "DHE-PSK",
    (Kx.ECDHE_PSK, Authentication.PSK): "ECDHE-PSK",
    (Kx.RSA_PSK, Authentication.RSA): "RSA-PSK",
    (Kx.DH_ANON, Authentication.ANON): "ANON-DH",
    (Kx.ECDH_ANON, Authentication.ANON): "ANON-ECDH",
}
_GNUTLS_CIPHERS = {"RC4_128": "ARCFOUR-128", "3DES_EDE_CBC": "3DES-CBC"}
_GNUTLS_SCHEMES = {
    SignatureScheme.ED25519: "EDDSA-ED25519",
    SignatureScheme.ED448: "EDDSA-ED448",
}


def gnutls_scheme(scheme: SignatureScheme) -> str:
    """GnuTLS's name for a signature scheme."""
    facts = SCHEMES[scheme]
    if facts.digest is None:
        return _GNUTLS_SCHEMES[scheme]
    padding = {"RSA_PSS_RSAE": "RSA-PSS-RSAE", "RSA_PSS_PSS": "RSA-PSS"}.get(scheme.name.rpartition("_")[0])
    return f"{padding or facts.kind.value}-{facts.digest.name.upper()}"


def priority(meeting: Meeting) -> str:
    """The priority string of GnuTLS that allows this meeting and no other."""
    row = meeting.parameters
    cipher = row.cipher.name
    schemes = dict.fromkeys(s for s in (meeting.scheme, meeting.client_scheme) if s is not None)
    signatures = [f"SIGN-{gnutls_scheme(scheme)}" for scheme in schemes or _GNUTLS_ANY_SCHEME]
    if meeting.client_scheme in _GNUTLS_SCHEMES:
        signatures.append("SIGN-ECDSA-SHA256")  # or it does not ask for ecdsa_sign, where EdDSA belongs (RFC 8422 5.5)
    groups = [f"GROUP-{str(meeting.group).upper()}"] if meeting.group else ["GROUP-ALL"]
    if meeting.group is not None and meeting.server_key == "ecdsa-p256" and row.uses_certificate:
        groups.append("GROUP-SECP256R1")  # of the leaf; the group before it is preferred
    words = [
        "NONE", "VERS-TLS1.2", "COMP-NULL", "CTYPE-X509",
        _GNUTLS_EXCHANGES[row.key_exchange, row.authentication],
        _GNUTLS_CIPHERS.get(cipher, cipher.replace("_", "-")),
        "AEAD" if row.mac is None else row.mac.upper(),
        *groups, *signatures,
    ]  # fmt: skip
    flags = ["%VERIFY_ALLOW_BROKEN"]
    if not meeting.encrypt_then_mac:
        flags.append("%NO_ETM")
    if not meeting.extended_master_secret:
        flags.append("%NO_SESSION_HASH")
    return ":".join([":+".join(words), *flags])


_GNUTLS_ANY_SCHEME = (
    SignatureScheme.RSA_PSS_RSAE_SHA256,
    SignatureScheme.ECDSA_SECP256R1_SHA256,
    SignatureScheme.RSA_PKCS1_SHA256,
    SignatureScheme.DSA_SHA1,  # the only one that GnuTLS has for DSA
)


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


OPENSSL: Peer = OpenSSLPrograms()
GNUTLS: Peer = GnuTLSPrograms()
