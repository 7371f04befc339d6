"""The other end of xmlrpc_client.py."""

import ssl
import sys
import xmlrpc.server

port, chain, key = sys.argv[1:]


class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    protocol_version = "HTTP/1.1"


server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", int(port)), Handler, logRequests=False)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.register_function(lambda value: value + value, "double")
server.serve_forever()
