"""CPython's own tests that do not pass with tls12 in the place of `ssl`, by module and by reason."""

from __future__ import annotations

NOT_PASSING: dict[str, dict[str, tuple[str, ...]]] = {
    "test_ssl": {
        "it is about TLS 1.3, which is not spoken (HAS_TLSv1_3 is False)": (
            "BasicSocketTests.test_constants",
            "TestPostHandshakeAuth.test_bpo37428_pha_cert_none",
            "TestPostHandshakeAuth.test_certificate_chain",
            "TestPostHandshakeAuth.test_internal_chain_client",
            "TestPostHandshakeAuth.test_internal_chain_server",
            "TestPostHandshakeAuth.test_pha_no_pha_client",
            "TestPostHandshakeAuth.test_pha_no_pha_server",
            "TestPostHandshakeAuth.test_pha_not_tls13",
            "TestPostHandshakeAuth.test_pha_optional",
            "TestPostHandshakeAuth.test_pha_optional_nocert",
            "TestPostHandshakeAuth.test_pha_required",
            "TestPostHandshakeAuth.test_pha_required_nocert",
            "TestPostHandshakeAuth.test_pha_setter",
            "ThreadedTests.test_psk_tls1_3",
            "ThreadedTests.test_tls1_3",
            "ThreadedTests.test_version_basic",
            "ThreadedTests.test_wrong_cert_tls13",
        ),
        "it counts the lines of a key log of TLS 1.3": ("TestSSLDebug.test_keylog_filename",),
        "certificate revocation lists are not read, and a context that asks for them is refused": (
            "ThreadedTests.test_crl_check",
        ),
        "OpenSSL adds certificates of a directory to get_ca_certs() once a chain has needed them": (
            "SimpleBackgroundTests.test_get_ca_certs_capath",
        ),
        "a client that checks names needs one, over buffers too; CPython only warns": (
            "SSLErrorTests.test_bad_server_hostname",
            "SSLObjectTests.test_check_hostname_requires_server_hostname",
        ),
        "a client does not know what it shares with the server; CPython 3.11.2 says its own ciphers": (
            "SimpleBackgroundTests.test_bio_handshake",
        ),
    },
    "test_asyncio.test_sslproto": {
        "a client that checks names needs one, over buffers too; CPython only warns": (
            "SslProtoHandshakeTests.test_check_hostname_requires_server_hostname",
        ),
    },
    "test_httplib": {
        "it is about TLS 1.3, which is not spoken (HAS_TLSv1_3 is False)": ("HTTPSTest.test_tls13_pha",),
    },
}

VARYING = frozenset(
    {
        "SSLErrorTests.test_bad_server_hostname",
        "SimpleBackgroundTests.test_bio_handshake",
    }
)
"""Those of them that ask for something else in other versions of CPython, and pass there."""
