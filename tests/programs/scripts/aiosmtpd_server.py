"""aiosmtpd: implicit TLS on one port, STARTTLS on another."""

import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

implicit, starttls, chain, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
Controller(Sink(), "127.0.0.1", int(starttls), tls_context=context, require_starttls=True).start()
Controller(Sink(), "127.0.0.1", int(implicit), ssl_context=context).start()
signal.pause()
