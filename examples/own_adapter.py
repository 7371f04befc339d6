"""An adapter of one's own: TLS for coroutines over `selectors`, on the same driver as `tls12.sync` and `tls12.asyncio`.

python examples/own_adapter.py HOST PORT [CA.pem]
"""

import contextlib
import selectors
import socket
import sys
import types
from collections.abc import Coroutine, Generator
from time import monotonic
from typing import Any

from tls12 import ClientConfig, TrustStore, X509Verifier
from tls12.connection import Connection
from tls12.driver import Answers, Driver, TimeBound, client_connection

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@types.coroutine
def ready(sock: socket.socket, events: int, until: float | None) -> Generator[tuple[Any, ...], bool, bool]:
    """Wait for the socket; False if the time was up first."""
    return (yield sock, events, until)


def run(task: Coroutine[Any, Any, None]) -> None:
    """An event loop for one task. Those of trio, curio and others do the same for many."""
    is_ready: bool | None = None
    with contextlib.suppress(StopIteration):
        while True:
            sock, events, until = task.send(is_ready)
            with selectors.DefaultSelector() as selector:
                selector.register(sock, events)
                is_ready = bool(selector.select(None if until is None else max(0.0, until - monotonic())))


class Stream:
    """TLS over a connected socket. The driver knows the protocol; here is the I/O."""

    def __init__(self, sock: socket.socket, connection: Connection, answers: Answers | None = None) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.driver = Driver(connection, answers, awaits=True)
        self.bound: TimeBound | None = None
        self.until: float | None = None

    async def handshake(self) -> None:
        self.driver.begin()
        while not self.driver.is_established:
            await self.go_on()

    async def read(self, at_most: int = 65536) -> bytes:
        """b"" at the peer's close_notify."""
        while (data := self.driver.read(at_most)) is None:
            await self.go_on()
        return data

    async def write(self, data: bytes) -> None:
        while self.driver.is_held_up(65536):
            await self.go_on()
        self.driver.send(data)
        await self.flush(None)

    async def close(self) -> None:
        """Send close_notify, or after a failure the alert, and give the peer time to close too."""
        self.driver.close()
        with self.sock, contextlib.suppress(OSError):  # the peer may have closed the connection already
            while (ending := self.driver.ending) is None:  # a renegotiation goes on
                await self.go_on()
            until = monotonic() + ending.seconds
            if not ending.is_abrupt:
                await self.flush(until)
                self.sock.shutdown(socket.SHUT_WR)
                while ending.awaits_peer and await ready(self.sock, READ, until) and self.sock.recv(65536):
                    pass

    async def go_on(self) -> None:
        """One round: write the output, then answer a question or read."""
        driver = self.driver
        await self.flush(None)
        driver.raise_failure()
        if driver.time_bound is not self.bound:
            self.bound = driver.time_bound
            self.until = monotonic() + self.bound.seconds if self.bound is not None else None
        if driver.question is not None:
            await driver.await_answer(driver.question)
        elif not await ready(self.sock, READ, self.until):
            driver.time_out()
        else:
            try:
                driver.receive(self.sock.recv(65536))
            except OSError as error:
                driver.lose(error)

    async def flush(self, until: float | None) -> None:
        try:
            while (output := self.driver.output) and await ready(self.sock, WRITE, until):
                self.driver.sent(self.sock.send(output[0]))
        except OSError:
            output.clear()  # the peer has closed the connection; the next read finds out why


async def fetch(host: str, port: int, config: ClientConfig) -> None:
    stream = Stream(socket.create_connection((host, port)), client_connection(config, host))
    try:
        await stream.handshake()
        await stream.write(b"GET / HTTP/1.0\r\nHost: " + host.encode() + b"\r\n\r\n")
        while data := await stream.read():
            print(data.decode("utf-8", "replace"), end="")
    finally:
        await stream.close()


if __name__ == "__main__":
    verifier = X509Verifier(TrustStore.from_pem_file(sys.argv[3])) if sys.argv[3:] else X509Verifier.from_system()
    run(fetch(sys.argv[1], int(sys.argv[2]), ClientConfig(verifier=verifier)))
