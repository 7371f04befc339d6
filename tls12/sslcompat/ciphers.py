"""The words of OpenSSL's cipher strings, as `set_ciphers` takes them.

OpenSSL itself reads a string into the context that CPython keeps, with all of its grammar (`+`, `-`, `!`, `@STRENGTH`,
`@SECLEVEL`). It passes over words that it does not know, so that a typing error would leave suites in or out silently;
`check_words` refuses them.
"""

from __future__ import annotations

import re
import ssl

from tls12.registry import CipherSuite

_WORDS = frozenset(
    """
    DEFAULT COMPLEMENTOFDEFAULT ALL COMPLEMENTOFALL HIGH MEDIUM LOW EXP EXPORT EXPORT40 EXPORT56 eNULL NULL aNULL
    kRSA aRSA RSA kDHr kDHd kDH kDHE kEDH DH DHE EDH ADH kEECDH kECDHE ECDH ECDHE EECDH AECDH aDSS DSS aDH aECDSA
    ECDSA kECDHr kECDHe kECDH aECDH TLSv1.2 TLSv1.0 TLSv1 SSLv3 SSLv2 AES128 AES256 AES AESGCM AESCCM AESCCM8 ARIA128
    ARIA256 ARIA ARIAGCM CAMELLIA128 CAMELLIA256 CAMELLIA CHACHA20 3DES DES RC4 RC2 IDEA SEED FZA MD5 SHA1 SHA SHA256
    SHA384 aGOST aGOST01 aGOST12 kGOST kGOST18 GOST94 GOST89MAC GOST GOST2012 PSK kPSK kECDHEPSK kDHEPSK kRSAPSK aPSK
    SRP kSRP aSRP SUITEB128 SUITEB128ONLY SUITEB128C2 SUITEB192 CBC AESCBC KRB5 kKRB5 aKRB5 kFZA aFZA eFZA
    FIPS COMPLEMENTOFFIPS
    """.split()  # noqa: SIM905
)
"""The words of `man openssl-ciphers`, those included that a present OpenSSL knows and has no suite for."""

_COMMAND = re.compile(r"@STRENGTH|@SECLEVEL=[0-5]")


def check_words(ciphers: str) -> None:
    """Raises SSLError that names the word, if the string has one that is none of OpenSSL's."""
    for word in filter(None, re.split(r"[:, ;]+", ciphers)):
        if word.startswith("@"):
            known = _COMMAND.fullmatch(word) is not None
        else:
            known = all(_is_known(part) for part in re.sub(r"^[!+-]|@SECLEVEL=[0-5]$", "", word).split("+"))
        if not known:
            raise ssl.SSLError(
                f"No cipher can be selected by {word!r}, which OpenSSL does not know and would pass over; "
                "`tls12 suites` and `man openssl-ciphers` list the names"
            )


def _is_known(word: str) -> bool:
    if word in _WORDS:
        return True
    scratch = ssl._ssl._SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # type: ignore[attr-defined]
    try:
        scratch.set_ciphers(f"{word}:@SECLEVEL=0")
    except ssl.SSLError:
        return any(suite.openssl_name == word or str(suite) == word for suite in CipherSuite)
    return True
