"""urllib.request: a default context, an opener, and the URLError for a server that is not trusted."""

import ssl
import sys
import urllib.error
import urllib.request

port, ca = sys.argv[1:]
url = f"https://localhost:{port}"
context = ssl.create_default_context(cafile=ca)
with urllib.request.urlopen(f"{url}/large", context=context, timeout=20) as answer:
    assert answer.status == 200
    assert len(answer.read()) == 1 << 20

opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
request = urllib.request.Request(f"{url}/upload/urllib", data=b"y" * 100_000, method="PUT")
with opener.open(request, timeout=20) as answer:
    assert answer.status in (201, 204), answer.status

try:
    urllib.request.urlopen(url, timeout=20)
except urllib.error.URLError as error:
    assert isinstance(error.reason, ssl.SSLCertVerificationError), error.reason
else:
    raise AssertionError("a server under an unknown root was accepted")
