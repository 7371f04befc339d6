"""What every Python that a program under `tls12 run` starts imports first: its TLS becomes this library's, too.

How it works: `tls12 run` puts this folder into PYTHONPATH and its settings into TLS12_RUN, which other processes
inherit (`multiprocessing` with spawn, workers of servers, `subprocess`). Python imports a `sitecustomize` when it
starts; one that this hides is imported after it. A Python that cannot import tls12 says so on standard error and goes
on with CPython's ssl, and so do, without a word, those that ignore PYTHONPATH (`python -I`, `python -E`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def _install() -> None:
    if importlib.util.find_spec("tls12") is None:
        sys.path.append(str(_HERE.parents[2]))
    from tls12 import sslcompat
    from tls12.cli.options import POLICIES

    settings = json.loads(os.environ["TLS12_RUN"])
    policy = settings["policy"]
    sslcompat.install(keylog=settings["keylog"], policy=None if policy is None else POLICIES[policy]())


if "TLS12_RUN" in os.environ:
    try:
        _install()
    except ImportError as error:
        print(f"tls12 run: {sys.executable} keeps CPython's ssl, for it cannot import tls12: {error}", file=sys.stderr)
    sys.path[:] = [folder for folder in sys.path if folder != str(_HERE)]
    this = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError:
        sys.modules["sitecustomize"] = this
