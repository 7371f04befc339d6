"""smtplib: a message over implicit TLS, one over STARTTLS, and the error for a server that is not trusted."""

import smtplib
import ssl
import sys

implicit, starttls, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
message = "Subject: from smtplib\r\n\r\n" + "a line of text\r\n" * 10_000
with smtplib.SMTP_SSL("localhost", int(implicit), context=context, timeout=20) as client:
    assert client.sendmail("one@client.test", ["two@server.test"], message) == {}
with smtplib.SMTP("localhost", int(starttls), timeout=20) as client:
    client.starttls(context=context)
    assert client.sendmail("one@client.test", ["two@server.test"], message) == {}
with smtplib.SMTP("localhost", int(starttls), timeout=20) as client:
    try:
        client.starttls(context=ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        assert error.reason == "CERTIFICATE_VERIFY_FAILED", error
    else:
        raise AssertionError("a server under an unknown root was accepted")
