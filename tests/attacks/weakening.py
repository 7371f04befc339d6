"""How the tests of this directory are built: each attack fails against the library and succeeds without its defence.

How it works: an attack is a function that really attacks and tells whether it got what it wanted. `assert_defended`
runs it against the library as it is, where it must fail, and then with the defence taken out, where it must succeed:
otherwise the test could not fail, and would prove nothing. Where two defences stand behind each other (the guard and
the story of the handshake, most often), either alone must be enough.

Taking a defence out means to replace one function or table of the library for a moment (`removed`), or to let one more
row pass the guard of the handshake (`allowed`). What stands in its place is what a careless library would have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest import mock

from tls12.handshake.grammar import Conversation, Row
from tls12.record_layer import reader, writer
from tls12.record_layer.states import ReadState, WriteState
from tls12.registry import ConnectionEnd

Attack = Callable[[], bool]
Defence = Callable[[], AbstractContextManager[object]]


def removed(target: Any, name: str, replacement: Any) -> Defence:
    """The library with `target.name` replaced, until the context ends."""
    return lambda: mock.patch.object(target, name, replacement)


def allowed(extra: Row) -> Defence:
    """The library with a guard that admits this row as well, whatever its own say."""
    honest = Conversation.admit

    def admit(self: Conversation, sender: ConnectionEnd, kind: int) -> Row:
        asked = (self.state, sender, kind) == (extra.at, extra.sender, extra.message)
        return extra if asked else honest(self, sender, kind)

    return removed(Conversation, "admit", admit)


def together(*defences: Defence) -> Defence:
    """Several replacements that are one defence."""

    @contextmanager
    def all_of_them() -> Iterator[None]:
        with ExitStack() as stack:
            for defence in defences:
                stack.enter_context(defence())
            yield

    return all_of_them


WITHOUT_SHORTCUTS = together(removed(reader, "read_state", ReadState), removed(writer, "write_state", WriteState))
"""The library with every record sealed and opened by its cipher, which is no weaker, and where one can be replaced."""


def assert_defended(attack: Attack, *defences: Defence) -> None:
    """The attack fails with all defences, and with any one of several missing; it succeeds without them."""
    assert not attack(), "the attack succeeds against the library as it is"
    for number, defence in enumerate(defences, 1):
        if len(defences) > 1:
            with defence():
                assert not attack(), f"without defence {number} the others should have been enough"
    with ExitStack() as stack:
        for defence in defences:
            stack.enter_context(defence())
        assert attack(), "the attack fails even without the defence: this test could not fail"
