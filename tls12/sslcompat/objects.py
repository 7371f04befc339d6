"""`SSLObject`: TLS over two `ssl.MemoryBIO`, for programs that do the I/O themselves (asyncio, anyio, trio, urllib3).

How it works: it is CPython's class over an `Engine` (`engine.py`), with what an application can ask ours in addition.
"""

from __future__ import annotations

import ssl

from tls12.sslcompat.facts import Facts


class SSLObject(Facts, ssl.SSLObject):
    """A connection over two buffers; `SSLContext.wrap_bio` makes it. It has all methods of `ssl.SSLObject`."""
