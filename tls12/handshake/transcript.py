"""The handshake messages so far, as every signature and Finished covers them (RFC 5246 7.4.8, 7.4.9).

How it works: every handshake message is appended as it went over the wire, header included, without record
headers, ChangeCipherSpec, alerts and HelloRequest. It is needed in two forms:

* Finished and the session hash of RFC 7627 need the hash of the PRF. That is known only once the ServerHello has
  chosen the suite, so the bytes are kept first, and `start` begins a running hash.
* CertificateVerify signs the bytes themselves, under whatever hash the scheme names. They are kept until
  `forget_messages` says that none can follow.
"""

from __future__ import annotations

import hashlib

from tls12.errors import UsageError


class Transcript:
    """Handshake messages in order, to be hashed or read as a whole."""

    __slots__ = ("_hash", "_messages")

    def __init__(self) -> None:
        self._messages: bytearray | None = bytearray()
        self._hash: hashlib._Hash | None = None

    def append(self, message: bytes) -> None:
        """Add one handshake message, with its 4-byte header."""
        if self._messages is not None:
            self._messages += message
        if self._hash is not None:
            self._hash.update(message)

    def start(self, hash_name: str) -> None:
        """Begin the running hash with `hash_name`, the PRF's hash.

        Raises UsageError once messages are forgotten.
        """
        self._hash = hashlib.new(hash_name, self.messages)

    def digest(self, hash_name: str = "") -> bytes:
        """The hash of everything so far: the running hash, which is cheap, unless `hash_name` names another.

        Raises UsageError for another one once messages are forgotten, and without a name before `start`.
        """
        running = self._hash
        if running is not None and (not hash_name or running.name == hash_name):
            return running.digest()
        if not hash_name:
            raise UsageError("this transcript has no running hash; name a hash, or call start() before")
        return hashlib.new(hash_name, self.messages).digest()

    @property
    def messages(self) -> bytes:
        """Everything so far, as CertificateVerify signs it. Raises UsageError once messages are forgotten."""
        if self._messages is None:
            raise UsageError("the handshake messages were forgotten: no CertificateVerify was to follow")
        return bytes(self._messages)

    def forget_messages(self) -> None:
        """Keep the running hash only: no CertificateVerify can follow. Raises UsageError before `start`."""
        if self._hash is None:
            raise UsageError("this transcript has no running hash; call start() before forget_messages()")
        self._messages = None

    def copy(self) -> Transcript:
        """An independent transcript with the same past."""
        twin = Transcript()
        twin._messages = None if self._messages is None else self._messages[:]
        twin._hash = None if self._hash is None else self._hash.copy()
        return twin
