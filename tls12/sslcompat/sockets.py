"""`SSLSocket`: TLS over a socket, which is a `socket.socket` itself.

How it works: it is CPython's class over an `Engine` (`engine.py`), with what an application can ask ours in addition.
"""

from __future__ import annotations

import ssl

from tls12.sslcompat.facts import Facts


class SSLSocket(Facts, ssl.SSLSocket):
    """A socket that speaks TLS; `SSLContext.wrap_socket` makes it. It has all methods of `ssl.SSLSocket`."""
