from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls12.errors import UsageError
from tls12.handshake.transcript import Transcript

MESSAGES = st.lists(st.binary(max_size=50), max_size=6)


def transcript_of(messages: list[bytes]) -> Transcript:
    transcript = Transcript()
    for message in messages:
        transcript.append(message)
    return transcript


@given(MESSAGES, MESSAGES)
def test_the_hash_is_the_same_wherever_hashing_along_began(before: list[bytes], after: list[bytes]) -> None:
    whole = b"".join(before + after)
    transcript = transcript_of(before)
    transcript.start("sha384")
    for message in after:
        transcript.append(message)
    assert transcript.messages == whole
    assert transcript.digest() == transcript.digest("sha384") == hashlib.sha384(whole).digest()
    assert transcript.digest("sha256") == hashlib.sha256(whole).digest()


def test_a_digest_does_not_end_the_transcript() -> None:
    transcript = transcript_of([b"one"])
    transcript.start("sha256")
    assert transcript.digest("sha256") == hashlib.sha256(b"one").digest()
    transcript.append(b"two")
    assert transcript.digest("sha256") == hashlib.sha256(b"onetwo").digest()


def test_before_the_suite_is_known_any_hash_can_be_asked_for() -> None:
    transcript = transcript_of([b"hello"])
    assert transcript.digest("sha256") == hashlib.sha256(b"hello").digest()


def test_before_the_suite_is_known_the_hash_must_be_named() -> None:
    with pytest.raises(UsageError, match="name a hash"):
        transcript_of([b"hello"]).digest()


def test_forgetting_the_messages_keeps_the_running_hash_only() -> None:
    transcript = transcript_of([b"one"])
    transcript.start("sha256")
    transcript.forget_messages()
    transcript.append(b"two")
    assert transcript.digest("sha256") == hashlib.sha256(b"onetwo").digest()
    with pytest.raises(UsageError, match="forgotten"):
        transcript.messages  # noqa: B018
    with pytest.raises(UsageError, match="forgotten"):
        transcript.digest("sha384")
    with pytest.raises(UsageError, match="forgotten"):
        transcript.start("sha384")


def test_a_transcript_without_a_running_hash_refuses_to_forget() -> None:
    with pytest.raises(UsageError, match="call start"):
        transcript_of([b"one"]).forget_messages()


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("forgetful", [False, True])
def test_a_copy_goes_its_own_way(started: bool, forgetful: bool) -> None:
    transcript = transcript_of([b"one"])
    if started or forgetful:
        transcript.start("sha256")
    if forgetful:
        transcript.forget_messages()
    twin = transcript.copy()
    twin.append(b"two")
    assert transcript.digest("sha256") == hashlib.sha256(b"one").digest()
    assert twin.digest("sha256") == hashlib.sha256(b"onetwo").digest()
    if not forgetful:
        assert (transcript.messages, twin.messages) == (b"one", b"onetwo")
