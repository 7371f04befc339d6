"""For research: what misbehaves on purpose, and what looks inside. The layers below never import it.

`tls12.lab.strategies` needs hypothesis (the extra `lab`) and is imported by its name only.
"""

from __future__ import annotations

from tls12.lab.capture import Flow, read_capture
from tls12.lab.null_crypto import NullCrypto
from tls12.lab.observer import Observer
from tls12.lab.pki import ThrowawayCA
from tls12.lab.policies import LabPolicy, policy
from tls12.lab.script import Script

__all__ = ["Flow", "LabPolicy", "NullCrypto", "Observer", "Script", "ThrowawayCA", "policy", "read_capture"]
