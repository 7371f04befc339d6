"""Counts forks. A connection belongs to one process; after a fork another has a copy, and must not send with it."""

from __future__ import annotations

import os


class Forks:
    """A fork raises `count` by one, in the parent and in the child."""

    count = 0

    @classmethod
    def add(cls) -> None:
        """The process was forked, or was made by a fork."""
        cls.count += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=Forks.add, after_in_child=Forks.add)
