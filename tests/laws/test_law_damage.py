"""A conversation that is cut off or altered in a single bit fails, says why, and delivers nothing false.

The default run flips one bit of each byte, another one for each recording; the others are marked slow.
"""

from __future__ import annotations

import pytest

from tests.laws.oracle import check_failure
from tests.laws.recordings import NAMES, TO_CLIENT, TO_SERVER, Recording, recording, replay
from tls12 import TruncatedError

VERSION_MINOR = 2
"""The offset of the one byte that may differ: the version of the first record (RFC 5246 E.1)."""


def flip(recorded: Recording, offset: int, bit: int) -> None:
    """Replay with this bit flipped, and check what must follow."""
    altered = bytearray(recorded.incoming)
    altered[offset] ^= 1 << bit
    ours, sent = replay(recorded, bytes(altered))
    check_failure(ours, sent)
    assert b"".join(TO_CLIENT if recorded.name.endswith("client") else TO_SERVER).startswith(ours.data)
    if offset < recorded.handshake:
        assert not ours.completed


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_ends_in_a_failure(name: str) -> None:
    recorded = recording(name)
    for length in range(len(recorded.incoming)):
        ours, sent = replay(recorded, recorded.incoming[:length])
        check_failure(ours, sent)
        assert isinstance(ours.error, TruncatedError), f"cut after {length} bytes: {ours.error!r}"
        assert ours.completed is (length >= recorded.handshake)


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_of_any_byte_ends_in_a_failure(name: str) -> None:
    recorded = recording(name)
    for offset in range(len(recorded.incoming)):
        if offset != VERSION_MINOR:
            flip(recorded, offset, (offset + NAMES.index(name)) % 8)


@pytest.mark.slow
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("name", NAMES)
def test_every_flipped_bit_ends_in_a_failure(name: str, bit: int) -> None:
    recorded = recording(name)
    for offset in range(len(recorded.incoming)):
        if offset != VERSION_MINOR:
            flip(recorded, offset, bit)


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("name", NAMES)
def test_the_minor_version_of_the_first_record_may_be_anything(name: str, bit: int) -> None:
    recorded = recording(name)
    altered = bytearray(recorded.incoming)
    altered[VERSION_MINOR] ^= 1 << bit
    intact, _ = replay(recorded, recorded.incoming)
    ours, _ = replay(recorded, bytes(altered))
    assert ours.events == intact.events
