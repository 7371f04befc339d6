"""The helpers that every test leans on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests import pki


def test_what_is_made_once_is_made_once_for_threads_that_ask_at_the_same_time() -> None:
    made: list[object] = []
    together = Barrier(4)

    @pki.once
    def thing() -> object:
        with ThreadPoolExecutor(1) as other:  # gives the other threads time to ask
            other.submit(lambda: None).result()
        made.append(object())
        return made[-1]

    def ask() -> object:
        together.wait(10)
        return thing()

    with ThreadPoolExecutor(4) as threads:
        answers = [answer.result() for answer in [threads.submit(ask) for _ in range(4)]]
    assert len(made) == 1
    assert set(map(id, answers)) == {id(made[0])}
