"""A scripted end: a peer without a state machine, which says what a test tells it to (`Scripted`)."""

from __future__ import annotations

from tls12.lab.script import Script


class Scripted(Script):
    """A `lab.Script` with the verbs that `talk` uses.

    Its `send` takes messages, in any order; `send_data` sends application data.
    """

    def start(self) -> None:
        """Do nothing: a script begins when the test says so."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self.receive_data(data)

    def take(self) -> bytes:
        """Give the bytes that are for the peer."""
        return self.data_to_send()
