"""Servers of others for the clients of the catalogue, each started once, when it is first needed.

How it works: a function of `SERVICES` starts one server in a folder of its own and yields the words that the command
line of a client may have in braces: ports, and the certificates that all share. A test that runs as root starts them as
`nobody`, since PostgreSQL refuses root and others give up root by themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests import peers, pki
from tests.ends.loopback import free_port
from tests.interop.programs import Program
from tests.programs.running import PLAIN, await_listener, environment, served

LARGE = b"l" * (1 << 20)
"""A mebibyte: what the servers offer as `large`."""

Words = Mapping[str, str]


def certificates() -> dict[str, str]:
    """Files that every program gets: the root, and the certificates of `localhost` and of a client, with their keys."""
    folder = _folder()
    root = folder / "root.pem"
    root.write_bytes(pki.trusted_pem())
    chain, key = pki.server("rsa-2048", "localhost", "127.0.0.1").write(folder, "server")
    client_chain, client_key = pki.client().write(folder, "client")
    for path in (root, chain, key, client_chain, client_key):
        _give_away(path)
    return {
        "ca": str(root), "chain": str(chain), "key": str(key),
        "client_chain": str(client_chain), "client_key": str(client_key), "folder": str(folder),
    }  # fmt: skip


class Services:
    """The servers that run now."""

    def __init__(self) -> None:
        self._running: dict[str, Words] = {}
        self._ends = ExitStack()

    def words(self, name: str) -> Words:
        """Start this one, if it does not run, and tell what a client needs to know."""
        if name not in self._running:
            self._running[name] = self._ends.enter_context(SERVICES[name]())
        return self._running[name]

    def close(self) -> None:
        """End all."""
        self._ends.close()


@contextmanager
def nginx() -> Iterator[Words]:
    """HTTP/1.1 and HTTP/2, a large file, uploads, and the name in the client's certificate."""
    words, port = certificates(), free_port()
    folder = Path(words["folder"])
    (folder / "large").write_bytes(LARGE)
    (folder / "index.html").write_text("hello\n")
    configuration = _write(folder / "nginx.conf", f"""
        daemon off; pid {folder}/pid; worker_processes 1; error_log stderr;
        events {{}}
        http {{
          access_log off; client_max_body_size 10m;
          client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
          uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
          server {{
            listen 127.0.0.1:{port} ssl http2; listen 127.0.0.2:{port} ssl;
            ssl_certificate {words["chain"]}; ssl_certificate_key {words["key"]};
            ssl_client_certificate {words["ca"]}; ssl_verify_client optional; ssl_verify_depth 3;
            root {folder};
            location /upload/ {{ dav_methods PUT; create_full_put_path on; }}
            location = /who {{ return 200 "$ssl_client_s_dn\\n"; }}
          }}
        }}
        """)  # fmt: skip
    with _running(words, "nginx", "-p", str(folder), "-c", configuration, "-e", "stderr", port=port):
        yield words | {"port": str(port)}


@contextmanager
def redis() -> Iterator[Words]:
    """Redis, which wants a certificate of the client."""
    words, port = certificates(), free_port()
    with _running(
        words, "redis-server", "--port", "0", "--save", "", "--tls-port", str(port), "--bind", "127.0.0.1",
        "--tls-cert-file", words["chain"], "--tls-key-file", words["key"], "--tls-ca-cert-file", words["ca"],
        port=port,
    ):  # fmt: skip
        yield words | {"port": str(port)}


@contextmanager
def mosquitto() -> Iterator[Words]:
    """A broker of MQTT, which wants a certificate of the client."""
    words, port = certificates(), free_port()
    configuration = _write(Path(words["folder"]) / "mosquitto.conf", f"""
        listener {port} 127.0.0.1
        cafile {words["ca"]}
        certfile {words["chain"]}
        keyfile {words["key"]}
        require_certificate true
        allow_anonymous true
        """)  # fmt: skip
    with _running(words, "mosquitto", "-c", configuration, port=port):
        yield words | {"port": str(port)}


@contextmanager
def vsftpd() -> Iterator[Words]:
    """FTP whose data connections must resume the session of their control connection."""
    words, port = certificates(), free_port()
    folder = Path(words["folder"])
    files = folder / "files"
    (files / "incoming").mkdir(parents=True)
    (files / "large").write_bytes(LARGE)
    (folder / "empty").mkdir()
    for path in (files, files / "incoming", files / "large", folder / "empty"):
        _give_away(path)
    files.chmod(0o555)
    configuration = _write(folder / "vsftpd.conf", f"""
        background=NO
        listen=YES
        listen_address=127.0.0.1
        listen_port={port}
        run_as_launching_user=YES
        secure_chroot_dir={folder}/empty
        seccomp_sandbox=NO
        isolate=NO
        isolate_network=NO
        anonymous_enable=YES
        anon_root={files}
        no_anon_password=YES
        write_enable=YES
        anon_upload_enable=YES
        anon_other_write_enable=YES
        anon_umask=022
        ssl_enable=YES
        allow_anon_ssl=YES
        force_anon_logins_ssl=YES
        force_anon_data_ssl=YES
        require_ssl_reuse=YES
        rsa_cert_file={words["chain"]}
        rsa_private_key_file={words["key"]}
        ssl_ciphers=HIGH
        """)  # fmt: skip
    with _running(words, "vsftpd", configuration, port=port):
        yield words | {"port": str(port)}


@contextmanager
def dovecot() -> Iterator[Words]:
    """IMAP and POP3, over implicit TLS and after STARTTLS."""
    words = certificates()
    folder = Path(words["folder"])
    ports = {name: str(free_port()) for name in ("imap", "imaps", "pop3", "pop3s")}
    user, group = _owner_names()
    listeners = "".join(
        f"service {kind}-login {{\n chroot =\n"
        f" inet_listener {kind} {{\n address = 127.0.0.1\n port = {ports[kind]}\n }}\n"
        f" inet_listener {kind}s {{\n address = 127.0.0.1\n port = {ports[kind + 's']}\n ssl = yes\n }}\n}}\n"
        for kind in ("imap", "pop3")
    )
    configuration = _write(folder / "dovecot.conf", f"""
        base_dir = {folder}/run
        state_dir = {folder}/state
        log_path = /dev/stderr
        protocols = imap pop3
        default_internal_user = {user}
        default_internal_group = {group}
        default_login_user = {user}
        first_valid_uid = 1
        mail_location = maildir:{folder}/mail
        ssl = required
        ssl_cert = <{words["chain"]}
        ssl_key = <{words["key"]}
        passdb {{
          driver = static
          args = password=password
        }}
        userdb {{
          driver = static
          args = uid={user} gid={group} home={folder}
        }}
        service anvil {{
          chroot =
        }}
        service stats {{
          chroot =
        }}
        """ + listeners)  # fmt: skip
    with _running(words, "dovecot", "-F", "-c", configuration, port=int(ports["imap"])):
        yield words | ports


@contextmanager
def postgres() -> Iterator[Words]:
    """PostgreSQL, which offers SCRAM-SHA-256-PLUS and refuses connections without TLS."""
    words, port = certificates(), free_port()
    folder = Path(words["folder"])
    data = folder / "data"
    password = _write(folder / "password", "password\n")
    _call(
        "initdb",
        "-D",
        str(data),
        "-U",
        "user",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--no-sync",
        "-E",
        "UTF8",
    )
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    options = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "ssl": "on", "fsync": "off",
        "ssl_cert_file": words["chain"], "ssl_key_file": words["key"],
    }  # fmt: skip
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with _running(words, "postgres", "-D", str(data), *settings, port=port) as program:
        program.wait_for(b"ready to accept connections")
        yield words | {"port": str(port)}


@contextmanager
def mariadb() -> Iterator[Words]:
    """MariaDB, which demands the upgrade to TLS."""
    words, port = certificates(), free_port()
    folder = Path(words["folder"])
    start = _write(folder / "start.sql", "CREATE USER user@'%' IDENTIFIED BY 'password';\n")
    data = f"--datadir={folder}/data"
    _call("mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db")
    with _running(
        words, "mariadbd", "--no-defaults", data, f"--port={port}", "--bind-address=127.0.0.1",
        f"--socket={folder}/socket", f"--init-file={start}", "--require-secure-transport=ON", f"--ssl-ca={words['ca']}",
        f"--ssl-cert={words['chain']}", f"--ssl-key={words['key']}", "--innodb-flush-log-at-trx-commit=0",
        port=port,
    ) as program:  # fmt: skip
        program.wait_for(b"ready for connections")
        yield words | {"port": str(port)}


@contextmanager
def slapd() -> Iterator[Words]:
    """OpenLDAP, whose TLS is GnuTLS in Debian."""
    words = certificates()
    folder = Path(words["folder"])
    implicit, starttls = free_port(), free_port()
    (folder / "database").mkdir()
    _give_away(folder / "database")
    configuration = _write(folder / "slapd.conf", f"""
        modulepath /usr/lib/ldap
        moduleload back_mdb
        include /etc/ldap/schema/core.schema
        pidfile {folder}/pid
        TLSCACertificateFile {words["ca"]}
        TLSCertificateFile {words["chain"]}
        TLSCertificateKeyFile {words["key"]}
        database mdb
        suffix dc=test
        rootdn cn=admin,dc=test
        rootpw password
        directory {folder}/database
        """)  # fmt: skip
    addresses = f"ldaps://127.0.0.1:{implicit} ldap://127.0.0.1:{starttls}"
    with _running(words, "slapd", "-d", "0", "-f", configuration, "-h", addresses, port=implicit):
        yield words | {"implicit": str(implicit), "starttls": str(starttls)}


@contextmanager
def memcached() -> Iterator[Words]:
    """memcached behind TLS."""
    words, port = certificates(), free_port()
    options = f"ssl_chain_cert={words['chain']},ssl_key={words['key']}"
    with _running(words, "memcached", "-Z", "-o", options, "-l", "127.0.0.1", "-p", str(port), "-U", "0", port=port):
        yield words | {"port": str(port)}


@contextmanager
def prosody() -> Iterator[Words]:
    """An XMPP server with one account, which demands STARTTLS."""
    words, port = certificates(), free_port()
    folder = Path(words["folder"])
    accounts = folder / "data" / "localhost" / "accounts"
    accounts.mkdir(parents=True)
    for path in (folder / "data", folder / "data" / "localhost", accounts):
        _give_away(path)
    _write(accounts / "user.dat", 'return { ["password"] = "password" };')
    configuration = _write(folder / "prosody.cfg.lua", f"""
        pidfile = "{folder}/pid"
        data_path = "{folder}/data"
        log = {{ info = "*console" }}
        modules_enabled = {{ "roster", "saslauth", "tls", "disco" }}
        modules_disabled = {{ "s2s" }}
        authentication = "internal_plain"
        c2s_require_encryption = true
        c2s_ports = {{ {port} }}
        c2s_interfaces = {{ "127.0.0.1" }}
        ssl = {{ certificate = "{words["chain"]}"; key = "{words["key"]}" }}
        VirtualHost "localhost"
        """)  # fmt: skip
    with _running(words, "prosody", "-F", "--config", configuration, port=port):
        yield words | {"port": str(port)}


@contextmanager
def aiosmtpd() -> Iterator[Words]:
    """aiosmtpd with the plain interpreter: implicit TLS and STARTTLS."""
    words, implicit, starttls = certificates(), free_port(), free_port()
    command = ["aiosmtpd_server.py", str(implicit), str(starttls), words["chain"], words["key"]]
    with served(PLAIN, command, implicit, starttls):
        yield words | {"implicit": str(implicit), "starttls": str(starttls)}


@contextmanager
def websockets() -> Iterator[Words]:
    """The server of websockets with the plain interpreter."""
    with _plain("websockets_server.py") as words:
        yield words


@contextmanager
def xmlrpc() -> Iterator[Words]:
    """The server of xmlrpc with the plain interpreter."""
    with _plain("../ends/xmlrpc_server.py") as words:
        yield words


@contextmanager
def package_index() -> Iterator[Words]:
    """An index that takes what twine uploads and gives it to pip, with the plain interpreter."""
    with tempfile.TemporaryDirectory() as folder, _plain("../ends/package_index.py", folder) as words:
        yield words


SERVICES: Mapping[str, Callable[[], AbstractContextManager[Words]]] = {
    start.__name__: start
    for start in (
        nginx, redis, memcached, mosquitto, prosody, vsftpd, dovecot, postgres, mariadb, slapd, aiosmtpd, websockets,
        xmlrpc, package_index,
    )
}  # fmt: skip


@contextmanager
def _plain(script: str, *more: str) -> Iterator[Words]:
    words, port = certificates(), free_port()
    with served(PLAIN, [script, str(port), words["chain"], words["key"], *more], port):
        yield words | {"port": str(port)}


@contextmanager
def _running(words: Words, name: str, *arguments: str, port: int) -> Iterator[Program]:
    program = Program(peers.program(name), *arguments, cwd=words["folder"], **_as_nobody())
    try:
        await_listener(port, program)
        yield program
    finally:
        program.stop()


def _call(*command: str) -> None:
    done = subprocess.run(
        [peers.program(command[0]), *command[1:]], cwd="/", env=environment(), capture_output=True, **_as_nobody()
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


def _folder() -> Path:
    """A folder of the user that servers run as, gone at the end."""
    folder = tempfile.TemporaryDirectory(prefix="tls12-", ignore_cleanup_errors=True)
    _FOLDERS.append(folder)
    _give_away(Path(folder.name))
    return Path(folder.name)


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def _write(path: Path, text: str) -> str:
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    _give_away(path)
    return str(path)


def _root() -> bool:
    return sys.platform != "win32" and os.getuid() == 0


def _owner_names() -> tuple[str, str]:
    import grp
    import pwd

    user = pwd.getpwnam("nobody") if _root() else pwd.getpwuid(os.getuid())
    return user.pw_name, grp.getgrgid(user.pw_gid).gr_name


def _give_away(path: Path) -> None:
    if _root():
        shutil.chown(path, *_owner_names())
    if path.name.endswith("key.pem"):
        path.chmod(0o600)


def _as_nobody() -> dict[str, Any]:
    if not _root():
        return {}
    user, group = _owner_names()
    return {"user": user, "group": group, "extra_groups": []}
