"""tlslite-ng over a fake transport, with the accelerators that are installed (M2Crypto, gmpy2).

It never verifies certificate chains, so it takes no part where that is asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from benchmarks.peers import NAME, NotSupported, Scenario, Transfer, material

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # M2Crypto and tlslite use deprecated parts of each other
    from tlslite.api import (
        HandshakeSettings,
        SessionCache,
        TLSConnection,
        X509CertChain,
        parsePEMKey,
    )
    from tlslite.utils import cryptomath

_SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": ("aes128gcm", "aead", "ecdhe_ecdsa"),
    "ECDHE-RSA-AES128-GCM-SHA256": ("aes128gcm", "aead", "ecdhe_rsa"),
    "ECDHE-ECDSA-CHACHA20-POLY1305": ("chacha20-poly1305", "aead", "ecdhe_ecdsa"),
    "ECDHE-ECDSA-AES256-GCM-SHA384": ("aes256gcm", "aead", "ecdhe_ecdsa"),
    "ECDHE-ECDSA-AES128-CCM": ("aes128ccm", "aead", "ecdhe_ecdsa"),
    "ECDHE-ECDSA-AES128-CCM8": ("aes128ccm_8", "aead", "ecdhe_ecdsa"),
    "ECDHE-ECDSA-AES128-SHA": ("aes128", "sha", "ecdhe_ecdsa"),
    "ECDHE-ECDSA-AES256-SHA384": ("aes256", "sha384", "ecdhe_ecdsa"),
}
"""OpenSSL's name to tlslite's cipher, MAC and key exchange."""


class Wire:
    """One end of a transport in memory: what a non-blocking socket does, for TLSConnection."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.other: Wire

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; BlockingIOError when there are none."""
        if not self.incoming:
            raise BlockingIOError(11, "nothing there yet")
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        return data

    def send(self, data: bytes) -> int:
        """Always takes all."""
        self.other.incoming += data
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Always takes all."""
        self.other.incoming += data

    def close(self) -> None:
        """Nothing to close."""


class TLSLitePair:
    """Two TLSConnections."""

    def __init__(self, client: TLSConnection, server: TLSConnection, wire: Wire) -> None:
        self.client = client
        self.server = server
        self.wire = wire

    def seal(self) -> Transfer:
        """`write` alone."""
        write, wire = self.client.write, self.wire

        def one_way(data: bytes) -> int:
            write(data)
            sealed = len(wire.incoming)
            wire.incoming.clear()
            return sealed

        return one_way

    def transfer(self) -> Transfer:
        """`read(min=n, max=n)`."""
        write, read = self.client.write, self.server.read

        def one_way(data: bytes) -> int:
            write(data)
            return len(read(max=len(data), min=len(data)))

        return one_way

    def transfer_often(self, writes: int) -> Transfer:
        """One `read` for all: it may span records."""
        write, read = self.client.write, self.server.read

        def one_way(data: bytes) -> int:
            for _ in range(writes):
                write(data)
            return len(read(max=writes * len(data), min=writes * len(data)))

        return one_way

    def transfer_until_empty(self) -> Transfer:
        """The same: a blocking read has no other end than the number of bytes."""
        return self.transfer()


class TLSLiteEndpoints:
    """Settings, parsed certificates and keys."""

    def __init__(self, scenario: Scenario) -> None:
        if scenario.verify or scenario.suite not in _SUITES:
            raise NotSupported
        if scenario.resume_by == "ticket":
            raise NotSupported  # session tickets exist in it for TLS 1.3 only
        cipher, mac, exchange = _SUITES[scenario.suite]
        self._settings = HandshakeSettings()
        self._settings.minVersion = self._settings.maxVersion = (3, 3)
        self._settings.cipherNames, self._settings.macNames = [cipher], [mac]
        self._settings.keyExchangeNames = [exchange]
        self._settings.eccCurves = ["x25519", "secp256r1"]
        self._settings.keyShares = []
        self._settings.useEncryptThenMAC = scenario.encrypt_then_mac
        issued = material(scenario.key, scenario.intermediates).issued
        self._chain = X509CertChain()
        self._chain.parsePemList(issued.chain_pem.decode())
        self._key = parsePEMKey(issued.key_pem.decode(), private=True)
        self._cache = SessionCache()
        self._session: object = None

    def full(self) -> TLSLitePair:
        """Both sides' generators in turn until they end."""
        return self._connect(None, None)

    def resumed(self) -> None:
        """The same, with the client's session and the server's cache."""
        if self._session is None:
            self._session = self._connect(None, self._cache).client.session
        pair = self._connect(self._session, self._cache)
        assert pair.client.resumed

    def _connect(self, session: object, cache: SessionCache | None) -> TLSLitePair:
        ours, theirs = Wire(), Wire()
        ours.other, theirs.other = theirs, ours
        client, server = TLSConnection(ours), TLSConnection(theirs)
        running: list[Iterator[int]] = [
            client.handshakeClientCert(settings=self._settings, serverName=NAME, session=session, async_=True),
            server.handshakeServerAsync(
                certChain=self._chain, privateKey=self._key, settings=self._settings, sessionCache=cache
            ),
        ]
        while running:
            running = [story for story in running if next(story, None) is not None]
        return TLSLitePair(client, server, theirs)


class TLSLite:
    """tlslite-ng."""

    name = "tlslite-ng"

    @staticmethod
    def accelerators() -> str:
        """Those that it has found."""
        found = {"M2Crypto": cryptomath.m2cryptoLoaded, "gmpy2": cryptomath.GMPY2_LOADED}
        return "+".join(name for name, loaded in found.items() if loaded) or "nothing"

    def prepare(self, scenario: Scenario) -> TLSLiteEndpoints:
        """Settings and keys."""
        return TLSLiteEndpoints(scenario)
