"""cheroot (CherryPy's server) with its `builtin` adapter."""

import sys

from cheroot import wsgi as cheroot_wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from wsgi import application

port, chain, key = sys.argv[1:]
server = cheroot_wsgi.Server(("127.0.0.1", int(port)), application)
server.ssl_adapter = BuiltinSSLAdapter(chain, key)
server.start()
