"""Bytes to plaintext fragments, and back.

How it works: a connection has one `RecordReader` and one `RecordWriter`. Each begins in the clear and gets an opener
or a sealer at the ChangeCipherSpec of its direction. With it a new state begins (`states.py`), which counts the
records and knows the limits of the keys. `shortcuts.py` has faster states for the commonest protection, AEADs.
Nothing here knows what a handshake is.
"""

from __future__ import annotations

from tls12.record_layer.reader import RecordReader
from tls12.record_layer.writer import RecordWriter

__all__ = ["RecordReader", "RecordWriter"]
