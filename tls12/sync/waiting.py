"""How threads of a stream wait: for a lock, or for the network until a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from tls12.driver import TimeBound


def holding(lock: threading.Lock, wait: bool, act: Callable[[], object]) -> bool:
    """Call `act` while holding the lock; False if another thread holds it and this one may not `wait`."""
    got: list[bool] = []
    try:
        got.extend(map(lock.acquire, (wait,)))  # one step: no signal handler runs before the result is stored
        if got[0]:
            act()
        return got[0]
    finally:
        if True in got:
            lock.release()


@contextlib.contextmanager
def deadline(sock: socket.socket, bound: TimeBound | None) -> Iterator[Callable[[], None]]:
    """Bound the sum of all waits inside. Call the function that it yields before each wait.

    Raises TimeoutError: the bound's own when its time is up, the socket's when one wait was too long. A non-blocking
    socket is left as it is.
    """
    each = sock.gettimeout()
    if bound is None or each == 0.0:
        yield lambda: None
        return
    end = time.monotonic() + bound.seconds

    def next_wait() -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise bound.error()
        sock.settimeout(left if each is None else min(left, each))

    try:
        yield next_wait
    except TimeoutError:
        next_wait()  # raises the bound's own error, if its time is up
        raise
    finally:
        sock.settimeout(each)
