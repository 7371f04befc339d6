"""`python -m tls12`: the same as the command `tls12`."""

from __future__ import annotations

import sys

from tls12.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
