"""Many connections, one after the other, each with a handshake of its own: what the process holds does not grow."""

import gc
import os
import resource
import socket
import ssl
import sys

port, ca, count = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)


def connect(number: int) -> None:
    for _ in range(number):
        with (
            socket.create_connection(("127.0.0.1", int(port)), timeout=20) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as stream,
        ):
            stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert stream.recv(10)
    gc.collect()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


connect(200)
before, largest = descriptors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
connect(int(count))
assert descriptors() == before, (descriptors(), before)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - largest
assert grown < 8 * 1024, f"{grown} KiB"
