"""Settings for the whole test run. Standing here, it also puts tests/ on the path, for `import pki`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tls12", deadline=None)  # machines are noisy; a test that hangs is found by other means
settings.load_profile("tls12")
