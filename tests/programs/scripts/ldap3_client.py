"""ldap3: a search over ldaps, and the same over StartTLS."""

import ssl
import sys

import ldap3

implicit, starttls, ca = sys.argv[1:]
tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca)
for port, upgraded in ((implicit, False), (starttls, True)):
    server = ldap3.Server("localhost", int(port), use_ssl=not upgraded, tls=tls, connect_timeout=20)
    connection = ldap3.Connection(server, "cn=admin,dc=test", "password", receive_timeout=20)
    if upgraded:
        connection.open()
        assert connection.start_tls()
    assert connection.bind()
    assert connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["namingContexts"])
    assert connection.entries[0].namingContexts == "dc=test"
    connection.unbind()
