"""Client and server are one enum, whose members are their words."""

from __future__ import annotations

import pickle

import pytest

from tls12.registry import ConnectionEnd


@pytest.mark.parametrize("end", ConnectionEnd)
def test_an_end_is_its_word_wherever_a_word_is_used(end: ConnectionEnd) -> None:
    assert end == end.value
    assert f"the {end}" == f"the {end.value}"
    assert {end.value: 1}[end] == 1
    assert pickle.loads(pickle.dumps(end)) is ConnectionEnd(end.value) is end


def test_each_end_has_the_other() -> None:
    assert ConnectionEnd.CLIENT.other is ConnectionEnd.SERVER
    assert ConnectionEnd.SERVER.other is ConnectionEnd.CLIENT
