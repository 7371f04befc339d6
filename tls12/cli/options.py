"""The options that `connect` and `serve` share, and what they turn into: addresses, configs, credentials.

How it works: each function takes what argparse gave and returns a finished value, or raises a
`CommandError` that names the option and says what to give instead. Files are read here and nowhere else, so
that a file that cannot be read never looks like a network that cannot be reached.
"""

from __future__ import annotations

import argparse
import math
import re
import threading
from collections.abc import Callable
from pathlib import Path

from tls12.cli.output import CommandError
from tls12.cli.permissions import changed
from tls12.config import Psk
from tls12.errors import UsageError
from tls12.keylog import KeyLog
from tls12.policy import Policy
from tls12.trust.credentials import Credential
from tls12.trust.names import normalise_server_name
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import PinnedVerifier

_SHA256 = re.compile(r"([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}")

POLICIES: dict[str, Callable[[], Policy]] = {
    "default": Policy.default,
    "strict": Policy.strict,
    "compatible": Policy.compatible,
    "legacy-device": Policy.legacy_device,
    "psk": Policy.psk,
}
"""The policies that `--policy` names."""


def policy_name(text: str) -> str:
    """What `--policy` names, in the spelling of Python as well: legacy_device is legacy-device."""
    return text.replace("_", "-")


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """What both sides of a connection can be told."""
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--alpn", metavar="NAMES", default="", help="application protocols, best first: h2,http/1.1")
    tls.add_argument("--cert", metavar="FILE", help="our certificate chain, PEM, leaf first")
    tls.add_argument("--key", metavar="FILE", help="its private key, PEM (default: in the file of --cert)")
    tls.add_argument(
        "--policy",
        type=policy_name,
        choices=POLICIES,
        default="default",
        help="what to accept (see `tls12 suites`)",
    )
    tls.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change one field of the policy: minimum_rsa_bits=1024, cipher_suites=+TLS_RSA_WITH_AES_128_GCM_SHA256",
    )
    tls.add_argument(
        "--psk", metavar="IDENTITY:HEX", help="a pre-shared key; other users of this machine can see it in `ps`"
    )
    tls.add_argument(
        "--keylog",
        metavar="FILE",
        help="append the secrets to FILE, for Wireshark; anyone who can read FILE can decrypt the connections",
    )
    tls.add_argument("--show-handshake", action="store_true", help="show every handshake message, both directions")


def seconds(text: str) -> float:
    """A time to wait: a number from 0 up."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def some_seconds(text: str) -> float:
    """A time to wait in which something can happen: more than 0."""
    if not (number := seconds(text)):
        raise argparse.ArgumentTypeError("0 seconds leave no time for anything")
    return number


def address(text: str, *, default_host: str, default_port: int) -> tuple[str, int]:
    """`HOST:PORT`, `HOST`, `:PORT`, `[IPv6]:PORT` or a bare IPv6 address."""
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        host, port = text, ""
    elif not colon or (":" in host and not host.startswith("[")):
        host, port = (text, "") if colon or not text.isdigit() else ("", text)
    try:
        if not text or "/" in text:
            raise ValueError
        number = int(port) if port else default_port
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise CommandError(f"{text!r} is not HOST:PORT", "give for example example.com:443 or [::1]:443")
    return host.strip("[]") or default_host, number


def alpn_protocols(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The names after `--alpn`."""
    return tuple(name.strip() for name in arguments.alpn.split(",") if name.strip())


def policy(arguments: argparse.Namespace) -> Policy:
    """The policy after `--policy`, with what `--set` changes in it."""
    return changed(POLICIES[arguments.policy](), arguments.set, POLICIES)


def psk(arguments: argparse.Namespace) -> Psk | None:
    """The identity and key after `--psk`."""
    if arguments.psk is None:
        if arguments.policy == "psk":
            raise CommandError("--policy psk without --psk", "give the key with --psk IDENTITY:HEX")
        return None
    identity, _, key = arguments.psk.rpartition(":")
    try:
        secret = bytes.fromhex(key)
    except ValueError:
        raise CommandError("--psk: the key is not hexadecimal", "give IDENTITY:HEX, such as me:0011aabb") from None
    return Psk(identity.encode(), secret)


def keylog(arguments: argparse.Namespace) -> KeyLog | None:
    """The file after `--keylog`, opened for appending."""
    if arguments.keylog is None:
        return None
    try:
        return KeyLog.to_file(arguments.keylog)
    except OSError as error:
        raise CommandError(
            f"--keylog: cannot write {arguments.keylog}: {error.strerror}", "name another file"
        ) from None


def credential(arguments: argparse.Namespace) -> Credential | None:
    """The certificate and key after `--cert` and `--key`, or None without them."""
    if arguments.cert is None:
        if arguments.key is not None:
            raise CommandError("--key without --cert", "give the certificate chain with --cert FILE")
        return None
    chain = read_file("--cert", arguments.cert)
    key = read_file("--key", arguments.key) if arguments.key is not None else chain
    try:
        return Credential.from_pem(chain, key)
    except UsageError as error:
        remedy = error.remedy or "name files with the certificate chain and its private key, PEM"
        raise CommandError(f"--cert {arguments.cert}: {error.message}", remedy) from None


def trust_store(option: str, path: str) -> TrustStore:
    """The CA certificates of a PEM file."""
    try:
        return TrustStore.from_pem(read_file(option, path))
    except UsageError as error:
        raise CommandError(f"{option} {path}: {error.message}", "name a file with CA certificates, PEM") from None


def certificate_name(text: str) -> str:
    """A name that a certificate can have: a host name, with a wildcard perhaps, or an IP address."""
    wildcard = "*." if text.startswith("*.") else ""
    return wildcard + normalise_server_name(text.removeprefix(wildcard))


def pinned(option: str, text: str) -> PinnedVerifier:
    """A verifier for one certificate, in a file, or for one key, by its SHA-256 in hexadecimal."""
    if _SHA256.fullmatch(text):
        return PinnedVerifier(bytes.fromhex(text.replace(":", "")))
    try:
        return PinnedVerifier(read_file(option, text))
    except UsageError as error:
        raise CommandError(f"{option} {text}: {error.message}", "name a file with one certificate, PEM") from None


def read_file(option: str, path: str) -> bytes:
    """The contents of a file that an option names."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(
            f"{option}: cannot read {path}: {error.strerror}", "check the name and its permissions"
        ) from None
