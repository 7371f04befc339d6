"""poplib: a mailbox over implicit TLS, and the same over STLS."""

import poplib
import ssl
import sys

implicit, starttls, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
client = poplib.POP3_SSL("localhost", int(implicit), context=context, timeout=20)
client.user("user")
client.pass_("password")
count, size = client.stat()
assert count >= 1
assert len(client.retr(1)[1]) > 1
client.quit()

client = poplib.POP3("localhost", int(starttls), timeout=20)
client.stls(context)
client.user("user")
client.pass_("password")
assert client.stat() == (count, size)
client.quit()
