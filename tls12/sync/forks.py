"""How often this process was forked: a connection belongs to one process, and a fork makes a second one that has it."""

from __future__ import annotations

import os


class Forks:
    """The count, of forks that this process made and of those that made it."""

    count = 0

    @classmethod
    def add(cls) -> None:
        """The process was forked, or was made by a fork."""
        cls.count += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=Forks.add, after_in_child=Forks.add)
