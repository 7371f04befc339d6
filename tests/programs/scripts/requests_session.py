"""requests: a session, streaming, an upload, a certificate of the client, verify=False, and the SSLError."""

import sys
import warnings

import requests

port, ca, chain, key = sys.argv[1:]
url = f"https://localhost:{port}"
with requests.Session() as session:
    session.verify = ca
    session.cert = (chain, key)
    with session.get(f"{url}/large", stream=True, timeout=20) as answer:
        answer.raise_for_status()
        assert sum(map(len, answer.iter_content(10_000))) == 1 << 20
    session.put(f"{url}/upload/requests", data=iter([b"z" * 50_000] * 4), timeout=20).raise_for_status()
    assert session.get(f"{url}/who", timeout=20).text.endswith("CN=client one\n")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    assert requests.get(url, verify=False, timeout=20).status_code == 200
try:
    requests.get(url, timeout=20)
except requests.exceptions.SSLError as error:
    assert "CERTIFICATE_VERIFY_FAILED" in str(error), error
else:
    raise AssertionError("a server under an unknown root was accepted")
