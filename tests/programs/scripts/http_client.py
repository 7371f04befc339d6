"""http.client: several requests on one connection, an upload, a client certificate, a server with another address."""

import http.client
import ssl
import sys

port, ca, chain, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
connection = http.client.HTTPSConnection("localhost", int(port), context=context, timeout=20)
connection.request("GET", "/large")
answer = connection.getresponse()
assert answer.status == 200, answer.status
assert len(answer.read()) == 1 << 20
connection.request("PUT", "/upload/http.client", body=b"x" * 300_000)
answer = connection.getresponse()
assert answer.status in (201, 204), answer.status
answer.read()
connection.close()

context.load_cert_chain(chain, key)
connection = http.client.HTTPSConnection("localhost", int(port), context=context, timeout=20)
connection.request("GET", "/who")
assert connection.getresponse().read().endswith(b"CN=client one\n")
connection.close()

try:
    http.client.HTTPSConnection("127.0.0.2", int(port), context=context, timeout=20).request("GET", "/")
except ssl.SSLCertVerificationError as error:
    assert error.verify_code == 64, error  # X509_V_ERR_IP_ADDRESS_MISMATCH
else:
    raise AssertionError("a certificate of another address was accepted")
