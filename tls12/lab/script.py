"""A client or server without a state machine, which sends what its caller says, in any order.

How it works: a script sends nothing by itself. Each call sends something (`send`, `send_record`, `send_bytes`),
computes a message or a secret as an honest peer would (`hello`, `answer`, `respond`, `offer`, `derive`, `finished`), or
looks at what was received (`received`, `last`, `alert`, `data`). So a test or an experiment spells out the whole
conversation, and deviates from the protocol in exactly one line:

    peer = Script("client")
    peer.send(peer.hello())
    ...                                            # send peer.data_to_send(), give the answer to peer.receive_data()
    peer.send(peer.respond())
    peer.derive()
    peer.finish()                                  # ChangeCipherSpec, new keys, Finished

Sending and receiving are in `Speaker` (`speaker.py`); here are the honest computations. To change only what an
ordinary connection sends, its `rewrite` hook is less work.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from tls12.crypto import key_schedule
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.crypto.groups import EC_GROUPS
from tls12.crypto.key_exchange import ExchangeInputs, IdentifiedKey, KeyExchange, make_key_exchange
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.crypto.randomness import Purpose, Random
from tls12.crypto.signatures import SCHEMES
from tls12.errors import UsageError
from tls12.lab.speaker import Speaker
from tls12.registry import (
    CipherSuite,
    CompressionMethod,
    ConnectionEnd,
    ECPointFormat,
    EndName,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.trust.backend import load
from tls12.wire.certificates import Certificate, CertificateVerify
from tls12.wire.closing import Finished
from tls12.wire.extensions import (
    ECPointFormats,
    ExtendedMasterSecret,
    Extension,
    RenegotiationInfo,
    SignatureAlgorithms,
    SupportedGroups,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ClientKeyExchange, DigitallySigned, ServerKeyExchange

EVERYDAY_SUITES = (
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
)
"""What `hello` offers by default: one suite for each common kind of key."""


class Script(Speaker):
    """One end of a TLS 1.2 connection that does exactly what its caller says.

    `random` gives randoms, key shares and IVs; a fixed one makes every byte reproducible. `crypto` is that of the
    connection at the other end, which matters if that is `tls12.lab.NullCrypto`. The secrets that were computed last
    are public attributes, to be read or replaced before the next call uses them.
    """

    def __init__(self, role: EndName, *, random: Random = os.urandom, crypto: CryptoProvider = STANDARD) -> None:
        super().__init__(role, random=random, crypto=crypto)
        self.premaster: bytes | None = None
        """From `respond` or `accept`; `derive` takes it."""
        self.master_secret: bytes | None = None
        self._exchange: KeyExchange | None = None

    # -- hellos -------------------------------------------------------------------------------------------

    def hello(self, *cipher_suites: CipherSuite, **fields: Any) -> ClientHello:
        """A ClientHello that a modern server accepts; `fields` replace single fields of it."""
        hello = ClientHello(
            client_version=ProtocolVersion.TLS_1_2,
            random=self.draw(Purpose.CLIENT_RANDOM, 32),
            session_id=b"",
            cipher_suites=cipher_suites or EVERYDAY_SUITES,
            compression_methods=(CompressionMethod.NULL,),
            extensions=(
                RenegotiationInfo(self.client_verify_data),
                ExtendedMasterSecret(),
                ECPointFormats((ECPointFormat.UNCOMPRESSED,)),
                SupportedGroups(tuple(EC_GROUPS)),
                SignatureAlgorithms(tuple(scheme for scheme, facts in SCHEMES.items() if not facts.lab_only)),
            ),
        )
        return replace(hello, **fields)

    def answer(self, cipher_suite: CipherSuite | None = None, **fields: Any) -> ServerHello:
        """A ServerHello that answers the ClientHello, by default with its first suite; with RFC 5746 and RFC 7627."""
        offer = self._offer()
        extensions: list[Extension] = [RenegotiationInfo(self.client_verify_data + self.server_verify_data)]
        if offer.find(ExtendedMasterSecret) is not None:
            extensions.append(ExtendedMasterSecret())
        hello = ServerHello(
            server_version=ProtocolVersion.TLS_1_2,
            random=self.draw(Purpose.SERVER_RANDOM, 32),
            session_id=b"",
            cipher_suite=cipher_suite if cipher_suite is not None else offer.cipher_suites[0],
            compression_method=CompressionMethod.NULL,
            extensions=tuple(extensions),
        )
        return replace(hello, **fields)

    # -- key exchange and signatures ----------------------------------------------------------------------

    def respond(self, psk: IdentifiedKey | None = None) -> ClientKeyExchange:
        """As client: the answer to the server's key share or certificate; keeps the premaster secret."""
        chain = self.last(Certificate)
        public_key = None
        if chain is not None and chain.certificate_list:
            public_key = load(chain.certificate_list[0]).public_key()
        inputs = ExchangeInputs(
            crypto=self.crypto,
            draw=self.draw,
            offered_groups=(*EC_GROUPS, *FFDHE_PRIMES),
            client_version=self._offer().client_version,
            peer_public_key=public_key,
            minimum_dh_bits=512,
        )
        exchange = make_key_exchange(self.suite, inputs)
        exchange.check_server_key_exchange(self.last(ServerKeyExchange))
        message, self.premaster = exchange.make_client_key_exchange(psk)
        return message

    def offer(
        self,
        group: NamedGroup | None = None,
        private_key: Any = None,
        scheme: SignatureScheme | None = None,
        *,
        hint: bytes | None = None,
    ) -> ServerKeyExchange | None:
        """As server: the key share, signed if a `scheme` is given; None where the suite has no such message.

        `private_key` is that of the certificate: it signs, or it decrypts in `accept`.
        """
        suite = self.suite
        inputs = ExchangeInputs(
            crypto=self.crypto,
            draw=self.draw,
            group=group or (NamedGroup.FFDHE2048 if suite.is_dhe else NamedGroup.X25519),
            client_version=self._offer().client_version,
            private_key=private_key if suite.encrypts_premaster else None,
            psk_identity_hint=hint,
        )
        self._exchange = make_key_exchange(suite, inputs)
        share = self._exchange.make_server_key_exchange()
        return self.sign_share(share, private_key, scheme) if share is not None and scheme is not None else share

    def sign_share(self, share: ServerKeyExchange, private_key: Any, scheme: SignatureScheme) -> ServerKeyExchange:
        """The same share under a fresh signature over both randoms and its parameters (RFC 5246 7.4.3)."""
        signed = self._offer().random + self._answer().random + share.params_bytes()
        return replace(share, signature=DigitallySigned(scheme, self.crypto.sign(private_key, scheme, signed)))

    def accept(self, psk: bytes | None = None) -> None:
        """As server, after `offer` and the client's ClientKeyExchange: compute the premaster secret, and `derive`."""
        message = self.last(ClientKeyExchange)
        if self._exchange is None or message is None:
            raise UsageError("accept() needs an offer() before it and a ClientKeyExchange from the client")
        self.premaster = self._exchange.take_client_key_exchange(message, psk)
        self.derive()

    def certificate_verify(self, private_key: Any, scheme: SignatureScheme) -> CertificateVerify:
        """A signature over the transcript so far (RFC 5246 7.4.8)."""
        return CertificateVerify(scheme, self.crypto.sign(private_key, scheme, self.transcript.messages))

    # -- secrets and Finished -----------------------------------------------------------------------------

    def derive(self, *, extended: bool | None = None) -> None:
        """Make the master secret from the premaster secret, and the keys; at any time after the ClientKeyExchange.

        The ServerHello decides whether that is the extended master secret (RFC 7627), unless `extended` is given.
        """
        if self.premaster is None:
            raise UsageError("derive() needs a premaster secret: from respond(), accept(), or set by hand")
        prf_hash = self.suite.prf_hash
        if extended is None:
            extended = self._answer().find(ExtendedMasterSecret) is not None
        prf = self.crypto.make_prf(prf_hash, self.premaster)
        if extended:
            self.resume(key_schedule.extended_master_secret(prf, self._follower.exchanged.digest(prf_hash)))
        else:
            self.resume(key_schedule.master_secret(prf, self._offer().random, self._answer().random))

    def resume(self, master_secret: bytes) -> None:
        """Make the keys from the master secret of a session and both randoms."""
        self.master_secret = master_secret
        prf = self.crypto.make_prf(self.suite.prf_hash, master_secret)
        self.use_keys(key_schedule.key_block(self.suite, prf, self._offer().random, self._answer().random))

    def verify_data(self, sender: EndName) -> bytes:
        """What the Finished of `sender` must contain, over the transcript so far (RFC 5246 7.4.9)."""
        if self.master_secret is None:
            raise UsageError("there is no master secret yet: derive() or resume() makes one")
        prf_hash = self.suite.prf_hash
        prf = self.crypto.make_prf(prf_hash, self.master_secret)
        return key_schedule.verify_data(prf, ConnectionEnd(sender), self.transcript.digest(prf_hash))

    def finished(self) -> Finished:
        """Our honest Finished over the transcript so far."""
        return Finished(self.verify_data(self.role))

    def finish(self) -> None:
        """ChangeCipherSpec, our new keys, and our Finished."""
        self.change_cipher_spec()
        self.send(self.finished())
