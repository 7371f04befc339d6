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


def test_install_and_uninstall_in_a_process_of_its_own() -> None:
    program = (
        "import ssl; before = ssl.SSLContext\n"
        "from tls12 import sslcompat; sslcompat.install(); sslcompat.install()\n"
        "context = ssl.create_default_context()\n"
        "assert type(context) is sslcompat.SSLContext and isinstance(context, before), type(context)\n"
        "context.options |= ssl.OP_NO_TICKET; context.verify_flags |= ssl.VERIFY_X509_STRICT\n"
        "context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2\n"
        "assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname\n"
        "sslcompat.uninstall(); assert ssl.SSLContext is before and type(ssl.create_default_context()) is before\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
