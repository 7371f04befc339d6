"""Staples and SCTs between our ends and the openssl program, whose own code reads and checks what we send."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from tests import pki
from tests.ends import directory, our_client, our_server
from tests.interop.openssl_program import s_client, s_server
from tests.interop.programs import connected, drive, part
from tests.staples import ocsp_response, sct, with_scts
from tls12 import Credential


def file_of(name: str, data: bytes) -> str:
    path = Path(directory()) / name
    path.write_bytes(data)
    return str(path)


def seen_by_openssl(credential: Credential, *options: str) -> str:
    """What s_client prints about a handshake with our server."""
    ours = our_server(credentials=(credential,))
    with s_client(*options) as (program, sock):
        drive(ours, sock, lambda: ours.completed)
        assert ours.completed, ours.error
        program.wait_for(rb"Extended master secret")
        part(ours, sock)
        return program.finish()


@pytest.mark.parametrize("status", ["GOOD", "REVOKED"])
def test_our_client_has_the_very_bytes_that_s_server_staples(status: str) -> None:
    issued = pki.server()
    staple = ocsp_response(issued, ocsp.OCSPCertStatus[status])
    ours = our_client()
    with (
        s_server("-status_file", file_of(f"{status}.der", staple), credential=issued) as (_, port),
        connected(port) as sock,
    ):
        drive(ours, sock, lambda: ours.completed)
        part(ours, sock)
    assert ours.negotiated.ocsp_response == staple
    assert ocsp.load_der_ocsp_response(staple).certificate_status.name == status


def test_our_client_goes_on_where_s_server_has_nothing_to_staple() -> None:
    ours = our_client()
    with s_server() as (_, port), connected(port) as sock:
        drive(ours, sock, lambda: ours.completed)
        part(ours, sock)
    assert ours.negotiated.ocsp_response is None


def test_s_client_reads_the_staple_of_our_server() -> None:
    issued = pki.server()
    credential = Credential.from_objects(
        issued.certificates, issued.private_key, ocsp_response=ocsp_response(issued, ocsp.OCSPCertStatus.REVOKED)
    )
    output = seen_by_openssl(credential, "-status")
    assert "OCSP Response Status: successful (0x0)" in output
    assert "Cert Status: revoked" in output
    (serial,) = re.findall(r"Serial Number: ([0-9A-F]+)", output.partition("OCSP Response Data")[2])[:1]
    assert int(serial, 16) == issued.leaf.serial_number


def test_s_client_is_told_when_our_server_has_no_staple() -> None:
    issued = pki.server()
    output = seen_by_openssl(Credential.from_objects(issued.certificates, issued.private_key), "-status")
    assert "OCSP response: no response sent" in output


def test_s_client_finds_the_scts_of_all_three_routes_where_our_server_put_them() -> None:
    issued = with_scts(sct(1))
    credential = Credential.from_objects(
        issued.certificates,
        issued.private_key,
        ocsp_response=ocsp_response(issued, scts=(sct(2),)),
        scts=(sct(3), sct(4)),
    )
    output = seen_by_openssl(credential, "-ct", "-ctlogfile", file_of("logs.cnf", b"enabled_logs =\n"))
    for number in (1, 2, 3, 4):
        assert ":".join([f"{number:02X}"] * 16) in output


def test_our_client_finds_the_scts_of_all_three_routes_where_s_server_put_them() -> None:
    issued = with_scts(sct(1))
    staple = file_of("with-scts.der", ocsp_response(issued, scts=(sct(2),)))
    ours = our_client()
    with (
        s_server("-status_file", staple, "-serverinfo", serverinfo(sct(3)), credential=issued) as (_, port),
        connected(port) as sock,
    ):
        drive(ours, sock, lambda: ours.completed)
        assert ours.completed, ours.error
        part(ours, sock)
    agreed = ours.negotiated
    assert (agreed.embedded_scts, agreed.stapled_scts, agreed.scts) == ((sct(1),), (sct(2),), (sct(3),))


def serverinfo(*scts: bytes) -> str:
    """A file that makes s_server answer signed_certificate_timestamp (18) with these."""
    items = b"".join(len(one).to_bytes(2, "big") + one for one in scts)
    body = len(items).to_bytes(2, "big") + items
    extension = b"\0\x12" + len(body).to_bytes(2, "big") + body
    text = base64.encodebytes(extension).decode()
    return file_of(
        "serverinfo.pem", f"-----BEGIN SERVERINFO FOR CT-----\n{text}-----END SERVERINFO FOR CT-----\n".encode()
    )
