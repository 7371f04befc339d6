"""Settings for the whole test run."""

from __future__ import annotations

import os

from hypothesis import settings

# Machines are noisy, so no deadline: a test that hangs is found by other means. The same examples in every run, so that
# a failure is one that the change made; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("tls12", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tls12"))
