"""`import tls12.sslcompat as ssl`, and `install()`: what programs find under the names of `ssl`."""

from __future__ import annotations

import ssl
import subprocess
import sys

from tls12 import sslcompat


def test_the_module_has_every_name_of_ssl() -> None:
    assert [name for name in dir(ssl) if not name.startswith("__") and not hasattr(sslcompat, name)] == []
    assert issubclass(sslcompat.SSLContext, ssl.SSLContext)


def test_the_functions_of_the_module_make_contexts_of_ours() -> None:
    context = sslcompat.create_default_context()
    assert type(context) is sslcompat.SSLContext
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert type(sslcompat._create_unverified_context(purpose=ssl.Purpose.CLIENT_AUTH)) is sslcompat.SSLContext
    assert type(ssl.create_default_context()) is ssl.SSLContext
    assert not sslcompat.HAS_TLSv1_3
    assert sslcompat.SSLError is ssl.SSLError


PROGRAM = """
import asyncio, ssl, types, sys
from ssl import SSLContext as taken
library = types.ModuleType("library")
library.SSLContext = taken
sys.modules["library"] = library
before, old = ssl.SSLContext, ssl.create_default_context()

from tls12 import sslcompat
sslcompat.install()
sslcompat.install()
context = ssl.create_default_context()
assert isinstance(context, sslcompat.SSLContext) and isinstance(context, before), type(context)
assert isinstance(library.SSLContext(ssl.PROTOCOL_TLS_CLIENT), sslcompat.SSLContext)
assert isinstance(old, ssl.SSLContext) and not isinstance(old, sslcompat.SSLContext)
for each in (context, old, library.SSLContext(ssl.PROTOCOL_TLS_SERVER)):
    each.options |= ssl.OP_NO_TICKET
    each.verify_flags |= ssl.VERIFY_X509_STRICT
    each.minimum_version = each.maximum_version = ssl.TLSVersion.TLSv1_2
    each.check_hostname, each.verify_mode = False, ssl.CERT_OPTIONAL
    each.hostname_checks_common_name = False
    each._msg_callback = print
    assert each.options & ssl.OP_NO_TICKET and each._msg_callback is print
    assert each.verify_mode is ssl.CERT_OPTIONAL and each.maximum_version is ssl.TLSVersion.TLSv1_2

sslcompat.uninstall()
assert ssl.SSLContext is before is library.SSLContext and ssl.HAS_TLSv1_3
assert type(ssl.create_default_context()) is before
old.options |= ssl.OP_ALL
"""


def test_install_and_uninstall_in_a_process_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=30)
