"""twisted: its TLS is pyOpenSSL's, which speaks to OpenSSL without Python's ssl."""

import sys

from twisted.internet import defer, endpoints, ssl, task
from twisted.internet.protocol import Protocol, connectionDone

port, ca = sys.argv[1:]


class Get(Protocol):
    def __init__(self):
        self.received, self.done = b"", defer.Deferred()

    def connectionMade(self):
        self.transport.write(b"GET / HTTP/1.0\r\n\r\n")

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason=connectionDone):
        self.done.callback(self.received)


async def main(reactor):
    with open(ca) as file:
        options = ssl.optionsForClientTLS("localhost", ssl.Certificate.loadPEM(file.read()))
    endpoint = endpoints.wrapClientTLS(options, endpoints.HostnameEndpoint(reactor, "localhost", int(port)))
    protocol = await endpoints.connectProtocol(endpoint, Get())
    assert b" 200 OK" in await protocol.done


task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
