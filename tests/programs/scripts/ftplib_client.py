"""ftplib.FTP_TLS with the data connection on the session of the control connection, which the server requires."""

import ftplib
import io
import ssl
import sys

port, ca = sys.argv[1:]


class Client(ftplib.FTP_TLS):
    """FTP_TLS leaves the session to subclasses; this one is in every answer to that question."""

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
            assert conn.session_reused
        return conn, size


context = ssl.create_default_context(cafile=ca)
context.maximum_version = ssl.TLSVersion.TLSv1_2  # a session of TLS 1.3 is good for one connection only
client = Client(context=context, timeout=20)
client.connect("localhost", int(port))
client.login()
client.prot_p()
assert "large" in client.nlst()
fetched = io.BytesIO()
client.retrbinary("RETR large", fetched.write)
assert len(fetched.getvalue()) == 1 << 20
client.storbinary("STOR incoming/upload", io.BytesIO(b"f" * 300_000))
assert client.size("incoming/upload") == 300_000
client.delete("incoming/upload")
client.quit()
