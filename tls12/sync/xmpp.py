"""`XMPPStream`: the elements that an XMPP server sends before TLS.

How it works: the parser of the standard library gets the bytes up to each ">", so that when an element ends, every
byte behind it is still in the `Plain`, where `finish` looks for it. XMPP forbids declarations of document types
(RFC 6120 11.1), and with them the entities that make a small document large.
"""

from __future__ import annotations

from typing import NoReturn
from xml.parsers import expat

from tls12.sync.plain import Plain, refused


class XMPPStream:
    """The server's stream, element by element."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = _refuse_document_type
        if hasattr(self._parser, "SetReparseDeferralEnabled"):  # else newer ones wait for more than the element
            self._parser.SetReparseDeferralEnabled(False)
        self._depth = 0
        self._names: list[str] = []
        self._complete = False

    def element(self, expected: str) -> list[str]:
        """The next child of the stream, which must have this name: the names of its own children."""
        self._complete = False
        while not self._complete:
            piece = self._plain.until(b">")
            try:
                self._parser.Parse(piece, False)
            except expat.ExpatError:
                raise refused("sends broken XML", piece) from None
        if self._names[0] != expected:
            raise refused(f"sends something else than <{expected.rpartition(' ')[2]}/>", self._names[0])
        return self._names[1:]

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._names = [name]
        elif self._depth == 3:
            self._names.append(name)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            raise refused("has ended the stream")
        self._complete = self._depth == 1


def _refuse_document_type(*_: object) -> NoReturn:
    raise refused("sends a document type, which XMPP forbids")
