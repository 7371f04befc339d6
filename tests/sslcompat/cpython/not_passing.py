"""CPython's own tests that do not pass with tls12 in the place of `ssl`, by module and by reason."""

from __future__ import annotations

NOT_PASSING: dict[str, dict[str, tuple[str, ...]]] = {}
