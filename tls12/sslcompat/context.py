"""`SSLContext`: the settings of CPython's class, carried out by this library.

How it works: it is a subclass of `ssl.SSLContext`, and the object of OpenSSL inside keeps what it is told as ever: it
checks files, passwords, cipher strings and curves, and keeps modes, flags and versions, with CPython's own rules and
exceptions. What a connection needs and that object does not give back (keys, trusted certificates, application
protocols, callbacks) is kept here as well. When a connection is made, all of it becomes a configuration, once for each
state of the settings. A setting that cannot be carried out is refused then, with a sentence.

The properties of `ssl.SSLContext` look for their base class under the name `SSLContext` of the module, where `install`
puts ours, so ours goes to the class of `_ssl` itself.
"""

from __future__ import annotations

import _ssl
import contextlib
import getpass
import os
import re
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from tls12.config import ClientAuth, ClientConfig, ServerConfig
from tls12.connection import ClientConnection, ServerConnection
from tls12.crypto.groups import EC_GROUPS
from tls12.crypto.suites import SUITES
from tls12.errors import UsageError
from tls12.events import ClientHelloReceived
from tls12.handshake.engine import OnMessage
from tls12.keylog import KeyLog
from tls12.policy import Policy, Renegotiation
from tls12.registry import CipherSuite, NamedGroup
from tls12.resumption.sessions import Session
from tls12.resumption.tickets import TicketKeys
from tls12.sslcompat.ciphers import check_words
from tls12.sslcompat.engine import OP_IGNORE_UNEXPECTED_EOF, Engine, over_memory, over_socket
from tls12.sslcompat.errors import ContextRefused, refusing, ssl_error
from tls12.sslcompat.groups import curve, dh_group, is_curve
from tls12.sslcompat.objects import SSLObject
from tls12.sslcompat.pre_shared_keys import of_client, of_server
from tls12.sslcompat.sockets import SSLSocket
from tls12.sslcompat.statistics import Statistics
from tls12.sslcompat.verification import ContextVerifier, NothingTrusted, names_itself
from tls12.trust.credentials import Credential
from tls12.trust.der import element_end
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import AcceptAnyPeer, Verifier

_Base: Any = _ssl._SSLContext

_KEY_BITS = {0: 1024, 1: 1024, 2: 2048, 3: 3072}
"""The smallest RSA key at each security level of OpenSSL (`@SECLEVEL` in a cipher string); no policy allows fewer."""
_LEGACY_SERVER_CONNECT = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT: a client accepts servers without RFC 5746. CPython 3.12 has a name for it."""
_ALLOW_CLIENT_RENEGOTIATION = 0x100
"""SSL_OP_ALLOW_CLIENT_RENEGOTIATION, for which CPython has no name: without it, servers of OpenSSL 3 refuse."""
_NO_ENCRYPT_THEN_MAC = 0x80000
"""SSL_OP_NO_ENCRYPT_THEN_MAC, for which CPython has no name."""
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names under which OpenSSL finds certificates in a directory."""
_OTHER_VERSIONS = {ssl.PROTOCOL_TLSv1, ssl.PROTOCOL_TLSv1_1}


def _of_base(name: str, kind: Callable[[Any], Any]) -> Any:
    """A property that goes to the class of `_ssl`."""
    descriptor = getattr(_Base, name)

    def get(self: Any) -> Any:
        return kind(descriptor.__get__(self))

    def set_(self: Any, value: Any) -> None:
        descriptor.__set__(self, value)

    return property(get, set_, doc=f"As `{name}` of `ssl.SSLContext`.")


def _verify_mode(value: int) -> Any:
    try:
        return ssl.VerifyMode(value)
    except ValueError:
        return value


@dataclass(slots=True)
class Defaults:
    """What holds for every context; `install` sets it."""

    keylog: KeyLog | None = None
    """For contexts without a `keylog_filename` of their own."""
    policy: Policy | None = None
    """Bounds what any context may negotiate."""


DEFAULTS = Defaults()


class _Settings(ssl.SSLContext):
    """The properties that the class of `_ssl` keeps.

    They stand in a class between CPython's and ours, because truststore, and pip with it, sets them by way of the class
    above the one that `ssl` names SSLContext: CPython's setters would look above ours, find themselves and recurse.
    """

    options = _of_base("options", ssl.Options)
    verify_flags = _of_base("verify_flags", ssl.VerifyFlags)
    verify_mode = _of_base("verify_mode", _verify_mode)
    maximum_version = _of_base("maximum_version", ssl.TLSVersion)
    keylog_filename = _of_base("keylog_filename", lambda value: value)

    @property
    def minimum_version(self) -> Any:
        """As `minimum_version` of `ssl.SSLContext`."""
        return ssl.TLSVersion(_Base.minimum_version.__get__(self))

    @minimum_version.setter
    def minimum_version(self, value: Any) -> None:
        if value == ssl.TLSVersion.SSLv3:
            self.options &= ~ssl.Options.OP_NO_SSLv3
        _Base.minimum_version.__set__(self, value)


class SSLContext(_Settings):
    """The settings of TLS connections, as CPython's class has them."""

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject

    _credentials: list[Credential]
    _trusted: list[x509.Certificate]
    _directories: list[str]
    _alpn_protocols: tuple[str, ...]
    _groups: tuple[NamedGroup, ...]
    _dh_group: NamedGroup | None
    _sni_callback: Any
    _watcher: Any
    _client_psk: Any
    _server_psk: Any
    _psk_hint: bytes | None
    _ticket_keys: TicketKeys
    _changes: int
    """Counts the settings that were changed, so that a configuration is made again."""
    _made: dict[Any, ClientConfig | ServerConfig]
    """The configuration for the present state of the settings."""
    statistics: Statistics
    """What `session_stats` gives."""

    def __new__(cls, protocol: int | None = None, *args: Any, **kwargs: Any) -> SSLContext:
        """As `ssl.SSLContext`; made here and not in `__init__`, which subclasses of CPython's class need not call."""
        self = super().__new__(cls, protocol, *args, **kwargs)
        self._credentials, self._trusted, self._directories = [], [], []
        self._alpn_protocols, self._groups = (), ()
        self._sni_callback = self._watcher = None
        self._client_psk = self._server_psk = self._psk_hint = None
        self._dh_group = None
        self._ticket_keys = TicketKeys.generate()
        self._changes, self._made = 0, {}
        # A subclass may have an `options` of its own that needs its `__init__` first, as truststore's has.
        _Base.options.__set__(self, _Base.options.__get__(self) & ~OP_IGNORE_UNEXPECTED_EOF)
        self.statistics = Statistics()
        return self

    # -- settings that are kept here as well

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        """As `load_cert_chain` of `ssl.SSLContext`. Raises ContextRefused for a kind of key that this library has not.

        A certificate with a key of the same kind as one before takes its place, as servers renew theirs while they run.
        """
        once = _once(password) if callable(password) else _once(_ask) if password is None else password
        super().load_cert_chain(certfile, keyfile, once)
        chain, key = Path(os.fsdecode(certfile)).read_bytes(), Path(os.fsdecode(keyfile or certfile)).read_bytes()
        with refusing():
            credential = Credential.from_pem(chain, key, _password(once) if b"ENCRYPTED" in key else None)
        self.load_credential(credential)

    def load_credential(self, credential: Credential) -> None:
        """As `load_cert_chain`, with what a `Credential` is made of: bytes in memory, PKCS #12, a key in an HSM."""
        self._credentials = [each for each in self._credentials if each.key_kind is not credential.key_kind]
        self._credentials.append(credential)
        self._changes += 1

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """As `load_verify_locations` of `ssl.SSLContext`."""
        super().load_verify_locations(cafile, capath, cadata)
        if cafile is not None:
            self._trust(Path(os.fsdecode(cafile)).read_bytes())
        if capath is not None:
            self._directories.append(os.fsdecode(capath))
        if isinstance(cadata, str):
            self._trust(cadata.encode())
        elif cadata is not None:
            self._trust_der(bytes(cadata))
        self._changes += 1

    def set_default_verify_paths(self) -> None:
        """As `set_default_verify_paths` of `ssl.SSLContext`; `load_default_certs` calls it."""
        super().set_default_verify_paths()
        # Read now, as OpenSSL does: the first connection may be made in an event loop, which files would block. A
        # machine without roots, or whose roots cannot be read, is no error here either; it trusts no certificate.
        with contextlib.suppress(UsageError, OSError):
            self._trusted += TrustStore.system().certificates
        self._changes += 1

    def set_ciphers(self, ciphers: str, /) -> None:
        """As `set_ciphers` of `ssl.SSLContext`: OpenSSL's cipher strings. Raises SSLError for an unknown word too."""
        if not isinstance(ciphers, str):
            raise TypeError(f"set_ciphers() argument must be str, not {type(ciphers).__name__}")
        check_words(ciphers)
        super().set_ciphers(ciphers)
        self._changes += 1
        if not self._suites():
            raise ssl.SSLError(f"No cipher can be selected by {ciphers!r}: tls12 speaks none of what it names")

    def get_ciphers(self) -> list[Any]:
        """As `get_ciphers` of `ssl.SSLContext`, without the suites that no connection here can negotiate."""
        return [row for row in super().get_ciphers() if _spoken(row) is not None]

    def set_ecdh_curve(self, name: Any, /) -> None:
        """As `set_ecdh_curve` of `ssl.SSLContext`. Raises ContextRefused for a curve that this library has not."""
        super().set_ecdh_curve(name)
        found = curve(os.fsdecode(name))
        if found is None:
            raise ContextRefused(
                f"set_ecdh_curve() names {os.fsdecode(name)}, a curve that this library does not compute",
                remedy=f"name one of {', '.join(map(str, EC_GROUPS))}",
            )
        self._groups = (found,)
        self._changes += 1

    def load_dh_params(self, path: Any, /) -> None:
        """As `load_dh_params` of `ssl.SSLContext`. Raises ContextRefused for another group than those of RFC 7919."""
        super().load_dh_params(path)
        group = dh_group(Path(os.fsdecode(path)).read_bytes())
        if group is None:
            raise ContextRefused(
                f"the Diffie-Hellman group in {os.fsdecode(path)} is none of RFC 7919, and a server of this library "
                "uses no other",
                rule="RFC 7919 3",
                remedy="load ffdhe2048 or a larger one, or leave load_dh_params() out",
            )
        self._dh_group = group
        self._changes += 1

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """As `set_alpn_protocols` of `ssl.SSLContext`."""
        protocols = tuple(alpn_protocols)
        super().set_alpn_protocols(protocols)
        self._alpn_protocols = protocols
        self._changes += 1

    @property
    def sni_callback(self) -> Any:
        """As `sni_callback` of `ssl.SSLContext`."""
        return self._sni_callback

    @sni_callback.setter
    def sni_callback(self, callback: Any) -> None:
        if self.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if callback is not None and not callable(callback):
            raise TypeError("not a callable object")
        self._sni_callback = callback

    @property
    def _msg_callback(self) -> Any:
        """As `_msg_callback` of `ssl.SSLContext`, for handshake messages and ChangeCipherSpec."""
        return self._watcher

    @_msg_callback.setter
    def _msg_callback(self, callback: Any) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"{callback} is not callable.")
        self._watcher = callback

    def set_psk_client_callback(self, callback: Any) -> None:
        """As `set_psk_client_callback` of `ssl.SSLContext` in CPython 3.13, in every version."""
        if self.protocol == ssl.PROTOCOL_TLS_SERVER:
            raise _ssl.SSLError("Cannot add PSK client callback to a PROTOCOL_TLS_SERVER context")
        if callback is not None and not callable(callback):
            raise TypeError("callback must be callable")
        self._client_psk = callback and of_client(callback)
        self._changes += 1

    def set_psk_server_callback(self, callback: Any, identity_hint: str | None = None) -> None:
        """As `set_psk_server_callback` of `ssl.SSLContext` in CPython 3.13, in every version."""
        if not isinstance(identity_hint, str | None):
            kind = type(identity_hint).__name__
            raise TypeError(f"set_psk_server_callback() argument 'identity_hint' must be str or None, not {kind}")
        if self.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise _ssl.SSLError("Cannot add PSK server callback to a PROTOCOL_TLS_CLIENT context")
        if callback is not None and not callable(callback):
            raise TypeError("callback must be callable")
        self._server_psk = callback and of_server(callback)
        self._psk_hint = identity_hint.encode() if identity_hint else None
        self._changes += 1

    def session_stats(self) -> dict[str, int]:
        """As `session_stats` of `ssl.SSLContext`."""
        return self.statistics.as_dictionary()

    @property
    def policy(self) -> Policy:
        """What the context asks for, as a policy of this library, within the policy that `install` was given.

        A context of PROTOCOL_TLS, which is for both ends, shows a client's. Raises SSLError if no cipher suite is left.
        """
        return self._policy(self.protocol == ssl.PROTOCOL_TLS_SERVER)

    def _policy(self, server_side: bool) -> Policy:
        bound = DEFAULTS.policy
        usual = Policy.compatible() if bound is None else bound
        suites = self._suites()
        if bound is not None:
            suites = tuple(suite for suite in suites if suite in bound.cipher_suites)
        if not suites:
            within = "" if bound is None else f" and the policy {bound.name}"
            raise ssl_error("NO_CIPHERS_AVAILABLE", f"tls12 speaks no cipher suite that the context{within} allows")
        groups = tuple(group for group in usual.groups if self._leaves(group))
        bits = _KEY_BITS[min(self.security_level, max(_KEY_BITS))]
        if bound is not None:
            bits = max(bits, bound.minimum_rsa_bits)
        return usual.replace(
            name="an ssl.SSLContext" if bound is None else f"an ssl.SSLContext within {bound.name}",
            cipher_suites=suites,
            groups=(*(group for group in self._groups if bound is None or group in bound.groups), *groups),
            equal_preference=(),
            minimum_rsa_bits=bits,
            minimum_dh_bits=max(bits, usual.minimum_dh_bits),
            encrypt_then_mac=usual.encrypt_then_mac and not self.options & _NO_ENCRYPT_THEN_MAC,
            require_secure_renegotiation=usual.require_secure_renegotiation
            and (bound is not None or not self.options & _LEGACY_SERVER_CONNECT),
            server_preference=bool(self.options & ssl.OP_CIPHER_SERVER_PREFERENCE),
            renegotiation=self._renegotiation(
                server_side, Renegotiation.ALLOW if bound is None else bound.renegotiation
            ),
        )

    def _suites(self) -> tuple[CipherSuite, ...]:
        """What `get_ciphers` names."""
        return tuple(suite for row in super().get_ciphers() if (suite := _spoken(row)) is not None)

    def _renegotiation(self, server_side: bool, most: Renegotiation) -> Renegotiation:
        """What the options allow, and no more than `most`."""
        allows = not server_side or bool(self.options & _ALLOW_CLIENT_RENEGOTIATION)
        if allows and not self.options & ssl.OP_NO_RENEGOTIATION:
            return most
        return Renegotiation.WARN if most is Renegotiation.ALLOW else most

    def _leaves(self, group: NamedGroup) -> bool:
        """Whether the curve or the finite-field group that was set, if one was, is this one or of the other kind."""
        if is_curve(group):
            return not self._groups
        return self._dh_group is None or group is self._dh_group

    # -- connections

    def _wrap_socket(
        self,
        sock: Any,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: Any = None,
        session: Any = None,
    ) -> Engine:
        return over_socket(self, sock, server_side, server_hostname, owner=owner, session=session)

    def _wrap_bio(
        self,
        incoming: Any,
        outgoing: Any,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: Any = None,
        session: Any = None,
    ) -> Engine:
        for name, buffer in (("incoming", incoming), ("outgoing", outgoing)):
            if not isinstance(buffer, ssl.MemoryBIO):
                kind = type(buffer).__name__
                raise TypeError(f"_wrap_bio() argument '{name}' must be _ssl.MemoryBIO, not {kind}")
        return over_memory(self, incoming, outgoing, server_side, server_hostname, owner=owner, session=session)

    def _make_connection(
        self,
        server_side: bool,
        server_hostname: str | None,
        session: Session | None,
        on_message: OnMessage | None = None,
    ) -> ClientConnection | ServerConnection:
        if server_side and self.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise ssl.SSLError("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context")
        if not server_side and self.protocol == ssl.PROTOCOL_TLS_SERVER:
            raise ssl.SSLError("Cannot create a client socket with a PROTOCOL_TLS_SERVER context")
        if self.check_hostname and not server_side and server_hostname is None:
            raise ValueError("check_hostname requires server_hostname")
        with refusing():
            config = self._config(server_side)
            if isinstance(config, ServerConfig):
                return ServerConnection(config, pause_on={ClientHelloReceived}, on_message=on_message)
            return ClientConnection(config, server_hostname, session=session, on_message=on_message)

    def _config(self, server_side: bool) -> ClientConfig | ServerConfig:
        """The configuration for the settings as they are; made once for each state of them."""
        state = (
            server_side,
            self._changes,
            self.verify_mode,
            self.check_hostname,
            self.hostname_checks_common_name,
            self.options,
            self.verify_flags,
            self.minimum_version,
            self.maximum_version,
            self.keylog_filename,
            DEFAULTS.keylog,
            DEFAULTS.policy,
        )
        if state not in self._made:
            self._made = {state: self._make_config(server_side)}
        return self._made[state]

    def _make_config(self, server_side: bool) -> ClientConfig | ServerConfig:
        self._refuse_what_cannot_be()
        common: dict[str, Any] = {
            "policy": self._policy(server_side),
            "alpn_protocols": self._alpn_protocols,
            "credentials": tuple(self._credentials),
            "half_close": True,
            "psk": self._server_psk if server_side else self._client_psk,
            "keylog": DEFAULTS.keylog if self.keylog_filename is None else KeyLog.to_file(self.keylog_filename),
        }
        if not server_side:
            wants_tickets = not self.options & ssl.OP_NO_TICKET
            return ClientConfig(verifier=self._verifier(), request_ticket=wants_tickets, **common)
        asks = {ssl.CERT_OPTIONAL: ClientAuth.OPTIONAL, ssl.CERT_REQUIRED: ClientAuth.REQUIRED}
        return ServerConfig(
            client_auth=asks.get(self.verify_mode, ClientAuth.NONE),
            verifier=self._verifier(),
            ticket_keys=None if self.options & ssl.OP_NO_TICKET else self._ticket_keys,
            psk_identity_hint=self._psk_hint,
            **common,
        )

    def _verifier(self) -> Verifier:
        if self.verify_mode == ssl.CERT_NONE:
            return AcceptAnyPeer()
        roots = list(self._trusted)
        for directory in self._directories:
            paths = sorted(Path(directory).iterdir()) if os.path.isdir(directory) else ()  # OpenSSL passes over it too
            for path in paths:
                roots += _certificates(path.read_bytes()) if _HASHED.fullmatch(path.name) else ()
        between: list[x509.Certificate] = []
        if not self.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN:
            between = [one for one in roots if not names_itself(one)]
            roots = [one for one in roots if names_itself(one)]
        if not roots:
            return NothingTrusted()
        return ContextVerifier(
            TrustStore(roots),
            between,
            check_hostname=self.check_hostname,
            common_names=self.hostname_checks_common_name,
            strict=bool(self.verify_flags & ssl.VERIFY_X509_STRICT),
        )

    def _refuse_what_cannot_be(self) -> None:
        lowest, highest = self.minimum_version, self.maximum_version
        too_new = lowest == ssl.TLSVersion.TLSv1_3 or bool(self.options & ssl.OP_NO_TLSv1_2)
        too_old = highest not in (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
        if too_new or too_old or lowest == ssl.TLSVersion.MAXIMUM_SUPPORTED or self.protocol in _OTHER_VERSIONS:
            raise ssl_error(
                "NO_PROTOCOLS_AVAILABLE",
                "this connection would speak TLS 1.2, which the context does not allow; "
                "set minimum_version and maximum_version so that TLSVersion.TLSv1_2 is among them",
            )
        if self.security_level > max(_KEY_BITS):
            raise ContextRefused(
                f"the context has the security level {self.security_level}; this library knows 0 to {max(_KEY_BITS)}",
                remedy="say @SECLEVEL=3 in set_ciphers(), or use a Policy of your own with tls12.sync or tls12.asyncio",
            )
        if self.verify_flags & (ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN) and self.verify_mode:
            raise ContextRefused(
                "verify_flags ask for certificate revocation lists, which this library does not read",
                remedy="leave VERIFY_CRL_CHECK_LEAF and VERIFY_CRL_CHECK_CHAIN out, or use CPython's ssl",
            )

    # -- trust

    def _trust(self, pem: bytes) -> None:
        self._trusted += _certificates(pem)

    def _trust_der(self, data: bytes) -> None:
        while len(data) > 1:
            size = element_end(data, 0)
            self._trusted += _certificates(ssl.DER_cert_to_PEM_cert(data[:size]).encode())
            data = data[size:]


def _spoken(row: Any) -> CipherSuite | None:
    """The suite of a row of OpenSSL's list, if connections of this library speak it outside of the laboratory."""
    if row["protocol"] == "TLSv1.3":
        return None
    suite = CipherSuite.from_openssl(row["name"])
    return suite if suite in SUITES and not SUITES[suite].lab_only else None


def _once(password: Callable[[], Any]) -> Callable[[], Any]:
    """The same function, which asks the application at most once."""
    given: list[Any] = []

    def ask() -> Any:
        if not given:
            given.append(password())
        return given[0]

    return ask


def _ask() -> str:
    """What OpenSSL does for an encrypted key without a password; here, so that it is asked for once."""
    return getpass.getpass("Enter PEM pass phrase:")


def _password(given: Any) -> bytes | None:
    value = given() if callable(given) else given
    return value.encode() if isinstance(value, str) else None if value is None else bytes(value)


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """What can be read of a file of certificates; one that cannot be does not spoil the others."""
    try:
        return list(TrustStore.from_pem(pem).certificates)
    except UsageError:
        return []
