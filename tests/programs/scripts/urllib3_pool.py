"""urllib3: a pool over several threads, retries switched off, assert_fingerprint, a refused certificate."""

import concurrent.futures
import hashlib
import ssl
import sys

import urllib3

port, ca, chain, key = sys.argv[1:]
with urllib3.PoolManager(ca_certs=ca, cert_file=chain, key_file=key, maxsize=4, retries=False, timeout=20) as pool:

    def fetch(number: int) -> int:
        return len(pool.request("GET", f"https://localhost:{port}/large?{number}").data)

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(fetch, range(12))) == [1 << 20] * 12
    assert pool.request("GET", f"https://localhost:{port}/who").data.endswith(b"CN=client one\n")

leaf = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("localhost", int(port)), ca_certs=ca))
fingerprint = hashlib.sha256(leaf).hexdigest()
with urllib3.HTTPSConnectionPool("localhost", int(port), assert_fingerprint=fingerprint, ca_certs=ca) as pool:
    assert pool.request("GET", "/").status == 200

try:
    urllib3.request("GET", f"https://localhost:{port}/", retries=False)
except urllib3.exceptions.SSLError as error:
    assert "certificate verify failed" in str(error), error
else:
    raise AssertionError("a server under an unknown root was accepted")
