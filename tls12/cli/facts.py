"""The facts that matter in each handshake message, in a certificate, and in what was negotiated.

How it works: one table from message class to a function that names the few things a reader wants to see.
Values are text, numbers, flags or tuples of text, so that every `Output` can show them; code points appear
under their IANA names. A message that the table does not know is described by its length alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tls12.cli.output import Details
from tls12.crypto.signatures import key_kind
from tls12.events import Negotiated
from tls12.trust.backend import load
from tls12.trust.verifier import spki_sha256
from tls12.wire import certificates, closing, extensions, hello, key_exchange
from tls12.wire.messages import RawMessage


def message_name(message: Any) -> str:
    """The message's name, as the RFCs write it."""
    return f"{message.msg_type}" if isinstance(message, RawMessage) else type(message).__name__


def message_facts(message: Any) -> Details:
    """The facts that matter in a handshake message or ChangeCipherSpec."""
    return _FACTS_OF.get(type(message), _nothing)(message)


def certificate_facts(der: bytes) -> Details:
    """Subject, issuer, key and validity of a certificate; a field that cannot be parsed is named as such."""
    try:
        certificate = load(der)
        return {
            "subject": _name(certificate.subject),
            "names": _alternative_names(certificate),
            "issuer": _name(certificate.issuer),
            "key": _key(certificate),
            "valid from": _day(certificate.not_valid_before_utc),
            "valid to": _day(certificate.not_valid_after_utc),
            "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
            "key sha256": spki_sha256(certificate).hex(),
        }
    except Exception:  # the backend's parser is lazy, and raises a dozen kinds
        return {"unreadable certificate": True, "bytes": len(der)}


def negotiated_facts(negotiated: Negotiated) -> Details:
    """What a connection agreed on, for people."""
    return {
        "version": str(negotiated.version),
        "cipher suite": str(negotiated.cipher_suite),
        "group": _text(negotiated.group),
        "signature": _text(negotiated.peer_signature_scheme),
        "our signature": _text(negotiated.signature_scheme),
        "server name": negotiated.server_name or "",
        "application protocol": negotiated.alpn_protocol or "",
        "resumed": negotiated.resumed,
        "extended master secret": negotiated.extended_master_secret,
        "encrypt then mac": negotiated.encrypt_then_mac,
        "secure renegotiation": negotiated.secure_renegotiation,
        "psk identity": _printable(negotiated.psk_identity or b""),
        "session id": negotiated.session_id.hex(),
        "record size limit": negotiated.record_size_limit,
        "stapled OCSP response": negotiated.ocsp_response is not None,
        "certificate timestamps": len(negotiated.scts),
    }


def _nothing(message: Any) -> Details:
    return {}


def _client_hello(message: hello.ClientHello) -> Details:
    name = message.find(extensions.ServerNameList)
    alpn = message.find(extensions.ApplicationLayerProtocolNegotiation)
    groups = message.find(extensions.SupportedGroups)
    schemes = message.find(extensions.SignatureAlgorithms)
    ticket = message.find(extensions.SessionTicket)
    return {
        "version": str(message.client_version),
        "name": tuple(_printable(entry.host_name) for entry in name.server_name_list) if name else (),
        "alpn": tuple(map(_printable, alpn.protocol_name_list)) if alpn else (),
        "suites": _texts(message.cipher_suites),
        "groups": _texts(groups.named_group_list) if groups else (),
        "schemes": _texts(schemes.supported_signature_algorithms) if schemes else (),
        "session": message.session_id.hex(),
        "ticket bytes": len(ticket.ticket) if ticket else 0,
        "extensions": _extensions(message.extensions),
    }


def _server_hello(message: hello.ServerHello) -> Details:
    alpn = message.find(extensions.ApplicationLayerProtocolNegotiation)
    return {
        "version": str(message.server_version),
        "suite": str(message.cipher_suite),
        "alpn": tuple(map(_printable, alpn.protocol_name_list)) if alpn else (),
        "session": message.session_id.hex(),
        "extensions": _extensions(message.extensions),
    }


def _certificate(message: certificates.Certificate) -> Details:
    chain = message.certificate_list
    if not chain:
        return {"no certificate": True}
    leaf = certificate_facts(chain[0])
    shown: Details = {name: leaf[name] for name in ("subject", "issuer", "key", "valid to") if name in leaf}
    return {"certificates": len(chain), **shown}


def _server_key_exchange(message: key_exchange.ServerKeyExchange) -> Details:
    facts: dict[str, object] = {}
    match message.params:
        case key_exchange.EcdheParams(group=group, public=public):
            facts = {"group": str(group), "share bytes": len(public)}
        case key_exchange.DheParams(dh_p=modulus):
            facts = {"group": "finite field", "bits": int.from_bytes(modulus).bit_length()}
    if message.signature is not None:
        facts["signed with"] = str(message.signature.algorithm)
    if message.psk_identity_hint:
        facts["identity hint"] = _printable(message.psk_identity_hint)
    return facts


def _client_key_exchange(message: key_exchange.ClientKeyExchange) -> Details:
    facts: dict[str, object] = {}
    match message.exchange_keys:
        case key_exchange.EcdhPublic(point):
            facts = {"share bytes": len(point)}
        case key_exchange.DhPublic(public):
            facts = {"share bytes": len(public)}
        case key_exchange.EncryptedPreMasterSecret(ciphertext):
            facts = {"encrypted premaster bytes": len(ciphertext)}
    if message.psk_identity is not None:
        facts["identity"] = _printable(message.psk_identity)
    return facts


def _certificate_request(message: certificates.CertificateRequest) -> Details:
    return {
        "types": _texts(message.certificate_types),
        "schemes": _texts(message.supported_signature_algorithms),
        "authorities": len(message.certificate_authorities),
    }


_FACTS_OF: dict[type, Callable[[Any], Details]] = {
    hello.ClientHello: _client_hello,
    hello.ServerHello: _server_hello,
    certificates.Certificate: _certificate,
    certificates.CertificateRequest: _certificate_request,
    certificates.CertificateVerify: lambda m: {
        "signed with": str(m.algorithm),
        "signature bytes": len(m.signature),
    },
    certificates.CertificateStatus: lambda m: {"status": str(m.status_type)},
    key_exchange.ServerKeyExchange: _server_key_exchange,
    key_exchange.ClientKeyExchange: _client_key_exchange,
    closing.NewSessionTicket: lambda m: {"ticket bytes": len(m.ticket), "lifetime s": m.ticket_lifetime_hint},
    closing.ChangeCipherSpec: lambda m: {"protected from here on": True},
    closing.Finished: lambda m: {"verify data": m.verify_data.hex()},
    RawMessage: lambda m: {"undecoded bytes": len(m.body)},
}


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _text(value: object | None) -> str:
    return "" if value is None else str(value)


def _extensions(found: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(str(extension.extension_type) for extension in found or ())


def _printable(data: bytes) -> str:
    return data.decode("ascii", "backslashreplace")


def _name(name: x509.Name) -> str:
    return name.rfc4514_string() or "(empty)"


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = found.get_values_for_type(x509.DNSName)
    return (*dns, *map(str, found.get_values_for_type(x509.IPAddress)))


def _key(certificate: x509.Certificate) -> str:
    public_key = certificate.public_key()
    return f"{key_kind(public_key).name} {getattr(public_key, 'key_size', '')}".strip()


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
