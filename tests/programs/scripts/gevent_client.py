"""gevent: requests on five greenlets, over the sockets and contexts that gevent puts into the standard library."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

import gevent  # noqa: E402
import requests  # noqa: E402

port, ca = sys.argv[1:]


def fetch(number: int) -> int:
    return len(requests.get(f"https://localhost:{port}/large?{number}", verify=ca, timeout=20).content)


jobs = [gevent.spawn(fetch, number) for number in range(5)]
gevent.joinall(jobs, raise_error=True)
assert [job.value for job in jobs] == [1 << 20] * 5
