"""werkzeug's server, which is the one of `flask run`, with threads."""

import sys

from werkzeug.serving import run_simple
from wsgi import application

port, chain, key = sys.argv[1:]
run_simple("127.0.0.1", int(port), application, ssl_context=(chain, key), threaded=True)
