"""imaplib: a mailbox over implicit TLS, and the same over STARTTLS."""

import imaplib
import ssl
import sys

implicit, starttls, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
text = b"Subject: from imaplib\r\n\r\n" + b"a line of text\r\n" * 10_000
with imaplib.IMAP4_SSL("localhost", int(implicit), ssl_context=context, timeout=20) as client:
    client.login("user", "password")
    assert client.append("INBOX", None, None, text)[0] == "OK"

with imaplib.IMAP4("localhost", int(starttls), timeout=20) as client:
    client.starttls(context)
    client.login("user", "password")
    _, (count,) = client.select("INBOX")
    kind, data = client.fetch(count.decode(), "(RFC822)")
    assert kind == "OK"
    assert data[0][1] == text
