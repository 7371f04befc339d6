"""Finite-field Diffie-Hellman: the groups of RFC 7919, and whatever group a server sends.

How it works: this is the only module that touches the backend's finite-field arithmetic, which `cryptography` has
deprecated (50.0) and will remove. Its names are fetched once, here, without the warning that fetching them gives.
Where they are gone, `is_available()` is False, no DHE suite is offered or chosen, and a function that would compute
raises a UsageError that says so.

A server takes a named group (`generate`); a client takes what the server sends (`check`, then `answer`). An unknown
group is expensive, because the backend proves that p is a safe prime before it computes with it: up to seconds
(docs/performance.md). So `check` refuses what can be refused by comparing numbers before anything is computed, and
the proof is done once: the client's own key is generated in the group of the checked public key of the server. The
groups of RFC 3526, which most servers without RFC 7919 send, and of RFC 5114 have no name in TLS, but the backend
knows them and skips the proof.

The shared secret loses its leading zeros (RFC 5246 8.1.2), unlike that of elliptic curves. The time that the stripping
takes tells how many zeros there were (the Raccoon attack). That is harmless as long as no key is used twice, so every
handshake has a fresh one.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tls12.crypto.groups import private_scalar
from tls12.crypto.randomness import Random
from tls12.errors import InvalidKeyShare, PeerIncompatible, UsageError
from tls12.registry import Alert, NamedGroup

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import dh

GENERATOR = 2
"""Of every group of RFC 7919."""

_PRIMES = {
    NamedGroup.FFDHE2048: """
        FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9
        7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935
        984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB
        B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61
        9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA
        886B423861285C97FFFFFFFFFFFFFFFF
    """,
    NamedGroup.FFDHE3072: """
        FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9
        7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935
        984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB
        B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61
        9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA
        886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C023861B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91C
        AEFE130985139270B4130C93BC437944F4FD4452E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0D
        ABC521979B0DEADA1DBF9A42D5C4484E0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B66C62E37FFFFFFFFFFFFFFFF
    """,
    NamedGroup.FFDHE4096: """
        FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9
        7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935
        984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB
        B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61
        9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA
        886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C023861B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91C
        AEFE130985139270B4130C93BC437944F4FD4452E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0D
        ABC521979B0DEADA1DBF9A42D5C4484E0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B669E1EF16E6F52C3164DF4FB
        7930E9E4E58857B6AC7D5F42D69F6D187763CF1D5503400487F55BA57E31CC7A7135C886EFB4318AED6A1E012D9E6832
        A907600A918130C46DC778F971AD0038092999A333CB8B7A1A1DB93D7140003C2A4ECEA9F98D0ACC0A8291CDCEC97DCF
        8EC9B55A7F88A46B4DB5A851F44182E1C68A007E5E655F6AFFFFFFFFFFFFFFFF
    """,
    NamedGroup.FFDHE6144: """
        FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9
        7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935
        984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB
        B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61
        9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA
        886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C023861B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91C
        AEFE130985139270B4130C93BC437944F4FD4452E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0D
        ABC521979B0DEADA1DBF9A42D5C4484E0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B669E1EF16E6F52C3164DF4FB
        7930E9E4E58857B6AC7D5F42D69F6D187763CF1D5503400487F55BA57E31CC7A7135C886EFB4318AED6A1E012D9E6832
        A907600A918130C46DC778F971AD0038092999A333CB8B7A1A1DB93D7140003C2A4ECEA9F98D0ACC0A8291CDCEC97DCF
        8EC9B55A7F88A46B4DB5A851F44182E1C68A007E5E0DD9020BFD64B645036C7A4E677D2C38532A3A23BA4442CAF53EA6
        3BB454329B7624C8917BDD64B1C0FD4CB38E8C334C701C3ACDAD0657FCCFEC719B1F5C3E4E46041F388147FB4CFDB477
        A52471F7A9A96910B855322EDB6340D8A00EF092350511E30ABEC1FFF9E3A26E7FB29F8C183023C3587E38DA0077D9B4
        763E4E4B94B2BBC194C6651E77CAF992EEAAC0232A281BF6B3A739C1226116820AE8DB5847A67CBEF9C9091B462D538C
        D72B03746AE77F5E62292C311562A846505DC82DB854338AE49F5235C95B91178CCF2DD5CACEF403EC9D1810C6272B04
        5B3B71F9DC6B80D63FDD4A8E9ADB1E6962A69526D43161C1A41D570D7938DAD4A40E329CD0E40E65FFFFFFFFFFFFFFFF
    """,
    NamedGroup.FFDHE8192: """
        FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9
        7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935
        984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB
        B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61
        9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA
        886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C023861B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91C
        AEFE130985139270B4130C93BC437944F4FD4452E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0D
        ABC521979B0DEADA1DBF9A42D5C4484E0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B669E1EF16E6F52C3164DF4FB
        7930E9E4E58857B6AC7D5F42D69F6D187763CF1D5503400487F55BA57E31CC7A7135C886EFB4318AED6A1E012D9E6832
        A907600A918130C46DC778F971AD0038092999A333CB8B7A1A1DB93D7140003C2A4ECEA9F98D0ACC0A8291CDCEC97DCF
        8EC9B55A7F88A46B4DB5A851F44182E1C68A007E5E0DD9020BFD64B645036C7A4E677D2C38532A3A23BA4442CAF53EA6
        3BB454329B7624C8917BDD64B1C0FD4CB38E8C334C701C3ACDAD0657FCCFEC719B1F5C3E4E46041F388147FB4CFDB477
        A52471F7A9A96910B855322EDB6340D8A00EF092350511E30ABEC1FFF9E3A26E7FB29F8C183023C3587E38DA0077D9B4
        763E4E4B94B2BBC194C6651E77CAF992EEAAC0232A281BF6B3A739C1226116820AE8DB5847A67CBEF9C9091B462D538C
        D72B03746AE77F5E62292C311562A846505DC82DB854338AE49F5235C95B91178CCF2DD5CACEF403EC9D1810C6272B04
        5B3B71F9DC6B80D63FDD4A8E9ADB1E6962A69526D43161C1A41D570D7938DAD4A40E329CCFF46AAA36AD004CF600C838
        1E425A31D951AE64FDB23FCEC9509D43687FEB69EDD1CC5E0B8CC3BDF64B10EF86B63142A3AB8829555B2F747C932665
        CB2C0F1CC01BD70229388839D2AF05E454504AC78B7582822846C0BA35C35F5C59160CC046FD8251541FC68C9C86B022
        BB7099876A460E7451A8A93109703FEE1C217E6C3826E52C51AA691E0E423CFC99E9E31650C1217B624816CDAD9A95F9
        D5B8019488D9C0A0A1FE3075A577E23183F81D4A3F2FA4571EFC8CE0BA8A4FE8B6855DFE72B0A66EDED2FBABFBE58A30
        FAFABE1C5D71A87E2F741EF8C1FE86FEA6BBFDE530677F0D97D11D49F7A8443D0822E506A9F4614E011E2A94838FF88C
        D68C8BB7C5C6424CFFFFFFFFFFFFFFFF
    """,
}

FFDHE_PRIMES: Mapping[NamedGroup, int] = MappingProxyType(
    {group: int("".join(digits.split()), 16) for group, digits in _PRIMES.items()}
)
"""The safe primes of RFC 7919 A."""

_NAMES = {(prime, GENERATOR): group for group, prime in FFDHE_PRIMES.items()}


class _Backend(NamedTuple):
    parameter_numbers: type[dh.DHParameterNumbers]
    public_numbers: type[dh.DHPublicNumbers]
    private_numbers: type[dh.DHPrivateNumbers]


def _load_backend() -> _Backend | None:
    """The backend's classes, or None where it has dropped them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user cannot act on it: see the beginning of this file
            module = importlib.import_module("cryptography.hazmat.primitives.asymmetric.dh")
            return _Backend(module.DHParameterNumbers, module.DHPublicNumbers, module.DHPrivateNumbers)
    except (ImportError, AttributeError):
        return None


_BACKEND = _load_backend()

SMALLEST_MODULUS = 1024
"""Bits. No policy accepts a shorter modulus."""


MISSING = "the cryptography behind this configuration no longer computes finite-field Diffie-Hellman"
"""The reason in errors, where `is_available` is False or a provider says so of itself (`finite_fields`)."""


def is_available() -> bool:
    """Whether the installed `cryptography` still computes finite-field Diffie-Hellman."""
    return _BACKEND is not None


def _backend() -> _Backend:
    if _BACKEND is None:
        raise UsageError(
            MISSING,
            remedy="leave out the DHE, DHE_PSK and DH_anon suites; ECDHE does the same job better",
        )
    return _BACKEND


def named_group(p: int, g: int) -> NamedGroup | None:
    """The RFC 7919 group that these parameters are, or None."""
    return _NAMES.get((p, g))


def check(p: int, g: int, ys: int, *, minimum_bits: int, maximum_bits: int) -> None:
    """Refuse a server's parameters that comparing numbers shows to be bad (RFC 7919 3 and 5.1, RFC 5246 F.1.1.3).

    Raises InvalidKeyShare for numbers out of range and for a p that is even or, without being a named group,
    longer than `maximum_bits`; PeerIncompatible for an honest p shorter than `minimum_bits`.
    """
    bits = p.bit_length()
    if bits > maximum_bits and (p, g) not in _NAMES:
        raise InvalidKeyShare(
            f"the server's Diffie-Hellman modulus has {bits} bits; at most {maximum_bits} are computed",
            rule="RFC 5246 F.1.1.3",
        )
    if p % 2 == 0 or not 1 < g < p - 1:
        raise InvalidKeyShare(
            "the server's Diffie-Hellman modulus is even or its generator is out of range",
            rule="RFC 5246 F.1.1.3",
        )
    _check_public(ys, p)
    if bits < minimum_bits:
        raise PeerIncompatible(
            f"the server's Diffie-Hellman modulus has {bits} bits, the policy asks for {minimum_bits}",
            alert=Alert.INSUFFICIENT_SECURITY,
            rule="RFC 7919 3.1",
            remedy=f"allow it with policy.replace(minimum_dh_bits={bits}); risk: Logjam"
            if bits >= SMALLEST_MODULUS
            else f"no policy accepts fewer than {SMALLEST_MODULUS} bits: the server needs a larger group",
        )


def _check_public(y: int, p: int) -> None:
    if not 1 < y < p - 1:
        raise InvalidKeyShare("the peer's Diffie-Hellman public key is not in 2..p-2", rule="RFC 7919 5.1")


class FiniteFieldShare:
    """One side's ephemeral key in a finite-field group."""

    __slots__ = ("_numbers", "_private", "group", "public")

    def __init__(self, parameters: dh.DHParameters, random: Random) -> None:
        self._numbers = numbers = parameters.parameter_numbers()
        p, g = numbers.p, numbers.g
        self.group = named_group(p, g)
        if random is os.urandom:
            # The backend uses the short exponent of RFC 7919 5.2, which is much faster (docs/performance.md).
            self._private = parameters.generate_private_key()
        else:
            backend = _backend()
            x = private_scalar(p // 2, random)
            public = backend.public_numbers(pow(g, x, p), numbers)
            self._private = backend.private_numbers(x, public).private_key()
        y = self._private.public_key().public_numbers().y
        # As long as p, because some peers read a number of fixed length, and so that the length reveals nothing.
        self.public = y.to_bytes((p.bit_length() + 7) // 8)

    def exchange(self, peer_public: bytes) -> bytes:
        """The shared secret without its leading zeros (RFC 5246 8.1.2). Raises InvalidKeyShare."""
        y = int.from_bytes(peer_public)
        _check_public(y, self._numbers.p)
        return self._exchange(_backend().public_numbers(y, self._numbers).public_key())

    def _exchange(self, peer: dh.DHPublicKey) -> bytes:
        try:
            secret = self._private.exchange(peer)
        except ValueError:  # only in the groups of RFC 5114, where p is not a safe prime but the subgroup is known
            raise InvalidKeyShare(
                "the peer's Diffie-Hellman public key is not in the subgroup of the generator", rule="RFC 2631 2.1.5"
            ) from None
        return secret.lstrip(b"\0")


def generate(group: NamedGroup, random: Random) -> FiniteFieldShare:
    """A fresh key share in a group of RFC 7919. Raises UsageError for another group."""
    p = FFDHE_PRIMES.get(group)
    if p is None:
        raise UsageError(f"the group {group} is not one of RFC 7919")
    return FiniteFieldShare(_backend().parameter_numbers(p, GENERATOR).parameters(), random)


def answer(p: int, g: int, ys: int, random: Random) -> tuple[FiniteFieldShare, bytes]:
    """A client's fresh key share in the server's group, and the shared secret, after `check`.

    Raises InvalidKeyShare where p is not a safe prime, or `ys` has another order than the known group's.
    """
    backend = _backend()
    try:
        peer = backend.public_numbers(ys, backend.parameter_numbers(p, g)).public_key()
    except ValueError:
        raise InvalidKeyShare(
            "the server's Diffie-Hellman modulus is not a safe prime", rule="RFC 5246 F.1.1.3"
        ) from None
    share = FiniteFieldShare(peer.parameters(), random)
    return share, share._exchange(peer)
