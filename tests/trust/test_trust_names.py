from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tls12.errors import UsageError
from tls12.trust.names import CertificateNames, is_ip_address, normalise_server_name, printable, subject_name

NORMALISED = {
    "example.com": "example.com",
    "Example.COM": "example.com",
    "example.com.": "example.com",
    "localhost": "localhost",
    "my_service": "my_service",
    "xn--bcher-kva.test": "xn--bcher-kva.test",
    "bücher.test": "xn--bcher-kva.test",
    "BÜCHER.Test.": "xn--bcher-kva.test",
    "example。com": "example.com",
    "host1": "host1",
    "1.2.3.4.in-addr.arpa": "1.2.3.4.in-addr.arpa",
    "127.0.0.1": "127.0.0.1",
    "::1": "::1",
    "2001:DB8:0:0::1": "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "a" * 63 + ".test": "a" * 63 + ".test",
}


@pytest.mark.parametrize(("name", "normal"), NORMALISED.items())
def test_a_server_name_is_brought_into_its_one_form(name: str, normal: str) -> None:
    assert normalise_server_name(name) == normal
    assert normalise_server_name(normal) == normal


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "a..b", ".example.com", "-a.test", "a-.test", "a b", "a\x00b", "exa\nmple.com", "example.com:443",
        "[::1]", "https://example.com", "*.example.com", "a" * 64 + ".test", "a." * 130 + "test", "1.2.3", "256.1.1.1",
        "127.1", "::1::", "é" * 70 + ".test", "user@example.com",
    ],
)  # fmt: skip
def test_what_cannot_be_a_server_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a server name"):
        normalise_server_name(name)


@pytest.mark.parametrize("name", ["straße.de", "ς.gr", "a\u200db.test", "a\u200cb.test", "GROẞ.de"])
def test_names_that_the_two_idna_standards_map_to_different_hosts_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"IDNA 2003 and 2008.*A-label"):
        normalise_server_name(name)


@pytest.mark.parametrize("name", [b"example.com", None, 5])
def test_a_server_name_that_is_no_str_is_refused(name: object) -> None:
    with pytest.raises(UsageError, match="is a str, not"):
        normalise_server_name(name)  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_normalising_gives_one_ascii_form_or_a_usage_error(name: str) -> None:
    try:
        normal = normalise_server_name(name)
    except UsageError:
        return
    assert normal.isascii()
    assert normal == normal.lower()
    assert normalise_server_name(normal) == normal


@given(st.ip_addresses())
def test_every_ip_address_is_told_from_a_host_name(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert is_ip_address(str(address))
    assert normalise_server_name(str(address)) == str(address).partition("%")[0]
    assert not is_ip_address(f"{address}.example.com".replace(":", "-"))


# --- names of certificates ------------------------------------------------------------------------------

NAMES = CertificateNames.of(pki.server().leaf)


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("server.test", True),
        ("one.wild.test", True),
        ("xn--bcher-kva.test", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("wild.test", False),
        ("a.b.wild.test", False),
        (".wild.test", False),
        ("other.test", False),
        ("test", False),
        ("127.0.0.2", False),
        ("", False),
    ],
)
def test_a_certificate_covers_its_names_and_one_label_under_its_wildcards(name: str, covered: bool) -> None:
    assert NAMES.cover(name) is covered


def test_no_dns_name_covers_an_ip_address() -> None:
    assert not CertificateNames(("*.0.0.1", "127.0.0.1"), ()).cover("127.0.0.1")


def test_the_common_name_is_no_name() -> None:
    names = CertificateNames.of(pki.no_san().leaf)
    assert not names
    assert not names.cover(pki.NAME)
    assert str(names) == "without a name"


def test_many_names_are_cut_short_in_an_error() -> None:
    names = CertificateNames(tuple(f"n{i}.test" for i in range(8)), ())
    assert str(names) == "n0.test, n1.test, n2.test, n3.test, n4.test, n5.test and 2 more"


def test_a_peer_cannot_put_control_characters_into_an_error_message() -> None:
    assert printable("a\x1b[31m\r\nb\u202e") == "a\\u001b[31m\\u000d\\u000ab\\u202e"
    assert len(printable("x" * 5_000)) == 200
    issued = pki.intermediate().issue("a.test", key=pki.key(), common_name="evil\x1b[2Jname")
    assert "\x1b" not in subject_name(issued.leaf)
    assert "evil" in subject_name(issued.leaf)


def test_a_certificate_without_a_subject_is_described_by_its_names() -> None:
    assert subject_name(pki.intermediate().issue("b.test", key=pki.key(), common_name="").leaf) == "b.test"


def test_a_certificate_that_says_nothing_at_all_is_still_described() -> None:
    assert subject_name(pki.intermediate().issue(key=pki.key(), common_name="").leaf) == "without a name"


def test_an_unreadable_subject_is_described_as_that() -> None:
    der = pki.server().chain_der[0].replace(pki.NAME.encode(), b"\xff" * len(pki.NAME))
    assert subject_name(x509.load_der_x509_certificate(der)) == "with an unreadable subject"
