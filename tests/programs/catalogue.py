"""The programs: one row for each, which is a test for each way to run it and a row of docs/programs.md.

How it works: words in braces of a command line come from the service that a client talks to or, for a server, from the
ports and certificates that it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.programs import visitors
from tests.programs.versions import STANDARD, version
from tests.programs.visitors import Visitor

WEB = (visitors.port_scan, visitors.curl, visitors.wget)
OPENSSL = "openssl"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What both roles have."""

    name: str
    package: str = STANDARD
    """The distribution that has the version; STANDARD is what comes with the interpreter."""
    command: str
    against: tuple[str, ...]
    """The programs at the other end."""
    exercised: str

    @property
    def other_end(self) -> str:
        """The programs at the other end with their versions."""
        return ", ".join(f"{name} {version(name)}" for name in self.against)


@dataclass(frozen=True, kw_only=True)
class Client(Row):
    """A program that connects to a service."""

    service: str
    after: str = ""
    """The command line of a client that must have run before this one, the same way."""
    untouched: str = ""
    """Why its TLS is not that of Python's ssl, so that `tls12 run` changes nothing for it."""

    role = "client"


@dataclass(frozen=True, kw_only=True)
class Server(Row):
    """A program that others visit."""

    visitors: tuple[Visitor, ...] = WEB
    against: tuple[str, ...] = ("curl", "wget")
    ports: tuple[str, ...] = ("port",)

    role = "server"


TWINE = "-m twine upload --non-interactive --repository-url https://localhost:{port}/ --cert {ca} -u u -p p {wheel}"

CLIENTS = (
    Client(
        name="http.client", command="http_client.py {port} {ca} {client_chain} {client_key}",
        service="nginx", against=("nginx",),
        exercised="keep-alive, 1 MiB, an upload, a client certificate, a refused address",
    ),
    Client(
        name="urllib.request", command="urllib_request.py {port} {ca}",
        service="nginx", against=("nginx",),
        exercised="urlopen, an opener, an upload, URLError for an unknown root",
    ),
    Client(
        name="urllib3", package="urllib3", command="urllib3_pool.py {port} {ca} {client_chain} {client_key}",
        service="nginx", against=("nginx",),
        exercised="four threads, a client certificate, assert_fingerprint, get_server_certificate, SSLError",
    ),
    Client(
        name="requests", package="requests", command="requests_session.py {port} {ca} {client_chain} {client_key}",
        service="nginx", against=("nginx",),
        exercised="a session, streaming, a chunked upload, a client certificate, verify=False, SSLError",
    ),
    Client(
        name="httpx", package="httpx", command="httpx_client.py {port} {ca} {client_chain} {client_key}",
        service="nginx", against=("nginx",),
        exercised="HTTP/1.1, HTTP/2 by ALPN under asyncio, a client certificate, ConnectError",
    ),
    Client(
        name="aiohttp", package="aiohttp", command="aiohttp_client.py {port} {ca} {client_chain} {client_key}",
        service="nginx", against=("nginx",),
        exercised="eight requests at once, an upload, a client certificate, peercert, its certificate error",
    ),
    Client(
        name="tornado", package="tornado", command="tornado_client.py {port} {ca} {client_chain} {client_key}",
        service="nginx", against=("nginx",),
        exercised="non-blocking sockets of its own, an upload, a client certificate, SSLCertVerificationError",
    ),
    Client(
        name="asyncio.open_connection", command="asyncio_streams_client.py {port} {ca}",
        service="nginx", against=("nginx",),
        exercised="1 MiB, get_extra_info, a refused name",
    ),
    Client(
        name="anyio", package="anyio", command="anyio_client.py {port} {ca}",
        service="nginx", against=("nginx",),
        exercised="connect_tcp(tls=True), 1 MiB, its TLSAttribute",
    ),
    Client(
        name="trio", package="trio", command="trio_client.py {port} {ca}",
        service="nginx", against=("nginx",),
        exercised="SSLStream, 1 MiB, a refused name",
    ),
    Client(
        name="gevent", package="gevent", command="gevent_client.py {port} {ca}",
        service="nginx", against=("nginx",),
        exercised="monkey.patch_all(), requests on five greenlets",
    ),
    Client(
        name="StreamWriter.start_tls", command="asyncio_start_tls_client.py {starttls} {ca}",
        service="aiosmtpd", against=("aiosmtpd", "ssl"),
        exercised="the upgrade after STARTTLS",
    ),
    Client(
        name="smtplib", command="smtplib_client.py {implicit} {starttls} {ca}",
        service="aiosmtpd", against=("aiosmtpd", "ssl"),
        exercised="a message over implicit TLS and over STARTTLS, a refused certificate",
    ),
    Client(
        name="imaplib", command="imaplib_client.py {imaps} {imap} {ca}",
        service="dovecot", against=("dovecot",),
        exercised="a mailbox over implicit TLS and over STARTTLS",
    ),
    Client(
        name="poplib", command="poplib_client.py {pop3s} {pop3} {ca}",
        service="dovecot", against=("dovecot",),
        after="imaplib_client.py {imaps} {imap} {ca}",
        exercised="a mailbox over implicit TLS and over STLS",
    ),
    Client(
        name="ftplib.FTP_TLS", command="ftplib_client.py {port} {ca}",
        service="vsftpd", against=("vsftpd",),
        exercised="a listing, a download, an upload; each data connection resumes the session (require_ssl_reuse=YES)",
    ),
    Client(
        name="xmlrpc.client", command="xmlrpc_client.py {port} {ca}",
        service="xmlrpc", against=("ssl",),
        exercised="calls over one kept connection",
    ),
    Client(
        name="websockets", package="websockets", command="websockets_client.py {port} {ca}",
        service="websockets", against=("websockets", "ssl"),
        exercised="echoed messages up to 300 kB, blocking and under asyncio",
    ),
    Client(
        name="websocket-client", package="websocket-client", command="websocket_client.py {port} {ca}",
        service="websockets", against=("websockets", "ssl"),
        exercised="echoed messages up to 300 kB",
    ),
    Client(
        name="pg8000", package="pg8000", command="pg8000_client.py {port} {ca}",
        service="postgres", against=("postgres",),
        exercised="SCRAM-SHA-256-PLUS with tls-server-end-point, values of 1 MB",
    ),
    Client(
        name="asyncpg", package="asyncpg", command="asyncpg_client.py {port} {ca}",
        service="postgres", against=("postgres",),
        exercised="a pool, values of 1 MB; SCRAM-SHA-256, as asyncpg has no channel binding",
    ),
    Client(
        name="PyMySQL", package="PyMySQL", command="pymysql_client.py {port} {ca}",
        service="mariadb", against=("mariadb",),
        exercised="the upgrade inside MySQL's protocol, values of 1 MB",
    ),
    Client(
        name="MySQL Connector", package="mysql-connector-python", command="mysql_connector_client.py {port} {ca}",
        service="mariadb", against=("mariadb",),
        exercised="use_pure=True: the upgrade inside MySQL's protocol, a value of 1 MB",
    ),
    Client(
        name="redis-py", package="redis", command="redis_client.py {port} {ca} {client_chain} {client_key}",
        service="redis", against=("redis-server",),
        exercised="a required client certificate, 1 MiB, a pipeline of 1,000, publish and subscribe, asyncio",
    ),
    Client(
        name="pymemcache", package="pymemcache", command="pymemcache_client.py {port} {ca}",
        service="memcached", against=("memcached",),
        exercised="values up to 900 kB, a pool over four threads",
    ),
    Client(
        name="slixmpp", package="slixmpp", command="slixmpp_client.py {port} {ca}",
        service="prosody", against=("prosody",),
        exercised="STARTTLS of XMPP, a login, a message of 100 kB to itself",
    ),
    Client(
        name="paho-mqtt", package="paho-mqtt", command="paho_client.py {port} {ca} {client_chain} {client_key}",
        service="mosquitto", against=("mosquitto",),
        exercised="a required client certificate, publish and subscribe with quality of service 1",
    ),
    Client(
        name="ldap3", package="ldap3", command="ldap3_client.py {implicit} {starttls} {ca}",
        service="slapd", against=("slapd",),
        exercised="a search over ldaps and over StartTLS (Debian's slapd speaks by GnuTLS)",
    ),
    Client(
        name="twine", package="twine", command=TWINE,
        service="package_index", against=("ssl",),
        exercised="an upload",
    ),
    Client(
        name="pip", package="pip",
        command="-m pip --isolated --cert {ca} download --no-deps --no-cache-dir --disable-pip-version-check "
        "--index-url https://localhost:{port}/simple/ -d {folder} sample",
        service="package_index", against=("ssl",), after=TWINE,
        exercised="a download from an index",
    ),
    Client(
        name="twisted", package="Twisted", command="twisted_client.py {port} {ca}",
        service="nginx", against=("nginx",), untouched="twisted's TLS is pyOpenSSL's, on the OpenSSL of cryptography",
        exercised="wrapClientTLS, a request",
    ),
    Client(
        name="psycopg", package="psycopg", command="psycopg_client.py {port} {ca}",
        service="postgres", against=("postgres",), untouched="libpq speaks TLS in C, with an OpenSSL of its own",
        exercised="channel_binding=require",
    ),
)  # fmt: skip

SERVERS = (
    Server(
        name="http.server", command="http_server.py {port} {chain} {key}",
        exercised="a wrapped listener: a port scan, keep-alive, 1 MiB, an upload",
    ),
    Server(
        name="http.server.ThreadingHTTPServer", command="http_server_threading.py {port} {chain} {key} {files}",
        visitors=(visitors.port_scan, visitors.curl_files, visitors.wget),
        exercised="a wrapped listener without do_handshake_on_connect: a port scan, a file of 1 MiB",
    ),
    Server(
        name="socketserver.ThreadingTCPServer", command="socketserver_threading.py {port} {chain} {key}",
        visitors=(visitors.port_scan, visitors.s_client), against=(OPENSSL,),
        exercised="a thread for each connection: a port scan, echoed lines on three connections at once",
    ),
    Server(
        name="socketserver.ForkingTCPServer", command="socketserver_forking.py {port} {chain} {key}",
        visitors=(visitors.port_scan, visitors.s_client), against=(OPENSSL,),
        exercised="a process for each connection: a port scan, echoed lines on three connections at once",
    ),
    Server(
        name="asyncio.start_server", command="asyncio_streams_server.py {port} {chain} {key}",
        visitors=(visitors.port_scan, visitors.s_client), against=(OPENSSL,),
        exercised="a port scan, echoed lines on three connections at once",
    ),
    Server(
        name="StreamWriter.start_tls", command="asyncio_start_tls_server.py {starttls} {chain} {key}",
        visitors=(visitors.s_client_smtp, visitors.curl_smtp), ports=("starttls",), against=(OPENSSL, "curl"),
        exercised="the upgrade after STARTTLS, a message",
    ),
    Server(
        name="aiohttp", package="aiohttp", command="aiohttp_server.py {port} {chain} {key}",
        exercised="a port scan, keep-alive, 1 MiB, an upload; request.secure and scheme",
    ),
    Server(
        name="uvicorn", package="uvicorn",
        command="-m uvicorn asgi:application --port {port} --ssl-certfile {chain} --ssl-keyfile {key} --no-access-log",
        exercised="a port scan, keep-alive, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="hypercorn", package="hypercorn",
        command="-m hypercorn -b 127.0.0.1:{port} --certfile {chain} --keyfile {key} asgi:application",
        visitors=(*WEB, visitors.curl_http2),
        exercised="a spawned worker: a port scan, HTTP/1.1 and HTTP/2 by ALPN, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="gunicorn", package="gunicorn",
        command="-m gunicorn --no-control-socket -b 127.0.0.1:{port} --certfile {chain} --keyfile {key} "
        "wsgi:application",
        exercised="forked workers: a port scan, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="gunicorn, threads", package="gunicorn",
        command="-m gunicorn --no-control-socket -k gthread --threads 4 -b 127.0.0.1:{port} --certfile {chain} "
        "--keyfile {key} wsgi:application",
        exercised="forked workers with threads: a port scan, keep-alive, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="cheroot", package="cheroot", command="cheroot_server.py {port} {chain} {key}",
        exercised="CherryPy's server: a port scan, keep-alive, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="werkzeug", package="Werkzeug", command="werkzeug_server.py {port} {chain} {key}",
        exercised="the server of flask run, with threads: a port scan, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="sanic", package="sanic", command="sanic_server.py {port} {chain} {key}",
        exercised="a spawned worker: a port scan, keep-alive, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="tornado", package="tornado", command="tornado_server.py {port} {chain} {key}",
        exercised="non-blocking sockets of its own: a port scan, keep-alive, 1 MiB, an upload; the scheme",
    ),
    Server(
        name="aiosmtpd", package="aiosmtpd", command="aiosmtpd_server.py {implicit} {starttls} {chain} {key}",
        visitors=(visitors.smtplib, visitors.s_client_smtp, visitors.curl_smtp, visitors.curl_smtps),
        ports=("implicit", "starttls"), against=("ssl", OPENSSL, "curl"),
        exercised="messages over implicit TLS and over STARTTLS",
    ),
    Server(
        name="websockets", package="websockets", command="websockets_server.py {port} {chain} {key}",
        visitors=(visitors.port_scan, visitors.websockets), against=("websockets", "ssl"),
        exercised="a port scan, echoed messages up to 300 kB",
    ),
)  # fmt: skip

ROWS: tuple[Client | Server, ...] = (*CLIENTS, *SERVERS)
