"""One of our connections in the place of one side of a published conversation.

How it works: the other side's flows are fed to our connection as they were recorded; what ours answers must be what
was recorded, byte for byte. For that it draws what that side drew, and a CBC sealer draws what becomes the recorded
IVs. An `Observer` reads the recording along with it, with the key log that *our* connection writes: so every protected
record of both sides is opened, and both Finished are verified, with secrets that our own key exchange computed.

Two things are inputs of such a conversation and not computed. They are taken from the recording by the `rewrite`
hook, and everything after them follows from them:

* what a side chose to say: the ClientHello, the order of the extensions in a ServerHello, CertificateRequest,
  NewSessionTicket;
* what the backend randomises although `random` is fixed: the padding of an encrypted premaster secret, RSA-PSS and
  ECDSA signatures. A recorded signature must verify, over what *our* side would have signed.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, modes

from tests.ends import Ours
from tests.vectors_loader import Case
from tls12 import (
    AcceptAnyPeer,
    Alert,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    Credential,
    KeyLog,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    Session,
    TicketKeys,
    lab,
)
from tls12.crypto import key_schedule, signatures
from tls12.crypto.cbc import BLOCK_CIPHERS
from tls12.crypto.prf import make_prf
from tls12.crypto.suites import SUITES, Suite
from tls12.handshake.engine import Unit
from tls12.lab.observer import AlertSeen, ApplicationDataSeen, MessageSeen, Observer, Seen
from tls12.registry import ConnectionEnd, ContentType, HandshakeType
from tls12.wire.certificates import CertificateRequest, CertificateVerify
from tls12.wire.closing import ChangeCipherSpec, NewSessionTicket
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ServerNameAck,
    ServerNameList,
    SessionTicketAck,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ClientKeyExchange, EcdheParams, EncryptedPreMasterSecret, ServerKeyExchange
from tls12.wire.records import Record, split_records
from tls12.wire.writer import Writer

_CHOSEN = (ClientHello, ServerHello, CertificateRequest, NewSessionTicket)
"""Messages that say what their sender chose to say."""


class Recording:
    """A published conversation, and what is in the clear of it."""

    def __init__(self, case: Case) -> None:
        senders: tuple[ConnectionEnd, ConnectionEnd] = ("client", "server")
        self.flows = [(senders[i % 2], bytes.fromhex(flow)) for i, flow in enumerate(case["flows"])]
        """They alternate, and the client begins."""
        observer = Observer()
        for sender, data in self.flows:
            observer.feed(sender, data)
        self.seen = observer.events()

    def first(self, kind: type[Any]) -> Any:
        """The first message of this class, or None."""
        return next((m.message for m in self.seen if isinstance(m, MessageSeen) and isinstance(m.message, kind)), None)

    @property
    def suite(self) -> Suite | None:
        """What the server chose, if it came to that."""
        hello = self.first(ServerHello)
        return SUITES[hello.cipher_suite] if hello is not None else None

    def protected_records(self, role: ConnectionEnd) -> list[bytes]:
        """The bodies of what this side sent under its first keys."""
        records = [record for sender, data in self.flows if sender == role for record in split_records(data)]
        kinds = [record.type for record in records]
        return [record.fragment for record in records[kinds.index(ContentType.CHANGE_CIPHER_SPEC) + 1 :]]


class StandIn:
    """Ours in the place of `role`; `run` goes through the whole conversation and compares."""

    def __init__(
        self,
        case: Case,
        role: ConnectionEnd,
        draws: Iterable[bytes],
        *,
        credential: Credential | None = None,
        session: Session | None = None,
        renegotiation: Renegotiation = Renegotiation.WARN,
    ) -> None:
        self.recording = Recording(case)
        self.role: ConnectionEnd = role
        self.keylog = KeyLog()
        self.seen: list[Seen] = []
        """The whole recording, decrypted."""
        self.substituted: list[type[Unit]] = []
        """The messages that were taken from the recording because the backend randomises them."""
        self._credential = credential
        self._draws = iter(draws)
        self._ivs: Iterator[bytes] | None = None
        self._observer, self._replayed = Observer(self.keylog), Observer(self.keylog)
        self._said: list[Seen] = []
        self._records: deque[bytes] = deque()
        self._ahead: deque[Seen] = deque()
        self.ours = Ours(self._client(renegotiation) if role == "client" else self._server(session))
        """Our connection in the place of that side, and its events."""

    # -- our connection -----------------------------------------------------------------------------------

    def _client(self, renegotiation: Renegotiation) -> ClientConnection:
        hello, suite = self.recording.first(ClientHello), self.recording.suite
        assert suite is not None
        names, alpn = hello.find(ServerNameList), hello.find(ApplicationLayerProtocolNegotiation)
        config = ClientConfig(
            verifier=AcceptAnyPeer(),
            policy=lab.policy().replace(cipher_suites=(suite.suite,), renegotiation=renegotiation),
            alpn_protocols=tuple(name.decode() for name in alpn.protocol_name_list) if alpn else (),
            credentials=(self._credential,) if self._credential else (),
            keylog=self.keylog,
            random=self._random,
        )
        name = names.server_name_list[0].host_name.decode() if names else None
        return ClientConnection(config, name, rewrite=self._rewrite)

    def _server(self, session: Session | None) -> ServerConnection:
        hello, suite = self.recording.first(ServerHello), self.recording.suite
        policy = lab.policy()
        if suite is not None:
            share = self.recording.first(ServerKeyExchange)
            group = (share.params.group,) if share is not None and isinstance(share.params, EcdheParams) else ()
            policy = policy.replace(
                cipher_suites=(suite.suite,),
                groups=dict.fromkeys((*group, *policy.groups)),
                encrypt_then_mac=hello.find(EncryptThenMac) is not None,
            )
        alpn = hello.find(ApplicationLayerProtocolNegotiation) if hello is not None else None
        tickets = session is not None or (hello is not None and hello.find(SessionTicketAck) is not None)
        config = ServerConfig(
            policy=policy,
            credentials=(self._credential,) if self._credential else (),
            client_auth=ClientAuth.OPTIONAL if self.recording.first(CertificateRequest) else ClientAuth.NONE,
            verifier=AcceptAnyPeer(),
            # Without a ServerHello the recorded server knew none of the protocols offered.
            alpn_protocols=(alpn.protocol_name_list[0].decode(),) if alpn else () if hello else ("another",),
            ticket_keys=_OneTicket(session) if tickets else None,
            keylog=self.keylog,
            random=self._random,
        )
        return ServerConnection(config, rewrite=self._rewrite)

    def _random(self, size: int) -> bytes:
        drawn = next(self._draws if self._ivs is None else self._ivs)
        assert len(drawn) == size
        return drawn

    def _draws_of_ivs(self, suite: Suite) -> Iterator[bytes]:
        """What to draw so that the IVs come out as recorded: they go through the cipher, chained (crypto/cbc.py)."""
        hello, answer = self._observer.client_hello, self._observer.server_hello
        assert hello is not None
        assert answer is not None
        master = self.keylog.find(hello.random)
        assert master is not None
        keys = key_schedule.key_block(suite, make_prf(suite.prf_hash, master), hello.random, answer.random)
        mine = keys.client if self.role == "client" else keys.server
        decrypt = Cipher(BLOCK_CIPHERS[suite.cipher.name](mine.key), modes.ECB()).decryptor().update
        block = suite.cipher.block_length
        previous = bytes(block)
        for record in self.recording.protected_records(self.role):
            yield bytes(a ^ b for a, b in zip(decrypt(record[:block]), previous, strict=True))
            previous = record[-block:]
        yield from repeat(previous)  # after the end of the recording: an answer to its close_notify

    # -- the conversation ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Go through it; fails where ours says anything else than what was recorded."""
        if self.role == "client":
            self._load(self.recording.flows[0][1])
            self.ours.start()
        for i, (sender, data) in enumerate(self.recording.flows):
            if sender == self.role:
                self._answer(data)
            else:
                # What ours answers is compared while it is made, so the recorded answer must be at hand.
                answer = self.recording.flows[i + 1 : i + 2]
                self._load(answer[0][1] if answer else b"")
                self._receive(sender, data)

    def _load(self, flow: bytes) -> None:
        self._records.extend(map(_encoded, split_records(flow)))

    def _receive(self, sender: ConnectionEnd, data: bytes) -> None:
        # Record by record, because the secret for one is often computed from the record before it.
        for record in map(_encoded, split_records(data)):
            self._observer.feed(sender, record)
            self.seen += self._observer.events()
            self._replayed.feed(sender, record)
            self.ours.receive(record)
        assert self.ours.error is None or self.recording.suite is None, self.ours.error

    def _answer(self, recorded: bytes) -> None:
        """Our connection has sent what it sends by itself; ask it for all else that was recorded, and compare."""
        while (seen := self._next()) is not None:
            if isinstance(seen, MessageSeen):
                self._ahead.appendleft(seen)
                self.ours.connection.renegotiate()
            elif isinstance(seen, ApplicationDataSeen):
                self.ours.send(seen.data)
            elif isinstance(seen, AlertSeen) and seen.description == Alert.CLOSE_NOTIFY:
                self.ours.close()
        said = self.ours.take()
        self._replayed.feed(self.role, said)
        self._said += self._replayed.events()
        assert self._said == [seen for seen in self.seen if not self._goes_unanswered(seen)]
        if not any(map(self._goes_unanswered, self.seen)):
            assert said.hex() == recorded.hex()

    def _goes_unanswered(self, seen: Seen) -> bool:
        """A second HelloRequest: refused by Go, ignored by ours whose policy allows the first (RFC 5246 7.4.1.1)."""
        allowed = self.ours.connection.config.policy.renegotiation is Renegotiation.ALLOW
        return allowed and isinstance(seen, AlertSeen) and seen.description == Alert.NO_RENEGOTIATION

    def _next(self) -> Seen | None:
        """What our side says next in this flow of the recording; None at its end."""
        while not self._ahead:
            if not self._records:
                return None
            self._observer.feed(self.role, self._records.popleft())
            new = self._observer.events()
            self.seen += new
            self._ahead.extend(new)
        return self._ahead.popleft()

    # -- what ours says -----------------------------------------------------------------------------------

    def _rewrite(self, unit: Unit) -> list[Unit]:
        """Ours, which must be the recorded message; or the recorded one, where it is an input."""
        seen = self._next()
        assert isinstance(seen, MessageSeen)
        recorded = seen.message
        assert type(recorded) is type(unit)
        if isinstance(recorded, ChangeCipherSpec):
            suite = self.recording.suite
            self._ivs = self._draws_of_ivs(suite) if suite is not None and suite.is_cbc else None
        if isinstance(unit, ServerHello):
            self._check_answer(unit, recorded)
        if isinstance(unit, _CHOSEN):
            return [recorded]
        if unit == recorded:
            return [unit]
        self._check_substitute(unit, recorded, seen)
        self.substituted.append(type(unit))
        return [recorded]

    def _check_answer(self, unit: ServerHello, recorded: Any) -> None:
        """Our ServerHello is theirs but for the order of its extensions, and two that they leave out."""
        assert replace(unit, extensions=None) == replace(recorded, extensions=None)
        ours, theirs = unit.extensions or (), recorded.extensions or ()
        assert all(extension in ours for extension in theirs)
        more = [extension for extension in ours if extension not in theirs]
        assert all(isinstance(extension, ServerNameAck | ECPointFormats) for extension in more)

    def _check_substitute(self, unit: Any, recorded: Any, seen: MessageSeen) -> None:
        """Only the backend's randomness may make the difference, and a signature must hold all the same."""
        if isinstance(unit, ClientKeyExchange):
            assert isinstance(unit.exchange_keys, EncryptedPreMasterSecret)
            return
        if isinstance(unit, ServerKeyExchange):
            assert unit.params == recorded.params
            hello, answer = self._observer.client_hello, self._observer.server_hello
            assert hello is not None
            assert answer is not None
            signed, unit, recorded = (
                hello.random + answer.random + recorded.params_bytes(),
                unit.signature,
                recorded.signature,
            )
        else:
            assert isinstance(unit, CertificateVerify)
            signed = self._transcript_before(seen)
        assert unit.algorithm == recorded.algorithm
        assert str(unit.algorithm).startswith(("rsa_pss", "ecdsa"))
        assert self._credential is not None
        signatures.verify(self._credential.public_key, recorded.algorithm, recorded.signature, signed)

    def _transcript_before(self, message: MessageSeen) -> bytes:
        """The handshake messages from the latest ClientHello up to this one."""
        transcript = b""
        for seen in self.seen[: self.seen.index(message)]:
            if isinstance(seen, MessageSeen) and not isinstance(seen.message, ChangeCipherSpec):
                transcript = (b"" if seen.data[0] == HandshakeType.CLIENT_HELLO else transcript) + seen.data
        return transcript


def _encoded(record: Record) -> bytes:
    w = Writer("Record")
    record.write(w)
    return bytes(w.buffer)


class _OneTicket(TicketKeys):
    """Opens any ticket as this session: the recorded ones are sealed in a format of Go's own."""

    def __init__(self, session: Session | None) -> None:
        super().__init__(3600.0, time.time, os.urandom)
        self._session = session

    def open(self, ticket: bytes) -> bytes | None:
        return self._session.to_bytes() if self._session is not None else None

    def should_renew(self, ticket: bytes) -> bool:
        return True
